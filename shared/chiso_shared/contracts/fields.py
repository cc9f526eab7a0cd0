"""Field types that several payloads share: exact numbers, instants and the field's closed word lists."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, WithJsonSchema

from chiso_shared.contracts.codec import plain


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999 in UTC") from None


ExactNumber = Annotated[Decimal, AfterValidator(plain), WithJsonSchema({"type": "number"})]
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]

CalendarName = Literal["administrative", "statistical"]
Basis = Literal["in_period", "ytd", "as_of", "unstated"]
Stage = Literal["estimate", "actual", "official"]
Qualifier = Literal["eq", "gt", "ge", "lt", "le", "approx", "range"]
ObservationStatus = Literal["A", "P", "E", "NA"]
Op = Literal["report", "withdraw"]
Level = Literal["nation", "province", "commune", "department"]
Phase = Literal["open", "collecting", "closed", "reopened"]
Cause = Literal["report", "correct", "withdraw", "reference", "hierarchy", "backfill", "close"]
Severity = Literal["info", "warning", "critical"]
Comparator = Literal["ge", "le"]
ValueSource = Literal["computed", "reported", "none"]


class Payload(BaseModel):
    """Base of every payload: immutable; readers ignore fields they do not know (docs/contract.md §5)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
