"""Accounts, Java, pinned jars, logs and the state's lock, without any server."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from chiso_local import account, fetch, logs
from chiso_local.failure import StartFailure
from chiso_local.home import locked
from chiso_local.java import find_java, major_version


@pytest.fixture
def stranger() -> account.Account:
    entry = pwd.getpwnam("nobody")
    return account.Account("nobody", entry.pw_uid, entry.pw_gid)


def test_only_folders_above_that_are_closed_are_opened_and_only_for_passing(
    tmp_path: Path, stranger: account.Account
) -> None:
    tmp_path.chmod(0o755)
    shut, open_ = tmp_path / "shut", tmp_path / "shut" / "open"
    open_.mkdir(parents=True)
    shut.chmod(0o700)
    open_.chmod(0o755)
    target = open_ / "data"
    assert shut in tuple(account.closed_parents(target, stranger))
    changed = account.open_way_to(target, stranger)
    assert shut in changed and open_ not in changed
    assert shut.stat().st_mode & 0o777 == 0o711
    assert account.open_way_to(target, stranger) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user needs no other account")
def test_root_gets_an_existing_account_that_is_not_root() -> None:
    found = account.unprivileged_account()
    assert found is not None and found.uid != 0
    assert account.unprivileged_account("nobody") == account.Account(
        "nobody", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid
    )
    with pytest.raises(StartFailure, match="no unprivileged system user"):
        account.unprivileged_account("no-such-user")


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs another account")
def test_an_ordinary_user_runs_postgresql_as_himself() -> None:
    assert account.unprivileged_account() is None


def test_java_is_found_and_new_enough() -> None:
    assert (major_version(find_java()) or 0) >= 17


def test_a_java_that_is_missing_or_too_old_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    for place in (old, tmp_path / "nothing"):
        with pytest.raises(StartFailure, match="needs Java 17 or newer and there is none"):
            find_java(place)


def test_every_jar_is_pinned_and_kafka_is_4_3() -> None:
    jars = fetch.pinned_jars()
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars) >= 45
    assert all(len(jar.sha256) == 64 and jar.size_bytes > 0 for jar in jars)
    assert {jar.version for jar in jars if jar.artifact == "kafka_2.13"} == {"4.3.1"}


def test_a_cut_off_jar_counts_as_missing(tmp_path: Path) -> None:
    first, second = fetch.pinned_jars()[:2]
    for jar, size_bytes in ((first, first.size_bytes), (second, second.size_bytes - 1)):
        path = jar.path_in(fetch.repository_in(tmp_path))
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            file.truncate(size_bytes)
    missing = fetch.missing_jars(tmp_path)
    assert first not in missing and second in missing


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match=r"could not be downloaded from http://127\.0\.0\.1:9/maven"):
        fetch.fetch(tmp_path, "http://127.0.0.1:9/maven")
    assert not list(fetch.repository_in(tmp_path).rglob("*.jar"))


def test_a_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        logs.bound([log], limit_bytes=50)
        writer.write(b"after")
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100
    assert log.read_bytes() == b"after"


def test_one_run_at_a_time_and_an_unclean_end_is_seen(tmp_path: Path) -> None:
    with locked(tmp_path) as home:
        assert not home.left_unclean
        with (
            pytest.raises(StartFailure, match=f"already running on {tmp_path} \\(pid {os.getpid()}\\)"),
            locked(tmp_path),
        ):
            pass
    with locked(tmp_path) as home:
        assert not home.left_unclean
    (tmp_path / "lock").write_text("12345\n")
    with locked(tmp_path) as home:
        assert home.left_unclean


def test_a_state_folder_that_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(StartFailure, match="CHISO_HOME"), locked(Path("/proc/nothing/here")):
        pass
