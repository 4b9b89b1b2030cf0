"""What only a socket shows of replies: writes, framing, headers and statuses without a body."""

import json

import pytest

from mockgpt.core.pace import Pace
from mockgpt.core.replies import Chunk, ErrorReply, Piece, Raw

HELLO = {"messages": [{"role": "user", "content": "hi"}]}
DATE = b"Sat, 17 Jun 2023 07:14:30 GMT"


def asked(client, body=None):
    """Return one response, without what is true of the service's own."""
    with client.connect() as wire:
        response = wire.ask(client.request(body=HELLO | (body or {})))
        client.check_usable(wire, response)
    return response


def test_raw_is_sent_as_it_stands(serve, script):
    raw = Raw(status=418, headers={"X-Tea": "pot", "Content-Type": "text/tea"}, body="é")
    response = asked(serve(script(raw=raw)))
    assert response.head == (
        b"HTTP/1.1 418 I'm a Teapot\r\nX-Tea: pot\r\nContent-Type: text/tea\r\n"
        b"date: " + DATE + b"\r\nserver: mockgpt\r\nContent-Length: 2\r\n\r\n"
    )
    assert response.body == "é".encode()


def test_raw_may_say_its_own_date_and_server(serve, script):
    headers = {"Date": "never", "Server": "nginx"}
    response = asked(serve(script(raw=Raw(headers=headers, body="{}"))))
    assert (response["date"], response["server"]) == ("never", "nginx")
    assert response["content-type"] == "application/json"


def test_raw_chunks_are_chunks_of_the_wire(serve, script):
    chunks = ("data: a", Chunk(base64="/w=="), Chunk(text="\n\n", after=0.01))
    response = asked(serve(script(raw=Raw(chunks=chunks))))
    assert response.framed == b"7\r\ndata: a\r\n1\r\n\xff\r\n2\r\n\n\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(serve, script, status):
    response = asked(serve(script(raw=Raw(status=status, headers={"x-a": "b"}))))
    assert (response.status, response.body, response["x-a"]) == (status, b"", "b")
    assert not response.all("content-type")
    assert not response.all("transfer-encoding")


def test_an_empty_raw_reply(serve, script):
    response = asked(serve(script(raw=Raw(status=503))))
    assert (response.status, response["content-length"], response.body) == (503, "0", b"")


def test_headers_of_a_reply_are_sent_once(serve, script):
    headers = {"X-Request-Id": "mine", "Server": "other", "Date": "never"}
    response = asked(serve(script(say="a", headers=headers)))
    assert [response[name] for name in ("x-request-id", "server", "date")] == [
        "mine",
        "other",
        "never",
    ]


def test_an_error_with_a_body_of_its_own(serve, script):
    response = asked(serve(script(error=ErrorReply(status=502, body="<h1>Bad</h1>"))))
    assert response.status == 502
    assert response["content-type"] == "text/plain; charset=utf-8"
    assert response.body == b"<h1>Bad</h1>"


def test_pieces_that_wait_are_written_each_by_itself(serve, script):
    pieces = ("Hel", Piece(text="lo", after="10ms"))
    client = serve(script(pieces=pieces))
    response = asked(client, {"stream": True})
    assert response.framed.count(b"\r\ndata: ") == 2  # before the wait, and after it
    whole = asked(client)
    assert whole.json["choices"][0]["message"]["content"] == "Hello"


def test_a_pace_in_words_is_streamed_word_by_word(serve, script):
    response = asked(serve(script(say="a b c", pace=Pace(chunk="word"))), {"stream": True})
    events = [json.loads(line[6:]) for line in response.body.splitlines() if line[6:7] == b"{"]
    contents = [event["choices"][0]["delta"].get("content") for event in events]
    assert contents == [None, "a", " b", " c", None]


def test_a_template_that_fails_fails_the_test(serve, script):
    client = serve(script(template="{{ request.a.b }}"))
    assert asked(client).error["code"] == "template_failed"
    with pytest.raises(AssertionError, match=r"template_failed: POST .* cannot be rendered"):
        client.mock.check()
    client.mock.check(allow=["template_failed"])
