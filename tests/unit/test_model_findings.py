"""What the random histories have found, each as small as it gets."""

from __future__ import annotations

from decimal import Decimal

from chiso_indicators.core.assemble import Assembler
from chiso_indicators.core.changes import Change
from chiso_indicators.core.keys import Key
from chiso_indicators.core.phases import Marks
from chiso_indicators.core.row import Sums
from chiso_indicators.core.tick import Touched, touched_by
from chiso_indicators.core.version import next_version

from tests.unit.indicators_examples import EPOCH, KEY, planner

CELL = KEY.at(period="2026-02")._replace(basis="ytd")


def _touched() -> dict[Key, Touched]:
    change = Change(
        CELL.unit, "commune", "51", *CELL[1:], causes=["report"], submission_id="1", agency="H48", revision=0,
        accepted_at=EPOCH, delta_numerator=Decimal(1), delta_denominator=Decimal(2), value=None, reason=None,
    )  # fmt: skip
    touched: dict[Key, Touched] = {}
    touched_by([change], planner(), touched)
    return touched


def test_what_is_derived_from_a_month_makes_no_row_of_the_month_after() -> None:
    """A rollup exists once any cell below it has a revision (semantics §5): March has none yet."""
    touched = _touched()
    empty = Assembler(planner(), EPOCH).draft(
        CELL.at(unit="51"), Sums(), None, Marks(EPOCH, EPOCH, EPOCH), EPOCH
    )
    made = {
        key.period
        for key, why in touched.items()
        if key.unit == "51" and next_version(None, empty, why.why(exists=False))
    }
    assert made == {"2026-02", "2026-Q1", "2026-H1", "2026-9M", "2026"}


def test_a_row_of_the_month_after_that_exists_is_looked_at_with_the_cause() -> None:
    touched = _touched()
    after = touched[CELL.at(unit="51", period="2026-03")]
    assert after.why(exists=True) == {"report"}
    assert after.why(exists=False) == set()
    assert after.count == 1
