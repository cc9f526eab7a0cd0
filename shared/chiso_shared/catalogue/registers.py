"""Registers kept beside the indicators: tasks, systems, source documents, their figures, the colour rule."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chiso_shared.catalogue.words import Authority, Colour, Comparator, Qualifier


@dataclass(frozen=True, slots=True)
class Task:
    """A task, or `count` tasks counted together; `due_date` and `count` are None where none is given."""

    id: str
    unit: str
    text_en: str
    text_vi: str
    owner: str
    due_date: date | None
    count: int | None
    status_if_known: str
    source: str


@dataclass(frozen=True, slots=True)
class System:
    """A system or body of the domain, and how chiso covers it."""

    id: str
    name_vi: str
    name_en: str
    seeds: tuple[str, ...]
    role: str
    indicator_codes: tuple[str, ...]
    coverage: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A text from which published figures were taken."""

    code: str
    file: str
    sha256: str
    units: tuple[str, ...]
    title: str
    outlet: str
    url: str
    meeting_date: date | None
    publication_date: date | None
    dating_note: str
    number_locale: str


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A quantitative statement of a source document, as it was read. `basis` None: the text does not say."""

    id: str
    source: str
    unit: str
    level_of_statement: str
    indicator: str
    qualifier: Qualifier
    value: Decimal | None
    value_high: Decimal | None
    unit_of_measure: str
    kind: str
    basis: str | None
    as_of: date | None
    window_start: date | None
    window_end: date | None
    publication_date: date | None
    target_value: Decimal | None
    attainment_claimed: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    population_unit: str
    direction: str
    quote: str
    note: str
    as_of_precision: str
    cohort_size: int | None
    value_text: str
    definition_confidence: str
    part_of: str | None


@dataclass(frozen=True, slots=True)
class StatusRule:
    """The versioned rule of status colours, apart from alerts. Percentages are of the target."""

    version: str
    in_force_from: date | None
    green_from_percent: Decimal
    yellow_from_percent: Decimal
    minimum_completeness: Decimal
    kind: Authority
    source: str

    def colour(
        self, value: Decimal | None, comparator: Comparator, target: Decimal, completeness: Decimal | None
    ) -> Colour:
        """The colour of a value against a target (docs/semantics.md §6); `completeness` None: no obligation.

        For `le` the bands are mirrored: yellow up to as much above the target as `ge` allows below it."""
        if value is None or (completeness is not None and completeness < self.minimum_completeness):
            return "grey"
        green, yellow = self.green_from_percent * target / 100, self.yellow_from_percent * target / 100
        if comparator == "le":
            value, green, yellow = -value, green - 2 * target, yellow - 2 * target
        if value >= green:
            return "green"
        return "yellow" if value >= yellow else "red"
