"""The bytes of the wire, compared whole: protocol.md, sections 2.1 to 2.6 and 3.4."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockgpt.core.replies import Usage

HELLO = {"messages": [{"role": "user", "content": "hi"}]}
TEXT = 'Hi \u2028\u2029\u0085 中文 \U0001f600 "q" \\ \n\t\x01\x7f é'
WRITTEN = (  # raw UTF-8, but for the three line ends beyond ASCII
    rb'"Hi \u2028\u2029\u0085 ' + "中文 \U0001f600".encode() + rb" \"q\" \\ \n\t\u0001"
    b"\x7f " + "é".encode() + b'"'
)
UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
DATE = b"Sat, 17 Jun 2023 07:14:30 GMT"  # of the frozen clock
CORS = b"access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n"


def script_of(script, **reply):
    usage = Usage(prompt_tokens=1, completion_tokens=2)
    return script(id="chatcmpl-A", created=7, usage=usage, **reply)


# --- answers


def test_a_chat_answer(serve, script):
    client = serve(script_of(script, say=TEXT))
    response = client.post(HELLO)
    assert response.body == (
        b'{"id":"chatcmpl-A","object":"chat.completion","created":7,"model":"gpt-35-turbo",'
        b'"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",'
        b'"content":' + WRITTEN + b"}}],"
        b'"usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}\n'
    )
    assert re.fullmatch(
        rb"HTTP/1\.1 200 OK\r\nx-request-id: " + UUID + b"\r\n" + re.escape(CORS) +
        rb"cache-control: no-cache, must-revalidate\r\n"
        rb"openai-model: gpt-35-turbo\r\n"
        rb"openai-processing-ms: [0-9]+\.[0-9]{4}\r\n"
        rb"x-ms-region: East US\r\n"
        rb"x-content-type-options: nosniff\r\n"
        rb"content-type: application/json\r\n"
        rb"date: " + DATE + rb"\r\n"
        rb"server: mockgpt\r\n"
        rb"Content-Length: %d\r\n\r\n" % len(response.body),
        response.head,
    )  # fmt: skip


def test_a_chat_stream(serve, script):
    client = serve(script_of(script, say="Hi"))
    response = client.post(HELLO | {"stream": True})
    head = b'data: {"id":"chatcmpl-A","object":"chat.completion.chunk","created":7,"model":"gpt-35-turbo",'
    assert response.body == (
        head + b'"choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant"}}],"usage":null}\n\n'
        + head + b'"choices":[{"index":0,"finish_reason":null,"delta":{"content":"Hi"}}],"usage":null}\n\n'
        + head + b'"choices":[{"index":0,"finish_reason":"stop","delta":{}}],"usage":null}\n\n'
        b"data: [DONE]\n\n"
    )  # fmt: skip
    assert re.fullmatch(
        rb"HTTP/1\.1 200 OK\r\nx-request-id: " + UUID + b"\r\n" + re.escape(CORS) +
        rb"cache-control: no-cache, must-revalidate\r\n"
        rb"openai-model: gpt-35-turbo\r\n"
        rb"openai-processing-ms: [0-9]+\.[0-9]{4}\r\n"
        rb"x-ms-region: East US\r\n"
        rb"x-content-type-options: nosniff\r\n"
        rb"x-accel-buffering: no\r\n"
        rb"content-type: text/event-stream\r\n"
        rb"date: " + DATE + rb"\r\n"
        rb"server: mockgpt\r\n"
        rb"Transfer-Encoding: chunked\r\n\r\n",
        response.head,
    )  # fmt: skip


def test_a_chat_stream_of_strange_text(serve, script):
    client = serve(script_of(script, say=TEXT))
    body = client.post(HELLO | {"stream": True}).body
    pieces = re.findall(rb'"delta":\{"content":("(?:[^"\\]|\\.)*")\}\}\],"usage":null\}\n\n', body)
    assert b"".join(piece[1:-1] for piece in pieces) == WRITTEN[1:-1]
    assert body.count(b"\n") == 2 * (len(pieces) + 3)
    for line_end in "\u2028\u2029\u0085":
        assert line_end.encode() not in body


def test_usage_in_a_stream(serve, script):
    client = serve(script_of(script, say="Hi"))
    options = {"stream": True, "stream_options": {"include_usage": True}}
    assert client.post(HELLO | options).body.endswith(
        b'"delta":{}}],"usage":null}\n\n'
        b'data: {"id":"chatcmpl-A","object":"chat.completion.chunk","created":7,"model":"gpt-35-turbo",'
        b'"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}\n\n'
        b"data: [DONE]\n\n"
    )


def test_completions(serve, script):
    client = serve(script_of(script, say="Hi"))
    asked = {"model": "gpt-3.5-turbo", "prompt": ["a", "b"]}
    head = b'{"id":"chatcmpl-A","object":"text_completion","created":7,"model":"gpt-35-turbo","choices":['
    assert client.post(asked, "/v1/completions").body == (
        head + b'{"text":"Hi","index":0,"finish_reason":"stop","logprobs":null},'
        b'{"text":"Hi","index":1,"finish_reason":"stop","logprobs":null}],'
        b'"usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}\n'
    )
    event = (
        b"data: "
        + head
        + b'{"text":"%b","index":%d,"finish_reason":%b,"logprobs":null}],"usage":null}\n\n'
    )
    assert client.post(asked | {"stream": True}, "/v1/completions").body == (
        event % (b"Hi", 0, b"null")
        + event % (b"Hi", 1, b"null")
        + event % (b"", 0, b'"stop"')
        + event % (b"", 1, b'"stop"')
        + b"data: [DONE]\n\n"
    )


def test_embeddings(serve):
    client = serve()
    asked = {"model": "text-embedding-ada-002", "input": ["a", "b"]}
    response = client.post(asked, "/v1/embeddings")
    assert re.fullmatch(
        rb'\{"object":"list","data":\['
        rb'\{"object":"embedding","embedding":\[[-0-9.e]+(?:,[-0-9.e]+){1535}\],"index":0\},'
        rb'\{"object":"embedding","embedding":\[[-0-9.e]+(?:,[-0-9.e]+){1535}\],"index":1\}\],'
        rb'"model":"text-embedding-ada-002","usage":\{"prompt_tokens":2,"total_tokens":2\}\}\n',
        response.body,
    )
    assert response["content-type"] == "application/json"
    assert not response.all("cache-control")
    response = client.post(asked | {"encoding_format": "base64"}, "/v1/embeddings")
    assert len(re.findall(rb'"embedding":"[A-Za-z0-9+/]{8192}"', response.body)) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_models(serve, method):
    client = serve()
    body = client.ask(client.request("/v1/models", method=method)).body
    rows = re.findall(rb'\{"id":"[^"]+","object":"model","created":\d+,"owned_by":"[^"]+"\}', body)
    assert body == b'{"object":"list","data":[' + b",".join(rows) + b"]}\n"
    one = client.ask(client.request("/v1/models/gpt-4", method=method)).body
    assert one == b'{"id":"gpt-4","object":"model","created":1687882411,"owned_by":"openai"}\n'


# --- connections


def test_the_end_of_chunks(serve, script):
    client = serve(script_of(script, say="Hi"))
    with client.connect() as wire:
        headers = {"Connection": "close"}
        wire.send(client.request(body=HELLO | {"stream": True}, headers=headers))
        answer = wire.rest()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.endswith(b"\r\nTransfer-Encoding: chunked\r\nConnection: close")
    assert re.match(rb"[0-9a-f]+\r\ndata: ", body)
    assert body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_connection_is_reused(serve):
    client = serve()
    with client.connect() as wire:
        for stream in (True, False) * 10:
            response = wire.ask(client.request(body=HELLO | {"stream": stream}))
            client.check_shape(response)
            assert not response.all("connection")


def test_a_stream_to_http_1_0_ends_with_the_connection(serve, script):
    client = serve(script_of(script, say="Hi"))
    with client.connect() as wire:
        wire.send(client.request(body=HELLO | {"stream": True}, version="HTTP/1.0"))
        head, _, body = wire.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert body.startswith(b'data: {"id":"chatcmpl-A",')
    assert body.endswith(b"data: [DONE]\n\n")


def test_head(serve):
    client = serve()
    for path in ("/v1/models", "/v1/models/gpt-4", "/v1/models/gpt-5"):
        got = client.ask(client.request(path, method="GET"))
        response = client.ask(client.request(path, method="HEAD"), "HEAD")
        assert response.status == got.status
        assert response["content-type"] == got["content-type"]
        assert response.all("content-length") in ([], [str(len(got.body))])


def test_a_preflight(serve):
    client = serve()
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
        "Authorization": None,  # browsers send none
    }
    response = client.ask(client.request(method="OPTIONS", headers=headers), "OPTIONS")
    assert re.fullmatch(
        rb"HTTP/1\.1 204 No Content\r\nx-request-id: " + UUID + b"\r\n" + re.escape(CORS) +
        rb"allow: POST, OPTIONS\r\n"
        rb"access-control-allow-methods: POST, OPTIONS\r\n"
        rb"access-control-allow-headers: authorization,content-type,x-stainless-lang\r\n"
        rb"access-control-max-age: 86400\r\n"
        rb"date: " + DATE + rb"\r\n"
        rb"server: mockgpt\r\n\r\n",
        response.head,
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/responses", "/chat/completions", "/v1/chat/completions/"])
def test_a_browser_is_let_through_to_the_404_that_it_gets(serve, path):
    client = serve()
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    first = client.ask(client.request(path, method="OPTIONS", headers=headers), "OPTIONS")
    assert first.status == 204
    assert first["access-control-allow-methods"] == "POST, OPTIONS"
    assert first["access-control-allow-headers"] == "x-a"
    assert client.post(HELLO, path).status == 404
    assert client.ask(client.request(path, method="OPTIONS"), "OPTIONS").status == 404


def test_a_wrong_method(serve):
    client = serve()
    response = client.post(b"", method="DELETE")
    assert response.status == 405
    assert response["allow"] == "POST, OPTIONS"
    response = client.post(b"", "/v1/models", method="PUT")
    assert response["allow"] == "GET, POST, HEAD, OPTIONS"


# --- same seed, same bytes


def requests_of(client):
    """Give a request of every kind, some of them twice."""
    kinds = [
        client.request(body=HELLO),
        client.request(body=HELLO),
        client.request(body=HELLO | {"stream": True}),
        client.request(body={"messages": [{"role": "user", "content": "你好，世界"}]}),
        client.request(body=HELLO | {"temperature": 3}),
        client.request(body=HELLO | {"top_p": 0.5}),
        client.request("/v1/completions", {"model": "gpt-4", "prompt": ["a", "b"], "stream": True}),
        client.request("/v1/embeddings", {"model": "silu", "input": "a"}),
        client.request("/v1/models", method="GET"),
        client.request("/v1/nope"),
        client.request(method="OPTIONS"),
        client.request(headers={"Authorization": None}),
        client.request(body=b"{"),
    ]
    return kinds + [client.request(body=HELLO | {"user": str(n)}) for n in range(20)]


def answers_of(client, requests):
    """Ask concurrently; return each request with the bytes of its answer, in a fixed order."""

    def asked(data):
        with client.connect() as wire:
            response = wire.ask(data, data.split()[0].decode())
        return data, response.head, response.framed

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(asked, requests))


def test_the_same_seed_gives_the_same_bytes_in_any_order(serve):
    first, second, third = serve(seed=7), serve(seed=7), serve(seed=7)
    requests = requests_of(first)
    found = answers_of(first, requests)
    assert answers_of(second, requests[::-1]) == found
    with third.connect() as wire:  # one by one, on one connection
        alone = []
        for data in requests:
            response = wire.ask(data, data.split()[0].decode())
            alone.append((data, response.head, response.framed))
    assert sorted(alone) == found


def test_another_seed_gives_other_bytes(serve):
    one, other = serve(seed=1), serve(seed=2)
    first, second = one.post(HELLO), other.post(HELLO)
    assert first["x-request-id"] != second["x-request-id"]
    assert first.json["id"] != second.json["id"]
    assert first.json["choices"] != second.json["choices"]
    again = one.post(HELLO)
    assert again.json["id"] != first.json["id"]
    assert again.json["choices"] == first.json["choices"]


# --- errors, byte by byte


def engine(message: str, code: str = "null", param: str = "null") -> bytes:
    """Write the model server's form: two spaces (protocol.md, 2.6)."""
    return (
        '{\n  "error": {\n'
        f'    "message": {message},\n    "type": "invalid_request_error",\n'
        f'    "param": {param},\n    "code": {code}\n  }}\n}}\n'
    ).encode()


def gateway(message: str, code: str = "null") -> bytes:
    """Write the gateway's form: four spaces."""
    return (
        '{\n    "error": {\n'
        f'        "message": {message},\n        "type": "invalid_request_error",\n'
        f'        "param": null,\n        "code": {code}\n    }}\n}}\n'
    ).encode()


NO_KEY = (
    "\"You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank "
    "username) if you're accesing the API from your browser and are prompted for a username and "
    'password. You can obtain an API key from https://platform.openai.com/account/api-keys."'
)
NOT_JSON = (
    "\"We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
    "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not "
    "valid JSON. If you have trouble figuring out how to fix this, please contact us through our "
    'help center at help.openai.com.)"'
)
AZURE_KEY = (
    b'{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API '
    b"endpoint. Make sure to provide a valid key for an active subscription and use a correct "
    b'regional API endpoint for your resource."}}'
)
AZURE_TOKEN = (
    b'{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is '
    b'incorrect (https://cognitiveservices.azure.com), or have expired." }'
)
DEPLOYMENT = (
    b'{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does '
    b"not exist. If you created the deployment within the last 5 minutes, please wait a moment and "
    b'try again."}}'
)

ASKED = {
    "no key": {"body": HELLO, "headers": {"Authorization": None}},
    "wrong key": {"body": HELLO, "headers": {"Authorization": "Bearer sk-0123456789abcdefgh"}},
    "wrong api-key": {"body": HELLO, "headers": {"Authorization": None, "api-key": "wrong"}},
    "path": {"path": "/v1/nope"},
    "method": {"method": "DELETE"},
    "not JSON": {"body": b'{"model":  x}'},
    "no body": {"body": b""},
    "array": {"body": b"[]"},
    "nothing in it": {"body": {}},
    "no messages": {"body": {"messages": []}},
    "too hot": {"body": HELLO | {"temperature": 2.5}},
    "no tokens": {"body": HELLO | {"max_tokens": 0}},
    "text for a number": {"body": HELLO | {"temperature": "abc"}},
    "no content": {"body": {"messages": [{"role": "user"}]}},
    "role": {"body": {"messages": [{"role": "bad-role", "content": "x"}]}},
    "several": {
        "body": {"max_tokens": 0, "temperature": 9, "messages": [{"role": "bot", "content": "x"}]}
    },
    "model": {"body": HELLO | {"model": "gpt-5"}},
}
ERRORS = {
    ("openai", "no key"): (401, gateway(NO_KEY)),
    ("openai", "wrong key"): (
        401,
        gateway(
            '"Incorrect API key provided: sk-0*************efgh. You can find your API key at '
            'https://platform.openai.com/account/api-keys."',
            '"invalid_api_key"',
        ),
    ),
    ("openai", "path"): (404, gateway('"Invalid URL (POST /v1/nope)"')),
    ("openai", "method"): (
        405,
        gateway(
            '"Not allowed to DELETE on /v1/chat/completions. (HINT: Perhaps you meant to use a '
            'different HTTP method?)"'
        ),
    ),
    ("openai", "not JSON"): (400, gateway(NOT_JSON)),
    ("openai", "no body"): (400, gateway(NOT_JSON)),
    ("openai", "nothing in it"): (400, engine("\"'messages' is a required property\"")),
    ("openai", "no messages"): (400, engine("\"[] is too short - 'messages'\"")),
    ("openai", "too hot"): (
        400,
        engine("\"2.5 is greater than the maximum of 2 - 'temperature'\""),
    ),
    ("openai", "no tokens"): (400, engine("\"0 is less than the minimum of 1 - 'max_tokens'\"")),
    ("openai", "text for a number"): (
        400,
        engine("\"'abc' is not of type 'number' - 'temperature'\""),
    ),
    ("openai", "no content"): (
        400,
        engine("\"'content' is a required property - 'messages.0'\""),
    ),
    ("openai", "role"): (
        400,
        engine("\"'bad-role' is not one of ['system', 'assistant', 'user'] - 'messages.0.role'\""),
    ),
    ("openai", "several"): (
        400,
        engine("\"'bot' is not one of ['system', 'assistant', 'user'] - 'messages.0.role'\""),
    ),
    ("openai", "model"): (404, gateway('"The model `gpt-5` does not exist"', '"model_not_found"')),
    ("azure", "no key"): (401, AZURE_KEY),
    ("azure", "wrong api-key"): (401, AZURE_KEY),
    ("azure", "wrong key"): (401, AZURE_TOKEN),
    ("azure", "path"): (404, b'{"error":{"code":"404","message":"Resource not found"}}'),
    ("azure", "model"): (404, DEPLOYMENT),
    ("azure", "too hot"): (
        400,
        engine("\"2.5 is greater than the maximum of 2 - 'temperature'\""),
    ),
    ("azure", "not JSON"): (400, gateway(NOT_JSON)),
    ("fastapi", "path"): (404, b'{"detail":"Not Found"}'),
    ("fastapi", "method"): (405, b'{"detail":"Method Not Allowed"}'),
    ("fastapi", "no key"): (401, b'{"detail":"Not authenticated"}'),
    ("fastapi", "not JSON"): (
        422,
        (
            b'{"detail":[{"loc":["body",11],"msg":"Expecting value: line 1 column 12 (char 11)",'
            b'"type":"value_error.jsondecode","ctx":{"msg":"Expecting value",'
            b'"doc":"{\\"model\\":  x}","pos":11,"lineno":1,"colno":12}}]}'
        ),
    ),
    ("fastapi", "no body"): (
        422,
        b'{"detail":[{"loc":["body"],"msg":"field required","type":"value_error.missing"}]}',
    ),
    ("fastapi", "array"): (
        422,
        b'{"detail":[{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}]}',
    ),
    ("fastapi", "nothing in it"): (
        422,
        (
            b'{"detail":[{"loc":["body","messages"],"msg":"field required",'
            b'"type":"value_error.missing"}]}'
        ),
    ),
    ("fastapi", "text for a number"): (
        422,
        (
            b'{"detail":[{"loc":["body","temperature"],"msg":"value is not a valid float",'
            b'"type":"type_error.float"}]}'
        ),
    ),
    ("fastapi", "several"): (
        422,
        (
            b'{"detail":[{"loc":["body","messages",0,"role"],"msg":"value is not a valid enumeration '
            b"member; permitted: 'system', 'assistant', 'user'\",\"type\":\"type_error.enum\","
            b'"ctx":{"enum_values":["system","assistant","user"]}},'
            b'{"loc":["body","temperature"],"msg":"ensure this value is less than or equal to 2",'
            b'"type":"value_error.number.not_le","ctx":{"limit_value":2}},'
            b'{"loc":["body","max_tokens"],"msg":"ensure this value is greater than or equal to 1",'
            b'"type":"value_error.number.not_ge","ctx":{"limit_value":1}}]}'
        ),
    ),
    ("fastapi", "model"): (
        422,
        (
            b'{"detail":[{"loc":["body","model"],"msg":"value is not a valid enumeration member; '
            b"permitted: 'gpt-3.5-turbo', 'gpt-3.5-turbo-16k', 'gpt-4', 'gpt-4-32k'\","
            b'"type":"type_error.enum","ctx":{"enum_values":["gpt-3.5-turbo","gpt-3.5-turbo-16k",'
            b'"gpt-4","gpt-4-32k"]}}]}'
        ),
    ),
}


@pytest.mark.parametrize(("dialect", "name"), ERRORS)
def test_errors(serve, dialect, name):
    client = serve(errors=dialect, api_keys=["sk-mock"])
    method = ASKED[name].get("method", "POST")
    status, body = ERRORS[dialect, name]
    with client.connect() as wire:
        response = wire.ask(client.request(**ASKED[name]), method)
        client.check_usable(wire, response)
    assert (response.status, response.body) == (status, body)
    methods = b"POST" if dialect == "fastapi" else b"POST, OPTIONS"
    allow = b"allow: %b\r\n" % methods if status == 405 else b""
    assert re.fullmatch(
        rb"HTTP/1\.1 [^\r\n]+\r\nx-request-id: " + UUID + b"\r\n" + re.escape(CORS) +
        rb"content-type: application/json\r\n" + allow +
        rb"date: " + DATE + rb"\r\n"
        rb"server: mockgpt\r\n"
        rb"Content-Length: %d\r\n\r\n" % len(body),
        response.head,
    )  # fmt: skip
    assert json.loads(body)
