"""Refuses questions about what cannot exist: unknown parameters, units, indicators and periods (422)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from chiso_shared.catalogue import Catalogue
from chiso_shared.contracts.problem import ProblemItem
from chiso_shared.runtime.questions import BadParameters, problem, unknown_parameters
from fastapi import Request
from fastapi.routing import APIRoute

_CALENDARS: Final = ("administrative", "statistical")
_CODES: Final[dict[str, Literal["unknown_unit", "unknown_indicator", "unknown_period"]]] = {
    "unit": "unknown_unit",
    "parent": "unknown_unit",
    "indicator": "unknown_indicator",
    "period": "unknown_period",
}
_TEXTS: Final = {
    "unknown_unit": ("no unit ever had this code", "không có đơn vị nào mang mã này"),
    "unknown_indicator": ("no such indicator in the catalogue", "danh mục không có chỉ số này"),
    "unknown_period": ("no such period in the calendar", "lịch báo cáo không có kỳ này"),
}


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of every router. Raises BadParameters for a parameter that the endpoint does not have."""
    route = request.scope["route"]
    if isinstance(route, APIRoute):
        known = [field.alias for field in route.dependant.query_params]
        _refuse(unknown_parameters(request.query_params, known))


def refuse_unknown_codes(
    catalogue: Catalogue, calendars: Sequence[str] | None = None, **given: str | Sequence[str] | None
) -> None:
    """Raises BadParameters for `unit`, `parent`, `indicator` and `period` filters that nothing can match."""
    tests: dict[str, Callable[[str], bool]] = {
        "unit": catalogue.units.named,
        "parent": catalogue.units.named,
        "indicator": catalogue.indicators.__contains__,
        "period": lambda code: _is_period(catalogue, calendars or _CALENDARS, code),
    }
    _refuse(
        [
            problem(name, _CODES[name], *_TEXTS[_CODES[name]], code, ())
            for name, codes in given.items()
            for code in dict.fromkeys([codes] if isinstance(codes, str) else codes or ())
            if not tests[name](code)
        ]
    )


def _is_period(catalogue: Catalogue, calendars: Iterable[str], code: str) -> bool:
    return any(catalogue.calendars.parse(calendar, code) is not None for calendar in calendars)


def _refuse(items: Sequence[ProblemItem]) -> None:
    if items:
        raise BadParameters(items)
