"""The account of a shipment for people: receipts, problems and one sentence. Keeps bounded lists of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console

from chiso_cli.dispatch import Dispatched
from chiso_cli.door import Result
from chiso_cli.problems import problem_rows, problem_table
from chiso_cli.render import Column, Item, table
from chiso_cli.wording import Language, counted, instant

_MOST_RECEIPTS: Final = 25
_MOST_PROBLEMS: Final = 200
_MOST_UNDELIVERED: Final = 3


class Account:
    """Takes results in as they come; holds the first receipts and the first problems."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.receipts: list[Item] = []
        self.problems: list[Item] = []
        self.more_receipts = 0
        self._undelivered = 0
        self.more_problems = 0
        self.status_urls: dict[str, str] = {}

    def take(self, result: Result) -> None:
        """Notes one result."""
        if result.receipt is not None:
            self._note_receipt(result, result.receipt)
        if result.outcome == "undelivered":
            self._undelivered += 1
            if self._undelivered > _MOST_UNDELIVERED:
                return
        if result.problem is not None:
            for row in problem_rows(result.outgoing, result.problem, self._language):
                self._note_problem(row)

    def _note_receipt(self, result: Result, receipt: Mapping[str, Any]) -> None:
        if status_url := receipt.get("status_url"):
            self.status_urls[str(status_url)] = result.outgoing.place
        if len(self.receipts) < _MOST_RECEIPTS:
            self.receipts.append({"place": result.outgoing.place, "outcome": result.outcome, **receipt})
        else:
            self.more_receipts += 1
        if returned := receipt.get("problems"):
            for row in problem_rows(result.outgoing, {"errors": returned}, self._language):
                self._note_problem(row)

    def _note_problem(self, row: Item) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(row)
        else:
            self.more_problems += 1

    def print(self, console: Console) -> None:
        """The tables."""
        if self.receipts:
            console.print(table(_receipt_columns(), self.receipts, self._language, console.width))
        if self.more_receipts:
            console.print(f"… and {self.more_receipts:,} more receipts (--json prints all)", style="dim")
        if self.problems:
            if self.receipts:
                console.print()
            console.print(problem_table(self.problems, self._language))
        if self.more_problems:
            console.print(f"… and {self.more_problems:,} more problems (--json prints all)", style="dim")


def _receipt_columns() -> list[Column]:
    def plain(name: str, item: Item) -> str:
        return "" if item.get(name) is None else str(item[name])

    def offset(item: Item) -> str:
        return "" if item.get("offset") is None else f"{item.get('partition')}/{item['offset']}"

    return [
        Column("file", lambda item: plain("place", item)),
        Column("submission", lambda item: plain("submission_id", item)),
        Column("outcome", lambda item: plain("outcome", item)),
        Column("obs.", lambda item: plain("observations", item), right=True),
        Column("partition/offset", offset, right=True, spare=1),
        Column("accepted", lambda item: instant(item.get("accepted_at")), spare=2),
    ]


def sentence(dispatched: Dispatched, ingest_url: str) -> str:
    """The whole run in one sentence or two."""
    shipment, counts = dispatched.shipment, dispatched.shipment.counts
    good = counts["accepted"] + counts["valid"]
    said = []
    if good:
        words = "valid (dry run: nothing was written)" if counts["valid"] else "accepted"
        observations = counted(shipment.observations, "observation")
        said.append(f"{counted(good, 'submission')}, {observations} {words}")
    if shipment.refused_observations:
        said.append(f"{counted(shipment.refused_observations, 'observation')} in them refused")
    endings = (("refused", "refused"), ("undelivered", "with unknown outcome"), ("not_sent", "not sent"))
    said += [f"{counted(counts[key], 'submission')} {ending}" for key, ending in endings if counts[key]]
    text = "; ".join(said) or "Nothing was sent"
    text = f"{text} in {dispatched.seconds:.1f} s."
    if counts["undelivered"]:
        text += f" {ingest_url} is away: run the same command again later, every id counts once."
    if dispatched.interrupted:
        text += " Interrupted: running the same command again is safe, every id counts once."
    return text
