"""The invariants of docs/delivery.md, held against a finished run. The model computes, this compares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.simulation.checks_alerts import check_alert_events, check_alert_states, check_timers
from tests.simulation.model import Country, Submission, instants, winners
from tests.simulation.run import Simulation, replay

NUMBERS = (
    "numerator",
    "denominator",
    "value",
    "n_expected",
    "n_reported",
    "n_contributing",
    "n_on_time",
    "n_percent_only",
    "n_unexpected",
    "completeness",
    "phase",
)


def check(run: Simulation) -> None:
    """Every invariant; an AssertionError names the one that does not hold."""
    submissions = check_log(run)
    country = check_cells(run, submissions)
    check_rollups(run, country)
    check_rollup_events(run)
    check_alert_events(run)
    check_alert_states(run, country)
    check_replay(run, replay(run, run.seed + 1))


def check_open(run: Simulation) -> None:
    """What must hold at any rest: numbers and states while periods are open, and no timer left behind."""
    country = check_cells(run, check_log(run))
    check_rollups(run, country)
    check_alert_events(run)
    check_alert_states(run, country)
    check_timers(run)


def check_log(run: Simulation) -> list[Submission]:
    """I1, I2, I4, I5: what was promised is in the log, all of it has one fate, nothing is invented."""
    sent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for receipt in run.door.receipts:
        sent[receipt.document["submission_id"]].append(receipt.document)
    records = read_log(run)
    for receipt in run.door.receipts:
        record = records[(receipt.partition, receipt.offset)]
        assert record is not None and same(record, receipt.document), "a 202 is not in the log (I1)"
    first: dict[str, Submission] = {}
    fates = {"duplicate": 0, "conflict": 0}
    for record in records.values():
        if record is None:
            continue
        identity = record["submission_id"]
        if identity in first:
            fates["duplicate" if payload(first[identity].document) == payload(record) else "conflict"] += 1
        else:
            first[identity] = Submission(_as_sent(record), record["accepted_at"])
    store = run.indicators
    assert store.offsets == run.submissions.ends, "offsets are left (I4)"
    assert {str(key[1]) for key in store.submissions} == set(first), "not each submission once (I2)"
    for (_, identity), outcomes in store.outcomes.items():
        assert len(outcomes) == len(first[str(identity)].document["observations"]), (
            "not one outcome each (I1)"
        )
    assert len(store.outcomes) == len(first), "a submission without outcomes (I1)"
    assert store.repeated["duplicate"] == fates["duplicate"], "duplicates are miscounted (I2)"
    assert store.repeated["conflict"] == fates["conflict"], "conflicts are miscounted (I2)"
    bad = sorted(place for place, record in records.items() if record is None)
    assert sorted(store.quarantined) == bad, "quarantine is not what could not be read (I4)"
    return list(first.values())


def read_log(run: Simulation) -> dict[tuple[int, int], dict[str, Any] | None]:
    """Every record, parsed; None for what is no submission."""
    found: dict[tuple[int, int], dict[str, Any] | None] = {}
    for message in run.submissions.all():
        try:
            record = json.loads(message.value, parse_float=Decimal)
        except ValueError:
            record = None
        found[(message.partition, message.offset)] = record
    return found


def payload(document: Mapping[str, Any]) -> str:
    """What the agency said, without what the door added."""
    stamped = ("accepted_at", "payload_sha256", "key_id", "catalogue_version")
    said = {name: value for name, value in _as_sent(document).items() if name not in stamped}
    return json.dumps(said, sort_keys=True, default=str)


def _as_sent(record: Mapping[str, Any]) -> dict[str, Any]:
    observations = [
        {name: value for name, value in item.items() if value is not None} for item in record["observations"]
    ]
    return {**record, "observations": observations}


def same(record: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether the log says what the client said."""
    heads = all(record[name] == document[name] for name in ("agency", "period", "basis", "revision", "as_of"))
    pairs = zip(record["observations"], document["observations"], strict=True)
    return heads and all(all(one.get(name) == sent[name] for name in sent) for one, sent in pairs)


def check_cells(run: Simulation, submissions: list[Submission]) -> Country:
    """I3, I5: the winners are those of the model, no more and no fewer."""
    cells = winners(submissions)
    stored = {
        (key.unit, key.indicator, key.period, key.basis): cell for key, cell in run.indicators.cells.items()
    }
    assert set(stored) == set(cells), "other cells than were reported (I5)"
    for key, item in cells.items():
        figure = stored[key].revision.figure
        found = (figure.op, figure.status, figure.numerator, figure.denominator, figure.value)
        wanted = (
            item.get("op", "report"),
            item.get("status", "A"),
            item.get("numerator"),
            item.get("denominator"),
            item.get("value"),
        )
        assert found == wanted, f"{key}: {found} won, not {wanted} (I3)"
    return Country(cells, run.world.parents, run.now)


def check_rollups(run: Simulation, country: Country) -> None:
    """I3: rollups are the sums over winners."""
    keys = country.keys()
    stored = {
        (key.unit, key.indicator, key.period, key.basis): row for key, row in run.indicators.rows.items()
    }
    assert keys <= set(stored), f"no rollup of {sorted(keys - set(stored))[:3]} (I3)"
    for key, row in stored.items():
        wanted = country.row(key)
        for name in NUMBERS:
            found = getattr(row, name)
            assert found == getattr(wanted, name), f"{key} {name}: {found}, not {getattr(wanted, name)} (I3)"
        if key not in keys:
            due = instants(key[2])[1]
            assert row.n_expected and due <= run.now, f"a rollup of nothing: {key} (I5)"


def check_rollup_events(run: Simulation) -> None:
    """I6: versions of a key only grow in the history; the last event equals the row."""
    versions: dict[str, int] = defaultdict(int)
    for one in run.indicators.history:
        assert one.row.version == versions[one.row.key.text] + 1, "a version was skipped or repeated (I6)"
        versions[one.row.key.text] = one.row.version
    last: dict[str, dict[str, Any]] = {}
    for message in run.rollups.all():
        last[message.key] = json.loads(message.value, parse_float=Decimal)
    for key, row in run.indicators.rows.items():
        event = last[key.text]
        shown = (event["version"], event["n_reported"], event["value"], event["phase"], event["vintage"])
        assert shown == (row.version, row.n_reported, row.value, row.phase, row.vintage), "not the row (I6)"


def check_replay(run: Simulation, again: Simulation) -> None:
    """I8: another interleaving of the same log gives the same cells, values, phases and states at rest."""
    one, other = run.indicators, again.indicators
    assert one.cells == other.cells, "a replay has other cells (I8)"
    assert {key: _said(row) for key, row in one.rows.items()} == {
        key: _said(row) for key, row in other.rows.items()
    }, "a replay has other rollups (I8)"
    assert _standing(run) == _standing(again), "a replay has other alerts (I8)"


def _said(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in NUMBERS)


def _standing(run: Simulation) -> dict[str, Any]:
    return {
        str(alert_id): memory.severity for alert_id, memory in run.alerts.memories.items() if memory.standing
    }
