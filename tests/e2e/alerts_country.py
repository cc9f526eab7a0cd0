"""A country's reports over months, and what alerts must come of them. Imports no service."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.harness import Collected, System
from tests.harness.ledger import Document, Ledger, new_id
from tests.harness.servers import PROJECT
from tests.simulation.judging import Figure, Gates, Limit, final_severity
from tests.simulation.life import Input, Life
from tests.simulation.model import rounded

RATIOS = (
    "DVC.ONLINE_SUBMIT",
    "DVC.ON_TIME",
    "DVC.DIGITISED",
    "DVC.ONLINE_FULL",
    "DVC.DIGITISED_REC",
    "DVC.REUSE",
    "DVC.ERESULT",
    "DVC.PAY_ONLINE",
    "DVC.SATISFACTION",
    "DOC.EPROC",
    "INF.FIBRE_HOUSEHOLD",
)
PROVINCE_RATIO = "TSK.DONE_ONTIME"
COMMUNE_FLOW = "DVC.RECEIVED"
PROVINCE_FLOWS = (
    "STI.PUBS",
    "STI.INNOV",
    "STI.STARTUPS",
    "STI.PRODUCTS",
    "STI.PROJECTS",
    "STI.CHALLENGES",
    "SEC.INCIDENTS",
)
DATED = "INF.FIBRE_HOUSEHOLD"
INDICATORS = (*RATIOS, PROVINCE_RATIO, COMMUNE_FLOW, *PROVINCE_FLOWS)
MONTHS = tuple(f"{2025 + (7 + n) // 12}-{(7 + n) % 12 + 1:02d}" for n in range(12))
COMMUNES_A_PROVINCE = 3
MIN_COMPLETENESS = Decimal("0.02")

LEVELS = [Limit("info", Decimal(85), Decimal(86)), Limit("warning", Decimal(80), Decimal(82))]
LEVELS.append(Limit("critical", Decimal(70), Decimal(73)))
RULES: dict[str, tuple[str, list[Limit]]] = {
    "DVC.ONLINE_SUBMIT": ("online_share_below_target", [Limit("warning", Decimal(80), Decimal(82))]),
    "DVC.ON_TIME": ("on_time_share_below_target", [Limit("warning", Decimal(95), Decimal(96))]),
    "DVC.DIGITISED": ("digitised_share_below_target", [Limit("warning", Decimal(80), Decimal(82))]),
    **dict.fromkeys(RATIOS[3:10], ("share_by_levels", LEVELS)),
}
GATES = Gates(("collecting", "closed"), MIN_COMPLETENESS)
LEVEL_RULE = f"""
- id: share_by_levels
  kind: threshold
  version: 1
  indicators: [{", ".join(RATIOS[3:10])}]
  levels: [province]
  calendars: [administrative]
  bases: [in_period]
  severity: target
  phases: [collecting, closed]
  min_completeness: {MIN_COMPLETENESS}
  min_denominator: 0
  hold_seconds: 0
  keep_firing_seconds: 0
  update_epsilon: 0.5
  update_interval_seconds: 0
  severities:
    - {{severity: info, enter: 85, exit: 86}}
    - {{severity: warning, enter: 80, exit: 82}}
    - {{severity: critical, enter: 70, exit: 73}}
  text_vi: "{{unit_name_vi}}: {{value}} %."
  text_en: "{{unit_name_en}}: {{value}} %."
"""


class FirstReceipts(dict[str, dict[str, Any]]):
    """Receipts by submission; of one that was sent twice the first in the log stands."""

    def __setitem__(self, submission_id: str, receipt: dict[str, Any]) -> None:
        known = self.get(submission_id)
        if known is None or receipt["offset"] < known["offset"]:
            super().__setitem__(submission_id, receipt)


def write_seeds(folder: Path) -> Path:
    """The project's catalogue with gates that three communes of a province open, and one more rule."""
    folder.chmod(0o755)
    seeds = folder / "seeds"
    shutil.copytree(PROJECT / "seeds", seeds)
    rules = (seeds / "rules.yaml").read_text()
    rules = rules.replace("min_completeness: 0.5", f"min_completeness: {MIN_COMPLETENESS}")
    rules = rules.replace("update_interval_seconds: 3600", "update_interval_seconds: 0")
    (seeds / "rules.yaml").write_text(rules + LEVEL_RULE)
    return seeds


def clock_offset(month: str, day: int = 21) -> str:
    """Seconds that put the services' clock to a day of the month (administrative: it is collecting then)."""
    year, number = (int(part) for part in month.split("-"))
    return str(int((datetime(year, number, day, 3, tzinfo=UTC) - datetime.now(UTC)).total_seconds()))


@dataclass
class Country:
    """The provinces, a few communes of each, and a clerk with a seed."""

    chance: random.Random
    communes: dict[str, str]
    communes_in: dict[str, int]

    @classmethod
    def of(cls, system: System, chance: random.Random) -> Country:
        """From the running catalogue."""
        with system.http("indicators") as client:
            items = client.get("/v1/units", params={"level": "commune", "limit": 10_000}).json()["items"]
        by_province: dict[str, list[str]] = defaultdict(list)
        for item in items:
            if item["valid_to"] is None:
                by_province[item["parent"]].append(item["code"])
        chosen = {
            code: province
            for province, codes in by_province.items()
            for code in chance.sample(sorted(codes), COMMUNES_A_PROVINCE)
        }
        return cls(chance, chosen, {province: len(codes) for province, codes in by_province.items()})

    def reports(self, month: str) -> list[Document]:
        """First reports, a tenth corrected, some withdrawn, a few sent twice; in no particular order."""
        cells = [(code, one) for one in (*RATIOS, COMMUNE_FLOW) for code in self.communes]
        cells += [(code, one) for one in (PROVINCE_RATIO, *PROVINCE_FLOWS) for code in self.communes_in]
        documents = self._documents(month, cells, 0)
        documents += self._documents(month, self.chance.sample(cells, len(cells) // 10), 1)
        documents += self.changes(month, len(cells) // 30, 2)
        self.chance.shuffle(documents)
        return documents + self.chance.sample(documents, 2)

    def changes(self, month: str, count: int, revision: int) -> list[Document]:
        """Corrections and withdrawals of ratios only."""
        cells = [(code, one) for one in RATIOS for code in self.communes]
        corrected = self._documents(month, self.chance.sample(cells, count), revision)
        gone = self._documents(month, self.chance.sample(cells, count // 2), revision, withdrawn=True)
        return corrected + gone

    def _documents(
        self, month: str, cells: list[tuple[str, str]], revision: int, withdrawn: bool = False
    ) -> list[Document]:
        found: list[Document] = []
        for dated in (False, True):
            part = [cell for cell in cells if (cell[1] == DATED) == dated]
            self.chance.shuffle(part)
            for start in range(0, len(part), 150):
                observations = [self._observation(*cell, withdrawn) for cell in part[start : start + 150]]
                found.append(self._document(month, observations, revision, dated))
        return found

    def _document(
        self, month: str, observations: list[dict[str, Any]], revision: int, dated: bool
    ) -> Document:
        return {
            "submission_id": new_id(self.chance),
            "calendar": "administrative",
            "period": month,
            "basis": "as_of" if dated else "in_period",
            "as_of": f"{month}-10" if dated else None,
            "revision": revision,
            "reason": "recount" if revision else None,
            "observations": observations,
        }

    def _observation(self, unit: str, indicator: str, withdrawn: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"unit": unit, "indicator": indicator}
        if withdrawn:
            return {**found, "op": "withdraw", "reason": "wrong unit"}
        if indicator not in RATIOS and indicator != PROVINCE_RATIO:
            return {**found, "value": self.chance.randint(0, 500)}
        denominator = self.chance.randint(100, 2_000)
        share = self.chance.choice([0.78, 0.81, 0.84, 0.9, 0.95]) + self.chance.uniform(-0.1, 0.05)
        return {**found, "numerator": int(denominator * min(share, 1)), "denominator": denominator}


@dataclass(frozen=True)
class Expected:
    """One province's number of a month, added up again from what was sent."""

    value: Decimal | None
    n_contributing: int


def expected_rows(country: Country, ledger: Ledger) -> dict[tuple[str, str, str, str], Expected]:
    """Per (province, indicator, month, basis)."""
    sums: dict[tuple[str, str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for (unit, indicator, _, month, basis), item in ledger.winners().items():
        row = sums[(country.communes.get(unit, unit), indicator, month, basis)]
        if item.get("op") == "withdraw":
            continue
        number = Decimal(item.get("numerator", item.get("value", 0)))
        row[:] = [row[0] + number, row[1] + Decimal(item.get("denominator", 0)), row[2] + 1]
    found = {}
    for key, (numerator, denominator, count) in sums.items():
        is_ratio = key[1] in RATIOS or key[1] == PROVINCE_RATIO
        value = numerator if count and not is_ratio else None
        if is_ratio and denominator:
            value = rounded(100 * numerator / denominator, 4)
        found[key] = Expected(value, int(count))
    return found


def expected_alerts(
    country: Country, ledger: Ledger, closed: Iterable[str]
) -> dict[tuple[str, str, str, str], str | None]:
    """Per (rule, province, indicator, month) the severity that stands after the close, None for none."""
    found = {}
    for (unit, indicator, month, _), row in expected_rows(country, ledger).items():
        if indicator in RULES and month in closed:
            rule, limits = RULES[indicator]
            found[(rule, unit, indicator, month)] = final_severity(Figure(row.value, "closed"), limits, GATES)
    return found


def expected_events(records: Iterable[Collected]) -> dict[tuple[str, str, str, str], list[tuple[str, str]]]:
    """What subscribers must have been told, from the log of rollups alone."""
    lives: dict[tuple[str, str, str, str], Life] = {}
    versions: dict[str, int] = defaultdict(int)
    for record in records:
        body = record.json
        newer, versions[record.key_text] = body["version"] > versions[record.key_text], body["version"]
        watched = body["indicator"] in RULES and body["calendar"] == "administrative"
        if not (newer and watched and body["level"] == "province" and body["basis"] == "in_period"):
            continue
        rule, limits = RULES[body["indicator"]]
        if body["target"] is None and rule != "share_by_levels":
            continue
        key = (rule, body["unit"], body["indicator"], body["period"])
        lives.setdefault(key, Life(limits, GATES, Decimal("0.5"))).see(input_of(body))
    return {key: life.events for key, life in lives.items() if life.events}


def input_of(body: Mapping[str, Any]) -> Input:
    """A rollup event's body."""
    value, denominator, completeness = (
        None if body[name] is None else Decimal(str(body[name]))
        for name in ("value", "denominator", "completeness")
    )
    figure = Figure(
        value,
        body["phase"],
        denominator=denominator,
        n_contributing=body["n_contributing"],
        n_expected=body["n_expected"],
    )
    return Input(figure, body["causes"], body["vintage"], completeness)
