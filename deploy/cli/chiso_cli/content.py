"""What files hold and how the door takes it: options that `submit` and `preflight` share. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter

from chiso_cli.documents import Format, Outgoing, read_submissions
from chiso_cli.exits import USAGE, CommandFailed
from chiso_cli.sources import Source

Fields = Annotated[
    tuple[str, ...],
    Parameter(
        name="--field",
        alias="-f",
        help="NAME=VALUE, a document field of a CSV, such as period=2025-10; may be repeated.",
    ),
]

DOCUMENT_FIELDS: Final = (
    "submission_id",
    "agency",
    "calendar",
    "period",
    "basis",
    "as_of",
    "stage",
    "revision",
    "revision_reason",
    "source.document",
    "source.url",
    "source.published",
)


@Parameter(name="*", group=Group("Content", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class Content:
    """What is in the files and how the door takes it."""

    format: Annotated[Format | None, Parameter(help="Only needed where neither name nor content tell.")] = (
        None
    )
    field: Fields = ()
    locale: Annotated[
        Literal["vi", "en"] | None,
        Parameter(help="How numbers in a CSV are written: vi 1.234,5 or en 1,234.5."),
    ] = None
    mode: Annotated[
        Literal["atomic", "each"],
        Parameter(help="atomic: one bad observation refuses its submission. each: good ones are accepted."),
    ] = "atomic"
    assign_id: Annotated[
        bool,
        Parameter(
            negative="--no-assign-id",
            help="Give a submission without an id one made from its content; else it is refused.",
        ),
    ] = True

    def query(self) -> Mapping[str, str]:
        """The query parameters of the door."""
        return {"mode": self.mode} if self.mode != "atomic" else {}

    def csv_query(self) -> Mapping[str, str]:
        """The query parameters that only a CSV has."""
        return {**parsed_fields(self.field), **({"locale": self.locale} if self.locale else {})}


AS_IT_IS: Final = Content()


def read_all(given: Sequence[Source], content: Content) -> Iterator[Outgoing]:
    """The submissions of all files, in their order. Raises CommandFailed (usage) before the first is read if
    the fields given for CSVs are wrong, later for a file that cannot be read.
    """
    query = content.csv_query()
    return (
        outgoing
        for source in given
        for outgoing in read_submissions(source, content.format, query, content.assign_id)
    )


def parsed_fields(texts: tuple[str, ...]) -> Mapping[str, str]:
    """The fields by name. Raises CommandFailed (usage) for a text without `=` or an unknown name."""
    fields: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in DOCUMENT_FIELDS:
            raise CommandFailed(
                f"--field {text!r}: it is NAME=VALUE with one of the names {', '.join(DOCUMENT_FIELDS)}.",
                USAGE,
            )
        fields[name] = value
    return fields
