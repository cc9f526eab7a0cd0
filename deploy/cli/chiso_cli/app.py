"""The command tree: names, help texts and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from cyclopts import App, Parameter

_HELP = """Report indicators of Resolution 57 to chiso, and read what became of them.

Every reading command prints a table for people and, with `--json`, JSON for programs.

* First steps: `chiso submit october.json --wait`, `chiso rollups --unit 51`, `chiso alerts --state FIRING`
* Exit codes: 0 well, 1 refused or unknown, 2 wrong usage, 3 a service is away, 130 interrupted
* Environment: `CHISO_KEY` `CHISO_HOME` `CHISO_SEEDS` `CHISO_LANG` `CHISO_AGENCY` `CHISO_KAFKA` `NO_COLOR`,
  `CHISO_INGEST_URL` `CHISO_INDICATORS_URL` `CHISO_ALERTS_URL`
"""


# Modules are imported when their command is run or explained, not before: a command starts twice as fast.
_COMMANDS: Final = (
    ("submit", "submit:submit", "Submit files of reports: JSON, NDJSON or CSV."),
    ("preflight", "preflight:preflight", "Check files as the door would, offline."),
    ("status", "status:status", "Tell what became of a submission."),
    ("rollups", "rollups:rollups", "Read rollups: numbers with target, completeness and finality."),
    ("cells", "rollups:cells", "Read cells: what each reporting unit says about itself."),
    ("alerts", "alerts:alerts", "List alerts; show, explain or acknowledge one; list the rules."),
    ("silences", "silences:silences", "List silences; begin or end one."),
    ("tasks", "tasks:tasks", "List the tasks with a deadline; say that one is done."),
    ("rules", "rules:rules", "Try alert rules before they are used."),
    ("held", "held:held", "List late reports that wait for a decision; approve or refuse them."),
    ("reopen", "held:reopen", "Open a closed period again; close it again."),
    ("watch", "watch:watch", "Follow alert events as they come."),
    ("simulate", "simulate:simulate", "Let the communes report a month, marked as simulated."),
    ("rebuild", "rebuild:rebuild", "Compute the store anew from the log and compare it."),
    ("keys", "keys:keys", "Add, list and revoke the keys of agencies."),
)


def build(arguments: Sequence[str]) -> App:
    """The tree. Usage errors are raised, results returned: printing them is main's office.

    Summaries stand in for commands in the overview only: they would replace the help of a command itself.
    """
    named = bool(arguments) and arguments[0] in {name for name, _, _ in _COMMANDS}
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
    for order, (name, place, summary) in enumerate(_COMMANDS):
        shown = {} if named else {"help": summary}
        app.command(f"chiso_cli.commands.{place}", name=name, sort_key=order, **shown)
    return app


def _shown(value: object) -> str | None:
    """Defaults that say nothing are left out."""
    return None if value in (None, False, (), "") else str(value)
