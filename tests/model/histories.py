"""Random histories out of a seed: what agencies send, in the order of the log. No service code."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from tests.model.judge import Slot
from tests.model.reference import Kind, below, kinds, places, span
from tests.model.spans import codes_of, frequency_of, months_of

Document = dict[str, Any]
FIRST_STARTED_AT = datetime(2030, 5, 28, 3, 0, tzinfo=UTC)
ENDS_AT = datetime(2030, 11, 7, 5, 0, tzinfo=UTC)
SLOT_YEARS = (2030, 2029, 2025, 2031, 2023, 2026, 2028, 2032, 2022, 2033)
AGENCIES = ("DEMO", "H48", "H48.12", "H50")
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class History:
    """What one seed makes: the documents about one slot and year, in the order of the log."""

    seed: int
    slot: Slot
    year: int
    documents: tuple[Document, ...]

    @property
    def codes(self) -> list[str]:
        """All periods of its year."""
        return codes_of(self.year)


@cache
def slots() -> tuple[tuple[Slot, int], ...]:
    """Every (slot, year), shuffled once: consecutive seeds never share one."""
    found = [
        (Slot(kind.code, calendar, basis), year)
        for year in SLOT_YEARS
        for kind in kinds().values()
        for calendar in ("administrative", "statistical")
        for basis in (*kind.bases, "unstated")
        if basis != "unstated" or calendar == "statistical"
    ]
    random.Random(57).shuffle(found)
    # What obligations speak of comes up in every few seeds.
    obliged = [one for one in found if one[0].indicator.startswith("DVC.") and one[0].basis == "in_period"]
    others = [one for one in found if one not in set(obliged)]
    step = max(1, len(others) // len(obliged))
    mixed: list[tuple[Slot, int]] = []
    for number, one in enumerate(others):
        mixed.append(one)
        if number % step == 0 and obliged:
            mixed.append(obliged.pop())
    return (*mixed, *obliged)


def history(seed: int) -> History:
    """The history of a seed; the same for ever."""
    slot, year = slots()[seed % len(slots())]
    return History(seed, slot, year, tuple(_Writer(random.Random(f"history {seed}"), slot, year).write()))


def rearranged(documents: Sequence[Document], chance: random.Random) -> list[Document]:
    """Another order of arrival; under one id the order stays, for the first in the log stands."""
    ids = [(document["agency"], document["submission_id"]) for document in documents]
    queues: dict[tuple[str, str], list[Document]] = {}
    for identity, document in zip(ids, documents, strict=True):
        queues.setdefault(identity, []).append(document)
    chance.shuffle(ids)
    return [queues[identity].pop(0) for identity in ids]


class _Writer:
    def __init__(self, chance: random.Random, slot: Slot, year: int) -> None:
        self.chance, self.slot, self.year = chance, slot, year
        self.kind: Kind = kinds()[slot.indicator]
        self.codes = self._codes()
        self.instants: list[datetime] = []

    def write(self) -> list[Document]:
        log: list[Document] = []
        for _ in range(self.chance.randint(2, 18)):
            turn = self.chance.random()
            if log and turn < 0.10:
                log.append(
                    self.chance.choice(log) | {"accepted_at": self._instant(self.chance.choice(self.codes))}
                )
            elif log and turn < 0.17:
                log.append(self._conflict(self.chance.choice(log)))
            else:
                log.append(self._document())
        return log

    def _codes(self) -> list[str]:
        """A few months that meet in the same longer periods, and sometimes longer ones."""
        months = [f"{self.year}-{month:02d}" for month in range(1, 13)]
        # The year of the merger is about what lies on both sides of it.
        start = self.chance.randrange(3, 7) if self.year == 2025 else self.chance.randrange(len(months))
        chosen = months[start : start + self.chance.randint(1, 4)]
        if self.slot.basis == "unstated":
            return chosen
        longer = [
            code
            for code in codes_of(self.year)
            if frequency_of(code) != "month" and set(months_of(code)) & {months_of(one)[0] for one in chosen}
        ]
        return chosen + self.chance.sample(longer, self.chance.choice([0, 0, 1, 2, 2]) % (len(longer) + 1))

    def _units(self, code: str) -> list[str]:
        """Units that may report: a small world, the same for the whole history, and what stands above it."""
        known = places(span(self.slot.calendar, code).end)
        pick = random.Random(f"{self.slot} {self.year}")
        provinces = sorted(one for one, place in known.items() if place.level == "province")
        chosen = sorted({*pick.sample(provinces, 2), "51" if "51" in known else provinces[0]})
        if self.year == 2025:  # a code that another unit has since, one that ended, and one that stayed
            chosen = sorted({*chosen, "44", "01"} | {"45"} & known.keys())
        communes = [
            one
            for province in chosen
            for one in sorted(below(province, known is places(date.max)))
            if pick.random() < 4 / 100 or known[one].level == "department"
        ]
        levels: dict[str, list[str]] = {"commune": communes, "province": chosen, "nation": ["VN"]}
        order = ["commune", "province", "nation"]
        allowed = order if self.kind.over_units == "none" else order[order.index(self.kind.level) :]
        if self.chance.random() < 0.85:
            allowed = allowed[:1]
        units = levels[self.chance.choice(allowed)]
        return units or chosen

    def _document(self) -> Document:
        code = self.chance.choice(self.codes)
        units = self._units(code)
        chosen = self.chance.sample(units, min(len(units), self.chance.choice([1, 1, 2, 3, 5])))
        here = span(self.slot.calendar, code)
        day = here.start + timedelta(days=self.chance.randint(0, (here.end - here.start).days))
        dated = self.slot.basis in ("as_of", "unstated")
        return self._signed(
            {
                "submission_id": str(UUID(int=self.chance.getrandbits(128), version=4)),
                "agency": self.chance.choice(AGENCIES),
                "calendar": self.slot.calendar,
                "period": code,
                "basis": self.slot.basis,
                "as_of": day.isoformat() if dated else None,
                "stage": "actual",
                "revision": self.chance.choice([0, 0, 0, 0, 1, 1, 2, 3]),
                "reason": None,
                "source": {"document": None, "url": None, "published": None},
                "observations": [self._observation(unit) for unit in sorted(chosen)],
            },
            self._instant(code),
        )

    def _conflict(self, document: Document) -> Document:
        """Another payload under an id that was used."""
        unsigned = {
            name: item for name, item in document.items() if name not in ("accepted_at", "payload_sha256")
        }
        observations = [self._observation(item["unit"]) for item in document["observations"]]
        changed = unsigned | {"revision": document["revision"] + 7, "observations": observations}
        return self._signed(changed, self._instant(document["period"]))

    def _signed(self, document: Document, accepted_at: datetime) -> Document:
        text = json.dumps(document, sort_keys=True, default=str)
        return document | {
            "accepted_at": accepted_at,
            "payload_sha256": hashlib.sha256(text.encode()).hexdigest(),
        }

    def _instant(self, code: str) -> datetime:
        """Around what matters for a period: its end, due instants, close; now and then twice the same."""
        if self.instants and self.chance.random() < 0.15:
            return self.chance.choice(self.instants)
        here = span(self.slot.calendar, code)
        at = self.chance.choice([here.end_at, here.due_at("commune"), here.due_at("province"), here.close_at])
        around = [
            timedelta(0),
            MICROSECOND,
            -MICROSECOND,
            timedelta(seconds=self.chance.randint(-(10**6), 10**6)),
        ]
        instant = (at + self.chance.choice(around)).astimezone(UTC)
        self.instants.append(instant)
        return instant

    def _observation(self, unit: str) -> dict[str, Any]:
        plain = {
            "unit": unit,
            "indicator": self.slot.indicator,
            "op": "report",
            "status": "A",
            "qualifier": "eq",
        }
        return plain | self._figure()

    def _figure(self) -> dict[str, Any]:
        turn = self.chance.random()
        if turn < 0.10:
            return {"op": "withdraw", "reason": "wrong unit"}
        if turn < 0.16:
            return {"status": "NA", "reason": "no service point"}
        if turn < 0.24:
            qualifier = self.chance.choice(["gt", "ge", "lt", "le", "approx", "range"])
            low = self.chance.randint(0, 99)
            return {"value": low, "qualifier": qualifier} | (
                {"value_high": low + 1} if qualifier == "range" else {}
            )
        if not self.kind.ratio:
            return {"value": Decimal(self.chance.randint(0, 10**9)) / self.chance.choice([1, 1, 10, 1000])}
        if turn < 0.34 or self.slot.basis == "unstated":
            return {"value": Decimal(self.chance.randint(0, 10_000)) / 100}
        denominator = self.chance.choice([0, self.chance.randint(1, 50), self.chance.randint(1, 10**6)])
        return {"numerator": self.chance.randint(0, denominator), "denominator": denominator}
