"""The key registry: hashes only, rights that can be trusted, a file that survives bad days."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chiso_ingest.keyring import Keyring
from chiso_ingest.keys import KeyRegistryError, add_key, list_keys, load_registry, revoke_key
from chiso_ingest.metrics import IngestMetrics
from chiso_ingest.registry import Lock
from chiso_shared.catalogue.periods import HO_CHI_MINH
from prometheus_client import CollectorRegistry

from tests.harness import eventually
from tests.unit.ingest_documents import NOW, catalogue


def add(path: Path, **changes: Any) -> str:
    wanted: dict[str, Any] = {
        "agency": "H48.12",
        "home": "51",
        "units": ["51", "21289"],
        "indicators": ["*"],
        "now": NOW,
    }
    return add_key(path, catalogue(), **{**wanted, **changes})


def test_a_key_is_returned_once_and_never_stored(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys.json"
    key = add(path)
    content = path.read_text()
    assert key not in content and key.split("_", 2)[2] not in content
    assert path.stat().st_mode & 0o077 == 0
    ((entry, agency),) = list_keys(path)
    assert (entry.agency, agency.home, agency.route) == ("H48.12", "51", catalogue().routes["51"])
    grant = Lock(load_registry(path)).open(key, NOW)
    assert grant is not None
    assert (grant.key_id, grant.home, grant.scope.units) == (entry.key_id, "51", frozenset(("51", "21289")))


def test_only_the_whole_key_opens(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, other = add(path), add(path)
    lock = Lock(load_registry(path))
    head, body = key.rsplit("_", 1)
    forged = f"{head}_{other.rsplit('_', 1)[1]}"
    for wrong in ("", "x", head, body, key + "x", key[:-1], forged, key.upper(), f"{key} ", "é" * 60, "\x00"):
        assert lock.open(wrong, NOW) is None, wrong
    assert lock.open(key, NOW) is not None and lock.open(other, NOW) is not None


def test_a_key_works_until_the_end_of_its_last_day_in_viet_nam(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = add(path, expires=date(2025, 12, 31))
    lock = Lock(load_registry(path))
    end = datetime(2025, 12, 31, 17, 0, tzinfo=UTC)
    assert lock.open(key, end - timedelta(microseconds=1)) is not None
    assert lock.open(key, end) is None


def test_a_key_that_would_never_work_is_not_made(tmp_path: Path) -> None:
    path, today = tmp_path / "keys.json", NOW.astimezone(HO_CHI_MINH).date()
    with pytest.raises(KeyRegistryError, match="never work"):
        add(path, expires=today - timedelta(days=1))
    assert not path.exists()
    key = add(path, expires=today)
    assert Lock(load_registry(path)).open(key, NOW) is not None


def test_a_revoked_key_stays_listed_and_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, kept = add(path), add(path)
    key_id = key.split("_")[1]
    assert revoke_key(path, key_id, NOW).revoked_at == NOW
    assert revoke_key(path, key_id, NOW + timedelta(days=1)).revoked_at == NOW
    lock = Lock(load_registry(path))
    assert lock.open(key, NOW) is None and lock.open(kept, NOW) is not None
    assert len(list_keys(path)) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"agency": "h48 12"}, "no agency code"),
        ({"home": "99"}, "no home"),
        ({"home": "21289"}, "no home"),
        ({"units": ["99999"]}, "no unit"),
        ({"units": ["99/*"]}, "no unit"),
        ({"units": []}, "at least one unit"),
        ({"indicators": ["DVC.X"]}, "no indicator"),
        ({"indicators": ["XYZ.*"]}, "no indicator"),
        ({"indicators": []}, "at least one indicator"),
        ({"actions": ("delete",)}, "actions are"),
        ({"actions": ()}, "actions are"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(KeyRegistryError, match=said):
        add(path, **changes)
    assert load_registry(path).keys == ()


def test_home_and_route_are_fixed_at_registration(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path)
    with pytest.raises(KeyRegistryError, match="never changes"):
        add(path, home="44")
    add(path, agency="000.00.12.H48", units=["51/*", "VN"], indicators=["DVC.*"])
    assert list(load_registry(path).agencies) == ["H48.12"]


def test_concurrent_changes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: add(path), range(24)))
    lock = Lock(load_registry(path))
    assert all(lock.open(key, NOW) for key in keys)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"version": 2}', '{"keys": [{"key_id": "x"}]}', '{"surprise": 1}', "\udcff"],
)
def test_a_broken_file_is_named_not_guessed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeyRegistryError, match=r"keys\.json"):
        load_registry(path)


def test_a_key_of_an_unregistered_agency_makes_the_file_broken(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "agencies": {}}))
    with pytest.raises(KeyRegistryError, match="not registered"):
        load_registry(path)


async def test_the_running_door_follows_the_file_and_survives_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    collector = CollectorRegistry()
    keyring = Keyring(path, IngestMetrics(collector), poll_seconds=0.01)

    def broken() -> float | None:
        return collector.get_sample_value("chiso_ingest_key_registry_broken")

    await keyring.start()
    try:
        assert keyring.unready() is None and keyring.open("x", NOW) is None
        key = await asyncio.to_thread(add, path)
        await eventually(lambda: keyring.open(key, NOW))
        whole = path.read_text()
        path.write_text(whole[:-20])
        await eventually(lambda: broken() == 1)
        assert keyring.open(key, NOW) is not None and keyring.unready() is None
        path.write_text(whole)
        await eventually(lambda: broken() == 0)
        await asyncio.to_thread(revoke_key, path, key.split("_")[1], NOW)
        await eventually(lambda: keyring.open(key, NOW) is None)
    finally:
        await keyring.stop()


async def test_a_door_that_never_read_a_registry_knows_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{")
    keyring = Keyring(path, IngestMetrics(CollectorRegistry()), poll_seconds=0.01)
    await keyring.start()
    try:
        assert not keyring.knows_keys and "key registry" in (keyring.unready() or "")
        path.unlink()
        await eventually(lambda: keyring.knows_keys)
        assert keyring.unready() is None
    finally:
        await keyring.stop()
