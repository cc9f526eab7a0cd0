"""Documents and rules that the tests of the door start from; the real catalogue of `seeds/`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from chiso_ingest.core.check import Mode, Rules, Verdict
from chiso_ingest.core.door import MediaType, examine
from chiso_ingest.core.findings import Finding
from chiso_ingest.core.limits import Limits
from chiso_ingest.core.scope import Scope
from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.loading import load_catalogue

NOW = datetime(2025, 11, 3, 2, 0, tzinfo=UTC)
SEEDS = Path(__file__).parents[2] / "seeds"
GOOD: dict[str, Any] = {
    "submission_id": "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77",
    "agency": "H48",
    "calendar": "administrative",
    "period": "2025-10",
    "basis": "in_period",
    "as_of": "2025-10-14",
    "stage": "actual",
    "revision": 0,
    "reason": None,
    "source": {"document": "359-KH/TU", "url": None, "published": "2025-10-16"},
    "observations": [
        {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004},
        {"unit": "51", "indicator": "DVC.ON_TIME", "value": 97, "qualifier": "gt"},
        {"unit": "51", "indicator": "DVC.DIGITISED", "value": 98, "value_high": 99, "qualifier": "range"},
        {"unit": "21292", "indicator": "DVC.RECEIVED", "value": 1180},
        {
            "unit": "21292",
            "indicator": "DVC.ONLINE_SUBMIT",
            "status": "NA",
            "reason": "no service point",
        },
        {"unit": "21292", "indicator": "DVC.ON_TIME", "op": "withdraw", "reason": "wrong unit"},
    ],
}
RATIO = {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004}


@cache
def catalogue() -> Catalogue:
    """The catalogue in `seeds/`."""
    return load_catalogue(SEEDS)


def good(**changes: Any) -> dict[str, Any]:
    """A good submission with some document fields replaced; a value of `...` removes the field."""
    document = copy.deepcopy(GOOD)
    for name, value in changes.items():
        if value is ...:
            document.pop(name, None)
        else:
            document[name] = value
    return document


def with_observation(**changes: Any) -> dict[str, Any]:
    """A submission of one good ratio, with fields of the observation replaced or (`...`) removed."""
    observation = {**RATIO, **changes}
    kept = {name: value for name, value in observation.items() if value is not ...}
    return good(observations=[kept])


def rules(
    scope: Scope | None = None, mode: Mode = "atomic", now: datetime = NOW, limits: Limits | None = None
) -> Rules:
    """What a key of H48 without limits is held against, on 3 November 2025."""
    return Rules(catalogue(), scope or Scope.unlimited("H48"), now, limits or Limits(), mode)


def verdict_of(
    document: Any, query: Mapping[str, str] | None = None, held_against: Rules | None = None
) -> Verdict:
    """The verdict about a document sent as JSON (numbers of Python, or raw JSON bytes)."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return examine_one(body, "application/json", query, held_against)


def examine_one(
    body: bytes,
    media_type: MediaType,
    query: Mapping[str, str] | None = None,
    held_against: Rules | None = None,
) -> Verdict:
    """The only verdict about a body."""
    (verdict,) = examine(body, media_type, query or {}, held_against or rules()).verdicts
    return verdict


def codes(verdict: Verdict) -> set[tuple[str, str]]:
    """(pointer, code) of every finding; each of them must be complete."""
    for finding in verdict.findings:
        assert_complete(finding)
    return {(finding.pointer, finding.code) for finding in verdict.findings}


def assert_complete(finding: Finding) -> None:
    """Both languages are there and no placeholder was left in a sentence."""
    for message in (finding.message, finding.message_vi):
        assert message and "{" not in message, finding
    assert finding.message != finding.message_vi
