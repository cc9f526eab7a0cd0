"""The commands that need no service, run as a person would: preflight, keys, help, usage errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chiso_cli.__main__ import run

SEEDS = Path(__file__).parents[2] / "seeds"
GOOD = {
    "calendar": "administrative",
    "period": "2025-10",
    "basis": "in_period",
    "observations": [
        {"unit": "21289", "indicator": "DVC.ONLINE_SUBMIT", "numerator": 812, "denominator": 1004}
    ],
}
BAD_UNIT = GOOD["observations"][0] | {"unit": "99999"}  # type: ignore[operator]


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHISO_HOME", str(tmp_path))
    monkeypatch.setenv("CHISO_SEEDS", str(SEEDS))
    for name in ("CHISO_AGENCY", "CHISO_KEY", "CHISO_LANG", "CHISO_CLOCK_OFFSET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def written(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "october.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_preflight_says_valid_and_sends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["preflight", written(tmp_path, GOOD)]) == 0
    out = capsys.readouterr().out
    assert "1 valid (1 observation). Nothing was sent." in out
    assert "submission id reused" in out


def test_preflight_finds_what_the_door_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = written(tmp_path, GOOD | {"observations": [*GOOD["observations"], BAD_UNIT]})
    assert run(["preflight", bad]) == 1
    out = capsys.readouterr().out
    assert "/observations/1/unit" in out and "unknown_unit" in out and "1 submission would be refused" in out
    assert run(["preflight", "--mode", "each", "--json", bad]) == 1
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    result = json.loads(line)
    assert (result["outcome"], result["receipt"]["observations"], result["receipt"]["refused"]) == (
        "valid",
        1,
        1,
    )
    assert result["receipt"]["problems"][0]["code"] == "unknown_unit"


def test_preflight_against_an_agency_or_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = written(tmp_path, GOOD | {"agency": "H48.12"})
    assert run(["preflight", theirs]) == 0
    assert run(["preflight", "--agency", "H48.12", theirs]) == 0
    assert run(["preflight", "--agency", "H50", theirs]) == 1
    assert run(["keys", "add", "--agency", "H48.12", "--home", "51", "--units", "21292", "--json"]) == 0
    added = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert run(["preflight", "--key-id", added["key_id"], theirs]) == 1
    assert "out_of_scope" in capsys.readouterr().out
    assert run(["preflight", "--key-id", "unheard", theirs]) == 2


def test_preflight_of_a_csv_with_vietnamese_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "october.csv"
    sheet.write_text("unit;indicator;numerator;denominator\n21289;DVC.ONLINE_SUBMIT;812;1.004\n")
    fields = ["-f", "calendar=administrative", "-f", "period=2025-10", "-f", "basis=in_period"]
    assert run(["preflight", str(sheet), *fields]) == 1
    assert f"{sheet}:2" in capsys.readouterr().out
    assert run(["preflight", str(sheet), *fields, "--locale", "vi"]) == 0
    assert run(["preflight", str(sheet), "-f", "periode=2025-10"]) == 2
    assert "--field 'periode=2025-10'" in capsys.readouterr().err


def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["keys", "add", "--agency", "H48.12", "--home", "51", "--units", "51,21289"]
    assert run([*add, "--indicators", "*", "--expires", "2099-12-31"]) == 0
    key = capsys.readouterr().out.strip()
    assert "\n" not in key and key not in (tmp_path / "keys.json").read_text()
    assert run(["keys", "list", "--json"]) == 0
    (listed,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (listed["agency"], listed["home"], listed["units"]) == ("H48.12", "51", ["51", "21289"])
    assert listed["expires"] == "2099-12-31" and listed["revoked_at"] is None
    assert run(["keys", "revoke", listed["key_id"]]) == 0
    capsys.readouterr()
    assert run(["keys", "list"]) == 0
    out = capsys.readouterr().out
    assert "revoked" in out and key not in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["keys", "add", "--agency", "H48.12", "--home", "51", "--units", "99999"], 2, "no unit"),
        (["keys", "add", "--agency", "H4?", "--home", "51", "--units", "51"], 2, "no agency code"),
        (
            ["keys", "add", "--agency", "H48", "--home", "51", "--units", "*", "--expires", "soon"],
            2,
            "no date",
        ),
        (["keys", "revoke", "unheard"], 1, "no key"),
        (["preflight", "nowhere.json"], 2, "nowhere.json cannot be read"),
        (["preflight"], 2, "FILES"),
        (["simulate", "--breach-share", "3"], 2, "--breach-share"),
        (["simulate", "--ingest-url", "http://example.org", "--province", "51"], 2, "--allow-remote"),
        (["rollups", "--history", "--unit", "51"], 2, "--history is about one row"),
        (["alrts"], 2, "alerts"),
        (["alerts", "explain", "ab"], 2, "too short"),
        (["submit", __file__], 2, "No key"),
        (["status", "october"], 2, "'october' is no submission_id"),
        (["status", "0198c0de-7a11-7c4e-9d3f-5b2a1c0e8f77"], 2, "No key"),
    ],
)
def test_what_went_wrong_is_one_clear_sentence(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1 and captured.err.startswith("chiso: ")


COMMANDS = [
    [],
    ["submit"],
    ["preflight"],
    ["status"],
    ["rollups"],
    ["cells"],
    ["alerts"],
    ["alerts", "show"],
    ["alerts", "explain"],
    ["alerts", "rules"],
    ["watch"],
    ["simulate"],
    ["keys"],
    ["keys", "add"],
    ["keys", "list"],
    ["keys", "revoke"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: chiso")
    assert "default: ]" not in out and "default: ()" not in out and "default: None" not in out


def test_simulated_reports_can_be_printed_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "--print", "--province", "51", "--period", "2025-10"]) == 0
    printed = capsys.readouterr().out
    (document,) = [json.loads(line) for line in printed.splitlines()]
    assert len(document["observations"]) == 96 * 9
    (tmp_path / "simulated.ndjson").write_text(printed)
    assert run(["preflight", str(tmp_path / "simulated.ndjson")]) == 0
