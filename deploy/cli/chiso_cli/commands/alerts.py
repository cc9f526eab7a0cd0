"""`chiso alerts`: which alerts there are, what happened to one, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cyclopts import App, Parameter
from rich.console import Console

from chiso_cli.deciding import Author, Reason, author_of, decide, instant_of
from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, FIRST_ROWS, AlertsURL, Amount, IndicatorsURL, KeyFile, Output
from chiso_cli.reading import Query, Reader, path_of, unit_names
from chiso_cli.render import (
    Column,
    Item,
    Names,
    alert_columns,
    event_columns,
    evidence_columns,
    key_columns,
)
from chiso_cli.terminal import notes, people, print_json, print_json_lines, print_table
from chiso_cli.wording import Language, figure, limit, percent, word

_HELP: Final = """List alerts; show, explain or acknowledge one; list the rules.

Try:

* `chiso alerts --state FIRING`
* `chiso alerts --unit 51 --lang vi`
* `chiso alerts explain 3f2a91c0`
* `chiso alerts acknowledge 3f2a91c0 --reason "calling the commune" --until 2d`
"""

alerts = App(name="alerts", help=_HELP)

_SHORTEST_PREFIX: Final = 4
_FULL_ID: Final = 36

AlertId = Annotated[str, Parameter(help="The alert's id, or its first characters (at least four).")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AlertFilter:
    """Which alerts. Each may be given several times: any of its values matches."""

    state: Annotated[
        tuple[str, ...], Parameter(help="INACTIVE, PENDING, FIRING, RECOVERING or RESOLVED.")
    ] = ()
    rule: Annotated[tuple[str, ...], Parameter(help="The rule's id.")] = ()
    unit: Annotated[tuple[str, ...], Parameter(help="NSO code, such as 51 or VN.")] = ()
    indicator: Annotated[tuple[str, ...], Parameter(help="Such as DVC.ONLINE_SUBMIT.")] = ()
    period: Annotated[tuple[str, ...], Parameter(help="Such as 2025-10.")] = ()
    severity: Annotated[tuple[str, ...], Parameter(help="info, warning or critical.")] = ()

    def query(self) -> Query:
        """The filters that were given, as query parameters."""
        given = {
            "state": tuple(state.upper() for state in self.state),
            "rule": self.rule,
            "unit": self.unit,
            "indicator": self.indicator,
            "period": self.period,
            "severity": self.severity,
        }
        return {name: values for name, values in given.items() if values}


@alerts.default
def list_alerts(
    *,
    which: AlertFilter = AlertFilter(),
    amount: Amount = FIRST_ROWS,
    output: Output = AS_A_TABLE,
    alerts_url: AlertsURL = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """List the present states of alerts."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        found = service.items("/v1/alerts", which.query(), amount.most)
        if output.json:
            print_json_lines(found)
            return ALL_WELL
        states = list(found)
    if not states:
        notes().print("No alert matches.")
        return ALL_WELL
    names = _names(indicators_url, output, states)
    print_table(alert_columns(names, output.lang), states, output.lang)
    if len(states) == amount.most:
        notes().print(f"{amount.most} rows shown; there may be more: --limit or --all.", style="dim")
    return ALL_WELL


@alerts.command
def show(
    alert_id: AlertId,
    /,
    *,
    output: Output = AS_A_TABLE,
    alerts_url: AlertsURL = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Show one alert: its state and everything that happened to it."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        alert = service.get(path_of("v1", "alerts", _full_id(service, alert_id)))
    if output.json:
        print_json(alert)
        return ALL_WELL
    console = people()
    names = _names(indicators_url, output, [alert])
    print_table(alert_columns(names, output.lang), [alert], output.lang)
    console.print()
    print_table(event_columns(output.lang), alert.get("events") or (), output.lang)
    return ALL_WELL


@alerts.command
def explain(
    alert_id: AlertId,
    /,
    *,
    output: Output = AS_A_TABLE,
    alerts_url: AlertsURL = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Explain one alert: rule, target, value before and after, and the cells that moved it."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        explanation = service.get(path_of("v1", "alerts", _full_id(service, alert_id), "explain"))
    if output.json:
        print_json(explanation)
        return ALL_WELL
    names = _names(indicators_url, output, [explanation, *(explanation.get("cells") or ())])
    _print_explanation(people(), explanation, names, output.lang)
    return ALL_WELL


@alerts.command
def acknowledge(
    alert_id: AlertId,
    /,
    *,
    reason: Reason,
    author: Author = None,
    until: Annotated[
        str | None, Parameter(help="An instant, or a span such as 12h or 2d. Without it: until it ends.")
    ] = None,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    alerts_url: AlertsURL = None,
) -> int:
    """Take an alert on: its events are marked suppressed until it ends, and nothing is hidden."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        wanted = _full_id(service, alert_id)
    end = instant_of(until) if until is not None else None
    document = {"author": author_of(author), "reason": reason, "until": end}
    decided = decide(path_of("v1", "alerts", wanted, "acknowledge"), document, alerts_url, key_file)
    if output.json:
        print_json(decided)
    else:
        people().print(f"Acknowledged {wanted} until {decided.get('until') or 'it ends'}.", markup=False)
    return ALL_WELL


@alerts.command
def rules(*, output: Output = AS_A_TABLE, alerts_url: AlertsURL = None) -> int:
    """List the rules in force."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        found = service.items("/v1/rules", {}, None)
        if output.json:
            print_json_lines(found)
            return ALL_WELL
        text = "text_vi" if output.lang == "vi" else "text_en"
        columns = [
            Column("rule", lambda rule: str(rule.get("id", ""))),
            Column("kind", lambda rule: str(rule.get("kind", ""))),
            Column("indicator", lambda rule: ", ".join(rule.get("indicators") or ())),
            Column("severity", lambda rule: str(rule.get("severity") or "")),
            Column("version", lambda rule: str(rule.get("version", ""))),
            Column("text", lambda rule: str(rule.get(text) or "")),
        ]
        print_table(columns, found, output.lang)
    return ALL_WELL


def _names(indicators_url: str | None, output: Output, items: Iterable[Item]) -> Names:
    codes = (str(item.get("unit")) for item in items)
    return unit_names(service_url("indicators", indicators_url, os.environ), output.lang, codes)


def _full_id(service: Reader, alert_id: str) -> str:
    """The id itself, or the one alert that begins with it."""
    if len(alert_id) >= _FULL_ID:
        return alert_id
    if len(alert_id) < _SHORTEST_PREFIX:
        raise CommandFailed(
            f"{alert_id!r} is too short for an alert's id: give four characters or more.", USAGE
        )
    states = service.items("/v1/alerts", {}, None)
    found = [
        str(state["alert_id"]) for state in states if str(state["alert_id"]).startswith(alert_id.lower())
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandFailed(f"{len(found)} alerts begin with {alert_id!r}: give more characters.", USAGE)
    raise CommandFailed(f"No alert begins with {alert_id!r}.")


def _print_explanation(console: Console, explanation: Any, names: Names, language: Language) -> None:
    """Headline, message, before and after, then the evidence."""
    print_table(key_columns(names, language), [explanation], language)
    console.print()
    message = explanation.get("message_vi" if language == "vi" else "message")
    if message:
        console.print(str(message), markup=False)
    rule, target = explanation.get("rule") or {}, explanation.get("target") or {}
    console.print(
        f"{word('rule', language)}: {rule.get('id', '')} ({rule.get('version', '')})"
        f"   {word('target', language)}: {limit(target, language)} ({target.get('version', '')})",
        markup=False,
    )
    for side, label in (("before", "before"), ("after", "after")):
        if reading := explanation.get(side):
            console.print(f"{label}: {_reading(reading, language)}", markup=False)
    if gate := explanation.get("gate"):
        console.print(f"gate: {_flat(gate)}", markup=False)
    for one in explanation.get("counterfactuals") or ():
        console.print(str(one.get("text_vi" if language == "vi" else "text")), markup=False)
    if cells := explanation.get("cells"):
        console.print()
        print_table(evidence_columns(names, language), cells, language)


def _flat(value: Any) -> str:
    """A small object in one line: `phase (value closed, allowed collecting or closed, open true)`."""
    if isinstance(value, list):
        return " or ".join(map(_flat, value))
    if not isinstance(value, dict):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return ", ".join(
        f"{name} ({_flat(inner)})" if isinstance(inner, dict) else f"{name} {_flat(inner)}"
        for name, inner in value.items()
        if inner is not None
    )


def _reading(reading: Any, language: Language) -> str:
    parts = [figure(reading, language) or "-"]
    if reading.get("numerator") is not None:
        parts.append(f"{reading['numerator']} / {reading.get('denominator')}")
    if reading.get("completeness") is not None:
        parts.append(f"{word('complete', language)} {percent(reading['completeness'], language)}")
    return ", ".join([*parts, f"v{reading.get('rollup_version')}"])
