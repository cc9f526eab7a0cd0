"""`chiso watch`: follows the alert events on Kafka as they come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from aiokafka import ConsumerRecord
from chiso_shared.contracts.codec import MalformedJSON, decode_json
from chiso_shared.contracts.topics import ALERTS, ALERTS_STATE
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from chiso_cli.environment import bootstrap_servers, service_url
from chiso_cli.exits import ALL_WELL
from chiso_cli.following import following
from chiso_cli.options import AS_A_TABLE, CONNECTION, IndicatorsURL, Output
from chiso_cli.reading import unit_names
from chiso_cli.sequences import Arrival, Sequences
from chiso_cli.terminal import notes, people, print_json_now
from chiso_cli.wording import Language, figure, instant, limit, word

_STYLES: Final = {
    "opened": "bold red",
    "reopened": "bold red",
    "updated": "yellow",
    "confirmed": "red",
    "resolved": "green",
    "retracted": "cyan",
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events. Each may be given several times: any of its values matches."""

    unit: Annotated[tuple[str, ...], Parameter(help="Only of these units, such as 51.")] = ()
    indicator: Annotated[tuple[str, ...], Parameter(help="Only of these indicators.")] = ()
    period: Annotated[tuple[str, ...], Parameter(help="Only of these periods, such as 2025-10.")] = ()
    rule: Annotated[tuple[str, ...], Parameter(help="Only of these rules.")] = ()
    severity: Annotated[tuple[str, ...], Parameter(help="info, warning or critical.")] = ()
    transition: Annotated[
        tuple[str, ...],
        Parameter(help="opened, updated, confirmed, resolved, retracted or reopened."),
    ] = ()

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is asked for."""
        return (
            (not self.unit or event.get("unit") in self.unit)
            and (not self.indicator or event.get("indicator") in self.indicator)
            and (not self.period or event.get("period") in self.period)
            and (not self.rule or (event.get("rule") or {}).get("id") in self.rule)
            and (not self.severity or event.get("severity") in self.severity)
            and (not self.transition or event.get("transition") in self.transition)
        )


def watch(
    *,
    from_beginning: bool = False,
    until_end: bool = False,
    count: int | None = None,
    which: EventFilter = EventFilter(),
    output: Output = AS_A_TABLE,
    kafka: Annotated[str | None, Parameter(env_var="CHISO_KAFKA", group=CONNECTION)] = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Follow alert events as they come, read from Kafka like any subscriber. Ctrl-C ends it.

    Events of one alert are numbered without gaps. A number that is missing is reported, and one that comes
    again (delivery is at least once) is left out.

    Try:

    * `chiso watch --severity critical --lang vi`
    * `chiso watch --from-beginning --until-end --json | jq -r .message`

    Parameters
    ----------
    from_beginning
        Start with the oldest event that is kept, not with the next one.
    until_end
        End when everything that was there at the start has been read.
    count
        End after so many events.
    kafka
        Bootstrap servers. Without it: 127.0.0.1:$CHISO_KAFKA_PORT (19092).
    """
    names: Mapping[str, str] = {}
    if not output.json:
        names = unit_names(service_url("indicators", indicators_url, os.environ), output.lang, None)
    view = View(which, output, Sequences(from_beginning), names)
    bootstrap = bootstrap_servers(kafka, os.environ)
    try:
        asyncio.run(_follow(bootstrap, view, from_beginning, until_end, count))
    except KeyboardInterrupt:
        notes().print(f"{view.shown:,} events seen.", style="dim")
    return ALL_WELL


async def _follow(
    bootstrap: str, view: View, from_beginning: bool, until_end: bool, count: int | None
) -> None:
    async with following(bootstrap, ALERTS.name, from_beginning, view.trouble) as follower:
        if not until_end:
            notes().print(f"Following {ALERTS.name} at {bootstrap}; Ctrl-C ends.", style="dim")
        async for record in follower.records(until_end):
            view.take(record)
            if count is not None and view.shown >= count:
                return


class View:
    """Prints events, and what their sequence says."""

    def __init__(
        self, which: EventFilter, output: Output, sequences: Sequences, names: Mapping[str, str]
    ) -> None:
        self._which = which
        self._output = output
        self._sequences = sequences
        self._names = names
        self._people = people()
        self._notes = notes()
        self.shown = 0

    def take(self, record: ConsumerRecord) -> None:
        """One record of the topic."""
        where = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            event = decode_json(record.value or b"")
            alert_id, sequence = str(event["alert_id"]), int(event["sequence"])
        except (MalformedJSON, KeyError, TypeError, ValueError):
            self._notes.print(f"{where} is no alert event.", style="bold red", markup=False)
            return
        arrival = self._sequences.arrive(alert_id, sequence)
        self._tell_gap(alert_id, sequence, arrival)
        if arrival.kind == "again" or not self._which.matches(event):
            return
        self.shown += 1
        if self._output.json:
            print_json_now(event)
            return
        print_event(self._people, event, self._names, self._output.lang)

    def trouble(self) -> None:
        """The connection has trouble."""
        self._notes.print("Kafka has trouble or is away; trying again.", style="yellow")

    def _tell_gap(self, alert_id: str, sequence: int, arrival: Arrival) -> None:
        if arrival.kind == "gap" and arrival.expected is not None:
            missing = (
                f"{arrival.expected}"
                if sequence == arrival.expected + 1
                else (f"{arrival.expected}–{sequence - 1}")
            )
            self._notes.print(
                f"gap: alert {alert_id} lacks event {missing} before {sequence}; "
                f"its present state is on {ALERTS_STATE.name}.",
                style="bold yellow",
                markup=False,
            )


def print_event(
    console: Console, event: Mapping[str, Any], names: Mapping[str, str], language: Language
) -> None:
    """An event on one line, and its message on a second."""
    transition = str(event.get("transition"))
    unit = str(event.get("unit"))
    values = " → ".join(text for side in ("before", "after") if (text := figure(event.get(side), language)))
    line = Text.assemble(
        (instant(event.get("at")) + " ", "dim"),
        (f"{word(transition, language).upper():<10}", _STYLES.get(transition, "")),
        f" {word(str(event.get('severity') or ''), language):<8}"
        f" {unit} {names.get(unit, '')} {event.get('indicator')}"
        f" {word(str(event.get('calendar')), language)} {event.get('period')} {event.get('basis')}"
        f"  {values}  ({limit(event.get('target'), language)}) {event.get('reason')}",
        (f"  #{event.get('sequence')} {str(event.get('alert_id'))[:8]}", "dim"),
    )
    console.print(line, soft_wrap=True)
    message = event.get("message_vi" if language == "vi" else "message")
    if message:
        console.print(f"    {message}", markup=False, style="dim", soft_wrap=True)
