"""Starts and stops the parts of a service in order, and ends the process when one of them fails.

Crash-only: nothing here restarts a part; a supervisor restarts the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from chiso_shared.runtime.logs import get_logger

log = get_logger(__name__)


class NotStarted(RuntimeError):
    """A part was asked for something before it had started; the same question may be answered soon."""


class Component(Protocol):
    """A part of a service. `start` returns when the part can be used; `stop` may be called twice."""

    @property
    def name(self) -> str:
        """Short, unique in the service; shown by `/readyz`."""
        ...

    async def start(self) -> None:
        """Makes the part usable or raises."""
        ...

    async def stop(self) -> None:
        """Ends the part and frees what it holds. Idempotent."""
        ...

    def unready(self) -> str | None:
        """Why the part cannot do its work now; None when it can."""
        ...


@runtime_checkable
class CanFail(Protocol):
    """A component that works in the background and may fail for good."""

    async def wait_failed(self) -> BaseException:
        """Returns the failure once there is one; never before."""
        ...


class Background(ABC):
    """A component that owns one asyncio task, `run`; its end before `stop` is a failure of the service.

    `stop` sets `stopping`, gives `run` `grace_seconds` to return by itself, then cancels it.
    """

    grace_seconds: float = 0.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopping = asyncio.Event()
        self._failure: asyncio.Future[BaseException] | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def run(self) -> None:
        """The work; returns only after `stopping` is set."""

    async def start(self) -> None:
        """Starts the task. Subclasses that override it call it last."""
        self._failure = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self.run(), name=self.name)
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Ends the task; its late errors are no failure any more."""
        self.stopping.set()
        task, self._task = self._task, None
        if task is None:
            return
        if self.grace_seconds > 0:
            await asyncio.wait([task], timeout=self.grace_seconds)
        task.cancel()
        await asyncio.wait([task])

    def unready(self) -> str | None:
        """Ready while the task runs."""
        if self._failure is not None and self._failure.done():
            return f"failed: {describe(self._failure.result())}"
        return None if self._task is not None and not self._task.done() else "not running"

    def fail(self, error: BaseException) -> None:
        """Reports a failure: the service stops with exit code 1. Only the first one counts and is logged."""
        if self._failure is None or self._failure.done() or self.stopping.is_set():
            return
        log.error("component failed", component=self.name, exc_info=error)
        self._failure.set_result(error)

    async def wait_failed(self) -> BaseException:
        """Returns the failure once there is one."""
        if self._failure is None:
            raise RuntimeError(f"{self.name} was not started")
        return await asyncio.shield(self._failure)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            if not self.stopping.is_set():
                self.fail(RuntimeError(f"{self.name} was cancelled"))
            return
        self.fail(task.exception() or RuntimeError(f"{self.name} ended by itself"))


class Service:
    """The parts of a process: started in order, stopped in reverse, each within its time limit."""

    def __init__(
        self,
        name: str,
        components: Sequence[Component],
        *,
        start_timeout_seconds: float = 120.0,
        stop_timeout_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.components = tuple(components)
        self._start_timeout_seconds = start_timeout_seconds
        self._stop_timeout_seconds = stop_timeout_seconds
        self._started: list[Component] = []

    async def start(self) -> None:
        """Starts every part in order. If one fails, those before it are stopped and its error is raised."""
        for component in self.components:
            # Listed first: a half-started part must be stopped too.
            self._started.append(component)
            try:
                async with asyncio.timeout(self._start_timeout_seconds):
                    await component.start()
            except BaseException as error:
                log.error("component did not start", component=component.name, error=describe(error))
                await self.stop()
                raise
        log.info("service started", service=self.name, components=[part.name for part in self.components])

    async def stop(self) -> None:
        """Stops every started part in reverse order; one that fails or hangs does not keep the others up."""
        while self._started:
            component = self._started.pop()
            try:
                async with asyncio.timeout(self._stop_timeout_seconds):
                    await component.stop()
            except Exception as error:
                log.error("component did not stop", component=component.name, error=describe(error))

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT (0) or until a part fails (1); always stops what it started."""
        signalled = asyncio.Event()
        with _signals(signalled):
            try:
                failed = await self._run_until(signalled)
            finally:
                await self.stop()
        log.info("service stopped", service=self.name, failed=failed)
        return 1 if failed else 0

    async def _run_until(self, signalled: asyncio.Event) -> bool:
        stop_wanted = asyncio.create_task(signalled.wait())
        work = asyncio.create_task(self._start_and_watch())
        try:
            await asyncio.wait([stop_wanted, work], return_when=asyncio.FIRST_COMPLETED)
            return work.done() and not stop_wanted.done()
        finally:
            for task in (work, stop_wanted):
                task.cancel()
            await asyncio.wait([work, stop_wanted])
            if not work.cancelled() and (error := work.exception()) is not None:
                log.error("service failed", service=self.name, error=describe(error))

    async def _start_and_watch(self) -> None:
        await self.start()
        watches = [
            asyncio.create_task(part.wait_failed()) for part in self.components if isinstance(part, CanFail)
        ]
        if not watches:
            await asyncio.Event().wait()
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watch in watches:
                watch.cancel()


@contextlib.contextmanager
def _signals(signalled: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)
    for number in wanted:
        loop.add_signal_handler(number, signalled.set)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


def describe(error: BaseException) -> str:
    """An error in one line: its type, and its text if it has one."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def run_service(build: Callable[[], Service]) -> int:
    """Builds the service inside a fresh event loop (uvloop where it exists), runs it, returns its exit code.

    `__main__` does `sys.exit(run_service(build))`.
    """

    async def main() -> int:
        service = build()
        # The collector need not look for ever at what lives as long as the process. Nor at every batch:
        # rows make no cycles and go by reference count, and looking took a quarter of Apply's time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        return await service.run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:  # uvloop is not made for every platform
        return asyncio.new_event_loop
    return new_event_loop
