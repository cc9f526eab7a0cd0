"""docker-compose.yml against the project it starts: paths, settings, ports, roles. No engine is needed."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chiso_shared.runtime.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "indicators", "alerts")
CONTRACT_PORTS = {
    "kafka": ("CHISO_KAFKA_PORT", "19092", "19092"),
    "postgres": ("CHISO_POSTGRES_PORT", "15432", "5432"),
    "ingest": ("CHISO_INGEST_PORT", "8101", "8101"),
    "indicators": ("CHISO_INDICATORS_PORT", "8102", "8102"),
    "alerts": ("CHISO_ALERTS_PORT", "8103", "8103"),
}
INTERPOLATION = re.compile(r"\$\{([A-Z_]+)(:[-?])?([^}]*)\}")


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def volumes_of(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [(volume.split(":")[0], volume.split(":")[1]) for volume in service.get("volumes", [])]


def test_every_part_of_the_system_is_there(compose: dict[str, Any]) -> None:
    parts = "kafka postgres topics ingest indicators alerts views prometheus grafana cli"
    assert set(compose["services"]) == set(parts.split())
    assert compose["services"]["kafka"]["image"] == "apache/kafka:4.3.1"
    assert compose["services"]["postgres"]["image"] == "postgres:18"


def test_images_are_pinned_to_a_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z/-]+:(v?\d[\d.]*|\$\{CHISO_IMAGE_TAG:-local\})", service["image"]), name


def test_every_path_on_the_host_exists(compose: dict[str, Any]) -> None:
    paths = [
        source
        for service in compose["services"].values()
        for source, _ in volumes_of(service)
        if source.startswith((".", "/"))
    ]
    assert len(paths) >= 6
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_named_volume_is_declared_and_used(compose: dict[str, Any]) -> None:
    used = {
        source
        for service in compose["services"].values()
        for source, _ in volumes_of(service)
        if not source.startswith((".", "/"))
    }
    assert used == set(compose["volumes"])


def test_state_is_on_a_volume_where_the_image_keeps_it(compose: dict[str, Any]) -> None:
    targets = {name: {t for _, t in volumes_of(s)} for name, s in compose["services"].items()}
    assert "/var/lib/postgresql" in targets["postgres"]
    assert compose["services"]["kafka"]["environment"]["KAFKA_LOG_DIRS"] in targets["kafka"]
    for name in SERVICES:
        assert "/var/lib/chiso" in targets[name]


def test_the_services_know_the_keys_that_the_command_line_makes(compose: dict[str, Any]) -> None:
    homes = {
        name: [
            source for source, target in volumes_of(compose["services"][name]) if target == "/var/lib/chiso"
        ]
        for name in (*SERVICES, "cli")
    }
    assert len(homes["cli"]) == 1
    assert all(home == homes["cli"] for home in homes.values()), homes


@pytest.mark.parametrize("name", SERVICES)
def test_environment_names_are_settings_of_the_service(compose: dict[str, Any], name: str) -> None:
    module = importlib.import_module(f"chiso_{name}.settings")
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    fields = {
        f"CHISO_{field.upper()}" for one in (classes or [ServiceSettings]) for field in one.model_fields
    }
    environment = set(compose["services"][name]["environment"])
    assert environment <= fields
    assert "CHISO_KAFKA" in environment


def test_ports_are_those_of_the_contract_and_on_this_host_only(compose: dict[str, Any]) -> None:
    for name, (setting, host_port, container_port) in CONTRACT_PORTS.items():
        expected = f"127.0.0.1:${{{setting}:-{host_port}}}:{container_port}"
        assert compose["services"][name]["ports"] == [expected]
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_contract_names_the_same_ports() -> None:
    contract = (ROOT / "shared/docs/contract.md").read_text(encoding="utf-8")
    for _, host_port, _ in CONTRACT_PORTS.values():
        assert host_port in contract or f"/ {host_port} /" in contract


def test_clients_reach_the_broker_under_the_address_it_announces(compose: dict[str, Any]) -> None:
    environment = compose["services"]["kafka"]["environment"]
    announced = dict(part.split("://") for part in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    for name in (*SERVICES, "topics", "cli"):
        assert compose["services"][name]["environment"]["CHISO_KAFKA"] == announced["INTERNAL"]
    assert announced["EXTERNAL"] == "127.0.0.1:${CHISO_KAFKA_PORT:-19092}"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_services_start_after_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in SERVICES:
        assert services[name]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    for name in ("indicators", "alerts"):
        assert services[name]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert "postgres" not in services["ingest"]["depends_on"], "ingest works without PostgreSQL"
    for service in services.values():
        for dependency, condition in service.get("depends_on", {}).items():
            own = services[dependency]
            image_has_check = dependency in SERVICES
            if condition["condition"] == "service_healthy":
                assert image_has_check or "healthcheck" in own, dependency


def test_the_topic_step_is_a_script_of_the_image(compose: dict[str, Any]) -> None:
    interpreter, script = compose["services"]["topics"]["command"]
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    assert interpreter == "python"
    assert f"deploy/docker/{Path(script).name} {Path(script).parent}/" in dockerfile


def test_the_topic_step_creates_and_verifies_every_topic(kafka: str) -> None:
    command = [sys.executable, str(ROOT / "deploy/docker/topics.py")]
    environment = {**os.environ, "CHISO_KAFKA": kafka, "CHISO_REPLICATION": "1"}
    for _ in ("creates", "verifies what is there"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        assert "6 topics verified" in done.stdout
    environment["CHISO_REPLICATION"] = "3"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    assert "min.insync.replicas" in done.stderr


def test_no_secret_is_in_the_file(text: str) -> None:
    for line in text.splitlines():
        if "PASSWORD" in line and not line.lstrip().startswith("#"):
            assert re.search(r"\$\{CHISO_[A-Z_]+PASSWORD:\?", line), f"a password without a variable: {line}"
    assert re.findall(r"://[^\s:$]+:[^\s$@]+@", text) == []


def test_the_example_environment_names_every_variable(text: str) -> None:
    example = (ROOT / "deploy/docker/env.example").read_text(encoding="utf-8")
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.M))
    for variable, operator, default in INTERPOLATION.findall(text):
        if operator == ":?":
            assert named[variable] == "", f"{variable} must be set by the operator"
        elif variable.endswith("_PORT"):
            assert named[variable] == default


def test_the_roles_are_those_that_the_services_use(text: str) -> None:
    roles = (ROOT / "deploy/postgres/roles.sql").read_text(encoding="utf-8")
    used = set(re.findall(r"postgresql://([a-z_]+):", text))
    assert used == {"chiso_indicators", "chiso_alerts"}
    assert used <= set(re.findall(r"CREATE ROLE ([a-z_]+) LOGIN", roles))
    handed_over = set(
        re.findall(r"--set=([a-z_]+)_password=", (ROOT / "deploy/postgres/init.sh").read_text())
    )
    assert handed_over == set(re.findall(r":'([a-z_]+)_password'", roles))
