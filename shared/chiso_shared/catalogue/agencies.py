"""Electronic identifiers of agencies (H-codes): one canonical form for the ways they are written.

Pure text work; whether an agency exists or may do something is not decided here.
"""

import re
from typing import Final

MAXIMUM_LENGTH: Final = 35
_CANONICAL: Final = re.compile(r"[A-Z0-9]+(?:\.[A-Z0-9]+)*")
_LEVEL_ONE: Final = re.compile(r"[A-Z][0-9]+")


def canonical_agency(text: str) -> str | None:
    """The canonical identifier, level 1 first (`H48.12`); None when the text is none (docs/contract.md §2).

    Accepts the order of Decision 20/2020 (`H55.242`), the older one with level 1 last (`000.00.00.H49`) and
    `-` instead of `.`. Groups of zeros only say that a level is not used and are dropped at both ends.
    At most 35 characters; letters must be capital. Applying it twice changes nothing.
    """
    dotted = text.replace("-", ".")
    if len(dotted) > MAXIMUM_LENGTH or not _CANONICAL.fullmatch(dotted):
        return None
    groups = _without_zero_ends(dotted.split("."))
    if groups and groups[0][0].isdigit() and _LEVEL_ONE.fullmatch(groups[-1]):
        groups = _without_zero_ends(groups[::-1])
    return ".".join(groups) or None


def _without_zero_ends(groups: list[str]) -> list[str]:
    used = [position for position, group in enumerate(groups) if group.strip("0")]
    return groups[used[0] : used[-1] + 1] if used else []
