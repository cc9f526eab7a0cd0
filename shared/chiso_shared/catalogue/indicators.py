"""Definitions of indicators, versioned. Pure data with the few questions that only the definition answers."""

from dataclasses import dataclass
from decimal import Decimal

from chiso_shared.catalogue.words import (
    BandKind,
    Basis,
    Direction,
    Kind,
    LatePolicy,
    Level,
    SpaceAggregation,
    TimeAggregation,
)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator. value = factor x numerator / denominator for ratio kinds; `decimals` are those shown.

    `value_minimum` and `value_maximum` bound a reported value, None is no bound; `version` changes with the
    meaning (number and content hash)."""

    code: str
    family: str
    name_vi: str
    name_en: str
    kind: Kind
    numerator_label_en: str
    numerator_label_vi: str
    denominator_label_en: str
    denominator_label_vi: str
    population_unit: str
    direction: Direction
    time_aggregation: TimeAggregation
    space_aggregation: SpaceAggregation
    factor: Decimal
    decimals: int
    source_level: Level
    allowed_bases: tuple[Basis, ...]
    unbounded: bool
    late_policy: LatePolicy
    value_minimum: Decimal | None
    value_maximum: Decimal | None
    approx_band: Decimal
    approx_band_kind: BandKind
    version: str
    system: str
    source_note: str

    @property
    def is_ratio(self) -> bool:
        """Whether reports carry numerator and denominator (a value alone is then a percent-only report)."""
        return self.kind in ("ratio_flow", "ratio_stock")

    def allows(self, basis: str) -> bool:
        """Whether a report may have that basis; `unstated` always may (docs/contract.md §2)."""
        return basis == "unstated" or basis in self.allowed_bases

    def in_range(self, value: Decimal) -> bool:
        """Whether a reported value lies within the catalogue's bounds."""
        low = self.value_minimum is None or value >= self.value_minimum
        return low and (self.value_maximum is None or value <= self.value_maximum)

    def approx_half_width(self, value: Decimal) -> Decimal:
        """How far a value with the qualifier `approx` may be off, in its own unit (docs/semantics.md §4)."""
        return self.approx_band if self.approx_band_kind == "points" else abs(value) * self.approx_band / 100
