"""PostgreSQL refuses root: finds an unprivileged account and lets it reach its files. Starts nothing."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chiso_local.failure import StartFailure

CANDIDATES = ("chiso", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A system user that is not root."""

    name: str
    uid: int
    gid: int


def unprivileged_account(preferred: str | None = None) -> Account | None:
    """The account to run PostgreSQL as, or None for an ordinary user, who runs it as himself.

    As root: the preferred account, else the first of `CANDIDATES` that exists; no account is ever created.
    """
    if os.geteuid() != 0:
        return None
    for name in (preferred,) if preferred else CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    wanted = preferred or ", ".join(CANDIDATES)
    raise StartFailure(
        f"PostgreSQL does not run as root and there is no unprivileged system user ({wanted}); "
        "create one, name it in CHISO_POSTGRES_ACCOUNT, or run as a normal user."
    )


def give_to(folder: Path, account: Account) -> None:
    """Make a folder and everything in it the account's own."""
    for root, _, names in os.walk(folder):
        for path in (Path(root), *(Path(root, name) for name in names)):
            if path.lstat().st_uid != account.uid:
                os.chown(path, account.uid, account.gid, follow_symlinks=False)


def closed_parents(path: Path, account: Account) -> Iterator[Path]:
    """Folders above `path` that the account may not pass through."""
    for parent in path.resolve().parents:
        status = parent.stat()
        if status.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            yield parent


def open_way_to(path: Path, account: Account) -> tuple[Path, ...]:
    """Let the account pass through (never list) the folders above `path`; answers those that were changed."""
    closed = tuple(closed_parents(path, account))
    for parent in closed:
        parent.chmod(stat.S_IMODE(parent.stat().st_mode) | stat.S_IXOTH | stat.S_IXGRP)
    return closed
