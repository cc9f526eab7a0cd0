"""What people may ask for: acknowledge, silence, a task done. Checks the form, decides nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from chiso_shared.contracts.problem import WORDS_VI, ErrorCode, ProblemItem

from chiso_alerts.core.suppression import MATCHED

LONGEST_TEXT: Final = 500
LONGEST_SILENCE: Final = timedelta(days=366)
_MOST_VALUES: Final = 200


class BadRequest(ValueError):
    """A request that cannot be granted; `items` name every offender."""

    def __init__(self, items: Sequence[ProblemItem]) -> None:
        super().__init__(f"{len(items)} problems")
        self.items = tuple(items)


@dataclass(frozen=True, slots=True)
class Said:
    """Who decided, and why."""

    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledge(Said):
    """An episode of an alert is taken on; `until` None: until it ends."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class NewSilence(Said):
    """What matches is silent; `starts_at` None: from now."""

    matchers: Mapping[str, tuple[str, ...]]
    starts_at: datetime | None
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class MarkDone(Said):
    """A task was done on a day; None: today."""

    done_on: date | None


@dataclass(slots=True)
class _Form:
    """A document under examination: takes field by field, remembers every problem."""

    document: Mapping[str, Any]
    items: list[ProblemItem] = field(default_factory=list)

    def problem(self, name: str, code: ErrorCode, message: str, value: Any = None) -> None:
        self.items.append(
            ProblemItem(
                pointer=f"/{name}", code=code, message=message, message_vi=WORDS_VI[code], value=value
            )
        )

    def text(self, name: str) -> str:
        value = self.document.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            self.problem(name, "missing_field", "must be given")
        elif not isinstance(value, str):
            self.problem(name, "wrong_type", "must be a text")
        elif len(value) > LONGEST_TEXT or not value.replace("\n", " ").isprintable():
            self.problem(name, "out_of_range", f"at most {LONGEST_TEXT} printable characters")
        else:
            return value
        return ""

    def instant(self, name: str) -> datetime | None:
        value = self.document.get(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                raise ValueError("no time zone")
            return found.astimezone(UTC)
        except (TypeError, ValueError):
            self.problem(name, "wrong_type", "must be an instant with its time zone (RFC 3339)", value)
        except OverflowError:
            self.problem(name, "out_of_range", "must lie in the years 1 to 9999 in UTC", value)
        return None

    def finish(self, known: Sequence[str]) -> None:
        for name in self.document:
            if name not in known:
                self.problem(name, "unknown_field", f"known are {', '.join(known)}")
        if self.items:
            raise BadRequest(self.items)


def _form(document: Any) -> _Form:
    if not isinstance(document, Mapping):
        item = ProblemItem(
            pointer="", code="wrong_type", message="must be an object", message_vi=WORDS_VI["wrong_type"]
        )
        raise BadRequest([item])
    return _Form(document)


def acknowledge_of(document: Any, now: datetime) -> Acknowledge:
    """`author`, `reason`, optional `until` (after `now`). Raises BadRequest with every offender."""
    form = _form(document)
    found = Acknowledge(form.text("author"), form.text("reason"), form.instant("until"))
    if found.until is not None and found.until <= now:
        form.problem("until", "out_of_range", "must lie ahead", found.until.isoformat())
    form.finish(("author", "reason", "until"))
    return found


def silence_of(document: Any, now: datetime) -> NewSilence:
    """`matchers`, `author`, `reason`, `ends_at`, optional `starts_at`. Raises BadRequest."""
    form = _form(document)
    author, reason = form.text("author"), form.text("reason")
    starts_at, ends_at = form.instant("starts_at"), form.instant("ends_at")
    begin = starts_at or now
    if form.document.get("ends_at") is None:
        form.problem("ends_at", "missing_field", "every silence has an end")
    elif ends_at is not None and not (ends_at > max(begin, now) and ends_at - begin <= LONGEST_SILENCE):
        form.problem("ends_at", "out_of_range", f"must lie ahead, at most {LONGEST_SILENCE.days} days on")
    matchers = _matchers(form)
    form.finish(("matchers", "author", "reason", "starts_at", "ends_at"))
    return NewSilence(author, reason, matchers, starts_at, ends_at or now)


def said_of(document: Any) -> Said:
    """`author` and `reason`. Raises BadRequest."""
    form = _form(document)
    found = Said(form.text("author"), form.text("reason"))
    form.finish(("author", "reason"))
    return found


def mark_done_of(document: Any, today: date) -> MarkDone:
    """`author`, `reason`, optional `done_on` (not after today). Raises BadRequest."""
    form = _form(document)
    author, reason = form.text("author"), form.text("reason")
    done_on: date | None = None
    value = form.document.get("done_on")
    if value is not None:
        try:
            done_on = date.fromisoformat(value)
        except (TypeError, ValueError):
            form.problem("done_on", "wrong_type", "must be a day (YYYY-MM-DD)", value)
    if done_on is not None and done_on > today:
        form.problem("done_on", "out_of_range", "must not lie ahead", value)
    form.finish(("author", "reason", "done_on"))
    return MarkDone(author, reason, done_on)


def _matchers(form: _Form) -> dict[str, tuple[str, ...]]:
    given = form.document.get("matchers")
    if not isinstance(given, Mapping) or not given:
        form.problem("matchers", "missing_field", f"name at least one of {', '.join(MATCHED)}")
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in given.items():
        values = [value] if isinstance(value, str) else value
        texts = isinstance(values, list) and all(
            isinstance(one, str) and 0 < len(one) <= LONGEST_TEXT and one.isprintable() for one in values
        )
        if name not in MATCHED:
            form.problem(f"matchers/{name}", "unknown_field", f"known are {', '.join(MATCHED)}")
        elif not texts or not 0 < len(values) <= _MOST_VALUES:
            form.problem(f"matchers/{name}", "wrong_type", f"a text or a list of 1 to {_MOST_VALUES} texts")
        else:
            found[name] = tuple(sorted(set(values)))
    return found
