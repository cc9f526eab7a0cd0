"""Runs one shipment to the door with a progress bar, and waits for it to be received if asked to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from chiso_shared.contracts.codec import decode_json
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chiso_cli.documents import Outgoing
from chiso_cli.door import TIMEOUT, Door, Result
from chiso_cli.environment import is_local
from chiso_cli.retry import RetryPolicy
from chiso_cli.sending import Shipment
from chiso_cli.terminal import notes

_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 1.0
_POLLS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Errand:
    """Where a shipment goes and how."""

    ingest_url: str
    key: str
    query: Mapping[str, str]
    concurrency: int
    policy: RetryPolicy


@dataclass(frozen=True, slots=True)
class Dispatched:
    """How a shipment went."""

    shipment: Shipment
    seconds: float
    interrupted: bool


def dispatch(
    errand: Errand, submissions: Iterable[Outgoing], size: int | None, on_result: Callable[[Result], None]
) -> Dispatched:
    """Sends everything; `size` in bytes, for the bar, `None` if it is not known beforehand.

    Ctrl-C stops it: what is settled by then stands in the account, the rest may be sent again safely.
    """
    started = time.monotonic()
    interrupted = False
    with _progress() as progress:
        bar = progress.add_task("submitting", total=size, accepted=0, refused=0)

        def settled(result: Result) -> None:
            counts = shipment.counts
            good, bad = counts["accepted"] + counts["valid"], counts["refused"] + counts["undelivered"]
            progress.update(bar, accepted=good, refused=bad)
            on_result(result)

        shipment = Shipment(settled)
        try:
            asyncio.run(_send(errand, shipment, _watched(submissions, progress, bar)))
        except KeyboardInterrupt:
            interrupted = True
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
    return Dispatched(shipment, time.monotonic() - started, interrupted)


async def _send(errand: Errand, shipment: Shipment, submissions: Iterable[Outgoing]) -> None:
    async with httpx.AsyncClient(
        base_url=errand.ingest_url,
        headers={"authorization": f"Bearer {errand.key}"},
        timeout=TIMEOUT,
        trust_env=not is_local(errand.ingest_url),
    ) as client:
        await shipment.send(Door(client, errand.query, errand.policy), submissions, errand.concurrency)


def _watched(submissions: Iterable[Outgoing], progress: Progress, bar: TaskID) -> Iterator[Outgoing]:
    """The submissions; the bar moves when the one before is on its way."""
    for outgoing in submissions:
        yield outgoing
        progress.advance(bar, len(outgoing.body))


def _progress() -> Progress:
    """A bar on standard error, and only on a terminal."""
    console = notes()
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[accepted]} accepted, {task.fields[refused]} not"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def await_received(
    indicators_url: str, status_urls: Sequence[str], timeout_s: float
) -> Mapping[str, Mapping[str, Any] | None]:
    """The status document of each submission once it is received; `None` where it is not in time."""
    return asyncio.run(_await_all(indicators_url, status_urls, timeout_s))


async def _await_all(
    indicators_url: str, status_urls: Sequence[str], timeout_s: float
) -> Mapping[str, Mapping[str, Any] | None]:
    gate = asyncio.Semaphore(_POLLS_AT_ONCE)
    deadline = time.monotonic() + timeout_s
    async with httpx.AsyncClient(
        base_url=indicators_url, timeout=TIMEOUT, trust_env=not is_local(indicators_url)
    ) as client:

        async def one(status_url: str) -> Mapping[str, Any] | None:
            async with gate:
                return await _poll(client, urlsplit(status_url).path, deadline)

        found = await asyncio.gather(*(one(status_url) for status_url in status_urls))
    return dict(zip(status_urls, found, strict=True))


async def _poll(client: httpx.AsyncClient, path: str, deadline: float) -> Mapping[str, Any] | None:
    pause = _FIRST_POLL_S
    while True:
        try:
            response = await client.get(path)
            if response.is_success:
                document: Mapping[str, Any] = decode_json(response.content)
                return document
        except httpx.TransportError:
            pause = _LONGEST_POLL_S
        if time.monotonic() + pause > deadline:
            return None
        await asyncio.sleep(pause)
        pause = min(_LONGEST_POLL_S, pause * 2)
