"""`chiso tasks`: the register of tasks with their deadlines, and the word that one is done."""

from __future__ import annotations

import os
from typing import Annotated, Final

from cyclopts import App, Parameter

from chiso_cli.deciding import Author, Reason, author_of, decide
from chiso_cli.environment import service_url
from chiso_cli.exits import ALL_WELL
from chiso_cli.options import AS_A_TABLE, AlertsURL, KeyFile, Output
from chiso_cli.reading import Reader, path_of
from chiso_cli.render import Column
from chiso_cli.terminal import people, print_json, print_json_lines, print_table

_HELP: Final = """List the tasks with a deadline; say that one is done.

Try:

* `chiso tasks --unit 51`
* `chiso tasks done T-51-03 --on 2026-03-30 --reason "decision 12/QĐ-UBND"`
"""

tasks = App(name="tasks", help=_HELP)


@tasks.default
def list_tasks(
    *,
    unit: Annotated[tuple[str, ...], Parameter(help="NSO code, such as 51 or VN.")] = (),
    output: Output = AS_A_TABLE,
    alerts_url: AlertsURL = None,
) -> int:
    """List the register as it stands today."""
    with Reader.of("alerts", service_url("alerts", alerts_url, os.environ)) as service:
        listed = service.get("/v1/tasks")["items"]
    found = [task for task in listed if not unit or task["unit"] in unit]
    if output.json:
        print_json_lines(found)
        return ALL_WELL
    text = "text_vi" if output.lang == "vi" else "text_en"
    columns = [
        Column("id", lambda task: str(task["id"])),
        Column("unit", lambda task: str(task["unit"])),
        Column("due", lambda task: str(task["due_date"] or "")),
        Column("state", lambda task: str(task["standing"]).replace("_", " ")),
        Column(
            "days",
            lambda task: "" if task["days_from_due"] is None else str(task["days_from_due"]),
            right=True,
        ),
        Column("text", lambda task: str(task[text]), spare=1),
    ]
    print_table(columns, found, output.lang)
    return ALL_WELL


@tasks.command
def done(
    task_id: str,
    /,
    *,
    on: Annotated[str | None, Parameter(help="The day it was done, YYYY-MM-DD. Without it: today.")] = None,
    reason: Reason,
    author: Author = None,
    output: Output = AS_A_TABLE,
    key_file: KeyFile = None,
    alerts_url: AlertsURL = None,
) -> int:
    """Say that a task is done. The first word on a task stands."""
    document = {"author": author_of(author), "reason": reason, "done_on": on}
    task = decide(path_of("v1", "tasks", task_id, "done"), document, alerts_url, key_file)
    if output.json:
        print_json(task)
    else:
        standing = str(task["standing"]).replace("_", " ")
        people().print(f"{task['id']} is {standing}: {task['done']['done_on']}.", markup=False)
    return ALL_WELL
