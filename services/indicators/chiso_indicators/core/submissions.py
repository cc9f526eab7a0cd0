"""Submissions of a batch: which are new, and the revisions in them. Pure; the store writes what core says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from chiso_indicators.core.figure import Figure
from chiso_indicators.core.fold import Contender, Order, Outcome, Revision, fold, order_of
from chiso_indicators.core.keys import Key
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.submitted import Observed, Submitted

# As the named tuples' own way, without their detour: it is walked for every observation there is.
_new: Final = tuple.__new__


class SubmissionId(NamedTuple):
    """What a submission is known by, for ever."""

    agency: str
    submission_id: UUID


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission as it stands in the log."""

    partition: int
    offset: int
    key: str | None
    headers: Mapping[str, str]
    document: str
    event: Submitted

    @property
    def id(self) -> SubmissionId:
        """(agency, submission_id)."""
        return SubmissionId(self.event.agency, self.event.submission_id)


@dataclass(slots=True)
class Sorted:
    """A batch by what is known of its ids: new, repeated, or another payload under a known id."""

    new: dict[SubmissionId, Accepted] = field(default_factory=dict)
    duplicates: dict[SubmissionId, int] = field(default_factory=dict)
    conflicts: list[Accepted] = field(default_factory=list)


def sort_out(batch: Iterable[Accepted], known: Mapping[SubmissionId, str]) -> Sorted:
    """Separates new submissions from those known by id; the first payload in the log stands."""
    found = Sorted()
    for accepted in batch:
        identity = accepted.id
        first = found.new.get(identity)
        stands = first.event.payload_sha256 if first is not None else known.get(identity)
        if stands is None:
            found.new[identity] = accepted
        elif stands == accepted.event.payload_sha256:
            found.duplicates[identity] = found.duplicates.get(identity, 0) + 1
        else:
            found.conflicts.append(accepted)
    return found


@dataclass(slots=True)
class Batch:
    """New submissions taken apart. `unplaced` are observations that no cell can take, with the reason;

    `aside` are revisions that are kept and do not count, with their outcome.
    """

    revisions: list[Revision] = field(default_factory=list)
    unplaced: list[tuple[Revision, str]] = field(default_factory=list)
    aside: list[tuple[Revision, Outcome]] = field(default_factory=list)

    def contenders(self) -> dict[Key, Contender]:
        """The best revision of each cell."""
        return fold(self.revisions)

    def set_aside(self, judge: Callable[[Revision], Outcome | None]) -> None:
        """Takes out the revisions that do not count: those to which `judge` gives an outcome."""
        counting: list[Revision] = []
        for revision in self.revisions:
            outcome = judge(revision)
            if outcome is None:
                counting.append(revision)
            else:
                self.aside.append((revision, outcome))
        self.revisions = counting


def take_apart(submissions: Iterable[Accepted], planner: Planner) -> Batch:
    """The revisions in submissions, in their order."""
    batch = Batch()
    for accepted in submissions:
        event = accepted.event
        order = order_of(
            event.basis, event.as_of, event.revision, event.accepted_at, event.submission_id, event.agency
        )
        for ordinal, observed in enumerate(event.observations):
            revision = _revision(event, order, ordinal, observed)
            reason = _misfit(revision.key, planner)
            if reason is None:
                batch.revisions.append(revision)
            else:
                batch.unplaced.append((revision, reason))
    return batch


def _revision(event: Submitted, order: Order, ordinal: int, observed: Observed) -> Revision:
    return Revision(
        _new(Key, (observed.unit, observed.indicator, event.calendar, event.period, event.basis)),
        ordinal,
        order,
        _new(
            Figure,
            (
                observed.op,
                observed.status,
                observed.numerator,
                observed.denominator,
                observed.value,
                observed.value_high,
                observed.qualifier,
                event.as_of,
            ),
        ),
        event.stage,
        observed.reason or event.reason,
    )


def _misfit(key: Key, planner: Planner) -> str | None:
    if key.indicator not in planner.catalogue.indicators:
        return "unknown_indicator"
    if planner.place(key.unit, key.calendar, key.period) is not None:
        return None
    return "unknown_unit" if planner.period(key.calendar, key.period) is not None else "unknown_period"
