"""What people decided, as facts (docs/contract.md §5: `chiso.operations.v1`)."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from chiso_shared.contracts.fields import Instant, Payload


class OperationEvent(Payload):
    """Payload of `chiso.operation.{operation}.v1`: who decided what, when and why."""

    operation_id: UUID
    operation: Literal[
        "reopened", "approved", "refused", "acknowledged", "silenced", "task_done", "catalogue_applied"
    ]
    subject: str
    author: str
    reason: str
    at: Instant
    details: dict[str, Any] = Field(default_factory=dict)
