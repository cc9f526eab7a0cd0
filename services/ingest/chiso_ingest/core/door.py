"""The one way in: bytes, media type and query to verdicts. Service and offline check both call `examine`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, cast, get_args

from chiso_ingest.core import texts
from chiso_ingest.core.check import Mode, Rules, Verdict, check
from chiso_ingest.core.csv_body import DOCUMENT_COLUMNS, parse_csv, pointer_of
from chiso_ingest.core.figures import Locale
from chiso_ingest.core.findings import Findings, printable
from chiso_ingest.core.hints import near_name
from chiso_ingest.core.json_body import Unreadable, decode_text, may_hold_unwritable, parse_json
from chiso_ingest.core.text import find_unwritable

MediaType = Literal["application/json", "application/x-ndjson", "text/csv"]
MEDIA_TYPES: Final[tuple[str, ...]] = get_args(MediaType)

# What only the store knows (docs/semantics.md §3, §5): it may still decide otherwise after a 202.
CHECKS_LEFT_TO_SERVER: Final = (
    "submission_id_reused",
    "superseded_by_newer_revision",
    "late_policy",
    "authoritative_source",
)


@dataclass(frozen=True, slots=True)
class Options:
    """The query of `POST /v1/submissions`; `parameters` are document fields of a CSV."""

    dry_run: bool = False
    mode: Mode = "atomic"
    locale: Locale | None = None
    parameters: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """Verdicts of a body: one for JSON and CSV, one a line for NDJSON (`many`)."""

    verdicts: tuple[Verdict, ...]
    many: bool = False
    options: Options = Options()


def examine(body: bytes, media_type: MediaType, query: Mapping[str, str], rules: Rules) -> Examined:
    """Checks a whole body (contract §2). The query's `mode` replaces that of `rules`.

    Statuses of verdicts: 200 acceptable, 400 unreadable, 403 outside the key's scope, 422 otherwise refused.
    Never raises for anything that body or query hold.
    """
    findings = Findings(rules.limits.problems)
    options = _options(query, media_type, findings)
    if findings.total:
        return Examined((_verdict(422, findings),), options=options)
    rules = replace(rules, mode=options.mode)
    try:
        text = decode_text(body)
        if media_type == "application/x-ndjson":
            return Examined(_examine_lines(text, rules), many=True, options=options)
        if media_type == "text/csv":
            verdict = _examine_csv(text, options, rules)
        else:
            verdict = _examine_json(text, rules)
    except Unreadable as unreadable:
        verdict = _unreadable(unreadable, rules)
    return Examined((verdict,), options=options)


def _options(query: Mapping[str, str], media_type: MediaType, findings: Findings) -> Options:
    names: tuple[str, ...] = ("dry_run", "mode")
    if media_type == "text/csv":
        names = (*names, "locale", *DOCUMENT_COLUMNS)
    for name in query:
        if name not in names:
            hint = near_name(name, names)
            findings.add(texts.UNKNOWN_PARAMETER, "", query[name], hint=hint, words={"name": printable(name)})
    dry_run = _choice(query, "dry_run", ("false", "true"), findings)
    mode = _choice(query, "mode", get_args(Mode), findings)
    locale = _choice(query, "locale", get_args(Locale), findings) if "locale" in query else None
    return Options(
        dry_run=dry_run == "true",
        mode=cast(Mode, mode),
        locale=cast(Locale | None, locale),
        parameters={name: query[name] for name in query if name in DOCUMENT_COLUMNS},
    )


def _choice(query: Mapping[str, str], name: str, words: tuple[str, ...], findings: Findings) -> str:
    found = query.get(name, words[0])
    if found not in words:
        hint = "one of " + ", ".join(words)
        findings.add(texts.PARAMETER_OUT_OF_RANGE, "", found, hint=hint, words={"name": name})
    return found


def _examine_json(text: str, rules: Rules) -> Verdict:
    raw = parse_json(text, rules.limits.nesting)
    if may_hold_unwritable(text):
        findings = Findings(rules.limits.problems)
        find_unwritable(raw, findings)
        if findings.total:
            return _verdict(422, findings)
    return check(raw, rules)


def _examine_csv(text: str, options: Options, rules: Rules) -> Verdict:
    findings = Findings(rules.limits.problems)
    parameters = options.parameters or {}
    for name, value in parameters.items():
        find_unwritable(value, findings, pointer_of(name))
    if findings.total:
        return _verdict(422, findings)
    sheet = parse_csv(text, parameters, options.locale, findings)
    if sheet is None:
        return _verdict(400 if findings.items[0].code == "malformed" else 422, findings)
    return check(sheet.raw, rules, sheet.lines)


def _examine_lines(text: str, rules: Rules) -> tuple[Verdict, ...]:
    verdicts: list[Verdict] = []
    listed = 0
    filled = [(line, content) for line, content in enumerate(text.split("\n"), 1) if content.strip()]
    if not filled:
        raise Unreadable(texts.EMPTY_BODY)
    if len(filled) > rules.limits.lines:
        raise Unreadable(texts.TOO_MANY_LINES, limit=rules.limits.lines)
    for line, content in filled:
        left = replace(rules.limits, problems=max(0, rules.limits.problems - listed))
        try:
            verdict = _examine_json(content, replace(rules, limits=left))
        except Unreadable as unreadable:
            verdict = _unreadable(unreadable, rules)
        listed += len(verdict.findings)
        verdicts.append(verdict.at_line(line))
    return tuple(verdicts)


def _unreadable(unreadable: Unreadable, rules: Rules) -> Verdict:
    findings = Findings(rules.limits.problems)
    findings.add(unreadable.text, "", line=unreadable.line, words=unreadable.words)
    return _verdict(400, findings)


def _verdict(status: int, findings: Findings) -> Verdict:
    return Verdict(status, findings=tuple(findings.items), findings_total=findings.total)
