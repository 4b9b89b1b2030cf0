"""Replies: what is refused when they are loaded, and which answers the rest makes."""

import json
from dataclasses import dataclass

import pytest
from msgspec import convert
from msgspec.structs import replace

from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.exchange import Incoming
from mockgpt.core.faults import ContentType, ErrorEvent
from mockgpt.core.pace import Pace
from mockgpt.core.plan import Abort, Data, Head, Pause, singly
from mockgpt.core.replies import (
    Chunk,
    Defaults,
    Edges,
    ErrorReply,
    Piece,
    Raw,
    Reply,
    Similar,
    Usage,
)
from mockgpt.core.reply_problems import reply_problems
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.core.vectors import cosine, embed
from mockgpt.files.services import load_service
from mockgpt.mock import build

IDLE = "where it changes nothing, found it"
REFUSED = [
    (Reply(pieces=()), "pieces", "expected at least one text, found an empty list"),
    (Reply(choices=()), "choices", "expected at least one text, found an empty list"),
    (Reply(vectors=()), "vectors", "expected at least one number, found an empty list"),
    (Reply(vectors=((),)), "vectors[0]", "expected at least one number, found an empty list"),
    (Reply(vectors=(1.0, (1.0,))), "vectors", "expected numbers or lists of numbers, found both"),
    (Reply(vectors=(1.0, float("nan"))), "vectors[1]", "expected numbers of 32 bits, found nan"),
    (Reply(vectors=((1e39,),)), "vectors[0]", "expected numbers of 32 bits, found 1e+39"),
    (Reply(vectors=Edges(first=(0.0,) * 1537)), "vectors", "expected at most 1536 numbers, found 1537"),
    (Reply(vectors=(1.0,), finish="stop"), "finish", f"expected no `finish` beside `vectors`, {IDLE}"),
    (Reply(similar=Similar(to="a", cosine=1), created=1), "created", f"expected no `created` beside `similar`, {IDLE}"),
    (
        Reply(vectors=(1.0,), usage=Usage(completion_tokens=1)),
        "usage.completion_tokens",
        f"expected none beside `vectors`, {IDLE}",
    ),
    (Reply(error="overloaded", model="m"), "model", f"expected no `model` beside `error`, {IDLE}"),
    (Reply(raw=Raw(), headers={"a": "b"}), "headers", f"expected no `headers` beside `raw`, {IDLE}"),
    (
        Reply(error="overloaded", pace=Pace(each=1)),
        "pace.each",
        f"expected no `each` beside `error`, {IDLE}",
    ),
    (
        Reply(pieces=("a",), pace=Pace(chunk="word")),
        "pace.chunk",
        f"expected no `chunk` beside `pieces`, {IDLE}",
    ),
    (
        Reply(say="a", dialect="azure"),
        "dialect",
        "expected it beside `error` or the fault `error_event`, found neither",
    ),
    (Reply(attempts=("a",), headers={"a": "b"}), "headers", "expected `headers` in each attempt, found it beside `attempts`"),
    (
        Reply(error=ErrorReply(preset="rate_limit")),
        "error.preset",
        "expected an error preset, found 'rate_limit'; did you mean 'rate_limit_tokens'?",
    ),
    (
        Reply(error=ErrorReply(body="a", message="b")),
        "error.message",
        "expected `message` within `body`, the whole body, found it beside",
    ),
    (
        Reply(error=ErrorReply(headers={"a b": ""})),
        "error.headers.a b",
        "expected the name of a header, found 'a b'",
    ),
    (
        Reply(say="a", headers={"Content-Length": "1"}),
        "headers.Content-Length",
        "expected other headers, found 'Content-Length', which follows from the body",
    ),
    (Reply(say="a", model="a\nb"), "model", r"expected a name in one line, found 'a\nb'"),
    (
        Reply(say="a", faults=(ContentType(type="a\nb"),)),
        "faults[0].type",
        r"expected one line of Latin-1, found 'a\nb'",
    ),
    (
        Reply(say="a", headers={"a": "b\r\nc: d"}),
        "headers.a",
        r"expected one line of Latin-1, found 'b\r\nc: d'",
    ),
    (
        Reply(raw=Raw(headers={"a": "中"})),
        "raw.headers.a",
        "expected one line of Latin-1, found '中'",
    ),
    (Reply(raw=Raw(body="", chunks=("a",))), "raw", "expected `body` or `chunks`, found both"),
    (Reply(raw=Raw(chunks=())), "raw.chunks", "expected at least one, found an empty list"),
    (
        Reply(raw=Raw(status=204, body="a")),
        "raw",
        "expected no body with status 204, which never has one, found one",
    ),
    (
        Reply(raw=Raw(chunks=(Chunk(),))),
        "raw.chunks[0]",
        "expected either `text` or `base64`, found neither",
    ),
    (
        Reply(raw=Raw(chunks=("a", Chunk(text="", base64="")))),
        "raw.chunks[1]",
        "expected either `text` or `base64`, found both",
    ),
    (
        Reply(raw=Raw(chunks=(Chunk(base64="_w=="),))),
        "raw.chunks[0].base64",
        "expected base64, found an error: Only base64 data is allowed",
    ),
    (Reply(template="{{ a }}"), "template", "expected a known name, found 'a' in line 1 of the template; known are attempt, call, city, model, request, system, turn, user"),
    (
        Reply(attempts=("a", Reply(pieces=("a", Piece(text="\udc00"))))),
        "attempts[1].pieces[1].text",
        "expected text, found half of a surrogate pair",
    ),
    (
        Reply(error=ErrorReply(body={"a": ["\ud800"]})),
        "error.body.a[0]",
        "expected text, found half of a surrogate pair",
    ),
]  # fmt: skip
RIGHT = [
    Reply(say="a", dialect="azure", faults=(ErrorEvent(),)),
    Reply(error="overloaded", dialect="azure", headers={"a": "é"}, pace=Pace(first=1)),
    Reply(template="{{ city }}", finish="length", usage=Usage(completion_tokens=0)),
    Reply(vectors=(1.0, 2.0), usage=Usage(prompt_tokens=9), model="m"),
    Reply(vectors=((1.0,), (2.0, 3.0))),
    Reply(raw=Raw(status=304), pace=Pace(first=1, each=2, jitter=0.5)),
    Reply(pieces=("a", Piece(text="", after="1s")), pace=Pace(each=1)),
    Reply(attempts=("a", Reply(template="{{ city }}"))),
]


@pytest.mark.parametrize(("reply", "path", "message"), REFUSED)
def test_what_could_never_work_is_refused(reply, path, message):
    (found,) = reply_problems(reply, (), load_service("pgpt"), ["city"])
    place, told = found
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    assert where.removeprefix(".") == path
    assert told == message


@pytest.mark.parametrize("reply", RIGHT)
def test_what_works_is_not_refused(reply):
    assert list(reply_problems(reply, (), load_service("pgpt"), ["city"])) == []


def test_a_cosine_needs_two_dimensions():
    service = load_service("pgpt")
    flat = replace(service.models["text-embedding-ada-002"], dimensions=1)
    reply = Reply(similar=Similar(to="a", cosine=0.5))
    (found,) = reply_problems(reply, (), replace(service, models={"flat": flat}), ())
    assert found == (("similar",), "expected models of two dimensions or more, found 1")


# --- what the rest makes


@dataclass
class Played:
    head: Head
    steps: list
    exchange: object

    @property
    def body(self):
        return b"".join(step.bytes for step in self.steps if isinstance(step, Data))

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        return [
            json.loads(e[6:]) for e in self.body.decode().split("\n\n") if e.startswith("data: {")
        ]

    @property
    def waits(self):
        return [step.seconds for step in self.steps if isinstance(step, Pause)]

    def header(self, name):
        return [value for key, value in self.head.headers if key.lower() == name]


def play(reply, request=None, *, path="chat/completions", query="", when=None, times=1, **more):
    """Return what the last of several equal requests is answered."""
    scenario = Scenario(
        name="s",
        defaults=more.pop("defaults", Defaults()),
        script=more.pop("script", ()),
        rules=(Rule(id="r", when=when or When(), reply=reply),),
    )
    handler = build(scenario, **more)
    body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]} | (request or {})
    incoming = Incoming(
        method="POST",
        path=f"/v1/{path}",
        query=query,
        headers={"content-type": "application/json", "authorization": "Bearer k"},
        body=json.dumps(body).encode(),
    )
    for _ in range(times):
        outcome = handler.engine.answer(incoming)
        steps = list(singly(outcome.plan))
    return Played(next(s for s in steps if isinstance(s, Head)), steps, outcome.exchange)


def embedded(reply, inputs, form="float", **more):
    request = {"model": "text-embedding-ada-002", "input": inputs, "encoding_format": form}
    return play(reply, request, path="embeddings", **more)


def completed(reply, prompt, **request):
    body = {"model": "gpt-3.5-turbo", "prompt": prompt, **request}
    return play(reply, body, path="completions")


STREAM = {"stream": True}


def test_a_template_knows_the_request():
    template = (
        "{{ user }}|{{ system }}|{{ model }}|{{ turn }}|{{ call }}|{{ attempt }}|{{ request.seed }}"
    )
    messages = [
        {"role": "system", "content": "Be"},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "Two <&>"},
    ]
    request = {"messages": messages, "seed": 5}
    played = play(Reply(template=template), request, times=2)
    assert played.json["choices"][0]["message"]["content"] == "Two <&>|Be|gpt-4|2|2|1|5"
    assert played.json["usage"]["completion_tokens"] > 8


def test_a_template_knows_what_its_conditions_captured():
    when = When(user=TextMatch(matches=r"in (?P<city>\w+)( on (?P<day>\w+))?"))
    request = {"messages": [{"role": "user", "content": "Weather in Oslo"}]}
    played = play(Reply(template="{{ city }}{{ day or '?' }}"), request, when=when)
    assert played.json["choices"][0]["message"]["content"] == "Oslo?"


def test_a_template_in_completions_has_each_prompt_as_user():
    template = Reply(template="<{{ user }}{{ system }}{{ turn }}>")
    assert [c["text"] for c in completed(template, ["a", "b"]).json["choices"]] == ["<a0>", "<b0>"]
    assert completed(template, [1, 2]).json["choices"][0]["text"] == "<0>"


def test_a_template_that_fails_is_an_error_that_no_client_tries_again():
    played = play(Reply(template="\n{{ request.nothing.at.all }}"))
    assert played.head.status == 400
    assert played.json["error"] == {
        "message": "The template of rule 'r' cannot be rendered for this request: UndefinedError: "
        "'dict object' has no attribute 'nothing'. Mend the template.",
        "type": "mockgpt_template",
        "param": None,
        "code": "template_failed",
    }
    assert played.exchange.error == "template_failed"
    assert played.exchange.rule == "r"


def test_a_template_of_a_step_that_fails_names_the_step():
    step = Step(expect=When(), reply=Reply(template="{{ 1 / 0 }}"))
    played = play("x", script=(step,))
    assert played.json["error"]["message"].startswith("The template of step 'step-1' cannot be ")


PIECES = Reply(pieces=("Hel", Piece(text="lo", after="120ms"), "", Piece(text=" world!", after=2)))


@pytest.mark.parametrize("word", ["tok ", "\U0001f9ff "])  # the last: several tokens, one text
def test_a_long_stream_loses_no_token(word):
    played = play(Reply(say=word * 300), STREAM)
    contents = [e["choices"][0]["delta"].get("content") for e in played.events]
    assert contents[0] is contents[-1] is None
    assert "".join(contents[1:-1]) == word * 300
    counted = sum(step.tokens for step in played.steps if isinstance(step, Data))
    assert counted == played.exchange.usage.completion_tokens > 256


def test_each_piece_is_one_event_and_waits_before_it():
    played = play(PIECES, STREAM)
    contents = [e["choices"][0]["delta"].get("content") for e in played.events]
    assert contents == [None, "Hel", "lo", "", " world!", None]
    assert played.waits == [0.12, 2.0]
    assert [s.tokens for s in played.steps if isinstance(s, Data)] == [0, 0, 1, 0, 2, 0, 0]


def test_pieces_that_are_not_streamed_are_one_text_after_the_sum_of_their_waits():
    played = play(PIECES)
    assert played.json["choices"][0]["message"]["content"] == "Hello world!"
    assert played.json["usage"]["completion_tokens"] == 3
    assert played.waits == [2.12]


def test_pieces_keep_their_waits_and_take_the_others_from_a_pace():
    pace = Pace(first=1, each=0.5)
    assert play(PIECES, STREAM, defaults=Defaults(pace=pace)).waits == [
        1.0, 0.5, 0.12, 0.5, 2.0, 0.5, 0.5,
    ]  # fmt: skip
    assert play(PIECES, defaults=Defaults(pace=pace), speed=2).waits == [1.06]


def test_pieces_are_cut_where_the_tokens_end():
    played = play(PIECES, STREAM | {"max_tokens": 2})
    contents = [e["choices"][0]["delta"].get("content") for e in played.events]
    assert contents == [None, "Hel", "lo", "", " world", None]
    assert played.events[-1]["choices"][0]["finish_reason"] == "length"
    assert play(PIECES, {"max_tokens": 1}).waits == [0.12]


@pytest.mark.parametrize(
    ("chunk", "contents"),
    [
        ("word", ["One", " two", " three."]),
        (2, ["One two", " three."]),
        ("character", list("One two three.")),
    ],
)
def test_a_pace_says_what_one_event_holds(chunk, contents):
    reply = Reply(say="One two three.")
    played = play(reply, STREAM, defaults=Defaults(pace=Pace(chunk=chunk, tokens_per_second=2)))
    found = [e["choices"][0]["delta"].get("content") for e in played.events]
    assert found == [None, *contents, None]
    assert sum(step.tokens for step in played.steps if isinstance(step, Data)) == 4
    assert sum(played.waits) == 2.0
    own = Reply(say="One two three.", pace=Pace(chunk=chunk))
    assert play(own, STREAM).body == played.body
    assert play(own).json == play(reply).json


def test_choices_are_several_texts():
    reply = Reply(choices=("Yes.", "No, never."))
    whole = play(reply, {"max_tokens": 3}).json
    assert [
        (c["index"], c["message"]["content"], c["finish_reason"]) for c in whole["choices"]
    ] == [
        (0, "Yes.", "stop"),
        (1, "No, never", "length"),
    ]
    assert whole["usage"]["completion_tokens"] == 5
    streamed = play(reply, STREAM).events
    for index, text in enumerate(reply.choices):
        own = [e["choices"][0] for e in streamed if e["choices"][0]["index"] == index]
        assert "".join(c["delta"].get("content", "") for c in own) == text
    each = completed(reply, ["a", "b"]).json["choices"]
    assert [c["text"] for c in each] == [*reply.choices, *reply.choices]
    assert [c["index"] for c in each] == [0, 1, 2, 3]


def test_one_vector_stands_for_every_input_as_it_is_given():
    reply = Reply(vectors=(0.1, -2.0, 3.0))
    for inputs in ("a", ["a", "b", "c", "d"]):
        data = embedded(reply, inputs).json["data"]
        assert [row["embedding"] for row in data] == [[0.1, -2.0, 3.0]] * len(data)
    row = embedded(reply, "a", "base64").json["data"][0]
    assert row["embedding"] == "zczMPQAAAMAAAEBA"


def test_vectors_stand_for_the_inputs_that_the_rule_is_meant_for():
    reply = Reply(vectors=((1.0,), (2.0, 3.0)))
    assert [r["embedding"] for r in embedded(reply, ["a", "b"]).json["data"]] == [[1.0], [2.0, 3.0]]
    when = When(input=TextMatch(contains="cat"))
    rows = embedded(reply, ["cat", "dog", "cats"], when=when).json["data"]
    assert [len(row["embedding"]) for row in rows] == [1, 1536, 2]


def test_another_number_of_inputs_is_a_miss_that_says_so():
    played = embedded(Reply(vectors=((1.0,), (2.0,))), ["a", "b", "c"])
    assert played.exchange.error == "no_rule_answers"
    assert played.json["error"]["message"] == (
        "No rule of the scenario answers this request: nearest is rule 'r' (reply: wanted 2 inputs, "
        "one for each vector, got 3 inputs)."
    )


@pytest.mark.parametrize(
    "reply",
    [
        Reply(template="a"), Reply(pieces=("a",)), Reply(choices=("a",)),
        Reply(attempts=("a", Reply(error="overloaded"))),
    ],
)  # fmt: skip
def test_a_text_is_no_answer_to_a_request_for_vectors(reply):
    message = embedded(reply, "a").json["error"]["message"]
    assert "(reply: wanted a request for text, got a request for embeddings)" in message


@pytest.mark.parametrize("reply", [Reply(vectors=(1.0,)), Reply(similar=Similar(to="a", cosine=0))])
def test_a_vector_is_no_answer_to_a_request_for_text(reply):
    message = play(reply).json["error"]["message"]
    assert "(reply: wanted a request for embeddings, got a request for text)" in message


def test_similar_is_as_near_as_it_says():
    reply = Reply(similar=Similar(to="cat", cosine=0.8))
    rows = [r["embedding"] for r in embedded(reply, ["dog", "train", "cat"]).json["data"]]
    assert [cosine(row, embed("cat").numbers()) for row in rows] == pytest.approx(
        [0.8] * 3, abs=1e-6
    )
    assert cosine(rows[0], rows[1]) < 0.9
    (same,) = embedded(Reply(similar=Similar(to="cat", cosine=1)), "dog").json["data"]
    assert same["embedding"] == list(embed("cat").numbers())


@pytest.mark.parametrize(
    ("body", "data", "content_type"),
    [
        ({"a": ["é"]}, '{"a":["é"]}'.encode(), "application/json"),
        ('{"a": 1}\n', b'{"a": 1}\n', "application/json"),
        ("{nothing}", b"{nothing}", "text/plain; charset=utf-8"),
        ("", b"", "text/plain; charset=utf-8"),
    ],
)
def test_an_error_s_whole_body(body, data, content_type):
    played = play(Reply(error=ErrorReply(status=418, body=body)))
    assert (played.head.status, played.body) == (418, data)
    assert played.header("content-type") == [content_type]
    own = ErrorReply(body=body, headers={"Content-Type": "text/html"})
    assert play(Reply(error=own)).header("content-type") == ["text/html"]
    assert played.exchange.error == "server_error"


def test_an_error_without_a_preset_has_the_shape_of_server_error():
    played = play(Reply(error=ErrorReply(status=503, message="m {x}", code=7, type="t", param="p")))
    assert played.head.status == 503
    assert played.json == {"error": {"message": "m {x}", "type": "t", "param": "p", "code": 7}}


@pytest.mark.parametrize(
    ("preset", "dialect", "body"),
    [
        ("server_error", "fastapi", {"detail": "Mine"}),
        ("timeout", "azure", {"error": {"code": None, "message": "Mine"}}),
        (
            "bad_gateway",
            "openai",
            {"error": {"message": "Mine", "type": None, "param": None, "code": None}},
        ),
    ],
)
def test_a_message_of_one_s_own_is_not_lost_in_a_fixed_body(preset, dialect, body):
    played = play(Reply(error=ErrorReply(preset=preset, message="Mine"), dialect=dialect))
    assert played.json == body
    assert played.header("content-type") == ["application/json"]


@pytest.mark.parametrize(
    ("preset", "own", "item"),
    [
        (
            "model_not_found",
            {"message": "m {x}", "type": "t {y}", "code": "c", "param": "p", "status": 404},
            {"loc": ["body", "model"], "msg": "m {x}", "type": "t {y}"},
        ),
        (
            "missing_property",
            {"message": ""},
            {"loc": ["body"], "msg": "", "type": "value_error.missing"},
        ),
        ("missing_body", {"type": None}, {"loc": ["body"], "msg": "field required", "type": None}),
    ],
)
def test_words_of_one_s_own_are_not_lost_in_fastapi_s_list(preset, own, item):
    played = play(Reply(error=ErrorReply(preset=preset, **own)), errors="fastapi")
    (told,) = played.json["detail"]
    told.pop("ctx", None)
    assert told == item
    assert played.head.status == own.get("status", 422)


def test_azure_s_rate_limit_names_the_operation_that_was_asked():
    told = embedded(Reply(error="rate_limit_requests"), "a", errors="azure").json["error"]
    assert told["message"].startswith(
        "Requests to the Get a vector representation of a given input that can be easily consumed by "
        "machine learning models and algorithms. Operation under Azure OpenAI API version 2023-05-15"
    )


def test_azure_s_rate_limit_names_the_version_that_was_asked_for():
    reply = Reply(error="rate_limit_tokens", dialect="azure")
    told = play(reply, query="a=1&api-version=2023-03-15-preview").json["error"]
    assert "Azure OpenAI API version 2023-03-15-preview have exceeded token rate" in told["message"]


WINDOW = "This model's maximum context length is {} tokens. However, {}"


@pytest.mark.parametrize(
    ("preset", "model", "words"),
    [
        ("rate_limit_requests", "gpt-4-32k", "Rate limit reached for default-gpt-4-32k in"),
        ("rate_limit_tokens", "gpt-4", "Rate limit reached for default-gpt-4 in"),
        ("model_not_found", "gpt-4", "The model `gpt-4` does not exist"),
        (
            "context_length_exceeded",
            "gpt-3.5-turbo",
            WINDOW.format(4097, "you requested 5113 tokens (4113 in the messages, 1000 in the"),
        ),
        (
            "context_length_exceeded",
            "gpt-4",
            WINDOW.format(8192, "you requested 9208 tokens (8208 in the messages, 1000 in the"),
        ),
        (
            "context_length_exceeded_messages",
            "gpt-4-32k",
            WINDOW.format(32768, "your messages resulted in 33784 tokens."),
        ),
    ],
)
def test_an_error_tells_of_the_model_that_was_asked(preset, model, words):
    told = play(Reply(error=preset), {"model": model}).json["error"]
    assert told["message"].startswith(words)


def test_a_reply_has_a_dialect_of_its_own():
    reply = Reply(error="rate_limit_requests", dialect="azure")
    assert play(reply, errors="fastapi").json["error"]["code"] == "429"
    assert (
        play(Reply(error="timeout", dialect="openai"), errors="azure").json["error"]["code"]
        == "timeout"
    )
    event = Reply(say="a b", faults=(ErrorEvent(error="timeout"),), dialect="azure")
    assert b'"code":"Timeout"' in play(event, STREAM).body


@pytest.mark.parametrize(
    ("preset", "dialect", "data"),
    [
        (
            "server_error",
            "openai",
            (
                b'{"error":{"message":"The server had an error while processing your request. Sorry '
                b'about that!","type":"server_error","param":null,"code":null}}'
            ),
        ),
        (
            "timeout",
            "azure",
            b'{"error":{"code":"Timeout","message":"The operation was timeout."}}',
        ),
        ("server_error", "fastapi", b"Internal Server Error"),
        (
            "nginx_html",
            "openai",
            (
                b"<html><head><title>504 Gateway Time-out</title></head><body><center><h1>504 Gateway "
                b"Time-out</h1></center><hr><center>nginx</center></body></html>"
            ),
        ),
    ],
)
def test_an_error_within_a_stream_is_one_compact_line(preset, dialect, data):
    played = play(Reply(say="a b", faults=(ErrorEvent(error=preset),), dialect=dialect), STREAM)
    assert b"\n\ndata: %b\n\n" % data in b"\n\n" + played.body


MODELS = ["gpt-3.5-turbo", "gpt-3.5-turbo-16k", "gpt-4", "gpt-4-32k"]


@pytest.mark.parametrize(
    ("preset", "item"),
    [
        (
            "model_not_found",
            {
                "loc": ["body", "model"],
                "msg": "value is not a valid enumeration member; permitted: "
                "'gpt-3.5-turbo', 'gpt-3.5-turbo-16k', 'gpt-4', 'gpt-4-32k'",
                "type": "type_error.enum",
                "ctx": {"enum_values": MODELS},
            },
        ),
        (
            "missing_model",
            {"loc": ["body", "model"], "msg": "field required", "type": "value_error.missing"},
        ),
    ],
)
def test_a_violation_that_is_a_reply_is_as_one_that_was_found(preset, item):
    assert play(Reply(error=preset), errors="fastapi").json == {"detail": [item]}


@pytest.mark.parametrize(
    ("retry_after", "words"),
    [
        (1, "1 second"),
        ("0.4ms", "1 second"),
        (0, "0 seconds"),
        (2, "2 seconds"),
        (86400, "86400 seconds"),
    ],
)
def test_azure_counts_seconds(retry_after, words):
    error = ErrorReply(preset="rate_limit_tokens", retry_after=retry_after)
    message = play(Reply(error=error), errors="azure").json["error"]["message"]
    assert f" Please retry after {words}. Please go here: " in message


@pytest.mark.parametrize("reply", [{"say": "a"}, {"error": "overloaded"}])
def test_headers_replace_the_service_s_of_the_same_name(reply):
    played = play(Reply(**reply, headers={"X-Request-Id": "mine", "X-More": "é"}))
    assert played.header("x-request-id") == ["mine"]
    assert played.header("x-more") == ["é"]
    assert len(played.header("content-type")) == 1


def test_an_error_s_headers_replace_the_service_s():
    error = ErrorReply(headers={"X-Request-Id": "mine", "Retry-After": "9"}, retry_after=2)
    played = play(Reply(error=error))
    assert played.header("x-request-id") == ["mine"]
    assert played.header("retry-after") == ["2"]


def test_a_short_wait_is_not_rounded_to_none():
    played = play(Reply(error=ErrorReply(preset="overloaded", retry_after="0.4ms")))
    assert played.header("retry-after") == ["1"]
    assert played.header("retry-after-ms") == ["1"]


@pytest.mark.parametrize(
    ("raw", "head", "body"),
    [
        (Raw(), Head(200, (), 0), b""),
        (Raw(status=304, headers={"ETag": "a"}), Head(304, (("ETag", "a"),), 0), b""),
        (
            Raw(body="é"),
            Head(200, (("content-type", "text/plain; charset=utf-8"),), 2),
            "é".encode(),
        ),
        (Raw(body="[]"), Head(200, (("content-type", "application/json"),), 2), b"[]"),
        (
            Raw(status=599, headers={"Content-Type": "a/b"}, body="<>"),
            Head(599, (("Content-Type", "a/b"),), 2),
            b"<>",
        ),
        (
            Raw(chunks=("{", Chunk(base64="fQ=="))),
            Head(200, (("content-type", "application/json"),)),
            b"{}",
        ),
    ],
)
def test_a_raw_reply_is_sent_as_it_stands(raw, head, body):
    played = play(Reply(raw=raw), STREAM)
    assert (played.head, played.body) == (head, body)
    assert played.exchange.usage is None


def test_raw_chunks_are_written_each_by_itself_after_their_waits():
    raw = Raw(chunks=("a", Chunk(base64="/w==", after="1s"), Chunk(text="b")))
    steps = play(Reply(raw=raw)).steps
    assert steps[1:-1] == [Pause(0), Data(b"a"), Pause(1), Data(b"\xff"), Pause(0), Data(b"b")]
    paced = play(Reply(raw=raw, pace=Pace(first=3, each=2)))
    assert paced.waits == [0, 3.0, 1, 0, 2]
    assert not any(isinstance(step, Abort) for step in paced.steps)


@pytest.mark.parametrize(
    ("reply", "asked", "finish"),
    [
        ({"filler": {"tokens": 5}}, {}, "length"),
        ({"filler": {"tokens": 5}, "finish": "stop"}, {}, "stop"),
        (
            {"filler": {"tokens": 5}, "finish": "content_filter"},
            {"max_tokens": 9},
            "content_filter",
        ),
        ({"filler": {"tokens": 5}, "finish": "stop"}, {"max_tokens": 5}, "length"),
        ({"filler": {"tokens": 5}, "finish": "stop"}, {"max_tokens": 4}, "length"),
        ({"say": "one two", "finish": "content_filter"}, {"max_tokens": 1}, "length"),
    ],
)
def test_a_filler_of_so_many_tokens_ends_as_its_reply_says(desk, reply, asked, finish):
    answer = desk(convert({"rules": [{"reply": reply}]}, Scenario))(**asked)
    assert answer.body["choices"][0]["finish_reason"] == finish
