"""A body's JSON, or the error of one that is none."""

import json
import re
from functools import lru_cache
from math import isinf

import msgspec

from mockgpt.core.errors import ApiError, shown
from mockgpt.core.redaction import beginning
from mockgpt.core.requests import Body
from mockgpt.core.service import Dialect

_REPEATED = 1_000  # characters of a malformed body that FastAPI's answer repeats
_BYTE = re.compile(r"\(byte ([0-9]+)\)")
_TOKEN = re.compile(  # a string, a number
    r'"(?:[^"\\]|\\.)*"|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)', re.DOTALL
)
# FastAPI does not look at the type of a body that is not there, and takes null for such a body.
_ABSENT: dict[Dialect, ApiError] = {"fastapi": ApiError("missing_body")}

# Bytes of a body that are the same however it was spelt: its keys in order, without white space.
canonical = msgspec.json.Encoder(order="deterministic").encode


def parsed(body: bytes, content_type: str | None) -> Body | ApiError:
    """Return the JSON object of a body. One without a Content-Type, or an empty one, is taken for JSON."""
    if content_type and not _is_json(content_type):
        values = {"content_type": _printable(content_type)}
        return ApiError("unsupported_content_type", values, instead={} if body else _ABSENT)
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(body, error)
    if not isinstance(fields, dict):
        values = {"value": shown(fields), "expected": "object"}
        return ApiError("wrong_type", values, instead=_ABSENT if fields is None else {})
    return fields


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def _malformed(body: bytes, error: Exception) -> ApiError:
    """Name the place in the words of Python's own parser: FastAPI's answer repeats them.

    What that parser lets pass, and what it does not name the place of, it did not expect here.
    """
    if not body:
        return ApiError("missing_body")
    instead: dict[Dialect, ApiError] = {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
        instead["fastapi"] = ApiError("body_undecodable")
    found = json.JSONDecodeError("Expecting value", text, _place(body, text, error))
    try:
        json.loads(body)
    except json.JSONDecodeError as told:
        found = told
    except UnicodeDecodeError as told:
        place = len(body[: told.start].decode("utf-8", "replace"))
        found = json.JSONDecodeError(found.msg, text, place)
    except (ValueError, RecursionError):  # a number of 5,000 digits
        pass
    values = {
        "msg": found.msg,
        "doc": beginning(text, _REPEATED),
        "pos": found.pos,
        "lineno": found.lineno,
        "colno": found.colno,
        "reason": str(found),
    }
    return ApiError("malformed_json", values, (found.pos,), instead=instead)


def _place(body: bytes, text: str, error: Exception) -> int:
    """Return at which character msgspec ended: it names a byte, or else the end or a number."""
    if named := _BYTE.search(str(error)):
        place = len(body[: int(named[1])].decode("utf-8", "replace"))
        return place - (text[place - 1 : place] == "-")  # of -Infinity
    if not isinstance(error, msgspec.ValidationError):
        return 0 if isinstance(error, RecursionError) else len(text)
    numbers = (found for found in _TOKEN.finditer(text) if found[1])
    return next((found.start() for found in numbers if isinf(float(found[1]))), 0)
