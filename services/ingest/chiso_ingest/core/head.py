"""The fields of a submission that are not observations: checked, defaults filled in, canonical."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final, get_args

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.calendars import Calendars
from chiso_shared.catalogue.periods import Period
from chiso_shared.contracts.fields import Basis, CalendarName, Stage

from chiso_ingest.core import texts
from chiso_ingest.core.findings import Findings, token, wrong_type
from chiso_ingest.core.hints import near_name
from chiso_ingest.core.limits import (
    DOCUMENT_LENGTH,
    LARGEST_REVISION,
    REASON_LENGTH,
    URL_LENGTH,
)
from chiso_ingest.core.scope import Scope
from chiso_ingest.core.text import read_date, read_text, read_word

FIELDS: Final = (
    "submission_id",
    "agency",
    "calendar",
    "period",
    "basis",
    "as_of",
    "stage",
    "revision",
    "reason",
    "source",
    "observations",
)
SOURCE_FIELDS: Final = ("document", "url", "published")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_PERIOD_FORMS: Final = "2025-10, 2025-Q4, 2025-H2, 2025-9M or 2025"


@dataclass(frozen=True, slots=True)
class Head:
    """The checked head. `fields` has every field of the canonical document but `observations`, in order.

    `period` and `basis` are None when they were refused: observations are then checked as far as possible.
    """

    fields: dict[str, Any]
    period: Period | None
    basis: str | None


def check_head(
    raw: dict[str, Any], calendars: Calendars, scope: Scope, today: date, findings: Findings
) -> Head:
    """Checks everything above the observations; `today` is the date in Asia/Ho_Chi_Minh."""
    _refuse_unknown(raw, FIELDS, "", findings)
    calendar = _required_word(raw, "calendar", get_args(CalendarName), findings)
    basis = _required_word(raw, "basis", get_args(Basis), findings)
    period = _period(raw.get("period"), calendar, calendars, today, findings)
    revision = _revision(raw.get("revision"), findings)
    fields = {
        "submission_id": _submission_id(raw.get("submission_id"), findings),
        "agency": _agency(raw.get("agency"), scope, findings),
        "calendar": calendar,
        "period": period.code if period else None,
        "basis": basis,
        "as_of": _as_of(raw.get("as_of"), basis, period, findings),
        "stage": read_word(raw.get("stage"), "/stage", findings, get_args(Stage), "actual"),
        "revision": revision,
        "reason": read_text(raw.get("reason"), "/reason", findings, REASON_LENGTH),
        "source": _source(raw.get("source"), findings),
    }
    if revision and _is_blank(raw.get("reason")):
        findings.add(texts.REASON_REQUIRED, "/reason", raw.get("reason"))
    return Head(fields, period, basis)


def _refuse_unknown(raw: dict[str, Any], known: tuple[str, ...], above: str, findings: Findings) -> None:
    for name in raw:
        if name not in known:
            meant = partial(near_name, name, known)
            findings.add(texts.UNKNOWN_FIELD, above + token(name), raw[name], hint=meant)


def _is_blank(raw: Any) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip())


def _required_word(raw: dict[str, Any], name: str, words: tuple[str, ...], findings: Findings) -> str | None:
    if raw.get(name) is None:
        findings.add(texts.MISSING, f"/{name}", hint="one of " + ", ".join(words))
        return None
    return read_word(raw[name], f"/{name}", findings, words, None)


def _submission_id(raw: Any, findings: Findings) -> str | None:
    if raw is None:
        findings.add(texts.MISSING, "/submission_id", hint="a UUID of your own choice, the same on a retry")
        return None
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, "/submission_id", raw, words=wrong_type(str, raw))
        return None
    text = raw.strip()
    if not _UUID.fullmatch(text):
        findings.add(texts.NOT_A_UUID, "/submission_id", raw, hint="0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77")
        return None
    return text.lower()


def _agency(raw: Any, scope: Scope, findings: Findings) -> str | None:
    if raw is None:
        if scope.agency is None:
            findings.add(texts.MISSING, "/agency")
        return scope.agency
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, "/agency", raw, words=wrong_type(str, raw))
        return None
    agency = canonical_agency(raw.strip())
    if agency is None:
        findings.add(texts.NOT_AN_AGENCY, "/agency", raw, hint="for example H48 or H48.12")
    elif scope.agency is not None and agency != scope.agency:
        findings.add(texts.OTHER_AGENCY, "/agency", raw, hint=f"leave it out, or say {scope.agency}")
    return agency


def _period(
    raw: Any, calendar: str | None, calendars: Calendars, today: date, findings: Findings
) -> Period | None:
    if raw is None:
        findings.add(texts.MISSING, "/period", hint=_PERIOD_FORMS)
        return None
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, "/period", raw, words=wrong_type(str, raw))
        return None
    # Without a known calendar the code is still checked: both calendars use the same codes.
    period = calendars.parse(calendar or "statistical", raw.strip())
    if period is None:
        findings.add(texts.UNKNOWN_PERIOD, "/period", raw, hint=_PERIOD_FORMS)
        return None
    if calendar is None:
        return None
    if period.start > today:
        findings.add(texts.PERIOD_IN_FUTURE, "/period", raw, words={"start": period.start})
    return period


def _as_of(raw: Any, basis: str | None, period: Period | None, findings: Findings) -> str | None:
    day = read_date(raw, "/as_of", findings)
    if raw is None and basis in ("as_of", "unstated"):
        findings.add(texts.MISSING, "/as_of", hint=f"the basis {basis} needs the date of the figures")
    if day is None:
        return None
    if period is not None and not period.contains(day):
        findings.add(
            texts.AS_OF_OUTSIDE_PERIOD, "/as_of", raw, words={"start": period.start, "end": period.end}
        )
    return day.isoformat()


def _revision(raw: Any, findings: Findings) -> int | None:
    if raw is None:
        return 0
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
        findings.add(texts.WRONG_TYPE, "/revision", raw, words=wrong_type(int, raw))
        return None
    whole = isinstance(raw, int) or (raw.is_finite() and abs(raw) < 10**15 and raw == raw.to_integral_value())
    if not whole or not 0 <= raw <= LARGEST_REVISION:
        findings.add(texts.REVISION_OUT_OF_RANGE, "/revision", raw, words={"limit": LARGEST_REVISION})
        return None
    return int(raw)


def _source(raw: Any, findings: Findings) -> dict[str, Any]:
    if raw is None:
        return dict.fromkeys(SOURCE_FIELDS)
    if not isinstance(raw, dict):
        findings.add(texts.WRONG_TYPE, "/source", raw, words=wrong_type(dict, raw))
        return dict.fromkeys(SOURCE_FIELDS)
    _refuse_unknown(raw, SOURCE_FIELDS, "/source", findings)
    published = read_date(raw.get("published"), "/source/published", findings)
    url = read_text(raw.get("url"), "/source/url", findings, URL_LENGTH)
    if url is not None and not _ADDRESS.fullmatch(url):
        findings.add(texts.NOT_AN_ADDRESS, "/source/url", raw["url"])
    return {
        "document": read_text(raw.get("document"), "/source/document", findings, DOCUMENT_LENGTH),
        "url": url,
        "published": published.isoformat() if published else None,
    }
