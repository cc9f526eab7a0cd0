"""One submission, from raw fields to a verdict: the canonical document, or what is wrong (contract §2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.periods import HO_CHI_MINH

from chiso_ingest.core import texts
from chiso_ingest.core.canonical import payload_hash
from chiso_ingest.core.figures import faithful
from chiso_ingest.core.findings import Finding, Findings, wrong_type
from chiso_ingest.core.head import Head, check_head
from chiso_ingest.core.limits import DEFAULT_LIMITS, Limits
from chiso_ingest.core.observations import Desk, check_observation
from chiso_ingest.core.scope import Scope

Mode = Literal["atomic", "each"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the door decides about one submission. `status` 200 means acceptable, else it is the answer's.

    `document` is a `SubmissionDocument` as plain values (dates as text); in mode `each` it holds the good
    observations only, while `payload_sha256` covers all. `sent` counts the observations that came.
    """

    status: int
    document: Document | None = None
    payload_sha256: str | None = None
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0
    sent: int = 0
    line: int | None = None

    @property
    def accepted(self) -> int:
        """How many observations the document carries."""
        return len(self.document["observations"]) if self.document else 0

    def at_line(self, line: int) -> Verdict:
        """The same verdict about a line of an NDJSON body, from 1."""
        return replace(self, line=line)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a submission is held against. `now` is an aware instant; the core has no clock."""

    catalogue: Catalogue
    scope: Scope
    now: datetime
    limits: Limits = DEFAULT_LIMITS
    mode: Mode = "atomic"

    @property
    def today(self) -> date:
        """The date in Asia/Ho_Chi_Minh."""
        return self.now.astimezone(HO_CHI_MINH).date()


def check(raw: Any, rules: Rules, lines: Sequence[int] = ()) -> Verdict:
    """Checks one submission in raw form: what a JSON parser gives, numbers as `int` or `Decimal`.

    `lines` maps observations to lines of the CSV they came from. Never raises for what `raw` holds.
    """
    findings = Findings(rules.limits.problems, lines)
    if not isinstance(raw, dict):
        findings.add(texts.WRONG_TYPE, "", raw, words=wrong_type(dict, raw))
        return _refused(findings, 0)
    head = check_head(raw, rules.catalogue.calendars, rules.scope, rules.today, findings)
    sent = _observations(raw.get("observations"), rules.limits.observations, findings)
    checked = _check_all(sent, head, rules, findings)
    good = [observation for observation in checked if observation is not None]
    if findings.document_refused or not good or (rules.mode == "atomic" and findings.total):
        return _refused(findings, len(sent))
    hashed = {**head.fields, "observations": good if len(good) == len(sent) else _as_sent(sent, checked)}
    return Verdict(
        status=200,
        document={**head.fields, "observations": good},
        payload_sha256=payload_hash(hashed),
        findings=tuple(findings.items),
        findings_total=findings.total,
        sent=len(sent),
    )


def _refused(findings: Findings, sent: int) -> Verdict:
    status = 403 if findings.forbidden else 422
    return Verdict(status, findings=tuple(findings.items), findings_total=findings.total, sent=sent)


def _observations(raw: Any, limit: int, findings: Findings) -> list[Any]:
    if raw is None or raw == []:
        findings.add(texts.NO_OBSERVATIONS, "/observations")
    elif not isinstance(raw, list):
        findings.add(texts.WRONG_TYPE, "/observations", raw, words=wrong_type(list, raw))
    elif len(raw) > limit:
        findings.add(
            texts.TOO_MANY,
            "/observations",
            len(raw),
            hint=f"{len(raw)} sent; at most {limit}",
            words={"limit": limit},
        )
    else:
        return raw
    return []


def _check_all(sent: list[Any], head: Head, rules: Rules, findings: Findings) -> list[dict[str, Any] | None]:
    on = head.period.end if head.period else rules.today
    desk = Desk(rules.catalogue, rules.scope, head.basis, on, findings)
    return [check_observation(raw, at, desk) for at, raw in enumerate(sent)]


def _as_sent(sent: list[Any], checked: list[dict[str, Any] | None]) -> list[Any]:
    """What the hash covers in mode `each`: refused observations stand in it as they came."""
    return [canonical or faithful(raw) for raw, canonical in zip(sent, checked, strict=True)]
