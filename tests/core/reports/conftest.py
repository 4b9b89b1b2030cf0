"""A small record with one of everything that reports show."""

import json

import pytest

from mockgpt.core.exchange import Exchange, Sent, Write
from mockgpt.core.records import Record
from mockgpt.core.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Message
from mockgpt.core.verdict import Finding

SECRET = "sk-" + "a1B2" * 8
HOSTILE = f"</script><img src=x onerror=alert(1)>\x1b[31m\x00\n{SECRET}"


def _asked(number, text, **more):
    return Exchange(
        number=number,
        connection=1,
        at=1_686_986_070.0,
        elapsed=1_000.0 + number,
        method="POST",
        path="/v1/chat/completions",
        headers={"host": "127.0.0.1:8000", "content-type": "application/json"},
        body=json.dumps({"messages": [{"role": "user", "content": text}]}).encode(),
        endpoint="chat",
        request=ChatRequest(model="gpt-4", messages=(Message("user", text),)),
        **more,
    )


@pytest.fixture
def asked():
    """Make an exchange of a number, a text and all else that it has."""
    return _asked


@pytest.fixture
def record():
    """Make the record."""
    events = [b"data: %d\n\n" % number for number in range(5)]
    stream = Sent(
        status=200,
        told=(("content-type", "text/event-stream"),),
        kept=(b"".join(events),),
        events=5,
        chunks=5,
        bytes=sum(map(len, events)),
        seconds=1.0,
        silence=0.6,
        writes=tuple(Write(at, 9) for at in (0.1, 0.2, 0.2001, 0.8, 1.0)),
    )
    cut = Sent(
        status=200,
        told=(("content-type", "text/event-stream"),),
        kept=(b"data: {\r\n",),
        chunks=1,
        bytes=100_000,
        seconds=0.5,
        ending="aborted",
        writes=(Write(0.25, 9),),
    )
    refused = Sent(status=400, kept=(b'{"error":{"message":"<b>"}}',), chunks=1, bytes=27)
    rule = {"chosen": "rule", "rule": "greet", "place": "a.yaml:3", "call": 1}
    exchanges = (
        _asked(1, "你好,世界", sent=stream, attempt=1, **rule),
        _asked(2, HOSTILE, sent=cut, attempt=1, faults=("stall", "disconnect"), **rule),
        _asked(3, "again", sent=None, attempt=2, **rule),
        Exchange(
            number=4,
            at=1_686_986_070.0,
            elapsed=1_005.5,
            method="POST",
            path="/v1/completions",
            headers={"host": "a b", "x-<i>": "</pre><b>"},
            body=b"{broken",
            endpoint="completions",
            error="malformed_json",
            message="expected JSON, found {",
            ignored=("top_p",),
            sent=refused,
        ),
    )
    findings = (
        Finding("refused_request", "POST was <refused>", exchanges[3:]),
        Finding("unmet_step", "step 'bye' was never met"),
        Finding("cut_unnoticed", "the answer was cut", exchanges[1:2], "warning"),
    )
    return Record(
        name="tests/test_a.py::test_a[<中>]",
        session="default",
        scenario="demo",
        seed=7,
        exchanges=exchanges,
        findings=findings,
        unused=("bye", "<never>"),
        dropped=2,
        outcome="failed",
    )


@pytest.fixture
def requests():
    """Requests by what is told of them."""
    return {
        "b": ChatRequest(model="m", messages=(Message("user", "b"), Message("assistant", "c"))),
        "only system": ChatRequest(model="m", messages=(Message("system", "only system"),)),
        "q": CompletionRequest(model="m", prompts=("p", "q")),
        "3 tokens": EmbeddingRequest(model="m", inputs=((1, 2, 3),)),
    }


@pytest.fixture
def golden(request):
    """Compare with a golden file, which --write-fixtures writes anew."""

    def compare(name, text):
        path = request.path.parent / name
        if request.config.getoption("--write-fixtures"):
            path.write_text(text, "utf-8", newline="\n")
        assert path.read_bytes().decode() == text

    return compare
