"""One run from one seed: what happens when, what breaks when, until nothing is left to do."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chiso_shared.contracts.codec import encode_json

from tests.simulation.alerts import Alerts, Sent
from tests.simulation.door import Door
from tests.simulation.indicators import Crash, Indicators, OffsetsMoved
from tests.simulation.log import Log
from tests.simulation.world import FIRST_START, LAST_CLOSE, Clerk, World, make_world, some_time

ACTIONS = 80
LATE_ACTIONS = 20
CRASHES = ("before commit", "after commit", None, None, None, None, None, None)
ROUTE_SALT = 1_000_003


@dataclass
class Simulation:
    """Everything of one run. The same seed gives the same run."""

    seed: int
    now: datetime = FIRST_START
    faults: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.world: World = make_world(self.chance)
        self.submissions, self.rollups = Log(), Log()
        self.clerk = Clerk(self.chance, self.world)
        self.door = Door(self.world.catalogue, self.submissions)
        self.indicators = Indicators(self.world.catalogue, FIRST_START)
        self.alerts = Alerts(self.world.catalogue)
        self.events: list[Sent] = []
        self.states: dict[str, object] = {}
        self.apply_position = list(self.indicators.offsets)
        self.alert_position = list(self.alerts.offsets)

    def run(self, when_open: Callable[[Simulation], None] | None = None) -> None:
        """A busy time, then every close, then late corrections; each ends at rest.

        `when_open` is told of the first rest, before the closes.
        """
        for _ in range(ACTIONS):
            self.now += some_time(self.chance) if self.chance.random() < 0.15 else timedelta(seconds=1)
            self.act()
        self.settle()
        if when_open is not None:
            when_open(self)
        self.now = max(self.now, LAST_CLOSE + timedelta(minutes=1))
        self.settle()
        for _ in range(LATE_ACTIONS):
            self.now += timedelta(seconds=1)
            self.act()
        self.settle()

    def act(self) -> None:
        """One thing, chosen by chance."""
        one = self.chance.choices(
            (
                self.submit,
                self.land,
                self.submit_wrong,
                self.apply,
                self.roll,
                self.relay_rollups,
                self.evaluate,
                self.fire,
                self.relay_alerts,
                self.compact,
                self.see_old_rollups,
            ),
            (12, 12, 1, 7, 7, 7, 7, 2, 2, 0.5, 1),
        )[0]
        try:
            one()
        except Crash:
            self.faults += 1

    def settle(self) -> None:
        """All faults healed: until nothing is left to do. A core that never comes to rest fails here."""
        while self.door.in_flight:
            self.land()
        for _ in range(200):
            self.apply_position = list(self.indicators.offsets)
            self.alert_position = list(self.alerts.offsets)
            self._apply(None, 50)
            self.indicators.roll(self.now, None, self.submissions)
            self._relay_rollups(False)
            self._evaluate(None, 50)
            self.alerts.fire(self.now)
            self._relay_alerts(False)
            if self.at_rest:
                return
        raise AssertionError("it does not come to rest (I9)")

    @property
    def at_rest(self) -> bool:
        """Whether every part has seen all that it must see."""
        return not (
            self.submissions.behind(self.indicators.offsets)
            or self.indicators.dirty
            or self.indicators.owes(self.now, self.submissions)
            or self.indicators.published < len(self.indicators.history)
            or self.rollups.behind(self.alerts.offsets)
            or self.alerts.unpublished
            or any(memory.due_at and memory.due_at <= self.now for memory in self.alerts.memories.values())
        )

    # What may happen

    def submit(self) -> None:
        """A client posts a document and waits for nothing."""
        document = self.clerk.next()
        assert self.door.post(document, self.now, self.chance.random() < 0.1), "the door refused a good one"

    def submit_wrong(self) -> None:
        """A client posts nonsense, or something that is no submission gets into the log."""
        if self.chance.random() < 0.3:
            self.door.garbage(self.chance.randrange(12))
        else:
            assert not self.door.post(self.clerk.wrong(), self.now, False), "the door took a wrong one"

    def land(self) -> None:
        """A record on its way arrives in the log, not always in the order of the stamps."""
        if self.door.in_flight:
            self.door.land(self.chance.randrange(len(self.door.in_flight)))

    def apply(self) -> None:
        """A consumer of indicators takes a batch."""
        self._apply(self.chance.choice(CRASHES), self.chance.choice([1, 2, 5, 50]))

    def roll(self) -> None:
        """A tick of indicators."""
        self.indicators.roll(self.now, self.chance.choice(["before commit", *[None] * 6]), self.submissions)

    def relay_rollups(self) -> None:
        """Publishes the newest version of each key; sometimes it dies before it notes that."""
        self._relay_rollups(self.chance.random() < 0.2)

    def evaluate(self) -> None:
        """A consumer of alerts takes a batch."""
        self._evaluate(self.chance.choice(CRASHES), self.chance.choice([1, 3, 20, 100]))

    def fire(self) -> None:
        """The ticker of alerts looks."""
        self.alerts.fire(self.now)

    def relay_alerts(self) -> None:
        """Publishes events and states; sometimes it dies before it notes that."""
        self._relay_alerts(self.chance.random() < 0.2)

    def compact(self) -> None:
        """The cleaner runs over the compacted log."""
        self.rollups.compact(self.chance)

    def see_old_rollups(self) -> None:
        """Alerts is handed rollups again that it saw before, as after a reload, in any order."""
        offsets = self.alerts.offsets
        seen = [one for one in self.rollups.all() if one.offset < offsets[one.partition]]
        if seen:
            self.alerts.reload(self.chance.sample(seen, k=min(60, len(seen))), self.now)

    # How

    def _apply(self, crash: str | None, most: int) -> None:
        batch = self.submissions.batch(self.apply_position, self.chance, most)
        if not batch:
            return
        try:
            self.indicators.apply(batch, crash)
        except OffsetsMoved:
            self.faults += 1
            self.apply_position = list(self.indicators.offsets)
            return
        # A crash leaves the position where it was: the next batch begins where this one did.
        self.apply_position = list(self.indicators.offsets)

    def _evaluate(self, crash: str | None, most: int) -> None:
        batch = self.rollups.batch(self.alert_position, self.chance, most)
        if not batch:
            # What was cut away by compaction leaves nothing to read up to the end.
            self.alerts.offsets = [
                max(pair) for pair in zip(self.alerts.offsets, self.rollups.ends, strict=True)
            ]
            return
        try:
            self.alerts.apply(batch, self.now, crash)
        except OffsetsMoved:
            self.faults += 1
        self.alert_position = list(self.alerts.offsets)

    def _relay_rollups(self, dies: bool) -> None:
        waiting = self.indicators.history[self.indicators.published :]
        newest = {one.row.key: one for one in waiting}
        for key, one in newest.items():
            self.rollups.append(hash_of(key.text) % 12, key.text, {}, encode_json(one.body))
        if dies:
            raise Crash
        self.indicators.published += len(waiting)

    def _relay_alerts(self, dies: bool) -> None:
        waiting = list(self.alerts.unpublished)
        for facts, _ in waiting:
            for fact in facts:
                event = fact.event
                self.events.append(
                    Sent(str(event.alert_id), fact.id, event.sequence, event.transition, event.state)
                )
        for alert_id in {alert_id for _, ids in waiting for alert_id in ids}:
            self.states[str(alert_id)] = self.alerts.states.get(alert_id)
        if dies:
            raise Crash
        del self.alerts.unpublished[: len(waiting)]


def hash_of(text: str) -> int:
    """The same in every process."""
    found = 0
    for character in text:
        found = (found * 31 + ord(character)) % ROUTE_SALT
    return found


def replay(original: Simulation, seed: int) -> Simulation:
    """The same submissions' log through new services, interleaved in another way (I8)."""
    again = Simulation(seed)
    again.world = original.world
    again.submissions = original.submissions
    again.now = original.now
    again.indicators = Indicators(original.world.catalogue, FIRST_START)
    again.alerts = Alerts(original.world.catalogue)
    for _ in range(ACTIONS // 3):
        try:
            again.chance.choice((again.apply, again.relay_rollups, again.evaluate, again.relay_alerts))()
        except Crash:
            again.faults += 1
    again.settle()
    return again
