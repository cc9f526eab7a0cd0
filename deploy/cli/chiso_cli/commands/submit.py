"""`chiso submit`: sends files to the door, again while that may help, and tells what became of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from chiso_cli.account import Account, sentence
from chiso_cli.content import AS_IT_IS, Content, read_all
from chiso_cli.dispatch import Errand, await_received, dispatch
from chiso_cli.documents import Outgoing
from chiso_cli.door import Result
from chiso_cli.environment import read_key, service_url
from chiso_cli.exits import ALL_WELL, AWAY, INTERRUPTED
from chiso_cli.options import AS_A_TABLE, IndicatorsURL, IngestURL, KeyFile, Output
from chiso_cli.retry import RetryPolicy
from chiso_cli.sources import Files, sources
from chiso_cli.terminal import notes, people, print_json_now


@Parameter(name="*", group=Group("Delivery", sort_key=7))
@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How it is sent, how hard it is tried, and how long is waited."""

    dry_run: Annotated[bool, Parameter(help="Check everything at the door, write nothing.")] = False
    concurrency: Annotated[int, Parameter(alias="-c", help="Requests at a time.")] = 4
    give_up_after: Annotated[
        float, Parameter(help="Seconds of trying again before a submission counts as undelivered.")
    ] = 120
    wait: Annotated[
        bool, Parameter(help="Wait until everything accepted is received by the indicators service.")
    ] = False
    wait_seconds: Annotated[float, Parameter(help="How long --wait waits.")] = 30


def submit(
    files: Files,
    /,
    *,
    content: Content = AS_IT_IS,
    delivery: Delivery = Delivery(),
    output: Output = AS_A_TABLE,
    ingest_url: IngestURL = None,
    indicators_url: IndicatorsURL = None,
    key_file: KeyFile = None,
) -> int:
    """Submit files of indicator reports: JSON, NDJSON (one submission a line) or CSV; `-` is standard input.

    While the door is busy or away the same bytes are sent again with the same submission_id, so nothing is
    counted twice; repeating the whole command is always safe. A submission without an id gets one made from
    its content: the same content keeps its id, so a correction needs a higher revision (or its own id).
    Several lines and files travel at once: order between them is told by `revision`, not by their place.

    Exit codes: 0 all accepted; 1 some refused; 2 wrong usage; 3 the door was away for some, or with `--wait`
    something accepted was not received in time.

    Try:

    * `chiso submit october.json --wait`
    * `chiso submit *.csv --locale vi -f calendar=administrative -f period=2025-10 -f basis=in_period`
    * `chiso submit reports.ndjson --mode each --json > receipts.ndjson`
    """
    given = sources(files)
    ingest = service_url("ingest", ingest_url, os.environ)
    errand = Errand(
        ingest_url=ingest,
        key=read_key(key_file, os.environ),
        query={**content.query(), **({"dry_run": "true"} if delivery.dry_run else {})},
        concurrency=max(1, delivery.concurrency),
        policy=RetryPolicy(total_ms=int(delivery.give_up_after * 1000)),
    )
    account = Account(output.lang)
    submissions = _announced(read_all(given, content))
    dispatched = dispatch(errand, submissions, sum(source.size for source in given), _taker(account, output))
    if not output.json:
        account.print(people())
    (notes() if output.json else people()).print(sentence(dispatched, ingest), markup=False)
    if dispatched.interrupted:
        return INTERRUPTED
    code = dispatched.shipment.exit_code()
    if delivery.wait and account.status_urls:
        indicators = service_url("indicators", indicators_url, os.environ)
        code = max(code, _wait(indicators, account, delivery.wait_seconds, output))
    return code


def _taker(account: Account, output: Output) -> Callable[[Result], None]:
    def take(result: Result) -> None:
        account.take(result)
        if output.json:
            print_json_now(result.document())

    return take


def _announced(submissions: Iterator[Outgoing]) -> Iterator[Outgoing]:
    """Says which ids were made: once a file for NDJSON, so that a long file does not flood the terminal."""
    said: set[str] = set()
    for outgoing in submissions:
        if outgoing.id_assigned and outgoing.file not in said:
            said.add(outgoing.file)
            more = "" if outgoing.line is None else " (and so for further lines)"
            notes().print(
                f"{outgoing.place} has no submission_id: using {outgoing.submission_id}, "
                f"made from its content{more}.",
                markup=False,
            )
        yield outgoing


def _wait(indicators_url: str, account: Account, wait_seconds: float, output: Output) -> int:
    """Waits for what was accepted; the outcomes of its observations in one sentence."""
    found = await_received(indicators_url, list(account.status_urls), wait_seconds)
    outcomes: Counter[str] = Counter()
    for status in found.values():
        for item in (status or {}).get("observations") or ():
            outcomes[str(item.get("outcome"))] += 1
    late = [account.status_urls[status_url] for status_url, status in found.items() if status is None]
    console = notes() if output.json else people()
    counted = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
    console.print(f"{len(found) - len(late):,} received: {counted or 'no observation'}.", markup=False)
    if not late:
        return ALL_WELL
    console.print(
        f"{len(late):,} accepted but not received within {wait_seconds:g} s ({', '.join(late[:3])}"
        f"{', …' if len(late) > 3 else ''}): ask again with `chiso status`.",
        markup=False,
    )
    return AWAY
