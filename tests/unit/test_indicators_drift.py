"""The book of differences: nothing is forgotten before a later look has shown it to agree."""

from __future__ import annotations

from chiso_indicators.core.drift import DriftBook


def difference(key: str, computed: int) -> dict[str, object]:
    return {"key": key, "fields": {"numerator": {"stored": 1, "computed": computed}}}


def test_a_difference_is_new_once_and_stands_until_its_key_agrees() -> None:
    book = DriftBook()
    assert book.note(["a", "b"], [difference("a", 2)]) == [difference("a", 2)]
    assert book.note(["a", "b"], [difference("a", 2)]) == [], "known already"
    assert book.note(["a"], [difference("a", 3)]) == [difference("a", 3)], "it differs otherwise now"
    assert book.note(["b", "c"], []) == [] and list(book.rows) == ["a"], "nobody looked at a"
    assert book.note(["a"], []) == [] and not book.rows


def test_a_complete_audit_settles_what_it_did_not_find() -> None:
    book = DriftBook()
    book.note(["a", "b"], [difference("a", 2), difference("b", 2)])
    book.replace([difference("b", 2)])
    assert list(book.rows) == ["b"]
