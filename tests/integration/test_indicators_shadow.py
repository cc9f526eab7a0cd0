"""Two agencies report a cell: the authoritative one counts, the other is kept as a shadow (semantics §3)."""

from __future__ import annotations

import random
from pathlib import Path

from tests.integration.indicators_chain import DEFAULT_KEY, document, log_writer, observation, running
from tests.integration.indicators_seeds import edited_seeds

CHANCE = random.Random("shadow")
ENTRY = {
    "unit": "21028",
    "indicator": "DVC.*",
    "agency": "H48",
    "valid_from": "2025-07-01",
    "valid_to": "",
}


async def test_only_the_authoritative_agency_counts(chiso_topics: str, database: str, tmp_path: Path) -> None:
    seeds = edited_seeds(tmp_path / "seeds", "authoritative_sources.csv", lambda row: row, ENTRY)
    async with running(chiso_topics, database, seeds=seeds) as chain, log_writer(chiso_topics) as log:
        sent = [
            await log.submit(
                document(
                    CHANCE, [observation(unit, numerator=part, denominator=100)], agency=agency, revision=n
                )
            )
            for n, (unit, agency, part) in enumerate(
                [
                    ("21028", "DEMO", 99),
                    ("21028", "H48", 40),
                    ("21028", "DEMO", 98),
                    ("21034", "DEMO", 7),
                    ("21034", "H48", 8),
                ]
            )
        ]
        await chain.settled(sent)
        found = [
            (await chain.get(f"/v1/submissions/{one['agency']}/{one['submission_id']}"))["observations"][0][
                "outcome"
            ]
            for one in sent
        ]
        assert found == ["shadow", "applied", "shadow", "applied", "applied"]
        row = await chain.rollup("51")
        assert row is not None and (row["numerator"], row["denominator"]) == (48, 200), "40 of H48 and 8"
        cell = await chain.get("/v1/cells/21028/" + "/".join(DEFAULT_KEY))
        assert (cell["winner"]["agency"], cell["winner"]["numerator"]) == ("H48", 40)
        assert [(one["outcome"], one["numerator"]) for one in cell["revisions"]] == [
            ("shadow", 98),
            ("applied", 40),
            ("shadow", 99),
        ]
        assert (await chain.client.post("/v1/audit")).json()["drift_rows"] == 0
