"""A month of reports as communes might send them, marked as simulated. Pure: same seed, same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from chiso_shared.contracts.codec import encode_json

from chiso_cli.documents import Outgoing, assigned_id

MARK: Final = "SIMULATED"
MOST_OBSERVATIONS: Final = 4_000

_MEDIAN_LOG_DOSSIERS: Final = 6.2
_SPREAD_LOG_DOSSIERS: Final = 0.6
_SPREAD_POINTS: Final = 4.0
_POINTS_BELOW: Final = (6.0, 15.0)
_POINTS_ABOVE: Final = (3.0, 9.0)
_LIMIT: Final = Decimal(80)
_HIGHEST: Final = 99.5

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Province:
    """A province and the codes of its communes."""

    code: str
    communes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """An indicator to report. `limits` are the targets of its ratio by province, in per cent."""

    indicator: str
    basis: str
    is_ratio: bool
    limits: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated. Shares lie in 0..1: of provinces below a target, of communes that do not report."""

    calendar: str
    period: str
    period_end: date
    seed: int
    breach_share: float
    missing_share: float
    per_commune: bool


def documents(
    scenario: Scenario, provinces: Sequence[Province], measures: Sequence[Measure]
) -> Iterator[Document]:
    """The submissions, without their ids: one a province, cut at 4,000 observations, or one a commune.

    Indicators of different bases go into different submissions, since the basis belongs to the document.
    """
    low = {measure.indicator: _low_provinces(scenario, provinces, measure) for measure in measures}
    for basis in sorted({measure.basis for measure in measures}):
        chosen = [measure for measure in measures if measure.basis == basis]
        for province in provinces:
            below = frozenset(
                measure.indicator for measure in chosen if province.code in low[measure.indicator]
            )
            for observations in _parcels(scenario, province, chosen, below):
                yield _document(scenario, basis, observations)


def outgoing(documents_: Iterable[Document]) -> Iterator[Outgoing]:
    """The submissions as bytes, each with an id made from its content: the same seed repeats the same ids."""
    for number, document in enumerate(documents_, start=1):
        identity = assigned_id(encode_json(document), {})
        body = encode_json({"submission_id": identity, **document})
        yield Outgoing("simulation", number, "ndjson", identity, False, body, {})


def _document(scenario: Scenario, basis: str, observations: list[Document]) -> Document:
    document: Document = {"calendar": scenario.calendar, "period": scenario.period, "basis": basis}
    if basis == "as_of":
        document["as_of"] = scenario.period_end.isoformat()
    return {
        **document,
        "stage": "estimate",
        "source": {"document": f"{MARK} by chiso simulate, seed {scenario.seed}"},
        "observations": observations,
    }


def _low_provinces(scenario: Scenario, provinces: Sequence[Province], measure: Measure) -> frozenset[str]:
    """Which provinces stay below the target of a ratio: just the share that was asked for."""
    if not measure.is_ratio:
        return frozenset()
    codes = [province.code for province in provinces]
    count = round(scenario.breach_share * len(codes))
    return frozenset(_chance(scenario, "low", measure.indicator).sample(codes, count))


def _parcels(
    scenario: Scenario, province: Province, measures: Sequence[Measure], below: frozenset[str]
) -> Iterator[list[Document]]:
    """The observations of a province in parcels of a submission each."""
    means = {measure.indicator: _mean(scenario, province, measure, below) for measure in measures}
    parcel: list[Document] = []
    for commune in province.communes:
        chance = _chance(scenario, "commune", commune)
        if chance.random() < scenario.missing_share:
            continue
        observations = _observations(commune, measures, means, chance)
        if scenario.per_commune:
            yield observations
            continue
        if parcel and len(parcel) + len(observations) > MOST_OBSERVATIONS:
            yield parcel
            parcel = []
        parcel += observations
    if parcel:
        yield parcel


def _mean(scenario: Scenario, province: Province, measure: Measure, below: frozenset[str]) -> float:
    """The rate in per cent around which a province's communes lie."""
    chance = _chance(scenario, province.code, measure.indicator)
    limit = float(measure.limits.get(province.code, _LIMIT))
    if measure.indicator in below:
        return max(0.0, limit - chance.uniform(*_POINTS_BELOW))
    return min(_HIGHEST, limit + chance.uniform(*_POINTS_ABOVE))


def _observations(
    commune: str, measures: Sequence[Measure], means: Mapping[str, float], chance: random.Random
) -> list[Document]:
    dossiers = 1 + int(chance.lognormvariate(_MEDIAN_LOG_DOSSIERS, _SPREAD_LOG_DOSSIERS))
    observations: list[Document] = []
    for measure in measures:
        rate = min(1.0, max(0.0, chance.gauss(means[measure.indicator], _SPREAD_POINTS) / 100))
        observation: Document = {"unit": commune, "indicator": measure.indicator}
        if measure.is_ratio:
            denominator = max(1, int(dossiers * chance.uniform(0.85, 1.0)))
            observation["numerator"] = round(denominator * rate)
            observation["denominator"] = denominator
        else:
            observation["value"] = dossiers
        observations.append({**observation, "status": "E", "reason": MARK})
    return observations


def _chance(scenario: Scenario, *about: str) -> random.Random:
    """Chance of its own for each thing, so that leaving one province out changes nothing in the others."""
    return random.Random("|".join((str(scenario.seed), scenario.period, *about)))
