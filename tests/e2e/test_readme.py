"""The README's first five minutes: every command is run as it stands, and every printed line must come."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harness import System

README = Path(__file__).parents[2] / "README.md"
# What differs from run to run: instants, offsets, durations, versions of rules and targets, widths of tables.
MASKS = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "INSTANT"),
    (r"\(\d+-[0-9a-f]{8}\)", "(VERSION)"),
    (r"\b\d+/\d+(?=\s+INSTANT)", "OFFSET"),
    (r"in \d+\.\d s", "in N s"),
    (r"─+", "─"),
    (r"\s+", " "),
)


def masked(line: str) -> str:
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    return line.strip()


def steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, printed lines) of every `console` block; a here-document belongs to its command."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        command: list[str] = []
        printed: list[str] = []
        until = ""
        for line in block.splitlines():
            if line.startswith("$ ") and not until:
                if command:
                    yield "\n".join(command), printed
                command, printed = [line[2:]], []
                until = "END" if line.endswith("<<'END'") else ""
            elif until or command[-1].endswith("\\"):
                command.append(line)
                until = "" if line == until else until
            else:
                printed.append(line)
        yield "\n".join(command), printed


def test_the_first_five_minutes_are_as_written(new_system: Callable[..., System], tmp_path: Path) -> None:
    system = new_system()
    system.start()
    (tmp_path / ".chiso").symlink_to(system.home)
    (tmp_path / "seeds").symlink_to(README.parent / "seeds")
    environment = {
        **os.environ,
        **system.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "250",
        "TZ": "Asia/Ho_Chi_Minh",
    }
    ports = {"8101": system.ingest, "8102": system.indicators, "8103": system.alerts}
    ran = 0
    for command, printed in steps(README.read_text(encoding="utf-8")):
        for port, url in ports.items():
            command = command.replace(f"http://127.0.0.1:{port}", url)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        lines = {masked(line) for line in (done.stdout + done.stderr).splitlines()}
        for line in printed:
            assert masked(line) in lines, f"{command}\nnot printed: {line}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran >= 12
