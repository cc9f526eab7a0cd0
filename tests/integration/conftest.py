"""A key registry for the tests in which people decide something, written by the door's own functions."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from chiso_ingest.keys import FILE_NAME, add_key

from tests.unit.catalogue_seeds import seeds


@pytest.fixture
def operator_home(tmp_path: Path) -> Path:
    """A CHISO_HOME of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def operator(operator_home: Path) -> dict[str, str]:
    """The header of a key like the demo key: every unit and indicator."""
    return _header(operator_home, "DEMO", "VN", "*")


@pytest.fixture
def commune_operator(operator_home: Path) -> dict[str, str]:
    """The header of one commune's key."""
    return _header(operator_home, "H48.12", "51", "21289")


def _header(home: Path, agency: str, place: str, unit: str) -> dict[str, str]:
    key = add_key(
        home / FILE_NAME,
        seeds(),
        agency=agency,
        home=place,
        units=[unit],
        indicators=["*"],
        now=datetime.now(UTC),
    )
    return {"authorization": f"Bearer {key}"}
