"""When a row is a new version, and which vintage it has (semantics §5). Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from chiso_indicators.core.causes import union
from chiso_indicators.core.row import Row

# Fields that are about the version, not about what it says.
_SILENT: Final = frozenset(
    {"vintage", "version", "causes", "tick", "ordinal", "updated_at", "catalogue_version"}
)
_WITH_THE_CLOSE: Final = frozenset({"backfill", "close", "report"})
TELLING: Final = tuple(name for name in Row.__struct_fields__ if name not in _SILENT)


def says_the_same(one: Row, other: Row) -> bool:
    """Whether two rows differ in nothing that a reader would act on."""
    return all(getattr(one, name) == getattr(other, name) for name in TELLING)


def next_version(before: Row | None, after: Row, causes: Collection[str]) -> Row | None:
    """`after` as the next version of `before`; None when it says the same, or nothing makes it exist."""
    if before is None and not causes:
        return None
    if before is not None and says_the_same(before, after):
        return None
    return msgspec.structs.replace(
        after,
        version=(before.version if before else 0) + 1,
        vintage=_vintage(before, after.phase, causes),
        causes=union(causes),
    )


def _vintage(before: Row | None, phase: str, causes: Collection[str]) -> int:
    """0 until the close, 1 at the first close, then one more per effective change and per closing again.

    Loading the past is no restatement: it stays 1. What nobody had reported on at the close was nothing then;
    the first that is said later restates it.
    """
    if before is None and phase == "closed":
        return 2 if restates(None, causes) else 1
    known = before.vintage if before else 0
    if phase != "closed":
        return known
    if known == 0:
        return 1
    return known + 1 if restates(before, causes) else known


def restates(before: Row | None, causes: Collection[str]) -> bool:
    """Whether what is said of a closed period says otherwise what was final, be it nothing."""
    return not _WITH_THE_CLOSE.intersection(causes) if before is None else set(causes) != {"backfill"}
