"""Reads the HTTP endpoints of indicators and alerts. Every failure becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
from chiso_shared.contracts.codec import MalformedJSON, decode_json

from chiso_cli.door import why
from chiso_cli.environment import is_local
from chiso_cli.exits import AWAY, SOME_REFUSED, CommandFailed
from chiso_cli.retry import is_transient

Query = Mapping[str, str | int | Sequence[str]]

PAGE_SIZE: Final = 10_000
_MOST_CODES: Final = 100
_TIMEOUT: Final = httpx.Timeout(30, connect=5)


class Reader:
    """One service, read through a connection that is kept open."""

    def __init__(self, service: str, base_url: str) -> None:
        self._service = service
        self._base_url = base_url
        self._client = httpx.Client(
            base_url=base_url, timeout=_TIMEOUT, trust_env=not is_local(base_url), follow_redirects=True
        )

    @classmethod
    @contextmanager
    def of(cls, service: str, base_url: str) -> Iterator[Self]:
        """A reader that is closed at the end of the block."""
        reader = cls(service, base_url)
        with reader._client:
            yield reader

    def get(self, path: str, query: Query | None = None) -> Any:
        """The decoded answer. Raises CommandFailed, with the service's own words where it gave some."""
        return self._body(self._response(path, query))

    def find(self, path: str, query: Query | None = None) -> Any | None:
        """As `get`, but `None` for what does not exist."""
        response = self._response(path, query)
        return None if response.status_code == httpx.codes.NOT_FOUND else self._body(response)

    def post(self, path: str, query: Query | None = None) -> Any:
        """As `get`, for what the service is asked to do."""
        return self._body(self._response(path, query, "POST"))

    def _response(self, path: str, query: Query | None, method: str = "GET") -> httpx.Response:
        try:
            return self._client.request(method, path, params=_parameters(query))
        except httpx.TransportError as error:
            raise CommandFailed(
                f"{self._service} at {self._base_url} does not answer ({why(error)}). Is chiso running?", AWAY
            ) from error

    def _body(self, response: httpx.Response) -> Any:
        body = _document(response.content)
        if response.is_success and body is not None:
            return body
        said = problem_words(body) or response.reason_phrase
        code = AWAY if is_transient(response.status_code) else SOME_REFUSED
        raise CommandFailed(f"{self._service} answered {response.status_code}: {said}", code)

    def items(self, path: str, query: Query, limit: int | None) -> Iterator[Any]:
        """The items of a list, page by page; `limit` bounds their number, `None` reads to the end."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page_size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
            page = self.get(path, {**query, "limit": page_size, **({"cursor": cursor} if cursor else {})})
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise CommandFailed(f"{self._service} at {self._base_url} answered no list.", SOME_REFUSED)
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            cursor = page.get("next_cursor")
            if not cursor:
                return


def path_of(*parts: str) -> str:
    """A path of the given parts, each quoted."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def problem_words(body: Any) -> str:
    """What a problem document says, in one sentence."""
    if not isinstance(body, dict):
        return ""
    words = str(body.get("detail") or body.get("title") or "")
    errors = [str(error.get("message")) for error in body.get("errors") or () if isinstance(error, dict)]
    return "; ".join([words, *errors[:3]]) if words else "; ".join(errors[:3])


def _parameters(query: Query | None) -> list[tuple[str, str | int | float | bool | None]]:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in (query or {}).items():
        if isinstance(value, str | int):
            pairs.append((name, value))
        else:
            pairs += [(name, item) for item in value]
    return pairs


def _document(content: bytes) -> Any:
    try:
        return decode_json(content)
    except MalformedJSON:
        return None


def unit_names(base_url: str, language: str, codes: Iterable[str] | None) -> Mapping[str, str]:
    """Names of the units with these codes, of all with `None`; empty where they cannot be had."""
    wanted = sorted(set(codes)) if codes is not None else []
    query = {"code": wanted} if 0 < len(wanted) <= _MOST_CODES else {}
    try:
        with Reader.of("indicators", base_url) as indicators:
            units = list(indicators.items("/v1/units", query, None))
    except CommandFailed:
        return {}
    name = "name_vi" if language == "vi" else "name_en"
    return {str(unit.get("code")): str(unit.get(name) or unit.get("name_vi") or "") for unit in units}
