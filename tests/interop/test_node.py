"""node's openai, today's and the last of version 4, and its plain `fetch`."""

import subprocess
import sys

import pytest
from openai import OpenAI

from mockgpt import MockGPT
from mockgpt.core.faults import Disconnect

documentation = pytest.mark.mockgpt("documentation")
refusing = pytest.mark.mockgpt("documentation", allow=("refused_request",))

GREETING = "Hello, this message is from apigpt.cloud! How may I assist you today?"
COMPLETION = " 20 year old female and I"
USAGE = {"completion_tokens": 18, "prompt_tokens": 18, "total_tokens": 36}
BODY = (
    '{"id":"chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG","object":"chat.completion",'
    '"created":1686986070,"model":"gpt-35-turbo","choices":[{"index":0,"finish_reason":"stop",'
    f'"message":{{"role":"assistant","content":"{GREETING}"}}}}],'
    '"usage":{"completion_tokens":18,"prompt_tokens":18,"total_tokens":36}}\n'
)


@documentation
def test_chat(mockgpt, node):
    assert node("chat", mockgpt.url) == {
        "id": "chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG",
        "object": "chat.completion",
        "created": 1686986070,
        "model": "gpt-35-turbo",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": GREETING},
            }
        ],
        "usage": USAGE,
    }


@documentation
def test_chat_streams(mockgpt, node):
    chunks = node("stream", mockgpt.url)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == GREETING
    assert len(choices) == 20  # the role, 18 tokens, the reason
    assert choices[0] == {"index": 0, "finish_reason": None, "delta": {"role": "assistant"}}
    assert choices[-1] == {"index": 0, "finish_reason": "stop", "delta": {}}


@documentation
def test_chat_streams_with_usage(mockgpt, node):
    *chunks, last = node("stream_with_usage", mockgpt.url)
    assert [len(chunk["choices"]) for chunk in chunks] == [1] * 20
    assert (last["choices"], last["usage"]) == ([], USAGE)


@documentation
def test_the_stream_helper_assembles_the_whole_answer(mockgpt, node):
    (choice,) = node("stream_helper", mockgpt.url)
    assert choice["message"]["content"] == GREETING
    assert choice["finish_reason"] == "stop"


@documentation
def test_completions(mockgpt, node):
    answer = node("completion", mockgpt.url)
    assert answer["choices"] == [
        {"text": COMPLETION, "index": 0, "finish_reason": "length", "logprobs": None}
    ]
    assert answer["usage"] == {"completion_tokens": 7, "prompt_tokens": 3, "total_tokens": 10}


@documentation
def test_completions_stream(mockgpt, node):
    choices = [chunk["choices"][0] for chunk in node("completion_stream", mockgpt.url)]
    assert "".join(choice["text"] for choice in choices) == COMPLETION
    assert [choice["finish_reason"] for choice in choices] == [None] * 7 + ["length"]


@documentation
def test_embeddings_are_the_numbers_that_python_gets(mockgpt, node):
    # It asks for base64 by itself, and makes an empty list of one of floats without a word.
    by_default, as_floats = node("embeddings", mockgpt.url)
    assert [exchange.request.base64 for exchange in mockgpt.journal] == [True, False]
    vector = by_default["data"][0]["embedding"]
    assert len(vector) == 1536
    with OpenAI(api_key="k", base_url=mockgpt.base_url) as client:
        asked = {"model": "text-embedding-ada-002", "input": mockgpt.journal[0].request.inputs[0]}
        assert vector == client.embeddings.create(**asked).data[0].embedding
        floats = client.embeddings.create(**asked, encoding_format="float")
    assert as_floats["data"][0]["embedding"] == floats.data[0].embedding
    assert by_default["usage"] == {"prompt_tokens": 8, "total_tokens": 8}


def test_models_are_listed(mockgpt, node):
    assert node("models", mockgpt.url) == [
        "gpt-3.5-turbo",
        "gpt-3.5-turbo-16k",
        "gpt-4",
        "gpt-4-32k",
        "text-embedding-ada-002",
    ]


def test_headers_are_there(mockgpt, node):
    got = node("headers", mockgpt.url)
    assert got["id"] == got["headers"]["x-request-id"]
    assert got["headers"]["x-mockgpt-ignored"] == "n, user"


@documentation
@pytest.mark.parametrize(
    ("case", "path", "model"),
    [
        ("azure", "/openai/deployments/gpt-35-turbo/chat/completions", "gpt-35-turbo"),
        ("azure_deployment", "/openai/deployments/silu/embeddings", "text-embedding-ada-002"),
        ("azure_base_url", "/v1/deployments/gpt-35-turbo/chat/completions", "gpt-35-turbo"),
    ],
)
def test_azure_finds_its_routes(mockgpt, node, case, path, model):
    assert node(case, mockgpt.url)["model"] == model
    assert [exchange.path for exchange in mockgpt.journal] == [path]


# --- errors


@refusing
@pytest.mark.parametrize(
    ("case", "facts", "message"),
    [
        (
            "too_warm",
            ("BadRequestError", 400, None, None),
            "2.5 is greater than the maximum of 2 - 'temperature'",
        ),
        (
            "too_warm_stream",
            ("BadRequestError", 400, None, None),
            "2.5 is greater than the maximum of 2 - 'temperature'",
        ),
        (
            "too_long",
            ("BadRequestError", 400, "messages", "context_length_exceeded"),
            (
                "This model's maximum context length is 4097 tokens. However, you requested 4098 "
                "tokens (18 in the messages, 4080 in the completion). Please reduce the length of "
                "the messages or completion."
            ),
        ),
        (
            "unknown_model",
            ("NotFoundError", 404, None, "model_not_found"),
            "The model `gpt-5` does not exist",
        ),
        (
            "images",
            ("NotFoundError", 404, None, "unsupported_endpoint"),
            (
                "Images is not supported by openai.pgpt.cloud (暂未支持). Supported: "
                "/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models."
            ),
        ),
        ("responses", ("NotFoundError", 404, None, None), "Invalid URL (POST /v1/responses)"),
    ],
)
def test_refusals_have_their_classes_and_are_not_retried(mockgpt, node, case, facts, message):
    kind, status, param, code = facts
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    assert node(case, mockgpt.url) == {
        "class": kind,
        "status": status,
        "code": code,
        "type": "invalid_request_error",
        "param": param,
        "message": f"{status} {message}",
        "body": body,
    }
    assert len(mockgpt.journal) == 1


@pytest.mark.mockgpt(api_keys=["sk-the-only-one-accepted"], allow=("refused_request",))
def test_a_wrong_key_is_an_authentication_error(mockgpt, node):
    error = node("chat", mockgpt.url)
    assert (error["class"], error["status"]) == ("AuthenticationError", 401)
    assert error["code"] == "invalid_api_key"
    assert error["message"].startswith("401 Incorrect API key provided: ********.")


# --- retries


def test_one_call_meets_all_attempts_and_the_next_gets_the_next_reply(bumpy, node):
    # What broke behind its head this client never asks again.
    with MockGPT(bumpy(Disconnect())) as mock:
        assert node("fifty_that_retry", mock.url) == [
            [f"first {number}", f"second {number}"] for number in range(50)
        ]
    mock.check()
    assert len(mock.journal) == 200


# --- fetch, as a browser's page has it


@documentation
def test_fetch_gets_the_bytes(mockgpt, node):
    got = node("fetch", mockgpt.url)
    assert (got["status"], got["text"]) == (200, BODY)
    assert got["headers"]["access-control-allow-origin"] == "*"
    assert got["headers"]["access-control-expose-headers"] == "*"


@documentation
def test_fetch_may_stream_its_body(mockgpt, node):
    got = node("fetch_streamed_body", mockgpt.url)
    assert (got["status"], got["headers"]["content-type"]) == (200, "text/event-stream")
    assert got["text"].startswith('data: {"id":"chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG",')
    assert got["text"].endswith('"delta":{}}],"usage":null}\n\ndata: [DONE]\n\n')
    (exchange,) = mockgpt.journal
    assert exchange.headers["transfer-encoding"] == "chunked"


def test_a_preflight_is_answered_without_a_key(mockgpt, node):
    got = node("preflight", mockgpt.url)
    assert (got["status"], got["text"]) == (204, "")
    allowed = {
        name: value
        for name, value in got["headers"].items()
        if name.startswith("access-control-") or name == "allow"
    }
    assert allowed == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
        "allow": "POST, OPTIONS",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "authorization,content-type,x-stainless-os",
        "access-control-max-age": "86400",
    }


def test_a_run_points_it_to_the_server_by_its_environment(node_code):
    code = """
    const question = { role: "user", content: "Say this message is from apigpt.cloud!" };
    const chat = { model: "gpt-3.5-turbo", messages: [question] };
    new OpenAI().chat.completions.create(chat).then((c) => console.log(c.choices[0].message.content));
    """
    run = [sys.executable, "-m", "mockgpt", "run", "documentation", "--session", "n"]
    done = subprocess.run(
        [*run, "--", *node_code(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "mockgpt: 1 request, 1 call, no findings\n"
    assert (done.returncode, done.stdout) == (0, f"{GREETING}\n")
