"""Options that several commands share. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter

from chiso_cli.wording import Language

OUTPUT = Group("Output", sort_key=8)
CONNECTION = Group("Connection", sort_key=9)

IngestURL = Annotated[
    str | None,
    Parameter(
        name="--ingest-url",
        env_var="CHISO_INGEST_URL",
        group=CONNECTION,
        help="The ingest door. Without it: http://$CHISO_HTTP_HOST:$CHISO_INGEST_PORT (127.0.0.1:8101).",
    ),
]
IndicatorsURL = Annotated[
    str | None,
    Parameter(
        name="--indicators-url",
        env_var="CHISO_INDICATORS_URL",
        group=CONNECTION,
        help="The indicators service. Without it: http://$CHISO_HTTP_HOST:$CHISO_INDICATORS_PORT "
        "(127.0.0.1:8102).",
    ),
]
AlertsURL = Annotated[
    str | None,
    Parameter(
        name="--alerts-url",
        env_var="CHISO_ALERTS_URL",
        group=CONNECTION,
        help="The alerts service. Without it: http://$CHISO_HTTP_HOST:$CHISO_ALERTS_PORT (127.0.0.1:8103).",
    ),
]
KeyFile = Annotated[
    Path | None,
    Parameter(
        group=CONNECTION,
        help="A file of one line, the agency's key. Without it: $CHISO_KEY, else $CHISO_HOME/demo.key "
        "(.chiso/demo.key).",
    ),
]
Seeds = Annotated[
    Path | None,
    Parameter(env_var="CHISO_SEEDS", help="The folder of the catalogue. Without it: seeds."),
]


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Output:
    """How an answer is written."""

    json: Annotated[
        bool, Parameter(help="For programs: one JSON document, or one a line for lists; nothing else.")
    ] = False
    lang: Annotated[
        Language, Parameter(env_var="CHISO_LANG", help="Language of headings, words and messages.")
    ] = "en"


AS_A_TABLE: Final = Output()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much of a list is read."""

    limit: Annotated[int, Parameter(help="At most so many rows.")] = 100
    all: Annotated[bool, Parameter(help="Every row, page after page.")] = False

    @property
    def most(self) -> int | None:
        """The bound on the number of rows, `None` for none."""
        return None if self.all else self.limit


FIRST_ROWS: Final = Amount()
