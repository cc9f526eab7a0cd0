"""Memories of alerts as the table has them, kept to spare reading the same text again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from chiso_shared.contracts.codec import decode_model

from chiso_alerts.core.state import AlertMemory

_MOST: Final = 5_000


class Remembered:
    """The memories that were read or written last. The table decides: its text must be the same."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[UUID, tuple[str, AlertMemory]] = {}

    def read(self, alert_id: UUID, text: str) -> AlertMemory:
        """The memory of an alert in the table's text. Raises what `decode_model` raises."""
        known = self._known.get(alert_id)
        if known is not None and known[0] == text:
            return known[1]
        memory = decode_model(AlertMemory, text.encode())
        self.keep(alert_id, text, memory)
        return memory

    def keep(self, alert_id: UUID, text: str, memory: AlertMemory) -> None:
        """Keeps a memory with the text that is being written of it; the oldest make room."""
        self._known.pop(alert_id, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[alert_id] = text, memory
