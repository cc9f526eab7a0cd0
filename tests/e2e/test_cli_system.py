"""The command line on the whole system: submit, look, correct, see the retraction, follow, simulate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.harness import System
from tests.integration.cli_scripted import Chiso

INDICATOR = "DVC.ONLINE_SUBMIT"
PROVINCE = "33"
PERIOD = "2025-08"
ROW = ("--unit", PROVINCE, "--indicator", INDICATOR, "--period", PERIOD)


@pytest.fixture
def chiso(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chiso:
    settings = {name: value for name, value in system.environment.items() if name.startswith("CHISO_")}
    found = Chiso(tmp_path, monkeypatch, capsys, **settings, CHISO_KAFKA=system.kafka)
    monkeypatch.delenv("CHISO_KEY")
    monkeypatch.setenv("CHISO_SEEDS", str(Path(__file__).parents[2] / "seeds"))
    return found


def soon(check: Callable[[], Any], deadline_seconds: float = 20.0) -> Any:
    """The answer of `check` once it is truthy; the command cannot run inside the loop of `eventually`."""
    deadline = time.monotonic() + deadline_seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {deadline_seconds:g} s"
        time.sleep(0.05)
    return found


def rows(chiso: Chiso, *arguments: str) -> list[dict[str, Any]]:
    done = chiso(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def report(commune: str, numerator: int, revision: int = 0) -> str:
    return json.dumps(
        {
            "submission_id": str(uuid4()),
            "calendar": "administrative",
            "period": PERIOD,
            "basis": "in_period",
            "revision": revision,
            "reason": "file truncated" if revision else None,
            "observations": [
                {"unit": commune, "indicator": INDICATOR, "numerator": numerator, "denominator": 1000}
            ],
        }
    )


def first_commune(system: System, province: str) -> str:
    with system.http("indicators") as client:
        units = client.get("/v1/units", params={"level": "commune", "limit": 10_000}).json()["items"]
    return min(str(unit["code"]) for unit in units if unit["parent"] == province)


def test_the_first_five_minutes(system: System, chiso: Chiso) -> None:
    commune = first_commune(system, PROVINCE)
    low = report(commune, 500)
    (chiso.folder / "low.json").write_text(low)
    checked = chiso("preflight", "low.json")
    assert checked.returncode == 0 and "1 valid (1 observation)" in checked.stdout

    sent = chiso("submit", "low.json", "--wait")
    assert sent.returncode == 0, sent.stderr + sent.stdout
    assert "1 submission, 1 observation accepted" in sent.stdout
    assert "1 received: 1 applied." in sent.stdout
    identity = json.loads(low)["submission_id"]
    status = chiso("status", identity)
    assert status.returncode == 0 and f"DEMO/{identity}: received" in status.stdout
    assert chiso("status", str(uuid4())).returncode == 1

    (row,) = soon(lambda: [r for r in rows(chiso, "rollups", *ROW) if r["basis"] == "in_period"])
    assert (row["value"], row["numerator"], row["denominator"]) == (50, 500, 1000)
    shown = chiso("rollups", *ROW, "--lang", "vi")
    assert shown.returncode == 0 and "Hưng Yên" in shown.stdout and INDICATOR in shown.stdout
    (alert,) = soon(lambda: rows(chiso, "alerts", *ROW, "--state", "firing"))
    explained = chiso("alerts", "explain", alert["alert_id"][:13])
    assert explained.returncode == 0, explained.stderr
    assert commune in explained.stdout and identity in explained.stdout

    (chiso.folder / "high.json").write_text(report(commune, 900, revision=1))
    assert chiso("submit", "high.json").returncode == 0
    soon(lambda: rows(chiso, "alerts", *ROW, "--state", "RESOLVED"))
    watch = ("watch", "--from-beginning", "--until-end", "--unit", PROVINCE)
    events = soon(lambda: [e for e in rows(chiso, *watch) if e["alert_id"] == alert["alert_id"]][1:] or None)
    assert events[-1]["transition"] == "retracted"
    assert "retracted" in chiso("alerts", "show", alert["alert_id"]).stdout

    key = ("--unit", commune, "--indicator", INDICATOR, "--calendar", "administrative")
    history = chiso("cells", "--history", *key, "--period", PERIOD, "--basis", "in_period")
    assert history.returncode == 0 and "file truncated" in history.stdout
    assert history.stdout.index("900 / 1000") < history.stdout.index("500 / 1000")


def test_a_refusal_of_the_real_door_is_readable(chiso: Chiso) -> None:
    bad = json.loads(report("99999", 5))
    (chiso.folder / "bad.json").write_text(json.dumps(bad | {"period": "2025-13"}))
    online, offline = chiso("submit", "bad.json"), chiso("preflight", "bad.json")
    assert (online.returncode, offline.returncode) == (1, 1)
    for part in ("/period", "unknown_period", "/observations/0/unit", "unknown_unit"):
        assert part in online.stdout and part in offline.stdout


def test_a_csv_and_its_dry_run(system: System, chiso: Chiso) -> None:
    commune = first_commune(system, PROVINCE)
    sheet = f"unit;indicator;numerator;denominator\n{commune};DVC.ON_TIME;812;1.004\n"
    (chiso.folder / "july.csv").write_text(sheet)
    fields = ("-f", "calendar=administrative", "-f", "period=2025-07", "-f", "basis=in_period")
    dry = chiso("submit", "july.csv", *fields, "--locale", "vi", "--dry-run")
    assert dry.returncode == 0 and "nothing was written" in dry.stdout
    assert chiso("submit", "july.csv", *fields).returncode == 1
    sent = chiso("submit", "july.csv", *fields, "--locale", "vi", "--wait", "--json")
    assert sent.returncode == 0, sent.stderr
    (cell,) = rows(chiso, "cells", "--unit", commune, "--indicator", "DVC.ON_TIME", "--period", "2025-07")
    assert (cell["winner"]["numerator"], cell["winner"]["denominator"]) == (812, 1004)


def test_a_simulated_province_reports_once_however_often_it_is_sent(chiso: Chiso) -> None:
    simulate = ("simulate", "--province", "44", "--period", "2025-07", "--per-commune")
    (first,) = rows(chiso, *simulate)
    assert first["submissions"] == {"accepted": 78} and first["observations"] == 78 * 9
    assert first["observations_per_second"] > 0

    def reported() -> dict[str, Any] | None:
        found = rows(chiso, "rollups", "--unit", "44", "--indicator", INDICATOR, "--period", "2025-07")
        return next((row for row in found if row["n_reported"] == 78), None)

    before = soon(reported)
    assert before["completeness"] == 1
    (again,) = rows(chiso, *simulate)
    assert again["submissions"] == {"accepted": 78}
    last = chiso("simulate", "--province", "44", "--period", "2025-07", "--per-commune", "--print").stdout
    identity = json.loads(last.splitlines()[-1])["submission_id"]
    soon(lambda: json.loads(chiso("status", identity, "--json").stdout)["duplicates"] == 1)
    after = reported()
    assert after is not None and after["version"] == before["version"]
