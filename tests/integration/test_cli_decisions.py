"""The commands with which people decide, against a running alerts service."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.integration.alerts_running import events, running
from tests.unit.alerts_examples import rollup
from tests.unit.catalogue_seeds import SEEDS


async def chiso(url: str, header: dict[str, str], *arguments: str) -> tuple[int, Any]:
    """A command's exit code and its JSON."""
    environment = os.environ | {
        "CHISO_ALERTS_URL": url,
        "CHISO_KEY": header["authorization"].removeprefix("Bearer "),
        "CHISO_AUTHOR": "Lê C",
    }
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chiso_cli",
        *arguments,
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await started.communicate()
    lines = [json.loads(line) for line in out.splitlines()] if out.count(b"\n{") or out[:1] == b"{" else []
    return started.returncode or 0, lines


async def test_acknowledge_silence_and_done_from_the_command_line(
    chiso_topics: str, database: str, operator_home: Path, operator: dict[str, str]
) -> None:
    async with running(chiso_topics, database, home=operator_home, seeds=SEEDS) as alerts:
        url = str(alerts.http.base_url)
        await alerts.publish(rollup(70, 1))
        await alerts.alerts(1, unit="51", indicator="DVC.ONLINE_SUBMIT")
        (alert,) = await alerts.alerts(1, indicator="DVC.ONLINE_SUBMIT")
        told = await events(chiso_topics, 2)
        assert {one.json["rule"]["id"] for one in told} >= {"task_deadline"}

        code, (taken,) = await chiso(
            url,
            operator,
            "alerts",
            "acknowledge",
            alert["alert_id"][:8],
            "--reason",
            "on it",
            "--until",
            "2d",
        )
        assert (code, taken["author"], taken["alert_id"]) == (0, "Lê C", alert["alert_id"])
        assert (await alerts.alerts(1, indicator="DVC.ONLINE_SUBMIT"))[0]["suppressed"] is True

        arguments = ["--province", "51", "--until", "1h", "--reason", "flood"]
        code, (silence,) = await chiso(url, operator, "silences", "add", *arguments)
        assert (code, silence["matchers"]) == (0, {"province": ["51"]})
        code, listed = await chiso(url, operator, "silences")
        assert (code, [one["silence_id"] for one in listed]) == (0, [silence["silence_id"]])
        code, (ended,) = await chiso(
            url, operator, "silences", "end", silence["silence_id"], "--reason", "over"
        )
        assert (code, ended["ended_by"]) == (0, "Lê C")

        arguments = ["tasks", "done", "T-51-03", "--on", "2026-03-30", "--reason", "decision 12"]
        code, (task,) = await chiso(url, operator, *arguments)
        assert (code, task["standing"], task["alert"]["state"]) == (0, "done", "RESOLVED")
        code, tasks = await chiso(url, operator, "tasks", "--unit", "51")
        assert code == 0 and {one["unit"] for one in tasks} == {"51"}
        wrong = {"authorization": "Bearer chiso_000000000000_" + "x" * 43}
        code, _ = await chiso(url, wrong, "tasks", "done", "T-51-03", "--reason", "no")
        assert code == 2
