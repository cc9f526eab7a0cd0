"""The command tree: names, help texts and nothing else."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App, Parameter

from chiso_cli.commands.alerts import alerts
from chiso_cli.commands.rollups import cells, rollups
from chiso_cli.commands.simulate import simulate
from chiso_cli.commands.status import status
from chiso_cli.commands.submit import submit
from chiso_cli.commands.watch import watch

_HELP = """Report indicators of Resolution 57 to chiso, and read what became of them.

Send: submit, preflight, status. Read: rollups, cells, alerts, watch. Try: simulate. Run the door: keys.
Every reading command prints a table for people and, with --json, JSON for programs.

Exit codes: 0 well; 1 something was refused or does not exist; 2 wrong usage; 3 a service is away; 130 interrupted.
Environment: CHISO_KEY, CHISO_HOME, CHISO_SEEDS, CHISO_LANG, CHISO_AGENCY, CHISO_KAFKA;
CHISO_INGEST_URL, CHISO_INDICATORS_URL, CHISO_ALERTS_URL, or CHISO_HTTP_HOST with CHISO_INGEST_PORT and so on;
NO_COLOR.
"""


def build() -> App:
    """The tree. Usage errors are raised, results returned: printing them is main's office."""
    app = App(
        name="chiso",
        help=_HELP,
        version=version("chiso-cli"),
        default_parameter=Parameter(
            negative_iterable=(), negative_bool=(), show_default=lambda value: _shown(value)
        ),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for order, command in enumerate((submit, status, rollups, cells), start=1):
        app.command(command, sort_key=order)
    app.command(alerts, sort_key=5)
    app.command(watch, sort_key=6)
    app.command(simulate, sort_key=7)
    return app


def _shown(value: object) -> str:
    """Defaults that say nothing are left out."""
    return "" if value in (None, False, (), "") else str(value)
