"""Tells the person at the terminal what is going on, on stderr. Standard output stays for the READY line."""

from __future__ import annotations

import sys
import time

BAR_WIDTH = 30
QUIET_STEP_PERCENT = 20


def say(text: str) -> None:
    """One line about what is being done."""
    print(f"chiso: {text}", file=sys.stderr, flush=True)


class DownloadProgress:
    """A bar that redraws itself on a terminal; a line every fifth of the way in a log."""

    def __init__(self, what: str, total_bytes: int) -> None:
        self._what = what
        self._total_bytes = max(total_bytes, 1)
        self._done_bytes = 0
        self._shown_percent = -QUIET_STEP_PERCENT
        self._shown_at = 0.0
        self._live = sys.stderr.isatty()

    def add(self, size_bytes: int) -> None:
        """So many more bytes are here."""
        self._done_bytes += size_bytes
        percent = min(100, self._done_bytes * 100 // self._total_bytes)
        if self._live:
            if time.monotonic() - self._shown_at >= 0.1 or percent == 100:
                self._draw(percent)
        elif percent >= self._shown_percent + QUIET_STEP_PERCENT:
            self._shown_percent = percent - percent % QUIET_STEP_PERCENT
            say(self._text(percent))

    def finish(self) -> None:
        """Leave the bar's line."""
        if self._live:
            self._draw(100)
            print(file=sys.stderr, flush=True)

    def _draw(self, percent: int) -> None:
        self._shown_at = time.monotonic()
        filled = "#" * (percent * BAR_WIDTH // 100)
        print(f"\rchiso: [{filled:<{BAR_WIDTH}}] {self._text(percent)} ", end="", file=sys.stderr, flush=True)

    def _text(self, percent: int) -> str:
        return f"{self._what} {percent} % of {self._total_bytes / 1e6:.0f} MB"
