"""A real headless Chromium for page tests, spoken to over its debugging pipe: no library, no network port."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.harness.tools import required_tool

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync --remote-debugging-pipe"
)


class PageProblem(AssertionError):
    """The page threw, or did not become what was waited for."""


class Browser:
    """One browser with one page. `problems` collects exceptions and errors that the page reported."""

    def __init__(self, width: int = 1440, height: int = 1000) -> None:
        program = required_tool("chromium", "chromium", "chromium-browser", "google-chrome")
        self.problems: list[str] = []
        self._ids = itertools.count(1)
        self._buffer = b""
        self._profile = tempfile.mkdtemp(prefix="chiso-browser-")
        browser_reads, self._to_browser = os.pipe()
        self._from_browser, browser_writes = os.pipe()
        command = (
            f"exec {program} {FLAGS} --user-data-dir={self._profile} --window-size={width},{height} "
            f"about:blank 3<&{browser_reads} 4>&{browser_writes}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            pass_fds=(browser_reads, browser_writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._page(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the browser and removes its profile."""
        os.close(self._to_browser)
        os.close(self._from_browser)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str) -> None:
        """Goes to `url`."""
        answer = self._page("Page.navigate", {"url": url})
        if "errorText" in answer:
            raise PageProblem(f"{url}: {answer['errorText']}")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        answer = self._page(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageProblem(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, expression: str, deadline_seconds: float = 20) -> Any:
        """Evaluates until the answer is truthy, and returns it."""
        end = time.monotonic() + deadline_seconds
        last: object = None
        while time.monotonic() < end:
            try:
                last = self.evaluate(expression)
            except PageProblem as problem:
                last = problem
            else:
                if last:
                    return last
            self._collect(0.05)
        raise PageProblem(f"still {last!r} after {deadline_seconds} s: {expression}; {self.problems}")

    def press(self, key: str) -> None:
        """Presses a named key (`ArrowRight`, `Enter`, `Escape`, `Tab`) where the focus is."""
        codes = {"ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Tab": 9}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": codes[key], **text}
            self._page("Input.dispatchKeyEvent", event)

    def screenshot(self, path: Path) -> None:
        """What is seen, as PNG."""
        path.write_bytes(base64.b64decode(self._page("Page.captureScreenshot", {"format": "png"})["data"]))

    def resize(self, width: int, height: int) -> None:
        """Makes the window as large as said, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._page("Emulation.setDeviceMetricsOverride", size)

    def _page(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        return self._call(method, parameters, self._session)

    def _call(self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None) -> Any:
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for answer in self._receive(1.0):
                if answer.get("id") == number:
                    if "error" in answer:
                        raise PageProblem(f"{method}: {answer['error']['message']}")
                    return answer["result"]
        raise PageProblem(f"Chromium did not answer {method} within 30 s")

    def _collect(self, seconds: float) -> None:
        for _ in self._receive(seconds):
            pass

    def _receive(self, seconds: float) -> list[dict[str, Any]]:
        ready, _, _ = select.select([self._from_browser], [], [], seconds)
        if not ready:
            return []
        data = os.read(self._from_browser, 1 << 20)
        if not data:
            raise PageProblem("Chromium has ended")
        *messages, self._buffer = (self._buffer + data).split(b"\0")
        decoded = [json.loads(message) for message in messages]
        for message in decoded:
            self._note(message)
        return decoded

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
