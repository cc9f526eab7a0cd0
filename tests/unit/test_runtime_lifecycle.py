"""Order of start and stop, exit codes, failures and time limits of a service."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from chiso_shared.runtime.lifecycle import Background, Service, describe, run_service

from tests.harness import eventually


class Part:
    """Writes down what happens to it."""

    def __init__(self, name: str, diary: list[str], start_error: Exception | None = None) -> None:
        self.name = name
        self.diary = diary
        self.start_error = start_error

    async def start(self) -> None:
        self.diary.append(f"start {self.name}")
        if self.start_error is not None:
            raise self.start_error

    async def stop(self) -> None:
        self.diary.append(f"stop {self.name}")

    def unready(self) -> str | None:
        return None


class Worker(Background):
    """Runs until told how to end."""

    def __init__(self, name: str = "worker") -> None:
        super().__init__(name)
        self.crash = asyncio.Event()
        self.leave = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        crash = asyncio.create_task(self.crash.wait())
        leave = asyncio.create_task(self.leave.wait())
        try:
            await asyncio.wait([crash, leave], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            crash.cancel()
            leave.cancel()
        if self.crash.is_set():
            raise ValueError("bad day")


class Hanging(Part):
    async def stop(self) -> None:
        await super().stop()
        await asyncio.Event().wait()


async def started(service: Service) -> asyncio.Task[int]:
    running = asyncio.create_task(service.run())
    await eventually(lambda: all(part.unready() is None for part in service.components))
    return running


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    diary: list[str] = []
    service = Service("test", [Part("a", diary), Part("b", diary), Part("c", diary)])
    await service.start()
    await service.stop()
    await service.stop()
    assert diary == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_a_part_that_does_not_start_stops_itself_and_those_before_it() -> None:
    diary: list[str] = []
    failing = Part("b", diary, OSError("port taken"))
    service = Service("test", [Part("a", diary), failing, Part("c", diary)])
    with pytest.raises(OSError, match="port taken"):
        await service.start()
    assert diary == ["start a", "start b", "stop b", "stop a"]


async def test_a_failed_start_is_exit_code_1() -> None:
    diary: list[str] = []
    assert await Service("test", [Part("a", diary, OSError("no"))]).run() == 1
    assert diary == ["start a", "stop a"]


async def test_sigterm_is_exit_code_0_and_stops_everything() -> None:
    diary: list[str] = []
    worker = Worker()
    running = await started(Service("test", [Part("a", diary), worker]))
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 5) == 0
    assert diary == ["start a", "stop a"]
    assert worker.cancelled


async def test_a_crash_in_the_background_is_exit_code_1() -> None:
    diary: list[str] = []
    worker = Worker()
    running = await started(Service("test", [Part("a", diary), worker]))
    worker.crash.set()
    assert await asyncio.wait_for(running, 5) == 1
    assert diary == ["start a", "stop a"]
    assert worker.unready() == "failed: ValueError: bad day"


async def test_background_work_that_ends_by_itself_is_a_failure() -> None:
    worker = Worker()
    running = await started(Service("test", [worker]))
    worker.leave.set()
    assert await asyncio.wait_for(running, 5) == 1


async def test_a_part_that_hangs_in_stop_does_not_keep_the_others_up() -> None:
    diary: list[str] = []
    service = Service("test", [Part("a", diary), Hanging("b", diary)], stop_timeout_seconds=0.05)
    await service.start()
    await asyncio.wait_for(service.stop(), 2)
    assert diary[-2:] == ["stop b", "stop a"]


async def test_a_part_that_hangs_in_start_runs_into_its_time_limit() -> None:
    diary: list[str] = []

    class Slow(Part):
        async def start(self) -> None:
            await asyncio.Event().wait()

    service = Service("test", [Part("a", diary), Slow("b", diary)], start_timeout_seconds=0.05)
    assert await asyncio.wait_for(service.run(), 2) == 1
    assert diary[-1] == "stop a"


async def test_only_the_first_failure_counts_and_none_after_stop() -> None:
    worker = Worker()
    await worker.start()
    worker.fail(ValueError("first"))
    worker.fail(ValueError("second"))
    assert str(await worker.wait_failed()) == "first"
    await worker.stop()
    calm = Worker()
    await calm.start()
    await calm.stop()
    calm.fail(ValueError("late"))
    assert calm.unready() == "not running"


def test_run_service_gives_the_exit_code() -> None:
    diary: list[str] = []
    assert run_service(lambda: Service("test", [Part("a", diary, OSError("no"))])) == 1


def test_an_error_is_described_in_one_line() -> None:
    assert describe(ValueError("two\n  lines")) == "ValueError: two lines"
    assert describe(TimeoutError()) == "TimeoutError"
