"""The demo key and the published documents: made once, sent once, in order; refusals are one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from chiso_ingest.keys import list_keys, revoke_key
from chiso_local.demo_key import ensure_demo_key
from chiso_local.failure import StartFailure
from chiso_local.home import Home
from chiso_local.published import submit_published
from chiso_shared.catalogue import Catalogue, load_catalogue, published_submissions

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SEEDS = Path(__file__).resolve().parents[2] / "seeds"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(SEEDS)


class Door:
    """Both services as an HTTP transport: remembers what was sent; `received` at the second question."""

    def __init__(self, answer: Callable[[int], httpx.Response] | None = None) -> None:
        self.sent: list[str] = []
        self.asked: list[str] = []
        self._answer = answer or (lambda _: httpx.Response(202, json={}))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert request.headers["authorization"] == "Bearer demo"
            self.sent.append(json.loads(request.content)["submission_id"])
            return self._answer(len(self.sent))
        identity = request.url.path.rsplit("/", 1)[1]
        assert identity == self.sent[-1], "the next document waits for this one"
        self.asked.append(identity)
        first = self.asked.count(identity) == 1
        return httpx.Response(404) if first else httpx.Response(200, json={"status": "received"})

    async def submit(self, home: Home, catalogue: Catalogue) -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as client:
            return await submit_published(client, home, catalogue, "http://door", "http://store", "demo")


async def test_documents_are_sent_in_order_each_received_before_the_next_and_only_once(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    expected = [one.submission_id for one in published_submissions(catalogue)]
    door, home = Door(), Home(tmp_path)
    assert await door.submit(home, catalogue) == len(expected) > 0
    assert door.sent == expected
    again = Door()
    assert await again.submit(home, catalogue) == 0
    assert again.sent == []


async def test_an_interrupted_round_goes_on_where_it_stopped(tmp_path: Path, catalogue: Catalogue) -> None:
    def refuse_third(count: int) -> httpx.Response:
        return httpx.Response(202, json={}) if count < 3 else httpx.Response(401, text="no key")

    expected = [one.submission_id for one in published_submissions(catalogue)]
    with pytest.raises(StartFailure, match=r"the published document .* was refused: 401 no key"):
        await Door(refuse_third).submit(Home(tmp_path), catalogue)
    door = Door()
    await door.submit(Home(tmp_path), catalogue)
    assert door.sent == expected[2:]


async def test_an_unknown_outcome_is_retried_with_the_same_id(tmp_path: Path, catalogue: Catalogue) -> None:
    def unknown_at_first(count: int) -> httpx.Response:
        return (
            httpx.Response(503, json={"outcome": "unknown"}) if count == 1 else httpx.Response(202, json={})
        )

    door = Door(unknown_at_first)
    await door.submit(Home(tmp_path), catalogue)
    assert door.sent[0] == door.sent[1] != door.sent[2]


async def test_documents_of_the_future_wait_for_their_time(tmp_path: Path, catalogue: Catalogue) -> None:
    refused = {"errors": [{"code": "period_in_future"}]}
    early = Door(lambda _: httpx.Response(422, json=refused))
    assert await early.submit(Home(tmp_path), catalogue) == 0
    later = Door()
    assert await later.submit(Home(tmp_path), catalogue) == len(early.sent)


def test_the_demo_key_is_kept_until_the_door_no_longer_knows_it(tmp_path: Path, catalogue: Catalogue) -> None:
    home = Home(tmp_path)
    first = ensure_demo_key(home, catalogue, NOW)
    assert home.demo_key.read_text() == first + "\n"
    assert home.demo_key.stat().st_mode & 0o077 == 0
    assert ensure_demo_key(home, catalogue, NOW) == first
    ((entry, agency),) = list_keys(home.keys)
    assert (entry.agency, agency.home, entry.units, entry.indicators) == ("DEMO", "VN", ("*",), ("*",))
    revoke_key(home.keys, entry.key_id, NOW)
    second = ensure_demo_key(home, catalogue, NOW)
    assert second != first
    home.demo_key.unlink()
    assert ensure_demo_key(home, catalogue, NOW) not in {first, second}


def test_a_broken_registry_is_one_sentence(tmp_path: Path, catalogue: Catalogue) -> None:
    home = Home(tmp_path)
    home.keys.write_text("{")
    with pytest.raises(StartFailure, match="the demo key cannot be made"):
        ensure_demo_key(home, catalogue, NOW)
