"""Text, dates and words of a document: strict types, NFC, bounds. Readers note what is wrong and go on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, Final

from chiso_ingest.core import texts
from chiso_ingest.core.findings import Findings, token, wrong_type
from chiso_ingest.core.limits import FIRST_YEAR, LAST_YEAR

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_COMPOSED: Final = 4  # NFC makes one character out of at most so many
_MOST_MARKS: Final = 30
_UNWRITABLE: Final = re.compile("[\x00\ud800-\udfff]")


def normal_text(text: str) -> str | None:
    """The text in NFC without white space around it; None when nothing is left. Idempotent.

    Its cost grows with the square of a run of combining marks: bound the text first.
    """
    if text.isascii():
        return text.strip() or None
    return unicodedata.normalize("NFC", text).strip() or None


def read_text(
    raw: Any, pointer: str, findings: Findings, limit: int, observation: int | None = None
) -> str | None:
    """Text of at most `limit` characters, or None when it is absent or refused."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, pointer, raw, observation=observation, words=wrong_type(str, raw))
        return None
    stripped = raw.strip()
    if len(stripped) <= limit * _MOST_COMPOSED and _piles_marks(stripped):
        findings.add(texts.PILED_MARKS, pointer, raw, observation=observation, words={"most": _MOST_MARKS})
        return None
    # What is far too long is not even normalised: that takes long.
    text = normal_text(stripped) if len(stripped) <= limit * _MOST_COMPOSED else stripped
    if text is not None and len(text) > limit:
        findings.add(
            texts.TOO_LONG,
            pointer,
            raw,
            observation=observation,
            hint=f"{len(text)} characters; at most {limit}",
            words={"limit": limit},
        )
        return None
    return text


def _piles_marks(text: str) -> bool:
    """Whether more combining marks follow each other than any language writes (UAX #15, Stream-Safe)."""
    if len(text) <= _MOST_MARKS or text.isascii():
        return False
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MOST_MARKS:
            return True
    return False


def read_word(
    raw: Any,
    pointer: str,
    findings: Findings,
    words: Collection[str],
    default: str | None,
    observation: int | None = None,
) -> str | None:
    """One of the words, the default when it is absent, None when it is refused."""
    if raw is None:
        return default
    if isinstance(raw, str):
        if raw in words:
            return raw
        findings.add(
            texts.UNKNOWN_WORD, pointer, raw, observation=observation, hint="one of " + ", ".join(words)
        )
    else:
        findings.add(texts.WRONG_TYPE, pointer, raw, observation=observation, words=wrong_type(str, raw))
    return None


def read_date(raw: Any, pointer: str, findings: Findings) -> date | None:
    """A date as YYYY-MM-DD of the years 1900 to 2199, or None when it is absent or refused."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        findings.add(texts.WRONG_TYPE, pointer, raw, words=wrong_type(str, raw))
        return None
    try:
        day = date.fromisoformat(raw) if _DATE.fullmatch(raw) else None
    except ValueError:
        day = None
    if day is None:
        findings.add(texts.NOT_A_DATE, pointer, raw, hint="for example 2025-10-14")
    elif not FIRST_YEAR <= day.year <= LAST_YEAR:
        findings.add(texts.DATE_OUT_OF_RANGE, pointer, raw, words={"first": FIRST_YEAR, "last": LAST_YEAR})
        return None
    return day


def find_unwritable(raw: Any, findings: Findings, pointer: str = "") -> None:
    """Notes every text, names of fields included, with a NUL character or half of a surrogate pair."""
    for where, text in _texts(raw, pointer):
        if _UNWRITABLE.search(text):
            findings.add(texts.FORBIDDEN_CHARACTER, where, text.replace("\x00", "�"))


def _texts(raw: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match raw:
        case str():
            yield pointer, raw
        case dict():
            for name, item in raw.items():
                yield pointer, name
                yield from _texts(item, pointer + token(name))
        case list():
            for position, item in enumerate(raw):
                yield from _texts(item, f"{pointer}/{position}")
