"""`chiso keys`: who may send what through the door. Works on the registry's file, not through a service."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated

from chiso_ingest.keys import KeyRegistryError, add_key, list_keys, revoke_key
from chiso_ingest.registry import ACTIONS, REPORTING, Action, AgencyEntry, KeyEntry
from cyclopts import App, Parameter

from chiso_cli import clock
from chiso_cli.catalogue_folder import read_catalogue
from chiso_cli.environment import home, reason, seeds
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, Output, Seeds
from chiso_cli.registry import registry_file
from chiso_cli.render import Column, Item
from chiso_cli.terminal import notes, people, print_json, print_json_lines, print_table
from chiso_cli.wording import instant

_HELP = """Add, list and revoke the keys of agencies.

They are kept in `$CHISO_HOME/keys.json`, as hashes only. A change is in force within 30 seconds.
"""

keys = App(name="keys", help=_HELP)

Home = Annotated[
    Path | None,
    Parameter(name="--state", env_var="CHISO_HOME", help="The folder of the state. Without it: .chiso."),
]


@keys.command
def add(
    *,
    agency: str,
    home_unit: Annotated[str, Parameter(name="--home")],
    units: str,
    indicators: str = "*",
    actions: str = ",".join(REPORTING),
    expires: str | None = None,
    output: Output = AS_A_TABLE,
    state: Home = None,
    seeds_folder: Annotated[Seeds, Parameter(name="--seeds")] = None,
) -> int:
    """Add a key and print it, this once: only its hash is kept.

    Try:

    * `chiso keys add --agency H48.12 --home 51 --units 51,21289 --indicators '*' --expires 2026-12-31`

    Parameters
    ----------
    agency
        The agency's H-code, such as H48.12.
    home_unit
        The province of the agency (NSO code), or VN for a central body. It never changes.
    units
        Units that the key may report, joined by commas: codes, 51/* for a unit and all below it, or *.
    indicators
        Indicators that it may report, joined by commas: codes, DVC.* or *.
    actions
        What it may do: report, withdraw, operate (approve what is held, open closed periods again).
    expires
        The last day on which it works, such as 2026-12-31.
    """
    try:
        key = add_key(
            _file(state),
            read_catalogue(seeds(seeds_folder, os.environ)),
            agency=agency,
            home=home_unit,
            units=_listed(units),
            indicators=_listed(indicators),
            actions=_actions(actions),
            expires=_day(expires),
            now=clock.now(os.environ),
        )
    except KeyRegistryError as error:
        raise CommandFailed(f"{error}.", USAGE) from error
    except OSError as error:
        raise CommandFailed(f"{_file(state)} cannot be written: {reason(error)}.", USAGE) from error
    key_id = key.split("_")[1]
    if output.json:
        print_json({"key_id": key_id, "key": key})
        return ALL_WELL
    notes().print(f"Key {key_id} of {agency}; keep it now, it is not shown again:", markup=False)
    people().print(key, markup=False, soft_wrap=True)
    return ALL_WELL


@keys.command(name="list")
def list_all(*, output: Output = AS_A_TABLE, state: Home = None) -> int:
    """List the keys: whose they are, what they may do, until when."""
    try:
        found = [_row(entry, agency) for entry, agency in list_keys(_file(state))]
    except KeyRegistryError as error:
        raise CommandFailed(f"{error}.", USAGE) from error
    if output.json:
        print_json_lines(found)
        return ALL_WELL
    if not found:
        notes().print(f"{_file(state)} holds no key.", markup=False)
        return ALL_WELL
    print_table(_columns(), found, output.lang)
    return ALL_WELL


@keys.command
def revoke(
    key_id: Annotated[str, Parameter(help="The key's id, as `chiso keys list` shows it.")],
    /,
    *,
    output: Output = AS_A_TABLE,
    state: Home = None,
) -> int:
    """Revoke a key. What it has sent stays."""
    try:
        entry = revoke_key(_file(state), key_id, clock.now(os.environ))
    except KeyRegistryError as error:
        raise CommandFailed(f"{error}.") from error
    if output.json:
        print_json({"key_id": entry.key_id, "revoked_at": entry.revoked_at})
    else:
        people().print(f"Key {entry.key_id} of {entry.agency} is revoked.", markup=False)
    return ALL_WELL


def _file(state: Home) -> Path:
    return registry_file(state or home(os.environ))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _actions(text: str) -> list[Action]:
    chosen = [action for action in ACTIONS if action in _listed(text)]
    if set(_listed(text)) - set(ACTIONS):
        raise CommandFailed(f"--actions {text!r}: they are {', '.join(ACTIONS)}.", USAGE)
    return chosen


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--expires {text!r} is no date: it looks like 2026-12-31.", USAGE) from None


def _row(entry: KeyEntry, agency: AgencyEntry) -> Item:
    return {
        "key_id": entry.key_id,
        "agency": entry.agency,
        "home": agency.home,
        "partition": agency.route,
        "units": entry.units,
        "indicators": entry.indicators,
        "actions": entry.actions,
        "created_at": entry.created_at,
        "expires": entry.expires,
        "revoked_at": entry.revoked_at,
    }


def _columns() -> list[Column]:
    def when(item: Item) -> str:
        if item["revoked_at"] is not None:
            return f"revoked {instant(item['revoked_at'].isoformat())}"
        return f"until {item['expires']}" if item["expires"] else "works"

    return [
        Column("id", lambda item: str(item["key_id"])),
        Column("agency", lambda item: str(item["agency"])),
        Column("home", lambda item: str(item["home"])),
        Column("units", lambda item: ", ".join(item["units"])),
        Column("indicators", lambda item: ", ".join(item["indicators"])),
        Column("actions", lambda item: ", ".join(item["actions"])),
        Column("added", lambda item: instant(item["created_at"].isoformat())),
        Column("state", when),
    ]
