"""The versions of a unit's row out of all revisions of its cells, each looked at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chiso_indicators.core.keys import Key
from chiso_indicators.core.moments import Moment, Mover, moments, versions
from chiso_indicators.core.reigns import Reigns, Timeline
from chiso_indicators.core.row import Row
from chiso_indicators.core.unit_rows import Taken, UnitCells, UnitRows


def unit_history(
    key: Key, taken: Mapping[Key, Sequence[Taken]], reigns: Reigns, timeline: Timeline
) -> list[Row]:
    """The versions up to the instant up to which `taken` goes, oldest first; none without a revision.

    `taken` holds the revisions of the cells that the newest catalogue names for the key.
    """
    parts = {part.code for part in reigns.newest.parts(key.calendar, key.period)}
    cells = [cell for cell in reigns.newest.cells(key) if taken.get(cell)]
    own = [cell for cell in cells if cell.period in parts]
    nearby = [cell for cell in cells if cell.period not in parts]
    found = moments(
        (mover for cell in own for mover in _movers(taken[cell], reigns)),
        (mover for cell in nearby for mover in _movers(taken[cell], reigns)),
        reigns.looks(key, timeline),
        reigns.newest.assembler.first_started_at,
    )
    here = UnitCells(one for cell in own for one in taken[cell])
    before = UnitCells(one for cell in nearby for one in taken[cell])
    return versions(_drafts(key, found, here, before, reigns, timeline))


def _movers(revisions: Sequence[Taken], reigns: Reigns) -> Iterator[Mover]:
    """Every revision of one cell that may have made a version.

    A loser can: where it was accepted before the first report that counts, timeliness may differ.
    """
    first = min((one for one in revisions if one.effective), key=lambda one: one.order, default=None)
    for one in revisions:
        if not one.effective and (first is None or one.order.accepted_at >= first.order.accepted_at):
            continue
        instants = reigns.at(one.tick).assembler.planner.instants(one.cell.calendar, one.cell.period)
        if instants is not None:
            place = (one.figure.op, one.order.accepted_at, one.tick, one.stamp, one.effective)
            yield Mover(*place, is_first=one is first, close_at=instants.close_at)


def _drafts(
    key: Key,
    found: Iterable[Moment],
    cells: UnitCells,
    before: UnitCells,
    reigns: Reigns,
    timeline: Timeline,
) -> Iterator[tuple[Moment, Row]]:
    """What the row was at each moment; nothing where it says what it said."""
    last: UnitRows | None = None
    for moment in found:
        moved = cells.advance(moment.tick) | before.advance(moment.tick)
        rows = reigns.at(moment.tick)
        if rows.assembler.known(key) and (moved or rows is not last):
            last = rows
            yield moment, rows.draft(key, cells, before, timeline.at(moment.stamp), moment.stamp)
