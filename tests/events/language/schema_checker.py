"""Checks a value against a JSON Schema: the keywords that our schemas use, and an error for any other.

>>> valid({"type": "object", "required": ["a"], "properties": {"a": {"type": ["string", "null"]}}}, {"a": None})
True
>>> valid({"enum": [1, "a"]}, "b")
False
"""

from __future__ import annotations

import re
from typing import Any

_TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == int(value),
}
_SAID = {"$schema", "$id", "title", "description", "examples", "$defs"}


def valid(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Whether the schema holds for the value."""
    root = schema if root is None else root

    def keyword(name: str, word: Any) -> bool:
        match name:
            case "type":
                return any(_TYPES[one](value) for one in ([word] if isinstance(word, str) else word))
            case "const":
                return value == word and type(value) is type(word)
            case "enum":
                return any(value == one and type(value) is type(one) for one in word)
            case "not":
                return not valid(word, value, root)
            case "allOf":
                return all(valid(one, value, root) for one in word)
            case "anyOf":
                return any(valid(one, value, root) for one in word)
            case "$ref":
                return valid(root["$defs"][word.removeprefix("#/$defs/")], value, root)
            case "if":
                return not valid(word, value, root) or valid(schema["then"], value, root)
            case "then":
                return True
            case "minLength":
                return not isinstance(value, str) or len(value) >= word
            case "pattern":
                return not isinstance(value, str) or re.search(re.sub(r"\$$", r"\\Z", word), value) is not None
            case "required":
                return not isinstance(value, dict) or all(one in value for one in word)
            case "properties":
                return not isinstance(value, dict) or all(
                    valid(one, value[key], root) for key, one in word.items() if key in value
                )
            case "items":
                return not isinstance(value, list) or all(valid(word, one, root) for one in value)
        raise AssertionError(f"no keyword of ours: {name}")

    return all(keyword(name, word) for name, word in schema.items() if name not in _SAID)
