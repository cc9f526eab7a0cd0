"""Memories that are kept beside the table: the table's text decides, and no more are kept than may be."""

from decimal import Decimal
from uuid import UUID

from chiso_alerts.core.state import AlertMemory
from chiso_alerts.remembered import Remembered
from chiso_alerts.rows import as_json
from chiso_shared.contracts.alert import AlertReading


def memory(version: int) -> AlertMemory:
    reading = AlertReading(value=Decimal("79.61"), rollup_version=version, vintage=0)
    return AlertMemory(name="FIRING", sequence=version, reading=reading)


def test_what_was_written_is_not_read_again_unless_the_table_says_otherwise() -> None:
    kept, ident = Remembered(), UUID(int=1)
    first, second = memory(1), memory(2)
    kept.keep(ident, as_json(first), first)
    assert kept.read(ident, as_json(first)) is first
    assert kept.read(ident, as_json(second)) == second, "another instance wrote, or the transaction failed"
    assert kept.read(ident, as_json(first)) == first


def test_the_oldest_make_room() -> None:
    kept = Remembered(most=2)
    written = {UUID(int=number): memory(number) for number in (1, 2, 3)}
    for ident, one in written.items():
        kept.keep(ident, as_json(one), one)
    same = [kept.read(ident, as_json(one)) is one for ident, one in reversed(written.items())]
    assert same == [True, True, False]
