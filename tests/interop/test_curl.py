"""curl: the documentation's own commands, and what it does to HTTP that no other client does."""

import gzip
import json

import pytest

documentation = pytest.mark.mockgpt("documentation")
refusing = pytest.mark.mockgpt("documentation", allow=("refused_request",))

KEY = ("-H", "Authorization: Bearer sk-of-the-test")
JSON = ("-H", "Content-Type: application/json")
FIRST = {"messages": [{"role": "user", "content": "Say this message is from apigpt.cloud!"}]}
GREETING = "Hello, this message is from apigpt.cloud! How may I assist you today?"

# --- the documentation's commands; nothing but the host and the key is another

FIRST_REQUEST = """\
curl https://openai.pgpt.cloud/v1/chat/completions \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer <API_KEY>" \\
-d '{
 "messages": [{"role": "user", "content": "Say this message is from apigpt.cloud!"}],
 "temperature": 0.7
}'
"""
FIRST_ANSWER = b"""{
    "id":"chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG",
    "object":"chat.completion",
    "created":1686986070,
    "model":"gpt-35-turbo",
    "choices":[
        {
            "index":0,
            "finish_reason":"stop",
            "message":{
                "role":"assistant",
                "content":"Hello, this message is from apigpt.cloud! How may I assist you today?"
            }
        }
    ],
    "usage":{
        "completion_tokens":18,
        "prompt_tokens":18,
        "total_tokens":36
    }
}"""
CHAT_REQUEST = """\
curl https://openai.pgpt.cloud/v1/chat/completions \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer <API_KEY>" \\
-d '{
 "messages": [{"role": "user", "content": "You are a helpful assistant."}],
 "temperature": 0.7
}'
"""
CHAT_ANSWER = b"""{
    "id":"chatcmpl-7Tl47vuq1rKS4XlcV7IihageYc514",
    "object":"chat.completion",
    "created":1687326787,
    "model":"gpt-35-turbo",
    "choices":[
        {
            "index":0,
            "finish_reason":"stop",
            "message":{
                "role":"assistant",
                "content":"Thank you! How may I assist you today?"
            }
        }
    ],
    "usage":{
        "completion_tokens":10,
        "prompt_tokens":14,
        "total_tokens":24
    }
}"""
COMPLETION_REQUEST = """\
curl https://openai.pgpt.cloud/v1/completions \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer <APK_KEY>" \\
-d '{
    "model": "gpt-3.5-turbo",
    "prompt": "I am a",
    "max_tokens": 7,
    "temperature": 0
  }'
"""
COMPLETION_ANSWER = b"""{
  "id": "cmpl-7TkgRTfjrz80goegsOC2nrkzi1WPm",
  "object": "text_completion",
  "created": 1687325319,
  "model": "gpt-35-turbo",
  "choices": [
    {
      "text": " 20 year old female and I",
      "index": 0,
      "finish_reason": "length",
      "logprobs": null
    }
  ],
  "usage": {
    "completion_tokens": 7,
    "prompt_tokens": 3,
    "total_tokens": 10
  }
}"""
EMBEDDINGS_REQUEST = """\
curl https://openai.pgpt.cloud/v1/embeddings \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer <API_KEY>" \\
-d '{
    "input": "The food was delicious and the waiter...",
    "model": "text-embedding-ada-002"
  }'
"""


def compact(text):
    """Return JSON without the documentation's line breaks, in its order: the bytes on the wire."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@documentation
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (FIRST_REQUEST, FIRST_ANSWER),
        (CHAT_REQUEST, CHAT_ANSWER),
        (COMPLETION_REQUEST, COMPLETION_ANSWER),
    ],
    ids=["first", "chat", "completion"],
)
def test_the_documentations_commands_get_the_documentations_answers(mockgpt, curl, command, answer):
    assert curl.shell(command, mockgpt.url) == compact(answer)


@documentation
def test_the_documentations_embedding(mockgpt, curl):
    got = curl.shell(EMBEDDINGS_REQUEST, mockgpt.url)
    assert got.startswith(
        b'{"object":"list","data":[{"object":"embedding","embedding":[0.0023064255,-0.009327292,'
    )
    assert got.endswith(
        b',-0.0028842222],"index":0}],"model":"text-embedding-ada-002",'
        b'"usage":{"prompt_tokens":8,"total_tokens":8}}\n'
    )
    assert len(json.loads(got)["data"][0]["embedding"]) == 1536


@documentation
def test_the_documented_header_will_do(mockgpt, curl):
    command = FIRST_REQUEST.replace("Authorization: Bearer", "api-key:")
    assert curl.shell(command, mockgpt.url) == compact(FIRST_ANSWER)


# --- HTTP


def split(answer):
    """Return the status lines and the headers of the last of them, and the body."""
    heads, body = [], answer
    while body.startswith(b"HTTP/"):
        head, _, body = body.partition(b"\r\n\r\n")
        heads.append(head.decode().split("\r\n"))
    fields = (line.partition(": ") for line in heads[-1][1:])
    return [head[0] for head in heads], {name.lower(): value for name, _, value in fields}, body


def test_head_has_the_headers_of_get_and_no_body(mockgpt, curl):
    url = f"{mockgpt.url}/v1/models"
    status, headers, body = split(curl("-I", *KEY, url))
    assert (status, body) == (["HTTP/1.1 200 OK"], b"")
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(curl(*KEY, url)))


def test_models_may_be_posted_for_as_the_services_own_sdk_does(mockgpt, curl):
    url = f"{mockgpt.url}/v1/models"
    assert curl("-X", "POST", *KEY, url) == curl(*KEY, url)


@refusing
def test_head_on_what_is_only_posted_to_is_not_allowed(mockgpt, curl):
    status, headers, body = split(curl("-I", *KEY, f"{mockgpt.url}/v1/chat/completions"))
    assert (status, body) == (["HTTP/1.1 405 Method Not Allowed"], b"")
    assert headers["allow"] == "POST, OPTIONS"


@documentation
def test_http_1_0_gets_an_answer_and_a_closed_connection(mockgpt, curl):
    body = json.dumps(FIRST)
    url = f"{mockgpt.url}/v1/chat/completions"
    status, headers, got = split(curl("-i", "--http1.0", *KEY, *JSON, "-d", body, url))
    assert status == ["HTTP/1.0 200 OK"]
    assert "transfer-encoding" not in headers
    assert headers["content-length"] == str(len(got))
    assert got == compact(FIRST_ANSWER)


@documentation
def test_http_1_0_gets_a_stream_that_is_not_chunked(mockgpt, curl):
    body = json.dumps({**FIRST, "stream": True})
    url = f"{mockgpt.url}/v1/chat/completions"
    status, headers, got = split(curl("-i", "--http1.0", *KEY, *JSON, "-d", body, url))
    assert status == ["HTTP/1.0 200 OK"]
    assert "transfer-encoding" not in headers
    assert got.endswith(b"}\n\ndata: [DONE]\n\n")
    chunked = curl("-N", *KEY, *JSON, "-d", body, url)
    ids = (answer.split(b'"', 5)[3] for answer in (got, chunked))
    assert set(ids) == {b"chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG"}
    assert got == chunked


@documentation
def test_two_megabytes_wait_for_100_continue(mockgpt, curl):
    body = json.dumps({**FIRST, "padding": "x" * 2_000_000}).encode()
    status, headers, got = split(
        curl(
            *("-i", *KEY, *JSON, "-H", "Expect: 100-continue", "--data-binary", "@-"),
            f"{mockgpt.url}/v1/chat/completions",
            stdin=body,
        )
    )
    assert status == ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"]
    assert headers["x-mockgpt-ignored"] == "padding"
    assert got == compact(FIRST_ANSWER)
    assert len(mockgpt.journal[0].body) == len(body)


@pytest.mark.mockgpt(max_body=1_000_000, allow=("refused_request",))
def test_what_is_too_large_is_refused_before_it_is_sent(mockgpt, curl):
    status, headers, got = split(
        curl(
            *("-i", *KEY, *JSON, "-H", "Expect: 100-continue", "--data-binary", "@-"),
            f"{mockgpt.url}/v1/chat/completions",
            stdin=json.dumps({**FIRST, "padding": "x" * 2_000_000}).encode(),
        )
    )
    assert status == ["HTTP/1.1 413 Request Entity Too Large"]
    assert headers["content-type"] == "application/json"
    assert json.loads(got)["error"] == {
        "message": "Request body too large: at most 1000000 bytes are accepted.",
        "type": "invalid_request_error",
        "param": None,
        "code": "request_too_large",
    }


@documentation
def test_a_chunked_upload_of_unknown_length(mockgpt, curl):
    got = curl(
        *("-T", "-", "-X", "POST", *KEY, *JSON),
        f"{mockgpt.url}/v1/chat/completions",
        stdin=json.dumps(FIRST).encode(),
    )
    assert got == compact(FIRST_ANSWER)
    assert mockgpt.journal[0].headers["transfer-encoding"] == "chunked"


@documentation
def test_compressed_answers_are_not_needed(mockgpt, curl):
    body = json.dumps(FIRST)
    url = f"{mockgpt.url}/v1/chat/completions"
    status, headers, got = split(curl("-i", "--compressed", *KEY, *JSON, "-d", body, url))
    assert status == ["HTTP/1.1 200 OK"]
    assert "content-encoding" not in headers
    assert got == compact(FIRST_ANSWER)
    assert "gzip" in mockgpt.journal[0].headers["accept-encoding"]


GZIP = ("-H", "Content-Encoding: gzip", "--data-binary", "@-")


@documentation
def test_a_compressed_request_is_read(mockgpt, curl):
    got = curl(
        *(*KEY, *JSON, *GZIP),
        f"{mockgpt.url}/v1/chat/completions",
        stdin=gzip.compress(json.dumps(FIRST).encode()),
    )
    assert got == compact(FIRST_ANSWER)
    assert json.loads(mockgpt.journal[0].body) == FIRST


@pytest.mark.mockgpt(max_body=1_000_000, allow=("refused_request",))
def test_a_compressed_request_is_as_large_as_what_is_in_it(mockgpt, curl):
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    url = f"{mockgpt.url}/v1/chat/completions"
    status, _, got = split(curl("-i", *KEY, *JSON, *GZIP, url, stdin=bomb))
    assert status == ["HTTP/1.1 413 Request Entity Too Large"]
    assert json.loads(got)["error"]["code"] == "request_too_large"


@refusing
def test_a_form_as_curl_sends_it_unasked_is_explained(mockgpt, curl):
    url = f"{mockgpt.url}/v1/chat/completions"
    status, _, got = split(curl("-i", *KEY, "-d", json.dumps(FIRST), url))
    assert status == ["HTTP/1.1 400 Bad Request"]
    error = json.loads(got)["error"]
    assert error["code"] == "unsupported_content_type"
    assert error["message"].startswith(
        "Unsupported content type: 'application/x-www-form-urlencoded'."
    )
