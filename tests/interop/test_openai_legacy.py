"""openai 0.28.1, the client of the service's own documentation, as it was called in 2023."""

import json
import math
import struct

import pytest

from mockgpt import MockGPT
from mockgpt.core.faults import Disconnect, Place

documentation = pytest.mark.mockgpt("documentation")
refusing = pytest.mark.mockgpt("documentation", allow=("refused_request",))

GREETING = "Hello, this message is from apigpt.cloud! How may I assist you today?"
COMPLETION = " 20 year old female and I"


# --- the documentation's calls, letter by letter; each prints its result, which is JSON


@documentation
def test_the_documentations_first_call(mockgpt, legacy):
    answer = legacy.code(
        """
        #你也可以用Python代码来发送第一个 API 请求
        import openai
        openai.api_key = '<API_KEY>'
        openai.api_base = 'https://openai.pgpt.cloud/v1'
        res = openai.ChatCompletion.create(
            model="gpt-3.5-turbo",
            messages=[{"role": "user", "content": "Hello world"}],
            temperature=1,
            max_tokens=1000,
        )
        print(res)
        """,
        mockgpt.url,
    )
    assert list(answer) == ["id", "object", "created", "model", "choices", "usage"]
    assert (answer["object"], answer["model"]) == ("chat.completion", "gpt-35-turbo")
    (choice,) = answer["choices"]
    assert list(choice) == ["index", "finish_reason", "message"]
    assert (choice["finish_reason"], choice["message"]["role"]) == ("stop", "assistant")
    assert choice["message"]["content"]
    assert answer["usage"]["prompt_tokens"] == 10
    (exchange,) = mockgpt.journal
    assert exchange.usage.completion_tokens == answer["usage"]["completion_tokens"]
    assert exchange.rule == "anything-else"


@documentation
def test_the_documentations_chat(mockgpt, legacy):
    answer = legacy.code(
        """
        import openai
        openai.api_key = "<API_KEY>"
        openai.api_base = 'https://openai.pgpt.cloud/v1'
        res = openai.ChatCompletion.create(
          model="gpt-3.5-turbo",
          messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Hello!"}
          ]
        )
        print(res)
        """,
        mockgpt.url,
    )
    assert answer == {
        "id": "chatcmpl-7Tl47vuq1rKS4XlcV7IihageYc514",
        "object": "chat.completion",
        "created": 1687326787,
        "model": "gpt-35-turbo",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {
                    "role": "assistant",
                    "content": "Thank you! How may I assist you today?",
                },
            }
        ],
        "usage": {"completion_tokens": 10, "prompt_tokens": 21, "total_tokens": 31},
    }


@documentation
def test_the_documentations_completion(mockgpt, legacy):
    answer = legacy.code(
        """
        import openai
        openai.api_key = '<API_KEY>'
        openai.api_base = 'https://openai.pgpt.cloud/v1'
        res = openai.Completion.create(
          model="gpt-3.5-turbo",
          prompt="I am a",
          max_tokens=7,
          temperature=0
        )
        print(res)
        """,
        mockgpt.url,
    )
    assert answer == {
        "id": "cmpl-7TkgRTfjrz80goegsOC2nrkzi1WPm",
        "object": "text_completion",
        "created": 1687325319,
        "model": "gpt-35-turbo",
        "choices": [{"text": COMPLETION, "index": 0, "finish_reason": "length", "logprobs": None}],
        "usage": {"completion_tokens": 7, "prompt_tokens": 3, "total_tokens": 10},
    }


@documentation
def test_the_documentations_embedding(mockgpt, legacy):
    answer = legacy.code(
        """
        import openai
        openai.api_key = '<API_KEY>'
        openai.api_base = 'https://openai.pgpt.cloud/v1'
        res = openai.Embedding.create(
          model="text-embedding-ada-002",
          input="The food was delicious and the waiter..."
        )
        print(res)
        """,
        mockgpt.url,
    )
    (item,) = answer.pop("data")
    assert answer == {
        "object": "list",
        "model": "text-embedding-ada-002",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
    vector = item.pop("embedding")
    assert item == {"object": "embedding", "index": 0}
    assert len(vector) == 1536
    # It asks for base64 by itself, which its users never see: they get float32 made double.
    printed = struct.pack("<3f", 0.0023064255, -0.009327292, -0.0028842222)
    assert struct.pack("<3f", *vector[:2], vector[-1]) == printed
    assert json.loads(mockgpt.journal[0].body)["encoding_format"] == "base64"


# --- streams and async


def streamed(pieces_of):
    """Return the texts of a stream's chunks, of which none may be without a choice."""
    return [chunk["choices"][0]["delta"].get("content", "") for chunk in pieces_of]


@documentation
@pytest.mark.parametrize("case", ["chat_streamed", "chat_streamed_async", "azure_streamed"])
def test_chat_streams(mockgpt, legacy, case):
    chunks = legacy(case, mockgpt.url)
    assert len(chunks) == 20  # the role, 18 tokens, the reason
    assert "".join(streamed(chunks)) == GREETING
    assert [list(chunk) for chunk in chunks] == [
        ["id", "object", "created", "model", "choices", "usage"]
    ] * 20
    assert chunks[0]["choices"] == [
        {"index": 0, "finish_reason": None, "delta": {"role": "assistant"}}
    ]
    assert chunks[-1]["choices"] == [{"index": 0, "finish_reason": "stop", "delta": {}}]


@documentation
def test_completions_stream(mockgpt, legacy):
    chunks = legacy("completion_streamed", mockgpt.url)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == COMPLETION
    assert chunks[-1]["choices"] == [
        {"text": "", "index": 0, "finish_reason": "length", "logprobs": None}
    ]
    assert len(chunks) == 8


@documentation
def test_async_calls_get_what_sync_ones_get(mockgpt, legacy):
    chat, completion, embedding = legacy("together", mockgpt.url)
    assert chat["choices"][0]["message"]["content"] == GREETING
    assert chat["usage"] == {"completion_tokens": 18, "prompt_tokens": 18, "total_tokens": 36}
    assert completion["choices"][0]["text"] == COMPLETION
    assert embedding["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    assert len(embedding["data"][0]["embedding"]) == 1536


def test_base64_which_is_its_default_decodes_to_the_floats(mockgpt, legacy):
    by_default, as_floats = (
        answer["data"][0]["embedding"] for answer in legacy("embedding", mockgpt.url)
    )
    assert [exchange.request.base64 for exchange in mockgpt.journal] == [True, False]
    assert by_default == as_floats
    assert math.isclose(math.hypot(*by_default), 1, abs_tol=1e-6)


# --- routes, keys


@documentation
def test_the_fixtures_variables_suffice(mockgpt, legacy):
    answer = legacy.code(
        """
        import openai
        res = openai.ChatCompletion.create(
            model="gpt-3.5-turbo",
            messages=[{"role": "user", "content": "Say this message is from apigpt.cloud!"}],
        )
        print(res)
        """,
        mockgpt.url,
    )
    assert answer["choices"][0]["message"]["content"] == GREETING


@documentation
def test_azure_calls_name_the_deployment_in_the_path(mockgpt, legacy):
    first, fourth, completion, embedding = legacy("azure_calls", mockgpt.url)
    assert first["choices"][0]["message"]["content"] == GREETING
    assert (first["model"], fourth["model"]) == ("gpt-35-turbo", "gpt-4")
    assert completion["choices"][0]["text"] == COMPLETION
    assert embedding["usage"]["total_tokens"] == 8
    deployments = "/openai/deployments"
    assert [exchange.path for exchange in mockgpt.journal] == [
        f"{deployments}/gpt-35-turbo/chat/completions",
        f"{deployments}/gpt-4/chat/completions",
        f"{deployments}/gpt-35-turbo/completions",
        f"{deployments}/silu/embeddings",
    ]
    assert "authorization" not in mockgpt.journal[0].headers


@documentation
@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("azure_async", "/openai/deployments/gpt-35-turbo/chat/completions"),
        ("azure_ad", "/openai/deployments/gpt-35-turbo/chat/completions"),
        ("azure_below_v1", "/v1/openai/deployments/gpt-35-turbo/chat/completions"),
        ("azure_slash", "//openai/deployments/gpt-35-turbo/chat/completions"),
        ("chat", "/v1/chat/completions"),
        ("command_line", "/v1/chat/completions"),
    ],
)
def test_each_way_of_calling_finds_its_route(mockgpt, legacy, case, path):
    assert legacy(case, mockgpt.url)["choices"][0]["message"]["content"] == GREETING
    (exchange,) = mockgpt.journal
    assert (exchange.path, exchange.ignored) == (path, ())


@documentation
def test_engines_are_models_in_the_path(mockgpt, legacy):
    chat, completion, embedding = legacy("engine", mockgpt.url)
    assert chat["choices"][0]["message"]["content"] == GREETING
    assert completion["choices"][0]["text"] == COMPLETION
    assert embedding["usage"]["total_tokens"] == 8
    assert [exchange.path for exchange in mockgpt.journal] == [
        "/v1/engines/gpt-35-turbo/chat/completions",
        "/v1/engines/gpt-35-turbo/completions",
        "/v1/engines/text-embedding-ada-002/embeddings",
    ]


@pytest.mark.mockgpt("documentation", api_keys=["sk-the-only-one-accepted"])
@pytest.mark.parametrize("case", ["api_key_header", "api_key_header_beside_another"])
def test_the_documented_header_suffices_beside_an_authorization(mockgpt, legacy, case):
    assert legacy(case, mockgpt.url)["choices"][0]["message"]["content"] == GREETING


def test_models_are_listed_and_retrieved(mockgpt, legacy):
    models, model = legacy("models", mockgpt.url)
    assert [item["id"] for item in models["data"]] == [
        "gpt-3.5-turbo",
        "gpt-3.5-turbo-16k",
        "gpt-4",
        "gpt-4-32k",
        "text-embedding-ada-002",
    ]
    assert model == {"id": "gpt-4", "object": "model", "created": 1687882411, "owned_by": "openai"}


# --- errors


@refusing
@pytest.mark.parametrize(
    ("case", "facts", "message"),
    [
        ("too_warm", (400, None, None), "2.5 is greater than the maximum of 2 - 'temperature'"),
        (
            "too_warm_streamed",
            (400, None, None),
            "2.5 is greater than the maximum of 2 - 'temperature'",
        ),
        ("no_messages", (400, None, None), "[] is too short - 'messages'"),
        (
            "empty_input",
            (400, None, None),
            (
                "'$.input' is invalid. Please check the API reference: "
                "https://platform.openai.com/docs/api-reference."
            ),
        ),
        (
            "too_long",
            (400, "messages", "context_length_exceeded"),
            (
                "This model's maximum context length is 4097 tokens. However, you requested 4098 "
                "tokens (18 in the messages, 4080 in the completion). Please reduce the length of "
                "the messages or completion."
            ),
        ),
        ("unknown_model", (404, None, "model_not_found"), "The model `gpt-5` does not exist"),
        (
            "wrong_kind",
            (404, "model", None),
            (
                "This is a chat model and not supported in the v1/embeddings endpoint. "
                "Did you mean to use v1/chat/completions?"
            ),
        ),
    ],
)
def test_refusals_are_invalid_request_errors(mockgpt, legacy, case, facts, message):
    status, param, code = facts
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    assert legacy(case, mockgpt.url) == {
        "class": "InvalidRequestError",
        "status": status,
        "message": message,
        "param": param,
        "code": code,
        "body": {"error": body},
    }
    assert len(mockgpt.journal) == 1


@refusing
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("edits", "Edits is not supported by openai.pgpt.cloud (暂未支持)."),
        ("images", "Images is not supported by openai.pgpt.cloud (暂未支持)."),
        ("audio", "Audio is not supported by openai.pgpt.cloud (暂未支持)."),
        ("files", "Files is not supported by openai.pgpt.cloud (暂未支持)."),
        ("moderations", "Moderations is not supported by openai.pgpt.cloud (暂未支持)."),
        (
            "fine_tunes",
            "Fine-tunes is planned by openai.pgpt.cloud but not supported yet (在规划中).",
        ),
    ],
)
def test_unsupported_endpoints_say_so(mockgpt, legacy, case, says):
    error = legacy(case, mockgpt.url)
    assert (error["class"], error["status"]) == ("InvalidRequestError", 404)
    assert error["code"] == "unsupported_endpoint"
    assert error["message"] == (
        f"{says} Supported: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models."
    )


@pytest.mark.mockgpt(api_keys=["sk-the-only-one-accepted"], allow=("refused_request",))
@pytest.mark.parametrize(
    ("case", "code", "says"),
    [
        ("chat", "invalid_api_key", "Incorrect API key provided: ********."),
        ("no_key", None, "You didn't provide an API key."),
    ],
)
def test_keys_that_do_not_fit_are_authentication_errors(mockgpt, legacy, case, code, says):
    error = legacy(case, mockgpt.url)
    assert (error["class"], error["status"]) == ("AuthenticationError", 401)
    assert error["body"]["error"]["code"] == code  # it has no `code` for this class
    assert error["message"].startswith(says)


@pytest.mark.mockgpt(errors="azure", allow=("refused_request",))
def test_azures_dialect_has_a_code_and_no_type(mockgpt, legacy):
    error = legacy("unknown_model", mockgpt.url)
    assert (error["class"], error["status"]) == ("InvalidRequestError", 404)
    assert error["code"] == "DeploymentNotFound"


@pytest.mark.mockgpt(errors="fastapi", allow=("refused_request",))
def test_fastapis_dialect_is_an_invalid_response_to_this_client(mockgpt, legacy):
    error = legacy("too_warm", mockgpt.url)
    assert (error["class"], error["status"]) == ("APIError", 422)
    assert error["message"].startswith("Invalid response object from API: ")
    assert "ensure this value is less than or equal to 2" in error["message"]


def test_fifty_that_try_again_each_get_their_own_replies(bumpy, legacy):
    cut = ["APIConnectionError", "ChunkedEncodingError"]  # whole, streamed
    with MockGPT(bumpy(Disconnect(after=Place(bytes=10)))) as mock:
        assert legacy("fifty_that_try_again", mock.url) == [
            [["ServiceUnavailableError", cut[number % 2], f"first {number}"], [f"second {number}"]]
            for number in range(50)
        ]
    mock.check()
    assert len(mock.journal) == 200
