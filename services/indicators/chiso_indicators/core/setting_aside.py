"""Which revisions do not count: shadows of an authoritative source, and late ones by policy. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from chiso_indicators.core.changes import Judged
from chiso_indicators.core.fold import Outcome, Revision
from chiso_indicators.core.keys import Key
from chiso_indicators.core.late import (
    SHADOW,
    Decision,
    Reopening,
    admitted,
    is_subject_to_policy,
    late_outcome,
)
from chiso_indicators.core.plan import Planner


class RevisionId(NamedTuple):
    """One revision of one cell."""

    agency: str
    submission_id: UUID
    key: Key

    @property
    def subject(self) -> str:
        """What a decision about it is filed under."""
        return f"{self.agency}/{self.submission_id}/{self.key.text}"


def id_of(revision: Revision) -> RevisionId:
    """The identity of a revision."""
    return RevisionId(revision.order.agency, revision.order.submission_id, revision.key)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What people decided, as far as a batch needs it."""

    reopenings: Collection[Reopening] = ()
    decisions: Mapping[RevisionId, Decision] = field(default_factory=dict)


def settled(judged: Sequence[Judged], ruling: Ruling) -> list[Judged]:
    """Outcomes after decisions: what was approved is `applied`, as when it was decided after it was held."""
    if not ruling.decisions:
        return list(judged)
    return [
        replace(item, outcome=Outcome("applied", f"approved, {item.outcome.outcome}", item.outcome.effective))
        if item.outcome.outcome in ("superseded", "unchanged")
        and ruling.decisions.get(id_of(item.revision)) == "approved"
        else item
        for item in judged
    ]


class Gate:
    """Tells what counts. Knows one catalogue and when the installation first started."""

    def __init__(self, planner: Planner, first_started_at: datetime) -> None:
        self._planner = planner
        self._first_started_at = first_started_at
        self._has_authorities = bool(planner.catalogue.authorities)
        indicators = planner.catalogue.indicators.values()
        self._restating = frozenset(one.code for one in indicators if one.late_policy == "restate")

    def lets_all_pass(self, revisions: Sequence[Revision]) -> bool:
        """Whether there is no need to ask about each: no authoritative sources, no policy but `restate`."""
        return not self._has_authorities and all(one.key.indicator in self._restating for one in revisions)

    def in_question(self, revisions: Sequence[Revision]) -> list[Revision]:
        """The revisions about which decisions have to be looked up: late ones of indicators with a policy."""
        return [revision for revision in revisions if self._is_subject(revision)]

    def aside(self, revision: Revision, ruling: Ruling) -> Outcome | None:
        """The outcome of a revision that does not count, None for one that does."""
        key, order = revision.key, revision.order
        authority = self._planner.authority(key) if self._has_authorities else None
        if authority and order.agency not in authority:
            return Outcome(SHADOW, "not_the_authoritative_source", False)
        if not self._is_subject(revision):
            return None
        let_in = admitted(
            ruling.reopenings, key.calendar, key.period, self._planner.lineage(key), order.accepted_at
        )
        decision = ruling.decisions.get(id_of(revision))
        found = late_outcome(self._policy(revision), let_in, decision)
        return None if found is None else Outcome(found, "refused" if decision else "after_close", False)

    def _policy(self, revision: Revision) -> str:
        return self._planner.catalogue.indicators[revision.key.indicator].late_policy

    def _is_subject(self, revision: Revision) -> bool:
        if revision.key.indicator in self._restating:
            return False
        policy = self._policy(revision)
        instants = self._planner.instants(revision.key.calendar, revision.key.period)
        return instants is not None and is_subject_to_policy(
            policy, revision.order.accepted_at, instants.close_at, self._first_started_at
        )
