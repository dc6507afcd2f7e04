"""The documented events are those that there are, and what they carry stays as it is."""

import ast
import json
from pathlib import Path

import jsonschema_rs

from iam.journal.event_catalogue import detail_of, document, entity_of, schema, schema_text
from iam.journal.events import EventType
from tests.contracts.source_tree import ROOT, SERVER, parse, python_files

WRITE = "run `python -m iam.journal.event_catalogue`, and look at what changes"


def test_the_documented_events_are_those_that_there_are() -> None:
    assert (ROOT / "docs" / "events.md").read_text(encoding="utf-8") == document(), WRITE


def test_no_name_and_no_shape_changes_unseen() -> None:
    kept = (ROOT / "docs" / "events.schema.json").read_text(encoding="utf-8")
    assert kept == schema_text(), WRITE


def test_every_type_has_the_form_of_a_type() -> None:
    for each in EventType:
        prefix, entity, verb, version = each.split(".")
        assert (prefix, version) == ("iam", "v1")
        assert entity.replace("_", "").isalpha()
        assert verb.replace("_", "").isalpha()


def test_an_event_as_it_is_sent_is_of_the_schema_and_others_are_not() -> None:
    event = {
        "specversion": "1.0", "id": "evt_1", "source": "https://iam", "subject": "arn",
        "type": "iam.user.updated.v1", "time": "2026-05-11T14:02:37Z", "account": "main",
        "datacontenttype": "application/json", "sequence": "1",
        "data": {
            "actor": "arn", "before": {"display_name": "a"}, "after": {"display_name": "b"},
            "detail": {},
        },
    }  # fmt: skip
    validator = jsonschema_rs.validator_for(schema())
    assert validator.is_valid(event)
    assert not validator.is_valid({**event, "type": "iam.user.painted.v1"})
    assert not validator.is_valid({**event, "data": {"actor": "arn"}})
    assert json.loads(schema_text()) == schema()


def emitted(path: Path) -> list[tuple[str, set[str]]]:
    """The events that a module names as it emits them, and the members of their detail."""
    found = []
    for node in ast.walk(parse(path)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "emit"):
            continue
        named = node.args[0] if node.args else None
        if isinstance(named, ast.Attribute) and hasattr(EventType, named.attr):
            members = {each.arg for each in node.keywords if each.arg} - {"target_id"}
            found.append((EventType[named.attr].value, members))
    return found


def test_what_an_event_tells_besides_is_documented() -> None:
    told = [found for path in python_files(SERVER) for found in emitted(path)]
    assert len(told) > 50
    for event_type, members in told:
        if entity_of(event_type) != "job_run":
            assert members <= set(detail_of(event_type)), event_type
