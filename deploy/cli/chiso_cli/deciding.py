"""Sends what people decide to alerts or indicators, with their key. A failure becomes one sentence."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
from chiso_shared.catalogue.periods import HO_CHI_MINH
from chiso_shared.contracts.codec import MalformedJSON, decode_json, encode_json
from cyclopts import Parameter

from chiso_cli import clock
from chiso_cli.door import UNAUTHORISED, why
from chiso_cli.environment import Service, is_local, read_key, service_url
from chiso_cli.exits import AWAY, SOME_REFUSED, USAGE, CommandFailed
from chiso_cli.reading import problem_words
from chiso_cli.retry import is_transient

Author = Annotated[
    str | None,
    Parameter(env_var="CHISO_AUTHOR", help="Who decides. Without it: the name you are logged in with."),
]
Reason = Annotated[str, Parameter(help="Why; it is kept and published.")]

_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def decide(
    path: str,
    document: Mapping[str, Any],
    url: str | None,
    key_file: Path | None,
    service: Service = "alerts",
) -> Any:
    """POSTs a decision; fields that are None are left out. The same decision again is no second one."""
    base_url = service_url(service, url, os.environ)
    headers = {
        "authorization": f"Bearer {read_key(key_file, os.environ)}",
        "content-type": "application/json",
    }
    content = encode_json({name: value for name, value in document.items() if value is not None})
    try:
        with httpx.Client(
            base_url=base_url, headers=headers, timeout=_TIMEOUT, trust_env=not is_local(base_url)
        ) as client:
            response = client.post(path, content=content)
    except httpx.TransportError as error:
        raise CommandFailed(
            f"{service} at {base_url} does not answer ({why(error)}). Is chiso running?", AWAY
        ) from error
    return _body(response, service)


def _body(response: httpx.Response, service: Service) -> Any:
    try:
        body = decode_json(response.content)
    except MalformedJSON:
        body = None
    if response.is_success and body is not None:
        return body
    said = problem_words(body) or response.reason_phrase
    code = AWAY if is_transient(response.status_code) else SOME_REFUSED
    if response.status_code == UNAUTHORISED:
        code = USAGE
    raise CommandFailed(f"{service} answered {response.status_code}: {said}", code)


def author_of(given: str | None) -> str:
    """The author given, else who is logged in."""
    return given or getpass.getuser()


def instant_of(text: str) -> str:
    """RFC 3339 from an instant, a day (its end, in Viet Nam) or a span from now: 30m, 12h, 2d."""
    match = _SPAN.fullmatch(text)
    if match:
        now = clock.now(os.environ)
        return (now + timedelta(**{_UNITS[match[2]]: int(match[1])})).isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandFailed(
            f"{text!r} is no instant: give 2026-11-30, 2026-11-30T17:00:00+07:00, or a span such as 12h.",
            USAGE,
        ) from error
    if len(text) == len("2026-11-30"):
        found += timedelta(days=1)
    return (found if found.tzinfo is not None else found.replace(tzinfo=HO_CHI_MINH)).isoformat()
