"""What the service accepts and in what words it refuses (protocol.md, section 3; wire.md)."""

import json

import pytest
from bodies import decoded

from mockgpt.core.decode import Decoded
from mockgpt.core.errors import render
from mockgpt.core.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Message
from mockgpt.files.services import load_service

SERVICE = load_service("pgpt")
HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}


def chat(**more):
    return {**HELLO, **more}


def message(**fields):
    return {"messages": [fields]}


def completion(prompt, **more):
    return {"model": "gpt-3.5-turbo", "prompt": prompt, **more}


def embedding(value, **more):
    return {"model": "text-embedding-ada-002", "input": value, **more}


EXPECTING = "Expecting value: line"
INPUT = (
    "'$.input' is invalid. Please check the API reference: "
    "https://platform.openai.com/docs/api-reference."
)
FORMS = "is not valid under any of the given schemas - 'prompt'"

REFUSED = [
    ("chat", {}, 400, "'messages' is a required property"),
    ("chat", chat(messages=None), 400, "None is not of type 'array' - 'messages'"),
    ("chat", chat(messages="hi"), 400, "'hi' is not of type 'array' - 'messages'"),
    ("chat", chat(messages=[]), 400, "[] is too short - 'messages'"),
    ("chat", chat(messages=["a"]), 400, "'a' is not of type 'object' - 'messages.0'"),
    ("chat", message(content="a"), 400, "'role' is a required property - 'messages.0'"),
    ("chat", message(role="user"), 400, "'content' is a required property - 'messages.0'"),
    (
        "chat",
        message(role="assistant"),
        400,
        "'content' is a required property - 'messages.0'",
    ),
    (
        "chat",
        message(role="user", content=None),
        400,
        "None is not of type 'string' - 'messages.0.content'",
    ),
    (
        "chat",
        message(role="user", content=1),
        400,
        "1 is not of type 'string' - 'messages.0.content'",
    ),
    (
        "chat",
        message(role="user", content=[]),
        400,
        "[] is too short - 'messages.0.content'",
    ),
    (
        "chat",
        message(role="user", content=[{"type": "image_url", "text": ""}]),
        400,
        "'image_url' is not one of ['text'] - 'messages.0.content.0.type'",
    ),
    (
        "chat",
        message(role="user", content=[{"type": "text"}]),
        400,
        "'text' is a required property - 'messages.0.content.0'",
    ),
    (
        "chat",
        message(role="tool", content="a"),
        400,
        "'tool' is not one of ['system', 'assistant', 'user'] - 'messages.0.role'",
    ),
    (
        "chat",
        message(role="user", content="a", name="a-b"),
        400,
        "'a-b' does not match '^[a-zA-Z0-9_]{1,64}$' - 'messages.0.name'",
    ),
    (
        "chat",
        message(role="user", content="a", name="a\n"),
        400,
        "'a\\n' does not match '^[a-zA-Z0-9_]{1,64}$' - 'messages.0.name'",
    ),
    (
        "chat",
        message(role="user", content="a", name="a" * 65),
        400,
        f"'{'a' * 65}' does not match '^[a-zA-Z0-9_]{{1,64}}$' - 'messages.0.name'",
    ),
    ("chat", chat(temperature="abc"), 400, "'abc' is not of type 'number' - 'temperature'"),
    ("chat", chat(temperature=True), 400, "True is not of type 'number' - 'temperature'"),
    (
        "chat",
        chat(temperature=2.5),
        400,
        "2.5 is greater than the maximum of 2 - 'temperature'",
    ),
    ("chat", chat(temperature=-1), 400, "-1 is less than the minimum of 0 - 'temperature'"),
    ("chat", chat(max_tokens=0), 400, "0 is less than the minimum of 1 - 'max_tokens'"),
    ("chat", chat(max_tokens=1.5), 400, "1.5 is not of type 'integer' - 'max_tokens'"),
    ("chat", chat(max_tokens="7"), 400, "'7' is not of type 'integer' - 'max_tokens'"),
    (
        "chat",
        chat(max_completion_tokens=0),
        400,
        "0 is less than the minimum of 1 - 'max_completion_tokens'",
    ),
    ("chat", chat(stream="yes"), 400, "'yes' is not of type 'boolean' - 'stream'"),
    ("chat", chat(stream=1), 400, "1 is not of type 'boolean' - 'stream'"),
    (
        "chat",
        chat(stream_options={"include_usage": "yes"}),
        400,
        "'yes' is not of type 'boolean' - 'stream_options.include_usage'",
    ),
    ("chat", chat(model=5), 400, "5 is not of type 'string' - 'model'"),
    ("chat", chat(model="gpt-5"), 404, "The model `gpt-5` does not exist"),
    (
        "chat",
        chat(model="text-embedding-ada-002"),
        404,
        (
            "This is an embeddings model and not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/embeddings?"
        ),
    ),
    (
        "chat",
        chat(max_tokens=4088),
        400,
        (
            "This model's maximum context length is 4097 tokens. However, you requested 4098 tokens "
            "(10 in the messages, 4088 in the completion). Please reduce the length of the messages "
            "or completion."
        ),
    ),
    (
        "chat",
        message(role="user", content=" a" * 5000),
        400,
        (
            "This model's maximum context length is 4097 tokens. However, your messages resulted in "
            "5008 tokens. Please reduce the length of the messages."
        ),
    ),
    ("completions", {"prompt": "a"}, 400, "you must provide a model parameter"),
    ("completions", {"model": "gpt-4"}, 400, "'prompt' is a required property"),
    ("completions", completion(None), 400, f"None {FORMS}"),
    ("completions", completion(5), 400, f"5 {FORMS}"),
    ("completions", completion([]), 400, "[] is too short - 'prompt'"),
    ("completions", completion(["a", 1]), 400, f"['a', 1] {FORMS}"),
    ("completions", completion([[1], []]), 400, f"[[1], []] {FORMS}"),
    ("completions", completion([True]), 400, f"[True] {FORMS}"),
    ("completions", completion([-1]), 400, f"[-1] {FORMS}"),
    (
        "completions",
        completion(["a", "b"], max_tokens=4097),
        400,
        (
            "This model's maximum context length is 4097 tokens, however you requested 4098 tokens "
            "(1 in your prompt; 4097 for the completion). Please reduce your prompt; or completion "
            "length."
        ),
    ),
    ("embeddings", {"input": "a"}, 400, "you must provide a model parameter"),
    ("embeddings", embedding(None), 400, INPUT),
    ("embeddings", embedding(""), 400, INPUT),
    ("embeddings", embedding([]), 400, INPUT),
    ("embeddings", embedding(["a", ""]), 400, INPUT),
    ("embeddings", embedding([[]]), 400, INPUT),
    ("embeddings", embedding([1.5]), 400, INPUT),
    ("embeddings", embedding(["a"] * 2049), 400, INPUT),
    ("embeddings", {"model": "text-embedding-ada-002"}, 400, "'input' is a required property"),
    (
        "embeddings",
        embedding("a", encoding_format="hex"),
        400,
        "'hex' is not one of ['float', 'base64'] - 'encoding_format'",
    ),
    (
        "embeddings",
        embedding([[7] * 8192]),
        400,
        (
            "This model's maximum context length is 8191 tokens, however you requested 8192 tokens "
            "(8192 in your prompt; 0 for the completion). Please reduce your prompt; or completion "
            "length."
        ),
    ),
    (
        "embeddings",
        {**embedding("a"), "model": "gpt-4"},
        404,
        (
            "This is a chat model and not supported in the v1/embeddings endpoint. "
            "Did you mean to use v1/chat/completions?"
        ),
    ),
]


@pytest.mark.parametrize(("endpoint", "body", "status", "words"), REFUSED)
def test_the_service_refuses_in_these_words(endpoint, body, status, words):
    errors = decoded(body, endpoint)
    assert isinstance(errors, tuple)
    rendered = render(errors, SERVICE, "openai")
    assert (rendered.status, rendered.message) == (status, words)
    error = json.loads(rendered.body)["error"]
    assert error["message"] == words
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (chat(model="gpt-5"), "model_not_found", None),
        (chat(max_tokens=5000), "context_length_exceeded", "messages"),
        (chat(model="text-embedding-ada-002"), None, "model"),
        (chat(temperature=3), None, None),
    ],
)
def test_codes_and_params(body, code, param):
    error = json.loads(render(decoded(body), SERVICE, "openai").body)["error"]
    assert (error["code"], error["param"]) == (code, param)


ENUM = "value is not a valid enumeration member; permitted: "
CHATS = f"{ENUM}'gpt-3.5-turbo', 'gpt-3.5-turbo-16k', 'gpt-4', 'gpt-4-32k'"
MODEL, NO_LIST = ("model", f"{ENUM}'text-embedding-ada-002'"), "value is not a valid list"


@pytest.mark.parametrize(
    ("endpoint", "body", "strict", "items"),
    [
        ("embeddings", embedding(None), False, [("input", "none is not an allowed value")]),
        ("embeddings", embedding(5), False, [("input", NO_LIST)]),
        ("embeddings", embedding(["a", 1]), False, [("input", NO_LIST)]),
        ("embeddings", embedding([]), False, [("input", "ensure this value has at least 1 items")]),
        (
            "embeddings",
            embedding(["a"] * 2049),
            False,
            [("input", "ensure this value has at most 2048 items")],
        ),
        ("embeddings", {"model": "gpt-4", "input": "a"}, False, [MODEL]),
        ("embeddings", {"model": "gpt-4", "input": 5}, False, [MODEL, ("input", NO_LIST)]),
        ("chat", chat(model="silu"), False, [("model", CHATS)]),
        (
            "chat",
            chat(model="x", temperature=3),
            False,
            [("model", CHATS), ("temperature", "ensure this value is less than or equal to 2")],
        ),
        ("chat", {"model": "x"}, False, [("model", CHATS), ("messages", "field required")]),
        (
            "chat",
            {"model": 5},
            False,
            [("model", "str type expected"), ("messages", "field required")],
        ),
        ("completions", {}, False, [("model", "field required"), ("prompt", "field required")]),
        (
            "completions",
            {"model": "gpt-4", "prompt": None},
            False,
            [("prompt", "none is not an allowed value")],
        ),
        (
            "chat",
            chat(top_k=1, model="x", temperature=3),
            True,
            [
                ("model", CHATS),
                ("temperature", "ensure this value is less than or equal to 2"),
                ("top_k", "extra fields not permitted"),
            ],
        ),
    ],
)
def test_fastapi_lists_every_violation_in_the_order_of_the_parameters(
    endpoint, body, strict, items
):
    told = render(decoded(body, endpoint, strict=strict), SERVICE, "fastapi")
    found = json.loads(told.body)["detail"]
    assert (told.status, [(item["loc"], item["msg"]) for item in found]) == (
        422,
        [(["body", name], words) for name, words in items],
    )


OTHER_MODEL = (
    "The {} operation does not work with the specified model, {}. Please choose different model and "
    "try again. You can learn more about which models can be used with each operation here: "
    "https://go.microsoft.com/fwlink/?linkid=2197993."
)
TOO_MANY = (
    "Too many inputs. The max number of inputs is 2048.  We hope to increase the number of inputs "
    "per request soon. Please contact us through an Azure support request at: "
    "https://go.microsoft.com/fwlink/?linkid=2213926 for further questions."
)
ADA = "text-embedding-ada-002"


@pytest.mark.parametrize(
    ("endpoint", "body", "words"),
    [
        ("chat", chat(model="silu"), OTHER_MODEL.format("chatCompletion", ADA)),
        (
            "completions",
            {"model": "silu", "prompt": "a"},
            OTHER_MODEL.format("completion", ADA),
        ),
        (
            "embeddings",
            {"model": "gpt-3.5-turbo", "input": "a"},
            OTHER_MODEL.format("embeddings", "gpt-35-turbo"),
        ),
        ("embeddings", embedding(["a"] * 2049), TOO_MANY),
        ("embeddings", embedding([]), INPUT),
        ("embeddings", embedding(["a"] * 2049 + [""]), INPUT),
    ],
)
def test_azure_refuses_in_these_words(endpoint, body, words):
    told = render(decoded(body, endpoint), SERVICE, "azure")
    assert (told.status, told.message) == (400, words)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (chat(model="x", temperature=3), 400, "3 is greater than the maximum of 2 - 'temperature'"),
        ({"model": "x"}, 400, "'messages' is a required property"),
        (chat(model="x"), 404, "The model `x` does not exist"),
    ],
)
def test_the_other_dialects_tell_the_model_last(body, status, words):
    for dialect in ("openai", "azure"):
        told = render(decoded(body), SERVICE, dialect)
        if status != 404 or dialect == "openai":
            assert (told.status, told.message) == (status, words)


@pytest.mark.parametrize(
    ("endpoint", "body", "request_"),
    [
        (
            "chat",
            HELLO,
            ChatRequest(model="gpt-3.5-turbo", messages=(Message("user", "Hello!"),)),
        ),
        (
            "chat",
            chat(model="gpt-4", temperature=0, max_tokens=5.0, stream=True),
            ChatRequest(
                model="gpt-4",
                messages=(Message("user", "Hello!"),),
                temperature=0.0,
                max_tokens=5,
                stream=True,
            ),
        ),
        (
            "chat",
            {
                "messages": [
                    {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                     "role": "system", "name": "N_1"},
                    {"role": "assistant", "content": None, "function_call": {"name": "f"}},
                ],
                "max_completion_tokens": 3,
                "stream_options": {"include_usage": True},
            },
            ChatRequest(
                model="gpt-3.5-turbo",
                messages=(Message("system", "ab", "N_1"), Message("assistant", "")),
                max_tokens=3,
                include_usage=True,
            ),
        ),
        (
            "completions",
            completion("a"),
            CompletionRequest(model="gpt-3.5-turbo", prompts=("a",)),
        ),
        (
            "completions",
            completion(["a", ""]),
            CompletionRequest(model="gpt-3.5-turbo", prompts=("a", "")),
        ),
        (
            "completions",
            completion([1, 2]),
            CompletionRequest(model="gpt-3.5-turbo", prompts=((1, 2),)),
        ),
        (
            "completions",
            completion([[1, 2], [3]]),
            CompletionRequest(model="gpt-3.5-turbo", prompts=((1, 2), (3,))),
        ),
        (
            "embeddings",
            embedding(["a", "b"], encoding_format="base64"),
            EmbeddingRequest(
                model="text-embedding-ada-002", inputs=("a", "b"), base64=True
            ),
        ),
    ],
)  # fmt: skip
def test_what_is_accepted_becomes_a_value(endpoint, body, request_):
    result = decoded(body, endpoint)
    assert isinstance(result, Decoded)
    assert result.request == request_


# The default bodies of real clients: wire.md, "Default bodies".
CLIENTS = [
    ("chat", {"temperature": None, "max_tokens": None, "n": None, "top_p": None, "stop": None,
              "stream": False}, ()),
    ("completions", {"logprobs": None, "echo": True}, ("echo",)),
    ("chat", {"temperature": 0.7, "n": 1, "max_tokens": None, "stream": False}, ()),
    ("completions", {"frequency_penalty": 0, "presence_penalty": 0, "n": 1, "top_p": 1,
                     "logprobs": None, "seed": None}, ()),
    ("completions", {"temperature": 0.7, "max_tokens": 256, "top_p": 1, "frequency_penalty": 0,
                     "presence_penalty": 0, "n": 1, "logit_bias": {}}, ()),
    ("completions", {"stream": False, "echo": False}, ()),
    ("completions", {"stop": ["\nuser:"]}, ("stop",)),
    ("chat", {"stream": True, "stream_options": {"include_usage": True}}, ()),
    ("chat", {"top_p": 1.0, "presence_penalty": 0.0, "response_format": {"type": "text"}}, ()),
    ("chat", {"response_format": {"type": "json_object"}}, ("response_format",)),
    ("chat", {"tools": [{}], "tool_choice": {}, "user": "u"}, ("tools", "user")),
    ("chat", {"max_tokens": 5, "max_completion_tokens": 6}, ("max_completion_tokens",)),
    ("chat", {"stream_options": {"include_obfuscation": False}},
     ("stream_options.include_obfuscation",)),
    ("chat", {"messages": [{"role": "user", "content": "a", "tool_calls": None, "x": 1}]},
     ("messages.0.x",)),
    ("embeddings", {"encoding_format": "base64"}, ()),
    ("embeddings", {"encoding_format": "float", "user": "u"}, ("user",)),
]  # fmt: skip
BASE = {"chat": HELLO, "completions": completion("a"), "embeddings": embedding("a")}


@pytest.mark.parametrize(("endpoint", "more", "ignored"), CLIENTS)
def test_what_real_clients_send_is_accepted(endpoint, more, ignored):
    result = decoded({**BASE[endpoint], **more}, endpoint)
    assert isinstance(result, Decoded)
    assert result.ignored == ignored


@pytest.mark.parametrize(("endpoint", "more", "ignored"), CLIENTS)
def test_strict_refuses_what_is_otherwise_ignored(endpoint, more, ignored):
    result = decoded({**BASE[endpoint], **more}, endpoint, strict=True)
    assert isinstance(result, Decoded) is not bool(ignored)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"x": 1}, "Unrecognized request argument supplied: x"),
        ({"x": 1, "top_p": 0.5}, "Unrecognized request arguments supplied: x, top_p"),
        (
            {"messages": [{"role": "user", "content": "a", "x": 1}]},
            "Additional properties are not allowed ('x' was unexpected) - 'messages.0'",
        ),
    ],
)
def test_strict_refuses_in_these_words(more, words):
    errors = decoded(chat(**more), strict=True)
    assert render(errors, SERVICE, "openai").message == words


@pytest.mark.parametrize("name", ["gpt-35-turbo", "gpt-4"])
def test_the_model_of_the_path_wins(name):
    result = decoded(chat(model=None), path_model=name)
    assert result.request.model == name
    assert decoded(chat(model="gpt-5"), path_model=name).model is result.model


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "Application/JSON; charset=utf-8", "application/problem+json"],
)
def test_json_by_its_content_type(content_type):
    assert isinstance(decoded(HELLO, content_type=content_type), Decoded)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "json", "a\x7fb"]
)
def test_other_content_types_are_named(content_type):
    (error,) = decoded(HELLO, content_type=content_type)
    assert error.name == "unsupported_content_type"
    assert render((error,), SERVICE, "openai").status == 400


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b" ", f"{EXPECTING} 1 column 2 (char 1)"),
        (b'{"a": }', f"{EXPECTING} 1 column 7 (char 6)"),
        (b'{"a": NaN}', f"{EXPECTING} 1 column 7 (char 6)"),
        (b'{"a": 1,\n "b": -Infinity}', f"{EXPECTING} 2 column 7 (char 15)"),
        ('{"中": NaN}'.encode(), f"{EXPECTING} 1 column 7 (char 6)"),
        (b'{"1e999": 1.5, "a": 1e999}', f"{EXPECTING} 1 column 21 (char 20)"),
        (b'{"a": 1e9991.2e}', "Expecting ',' delimiter: line 1 column 13 (char 12)"),
        (b'{"a": ' + b"1" * 5000 + b"}", f"{EXPECTING} 1 column 7 (char 6)"),
        (b'{"a": "\\ud800"}', f"{EXPECTING} 1 column 16 (char 15)"),
        (b'{"a": "b', "Unterminated string starting at: line 1 column 7 (char 6)"),
        (b'{"a": 1} x', "Extra data: line 1 column 10 (char 9)"),
        (b"\xef\xbb\xbf{}", f"{EXPECTING} 1 column 1 (char 0)"),
        (b"[" * 100_000, f"{EXPECTING} 1 column 1 (char 0)"),
    ],
)
def test_malformed_json_names_the_place(body, place):
    (error,) = decoded(body)
    assert error.name == "malformed_json"
    (item,) = json.loads(render((error,), SERVICE, "fastapi").body)["detail"]
    position = int(place.rpartition("char ")[2].rstrip(")"))
    assert (item["msg"], item["loc"], item["ctx"]["pos"]) == (place, ["body", position], position)
    assert place.startswith(f"{item['ctx']['msg']}: line {item['ctx']['lineno']} column")


@pytest.mark.parametrize(
    ("body", "content_type", "elsewhere"),
    [
        (b"", None, "We could not parse the JSON body"),
        (b"", "application/json", "We could not parse the JSON body"),
        (b"", "text/plain", "Unsupported content type: 'text/plain'"),
        (b"null", None, "None is not of type 'object'"),
    ],
)
def test_no_body_at_all_is_told(body, content_type, elsewhere):
    errors = decoded(body, content_type=content_type)
    told = render(errors, SERVICE, "fastapi")
    assert told.status == 422
    (item,) = json.loads(told.body)["detail"]
    assert item == {"loc": ["body"], "msg": "field required", "type": "value_error.missing"}
    for dialect in ("openai", "azure"):
        told = render(errors, SERVICE, dialect)
        assert told.status == 400
        assert told.message.startswith(elsewhere)


@pytest.mark.parametrize("body", ['{"中": "'.encode() + b"\xff", '{"a": "中'.encode()[:-1]])
def test_the_place_of_what_is_not_utf8_is_known(body):
    (error,) = decoded(body)
    assert error.values["reason"] == f"{EXPECTING} 1 column 8 (char 7)"


@pytest.mark.parametrize("body", ['{"a": "中"}'.encode("gbk"), b"\xff\xfe{\0}\0", b'{"a": 1 "\xff'])
def test_fastapi_looks_for_no_json_in_what_is_not_utf8(body):
    errors = decoded(body)
    told = render(errors, SERVICE, "fastapi")
    assert (told.status, told.body) == (400, b'{"detail":"There was an error parsing the body"}')
    assert render(errors, SERVICE, "openai").message.startswith("We could not parse the JSON body")


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null", b"true"])
def test_other_json_is_no_object(body):
    (error,) = decoded(body)
    assert error.name == "wrong_type"
    assert "is not of type 'object'" in render((error,), SERVICE, "openai").message


@pytest.mark.parametrize(
    ("messages", "model", "counted"),
    [
        ([{"role": "user", "content": "Say this message is from apigpt.cloud!"}], None, 18),
        ([{"role": "user", "content": "You are a helpful assistant."}], None, 14),
        ([{"role": "user", "content": "You are a helpful assistant."}], "gpt-4", 13),
        ([{"role": "user", "content": "Hello!", "name": "a"}], None, 10),
        ([{"role": "user", "content": "Hello!", "name": "a"}], "gpt-4", 11),
    ],
)
def test_chats_are_counted_by_their_model_s_rule(messages, model, counted):
    assert decoded({"messages": messages, "model": model}).prompt_tokens == (counted,)


def test_every_text_is_counted():
    assert decoded(completion(["I am a", "Hello!"]), "completions").prompt_tokens == (3, 2)
    assert decoded(embedding([[1, 2], [3]]), "embeddings").prompt_tokens == (2, 1)


def test_a_window_may_be_filled_to_its_last_token():
    assert isinstance(decoded(chat(max_tokens=4087)), Decoded)


def test_a_huge_value_is_shown_cut():
    (error,) = decoded(chat(temperature="a" * 100_000))
    assert len(render((error,), SERVICE, "openai").message) < 300


def test_a_value_nested_as_deep_as_the_parser_allows_is_shown():
    body = b'{"messages": [], "temperature": ' + b"[" * 900 + b"]" * 900 + b"}"
    errors = decoded(body)
    assert isinstance(errors, tuple)
    assert render(errors, SERVICE, "openai").status == 400
