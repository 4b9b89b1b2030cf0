"""Exchanges as an HTTP Archive (HAR 1.2), which browsers' developer tools and proxies import."""

import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from mockgpt import __version__
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.reports.wording import answerer

_HOST = re.compile(r"[A-Za-z0-9._~\[\]:-]+")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def har(exchanges: Iterable[Exchange]) -> bytes:
    """Return exchanges as an archive; a URL's host is that of the request's own Host header.

    A frozen clock stands still, so entries begin when the first did, and as much later as passed.
    """
    shown = tuple(exchange.shown for exchange in exchanges)
    entries = [_entry(exchange, shown[0]) for exchange in shown]
    creator = {"name": "mockgpt", "version": __version__}
    archive = {"log": {"version": "1.2", "creator": creator, "entries": entries}}
    return json_bytes(archive)


def _entry(exchange: Exchange, first: Exchange) -> dict[str, Any]:
    sent = exchange.sent
    took = 0.0 if sent is None else sent.seconds
    wait = sent.writes[0].seconds if sent is not None and sent.writes else took
    return {
        "startedDateTime": _date(first.at + exchange.elapsed - first.elapsed),
        "time": _milliseconds(took),
        "request": _request(exchange),
        "response": _response(sent),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": _milliseconds(wait),
            "receive": _milliseconds(took - wait),
        },
        "connection": str(exchange.connection),
        "comment": f"{answerer(exchange)}: {exchange.why}",
    }


def _request(exchange: Exchange) -> dict[str, Any]:
    host = exchange.headers.get("host", "")
    root = f"http://{host if _HOST.fullmatch(host) else 'localhost'}"
    request = {
        "method": exchange.method,
        "url": root + exchange.path + (f"?{exchange.query}" if exchange.query else ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(exchange.headers.items()),
        "queryString": _pairs(parse_qsl(exchange.query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(exchange.body) if exchange.bodies else -1,
    }
    if exchange.body:
        media = exchange.headers.get("content-type", "")
        text = exchange.body.decode("utf-8", "replace")
        request["postData"] = {"mimeType": media, "text": text}
    return request


def _response(sent: Sent | None) -> dict[str, Any]:
    """Return a response; without one the status is 0, as browsers write it."""
    status = 0 if sent is None else sent.status
    known = {one.value: one.phrase for one in HTTPStatus}
    sent = sent or Sent(status=0, ending="aborted")
    content = {
        "size": sent.bytes,
        "mimeType": sent.named.get("content-type", ""),
        "text": sent.body.decode("utf-8", "replace"),
    }
    if len(sent.body) < sent.bytes:
        content["comment"] = f"the first {len(sent.body)} of {sent.bytes} bytes are kept"
    return {
        "status": status,
        "statusText": known.get(status, ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(sent.headers),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": sent.bytes,
        "comment": sent.ending,
    }


def _pairs(named: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in named]


def _milliseconds(seconds: float) -> float:
    return round(max(seconds, 0.0) * 1000, 3)


def _date(seconds: float) -> str:
    """Return a time as ISO 8601 has it, to the millisecond."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    _, day, month, year, clock, _ = formatdate(whole, usegmt=True).split()
    return f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}.{thousandths:03}Z"
