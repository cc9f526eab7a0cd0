"""What the sender may have meant: codes near to a wrong one. Bounded work."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from chiso_shared.catalogue.units import Units

_LONGEST_CODE: Final = 40
_SHOWN: Final = 3
_DIGITS: Final = "0123456789"


def near_unit(code: str, units: Units) -> str | None:
    """Unit codes one digit away: mistyped, swapped, missing (a lost leading zero) or too many."""
    if not (code.isascii() and code.isdigit() and len(code) <= 6):
        return None
    near = {other for other in _one_edit(code) if units.known(other)}
    return _did_you_mean(sorted(near, key=lambda other: (other != "0" + code, -_alike(code, other), other)))


def _alike(code: str, other: str) -> int:
    """How many digits the two share from the start: who mistypes mostly has the province right."""
    pairs = zip(code, other, strict=False)
    return next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), len(code))


def near_name(name: str, names: Iterable[str]) -> str | None:
    """The names most like a wrong one."""
    if len(name) > _LONGEST_CODE:
        return None
    wanted = {candidate.casefold(): candidate for candidate in names}
    found = difflib.get_close_matches(name.casefold(), wanted, n=_SHOWN, cutoff=0.6)
    return _did_you_mean(wanted[candidate] for candidate in found)


def _did_you_mean(codes: Iterable[str]) -> str | None:
    shown = [code for code, _ in zip(codes, range(_SHOWN), strict=False)]
    return "did you mean " + " or ".join(shown) + "?" if shown else None


def _one_edit(code: str) -> Iterator[str]:
    yield "0" + code
    for at in range(len(code) - 1):
        yield code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    for at in range(len(code)):
        yield code[:at] + code[at + 1 :]
    for at in reversed(range(len(code))):
        for digit in _DIGITS:
            yield code[:at] + digit + code[at + 1 :]
    for at in range(1, len(code) + 1):
        for digit in _DIGITS:
            yield code[:at] + digit + code[at:]
