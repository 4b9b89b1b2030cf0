"""The JSON Schema of scenario files, derived from the types; what editors complete and check with."""

from typing import Any

import msgspec

from mockgpt.core.replies import SOURCES
from mockgpt.core.scenario import Scenario


def scenario_schema() -> dict[str, Any]:
    """Return the schema, of 2020-12; what it cannot say (a bad regular expression) is the loader's."""
    definitions = msgspec.json.schema(Scenario)["$defs"]
    root = definitions.pop("Scenario")  # not by reference: editors look for the keys at the top
    _settle(definitions)
    _settle(root)
    definitions["Reply"]["oneOf"] = [{"required": [source]} for source in SOURCES]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "A scenario of mockgpt",
        "required": ["mockgpt"],
        "$defs": definitions,
    }


def _settle(node: Any) -> None:
    """Leave out what is OpenAPI's, and say `const` for an enumeration of one."""
    if isinstance(node, list):
        for item in node:
            _settle(item)
    elif isinstance(node, dict):
        if "anyOf" in node:
            node.pop("discriminator", None)
        match node.get("enum"):
            case [value]:
                del node["enum"]
                node["const"] = value
        for item in node.values():
            _settle(item)
