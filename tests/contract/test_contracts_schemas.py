"""The published schemas and golden examples agree with the models, and stay decodable for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from chiso_shared.contracts.codec import decode_json, decode_model, encode_json
from chiso_shared.contracts.export import PAYLOADS, documents, main
from chiso_shared.contracts.topics import TOPICS
from pydantic import ValidationError

SHARED = Path(__file__).parents[2] / "shared"
NAMES = [topic.name for topic in TOPICS]


def example(name: str) -> bytes:
    return (SHARED / "examples" / f"{name}.json").read_bytes()


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SHARED / "schemas" / f"{name}.json").read_text())
    return loaded


def test_committed_documents_are_the_generated_ones() -> None:
    for name, text in documents().items():
        assert (SHARED / name).read_text(encoding="utf-8") == text, f"{name}: run `make schemas`"


def test_drift_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.0.0\n")
    assert main(["--check", str(tmp_path)]) == 1
    assert "asyncapi.yaml" in capsys.readouterr().err


def holds(found: Any, said: Any) -> bool:
    """Whether all that was said is found; fields added to the model since may stand beside it."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(
            name in found and holds(found[name], said[name]) for name in said
        )
    if isinstance(said, list):
        return len(found) == len(said) and all(map(holds, found, said))
    return bool(found == said)


@pytest.mark.parametrize("name", NAMES)
def test_every_topic_has_a_golden_example_that_validates(name: str) -> None:
    jsonschema.Draft202012Validator(schema(name)).validate(json.loads(example(name)))


@pytest.mark.parametrize("name", NAMES)
def test_golden_example_survives_the_round_trip(name: str) -> None:
    model = decode_model(PAYLOADS[name], example(name))
    assert holds(decode_json(encode_json(model)), decode_json(example(name)))
    jsonschema.Draft202012Validator(schema(name)).validate(json.loads(encode_json(model)))


@pytest.mark.parametrize("name", NAMES)
def test_readers_ignore_fields_they_do_not_know(name: str) -> None:
    body = decode_json(example(name))
    assert decode_model(PAYLOADS[name], encode_json({**body, "invented_later": 1})) == decode_model(
        PAYLOADS[name], example(name)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_required_field_is_refused(name: str) -> None:
    body = decode_json(example(name))
    required = schema(name)["required"][0]
    missing = next(key for key in body if key == required)
    with pytest.raises(ValidationError):
        PAYLOADS[name].model_validate({key: value for key, value in body.items() if key != missing})


def test_asyncapi_names_every_topic_and_event_type() -> None:
    document = yaml.safe_load((SHARED / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert set(document["channels"]) == set(NAMES)
    titles = " ".join(message["title"] for message in document["components"]["messages"].values())
    for topic in TOPICS:
        assert all(event_type in titles for event_type in topic.event_types)
