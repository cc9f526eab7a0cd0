"""The command tree: names, help texts and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from cyclopts import App, Parameter

from chiso_cli.commands.alerts import alerts
from chiso_cli.commands.keys import keys
from chiso_cli.commands.preflight import preflight
from chiso_cli.commands.rollups import cells, rollups
from chiso_cli.commands.simulate import simulate
from chiso_cli.commands.status import status
from chiso_cli.commands.submit import submit
from chiso_cli.commands.watch import watch

_HELP = """Report indicators of Resolution 57 to chiso, and read what became of them.

Every reading command prints a table for people and, with `--json`, JSON for programs.

* First steps: `chiso submit october.json --wait`, `chiso rollups --unit 51`, `chiso alerts --state FIRING`
* Exit codes: 0 well, 1 refused or unknown, 2 wrong usage, 3 a service is away, 130 interrupted
* Environment: `CHISO_KEY` `CHISO_HOME` `CHISO_SEEDS` `CHISO_LANG` `CHISO_AGENCY` `CHISO_KAFKA` `NO_COLOR`,
  `CHISO_INGEST_URL` `CHISO_INDICATORS_URL` `CHISO_ALERTS_URL`
"""


def build() -> App:
    """The tree. Usage errors are raised, results returned: printing them is main's office."""
    app = App(
        name="chiso",
        help=_HELP,
        version=version("chiso-cli"),
        default_parameter=Parameter(negative_iterable=(), negative_bool=(), show_default=_shown),
        help_format="markdown",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    commands: tuple[Callable[..., int], ...] = (submit, preflight, status, rollups, cells, watch, simulate)
    for order, command in enumerate(commands):
        app.command(command, sort_key=order)
    app.command(alerts)
    app.command(keys)
    return app


def _shown(value: object) -> str | None:
    """Defaults that say nothing are left out."""
    return None if value in (None, False, (), "") else str(value)
