"""Waits for a part to come up, and says why when it does not. Must not start or stop anything."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import httpx

from chiso_local.child import last_line
from chiso_local.failure import StartFailure
from chiso_local.logs import tail
from chiso_local.supervisor import Watched

POLL_SECONDS = 0.1
EXITS_ALLOWED = 2


async def wait_until_up(
    what: str,
    problem: Callable[[], Awaitable[str | None]],
    timeout_seconds: float,
    watched: Watched | None = None,
) -> None:
    """Returns when `problem` finds none; a child that keeps ending, or the deadline, is a `StartFailure`."""
    deadline = time.monotonic() + timeout_seconds
    while (reason := await problem()) is not None:
        if watched is not None and watched.exits > EXITS_ALLOWED:
            raise StartFailure(f"{what} does not stay up: {_last_words(watched)}; see {watched.spec.log}.")
        if time.monotonic() > deadline:
            where = f"; see {watched.spec.log}" if watched is not None else ""
            raise StartFailure(f"{what} was not ready after {timeout_seconds:g} s: {reason}{where}.")
        await asyncio.sleep(POLL_SECONDS)


async def service_problem(client: httpx.AsyncClient, url: str) -> str | None:
    """Why a service's `/readyz` does not say 200."""
    try:
        answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.status_code == httpx.codes.OK else answer.text.strip()


def _last_words(watched: Watched) -> str:
    words = last_line(tail(watched.spec.log))
    try:
        line = json.loads(words)
    except ValueError:
        return words
    if not isinstance(line, dict):
        return words
    return ": ".join(str(line[name]) for name in ("event", "error") if line.get(name))
