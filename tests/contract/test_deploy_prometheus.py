"""The scrape configuration and the operator's pages, judged by promtool itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.tools import required_tool

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))


@pytest.fixture(scope="module")
def promtool() -> str:
    return required_tool("prometheus", "promtool")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_configuration_is_valid(promtool: str) -> None:
    done = run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rule files found" in done.stdout + done.stderr


def test_the_rules_are_valid(promtool: str) -> None:
    done = run(promtool, "check", "rules", *map(str, RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_page_fires_and_stays_silent_as_it_should(promtool: str) -> None:
    done = run(promtool, "test", "rules", *map(str, sorted((PROMETHEUS / "tests").glob("*.test.yml"))))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("chiso_rollup_drift_rows) > 0", "chiso_rollup_drift_rows) > 5"),
        ("max(chiso_oldest_unapplied_seconds) > 60", "max(chiso_oldest_unapplied_seconds) > 600"),
        ('up{job=~"ingest|indicators|alerts"} == 0', 'up{job=~"indicators|alerts"} == 0'),
        ("unless chiso_quarantined_total offset 1h", "unless chiso_quarantined_total"),
        ("max by (job, component) (chiso_unready) == 1", "max by (job, component) (chiso_unready) == 2"),
        ("max by (service) (chiso_outbox_oldest_seconds)", "min(chiso_outbox_oldest_seconds)"),
    ],
)
def test_the_rule_tests_notice_a_broken_rule(promtool: str, tmp_path: Path, change: str, to: str) -> None:
    copy = tmp_path / "prometheus"
    shutil.copytree(PROMETHEUS, copy)
    pages = copy / "rules/pages.yml"
    text = pages.read_text(encoding="utf-8")
    assert text.count(change) == 1
    pages.write_text(text.replace(change, to), encoding="utf-8")
    assert run(promtool, "test", "rules", str(copy / "tests/pages.test.yml")).returncode != 0


def test_every_page_is_tested_and_tells_what_to_do() -> None:
    tests = (PROMETHEUS / "tests/pages.test.yml").read_text(encoding="utf-8")
    pages = [rule for group in load(PROMETHEUS / "rules/pages.yml")["groups"] for rule in group["rules"]]
    assert len(pages) >= 8
    for page in pages:
        assert page["labels"]["severity"] in {"page", "ticket"}
        assert page["annotations"]["summary"] and page["annotations"]["description"]
        assert re.search(rf"alertname: {page['alert']}\n\s+exp_alerts:\n\s+- exp_labels", tests), page[
            "alert"
        ]


def test_rules_use_only_metrics_that_exist() -> None:
    contract = (ROOT / "shared/docs/contract.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(chiso_[a-z_]+)", contract))
    for path in RULES:
        text = "\n".join(rule["expr"] for group in load(path)["groups"] for rule in group["rules"])
        for metric in re.findall(r"(?<![:\w])(chiso_[a-z_]+?)(?:_bucket)?(?![\w:])", text):
            assert metric in named, metric


@pytest.mark.parametrize("name", ["targets.yml", "targets.compose.yml"])
def test_targets_are_the_three_services_on_their_ports(name: str) -> None:
    found = {entry["labels"]["job"]: entry["targets"] for entry in load(PROMETHEUS / name)}
    ports = {"ingest": 8101, "indicators": 8102, "alerts": 8103}
    for job, port in ports.items():
        host = "127.0.0.1" if name == "targets.yml" else job
        assert found.pop(job) == [f"{host}:{port}"]
    assert found == {}


def test_no_target_label_hides_a_label_of_the_metrics() -> None:
    for name in ("targets.yml", "targets.compose.yml"):
        for entry in load(PROMETHEUS / name):
            assert set(entry["labels"]) == {"job"}
