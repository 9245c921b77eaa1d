"""Authorization details: what may be asked for in the words of an API of the operator's (RFC 9396 section 2).

A type is registered with the sentence that people read and with a description of its members, in a few
words of JSON Schema: ``type``, ``enum``, ``properties``, ``required``, ``items``, ``maxLength``, ``maxItems``,
``minimum``, ``maximum``. What is not described is refused (section 5), so nothing reaches a person's eyes
or an API that nobody has thought of. Section 2.2's common members are no exception, but for ``locations``:
it may always be there and names the API of the type alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import category

Detail = Mapping[str, Any]

MAX_DETAILS = 20
MAX_JSON = 4096  # characters: an access token that carries them must stay within what we read
_NARROWABLE = ("actions", "datatypes", "privileges", "locations")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
}  # fmt: skip
_ALLOWED = "\n\u200c\u200d"  # lines, and the joiners of Persian, Indic scripts and emoji
_WORDS = {"type", "enum", "properties", "required", "items", "maxLength", "maxItems", "minimum", "maximum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailType:
    """``resource`` is the API that understands it; ``members`` describes what stands beside ``type``."""

    name: str
    resource: str
    sentence: str
    members: Mapping[str, Any]
    created_at: datetime


def problem_of(detail: Detail, kind: DetailType) -> str | None:
    """What is wrong with one detail, for the client's developer; None if nothing is."""
    own = {name: value for name, value in detail.items() if name not in ("type", "locations")}
    if "locations" in detail and detail["locations"] != [kind.resource]:
        return f"locations must be [{kind.resource}]"
    return _unfit(own, {"type": "object", **kind.members}, "")


def schema_problem(schema: Any, depth: int = 6) -> str | None:
    """Why a description cannot be used; None if it can."""
    if not isinstance(schema, dict) or depth == 0:
        return "each description is a JSON object, nested six deep at most"
    if unknown := set(schema) - _WORDS:
        return f"unknown word: {min(unknown)}"
    if schema.get("type", "object") not in _KINDS:
        return f"type must be one of: {', '.join(_KINDS)}"
    if not isinstance(schema.get("enum", []), list) or not isinstance(schema.get("required", []), list):
        return "enum and required are arrays"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not set(schema.get("required", [])) <= set(properties):
        return "properties is an object, and names everything that is required"
    if any(type(schema[word]) is not int for word in ("maxLength", "maxItems", "minimum", "maximum") if word in schema):
        return "maxLength, maxItems, minimum and maximum are integers"
    inner = [*properties.values(), *([schema["items"]] if "items" in schema else [])]
    return next((text for part in inner if (text := schema_problem(part, depth - 1)) is not None), None)


def within(wanted: Detail, granted: Detail) -> bool:
    """Is what is wanted no more than what was granted (section 6.1)? Lists of section 2.2 may be shorter."""
    if set(wanted) != set(granted):
        return False
    return all(_no_more(name, wanted[name], granted[name]) for name in wanted)


def rows(detail: Detail) -> tuple[tuple[str, str], ...]:
    """Everything that stands in a detail, for people: the path of each value and the value.

    Each item of a list stands in a row of its own: what joined them could as well stand in one of them.
    """
    shown = {name: value for name, value in detail.items() if name not in ("type", "locations")}
    return tuple(_rows(shown, ""))


# ── inside ────────────────────────────────────────────────────────────────────────────────────────


def _unfit(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    where = path or "the detail"
    if not _is(value, schema.get("type", "object")):
        return f"{where} must be of type {schema.get('type', 'object')}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} is not one of the values there are"
    if isinstance(value, dict):
        return _unfit_object(value, schema, path)
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", 50):
            return f"{where} has too many items"
        items = schema.get("items", {"type": "string"})
        return next((text for item in value if (text := _unfit(item, items, f"{path}[]"))), None)
    if isinstance(value, str):
        return _unfit_text(value, schema, where)
    if isinstance(value, bool):
        return None
    return None if schema.get("minimum", value) <= value <= schema.get("maximum", value) else f"{where} is out of range"


def _unfit_object(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> str | None:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            return f"{path}{'.' if path else ''}{name} is missing"
    for name, member in value.items():
        if name not in properties:
            return f"{path}{'.' if path else ''}{name[:64]} is not known"
        if (text := _unfit(member, properties[name], f"{path}{'.' if path else ''}{name}")) is not None:
            return text
    return None


def _unfit_text(value: str, schema: Mapping[str, Any], where: str) -> str | None:
    """What a person reads must be what the API is told: no characters that hide, turn or break others."""
    if len(value) > schema.get("maxLength", 500):
        return f"{where} is too long"
    if any(category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and c not in _ALLOWED for c in value):
        return f"{where} holds control or direction characters"
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS[kind])


def _no_more(name: str, wanted: Any, granted: Any) -> bool:
    """Compared as JSON is: true is no 1, wherever it stands."""
    if name in _NARROWABLE and isinstance(wanted, list) and isinstance(granted, list):
        return bool(wanted) and {_json(item) for item in wanted} <= {_json(item) for item in granted}
    return _json(wanted) == _json(granted)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _rows(value: Any, path: str) -> Sequence[tuple[str, str]]:
    if isinstance(value, dict) and (value or not path):
        return [row for name, member in value.items() for row in _rows(member, f"{path}.{name}" if path else name)]
    if isinstance(value, list):
        if len(value) < 2:
            return _rows(value[0] if value else "", path)
        return [row for number, item in enumerate(value, 1) for row in _rows(item, f"{path} {number}")]
    return [(path, _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value == {} else str(value)  # of an empty object: that it is there may mean something
