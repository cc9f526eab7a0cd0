"""What is wrong with a catalogue: every problem with file, row and column. Collects, never decides."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a seed file. `row` counts from 1 (the header of a table); 0 is the whole file."""

    file: str
    row: int
    column: str
    message: str

    def __str__(self) -> str:
        place = (
            self.file + (f" row {self.row}" if self.row else "") + (f" {self.column}" if self.column else "")
        )
        return f"{place}: {self.message}"


class CatalogueError(Exception):
    """A catalogue that must not be used; `problems` holds every mistake found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"the catalogue has {len(self.problems)} problem(s):\n{lines}")


@dataclass(slots=True)
class Report:
    """The problems found so far. Parsers add to it and go on, so that one run shows them all."""

    found: dict[Problem, None] = field(default_factory=dict)

    def add(self, file: str, row: int, column: str, message: str) -> None:
        """Note one problem; the same one is noted once."""
        self.found[Problem(file, row, column, message)] = None

    def files(self) -> frozenset[str]:
        """The files that have a problem."""
        return frozenset(problem.file for problem in self.found)

    def raise_if_any(self) -> None:
        """Raise `CatalogueError` with everything noted, if anything was."""
        if self.found:
            raise CatalogueError(self.found)
