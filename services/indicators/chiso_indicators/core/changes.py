"""What a batch does to cells: outcomes and changes, and how changes are written down for Roll. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from chiso_indicators.core.causes import cause_of, is_late, union
from chiso_indicators.core.figure import Figure, difference
from chiso_indicators.core.fold import Outcome, Revision, Standing, outcomes
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Instants, Place, Planner
from chiso_indicators.core.submissions import Batch

QUARANTINED: Final = "quarantined"
# Of a revision that takes part, before anybody has looked at what else there is.
COUNTS: Final = "counts"
_OPEN: Final = Outcome(COUNTS, None, False)


class Change(msgspec.Struct, array_like=True, frozen=True):
    """A cell that says something else now. What Apply tells Roll, and what a rollup event shows of it."""

    unit: str
    level: str
    parent: str | None
    indicator: str
    calendar: str
    period: str
    basis: str
    causes: list[str]
    submission_id: str
    agency: str
    revision: int
    accepted_at: datetime
    delta_numerator: Decimal | None
    delta_denominator: Decimal | None
    value: Decimal | None
    reason: str | None

    @property
    def key(self) -> Key:
        """The cell."""
        return Key(self.unit, self.indicator, self.calendar, self.period, self.basis)

    @property
    def place(self) -> Place:
        """Where the unit stands."""
        return Place(self.level, self.parent)


_CHANGES = msgspec.json.Decoder(list[Change])
_ENCODER = msgspec.json.Encoder()


def write_changes(changes: Sequence[Change]) -> str:
    """The changes as text for a dirty row."""
    return _ENCODER.encode(changes).decode()


def read_changes(text: str) -> list[Change]:
    """The changes of a dirty row."""
    return _CHANGES.decode(text)


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A revision with its outcome; `late` is None where the past is being loaded or the cell is unknown."""

    revision: Revision
    outcome: Outcome
    year: int
    late: bool | None


class Judge:
    """Says what becomes of a batch, given what stood before; `first_started_at` is the installation's."""

    def __init__(self, planner: Planner, first_started_at: datetime) -> None:
        self._planner = planner
        self._first_started_at = first_started_at.astimezone(UTC)
        self._instants_in_utc: dict[tuple[str, str], Instants | None] = {}

    def judge(
        self, batch: Batch, standings: Mapping[Key, Standing | None]
    ) -> tuple[list[Judged], list[Change]]:
        """Every revision with its outcome, and the cells that changed, by key."""
        by_cell: dict[Key, list[Revision]] = {}
        for revision in batch.revisions:
            by_cell.setdefault(revision.key, []).append(revision)
        judged: list[Judged] = []
        changes: list[Change] = []
        for key in sorted(by_cell):
            revisions, standing = by_cell[key], standings[key]
            found = outcomes(standing, revisions)
            judged.extend(map(self._judged, revisions, found))
            change = self._change(standing, revisions, found)
            if change is not None:
                changes.append(change)
        return judged + self._not_counting(batch), changes

    def counted(self, batch: Batch) -> list[Judged]:
        """Every revision, with an outcome only where it does not count; what became of the others is open."""
        return [self._judged(revision, _OPEN) for revision in batch.revisions] + self._not_counting(batch)

    def _not_counting(self, batch: Batch) -> list[Judged]:
        aside = [self._judged(revision, outcome) for revision, outcome in batch.aside]
        return aside + [
            Judged(revision, Outcome(QUARANTINED, reason, False), self._year(revision), None)
            for revision, reason in batch.unplaced
        ]

    def cause(self, revision: Revision, is_first: bool) -> str:
        """Why an effective revision changed its cell."""
        period = self._instants(revision.key)
        assert period is not None  # noqa: S101 - a placed cell has a period
        return cause_of(
            revision.figure.op,
            is_first,
            revision.order.accepted_at,
            period.close_at,
            self._first_started_at,
        )

    def is_after_close(self, revision: Revision) -> bool:
        """Whether a revision was accepted after the close of its period."""
        period = self._instants(revision.key)
        return period is not None and revision.order.accepted_at > period.close_at

    def _judged(self, revision: Revision, outcome: Outcome) -> Judged:
        key = revision.key
        period = self._instants(key)
        place = self._planner.place(key.unit, key.calendar, key.period)
        assert period is not None and place is not None  # noqa: S101 - placed cells only
        due_at = period.due_at[place.level]
        late = is_late(revision.order.accepted_at, due_at, period.close_at, self._first_started_at)
        return Judged(revision, outcome, period.year, late)

    def _year(self, revision: Revision) -> int:
        period = self._instants(revision.key)
        return period.year if period is not None else 0

    def _instants(self, key: Key) -> Instants | None:
        """As the planner has them, in UTC: instants of one zone are compared many times faster."""
        known = (key.calendar, key.period)
        if known not in self._instants_in_utc:
            found = self._planner.instants(*known)
            self._instants_in_utc[known] = found and Instants(
                found.year,
                found.close_at.astimezone(UTC),
                {level: due_at.astimezone(UTC) for level, due_at in found.due_at.items()},
            )
        return self._instants_in_utc[known]

    def _change(
        self, standing: Standing | None, revisions: Sequence[Revision], found: Sequence[Outcome]
    ) -> Change | None:
        effective = [
            revision for revision, outcome in zip(revisions, found, strict=True) if outcome.effective
        ]
        if not effective:
            earlier = min(revision.order.accepted_at for revision in revisions)
            if standing is None or earlier >= standing.first_accepted_at:
                return None
            # Only timeliness can change: the first report was earlier than known.
            return self._described(standing.figure, revisions[0], standing.figure, ["report"])
        first = effective[0] if standing is None else None
        found_causes = [self.cause(revision, revision is first) for revision in effective]
        causes = found_causes if len(found_causes) == 1 else union(found_causes)
        before = standing.figure if standing is not None else None
        return self._described(before, effective[-1], effective[-1].figure, causes)

    def _described(
        self, before: Figure | None, revision: Revision, after: Figure, causes: list[str]
    ) -> Change:
        key = revision.key
        place = self._planner.place(key.unit, key.calendar, key.period)
        assert place is not None  # noqa: S101 - placed cells only
        is_ratio = self._planner.catalogue.indicators[key.indicator].is_ratio
        delta_numerator, delta_denominator = difference(before, after, is_ratio)
        return Change(
            key.unit,
            place.level,
            place.parent,
            *key[1:],
            causes=causes,
            submission_id=str(revision.order.submission_id),
            agency=revision.order.agency,
            revision=revision.order.revision,
            accepted_at=revision.order.accepted_at,
            delta_numerator=delta_numerator,
            delta_denominator=delta_denominator,
            value=after.value,
            reason=revision.reason,
        )
