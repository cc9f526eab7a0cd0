"""`chiso rebuild`: asks indicators to compute its store anew from the log, and tells what came of it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from chiso_cli.deciding import decide
from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL, SOME_REFUSED, CommandFailed
from chiso_cli.options import AS_A_TABLE, IndicatorsURL, KeyFile, Output
from chiso_cli.reading import Reader
from chiso_cli.terminal import notes, people, print_json

_POLL_S: Final = 0.25
_PATH: Final = "/v1/rebuild"
_SHOWN: Final = 10


def rebuild(
    *,
    compare: bool = False,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    indicators_url: IndicatorsURL = None,
) -> int:
    """Compute the store of indicators anew from the log, beside the live one, and compare the two.

    What differs is then written into the live store, with new versions marked `mode=rebuild`; that needs a
    key with the action `operate`. Reports and readers go on meanwhile.

    Try:

    * `chiso rebuild --compare`
    * `chiso rebuild --compare --json | jq .comparison.differing`

    Parameters
    ----------
    compare
        Only report where the live store differs from the log; change nothing. Exit code 1 if it does.
    """
    base_url = service_url("indicators", indicators_url, os.environ)
    with Reader.of("indicators", base_url) as indicators:
        if compare:
            state = indicators.post(_PATH, {"compare": "true"})
        else:
            state = decide(f"{_PATH}?compare=false", {}, indicators_url, key_file, "indicators")
        while state["finished_at"] is None:
            notes().print(f"{state['state']}: {state['records']} of {state['of']} records", style="dim")
            time.sleep(_POLL_S)
            state = indicators.get(_PATH)
    if state["state"] == "failed":
        raise CommandFailed(f"The rebuild failed: {state['error']}.")
    if output.json:
        print_json(state)
    else:
        _tell(state)
    return ALL_WELL if not _differences(state) or state.get("written") else SOME_REFUSED


def _differences(state: Mapping[str, Any]) -> int:
    return sum(int(count) for count in state["comparison"]["differing"].values())


def _tell(state: Mapping[str, Any]) -> None:
    console, found = people(), state["comparison"]
    counts = ", ".join(f"{count} {name}" for name, count in found["counts"].items())
    console.print(f"{state['records']} records read in {state['seconds']} s: {counts}.", markup=False)
    if not _differences(state):
        console.print("The live store is what the log says.", style="green")
        return
    differing = ", ".join(f"{count} {name}" for name, count in found["differing"].items() if count)
    console.print(f"The live store differs from the log: {differing}.", style="bold", markup=False)
    for kind in ("cells", "revisions", "submissions"):
        for item in found[kind][:_SHOWN]:
            console.print(f"  {_line(item)}", markup=False)
    if state.get("written"):
        console.print("What differed was written into the live store.", style="green")


def _line(item: Mapping[str, Any]) -> str:
    name = item.get("key") or f"{item['agency']}/{item['submission_id']}"
    if item.get("absent") == "stored" or item.get("is_missing"):
        return f"{name}: missing in the live store"
    if item.get("absent") == "computed" or item.get("is_invented"):
        return f"{name}: not in the log"
    fields = (item.get("fields") or {}).items()
    return f"{name}: " + ", ".join(
        f"{field} stored {one['stored']}, computed {one['computed']}" for field, one in fields
    )
