"""Indicators in the simulation: its core decides, dictionaries stand where PostgreSQL stands.

What SQL does in the service (sums, the newest of several) is done here in Python; a transaction is values
put in place at its end, so that a crash before the commit leaves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from chiso_indicators.core import assemble, changes, fold, records, submissions, tick, version
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.plan import Planner
from chiso_indicators.core.rollup_object import event_object
from chiso_indicators.core.row import Row
from chiso_shared.catalogue import Catalogue
from chiso_shared.catalogue.periods import Period

from tests.simulation.log import Log, Message
from tests.simulation.sums import Cell, Parts

SubmissionKey = tuple[str, UUID]


class Crash(Exception):
    """The process is gone; what was not committed never was."""


class OffsetsMoved(Exception):
    """The compare-and-set of the offsets missed."""


@dataclass
class Published:
    """A version of a rollup in the history."""

    row: Row
    body: dict[str, Any]


@dataclass
class Indicators:
    """The store and what works on it."""

    catalogue: Catalogue
    first_started_at: datetime
    offsets: list[int] = field(default_factory=lambda: [0] * 12)
    submissions: dict[SubmissionKey, str] = field(default_factory=dict)
    outcomes: dict[SubmissionKey, list[str]] = field(default_factory=dict)
    repeated: Counter[str] = field(default_factory=Counter)
    quarantined: list[tuple[int, int]] = field(default_factory=list)
    cells: dict[Key, Cell] = field(default_factory=dict)
    dirty: list[list[Any]] = field(default_factory=list)
    rows: dict[Key, Row] = field(default_factory=dict)
    history: list[Published] = field(default_factory=list)
    published: int = 0
    tick: int = 0

    def __post_init__(self) -> None:
        self.planner = Planner(self.catalogue)
        self.assembler = assemble.Assembler(self.planner, self.first_started_at)
        self.judge = changes.Judge(self.planner, self.first_started_at)
        self.marks = Marks(self.first_started_at, self.first_started_at, self.first_started_at)
        self.stamp = self.first_started_at
        codes = [f"2025-{month:02d}" for month in range(7, 13)] + ["2025-Q3", "2025-Q4", "2025-H2", "2025-9M"]
        found = (self.planner.period("administrative", code) for code in [*codes, "2025"])
        self.periods: list[Period] = [period for period in found if period is not None]

    # Apply

    def apply(self, batch: Sequence[Message], crash: str | None) -> None:
        """One batch as one transaction. `crash`: before or after the commit."""
        after = list(self.offsets)
        for message in batch:
            if message.offset != after[message.partition]:
                raise OffsetsMoved
            after[message.partition] = message.offset + 1
        read = [(message, records.read_submission(message.headers, message.value)) for message in batch]
        accepted = [
            submissions.Accepted(one.partition, one.offset, one.key, one.headers, one.value.decode(), content)
            for one, content in read
            if not isinstance(content, records.Bad)
        ]
        found = submissions.sort_out(accepted, self.submissions)  # type: ignore[arg-type]
        taken = submissions.take_apart(found.new.values(), self.planner)
        cells, standings = self._contend(taken.contenders())
        judged, changed = self.judge.judge(taken, standings)
        if crash == "before commit":
            raise Crash
        self.offsets = after
        self.cells.update(cells)
        self.submissions.update({key: one.event.payload_sha256 for key, one in found.new.items()})
        for one in judged:
            identity = (one.revision.order.agency, one.revision.order.submission_id)
            self.outcomes.setdefault(identity, []).append(one.outcome.outcome)
        self.repeated.update(duplicate=sum(found.duplicates.values()), conflict=len(found.conflicts))
        self.quarantined += [
            (one.partition, one.offset) for one, content in read if isinstance(content, records.Bad)
        ]
        if changed:
            self.dirty.append(changed)
        if crash == "after commit":
            raise Crash

    def _contend(self, contenders: Mapping[Key, Any]) -> tuple[dict[Key, Cell], dict[Key, Any]]:
        cells: dict[Key, Cell] = {}
        standings: dict[Key, Any] = {}
        for key, contender in contenders.items():
            stood = self.cells.get(key)
            if stood is None:
                cells[key] = Cell(contender.winner, contender.first_accepted_at)
                standings[key] = None
                continue
            order = stood.revision.order
            standings[key] = fold.Standing(order, stood.revision.figure, stood.first_accepted_at)
            joined = fold.Contender(stood.revision, stood.first_accepted_at).join(contender)
            cells[key] = Cell(joined.winner, joined.first_accepted_at)
        return cells, standings

    # Roll

    def roll(self, now: datetime, crash: str | None, log: Log) -> None:
        """What the clock owes, in order, then what is dirty; each a tick of its own."""
        while (due := self._next_instant(now, log)) is not None:
            self._shift(*due, now, crash)
        self._recompute(now, self.marks, {}, crash)

    def owes(self, now: datetime, log: Log) -> bool:
        """Whether the clock asks for a tick: a close may have waited for what is rolled by now."""
        return self._next_instant(now, log) is not None

    def _next_instant(self, now: datetime, log: Log) -> tuple[datetime, str] | None:
        closes = [(one.close_at, "close") for one in self.periods if one.close_at > self.marks.closed_through]
        ends = [(one.end_at, "end") for one in self.periods if one.end_at > self.marks.ended_through]
        dues = [
            (one.due_at("province"), "due")
            for one in self.periods
            if one.due_at("province") > self.marks.due_through
        ]
        waiting = [one for one in sorted([*closes, *ends, *dues]) if one[0] <= now]
        if not waiting:
            return None
        if waiting[0][1] == "close":
            settled = not log.behind(self.offsets) and not self.dirty
            return waiting[0] if settled and now >= waiting[0][0] + timedelta(seconds=10) else None
        return waiting[0]

    def _shift(self, at: datetime, kind: str, now: datetime, crash: str | None) -> None:
        if kind == "due":
            touched: dict[Key, Any] = {}
            for period in self.periods:
                if period.due_at("province") == at and period.frequency == "month":
                    tick.touch(self.assembler.obliged_keys(period), tick.DUE, touched)
            self._recompute(now, replace(self.marks, due_through=at), touched, crash)
            return
        ends = kind == "end"
        marks = replace(self.marks, ended_through=at) if ends else replace(self.marks, closed_through=at)
        moved: list[tuple[Row, Row]] = []
        for row in self.rows.values():
            period = self.assembler.period(row.key)
            if (period.end_at if ends else period.close_at) == at:
                after = msgspec.structs.replace(row, phase=marks.phase(period), updated_at=now)
                moved.append((row, after))
        causes = {"close"} if kind == "close" else {"report"}
        versions = [found for pair in moved if (found := version.next_version(*pair, causes)) is not None]
        self._commit(versions, {}, marks, now, crash)

    def _recompute(self, now: datetime, marks: Marks, touched: dict[Key, Any], crash: str | None) -> None:
        for changed in self.dirty:
            tick.touched_by(changed, self.planner, touched)
        rows = dict(self.rows)
        written: list[Row] = []
        keys = sorted(key for key in touched if self.assembler.known(key))
        for source in assemble.SOURCES:
            for key in keys:
                if self.assembler.source(key) != source:
                    continue
                own = self.cells.get(key)
                sums = Parts(self.assembler, self.cells, rows, marks).sums(source, key)
                figure = own.revision.figure if own is not None else None
                made = self.assembler.with_derived(
                    self.assembler.draft(key, sums, figure, marks, now),
                    {**rows, key: rows.get(key)},  # type: ignore[dict-item]
                )
                found = version.next_version(rows.get(key), made, touched[key].why(key in rows))
                if found is not None:
                    rows[key] = found
                    written.append(found)
        self._commit(written, touched, marks, now, crash)
        self.dirty.clear()

    def _commit(
        self,
        versions: Sequence[Row],
        touched: Mapping[Key, Any],
        marks: Marks,
        now: datetime,
        crash: str | None,
    ) -> None:
        if crash == "before commit":
            raise Crash
        self.marks = marks
        if not versions:
            return
        self.tick += 1
        for ordinal, row in enumerate(versions, 1):
            placed = msgspec.structs.replace(row, tick=self.tick, ordinal=ordinal)
            self.rows[row.key] = placed
            note = touched.get(row.key)
            cells = [tick.changed_cell(change) for change in note.cells] if note is not None else []
            body = event_object(placed, cells, note.count if note is not None else 0, "live")
            self.history.append(Published(placed, body))
