"""What a simulated run is about: a small country, its rules, and an agency's clerk who makes mistakes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from chiso_shared.catalogue import Catalogue, Rule
from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.catalogue.units import Unit, Units

from tests.unit.catalogue_seeds import seeds

PROVINCES = {"51": 3, "44": 2}
DEPARTMENT = "H48.12"
RATIOS = ("DVC.ONLINE_SUBMIT", "DVC.ON_TIME")
STOCK = "DVC.OVERDUE"
MONTHS = ("2025-09", "2025-10", "2025-11")
FIRST_START = datetime(2025, 10, 16, 8, tzinfo=HO_CHI_MINH)
LAST_CLOSE = datetime(2026, 1, 5, tzinfo=HO_CHI_MINH)
AGENCIES = {"H48": 3, "H50": 7, "DEMO": 0}


@dataclass(frozen=True)
class World:
    """A catalogue of few units, and the rules of this run."""

    catalogue: Catalogue
    communes: tuple[str, ...]
    parents: dict[str, str]
    rules: tuple[Rule, ...]


@cache
def _units() -> tuple[Unit, ...]:
    found = list(seeds().units.of_level("nation", FIRST_START.date()))
    for code, count in PROVINCES.items():
        province = seeds().units.get(code, FIRST_START.date())
        assert province is not None
        found.append(province)
        found.extend(seeds().units.children(code, FIRST_START.date(), "commune")[:count])
    department = seeds().units.get(DEPARTMENT, FIRST_START.date())
    assert department is not None
    return (*found, department)


@cache
def _small() -> Catalogue:
    obligations = tuple(replace(one, indicators=frozenset(RATIOS[:1])) for one in seeds().obligations)
    indicators = {code: seeds().indicators[code] for code in (*RATIOS, STOCK)}
    return replace(seeds(), units=Units.of(_units()), obligations=obligations, indicators=indicators)


def make_world(chance: random.Random) -> World:
    """The rules vary: gates, hold and keep-firing times, the interval of updates."""
    rules = tuple(_vary(_rule(code), chance) for code in RATIOS)
    parents = {unit.code: unit.parent or "" for unit in _units() if unit.level in ("commune", "department")}
    communes = tuple(code for code in parents if code != DEPARTMENT)
    return World(replace(_small(), rules=rules), communes, parents, rules)


def _rule(code: str) -> Rule:
    return next(
        rule
        for rule in seeds().rules
        if rule.kind == "threshold" and code in rule.indicators and "in_period" in rule.bases
    )


def _vary(rule: Rule, chance: random.Random) -> Rule:
    """As the seeds have it, or with times; versions name the variant."""
    changes: dict[str, Any] = {"levels": ("province",), "indicators": rule.indicators[:1]}
    changes["hold_seconds"] = chance.choice([0, 0, 0, 7_200])
    changes["keep_firing_seconds"] = chance.choice([0, 0, 0, 86_400])
    changes["update_interval_seconds"] = chance.choice([0, 3_600])
    changes["min_completeness"] = Decimal(chance.choice(["0", "0.5", "0.5"]))
    changes["parameters"] = chance.choice([{}, {}, {"gated_at_close": "insufficient"}])
    return replace(rule, **changes)


@dataclass
class Clerk:
    """Makes submissions: first reports, corrections, withdrawals, repeats, conflicts, and wrong ones."""

    chance: random.Random
    world: World
    sent: list[dict[str, Any]] = field(default_factory=list)

    def next(self) -> dict[str, Any]:
        """A document as a client would post it."""
        roll = self.chance.random()
        if self.sent and roll < 0.08:
            return self.chance.choice(self.sent)  # the same again: its answer was lost
        if self.sent and roll < 0.12:
            return {**self._document(), **self._identity(self.chance.choice(self.sent))}
        document = self._document()
        self.sent.append(document)
        return document

    def wrong(self) -> dict[str, Any]:
        """A document that the door must refuse."""
        document = self._document()
        first = document["observations"][0]
        match self.chance.randrange(4):
            case 0:
                first["unit"] = "99999"
            case 1:
                first.update(op="report", numerator=5, denominator=4)
                first.pop("value", None)
            case 2:
                document["period"] = "2025-13"
            case 3:
                document["observations"].append(dict(first))
        return document

    def _identity(self, other: dict[str, Any]) -> dict[str, Any]:
        return {name: other[name] for name in ("agency", "submission_id")}

    def _document(self) -> dict[str, Any]:
        revision = self.chance.choice([0, 0, 0, 1, 1, 2])
        as_of = self.chance.random() < 0.1
        period = self.chance.choices(MONTHS, [1, 6, 2])[0]
        month = int(period[-2:])
        return {
            "submission_id": str(UUID(int=self.chance.getrandbits(128), version=4)),
            "agency": self.chance.choice(tuple(AGENCIES)),
            "calendar": "administrative",
            "period": period,
            "basis": "as_of" if as_of else "in_period",
            "as_of": f"2025-{month:02d}-{self.chance.randint(1, 14):02d}" if as_of else None,
            "revision": revision,
            "reason": "recount" if revision else None,
            "observations": self._stocks() if as_of else self._ratios(),
        }

    def _ratios(self) -> list[dict[str, Any]]:
        count = self.chance.choice([1, 1, 2, 3, 5])
        units = self.chance.sample((*self.world.communes, DEPARTMENT), count)
        mood = self.chance.choice([(60, 79), (80, 81), (78, 83), (95, 95), (83, 99), (0, 100)])
        return [self._ratio(unit, mood) for unit in units]

    def _ratio(self, unit: str, mood: tuple[int, int]) -> dict[str, Any]:
        indicator = self.chance.choice([RATIOS[0], RATIOS[0], RATIOS[1]])
        found: dict[str, Any] = {"unit": unit, "indicator": indicator}
        roll = self.chance.random()
        if roll < 0.12:
            return {**found, "op": "withdraw", "reason": "wrong unit"}
        if roll < 0.15:
            return {**found, "status": "NA"}
        if roll < 0.22:
            return {**found, "value": self.chance.randint(*mood)}
        denominator = self.chance.choice([0, 10, 100, 100, 1_000, 333])
        return {
            **found,
            "numerator": denominator * self.chance.randint(*mood) // 100,
            "denominator": denominator,
        }

    def _stocks(self) -> list[dict[str, Any]]:
        units = self.chance.sample(self.world.communes, self.chance.choice([1, 3]))
        return [{"unit": unit, "indicator": STOCK, "value": self.chance.randint(0, 50)} for unit in units]


def some_time(chance: random.Random) -> timedelta:
    """Seconds to days."""
    seconds = chance.choice([1, 30, 600, 3_600, 3_600, 30_000, 100_000, 400_000])
    return timedelta(seconds=seconds * chance.random(), microseconds=chance.randrange(1_000_000))
