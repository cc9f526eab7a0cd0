"""`chiso preflight`: the door's own checks, without the door."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Final

from chiso_ingest.core.check import Rules, Verdict
from chiso_ingest.core.door import CHECKS_LEFT_TO_SERVER, MediaType, examine
from chiso_ingest.core.scope import Scope
from cyclopts import Parameter

from chiso_cli import clock
from chiso_cli.account import Account
from chiso_cli.catalogue_folder import read_catalogue
from chiso_cli.content import AS_IT_IS, Content, read_all
from chiso_cli.documents import Outgoing
from chiso_cli.door import Result
from chiso_cli.environment import home, seeds
from chiso_cli.exits import ALL_WELL, SOME_REFUSED
from chiso_cli.options import AS_A_TABLE, Output, Seeds
from chiso_cli.registry import scope_of
from chiso_cli.sources import Files, sources
from chiso_cli.terminal import notes, people, print_json
from chiso_cli.wording import counted

# Stands in where a submission leaves its agency to the key and no key is named.
_ANY_AGENCY: Final = "DEMO"


def preflight(
    files: Files,
    /,
    *,
    content: Content = AS_IT_IS,
    agency: Annotated[str | None, Parameter(env_var="CHISO_AGENCY")] = None,
    key_id: str | None = None,
    output: Output = AS_A_TABLE,
    seeds_folder: Annotated[Seeds, Parameter(name="--seeds")] = None,
) -> int:
    """Check files as the door would, offline: no service is asked, nothing is sent.

    It reads the same catalogue. What only the store knows stays open: whether an id was used before, newer
    revisions, closed periods, authoritative sources. Exit code 1 if the door would refuse anything.

    Try:

    * `chiso preflight october.json`
    * `chiso preflight *.csv --locale vi -f calendar=administrative -f period=2025-10 -f basis=in_period`

    Parameters
    ----------
    agency
        Check that the submissions are this agency's. Without it any agency will do.
    key_id
        Check against what this key may do, as registered on this machine.
    """
    given = sources(files)
    rules = Rules(
        catalogue=read_catalogue(seeds(seeds_folder, os.environ)),
        scope=scope_of(home(os.environ), key_id) if key_id else Scope.unlimited(agency),
        now=clock.now(os.environ),
        mode=content.mode,
    )
    submissions = read_all(given, content)
    account = Account(output.lang)
    refused = returned = valid = observations = 0
    for result in _results(submissions, rules, content):
        account.take(result)
        if output.json:
            print_json(result.document())
        refused += result.outcome == "refused"
        returned += int((result.receipt or {}).get("refused", 0))
        valid += result.outcome == "valid"
        observations += int((result.receipt or {}).get("observations", 0))
    said = [f"{valid:,} valid ({counted(observations, 'observation')})"] if valid else []
    if returned:
        said.append(f"{counted(returned, 'observation')} in them would be refused")
    if refused:
        said.append(f"{counted(refused, 'submission')} would be refused")
    _conclude(account, said, output)
    return SOME_REFUSED if refused or returned else ALL_WELL


def _results(submissions: Iterable[Outgoing], rules: Rules, content: Content) -> Iterator[Result]:
    for outgoing in submissions:
        media_type: MediaType = "text/csv" if outgoing.format == "csv" else "application/json"
        if len(outgoing.body) > rules.limits.body_bytes:
            yield Result(outgoing, "refused", 413, problem=_too_large(outgoing, rules.limits.body_bytes))
            continue
        query = {**content.query(), **outgoing.query}
        verdict = examine(outgoing.body, media_type, query, rules).verdicts[0]
        if rules.scope.agency is None and _lacks_agency(verdict):
            rules_of_key = replace(rules, scope=Scope.unlimited(_ANY_AGENCY))
            verdict = examine(outgoing.body, media_type, query, rules_of_key).verdicts[0]
            verdict = replace(verdict, payload_sha256=None)
        yield _result(outgoing, verdict)


def _lacks_agency(verdict: Verdict) -> bool:
    return any(
        finding.pointer == "/agency" and finding.code == "missing_field" for finding in verdict.findings
    )


def _result(outgoing: Outgoing, verdict: Verdict) -> Result:
    """The verdict in the form of the door's answers."""
    errors = [finding.as_json() for finding in verdict.findings]
    if verdict.status != 200:
        problem = {"status": verdict.status, "errors": errors, "errors_total": verdict.findings_total}
        return Result(outgoing, "refused", verdict.status, problem=problem)
    receipt: dict[str, object] = {
        "status": "valid",
        "submission_id": outgoing.submission_id,
        "observations": verdict.accepted,
        "payload_sha256": verdict.payload_sha256,
        "checks_left_to_server": CHECKS_LEFT_TO_SERVER,
    }
    if errors:
        receipt |= {"refused": verdict.sent - verdict.accepted, "problems": errors}
    return Result(outgoing, "valid", 200, receipt=receipt)


def _too_large(outgoing: Outgoing, limit: int) -> dict[str, object]:
    return {
        "status": 413,
        "title": f"{len(outgoing.body):,} bytes; at most {limit:,}",
        "hint": "split it into several submissions",
    }


def _conclude(account: Account, said: Sequence[str], output: Output) -> None:
    console = notes() if output.json else people()
    if not output.json:
        account.print(console)
    console.print(f"{'; '.join(said) or 'Nothing to check'}. Nothing was sent.", markup=False)
    if account.receipts:
        left = ", ".join(check.replace("_", " ") for check in CHECKS_LEFT_TO_SERVER)
        console.print(f"Left to the server: {left}.", style="dim", markup=False)
