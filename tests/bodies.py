"""Bodies of requests and answers: one to send, what the core makes of one, what a schema says of it."""

import json

from jsonschema import Draft202012Validator

from mockgpt.core import tokens
from mockgpt.core.decode import decode
from mockgpt.files.services import load_service

_SERVICE = load_service("pgpt")


def hello(text="Hello!", **more):
    """Return the body of a chat with one message."""
    return {"messages": [{"role": "user", "content": text}], **more}


def decoded(
    body, endpoint="chat", *, strict=False, path_model=None, content_type="application/json"
):
    """Decode a body as the service would; one that is not bytes is sent as JSON."""
    return decode(
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        content_type,
        endpoint=_SERVICE.endpoints[endpoint],
        path_model=path_model,
        service=_SERVICE,
        split=tokens.split,
        strict=strict,
    )


def check_schema(value, schema, description):
    """Assert that a value is as a schema of an OpenAPI description says."""
    Draft202012Validator({**schema, "components": description["components"]}).validate(value)
