"""Dashboards as code: what is committed is what the code makes, and it fits what is provisioned."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy/grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def test_the_committed_dashboards_are_what_the_code_makes() -> None:
    command = [sys.executable, str(GRAFANA / "build.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "province_scorecard.json" in [path.name for path in DASHBOARDS]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_asks_a_provisioned_source(path: Path) -> None:
    sources = load(GRAFANA / "provisioning/datasources/chiso.yml")["datasources"]
    known = {(source["uid"], source["type"]) for source in sources}
    assert len(known) == 2
    assert len(panels(path)) >= 10
    for panel in panels(path):
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            source = target["datasource"]
            assert (source["uid"], source["type"]) in known, panel["title"]
            assert bool(target.get("expr")) != bool(target.get("rawSql")), panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_that_is_used_is_declared(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    declared = {variable["name"] for variable in json.loads(text)["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))
    assert used <= declared
    assert declared == used


def test_the_paths_of_the_container_are_mounted() -> None:
    grafana = load(ROOT / "docker-compose.yml")["services"]["grafana"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
    provider = load(GRAFANA / "provisioning/dashboards/chiso.yml")["providers"][0]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert str(home.parent) == provider["options"]["path"]
    assert home.name in [path.name for path in DASHBOARDS]
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"


def test_the_sources_take_what_the_composition_gives_them() -> None:
    environment = load(ROOT / "docker-compose.yml")["services"]["grafana"]["environment"]
    text = (GRAFANA / "provisioning/datasources/chiso.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$([A-Z_]+)", text))
    assert asked and asked <= set(environment)
    roles = (ROOT / "deploy/postgres/roles.sql").read_text(encoding="utf-8")
    user = load(GRAFANA / "provisioning/datasources/chiso.yml")["datasources"][1]["user"]
    assert f"CREATE ROLE {user} LOGIN" in roles
