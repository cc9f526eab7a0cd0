"""Writes the JSON Schemas and the AsyncAPI document of every event; with `--check` only compares.

Run as `python -m chiso_shared.contracts.export [--check] [FOLDER]`. The models are the source; what is
written is committed, and `make check` fails when the two differ.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from chiso_shared.contracts.alert import AlertEvent, AlertState
from chiso_shared.contracts.events import data_schema
from chiso_shared.contracts.operation import OperationEvent
from chiso_shared.contracts.quarantine import QuarantinedRecord
from chiso_shared.contracts.rollup import RollupEvent
from chiso_shared.contracts.submission import SubmissionEvent
from chiso_shared.contracts.topics import (
    ALERTS,
    ALERTS_STATE,
    OPERATIONS,
    QUARANTINE,
    ROLLUPS,
    SUBMISSIONS,
    TOPICS,
    Topic,
)

PAYLOADS: Final[dict[str, type[BaseModel]]] = {
    SUBMISSIONS.name: SubmissionEvent,
    ROLLUPS.name: RollupEvent,
    ALERTS.name: AlertEvent,
    ALERTS_STATE.name: AlertState,
    OPERATIONS.name: OperationEvent,
    QUARANTINE.name: QuarantinedRecord,
}
DEFAULT_FOLDER: Final = Path(__file__).resolve().parents[2]

_HEADERS: Final = {
    "ce_specversion": "always 1.0",
    "ce_id": "the same on every redelivery of the same fact",
    "ce_source": "which service says so",
    "ce_type": "the kind of fact, with its version",
    "ce_subject": "what the fact is about",
    "ce_time": "when it became a fact, RFC 3339",
    "ce_dataschema": "the schema of the value",
    "ce_partitionkey": "the record's key",
    "ce_sequence": "the place in the order of its key, where there is one",
    "content-type": "application/json",
    "traceparent": "W3C trace context",
}


def schema_of(topic: Topic) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a topic's value, as a reader sees it."""
    schema = PAYLOADS[topic.name].model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": data_schema(topic.event_types[0]) if len(topic.event_types) == 1 else f"urn:{topic.name}",
        **schema,
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of all topics."""
    channels, operations, messages = {}, {}, {}
    headers = {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in _HEADERS.items()},
        "required": [name for name in _HEADERS if name != "ce_sequence"],
    }
    for topic in TOPICS:
        message = PAYLOADS[topic.name].__name__
        messages[message] = {
            "name": message,
            "title": ", ".join(topic.event_types),
            "contentType": "application/json",
            "headers": headers,
            "payload": {"$ref": f"./schemas/{topic.name}.json"},
        }
        channels[topic.name] = {
            "address": topic.name,
            "description": f"{topic.description} Key: {topic.key}.",
            "messages": {message: {"$ref": f"#/components/messages/{message}"}},
            "bindings": {
                "kafka": {
                    "partitions": topic.partitions,
                    "topicConfiguration": {"cleanup.policy": [topic.cleanup]},
                }
            },
        }
        operations[f"receive_{message}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "summary": topic.description,
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "chiso",
            "version": "1.0.0",
            "description": "Indicator submissions, rollups and alerts of Resolution 57-NQ/TW.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def documents() -> dict[str, str]:
    """Every generated file: path below the shared folder → text."""
    files = {
        f"schemas/{topic.name}.json": json.dumps(schema_of(topic), indent=2, ensure_ascii=False) + "\n"
        for topic in TOPICS
    }
    files["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=110)
    return files


def main(arguments: list[str]) -> int:
    """Exit status 0 when written or equal, 1 when `--check` finds a difference."""
    check = "--check" in arguments
    folders = [Path(argument) for argument in arguments if not argument.startswith("--")]
    folder = folders[0] if folders else DEFAULT_FOLDER
    stale = []
    for name, text in documents().items():
        path = folder / name
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run `make schemas`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
