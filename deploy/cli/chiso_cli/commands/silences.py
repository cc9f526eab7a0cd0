"""`chiso silences`: which alerts nobody wants to be told of for a while, and until when."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from chiso_cli.deciding import Author, Reason, author_of, decide, instant_of
from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, AlertsURL, KeyFile, Output
from chiso_cli.reading import Reader, path_of
from chiso_cli.render import Column, Item
from chiso_cli.terminal import notes, people, print_json, print_json_lines, print_table

_HELP: Final = """List silences; begin or end one. They mark events as suppressed and hide nothing.

Try:

* `chiso silences add --province 51 --rule report_missing --until 3d --reason "flood in the district"`
* `chiso silences end 3f2a91c0-… --reason "roads are open"`
"""

silences = App(name="silences", help=_HELP)

Several = tuple[str, ...]


@silences.default
def list_silences(
    *,
    past: Annotated[bool, Parameter(help="Also those that are over.")] = False,
    output: Output = AS_A_TABLE,
    alerts_url: AlertsURL = None,
) -> int:
    """List the silences that are not over."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        found = list(service.items("/v1/silences", {"past": "true"} if past else {}, None))
    if output.json:
        print_json_lines(found)
    elif found:
        print_table(_columns(), found, output.lang)
    else:
        notes().print("No silence.")
    return ALL_WELL


@silences.command
def add(
    *,
    reason: Reason,
    until: Annotated[str, Parameter(help="When it ends: an instant, a day, or a span such as 12h or 2d.")],
    rule: Several = (),
    unit: Several = (),
    province: Annotated[Several, Parameter(help="Also every unit below it.")] = (),
    indicator: Several = (),
    period: Several = (),
    severity: Several = (),
    author: Author = None,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    alerts_url: AlertsURL = None,
) -> int:
    """Begin a silence. Each filter may come several times; an alert must match one value of every filter."""
    given = {
        "rule": rule,
        "unit": unit,
        "province": province,
        "indicator": indicator,
        "period": period,
        "severity": severity,
    }
    matchers = {name: list(values) for name, values in given.items() if values}
    if not matchers:
        raise CommandFailed("A silence names what is silent: --rule, --unit, --province, …", USAGE)
    document = {
        "matchers": matchers,
        "author": author_of(author),
        "reason": reason,
        "ends_at": instant_of(until),
    }
    return _show(decide("/v1/silences", document, alerts_url, key_file), output)


@silences.command
def end(
    silence_id: str,
    /,
    *,
    reason: Reason,
    author: Author = None,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    alerts_url: AlertsURL = None,
) -> int:
    """End a silence now."""
    document = {"author": author_of(author), "reason": reason}
    path = path_of("v1", "silences", silence_id, "end")
    return _show(decide(path, document, alerts_url, key_file), output)


def _show(silence: Any, output: Output) -> int:
    if output.json:
        print_json(silence)
    else:
        people().print(f"Silence {silence['silence_id']} until {silence['ends_at']}.", markup=False)
    return ALL_WELL


def _columns() -> list[Column]:
    def text(name: str) -> Column:
        return Column(name, lambda item: str(item.get(name) or ""))

    return [
        Column("id", lambda item: str(item.get("silence_id"))),
        Column("matches", _matches),
        text("starts_at"),
        text("ends_at"),
        text("author"),
        text("reason"),
    ]


def _matches(item: Item) -> str:
    return ", ".join(f"{name}={'|'.join(values)}" for name, values in item.get("matchers", {}).items())
