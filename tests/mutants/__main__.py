"""`python -m tests.mutants [WORD …]`: shows each mistake caught; exit 1 if one survives or no longer fits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.model.server import running_postgres
from tests.mutants.catalogue import MUTANTS, Mutant

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("services/indicators/chiso_indicators", "shared/chiso_shared")
TIMEOUT_SECONDS = 300
AT_ONCE = 2


class DoesNotFit(Exception):
    """The text to be replaced is not there exactly once: the mutant must follow the code."""


def copied(mutant: Mutant | None, folder: Path) -> None:
    """Both packages beside each other, with the mistake in them."""
    for package in PACKAGES:
        shutil.copytree(
            PROJECT / package, folder / Path(package).name, ignore=shutil.ignore_patterns("__pycache__")
        )
    if mutant is None:
        return
    package = next(one for one in PACKAGES if mutant.file.startswith(one))
    path = folder / Path(package).name / Path(mutant.file).relative_to(package)
    text = path.read_text()
    for old, new in mutant.changes:
        if text.count(old) != 1:
            raise DoesNotFit(f"{mutant.file}: {old!r} is there {text.count(old)} times")
        text = text.replace(old, new)
    path.write_text(text)


def check(arguments: tuple[str, ...], folder: Path, dsn: str) -> tuple[int, str]:
    """Exit code and output of a check that imports the copies."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CHISO_TEST_POSTGRES": dsn,
        "CHISO_TEST_KAFKA": os.environ.get("CHISO_TEST_KAFKA", "no check needs one"),
    }
    finished = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return finished.returncode, finished.stdout


def verdict(mutant: Mutant, dsn: str) -> tuple[bool, str]:
    """Whether it is caught by a test that fails, and what that says; a crash is not a catch."""
    with TemporaryDirectory(prefix="chiso-mutant-") as folder:
        try:
            copied(mutant, Path(folder))
        except DoesNotFit as error:
            return False, f"does not fit: {error}"
        code, output = check(mutant.check, Path(folder), dsn)
    said = [line for line in output.splitlines() if line.startswith(("FAIL", "FAILED"))]
    if code == 1 and said:
        return True, f"{len(said)} fail, first: {said[0][:70]}"
    return False, "SURVIVES" if code == 0 else f"crashes: {output.splitlines()[-1][:100] if output else code}"


def control(dsn: str, checks: list[tuple[str, ...]]) -> bool:
    """Without a mistake the copies are imported, and every check passes."""
    with TemporaryDirectory(prefix="chiso-mutant-") as folder:
        copied(None, Path(folder))
        code, output = check(("tests.mutants.where",), Path(folder), dsn)
        if code != 0 or not all(line.startswith(folder) for line in output.splitlines()):
            print(f"the copies are not imported: {output}")
            return False
        for arguments in checks:
            code, output = check(arguments, Path(folder), dsn)
            if code != 0:
                print(f"without any mistake {' '.join(arguments)} fails:\n{output[-2_000:]}")
                return False
    return True


def main(words: list[str]) -> int:
    """Runs those whose name has a word in it (all without words)."""
    chosen = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
    started, survivors = perf_counter(), 0
    with running_postgres() as dsn, ThreadPoolExecutor(AT_ONCE) as pool:
        if not control(dsn, sorted({one.check for one in chosen})):
            return 1
        for mutant, (is_caught, said) in zip(
            chosen, pool.map(lambda one: verdict(one, dsn), chosen), strict=True
        ):
            survivors += not is_caught
            print(f"{'caught ' if is_caught else 'NOT CAUGHT'}  {mutant.name}: {said}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} caught, {perf_counter() - started:.0f} s")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
