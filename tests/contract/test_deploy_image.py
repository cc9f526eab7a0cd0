"""deploy/docker/Dockerfile, tried without an engine: its COPY lines and uv commands are run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
PACKAGES = ("ingest", "indicators", "alerts", "cli")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def instructions() -> list[tuple[str, str]]:
    """(keyword, arguments) in order; continued lines joined, comments dropped."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def copies() -> list[tuple[list[str], str]]:
    found = []
    for keyword, arguments in instructions():
        if keyword == "COPY" and not arguments.startswith("--from"):
            *sources, target = arguments.split()
            found.append((sources, target))
    return found


def uv_commands() -> list[list[str]]:
    return [
        re.sub(r"^--mount=\S+\s+", "", arguments).replace('"', "").split()
        for keyword, arguments in instructions()
        if keyword == "RUN" and "uv sync" in arguments
    ]


def test_every_copied_path_exists() -> None:
    missing = [source for sources, _ in copies() for source in sources if not (ROOT / source).exists()]
    assert len(copies()) >= 9
    assert missing == []


def test_the_ignore_file_lets_every_copied_path_through() -> None:
    text = (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text(encoding="utf-8")
    allowed = [line[1:] for line in text.splitlines() if line.startswith("!")]
    for sources, _ in copies():
        for source in sources:
            assert any(source == path or source.startswith(f"{path}/") for path in allowed), source


def test_it_runs_as_somebody_and_is_watched() -> None:
    keywords = [keyword for keyword, _ in instructions()]
    users = [arguments for keyword, arguments in instructions() if keyword == "USER"]
    assert users == ["chiso"]
    assert keywords.index("USER") < keywords.index("CMD")
    assert "HEALTHCHECK" in keywords
    assert 'exec python -m chiso_${CHISO_SERVICE}"]' in DOCKERFILE, "the service must be process 1"


def test_the_uv_of_the_image_is_the_uv_of_the_lock_file() -> None:
    locked = re.search(r'name = "uv"\nversion = "([^"]+)"', (ROOT / "uv.lock").read_text(encoding="utf-8"))
    assert locked is not None
    assert f"ARG UV_VERSION={locked[1]}\n" in DOCKERFILE


@pytest.mark.parametrize("package", PACKAGES)
def test_the_uv_commands_make_a_complete_installation(package: str, tmp_path: Path) -> None:
    context, environment = tmp_path / "src", tmp_path / "opt"
    context.mkdir()
    commands = [[re.sub(r"\$\{SERVICE[^}]*\}", package, word) for word in line] for line in uv_commands()]
    # "${SERVICE:?is missing: --build-arg …}" was split at its blanks: what remains of the message goes.
    commands = [[word for word in line if word not in ("missing:", "--build-arg")] for line in commands]
    commands = [_joined(line, package) for line in commands]
    first_uv = next(i for i, (k, a) in enumerate(instructions()) if k == "RUN" and "uv sync" in a)
    early = [a for k, a in instructions()[:first_uv] if k == "COPY"]
    for keyword, arguments in instructions():
        if keyword == "COPY" and not arguments.startswith("--from") and arguments in early:
            _copy(arguments, context)
    _run(commands[0], context, environment)
    for keyword, arguments in instructions():
        if keyword == "COPY" and not arguments.startswith("--from") and arguments not in early:
            _copy(arguments, context)
    _run(commands[1], context, environment)
    _assert_installed(package, environment)


def _joined(line: list[str], package: str) -> list[str]:
    """The command up to and with its package."""
    return [*line[: line.index("--package") + 1], f"chiso-{package}"]


def _copy(arguments: str, context: Path) -> None:
    *sources, target = arguments.split()
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / target, ignore=IGNORED, dirs_exist_ok=True)
        else:
            destination = context / target / Path(source).name if target.endswith("/") else context / target
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, destination)


def _run(command: list[str], context: Path, environment: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    assert uv.exists(), "the project's environment has no uv: run `make install` again"
    assert command[0] == "uv"
    done = subprocess.run(
        [str(uv), *command[1:], "--python", sys.executable],
        cwd=context,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("UV_", "VIRTUAL_ENV"))},
            "UV_PROJECT_ENVIRONMENT": str(environment),
            "UV_PYTHON_DOWNLOADS": "never",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def _assert_installed(package: str, environment: Path) -> None:
    installed = next((environment / "lib").glob("python3.*")) / "site-packages"
    names = {"cli": "deploy/cli/chiso_cli"}
    source = ROOT / names.get(package, f"services/{package}/chiso_{package}")
    for root, name in ((source, f"chiso_{package}"), (ROOT / "shared/chiso_shared", "chiso_shared")):
        wanted = {p.relative_to(root) for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc"}
        there = {p.relative_to(installed / name) for p in (installed / name).rglob("*") if p.is_file()}
        assert wanted <= there, f"not in the image: {sorted(map(str, wanted - there))}"
    assert not (installed / "pytest").exists(), "development tools do not belong in an image"
