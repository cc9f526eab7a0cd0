"""The mistakes: small replacements of text, each of which must fit exactly once. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CORE: Final = "services/indicators/chiso_indicators/core"
SQL: Final = "services/indicators/chiso_indicators/queries"
CATALOGUE: Final = "shared/chiso_shared/catalogue"
# What must catch it: random histories against the model (of many years, or of the merger's), the vectors by
# number, or what histories on the seeds cannot show.
MODEL: Final = ("tests.model", "--once", "--shown", "1", "--seeds", "1..160")
MERGER: Final = ("tests.model", "--once", "--shown", "1", "--year", "2025", "--seeds", "1..800")
UNITS: Final = ("pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_indicators_tenure.py")
MOVES: Final = ("pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_indicators_tenure.py")
VECTORS: Final = ("pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_model_vectors.py")


@dataclass(frozen=True)
class Mutant:
    """One mistake: what it is, where, and the module that must catch it with its arguments."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    check: tuple[str, ...] = MODEL


def _one(name: str, file: str, old: str, new: str, check: tuple[str, ...] = MODEL) -> Mutant:
    return Mutant(name, file, ((old, new),), check)


MUTANTS: Final = (
    Mutant(
        "rates are averaged",
        f"{SQL}/roll.sql",
        (
            ("THEN counted.numerator ELSE", "THEN counted.numerator / nullif(counted.denominator, 0) ELSE"),
            ("THEN counted.denominator END AS", "THEN 1 END AS"),
        ),
    ),
    _one(
        "whoever arrives last wins",
        f"{SQL}/apply.sql",
        "WHERE (EXCLUDED.order_date, EXCLUDED.revision,",
        "WHERE true OR (EXCLUDED.order_date, EXCLUDED.revision,",
    ),
    Mutant(
        "the revision number does not count",
        f"{SQL}/apply.sql",
        (
            ("(EXCLUDED.order_date, EXCLUDED.revision, EXCLUDED", "(EXCLUDED.order_date, EXCLUDED"),
            ("(cell.order_date, cell.revision, cell", "(cell.order_date, cell"),
        ),
    ),
    _one(
        "a correction of an older date hides a newer one",
        f"{CORE}/fold.py",
        "dated = as_of if basis in DATED_BASES and as_of is not None else UNDATED",
        "dated = UNDATED",
    ),
    _one(
        "the last payload under an id stands",
        f"{CORE}/submissions.py",
        "        if stands is None:\n",
        "        if stands is None or first is not None:\n",
    ),
    _one(
        "a withdrawn report is counted",
        f"{SQL}/roll.sql",
        "counted.listed, counted.op = 'report' AS reported",
        "counted.listed, true AS reported",
    ),
    _one(
        "not applicable is not a report",
        f"{SQL}/roll.sql",
        "counted.listed, counted.op = 'report' AS reported",
        "counted.listed, counted.op = 'report' AND counted.status <> 'NA' AS reported",
    ),
    _one(
        "a late correction makes the report late",
        f"{SQL}/apply.sql",
        "first_accepted_at = least(cell.first_accepted_at, EXCLUDED.first_accepted_at),",
        "first_accepted_at = EXCLUDED.accepted_at,",
    ),
    _one(
        "a commune may report until the province's day",
        f"{SQL}/roll.sql",
        "CASE counted.level\n            WHEN 'commune' THEN due_at_commune",
        "CASE counted.level\n            WHEN 'commune' THEN due_at_province",
    ),
    _one(
        "the past loaded at the start has a timeliness",
        f"{CORE}/row.py",
        "timeliness=None if context.is_backfill else timeliness",
        "timeliness=timeliness",
    ),
    _one(
        "the administrative year ends on 31 December",
        f"{CATALOGUE}/periods.py",
        "end=_day(span.last_month + rule.end_month_offset, rule.end_day),",
        "end=_day(span.last_month + rule.end_month_offset, rule.end_day if code[4:] else None),",
        VECTORS,
    ),
    _one(
        "a unit is looked up on the period's first day",
        f"{CORE}/plan.py",
        "found = self._catalogue.units.get(unit, period.end) if period",
        "found = self._catalogue.units.get(unit, period.start) if period",
        MERGER,
    ),
    _one(
        "the nation is added to itself",
        f"{SQL}/roll.sql",
        "AND rollup.level = 'province'\n",
        "AND rollup.level IN ('province', 'nation')\n",
    ),
    Mutant(
        "percent-only reports are added up",
        f"{SQL}/roll.sql",
        (
            ("THEN counted.numerator IS NOT NULL AND counted.denominator IS NOT NULL", "THEN true"),
            ("THEN counted.numerator ELSE", "THEN coalesce(counted.numerator, counted.value) ELSE"),
            ("THEN counted.denominator END AS", "THEN coalesce(counted.denominator, 100) END AS"),
        ),
    ),
    _one(
        "inexact values are added up",
        f"{SQL}/roll.sql",
        "counted.op = 'report' AND counted.status <> 'NA' AND counted.qualifier = 'eq'",
        "counted.op = 'report' AND counted.status <> 'NA'",
    ),
    _one(
        "unstated figures are added up",
        f"{CORE}/plan.py",
        "if basis == UNSTATED or _RANK[level]",
        "if _RANK[level]",
    ),
    _one(
        "cumulative figures of a year are added up",
        f"{CORE}/plan.py",
        'return "last" if basis == YTD else indicator.time_aggregation',
        "return indicator.time_aggregation",
    ),
    _one(
        "stocks are summed over time",
        f"{CORE}/plan.py",
        'return "last" if basis == YTD else indicator.time_aggregation',
        'return "last" if basis == YTD else "sum"',
    ),
    _one(
        "a stock whose last report says nothing falls back on an older one",
        f"{SQL}/roll.sql",
        "WHERE rule = 'last' AND op = 'report'",
        "WHERE rule = 'last' AND op = 'report' AND status <> 'NA' AND qualifier = 'eq'",
    ),
    _one(
        "a province's own report is added to its communes",
        f"{SQL}/roll.sql",
        "JOIN indicators.cell ON cell.parent = part.unit AND cell.indicator = part.indicator\n"
        "        AND cell.calendar = part.calendar AND cell.basis = part.basis AND cell.period = part.part\n"
        "    WHERE part.below",
        "JOIN indicators.cell ON part.unit IN (cell.parent, cell.unit) AND cell.indicator = part.indicator\n"
        "        AND cell.calendar = part.calendar AND cell.basis = part.basis AND cell.period = part.part\n"
        "    WHERE part.below",
    ),
    _one(
        "a quarter's cell counts beside the months inside it",
        f"{SQL}/roll.sql",
        "SELECT * FROM inside\n    WHERE frequency = 'month' OR NOT EXISTS (",
        "SELECT * FROM inside\n    WHERE true OR NOT EXISTS (",
    ),
    _one(
        "a longer period expects the reports of one month",
        f"{CORE}/expectation.py",
        "for part in parts_inside(period, self._catalogue) if first",
        "for part in parts_inside(period, self._catalogue)[:1] if first",
    ),
    _one(
        "percent-only reports count as contributing",
        f"{SQL}/roll.sql",
        "count(*) FILTER (WHERE obliged AND reported AND (adds OR not_applicable)) AS n_contributing",
        "count(*) FILTER (WHERE obliged AND reported) AS n_contributing",
    ),
    _one(
        "a cumulative report fulfils the monthly obligation",
        f"{SQL}/roll.sql",
        "= part.frequency AND obligation.basis = key.basis\n",
        "= part.frequency\n",
    ),
    _one(
        "nothing over nothing is 0 %",
        f"{CORE}/value.py",
        "    if denominator == 0:\n        return None",
        "    if denominator == 0:\n        return Decimal(0)",
    ),
    _one(
        "a changed month leaves what the next one derives",
        f"{CORE}/plan.py",
        "        if basis != YTD:\n            return moved",
        "        if basis:\n            return moved",
    ),
    _one(
        "a unit counts the months of the former one of its code",
        f"{SQL}/roll.sql",
        "AND part.ends_on BETWEEN key.since AND key.until",
        "AND part.ends_on <= key.until",
        MERGER,
    ),
    _one(
        "a province adds month rows of the former one of its code",
        f"{SQL}/roll.sql",
        "    WHERE part.ends_on >= key.since\n",
        "",
        MOVES,
    ),
    _one(
        "months of the former unit put a longer cell aside",
        f"{SQL}/roll.sql",
        "AND (inside.below OR finer.ends_on >= inside.since))",
        "AND true)",
        MERGER,
    ),
    _one(
        "the nation forgets provinces that are gone",
        f"{CORE}/assemble.py",
        'if key.unit != NATION or rule == "own":',
        "if key.unit != NATION or rule:",
        MERGER,
    ),
    _one(
        "a stock of provinces that are gone is added to that of those they went into",
        f"{CORE}/assemble.py",
        '"rule": "gone" if rule == "last" else rule,',
        '"rule": rule,',
        MERGER,
    ),
    _one(
        "a stock counts units that have left",
        f"{SQL}/roll.sql",
        "AND (NOT counted.below OR EXISTS (",
        "AND (true OR EXISTS (",
        MOVES,
    ),
    _one(
        "a report of a former unit makes a row of the one after it",
        f"{CORE}/plan.py",
        "if one == key.period or self.same_unit(",
        "if one or self.same_unit(",
        MERGER,
    ),
    _one(
        "a month is derived from that of the former unit",
        f"{CORE}/assemble.py",
        "is not None and self._goes_on(previous, row.key) else None",
        "is not None else None",
        MERGER,
    ),
    _one(
        "a province that stayed as it was begins anew with the merger",
        f"{CATALOGUE}/read_units.py",
        'merged=row.text("kind") == "merged",',
        "merged=True,",
        MERGER,
    ),
    _one(
        "a unit owes what the former one of its code owed",
        f"{CORE}/expectation.py",
        "first = tenure.first if tenure is not None else date.min",
        "first = date.min",
        UNITS,
    ),
    _one(
        "a reopened month of the former unit reopens the year of the one after it",
        f"{CORE}/assemble.py",
        "for one in marks.reopened if self._concerns(one, key))",
        "for one in marks.reopened)",
        UNITS,
    ),
    _one(
        "the nation is not stale when a whole province is behind",
        f"{SQL}/roll.sql",
        "min(rollup.oldest_part_on) AS oldest_on",
        "max(rollup.oldest_part_on) AS oldest_on",
    ),
    _one(
        "a stock of one date is stale where a unit says nothing exact",
        f"{SQL}/roll.sql",
        "min(ends_on) FILTER (WHERE adds AND chosen AND dated) AS oldest_on",
        "min(ends_on) FILTER (WHERE chosen AND dated) AS oldest_on",
    ),
    _one(
        "deriving makes rows of months nobody reported",
        f"{CORE}/tick.py",
        "causes = self.causes | self.nearby if exists else self.causes",
        "causes = self.causes | self.nearby",
    ),
)
