"""Published figures of the source documents: where each is filed or why not, and the submissions. Pure."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.registers import PublishedFigure, SourceDocument
from chiso_shared.catalogue.words import Basis, CalendarName

AGENCY: Final = "DEMO"
CALENDAR: Final[CalendarName] = "statistical"
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:chiso:published")

# Why a figure stays in the seeds: code, English, Vietnamese.
_REASONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "no_number": ("The text gives no number.", "Văn bản không nêu con số."),
        "no_date": ("The text gives no date.", "Văn bản không nêu ngày."),
        "part_only": (
            "A statement about a part of the unit or of another figure, not about the unit as a whole.",
            "Số liệu chỉ nói về một phần của đơn vị hoặc của một số liệu khác.",
        ),
        "same_cell": (
            "Another figure of the same document stands in the same cell.",
            "Một số liệu khác của cùng văn bản đã ở ô này.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class CellKey:
    """The cell in which a figure is filed."""

    unit: str
    indicator: str
    calendar: CalendarName
    period: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class PublishedEntry:
    """A figure with its document and either its cell and submission or the reason why it is not filed."""

    figure: PublishedFigure
    source: SourceDocument
    cell: CellKey | None
    submission_id: str | None
    reason: str | None
    message_en: str | None
    message_vi: str | None


@dataclass(frozen=True, slots=True)
class PublishedSubmission:
    """A submission made from a document: `body` is the JSON for POST /v1/submissions (docs/contract.md §2);
    its numbers are exact (int or Decimal)."""

    submission_id: str
    source: str
    figures: tuple[str, ...]
    body: Mapping[str, object]


def published_listing(catalogue: Catalogue) -> tuple[PublishedEntry, ...]:
    """All figures in the order of the seeds, each with its cell and submission or with the reason."""
    filed, reasons = _file(catalogue)
    submission_of = {
        figure: submission.submission_id
        for submission in published_submissions(catalogue)
        for figure in submission.figures
    }
    entries: list[PublishedEntry] = []
    for figure in catalogue.published:
        reason = reasons.get(figure.id)
        messages = _REASONS[reason] if reason else (None, None)
        cell, submission_id = filed.get(figure.id), submission_of.get(figure.id)
        source = catalogue.sources[figure.source]
        entries.append(PublishedEntry(figure, source, cell, submission_id, reason, *messages))
    return tuple(entries)


def published_submissions(catalogue: Catalogue) -> tuple[PublishedSubmission, ...]:
    """The submissions that file the figures, the older document first.

    A submission has one period, basis and date (docs/contract.md §2). So a document is one submission when
    its figures share them, and otherwise one for each of its combinations, in the order of their dates.
    """
    filed, _ = _file(catalogue)
    groups: dict[tuple[date, str, date, Basis], list[PublishedFigure]] = {}
    for figure in catalogue.published:
        cell = filed.get(figure.id)
        if cell is not None and figure.as_of is not None:
            dated = _document_date(catalogue, figure.source)
            groups.setdefault((dated, figure.source, figure.as_of, cell.basis), []).append(figure)
    return tuple(
        _submission(catalogue.sources[key[1]], filed[groups[key][0].id], key[2], groups[key])
        for key in sorted(groups)
    )


def _file(catalogue: Catalogue) -> tuple[dict[str, CellKey], dict[str, str]]:
    """The cell of every figure that can be filed, and the reason of every other, by id."""
    filed: dict[str, CellKey] = {}
    reasons: dict[str, str] = {}
    taken: set[tuple[str, CellKey]] = set()
    for figure in catalogue.published:
        reason = _reason(figure)
        cell = _cell(catalogue, figure) if reason is None else None
        if cell is not None and (figure.source, cell) in taken:
            reason = "same_cell"
        if reason is not None or cell is None:
            reasons[figure.id] = reason or "no_date"
            continue
        taken.add((figure.source, cell))
        filed[figure.id] = cell
    return filed, reasons


def _reason(figure: PublishedFigure) -> str | None:
    if figure.value is None:
        return "no_number"
    if figure.as_of is None:
        return "no_date"
    if figure.part_of is not None or figure.level_of_statement == "commune_aggregate":
        return "part_only"
    return None


def _cell(catalogue: Catalogue, figure: PublishedFigure) -> CellKey | None:
    if figure.as_of is None:
        return None
    period = catalogue.calendars.of_date(CALENDAR, "month", figure.as_of)
    return CellKey(
        figure.unit, figure.indicator, CALENDAR, period.code, _basis(figure, period.start, period.end)
    )


def _basis(figure: PublishedFigure, start: date, end: date) -> Basis:
    """The basis the text states. A flow of a window that is not the month is `unstated`."""
    if figure.basis == "in_period":
        return "in_period" if (figure.window_start, figure.window_end) == (start, end) else "unstated"
    if figure.basis == "as_of":
        return "as_of"
    return "ytd" if figure.basis == "ytd" else "unstated"


def _document_date(catalogue: Catalogue, source: str) -> date:
    """When a document says what it says: published, else its meeting, else the newest date of its figures."""
    document = catalogue.sources[source]
    dates = [figure.as_of for figure in catalogue.published if figure.source == source and figure.as_of]
    return document.publication_date or document.meeting_date or max(dates)


def _submission(
    document: SourceDocument, cell: CellKey, as_of: date, figures: list[PublishedFigure]
) -> PublishedSubmission:
    published = document.publication_date
    body: dict[str, object] = {
        "agency": AGENCY,
        "calendar": cell.calendar,
        "period": cell.period,
        "basis": cell.basis,
        "as_of": as_of.isoformat(),
        "stage": "actual",
        "revision": 0,
        "source": {
            "document": document.code,
            "url": document.url or None,
            "published": published.isoformat() if published else None,
        },
        "observations": [_observation(figure) for figure in figures],
    }
    # The content is part of the identity: an edited figure is a new submission, never a conflict.
    submission_id = str(
        uuid.uuid5(_NAMESPACE, json.dumps(body, default=str, sort_keys=True, ensure_ascii=False))
    )
    return PublishedSubmission(
        submission_id=submission_id,
        source=document.code,
        figures=tuple(figure.id for figure in figures),
        body={"submission_id": submission_id, **body},
    )


def _observation(figure: PublishedFigure) -> dict[str, object]:
    """What the text prints: the value with its qualifier. Implied numerators stay in the listing."""
    observation: dict[str, object] = {
        "unit": figure.unit,
        "indicator": figure.indicator,
        "value": _exact(figure.value),
        "qualifier": figure.qualifier,
    }
    if figure.value_high is not None:
        observation["value_high"] = _exact(figure.value_high)
    return observation


def _exact(value: Decimal | None) -> int | Decimal | None:
    return int(value) if value is not None and value == value.to_integral_value() else value
