"""`GET /v1/models` and `/v1/models/{id}` (protocol.md, section 7)."""

from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.service import Model, Service


def listed(service: Service) -> bytes:
    """Return the list of the service's models."""
    return (
        json_bytes({"object": "list", "data": [_row(m) for m in service.models.values()]}) + b"\n"
    )


def one(model: Model) -> bytes:
    """Return one model."""
    return json_bytes(_row(model)) + b"\n"


def _row(model: Model) -> dict[str, str | int]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
    }
