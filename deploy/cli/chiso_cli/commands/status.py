"""`chiso status`: what became of a submission, observation by observation."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from rich.console import Console

from chiso_cli import clock
from chiso_cli.environment import home, read_key, service_url
from chiso_cli.exits import ALL_WELL, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, IndicatorsURL, KeyFile, Output
from chiso_cli.reading import Reader, path_of, unit_names
from chiso_cli.render import Item, outcome_columns
from chiso_cli.terminal import people, print_json, print_table
from chiso_cli.wording import instant


def status(
    submission_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    agency: Annotated[str | None, Parameter(env_var="CHISO_AGENCY")] = None,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Tell what became of a submission: received or not, and the outcome of each observation.

    Exit code 1 if it is unknown, which also means: accepted a moment ago and not applied yet.

    Parameters
    ----------
    submission_id
        The submission's id, or the status_url of its receipt.
    agency
        The agency that sent it. Without it: the agency of your key.
    """
    written_agency, _, identity = submission_id.rstrip("/").rpartition("/")
    try:
        UUID(identity)
    except ValueError:
        raise CommandFailed(f"{identity!r} is no submission_id: it is a UUID.", USAGE) from None
    agency = agency or written_agency.rpartition("/")[2] or _own_agency(key_file)
    base_url = service_url("indicators", indicators_url, os.environ)
    with Reader.of("indicators", base_url) as indicators:
        found = indicators.find(path_of("v1", "submissions", agency, identity))
    if found is None:
        raise CommandFailed(f"Agency {agency} has no submission {identity} that is received yet.")
    if output.json:
        print_json(found)
        return ALL_WELL
    console = people()
    _print_head(console, agency, identity, found)
    observations = found.get("observations") or ()
    names = unit_names(base_url, output.lang, (str(item.get("unit")) for item in observations))
    console.print()
    print_table(outcome_columns(names), observations, output.lang)
    return ALL_WELL


def _own_agency(key_file: KeyFile) -> str:
    """The agency of the caller's key, where the registry of this installation knows it."""
    from chiso_cli.registry import agency_of_key  # only here: it is half of the time to start

    agency = agency_of_key(home(os.environ), read_key(key_file, os.environ), clock.now(os.environ))
    if agency is None:
        raise CommandFailed("Whose submission is it? Name the agency with --agency.", USAGE)
    return agency


def _print_head(console: Console, agency: str, identity: str, found: Item) -> None:
    console.print(f"{agency}/{identity}: {found.get('status')}", style="bold", markup=False)
    console.print(
        f"accepted {instant(found.get('accepted_at'))}, applied {instant(found.get('applied_at'))}",
        markup=False,
    )
    outcomes = Counter(str(item.get("outcome")) for item in found.get("observations") or ())
    console.print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()), markup=False)
    for name in ("duplicates", "conflicts"):
        value = found.get(name)
        count = len(value) if isinstance(value, list) else value
        if count:
            console.print(f"{name}: {count}", style="yellow", markup=False)
