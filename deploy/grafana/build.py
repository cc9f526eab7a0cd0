"""Writes every dashboard as JSON into dashboards/ beside it: `python deploy/grafana/build.py [--check]`.

With `--check` nothing is written: exit 1 if a file differs from what the code says.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import province_scorecard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

OUTPUT: Final = Path(__file__).parent / "dashboards"
DASHBOARDS: Final = {"province_scorecard.json": province_scorecard.dashboard}


def render() -> dict[str, str]:
    """The text of each file by name."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {name: encoder.encode(make().build()) + "\n" for name, make in DASHBOARDS.items()}


def differing(rendered: dict[str, str]) -> list[str]:
    """The files that are missing, old, or that no code makes."""
    there = {path.name: path.read_text(encoding="utf-8") for path in OUTPUT.glob("*.json")}
    return sorted(name for name in rendered.keys() | there.keys() if rendered.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Writes, or checks."""
    rendered = render()
    if arguments == ["--check"]:
        for name in differing(rendered):
            sys.stderr.write(f"{name} differs from the code: run python deploy/grafana/build.py\n")
        return 1 if differing(rendered) else 0
    OUTPUT.mkdir(exist_ok=True)
    for name, text in rendered.items():
        (OUTPUT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
