"""Settings of the embedded run: the contract's defaults, all movable; a refusal names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from chiso_local.checks import check_disk, check_ports
from chiso_local.failure import StartFailure
from chiso_local.ports import free_ports
from chiso_local.settings import load_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "POSTGRES", "KAFKA_PORT", "POSTGRES_PORT", "HOME", "CACHE", "INGEST_PORT"):
        monkeypatch.delenv(f"CHISO_{name}", raising=False)


def test_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert settings.bootstrap_servers == "127.0.0.1:19092"
    assert settings.dsn == "postgresql://chiso@127.0.0.1:15432/chiso"
    urls = [settings.url_of(name) for name in ("ingest", "indicators", "alerts")]
    assert urls == ["http://127.0.0.1:8101", "http://127.0.0.1:8102", "http://127.0.0.1:8103"]


def test_ports_can_be_moved_and_the_services_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHISO_KAFKA_PORT", "20001")
    monkeypatch.setenv("CHISO_INGEST_PORT", "20002")
    monkeypatch.setenv("CHISO_HOME", str(tmp_path))
    environment = load_settings().service_environment()
    assert environment["CHISO_KAFKA"] == "127.0.0.1:20001"
    assert environment["CHISO_INGEST_PORT"] == "20002"
    assert environment["CHISO_HOME"] == str(tmp_path)


def test_outside_servers_replace_the_embedded_ones_and_passwords_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHISO_POSTGRES", "postgresql://a:secret@db:5432/x?sslmode=require")
    settings = load_settings()
    assert settings.dsn == "postgresql://a:secret@db:5432/x?sslmode=require"
    assert settings.shown_dsn == "postgresql://a:***@db:5432/x?sslmode=require"


def test_a_value_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHISO_KAFKA_PORT", "many")
    with pytest.raises(StartFailure, match="CHISO_KAFKA_PORT=many cannot be used"):
        load_settings()


def test_two_equal_ports_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(free_ports(1)[0])
    monkeypatch.setenv("CHISO_KAFKA_PORT", port)
    monkeypatch.setenv("CHISO_POSTGRES_PORT", port)
    with pytest.raises(StartFailure, match="choose two different ports"):
        check_ports(load_settings(), with_services=False, left_unclean=False)


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match=r"nearly full: \d+ MiB free, 1000000000 MiB needed"):
        check_disk(tmp_path, 1_000_000_000)


def test_downloads_go_to_the_state_folder_when_the_home_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHISO_HOME", str(tmp_path / "state"))
    (tmp_path / "in-the-way").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in-the-way" / "cache"))
    assert load_settings().cache_folder == tmp_path / "state" / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert load_settings().cache_folder == tmp_path / "cache" / "chiso"
