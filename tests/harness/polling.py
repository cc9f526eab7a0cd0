"""Polling with a deadline, instead of sleeping. Must not hide the last reason."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

Result = TypeVar("Result")


@overload
async def eventually(
    check: Callable[[], Awaitable[Result | None]], deadline_seconds: float = ..., every_seconds: float = ...
) -> Result: ...


@overload
async def eventually(
    check: Callable[[], Result | None], deadline_seconds: float = ..., every_seconds: float = ...
) -> Result: ...


async def eventually(
    check: Callable[[], Any], deadline_seconds: float = 10.0, every_seconds: float = 0.05
) -> Any:
    """Call `check` until it returns something truthy and return that.

    An AssertionError inside `check` means "not yet". When the deadline passes, an AssertionError tells the
    last answer or the last assertion.
    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        last_error: AssertionError | None = None
        answer: Any = None
        try:
            found = check()
            answer = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            last_error = error
        if answer:
            return answer
        if time.monotonic() > deadline:
            last = str(last_error) if last_error is not None else f"the last answer was {answer!r}"
            raise AssertionError(f"not within {deadline_seconds:g} s: {last}") from last_error
        await asyncio.sleep(every_seconds)
