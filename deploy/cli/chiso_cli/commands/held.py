"""`chiso held` and `chiso reopen`: what came after the close, and periods that are opened again."""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal
from uuid import UUID

from cyclopts import App, Parameter

from chiso_cli.deciding import Reason, decide, instant_of
from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, FIRST_ROWS, Amount, IndicatorsURL, KeyFile, Output
from chiso_cli.reading import Reader, path_of
from chiso_cli.render import Column, Item, outcome_columns
from chiso_cli.terminal import notes, people, print_json, print_json_lines, print_table
from chiso_cli.wording import Language, counted, figure, instant

_HELP: Final = """Late reports that wait for a decision by another than who sent them.

Deciding needs a key with the action `operate` that speaks for the units (`chiso keys add --actions operate`).

Try:

* `chiso held list`
* `chiso held approve DEMO/0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77 --reason "checked with the office"`
"""

held = App(name="held", help=_HELP)

Which = Annotated[str, Parameter(name="AGENCY/ID", help="The submission, as `chiso held list` shows it.")]
Several = tuple[str, ...]


@held.command(name="list")
def list_held(
    *,
    agency: Annotated[str | None, Parameter(help="Only what this agency sent.")] = None,
    amount: Amount = FIRST_ROWS,
    output: Output = AS_A_TABLE,
    indicators_url: IndicatorsURL = None,
) -> int:
    """List what is held, the longest waiting first."""
    with Reader.of("indicators", service_url("indicators", indicators_url, os.environ)) as indicators:
        found = indicators.items("/v1/held", {"agency": agency} if agency else {}, amount.most)
        if output.json:
            print_json_lines(found)
            return ALL_WELL
        items = list(found)
    if items:
        print_table(_columns(output.lang), items, output.lang)
    else:
        notes().print("Nothing is held.")
    return ALL_WELL


@held.command
def approve(
    submission: Which,
    /,
    *,
    reason: Reason,
    unit: Annotated[Several, Parameter(help="Only these units.")] = (),
    indicator: Annotated[Several, Parameter(help="Only these indicators.")] = (),
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Let the held observations of a submission count."""
    return _decide("approve", submission, reason, unit, indicator, output, key_file, indicators_url)


@held.command
def refuse(
    submission: Which,
    /,
    *,
    reason: Reason,
    unit: Annotated[Several, Parameter(help="Only these units.")] = (),
    indicator: Annotated[Several, Parameter(help="Only these indicators.")] = (),
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Reject the held observations of a submission. They are kept."""
    return _decide("refuse", submission, reason, unit, indicator, output, key_file, indicators_url)


def reopen(
    period: Annotated[str, Parameter(help="Such as 2025-10 or 2025-Q4.")],
    /,
    *,
    reason: Reason,
    calendar: Literal["administrative", "statistical"] = "administrative",
    unit: Annotated[str, Parameter(help="Whose period: a unit with all below it; VN is everybody's.")] = "VN",
    until: Annotated[
        str | None,
        Parameter(help="When it closes again: an instant, a day, or a span such as 2d. Without it: --close."),
    ] = None,
    close: Annotated[bool, Parameter(help="Close the reopened period now.")] = False,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Open a closed period again, so that corrections count at once; it closes with the next vintage."""
    if close and until is not None:
        raise CommandFailed("--close closes it now: leave out --until.", USAGE)
    path = path_of("v1", "periods", calendar, period, "close" if close else "reopen")
    closes_at = instant_of(until) if until is not None else None
    document = {"unit": unit, "reason": reason, "closes_at": closes_at}
    answer = decide(path, document, indicators_url, key_file, "indicators")
    if output.json:
        print_json(answer)
        return ALL_WELL
    state = "closes again" if close else "is open again"
    end = f" until {instant(answer['closes_at'])}" if answer.get("closes_at") and not close else ""
    people().print(f"{calendar} {period} of {unit} {state}{end}.", markup=False)
    return ALL_WELL


def _decide(
    verb: Literal["approve", "refuse"],
    submission: str,
    reason: str,
    units: Several,
    indicators: Several,
    output: Output,
    key_file: KeyFile,
    indicators_url: IndicatorsURL,
) -> int:
    agency, _, identity = submission.rpartition("/")
    try:
        UUID(identity)
    except ValueError:
        agency = ""
    if not agency:
        raise CommandFailed(f"{submission!r} is no submission: it looks like DEMO/0198c0de-….", USAGE)
    path = path_of("v1", "held", agency, identity, verb)
    query = "&".join([*(f"unit={code}" for code in units), *(f"indicator={code}" for code in indicators)])
    answer = decide(
        f"{path}?{query}" if query else path, {"reason": reason}, indicators_url, key_file, "indicators"
    )
    if output.json:
        print_json(answer)
        return ALL_WELL
    observations = answer["observations"]
    print_table(outcome_columns({}), observations, output.lang)
    done = "now count" if verb == "approve" else "are rejected"
    people().print(f"{counted(len(observations), 'observation')} of {agency} {done}.", markup=False)
    return ALL_WELL


def _columns(language: Language) -> list[Column]:
    def plain(name: str, item: Item) -> str:
        return "" if item.get(name) is None else str(item[name])

    return [
        Column("submission", lambda item: f"{item.get('agency')}/{item.get('submission_id')}"),
        Column("unit", lambda item: plain("unit", item)),
        Column("indicator", lambda item: plain("indicator", item)),
        Column("period", lambda item: plain("period", item)),
        Column("value", lambda item: figure(item, language), right=True),
        Column("revision", lambda item: plain("revision", item), right=True, spare=2),
        Column("accepted", lambda item: instant(item.get("accepted_at")), spare=1),
        Column("reason", lambda item: plain("reason", item), spare=3),
    ]
