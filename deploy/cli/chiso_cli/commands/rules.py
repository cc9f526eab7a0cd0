"""`chiso rules check`: validates a rule file and tells its scenarios, as promtool does. Asks no service."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from chiso_alerts.core.rulebook import RuleBook
from chiso_alerts.core.scenario import BadScenario, differences
from chiso_shared.catalogue import CatalogueError
from chiso_shared.catalogue.loading import FILES, RULES_FILE, parse_catalogue
from cyclopts import App, Parameter

from chiso_cli.environment import reason, seeds
from chiso_cli.exits import ALL_WELL, SOME_REFUSED, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, Output, Seeds
from chiso_cli.terminal import people, print_json

rules = App(name="rules", help="Try alert rules before they are used.")

_STORY_FIELDS: Final = {"name", "rollup", "steps"}


@rules.command
def check(
    file: Annotated[Path, Parameter(help="A rule file such as seeds/rules.yaml.")],
    /,
    *,
    scenarios: Annotated[
        tuple[Path, ...],
        Parameter(help="Files of stories. Without it: FILE_scenarios.yaml beside FILE, if it is there."),
    ] = (),
    output: Output = AS_A_TABLE,
    seeds_folder: Annotated[Seeds, Parameter(name="--seeds")] = None,
) -> int:
    """Check a rule file against the rest of the catalogue, and let it tell its stories.

    Exit code 1 if the file is wrong or a story goes another way than expected.
    """
    try:
        book = _book(seeds(seeds_folder, os.environ), file)
    except CatalogueError as error:
        return _wrong(error, file, output)
    beside = file.with_name(f"{file.stem}_scenarios.yaml")
    files = scenarios or ((beside,) if beside.is_file() else ())
    results = [_told(book, path, story) for path in files for story in _stories(path)]
    failed = [result for result in results if result["differences"] or result["error"]]
    if output.json:
        print_json({"file": str(file), "rules": len(book.rules), "problems": [], "scenarios": results})
    else:
        _print(file, book, results)
    return SOME_REFUSED if failed else ALL_WELL


def _book(folder: Path, file: Path) -> RuleBook:
    """The catalogue of the folder with this rule file instead of its own."""
    contents = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
    return RuleBook.of(parse_catalogue(contents | {RULES_FILE: _read(file)}))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {reason(error)}.", USAGE) from error


def _stories(file: Path) -> Iterable[dict[str, Any]]:
    """The stories of a file; scalars stay texts, so numbers are exact."""
    try:
        stories = yaml.load(_read(file), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise CommandFailed(f"{file} is not YAML: {error}", SOME_REFUSED) from error
    if not isinstance(stories, list) or not all(isinstance(story, dict) for story in stories):
        raise CommandFailed(f"{file} must be a list of stories.", SOME_REFUSED)
    return stories


def _told(book: RuleBook, file: Path, story: dict[str, Any]) -> dict[str, Any]:
    """How a story went."""
    result = {"file": str(file), "name": story.get("name", ""), "differences": [], "error": None}
    unknown = sorted(set(story) - _STORY_FIELDS)
    if unknown or not story.get("steps"):
        return result | {"error": f"unknown: {', '.join(unknown)}" if unknown else "it has no steps"}
    try:
        return result | {"differences": [asdict(one) for one in differences(book, story)]}
    except BadScenario as error:
        return result | {"error": str(error)}


def _wrong(error: CatalogueError, file: Path, output: Output) -> int:
    names = {RULES_FILE: str(file)}
    problems = [asdict(one) | {"file": names.get(one.file, one.file)} for one in error.problems]
    if output.json:
        print_json({"file": str(file), "rules": None, "problems": problems, "scenarios": []})
        return SOME_REFUSED
    for problem in problems:
        place = " ".join(str(part) for part in (problem["column"], problem["message"]) if part)
        people().print(f"{problem['file']}:{problem['row']}: {place}", markup=False)
    people().print(f"{len(problems)} problem{'s' * (len(problems) > 1)}.", markup=False)
    return SOME_REFUSED


def _print(file: Path, book: RuleBook, results: list[dict[str, Any]]) -> None:
    console = people()
    console.print(f"{file}: {len(book.rules)} rules, no problem.", markup=False)
    for result in results:
        wrong = result["differences"] or result["error"]
        console.print(f"{'FAILED' if wrong else 'ok':6}  {result['name']}", markup=False)
        if result["error"]:
            console.print(f"        {result['error']}", markup=False)
        for one in result["differences"]:
            console.print(f"        step {one['step']}: expected {_listed(one['expected'])}", markup=False)
            console.print(f"        happened instead: {_listed(one['happened'])}", markup=False)


def _listed(events: Iterable[str]) -> str:
    return "; ".join(events) or "nothing"
