"""Where the figures of the source documents are filed, in which submissions, and what stays in the seeds."""

import json
from collections import Counter
from datetime import UTC, date, datetime

import pytest
from chiso_ingest.core.check import Rules, check
from chiso_ingest.core.scope import Scope
from chiso_shared.catalogue import CellKey, PublishedEntry, published_listing, published_submissions
from chiso_shared.contracts.codec import decode_json, encode_json
from chiso_shared.contracts.submission import SubmissionDocument

from tests.unit.catalogue_seeds import catalogue_with, seeds


def entry(figure: str) -> PublishedEntry:
    return next(one for one in published_listing(seeds()) if one.figure.id == figure)


def test_all_66_figures_are_listed_each_with_its_cell_or_the_reason() -> None:
    listing = published_listing(seeds())
    assert len(listing) == 66
    for one in listing:
        filed = one.cell is not None and one.submission_id is not None
        assert filed == (one.reason is None) == (one.message_en is None) == (one.message_vi is None)
    assert sum(one.cell is not None for one in listing) == 57


def test_what_stays_in_the_seeds_and_why() -> None:
    reasons = {one.figure.id: one.reason for one in published_listing(seeds()) if one.reason}
    assert reasons == {
        "000-t1": "no_number",
        "002-10": "no_number",
        "002-t1": "no_number",
        "001-27a": "no_date",
        "001-27b": "no_date",
        "001-27c": "no_date",
        "001-27d": "no_date",
        "002-5": "part_only",
        "003-10": "part_only",
    }


@pytest.mark.parametrize(
    ("figure", "cell"),
    [
        ("002-4", CellKey("44", "DVC.ONLINE_SUBMIT", "statistical", "2025-10", "unstated")),
        ("001-10", CellKey("51", "DVC.ONLINE_SUBMIT", "statistical", "2025-12", "unstated")),
        ("000-4", CellKey("51", "DVC.ONLINE_SUBMIT", "statistical", "2025-12", "unstated")),
        ("003-1", CellKey("VN", "NAT.APPS", "statistical", "2025-08", "unstated")),
        ("003-8", CellKey("08", "DVC.ONLINE_SUBMIT", "statistical", "2025-09", "unstated")),
        ("004-4", CellKey("33", "DVC.ONLINE_SUBMIT_RANK", "statistical", "2025-09", "unstated")),
        ("001-18", CellKey("51", "STI.PUBS", "statistical", "2025-12", "ytd")),
        ("000-1", CellKey("51", "INF.FIBRE_COMMUNE", "statistical", "2025-12", "as_of")),
    ],
)
def test_figures_are_filed_in_the_statistical_month_with_the_basis_the_text_states(
    figure: str, cell: CellKey
) -> None:
    assert entry(figure).cell == cell


def test_older_documents_come_first() -> None:
    order = [submission.source for submission in published_submissions(seeds())]
    assert list(dict.fromkeys(order)) == ["004", "003", "002", "001", "000"]
    assert order == sorted(order, reverse=True)


def test_one_submission_for_each_header_that_a_document_needs() -> None:
    submissions = published_submissions(seeds())
    headers = [(one.source, one.body["period"], one.body["basis"], one.body["as_of"]) for one in submissions]
    assert len(set(headers)) == len(headers) == 12
    assert Counter(one.source for one in submissions) == {"004": 2, "003": 3, "002": 2, "001": 3, "000": 2}
    listed = Counter(one.submission_id for one in published_listing(seeds()) if one.submission_id)
    assert listed == {one.submission_id: len(one.figures) for one in submissions}


def test_bodies_are_documents_of_the_contract_with_exact_numbers() -> None:
    for submission in published_submissions(seeds()):
        body = decode_json(encode_json(submission.body))
        document = SubmissionDocument.model_validate(body)
        assert document.agency == "DEMO" and document.calendar == "statistical"
        assert document.source.document == submission.source
        period = seeds().calendars.parse(document.calendar, document.period)
        assert period is not None and document.as_of is not None and period.contains(document.as_of)
        cells = [(one.unit, one.indicator) for one in document.observations]
        assert len(set(cells)) == len(cells) == len(submission.figures)


def test_numbers_are_written_exactly() -> None:
    texts = [encode_json(one.body) for one in published_submissions(seeds())]
    assert sum(b'"value":72.63,' in text for text in texts) == 1
    assert sum(b'"value":1500000000000,' in text for text in texts) == 1


def test_observations_keep_qualifiers_and_bounds_of_the_catalogue() -> None:
    found = {
        figure: observation
        for submission in published_submissions(seeds())
        for figure, observation in zip(
            submission.figures, json.loads(encode_json(submission.body))["observations"], strict=True
        )
    }
    assert found["000-4"] == {"unit": "51", "indicator": "DVC.ONLINE_SUBMIT", "value": 74, "qualifier": "gt"}
    assert found["001-7"]["value_high"] == 99 and found["001-7"]["qualifier"] == "range"
    assert found["001-12"]["qualifier"] == "lt"
    assert found["003-3"]["value"] == 1_500_000_000_000
    assert all("numerator" not in observation for observation in found.values())


def test_every_filed_figure_passes_the_rules_of_the_door() -> None:
    for one in published_listing(seeds()):
        if one.cell is None or one.figure.value is None or one.figure.as_of is None:
            continue
        indicator, unit = seeds().indicators[one.cell.indicator], one.cell.unit
        assert indicator.allows(one.cell.basis) and indicator.in_range(one.figure.value)
        period = seeds().calendars.parse(one.cell.calendar, one.cell.period)
        assert period is not None and seeds().units.get(unit, period.end) is not None


def test_ids_are_stable_and_follow_the_content() -> None:
    first, again = published_submissions(seeds()), published_submissions(seeds())
    assert first == again
    old = "002-4,002,44,province,DVC.ONLINE_SUBMIT,eq,72.63"
    other = published_submissions(catalogue_with("published_figures.csv", old, old.replace("72.63", "72.64")))
    changed = [
        one.figures for one, two in zip(first, other, strict=True) if one.submission_id != two.submission_id
    ]
    assert changed == [("002-4", "002-6", "002-7")]


def test_a_second_figure_of_a_document_for_the_same_cell_is_not_filed() -> None:
    catalogue = catalogue_with("published_figures.csv", "report,,,high,003-9", "report,,,high,")
    reasons = {one.figure.id: one.reason for one in published_listing(catalogue) if one.reason}
    assert reasons["003-10"] == "same_cell" and "003-9" not in reasons


def test_a_flow_of_exactly_one_month_is_in_period() -> None:
    old = "2025-08-28,2025-07-01,2025-08-28"
    catalogue = catalogue_with("published_figures.csv", old, "2025-08-31,2025-08-01,2025-08-31")
    cell = next(one.cell for one in published_listing(catalogue) if one.figure.id == "003-1")
    assert cell == CellKey("VN", "NAT.APPS", "statistical", "2025-08", "in_period")


def test_quotes_and_documents_stand_beside_the_figures() -> None:
    one = entry("002-4")
    assert one.figure.quote == "rate of online records in the whole province reached 72.63%"
    assert one.source.publication_date == date(2025, 11, 6) and one.source.url.startswith("https://")


def test_the_door_accepts_every_submission_as_it_is() -> None:
    rules = Rules(seeds(), Scope.unlimited("DEMO"), datetime(2026, 11, 22, tzinfo=UTC))
    for submission in published_submissions(seeds()):
        verdict = check(decode_json(encode_json(submission.body)), rules)
        assert verdict.status == 200, (submission.source, verdict.findings)
        assert verdict.accepted == len(submission.figures)
