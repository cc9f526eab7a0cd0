"""`--field NAME=VALUE`: document fields of a CSV on the command line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from cyclopts import Parameter

from chiso_cli.exits import USAGE, CommandFailed

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
