"""All that is served as OpenAPI 3.1: the control API by its table and types, the service by its data."""

from collections.abc import Iterable
from typing import Any

import msgspec

from mockgpt import __version__
from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Service
from mockgpt.server.control import JSON, ROOT, YAML, Operation
from mockgpt.server.parameters import REFERENCE
from mockgpt.server.service_openapi import service_components, service_paths
from mockgpt.server.views import ErrorView


def described(operations: Iterable[Operation], service: Service) -> dict[str, Any]:
    """Return the description of operations and of the imitated service."""
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
        "info": {"title": f"mockgpt as {service.title}", "version": __version__},
        "paths": {**service_paths(service), **paths},
        "components": {
            "schemas": {**service_components(service), **components},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "api_key": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
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
