"""A body's JSON, or the error of one that is none."""

import json
from functools import lru_cache

import msgspec

from mockgpt.core.errors import ApiError, shown
from mockgpt.core.redaction import beginning
from mockgpt.core.requests import Body

_REPEATED = 1_000  # bytes of a malformed body that FastAPI's answer repeats


def parsed(body: bytes, content_type: str | None) -> Body | ApiError:
    """Return the JSON object of a body. A body without a Content-Type is taken for JSON."""
    if content_type is not None and not _is_json(content_type):
        return ApiError("unsupported_content_type", {"content_type": _printable(content_type)})
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(body, error)
    if not isinstance(fields, dict):
        return ApiError("wrong_type", {"value": shown(fields), "expected": "object"})
    return fields


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def _malformed(body: bytes, error: Exception) -> ApiError:
    """Name the place as Python's own parser does: FastAPI's answer repeats it."""
    if not body:
        return ApiError("missing_body")
    values = {"msg": str(error), "pos": 0, "lineno": 1, "colno": 1}
    place: tuple[int, ...] = ()
    try:
        json.loads(body)
    except json.JSONDecodeError as found:
        values = {"msg": found.msg, "pos": found.pos, "lineno": found.lineno, "colno": found.colno}
        error, place = found, (found.pos,)
    except (ValueError, RecursionError) as found:  # not UTF-8, or a number of 5,000 digits
        values["msg"] = str(found)
        error = found
    doc = beginning(body[: 2 * _REPEATED].decode("utf-8", "replace"), _REPEATED)
    return ApiError("malformed_json", {**values, "doc": doc, "reason": str(error)}, place)
