"""`chiso simulate`: lets the country's communes report a period through the door, unmistakably marked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from chiso_shared.catalogue import HO_CHI_MINH
from cyclopts import Group, Parameter, validators

from chiso_cli import clock
from chiso_cli.account import Account, sentence
from chiso_cli.catalogue_folder import read_catalogue
from chiso_cli.country import measures_to_simulate, period_to_simulate, provinces_to_simulate
from chiso_cli.dispatch import Dispatched, Errand, dispatch
from chiso_cli.documents import Outgoing
from chiso_cli.environment import is_local, read_key, seeds, service_url
from chiso_cli.exits import ALL_WELL, INTERRUPTED, USAGE, CommandFailed
from chiso_cli.options import AS_A_TABLE, IngestURL, KeyFile, Output, Seeds
from chiso_cli.retry import RetryPolicy
from chiso_cli.simulation import MARK, Document, Scenario, documents, outgoing
from chiso_cli.terminal import notes, people, print_json, print_json_lines

Share = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]


@Parameter(name="*", group=Group("Scenario", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class What:
    """What is simulated."""

    province: Annotated[
        tuple[str, ...], Parameter(help="Only this province, such as 51; may be repeated. Else all 34.")
    ] = ()
    indicator: Annotated[
        tuple[str, ...],
        Parameter(
            alias="--indicators",
            help="Only this indicator; may be repeated. Else what communes are obliged to report.",
        ),
    ] = ()
    calendar: Annotated[Literal["administrative", "statistical"], Parameter(help="The calendar.")] = (
        "administrative"
    )
    period: Annotated[str | None, Parameter(help="Such as 2025-10. Else the last month that ended.")] = None
    seed: Annotated[int, Parameter(help="The same seed sends the same ids and numbers.")] = 57
    breach_share: Annotated[Share, Parameter(help="Share of provinces below the target, 0 to 1.")] = 0.2
    missing_share: Annotated[Share, Parameter(help="Share of communes that do not report.")] = 0.0
    per_commune: Annotated[bool, Parameter(help="One submission a commune, not one a province.")] = False


def simulate(
    *,
    what: What = What(),
    print_only: Annotated[bool, Parameter(name="--print")] = False,
    allow_remote: bool = False,
    concurrency: Annotated[int, Parameter(alias="-c")] = 4,
    output: Output = AS_A_TABLE,
    ingest_url: IngestURL = None,
    key_file: KeyFile = None,
    seeds_folder: Annotated[Seeds, Parameter(name="--seeds")] = None,
) -> int:
    """Simulate: the communes report a month through the door. For demonstrations and load, not for figures.

    Everything is marked: source "SIMULATED by chiso simulate", stage estimate, status E and reason SIMULATED
    on every observation. The same options send the same submissions with the same ids, which change nothing
    the second time. A simulated report of a cell replaces a real one of the same revision accepted before, so
    only a door on this machine is taken unless --allow-remote is given.

    Try:

    * `chiso simulate --province 51 --period 2025-10`
    * `chiso simulate --breach-share 0.5 --seed 7 --per-commune`
    * `chiso simulate --print > simulated.ndjson`

    Parameters
    ----------
    print_only
        Write the submissions as NDJSON to standard output, send nothing.
    allow_remote
        Send to a door on another machine.
    concurrency
        Requests at a time.
    seeds_folder
        The folder of the catalogue. Without it: $CHISO_SEEDS, else seeds.
    """
    found = _documents(what, seeds_folder)
    if print_only:
        print_json_lines({"submission_id": out.submission_id, **doc} for doc, out in _paired(found))
        return ALL_WELL
    ingest = service_url("ingest", ingest_url, os.environ)
    if not is_local(ingest) and not allow_remote:
        raise CommandFailed(
            f"{ingest} is another machine: simulated reports go there with --allow-remote.", USAGE
        )
    key = read_key(key_file, os.environ)
    observations = sum(len(document["observations"]) for document in found)
    notes().print(f"{MARK}: {len(found):,} submissions, {observations:,} observations.", style="bold yellow")
    sending = list(outgoing(found))
    account = Account(output.lang)
    errand = Errand(ingest, key, {}, max(1, concurrency), RetryPolicy())
    dispatched = dispatch(errand, sending, sum(len(item.body) for item in sending), account.take)
    return _report(dispatched, account, ingest, output)


def _documents(what: What, seeds_folder: Seeds) -> list[Document]:
    catalogue = read_catalogue(seeds(seeds_folder, os.environ))
    today = clock.now(os.environ).astimezone(HO_CHI_MINH).date()
    period = period_to_simulate(catalogue, what.calendar, what.period, today)
    provinces = provinces_to_simulate(catalogue, what.province, period.end)
    measures = measures_to_simulate(catalogue, what.indicator, period, provinces)
    scenario = Scenario(
        calendar=what.calendar,
        period=period.code,
        period_end=period.end,
        seed=what.seed,
        breach_share=what.breach_share,
        missing_share=what.missing_share,
        per_commune=what.per_commune,
    )
    return list(documents(scenario, provinces, measures))


def _paired(found: Sequence[Document]) -> Iterator[tuple[Document, Outgoing]]:
    return zip(found, outgoing(found), strict=True)


def _report(dispatched: Dispatched, account: Account, ingest: str, output: Output) -> int:
    shipment, seconds = dispatched.shipment, dispatched.seconds
    per_second = round(shipment.observations / seconds) if seconds else 0
    if output.json:
        summary: dict[str, Any] = {
            "simulated": True,
            "submissions": dict(shipment.counts),
            "observations": shipment.observations,
            "seconds": round(seconds, 3),
            "observations_per_second": per_second,
            "problems": account.problems,
        }
        print_json(summary)
    else:
        account.receipts, account.more_receipts = [], 0
        account.print(people())
        people().print(
            f"{MARK}: {sentence(dispatched, ingest)} {per_second:,} observations a second.", markup=False
        )
    return INTERRUPTED if dispatched.interrupted else shipment.exit_code()
