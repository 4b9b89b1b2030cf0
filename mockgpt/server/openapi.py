"""The control API's description as OpenAPI 3.1, derived from its table and its types."""

from collections.abc import Iterable
from typing import Any

import msgspec

from mockgpt import __version__
from mockgpt.core.scenario import Scenario
from mockgpt.server.control import JSON, ROOT, YAML, Operation
from mockgpt.server.parameters import REFERENCE
from mockgpt.server.views import ErrorView


def described(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the description of operations."""
    rows = list(operations)
    types = [kind for row in rows for kind in (row.parameters, row.body, row.result)]
    schemas, components = msgspec.json.schema_components(
        [*types, ErrorView, Scenario], ref_template=REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for index, row in enumerate(rows):
        _, body, result = schemas[3 * index : 3 * index + 3]
        parameters = components[row.parameters.__name__]
        paths.setdefault(ROOT + row.path, {})[row.method.lower()] = _operation(
            row, parameters, body, result
        )
    for row in rows:
        components.pop(row.parameters.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mockgpt's control API", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(
    row: Operation, parameters: dict[str, Any], body: Any, result: Any
) -> dict[str, Any]:
    error = {"$ref": REFERENCE.format(name=ErrorView.__name__)}
    found: dict[str, Any] = {
        "operationId": row.act.__name__,
        "summary": (row.act.__doc__ or "").partition("\n")[0],
        "parameters": [
            {
                "name": name,
                "in": "path" if name in row.names else "query",
                "required": name in parameters.get("required", ()),
                "schema": schema,
            }
            for name, schema in parameters["properties"].items()
        ],
        "responses": {
            str(row.status): _content(
                "Done.", row.gives, result if row.gives == JSON else {"type": "string"}
            ),
            "4XX": _content("Refused: what is to be mended.", JSON, error),
        },
    }
    if row.body is not type(None):
        content = {
            media: {"schema": {"type": "string"} if media == YAML else body}
            for media in row.accepts
        }
        found["requestBody"] = {"required": True, "content": content}
    return found


def _content(description: str, media: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}
