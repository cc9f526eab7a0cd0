"""`chiso rules check`, run as a person would: a good file, a wrong one, and stories that go another way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chiso_cli.__main__ import run

SEEDS = Path(__file__).parents[2] / "seeds"
STORY = """
- name: the wrong end
  rollup: {unit: "51", level: province, indicator: DVC.ONLINE_SUBMIT, calendar: administrative,
           period: 2025-10, basis: in_period}
  steps:
    - at: "2025-10-20T03:00:00Z"
      rollup: {value: 60}
      expect: ["online_share_below_target: resolved (recovered)"]
"""


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHISO_SEEDS", str(SEEDS))
    monkeypatch.delenv("CHISO_LANG", raising=False)


def test_the_rules_of_the_seeds_tell_their_stories(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", str(SEEDS / "rules.yaml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == [] and found["rules"] >= 17
    assert len(found["scenarios"]) >= 8
    assert not any(one["differences"] or one["error"] for one in found["scenarios"])


def test_a_wrong_file_is_told_with_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "rules.yaml"
    text = (SEEDS / "rules.yaml").read_text().replace("kind: fall", "kind: fal", 1)
    wrong.write_text(text.replace("indicators: [DVC]", "indicators: [DVX]", 1))
    assert run(["rules", "check", str(wrong)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any("kind" in line and "'fal'" in line for line in lines)
    assert any("'DVX' is no known dataset" in line for line in lines)


def test_a_story_that_goes_another_way_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stories = tmp_path / "stories.yaml"
    stories.write_text(STORY + "- name: nothing happens in it\n")
    arguments = ["rules", "check", str(SEEDS / "rules.yaml"), "--scenarios", str(stories)]
    assert run(arguments) == 1
    out = capsys.readouterr().out
    assert "FAILED  the wrong end" in out
    assert "expected online_share_below_target: resolved (recovered)" in out
    assert "happened instead: online_share_below_target: opened (report) warning" in out
    assert "it has no steps" in out


@pytest.mark.parametrize("command", [["rules", "check"], ["tasks"], ["tasks", "done"], ["silences", "add"]])
def test_the_commands_explain_themselves(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: chiso")


def test_a_silence_of_everything_is_refused_before_it_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["silences", "add", "--reason", "x", "--until", "1d"]) == 2
    assert "names what is silent" in capsys.readouterr().err
    assert run(["silences", "add", "--reason", "x", "--until", "soon", "--unit", "51"]) == 2
    assert "'soon' is no instant" in capsys.readouterr().err
