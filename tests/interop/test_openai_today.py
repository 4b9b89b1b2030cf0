"""Today's openai for Python, sync and async, as its users call it."""

import asyncio
import base64
import math
import struct

import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from mockgpt.core import tokens

KEY = "sk-of-the-test"
HELLO = [{"role": "user", "content": "Hello!"}]
FIRST = [{"role": "user", "content": "Say this message is from apigpt.cloud!"}]
GREETING = "Hello, this message is from apigpt.cloud! How may I assist you today?"
PIECES = list(tokens.split(GREETING))  # how they are cut is tests/core's affair
WAITER = "The food was delicious and the waiter..."
MODELS = ["gpt-3.5-turbo", "gpt-3.5-turbo-16k", "gpt-4", "gpt-4-32k", "text-embedding-ada-002"]
REFUSED = ("refused_request",)

documentation = pytest.mark.mockgpt("documentation")
refusing = pytest.mark.mockgpt(allow=REFUSED)


@pytest.fixture
def client(mockgpt):
    # No retries: each of them would hide an answer that the test is about.
    with OpenAI(api_key=KEY, base_url=mockgpt.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(mockgpt):
    async with AsyncOpenAI(api_key=KEY, base_url=mockgpt.base_url, max_retries=0) as client:
        yield client


# --- chat


@documentation
@pytest.mark.usefixtures("mockgpt")
def test_the_fixtures_variables_suffice():
    with OpenAI() as client:
        answer = client.chat.completions.create(model="gpt-3.5-turbo", messages=FIRST)
    assert answer.choices[0].message.content == GREETING


@documentation
def test_chat_is_the_documentations_to_the_letter(client):
    answer = client.chat.completions.create(model="gpt-3.5-turbo", messages=FIRST, temperature=0.7)
    assert answer.model_dump(exclude_unset=True) == {
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
        "usage": {"completion_tokens": 18, "prompt_tokens": 18, "total_tokens": 36},
    }


@documentation
async def test_chat_async_is_the_same(async_client):
    answer = await async_client.chat.completions.create(model="gpt-4", messages=FIRST)
    assert answer.choices[0].message.content == GREETING
    assert (answer.model, answer.usage.completion_tokens) == ("gpt-4", 18)


@documentation
def test_chat_streams_a_role_then_a_piece_for_each_token_then_the_reason(client):
    with client.chat.completions.create(
        model="gpt-3.5-turbo", messages=FIRST, stream=True
    ) as stream:
        chunks = list(stream)
    assert {(c.id, c.object, c.created, c.model) for c in chunks} == {
        (
            "chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG",
            "chat.completion.chunk",
            1686986070,
            "gpt-35-turbo",
        )
    }
    assert [c.choices[0].delta.model_dump(exclude_unset=True) for c in chunks] == [
        {"role": "assistant"},
        *({"content": piece} for piece in PIECES),
        {},
    ]
    assert [c.choices[0].finish_reason for c in chunks] == [None] * 19 + ["stop"]
    assert [c.usage for c in chunks] == [None] * 20


@documentation
async def test_chat_streams_async(async_client):
    stream = await async_client.chat.completions.create(
        model="gpt-3.5-turbo", messages=FIRST, stream=True
    )
    async with stream:
        pieces = [chunk.choices[0].delta.content async for chunk in stream]
    assert pieces == [None, *PIECES, None]


@documentation
def test_the_stream_helper_assembles_the_whole_answer(client):
    with client.chat.completions.stream(model="gpt-3.5-turbo", messages=FIRST) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert deltas == PIECES
    assert final.choices[0].message.content == GREETING
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is None


@documentation
async def test_the_async_stream_helper_assembles_the_whole_answer(async_client):
    async with async_client.chat.completions.stream(
        model="gpt-3.5-turbo", messages=FIRST, stream_options={"include_usage": True}
    ) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == GREETING
    assert final.usage.model_dump(exclude_unset=True) == {
        "completion_tokens": 18,
        "prompt_tokens": 18,
        "total_tokens": 36,
    }


@documentation
def test_include_usage_adds_one_chunk_without_choices_at_the_end(client):
    with client.chat.completions.create(
        model="gpt-3.5-turbo",
        messages=FIRST,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        *chunks, last = stream
    assert [len(chunk.choices) for chunk in chunks] == [1] * 20
    assert [chunk.usage for chunk in chunks] == [None] * 20
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (18, 18)
    assert last.usage.total_tokens == 36


@documentation
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_at_a_token(client, name):
    answer = client.chat.completions.create(
        model="gpt-3.5-turbo", messages=FIRST, extra_body={name: 5}
    )
    assert answer.choices[0].message.content == "Hello, this message is"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


@documentation
def test_content_in_parts_reads_as_its_text(client):
    parts = [
        {"type": "text", "text": "Say this message is "},
        {"type": "text", "text": "from apigpt.cloud!"},
    ]
    answer = client.chat.completions.create(
        model="gpt-3.5-turbo", messages=[{"role": "user", "content": parts}]
    )
    assert answer.choices[0].message.content == GREETING
    assert answer.usage.prompt_tokens == 18


def test_equal_requests_get_equal_texts_and_ids_of_their_own(client):
    one, other = (
        client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO) for _ in range(2)
    )
    assert one.choices == other.choices
    assert one.choices[0].message.content
    assert one.id != other.id


async def test_fifty_requests_at_once_get_the_answers_that_they_get_alone(async_client):
    async def ask(number):
        messages = [{"role": "user", "content": f"Question {number}"}]
        answer = await async_client.chat.completions.create(model="gpt-4", messages=messages)
        return answer.choices[0].message.content

    together = await asyncio.gather(*map(ask, range(50)))
    assert together == [await ask(number) for number in range(50)]
    assert len(set(together)) == 50


# --- completions


@documentation
def test_completion_is_the_documentations_to_the_letter(client):
    answer = client.completions.create(
        model="gpt-3.5-turbo", prompt="I am a", max_tokens=7, temperature=0
    )
    assert answer.model_dump(exclude_unset=True) == {
        "id": "cmpl-7TkgRTfjrz80goegsOC2nrkzi1WPm",
        "object": "text_completion",
        "created": 1687325319,
        "model": "gpt-35-turbo",
        "choices": [
            {
                "text": " 20 year old female and I",
                "index": 0,
                "finish_reason": "length",
                "logprobs": None,
            }
        ],
        "usage": {"completion_tokens": 7, "prompt_tokens": 3, "total_tokens": 10},
    }


@documentation
def test_completions_stream(client):
    with client.completions.create(
        model="gpt-3.5-turbo", prompt="I am a", max_tokens=7, stream=True
    ) as stream:
        chunks = list(stream)
    assert [chunk.choices[0].text for chunk in chunks] == [
        " ",
        "20",
        " year",
        " old",
        " female",
        " and",
        " I",
        "",
    ]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 7 + ["length"]
    assert {chunk.id for chunk in chunks} == {"cmpl-7TkgRTfjrz80goegsOC2nrkzi1WPm"}
    assert {chunk.object for chunk in chunks} == {"text_completion"}


@documentation
def test_several_prompts_give_several_choices(client):
    answer = client.completions.create(
        model="gpt-3.5-turbo", prompt=["I am a", "I am a"], max_tokens=7
    )
    assert [(choice.index, choice.text) for choice in answer.choices] == [
        (0, " 20 year old female and I"),
        (1, " 20 year old female and I"),
    ]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 14)


def test_several_prompts_share_one_stream_and_their_texts_stay_theirs(client):
    asked = {"model": "gpt-3.5-turbo", "prompt": ["One sentence", "第二句话"], "max_tokens": 12}
    whole = client.completions.create(**asked)
    with client.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *chunks, last = stream
    texts = {0: "", 1: ""}
    for chunk in chunks:
        (choice,) = chunk.choices
        texts[choice.index] += choice.text
    assert texts == {choice.index: choice.text for choice in whole.choices}
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason]
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert last.usage == whole.usage


@pytest.mark.parametrize(
    ("prompt", "tokens", "choices"),
    [
        ([40, 1097, 264], 3, 1),
        ([[40, 1097, 264], [15339]], 4, 2),
        (["one text"], 2, 1),
    ],
)
def test_a_prompt_may_be_tokens(client, prompt, tokens, choices):
    answer = client.completions.create(model="gpt-3.5-turbo", prompt=prompt, max_tokens=5)
    assert answer.usage.prompt_tokens == tokens
    assert len(answer.choices) == choices
    assert answer.usage.completion_tokens == 5 * choices


# --- embeddings


@documentation
def test_embeddings_by_default_come_as_base64_and_are_the_same_numbers(mockgpt, client):
    asked = {"model": "text-embedding-ada-002", "input": WAITER}
    by_default = client.embeddings.create(**asked)
    as_floats = client.embeddings.create(**asked, encoding_format="float")
    bodies = [exchange.request.base64 for exchange in mockgpt.journal]
    assert bodies == [True, False]
    vector = as_floats.data[0].embedding
    assert len(vector) == 1536
    # float32 and back: what a client makes of both forms is the same, bit for bit
    assert struct.pack("<1536f", *by_default.data[0].embedding) == struct.pack("<1536f", *vector)
    assert vector[:2] == [0.0023064255, -0.009327292]
    assert vector[-1] == -0.0028842222
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-6)
    assert (by_default.model, by_default.usage.prompt_tokens) == ("text-embedding-ada-002", 8)
    assert by_default.usage.total_tokens == 8


def test_base64_asked_for_is_handed_through(client):
    asked = {"model": "text-embedding-ada-002", "input": ["今天天气很好", "Hello"]}
    raw = client.embeddings.create(**asked, encoding_format="base64")
    floats = client.embeddings.create(**asked, encoding_format="float")
    for encoded, plain in zip(raw.data, floats.data, strict=True):
        assert len(encoded.embedding) == 8192
        numbers = struct.unpack("<1536f", base64.b64decode(encoded.embedding, validate=True))
        assert struct.pack("<1536f", *plain.embedding) == struct.pack("<1536f", *numbers)
        assert encoded.index == plain.index


@pytest.mark.parametrize(
    ("given", "vectors", "tokens"),
    [
        ("Hello world", 1, 2),
        (["Hello world"], 1, 2),
        (["Hello world", "Hello"], 2, 3),
        ([9906, 1917], 1, 2),
        ([[9906, 1917], [9906]], 2, 3),
    ],
)
async def test_embeddings_take_four_forms(async_client, given, vectors, tokens):
    answer = await async_client.embeddings.create(model="text-embedding-ada-002", input=given)
    assert [len(item.embedding) for item in answer.data] == [1536] * vectors
    assert [item.index for item in answer.data] == list(range(vectors))
    assert answer.usage.prompt_tokens == tokens


# --- models, headers


def test_models_are_listed_and_retrieved(client):
    assert [model.id for model in client.models.list()] == MODELS
    model = client.models.retrieve("gpt-3.5-turbo")
    assert (model.id, model.object, model.owned_by) == ("gpt-3.5-turbo", "model", "openai")


@pytest.mark.mockgpt(seed=7)
def test_every_response_has_a_request_id(client):
    answer = client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO)
    raw = client.chat.completions.with_raw_response.create(model="gpt-3.5-turbo", messages=HELLO)
    assert len(answer._request_id) == 36
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert raw.headers["x-request-id"] != answer._request_id
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["openai-model"] == "gpt-35-turbo"
    assert "x-mockgpt-ignored" not in raw.headers


def test_what_is_not_acted_on_is_named_in_a_header(mockgpt, client):
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-3.5-turbo", messages=HELLO, n=2, top_p=1, stop=["x"], user="me", seed=1
    )
    assert raw.headers["x-mockgpt-ignored"] == "n, seed, stop, user"
    assert len(raw.parse().choices) == 1
    assert mockgpt.journal[0].ignored == ("n", "seed", "stop", "user")


def test_parameters_at_their_defaults_are_no_cause_for_a_warning(client):
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-3.5-turbo",
        messages=HELLO,
        n=1,
        top_p=1,
        stop=None,
        presence_penalty=0,
        frequency_penalty=0,
        logit_bias={},
        response_format={"type": "text"},
        max_tokens=None,
        stream=False,
    )
    assert "x-mockgpt-ignored" not in raw.headers


def test_a_streamed_response_has_the_headers_of_one(client):
    with client.chat.completions.with_streaming_response.create(
        model="gpt-3.5-turbo", messages=HELLO, stream=True
    ) as raw:
        assert raw.headers["content-type"] == "text/event-stream"
        assert raw.headers["cache-control"] == "no-cache, must-revalidate"
        assert list(raw.iter_lines())[-2:] == ["data: [DONE]", ""]


# --- Azure's client


@documentation
@pytest.mark.parametrize(
    ("where", "path"),
    [
        ({"azure_endpoint": ""}, "/openai/deployments/gpt-35-turbo/chat/completions"),
        ({"base_url": "/v1"}, "/v1/deployments/gpt-35-turbo/chat/completions"),
        ({"base_url": "/openai"}, "/openai/deployments/gpt-35-turbo/chat/completions"),
        ({"base_url": "/v1/openai"}, "/v1/openai/deployments/gpt-35-turbo/chat/completions"),
        ({"azure_endpoint": "/"}, "/openai/deployments/gpt-35-turbo/chat/completions"),
    ],
)
def test_azure_finds_its_routes(mockgpt, where, path):
    where = {name: mockgpt.url + below for name, below in where.items()}
    with AzureOpenAI(**where, api_key=KEY, api_version="2023-05-15", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-35-turbo", messages=FIRST)
    assert answer.choices[0].message.content == GREETING
    (exchange,) = mockgpt.journal
    assert exchange.path == path
    assert exchange.request.model == "gpt-35-turbo"


@documentation
def test_azure_streams_and_embeds_by_deployment(mockgpt):
    with AzureOpenAI(
        azure_endpoint=mockgpt.url,
        azure_deployment="silu",
        api_key=KEY,
        api_version="version",
        max_retries=0,
    ) as client:
        answer = client.embeddings.create(model="ada", input=WAITER)
    assert answer.data[0].embedding[0] == pytest.approx(0.0023064255, abs=1e-9)
    assert answer.model == "text-embedding-ada-002"
    assert mockgpt.journal[0].path == "/openai/deployments/silu/embeddings"


# --- errors


def refused(call):
    """Return what the client raised, as the facts that its users look at."""
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    error = caught.value
    return type(error), error.status_code, error.type, error.param, error.code, error.body


def chat(client, **fields):
    return client.chat.completions.create(
        model=fields.pop("model", "gpt-3.5-turbo"),
        messages=fields.pop("messages", HELLO),
        extra_body=fields,
    )


@pytest.mark.mockgpt(api_keys=["sk-the-only-one-accepted"], allow=REFUSED)
def test_a_wrong_key_is_an_authentication_error(mockgpt):
    with OpenAI(api_key="sk-quite-another-key-0001", base_url=mockgpt.base_url) as client:
        told = refused(lambda: chat(client))
    stars = "*" * (len("sk-quite-another-key-0001") - 8)
    assert told == (
        openai.AuthenticationError,
        401,
        "invalid_request_error",
        None,
        "invalid_api_key",
        {
            "message": f"Incorrect API key provided: sk-q{stars}0001. You can find your API key "
            "at https://platform.openai.com/account/api-keys.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        },
    )
    assert len(mockgpt.journal) == 1
    assert "another" not in repr(mockgpt.journal[0])


@pytest.mark.mockgpt(api_keys=["sk-the-only-one-accepted"])
def test_one_valid_key_of_two_is_enough(mockgpt):
    with OpenAI(
        api_key="placeholder",
        default_headers={"api-key": "sk-the-only-one-accepted"},
        base_url=mockgpt.base_url,
    ) as client:
        assert chat(client).choices[0].message.content


@refusing
def test_no_key_is_an_authentication_error(mockgpt, client):
    with pytest.raises(openai.AuthenticationError, match="You didn't provide an API key") as caught:
        client.chat.completions.create(
            model="gpt-4", messages=HELLO, extra_headers={"Authorization": openai.Omit()}
        )
    assert caught.value.code is None
    assert mockgpt.journal[0].error == "missing_api_key"


UNSUPPORTED = (
    " is not supported by openai.pgpt.cloud (暂未支持). Supported: /v1/chat/completions, "
    "/v1/completions, /v1/embeddings, /v1/models."
)
PLANNED = UNSUPPORTED.replace(
    " is not supported by openai.pgpt.cloud (暂未支持)",
    " is planned by openai.pgpt.cloud but not supported yet (在规划中)",
)


@refusing
@pytest.mark.parametrize(
    ("title", "why", "call"),
    [
        ("Images", UNSUPPORTED, lambda c: c.images.generate(prompt="a cat")),
        (
            "Audio",
            UNSUPPORTED,
            lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"\0" * 99)),
        ),
        (
            "Audio",
            UNSUPPORTED,
            lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hello"),
        ),
        ("Moderations", UNSUPPORTED, lambda c: c.moderations.create(input="Hello")),
        ("Files", UNSUPPORTED, lambda c: c.files.list()),
        (
            "Files",
            UNSUPPORTED,
            lambda c: c.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune"),
        ),
        ("Files", UNSUPPORTED, lambda c: c.files.content("file-1")),
        ("Fine-tunes", PLANNED, lambda c: c.fine_tuning.jobs.list()),
        (
            "Fine-tunes",
            PLANNED,
            lambda c: c.fine_tuning.jobs.create(model="gpt-3.5-turbo", training_file="file-1"),
        ),
    ],
)
def test_unsupported_endpoints_say_so(mockgpt, client, title, why, call):
    assert refused(lambda: call(client)) == (
        openai.NotFoundError,
        404,
        "invalid_request_error",
        None,
        "unsupported_endpoint",
        {
            "message": title + why,
            "type": "invalid_request_error",
            "param": None,
            "code": "unsupported_endpoint",
        },
    )
    assert len(mockgpt.journal) == 1


@refusing
@pytest.mark.parametrize(
    ("call", "url"),
    [
        (lambda c: c.responses.create(model="gpt-4", input="Hello"), "POST /v1/responses"),
        (lambda c: c.batches.list(), "GET /v1/batches"),
        (lambda c: c.vector_stores.create(), "POST /v1/vector_stores"),
    ],
)
def test_unknown_endpoints_are_not_found(client, call, url):
    with pytest.raises(openai.NotFoundError) as caught:
        call(client)
    assert caught.value.body["message"] == f"Invalid URL ({url})"
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", None)


@refusing
@pytest.mark.parametrize(
    ("call", "message", "param", "code"),
    [
        (
            lambda c: chat(c, model="gpt-5"),
            "The model `gpt-5` does not exist",
            None,
            "model_not_found",
        ),
        (
            lambda c: c.models.retrieve("gpt-5"),
            "The model `gpt-5` does not exist",
            None,
            "model_not_found",
        ),
        (
            lambda c: c.embeddings.create(model="gpt-4", input="x"),
            (
                "This is a chat model and not supported in the v1/embeddings endpoint. "
                "Did you mean to use v1/chat/completions?"
            ),
            "model",
            None,
        ),
        (
            lambda c: chat(c, model="text-embedding-ada-002"),
            (
                "This is an embeddings model and not supported in the v1/chat/completions endpoint. "
                "Did you mean to use v1/embeddings?"
            ),
            "model",
            None,
        ),
    ],
)
def test_models_that_cannot_are_not_found(client, call, message, param, code):
    assert refused(lambda: call(client)) == (
        openai.NotFoundError,
        404,
        "invalid_request_error",
        param,
        code,
        {"message": message, "type": "invalid_request_error", "param": param, "code": code},
    )


BAD_INPUT = (
    "'$.input' is invalid. Please check the API reference: "
    "https://platform.openai.com/docs/api-reference."
)
BAD_CHATS = [  # fields of a chat, and the words of protocol.md 3.1
    ({"temperature": 2.5}, "2.5 is greater than the maximum of 2 - 'temperature'"),
    ({"temperature": -1}, "-1 is less than the minimum of 0 - 'temperature'"),
    ({"temperature": "abc"}, "'abc' is not of type 'number' - 'temperature'"),
    ({"max_tokens": 0}, "0 is less than the minimum of 1 - 'max_tokens'"),
    ({"max_completion_tokens": 0}, "0 is less than the minimum of 1 - 'max_completion_tokens'"),
    ({"messages": []}, "[] is too short - 'messages'"),
    ({"messages": [{"content": "Hello"}]}, "'role' is a required property - 'messages.0'"),
    (
        {"messages": [*HELLO, {"role": "user"}]},
        "'content' is a required property - 'messages.1'",
    ),
    (
        {"messages": [{"role": "user", "content": None}]},
        "None is not of type 'string' - 'messages.0.content'",
    ),
    (
        {"messages": [{"role": "bad-role", "content": "x"}]},
        "'bad-role' is not one of ['system', 'assistant', 'user'] - 'messages.0.role'",
    ),
    (
        {"messages": [*HELLO, {"role": "user", "content": "x", "name": "Note Taker"}]},
        "'Note Taker' does not match '^[a-zA-Z0-9_]{1,64}$' - 'messages.1.name'",
    ),
]
BAD_REQUESTS = [
    *((lambda c, fields=fields: chat(c, **fields), message) for fields, message in BAD_CHATS),
    (
        lambda c: c.completions.create(model="gpt-4", prompt=[]),
        "[] is too short - 'prompt'",
    ),
    (lambda c: c.embeddings.create(model="text-embedding-ada-002", input=""), BAD_INPUT),
    (lambda c: c.embeddings.create(model="text-embedding-ada-002", input=[]), BAD_INPUT),
    (lambda c: c.embeddings.create(model="text-embedding-ada-002", input=["x"] * 2049), BAD_INPUT),
    (
        lambda c: c.completions.create(model="gpt-3.5-turbo", prompt=[[1] * 4000], max_tokens=98),
        (
            "This model's maximum context length is 4097 tokens, however you requested 4098 tokens "
            "(4000 in your prompt; 98 for the completion). Please reduce your prompt; or completion "
            "length."
        ),
    ),
    (
        lambda c: c.embeddings.create(model="text-embedding-ada-002", input=[[1] * 8192]),
        (
            "This model's maximum context length is 8191 tokens, however you requested 8192 tokens "
            "(8192 in your prompt; 0 for the completion). Please reduce your prompt; or completion "
            "length."
        ),
    ),
]


@refusing
@pytest.mark.parametrize(("call", "message"), BAD_REQUESTS)
def test_what_the_service_refuses_is_a_bad_request_and_is_not_retried(mockgpt, call, message):
    # The client's own number of retries: two of them would be in the journal.
    with OpenAI(api_key=KEY, base_url=mockgpt.base_url) as client:
        told = refused(lambda: call(client))
    assert told == (
        openai.BadRequestError,
        400,
        "invalid_request_error",
        None,
        None,
        {"message": message, "type": "invalid_request_error", "param": None, "code": None},
    )
    assert len(mockgpt.journal) == 1


@refusing
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"max_tokens": 4080},
            (
                "This model's maximum context length is 4097 tokens. However, you requested 4098 "
                "tokens (18 in the messages, 4080 in the completion). Please reduce the length of the "
                "messages or completion."
            ),
        ),
        (
            {"messages": [*FIRST, {"role": "user", "content": " hello" * 5000}]},
            (
                "This model's maximum context length is 4097 tokens. However, your messages resulted "
                "in 5023 tokens. Please reduce the length of the messages."
            ),
        ),
    ],
)
def test_a_chat_too_long_for_the_window_is_recognised_by_code_and_by_text(client, fields, message):
    assert refused(lambda: chat(client, **{"messages": FIRST, **fields})) == (
        openai.BadRequestError,
        400,
        "invalid_request_error",
        "messages",
        "context_length_exceeded",
        {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    )


@refusing
def test_errors_also_come_instead_of_a_stream(client):
    with pytest.raises(openai.BadRequestError, match="greater than the maximum of 2"):
        client.chat.completions.create(
            model="gpt-4", messages=HELLO, stream=True, temperature=3, stream_options={}
        )


@refusing
async def test_errors_are_raised_async(async_client):
    with pytest.raises(openai.NotFoundError) as caught:
        await async_client.chat.completions.create(model="gpt-5", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]


@pytest.mark.mockgpt(strict=True, allow=REFUSED)
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 2}, "Unrecognized request argument supplied: n"),
        ({"top_p": 0.5, "stop": "x"}, "Unrecognized request arguments supplied: top_p, stop"),
        ({"colour": "blue"}, "Unrecognized request argument supplied: colour"),
        (
            {"messages": [{"role": "user", "content": "x", "colour": "blue"}]},
            "Additional properties are not allowed ('colour' was unexpected) - 'messages.0'",
        ),
    ],
)
def test_strict_refuses_what_is_otherwise_ignored(client, fields, message):
    told = refused(lambda: chat(client, **fields))
    assert told[:2] == (openai.BadRequestError, 400)
    assert told[-1]["message"] == message


@pytest.mark.mockgpt(strict=True)
def test_strict_has_nothing_against_what_clients_send_by_default(client):
    assert chat(client, n=1, top_p=1, logit_bias={}, user=None).choices[0].message.content
    assert client.embeddings.create(model="text-embedding-ada-002", input="x").data[0].embedding


# --- other dialects, as this client shows them


@pytest.mark.mockgpt(errors="azure", api_keys=["sk-the-only-one-accepted"], allow=REFUSED)
def test_azures_dialect_names_codes_and_no_types(client, mockgpt):
    message = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource."
    )
    body = {"code": "401", "message": message}
    wanted = (openai.AuthenticationError, 401, None, None, "401", body)
    with AzureOpenAI(azure_endpoint=mockgpt.url, api_key=KEY, api_version="2023-05-15") as azure:
        assert refused(lambda: chat(azure)) == wanted
    kind, *_, told = refused(lambda: chat(client))  # by Bearer, which Azure takes for a token
    assert (kind, told["statusCode"]) == (openai.AuthenticationError, 401)
    assert told["message"].startswith("Unauthorized. Access token is missing, invalid")


@pytest.mark.mockgpt(errors="azure", allow=REFUSED)
def test_azures_dialect_knows_deployments(mockgpt):
    with AzureOpenAI(azure_endpoint=mockgpt.url, api_key=KEY, api_version="2023-05-15") as client:
        told = refused(lambda: chat(client, model="nobodys"))
    assert told == (
        openai.NotFoundError,
        404,
        None,
        None,
        "DeploymentNotFound",
        {
            "code": "DeploymentNotFound",
            "message": "The API deployment for this resource does not exist. If you created the "
            "deployment within the last 5 minutes, please wait a moment and try again.",
        },
    )
    assert len(mockgpt.journal) == 1


@pytest.mark.mockgpt(errors="fastapi", allow=REFUSED)
def test_fastapis_dialect_is_an_unprocessable_entity_with_details(mockgpt, client):
    told = refused(lambda: chat(client, temperature=2.5, max_tokens=0))
    assert told == (
        openai.UnprocessableEntityError,
        422,
        None,
        None,
        None,
        {
            "detail": [
                {
                    "loc": ["body", "temperature"],
                    "msg": "ensure this value is less than or equal to 2",
                    "type": "value_error.number.not_le",
                    "ctx": {"limit_value": 2},
                },
                {
                    "loc": ["body", "max_tokens"],
                    "msg": "ensure this value is greater than or equal to 1",
                    "type": "value_error.number.not_ge",
                    "ctx": {"limit_value": 1},
                },
            ]
        },
    )
    assert len(mockgpt.journal) == 1


@pytest.mark.mockgpt(errors="fastapi", allow=REFUSED)
def test_fastapis_dialect_lists_the_models(client):
    permitted = MODELS[:4]
    told = refused(lambda: chat(client, model="gpt-5"))
    assert told[:2] == (openai.UnprocessableEntityError, 422)
    assert told[-1] == {
        "detail": [
            {
                "loc": ["body", "model"],
                "msg": "value is not a valid enumeration member; permitted: "
                + ", ".join(map(repr, permitted)),
                "type": "type_error.enum",
                "ctx": {"enum_values": permitted},
            }
        ]
    }


@pytest.mark.mockgpt(errors="fastapi", allow=REFUSED)
def test_fastapis_dialect_has_a_plain_detail_for_what_has_no_place(client):
    told = refused(lambda: client.responses.create(model="gpt-4", input="x"))
    assert told == (openai.NotFoundError, 404, None, None, None, {"detail": "Not Found"})
