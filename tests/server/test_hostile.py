"""No input whatever may produce HTML, a traceback, a 5xx, silence or a dropped connection (issue 2).

Tables of bytes, sent raw. `client` proves after each case that the server is unharmed: it serves a
normal request on a new connection, has met no bug and logged nothing as an error.
"""

import gc
import gzip
import json
import zlib

import pytest
from aiohttp.test_utils import TestServer

from mockgpt import create_app
from mockgpt.files.services import load_service

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'
HELLO = b"{%b}" % MESSAGES
OK, REFUSED, UNKNOWN = {200}, {400}, {404}
EITHER = OK | REFUSED
LIMIT = 16 * 2**20
SERVICE = load_service("pgpt")
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": None}


def beside(text: bytes) -> bytes:
    """Return a chat that is valid but for what stands beside its messages."""
    return b"{%b,%b}" % (MESSAGES, text)


def content(text: bytes) -> bytes:
    return b'{"messages":[{"role":"user","content":%b}]}' % text


def rows(cases: dict):
    return [pytest.param(*case, id=name) for name, case in cases.items()]


# --- JSON

JSON_BODIES = {
    "empty": (b"", REFUSED),
    "space": (b" \r\n\t ", REFUSED),
    "brace": (b"{", REFUSED),
    "brackets crossed": (b'{"messages":[}]', REFUSED),
    "no value": (b'{"messages":}', REFUSED),
    "trailing comma": (beside(b""), REFUSED),
    "single quotes": (b"{'messages':[]}", REFUSED),
    "bare keys": (b"{messages:[]}", REFUSED),
    "comment": (b"/* */ " + HELLO, REFUSED),
    "two documents": (HELLO + HELLO, REFUSED),
    "trailing NUL": (HELLO + b"\0", REFUSED),
    "cut": (HELLO[:-1], REFUSED),
    "form": (b"messages=hi&model=x", REFUSED),
    "newline in string": (content(b'"a\nb"'), REFUSED),
    "NUL in string": (content(b'"a\0b"'), REFUSED),
    "bad escape": (content(b'"\\x41"'), REFUSED),
    "cut escape": (content(b'"\\u12"'), REFUSED),
    "leading zero": (beside(b'"max_tokens":01'), REFUSED),
    "hexadecimal": (beside(b'"max_tokens":0x10'), REFUSED),
    "null": (b"null", REFUSED),
    "true": (b"true", REFUSED),
    "number": (b"1", REFUSED),
    "string": (b'"messages"', REFUSED),
    "array": (b"[%b]" % HELLO, REFUSED),
    "empty object": (b"{}", REFUSED),
    "BOM": (b"\xef\xbb\xbf" + HELLO, EITHER),
    "UTF-16": (HELLO.decode().encode("utf-16"), EITHER),
    "UTF-16 without BOM": (HELLO.decode().encode("utf-16-le"), EITHER),
    "UTF-32": (HELLO.decode().encode("utf-32"), EITHER),
    "Latin-1": (content('"é"'.encode("latin-1")), REFUSED),
    "byte FF": (b"\xff", REFUSED),
    "cut UTF-8": (content(b'"\xe4\xb8"'), REFUSED),
    "overlong UTF-8": (content(b'"\xc0\xaf"'), REFUSED),
    "beyond Unicode": (content(b'"\xf4\x90\x80\x80"'), REFUSED),
    "invalid UTF-8 in a key": (beside(b'"\xff":1'), REFUSED),
    "invalid UTF-8 outside strings": (b"{%b}\xa0" % MESSAGES, REFUSED),
    "escaped high surrogate": (content(b'"\\ud800"'), EITHER),
    "escaped low surrogate": (content(b'"a\\udc00b"'), EITHER),
    "escaped surrogates, swapped": (content(b'"\\udc00\\ud800"'), EITHER),
    "escaped pair": (content(b'"\\ud83d\\ude00"'), OK),
    "surrogate in a key": (beside(b'"\\ud800":1'), EITHER),
    "surrogate in the model": (beside(b'"model":"\\udfff"'), EITHER | UNKNOWN),
    "CESU-8": (content(b'"\xed\xa0\xbd\xed\xb8\x80"'), REFUSED),
    "raw surrogate": (content(b'"\xed\xa0\x80"'), REFUSED),
    "noncharacters": (content(b'"\\uffff\\ufffe\\u0000"'), OK),
    "NaN": (beside(b'"temperature":NaN'), REFUSED),
    "Infinity": (beside(b'"temperature":Infinity'), REFUSED),
    "-Infinity, unknown": (beside(b'"x":-Infinity'), REFUSED),
    "1e400": (beside(b'"temperature":1e400'), REFUSED),
    "-1e400": (beside(b'"max_tokens":-1e400'), REFUSED),
    "1e400, unknown": (beside(b'"x":1e400'), EITHER),
    "1e-400": (beside(b'"temperature":1e-400'), OK),
    "1e99999999999": (beside(b'"x":1e99999999999'), EITHER),
    "duplicate keys": (beside(MESSAGES + b',"temperature":9,"temperature":1'), OK),
    "duplicate keys, last is bad": (beside(b'"temperature":1,"temperature":9'), REFUSED),
    **{
        f"{digits} digits in {name}": (beside(b'"%b":%b' % (name.encode(), b"9" * digits)), EITHER)
        # Python writes no integer of more than 4,300 digits: the sum of tokens has one more here.
        for digits in (20, 309, 4299, 4300, 4301, 5000)
        for name in ("max_tokens", "temperature", "x", "model")
    },
    "5,000 digits, negative": (beside(b'"max_tokens":-' + b"9" * 5000), REFUSED),
    "4,300 digits, negative": (beside(b'"max_tokens":-' + b"9" * 4300), REFUSED),
    "5,000 decimals": (beside(b'"temperature":0.' + b"1" * 5000), OK),
}


@pytest.mark.parametrize(("body", "statuses"), rows(JSON_BODIES))
def test_json(client, body, statuses):
    assert client.post(body).status in statuses


NESTED = {
    "body": b"%b",
    "unknown": beside(b'"x":%b'),
    "stop": beside(b'"stop":%b'),
    "n": beside(b'"n":%b'),
    "response_format": beside(b'"response_format":%b'),
    "temperature": beside(b'"temperature":%b'),
    "model": beside(b'"model":%b'),
    "messages": b'{"messages":%b}',
    "message": b'{"messages":[%b]}',
    "content": content(b"%b"),
    "part": content(b'[{"type":"text","text":"x","y":%b}]'),
    "stream_options": beside(b'"stream_options":{"x":%b}'),
}
# The parser gives up near Python's recursion limit, less the frames below it: every depth up there.
DEPTHS = (100, 300, 500, 700, 900, *range(940, 1001), 1_025, 100_000)
NESTS = {"arrays": (b"[", b"", b"]"), "objects": (b'{"type":', b"1", b"}")}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
@pytest.mark.parametrize("frame", NESTED.values(), ids=NESTED)
def test_nesting(client, frame, nest):
    opening, core, closing = nest
    with client.connect() as wire:
        for depth in DEPTHS:
            body = frame.replace(b"%b", opening * depth + core + closing * depth)
            response = wire.ask(client.request(body=body))
            client.check_shape(response)
            assert response.status in EITHER, depth


def test_unbalanced_nesting(client):
    for opening in (b"[", b'{"a":', b'[{"a":'):
        assert client.post(opening * 100_000).status == 400


# --- parameters


@pytest.fixture
def clients(client, strict_client):
    return {False: client, True: strict_client}


VALUES = (
    *("null", "true", "false", "0", "1", "-1", "-0.0", "0.5", "5.0", "2.0000000001", "3"),
    *("1e308", "-1e308", "9007199254740993", str(2**63), str(2**64), str(-(2**63) - 1)),
    *("9" * 400, "-" + "9" * 400, "1" + "0" * 4299, "9" * 4300),
    *('""', '"x"', '"1"', '"\\u0000"', '"{0}{x}%s%(a)d\\n"', json.dumps("y" * 200_000)),
    *("[]", "[[]]", "[[[]]]", "[null]", "[{}]", "[1]", "[1.0]", "[1e3]", "[true]", "[-1]"),
    *('["a"]', '[""]', '["a",1]', '[1,"a"]', '["a",null]', '["a",["b"]]', "[[1],[]]"),
    *('[[1],"a"]', "[[1],[true]]", "[[1],[1.5]]", "[[1],1]", f"[{2**70}]", f"[[{2**70}]]"),
    *("{}", '{"a":1}', '{"type":"text"}', '{"type":"json_object"}', '{"include_usage":1}'),
    *('[{"type":"text","text":"x"}]', '[{"type":"text"}]', '[{"type":1,"text":1}]'),
    *('[{"type":"image_url","image_url":{"url":"x"}}]', '[{"role":"user"}]', '[{"content":"x"}]'),
    *('[{"role":[],"content":{}}]', '[{"role":"user","content":[]}]', '[{"role":{},"name":1}]'),
    '[{"role":"assistant","content":null,"tool_calls":[]}]',
    '[{"role":"assistant","content":null,"function_call":{"name":"f"}}]',
    '[{"role":"user","content":"x","name":""}]',
    '[{"role":"user","content":"x","name":"a\\n"}]',
)
REQUIRED = {
    "chat": {"messages": [{"role": "user", "content": "hi"}]},
    "completions": {"model": "gpt-3.5-turbo", "prompt": "hi"},
    "embeddings": {"model": "text-embedding-ada-002", "input": "hi"},
}
PARAMETERS = [
    (endpoint, parameter)
    for endpoint in REQUIRED
    for parameter in (
        *SERVICE.endpoints[endpoint].parameters,
        *SERVICE.endpoints[endpoint].unsupported,
        "a_new_parameter",
    )
]


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize(("endpoint", "parameter"), PARAMETERS)
def test_every_value_of_every_parameter(clients, endpoint, parameter, strict):
    client = clients[strict]
    path = f"/v1/{SERVICE.endpoints[endpoint].paths[0]}"
    others = {k: v for k, v in REQUIRED[endpoint].items() if k != parameter}
    with client.connect() as wire:
        for value in VALUES:
            body = b'{%b,"%b":%b}' % (
                json.dumps({"": None, **others})[1:-1].encode(),
                parameter.encode(),
                value.encode(),
            )
            response = wire.ask(client.request(path, body))
            client.check_shape(response)
            assert response.status in {200, 400, 404}, value[:80]


@pytest.mark.parametrize(
    ("path", "name", "model", "item"),
    [
        ("chat/completions", "messages", "gpt-4-32k", {"role": "user", "content": "a"}),
        ("completions", "prompt", "gpt-4", "a"),
        ("completions", "prompt", "gpt-4", [1]),
        ("embeddings", "input", "silu", "a"),
        ("embeddings", "input", "silu", [1]),
    ],
    ids=["messages", "prompts", "token prompts", "inputs", "token inputs"],
)
def test_as_many_as_allowed_and_one_more(client, path, name, model, item):
    body = {"model": model, name: [item] * 2_048}
    if path == "embeddings":
        body["encoding_format"] = "base64"
    response = client.post(body, f"/v1/{path}")
    assert response.status == 200
    answers = response.json["data" if path == "embeddings" else "choices"]
    assert len(answers) == (1 if name == "messages" else 2_048)
    body[name].append(item)
    assert client.post(body, f"/v1/{path}").status == 400


@pytest.mark.parametrize("text", ["x", "word ", "中", "\U0001f600", "x\n", "0", "'"])
def test_giant_strings(client, text):
    giant = text * (200_000 // len(text))
    for path, body in (
        ("chat/completions", {"messages": [{"role": "user", "content": giant}]}),
        ("completions", {"model": "gpt-4", "prompt": giant, "stream": True}),
        ("embeddings", {"model": "silu", "input": giant}),
    ):
        response = client.post(body, f"/v1/{path}")
        assert response.status == 400
        assert "maximum context length" in response.error["message"]
    for field in ("model", "user", giant):
        response = client.post({"messages": [{"role": "user", "content": "hi"}], field: giant})
        assert response.status in {200, 404}


def test_what_an_error_repeats_of_the_client_is_bounded(client):
    giant = "x" * 1_000_000
    for body in (
        {"messages": [{"role": "user", "content": "hi"}], "model": giant},
        {"messages": [{"role": giant, "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi", "name": giant}]},
        {"messages": giant},
        {"messages": {giant: giant}},
    ):
        size = len(client.post(body).body)  # apart: pytest would print the answer
        assert size < 10_000


# --- what is repeated in headers

NAMES = {
    "CR LF": ("x\r\nset-cookie: a=b", "x??set-cookie: a=b"),
    "header end": ("x\r\n\r\nHTTP/1.1 200 OK", "x????HTTP/1.1 200 OK"),
    "NUL": ("x\0y", "x?y"),
    "tab": ("x\ty", "x?y"),
    "delete": ("x\x7fy", "x?y"),
    "Chinese": ("温度", "??"),
    "NEL": ("x\u0085y\u2028z", "x?y?z"),
    "Latin-1": ("é", "?"),
    "astral": ("\U0001f600", "?"),
    "placeholder": ("{request_id}{0}%s", "{request_id}{0}%s"),
    "long": ("n" * 1_000_000, "n" * 1_000 + "..."),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("name", "told"), NAMES.values(), ids=NAMES)
def test_names_of_unknown_fields_inject_no_header(client, name, told):
    for body, shown in (
        ({"messages": [{"role": "user", "content": "hi"}], name: 1}, told),
        ({"messages": [{"role": "user", "content": "hi", name: 1}]}, f"messages.0.{told}"[:1000]),
    ):
        response = client.post(body)
        assert response.status == 200
        assert not response.all("set-cookie")
        assert response["x-mockgpt-ignored"].removesuffix("...") == shown.removesuffix("...")


def test_many_unknown_fields(client):
    body = {"messages": [{"role": "user", "content": "hi"}]} | {f"k{i}": i for i in range(50_000)}
    assert len(client.post(body)["x-mockgpt-ignored"]) <= 1_003


# --- headers

HEADERS = {
    "key in Latin-1": ({"Authorization": b"Bearer \xff\xe9"}, OK),
    "key in UTF-8": ({"Authorization": "Bearer 钥匙".encode()}, OK),
    "key with a raw surrogate": ({"Authorization": b"Bearer \xed\xa0\x80"}, OK),
    "api-key of any bytes": ({"Authorization": None, "api-key": b"\xff\xed\xa0\x80"}, OK),
    "api-key empty": ({"Authorization": None, "api-key": ""}, {401}),
    "no key": ({"Authorization": None}, {401}),
    "Basic": ({"Authorization": "Basic c2s6"}, {401}),
    "Bearer without a key": ({"Authorization": "Bearer "}, {401}),
    "scheme of any bytes": ({"Authorization": b"\xff \xff"}, {401}),
    "key of 8,000 bytes": ({"Authorization": "Bearer " + "k" * 8_000}, OK),
    "cookie of any bytes": ({"Cookie": b"\xff=\xed\xa0\x80; ;;=="}, OK),
    "content type of any bytes": ({"Content-Type": b"application/\xff"}, REFUSED),
    "content type a raw surrogate": ({"Content-Type": b"\xed\xa0\x80"}, REFUSED),
    "content type in Chinese": ({"Content-Type": "应用/json".encode()}, REFUSED),
    "content type long": ({"Content-Type": "x" * 8_000}, REFUSED),
    "content type placeholders": ({"Content-Type": "{0} {message} {"}, REFUSED),
    "text/plain": ({"Content-Type": "text/plain"}, REFUSED),
    "text/html": ({"Content-Type": "text/html", "Accept": "text/html"}, REFUSED),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, REFUSED),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=x"}, REFUSED),
    "multipart without boundary": ({"Content-Type": "multipart/form-data"}, REFUSED),
    "content type empty": ({"Content-Type": ""}, EITHER),
    "content type missing": ({"Content-Type": None}, OK),
    "JSON with charset": ({"Content-Type": "application/json; charset=utf-8"}, OK),
    "JSON with a strange charset": ({"Content-Type": 'application/json; charset="?'}, EITHER),
    "JSON in capitals": ({"Content-Type": "APPLICATION/JSON"}, OK),
    "JSON with spaces": ({"Content-Type": "application/json ;x"}, OK),
    "accepts HTML only": ({"Accept": "text/html"}, OK),
    "accepts nothing": ({"Accept": "*/*;q=0", "Accept-Encoding": "identity;q=0"}, OK),
    "accepts gzip": ({"Accept-Encoding": "gzip, br, zstd"}, OK),
    "range": ({"Range": "bytes=0-1"}, OK),
    "conditions": ({"If-Match": "x", "If-Modified-Since": "never", "If-None-Match": "*"}, OK),
    "host of any bytes": ({"Host": b"\xff"}, EITHER),
    "host malformed": ({"Host": "[:::"}, EITHER),
    "origin malformed": ({"Origin": b"\xff"}, OK),
    "expects something else": ({"Expect": "a-miracle"}, OK | {417}),
    "expects any bytes": ({"Expect": b"\xff"}, OK | {417}),
    "upgrade to a websocket": (
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "x" * 22 + "==",
            "Sec-WebSocket-Version": "13",
        },
        OK,
    ),
    "upgrade to HTTP/2": (
        {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"},
        OK,
    ),
    "100 headers": ({f"x-{n}": "1" for n in range(100)}, OK),
    "forwarded": ({"X-HTTP-Method-Override": "DELETE", "X-Forwarded-For": b"\xff"}, OK),
    "retry count": ({"x-stainless-retry-count": "-9" * 1000}, OK),
}


@pytest.mark.parametrize(("headers", "statuses"), rows(HEADERS))
def test_headers(client, headers, statuses):
    assert client.post(HELLO, headers=headers).status in statuses


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (b"authorization, x-\xff", "authorization, x-?"),
        (b"\xed\xa0\x80", "???"),
        (b"x" * 8_000, "x" * 1_000 + "..."),
        (b"a,\tb", "a,?b"),
        (b"", ""),
    ],
    ids=["bytes", "surrogate", "long", "tab", "empty"],
)
def test_what_a_preflight_asks_is_repeated_safely(client, asked, told):
    headers = {"Origin": "http://x", "Access-Control-Request-Headers": asked}
    data = client.request(method="OPTIONS", headers=headers)
    response = client.ask(data, "OPTIONS")
    assert response.status == 204
    assert response["access-control-allow-headers"] == told


# --- the way

PATHS = {
    "root": ("/", UNKNOWN),
    "doubled slash": ("//v1/chat/completions", OK),
    "tripled slash": ("///v1/chat/completions", OK),
    "doubled slash within": ("/v1//chat/completions", UNKNOWN),
    "trailing slash": ("/v1/chat/completions/", UNKNOWN),
    "dots": ("/v1/../v1/chat/completions", UNKNOWN),
    "dot": ("/v1/./chat/completions", UNKNOWN),
    "%2e": ("/v1/%2e/chat/completions", UNKNOWN),
    "%2f": ("/v1/chat%2fcompletions", UNKNOWN),
    "percent-encoded route": ("/%76%31/chat/completions", OK | UNKNOWN),
    "capitals": ("/V1/CHAT/COMPLETIONS", UNKNOWN),
    "bare route": ("/v1", UNKNOWN),
    "bare engines": ("/v1/engines", UNKNOWN),
    "nameless engine": ("/v1/engines//chat/completions", UNKNOWN),
    "traversal": ("/../../../../etc/passwd", UNKNOWN),
    "8,000 characters": ("/" + "a" * 8_000, UNKNOWN),
    "2,000 segments": ("/v1" + "/a" * 2_000, UNKNOWN),
    "placeholders": ("/v1/{0}{x}", UNKNOWN),
    "bad percents": ("/v1/engines/%zz%/chat/completions", UNKNOWN),
    "percent-encoded bytes": ("/v1/engines/%ff%fe/chat/completions", UNKNOWN),
    "percent-encoded surrogate": ("/v1/engines/%ed%a0%80/chat/completions", UNKNOWN),
    "percent-encoded NUL": ("/v1/engines/%00/chat/completions", UNKNOWN),
    "percent-encoded CR LF": ("/v1/engines/%0d%0aset-cookie:%20a/chat/completions", UNKNOWN),
    "fragment": ("/v1/chat/completions#x", EITHER | UNKNOWN),
    "query": ("/v1/chat/completions?api-version=" + "1&a=" * 500, OK),
    "query of percents": ("/v1/chat/completions?%ed%a0%80=%zz&%00", OK),
    "two question marks": ("/v1/chat/completions??", OK),
    "like a host": ("//user:password@host:1/v1", UNKNOWN),
    "like a bad host": ("//[::1", UNKNOWN),
    "like a bad port": ("//host:999999/v1", UNKNOWN),
    "unsupported endpoint": ("/v1/images/generations", UNKNOWN),
    "unsupported endpoint, deep": ("/v1/files/%ff/../content", UNKNOWN),
}


@pytest.mark.parametrize(("path", "statuses"), rows(PATHS))
def test_paths(client, path, statuses):
    assert client.post(HELLO, path).status in statuses


@pytest.mark.parametrize("target", ["http://localhost", "https://openai.pgpt.cloud"])
def test_absolute_form(client, target):
    """A server MUST accept it: what is sent through a proxy has it (RFC 9112, section 3.2.2)."""
    assert client.post(HELLO, f"{target}/v1/chat/completions?x=1").status == 200
    assert client.post(HELLO, f"{target}/v1/nope").status == 404
    assert client.post(HELLO, target).status == 404


METHODS = {
    "/v1/chat/completions": ("POST, OPTIONS", 405),
    "/v1/models": ("GET, POST, HEAD, OPTIONS", 405),
    "/v1/models/gpt-4": ("GET, POST, HEAD, OPTIONS", 405),
    "/v1/nope": (None, 404),
    "/v1/files": (None, 404),
}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY", "LINK"])
@pytest.mark.parametrize("path", METHODS)
def test_wrong_methods(client, path, method):
    allow, status = METHODS[path]
    response = client.post(HELLO, path, method=method)
    assert response.status == status
    assert response.all("allow") == ([allow] if allow else [])


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET"])
def test_methods_without_a_body(client, path, method):
    response = client.ask(client.request(path, method=method), method)
    assert response.status in {200, 204, 404, 405}
    assert response.status != 405 or response["allow"] == METHODS[path][0]


@pytest.mark.parametrize("method", ["post", "Get", "FOO", "P\u00d6ST", "A" * 5_000])
def test_methods_that_are_none(client, method):
    response = client.ask(client.request(body=HELLO, method=method))
    assert response.status in {400, 405}


def test_a_body_with_a_get(client):
    data = client.request("/v1/models", b"x" * 100_000, method="GET")
    assert client.ask(data, "GET").status == 200


# --- compressed bodies

GZIPPED = gzip.compress(HELLO)
DEFLATED = zlib.compress(HELLO)
_raw_deflate = zlib.compressobj(wbits=-15)
RAW_DEFLATED = _raw_deflate.compress(HELLO) + _raw_deflate.flush()
ENCODED = {
    "gzip": ("gzip", GZIPPED, OK),
    "GZIP": ("GZIP", GZIPPED, OK),
    "gzip in members": ("gzip", gzip.compress(HELLO[:9]) + gzip.compress(HELLO[9:]), OK),
    "deflate": ("deflate", DEFLATED, OK),
    "deflate without zlib's header": ("deflate", RAW_DEFLATED, OK),
    "identity": ("identity", HELLO, OK),
    "gzip that is none": ("gzip", HELLO, REFUSED),
    "gzip of nothing": ("gzip", b"", REFUSED),
    "gzip, wrong sum": ("gzip", GZIPPED[:-8] + bytes(8), REFUSED),
    "gzip, wrong within": ("gzip", GZIPPED[:12] + b"\xff\xff\xff" + GZIPPED[15:], REFUSED),
    "gzip and more": ("gzip", GZIPPED + b"more", EITHER),
    "gzip cut": ("gzip", GZIPPED[:20], REFUSED),
    "gzip cut in its sum": ("gzip", GZIPPED[:-3], EITHER),
    "gzip cut in its head": ("gzip", GZIPPED[:5], REFUSED),
    "deflate that is none": ("deflate", b"\0\xff\xff\xff\xff", REFUSED),
    "deflate cut": ("deflate", DEFLATED[:-6], EITHER),
    "br": ("br", b"\x8b\x02\x80{}\x03", REFUSED),
    "zstd": ("zstd", b"\x28\xb5\x2f\xfd", REFUSED),
    "unknown": ("foo", HELLO, EITHER | {415}),
    "two": ("gzip, deflate", GZIPPED, EITHER | {415}),
    "any bytes": (b"\xff", HELLO, EITHER | {415}),
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(("encoding", "body", "statuses"), rows(ENCODED))
def test_encoded_bodies(client, encoding, body, statuses, framing):
    headers = {"Content-Encoding": encoding}
    if framing == "length":
        data = client.request(body=body, headers=headers)
    else:
        data = client.request(headers=headers | CHUNKED) + client.chunked(*filter(None, [body]))
    assert client.ask(data).status in statuses


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_bomb(client, compress):
    encoding = "gzip" if compress is gzip.compress else "deflate"
    body = compress(b'{"x":"' + b"x" * 3 * LIMIT + b'"}')
    assert len(body) < 100_000
    with client.connect() as wire:
        wire.offer(client.request(body=body, headers={"Content-Encoding": encoding}))
        response = wire.answer()
    client.check_shape(response)
    assert response.status == 413


def test_a_large_body_that_was_compressed(client):
    body = gzip.compress(HELLO + b" " * (LIMIT - len(HELLO)))
    data = client.request(body=body, headers={"Content-Encoding": "gzip"})
    assert client.ask(data).status == 200


# --- bodies over the limit


def check_too_large(client, wire):
    response = wire.answer()
    client.check_shape(response)
    assert response.status == 413
    assert response.error["code"] == "request_too_large"
    assert response.closes
    wire.finish()
    assert wire.rest() == b""


def test_the_limit_itself(client):
    assert client.post(HELLO + b" " * (LIMIT - len(HELLO))).status == 200


def test_a_body_over_the_limit_is_refused_before_it_is_sent(client):
    with client.connect() as wire:
        wire.send(client.request(headers={"Content-Length": str(LIMIT + 1)}))
        check_too_large(client, wire)


def test_a_body_over_the_limit_is_not_asked_for(client):
    headers = {"Content-Length": str(LIMIT + 1), "Expect": "100-continue"}
    with client.connect() as wire:
        wire.send(client.request(headers=headers))
        check_too_large(client, wire)  # and no `100 Continue` before it


def test_a_client_that_sends_it_all_reads_the_refusal(client):
    with client.connect() as wire:
        wire.send(client.request(body=b" " * (LIMIT + 1)))
        check_too_large(client, wire)


def test_chunks_over_the_limit(client):
    with client.connect() as wire:
        wire.send(client.request(headers=CHUNKED))
        wire.offer(client.chunked(*[b" " * 2**20] * 17))
        check_too_large(client, wire)


def test_a_limit_of_ones_own(serve):
    client = serve(max_body=100)
    assert client.post(HELLO + b" " * (100 - len(HELLO))).status == 200
    assert client.post(b" " * 101).status == 413
    data = client.request(headers=CHUNKED) + client.chunked(b" " * 60, b" " * 60)
    assert client.ask(data).status == 413


def test_a_server_stops_while_a_refused_client_lingers(serve):
    client = serve()
    wire = client.connect()
    wire.send(client.request(headers={"Content-Length": str(LIMIT + 1)}))
    assert wire.answer().status == 413
    client.mock.stop()
    assert wire.rest() == b""
    wire.close()


def test_a_server_leaves_no_task_of_a_refused_client_that_left(serve):
    """Its body is still waited for; that wait must end with the server: asyncio logs it if not."""
    client = serve()
    with client.connect() as wire:
        wire.send(client.request(headers={"Content-Length": str(LIMIT + 1)}))
        assert wire.answer().status == 413
    client.check_alive()
    client.mock.stop()
    gc.collect()


# --- Expect: 100-continue


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_expect_continue(client, expect):
    head = client.request(headers={"Content-Length": str(len(HELLO)), "Expect": expect})
    with client.connect() as wire:
        wire.send(head)
        assert wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        response = wire.ask(HELLO)
        assert response.status == 200
        client.check_shape(response)
        client.check_usable(wire, response)


def test_expect_continue_with_chunks_over_the_limit(client):
    with client.connect() as wire:
        wire.send(client.request(headers=CHUNKED | {"Expect": "100-continue"}))
        assert wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.offer(client.chunked(*[b" " * 2**20] * 17))
        check_too_large(client, wire)


def test_http_1_0_expects_nothing(client):
    """That expectation of an HTTP/1.0 client MUST be ignored (RFC 9110, section 10.1.1)."""
    data = client.request(body=HELLO, headers={"Expect": "100-continue"}, version="HTTP/1.0")
    assert client.ask(data).status == 200


# --- chunks

CHUNKS = {
    "one": (b"%x\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO), OK),
    "single bytes": (b"".join(b"1\r\n%c\r\n" % byte for byte in HELLO) + b"0\r\n\r\n", OK),
    "leading zeros": (b"%020x\r\n%b\r\n000\r\n\r\n" % (len(HELLO), HELLO), OK),
    "capital digits": (b"%X\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO), OK),
    "extension": (b'%x;a="b;c"\r\n%b\r\n0;x\r\n\r\n' % (len(HELLO), HELLO), OK),
    "trailer": (b"%x\r\n%b\r\n0\r\nx-sum: 1\r\n\r\n" % (len(HELLO), HELLO), OK),
    "none": (b"0\r\n\r\n", REFUSED),
    "size is no number": (b"zz\r\nhello\r\n0\r\n\r\n", REFUSED),
    "size is negative": (b"-5\r\nhello\r\n0\r\n\r\n", REFUSED),
    "size is 0x5": (b"0x5\r\nhello\r\n0\r\n\r\n", REFUSED),
    "size is huge": (b"f" * 40 + b"\r\nhello", REFUSED),
    "no end of chunk": (b"5\r\nhelloXX0\r\n\r\n", REFUSED),
    "bare LF": (b"5\nhello\n0\n\n", REFUSED),
    "size missing": (b"\r\nhello\r\n0\r\n\r\n", REFUSED),
    "trailer malformed": (b"%x\r\n%b\r\n0\r\nno colon\r\n\r\n" % (len(HELLO), HELLO), EITHER),
}


@pytest.mark.parametrize(("body", "statuses"), rows(CHUNKS))
def test_chunks(client, body, statuses):
    assert client.ask(client.request(headers=CHUNKED) + body).status in statuses


@pytest.mark.parametrize(("body", "statuses"), rows(CHUNKS))
def test_chunks_after_their_head(client, body, statuses):
    """The parser's refusal comes while the handler waits for the body: it must learn of it."""
    with client.connect() as wire:
        wire.send(client.request(headers=CHUNKED | {"Expect": "100-continue"}))
        assert wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"  # the handler waits now
        response = wire.ask(body)
        client.check_shape(response)
        client.check_usable(wire, response)
    assert response.status in statuses


@pytest.mark.parametrize(
    ("encoding", "parts"),
    [
        ("gzip", [b"garbage", b"garbage"]),
        ("gzip", [GZIPPED[:15], b"\xff" * 20]),
        ("deflate", [b"\x78\x9c", b"\0\0"]),
        ("br", [b"garbage", b"garbage"]),
    ],
    ids=["gzip", "gzip late", "deflate cut", "br"],
)
def test_encoded_bodies_after_their_head(client, encoding, parts):
    headers = {
        "Content-Encoding": encoding,
        "Content-Length": str(sum(map(len, parts))),
        "Expect": "100-continue",
    }
    with client.connect() as wire:
        wire.send(client.request(headers=headers))
        first = wire.answer()
        if first.status == 100:
            for part in parts:
                wire.offer(part)
            first = wire.answer()
        client.check_shape(first)
        assert first.status in REFUSED | {415}


# --- HTTP that is none

MALFORMED = {
    "no version": b"GET /v1/models\r\n\r\n",
    "no version, with headers": b"GET /v1/models\r\nHost: x\r\napi-key: k\r\n\r\n",
    "HTTP/0.9": b"GET /v1/models HTTP/0.9\r\nHost: x\r\napi-key: k\r\n\r\n",
    "HTTP/2.0": b"GET /v1/models HTTP/2.0\r\nHost: x\r\napi-key: k\r\n\r\n",
    "HTTP/1.9": b"GET /v1/models HTTP/1.9\r\nHost: x\r\n\r\n",
    "HTTP/x": b"GET /v1/models HTTP/x\r\nHost: x\r\n\r\n",
    "HTTP/1.1.1": b"GET /v1/models HTTP/1.1.1\r\nHost: x\r\n\r\n",
    "http/1.1": b"GET /v1/models http/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n12",
    "length -1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "length +1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n1",
    "length 0x1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n1",
    "length empty": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
    "length of 30 digits": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + b"9" * 30
    + b"\r\n\r\n",
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n"
    ),
    "length and an empty transfer encoding": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: \r\n\r\nhello"
    ),
    "a transfer encoding before chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks of HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown transfer encoding": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: foo\r\n\r\nhello"
    ),
    "two content types": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n"
    ),
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
    "space before a colon": b"GET / HTTP/1.1\r\nHost: x\r\nfoo : x\r\n\r\n",
    "nameless header": b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "byte in a name": b"GET / HTTP/1.1\r\nHost: x\r\nf\xffo: x\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nfoo: a\0b\r\n\r\n",
    "CR in a header": b"GET / HTTP/1.1\r\nHost: x\r\nfoo: a\rb\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nfoo: a\r\n b\r\n\r\n",
    "200 headers": b"GET / HTTP/1.1\r\n"
    + b"".join(b"x-%d: 1\r\n" % n for n in range(200))
    + b"\r\n",
    "header of 9 KB": b"GET / HTTP/1.1\r\nHost: x\r\nfoo: " + b"a" * 9_000 + b"\r\n\r\n",
    "header of 1 MB": b"GET / HTTP/1.1\r\nHost: x\r\nfoo: " + b"a" * 2**20 + b"\r\n\r\n",
    "100,000 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
    "line ends of 1 MB": b"\r\n" * 2**19 + b"x",
    "name of 9 KB": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 9_000 + b": x\r\n\r\n",
    "path of 9,000 characters": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw bytes in the path": b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw surrogate in the path": b"GET /v1/\xed\xa0\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw bytes in the query": b"GET /v1/models?\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "control in the path": b"GET /v1/\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /v1/a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no slash": b"GET v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad host in the target": b"GET http://[::1/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host in the target": b"GET ftp://[::1]@ HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host in a target's path": b"GET http://@/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad port in the target": b"GET http://h:99999/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "line ends": b"\r" * 100 + b"\n" * 100 + b"\r\n\r\n\0\r\n\r\n",
    "bare LF": b"GET /v1/models HTTP/1.1\nHost: x\n\n",
    "garbage": b"\0\1\2\xff\r\n\r\n",
    "more garbage": bytes(range(256)) * 50,
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\x11" * 190,
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"EHLO localhost\r\n",
    "JSON": b'{"messages":[]}\r\n\r\n',
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http(client, data):
    with client.connect() as wire:
        wire.offer(data)
        response = wire.answer()
        client.check_shape(response)
        assert response.status in {400, 431, 414}
        assert response.closes
        assert wire.rest() == b""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {204, 404}),
        (b"CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n", {400, 404, 405}),
        (b"\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\napi-key: k\r\n\r\n", {200}),
        (b"GET  /v1/models  HTTP/1.1\r\nHost: x\r\napi-key: k\r\n\r\n", {200, 400}),
    ],
    ids=["OPTIONS *", "CONNECT", "line ends first", "two spaces"],
)
def test_unusual_http(client, data, status):
    method = data.split()[0].decode()
    assert client.ask(data, method).status in status


SECRET = "sk-very-secret-0123456789"


@pytest.mark.parametrize("name", ["Authorization: Bearer ", "api-key: ", "Cookie: session="])
@pytest.mark.parametrize("tail", ["\x01", "x" * 9_000], ids=["control character", "too long"])
def test_malformed_headers_do_not_leak_keys(client, name, tail):
    """Keys never enter the journal or a report, also where the parser quotes them (law 9)."""
    with client.connect() as wire:
        wire.send(f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{name}{SECRET}{tail}\r\n\r\n".encode())
        response = wire.answer()
    client.check_shape(response)
    assert response.status == 400
    assert SECRET[:12] not in repr(list(client.mock.journal))


def test_the_reason_of_a_refusal_is_bounded(client):
    for data in MALFORMED.values():
        with client.connect() as wire:
            wire.offer(data)
            assert len(wire.answer().body) < 1_500


# --- several requests on one connection


@pytest.mark.parametrize("count", [2, 32, 33, 100])
def test_pipelined_requests_are_answered_in_their_order(client, count):
    with client.connect() as wire:
        names = [f"gpt-{n}" for n in range(count)]
        wire.send(b"".join(client.request(f"/v1/models/{n}", method="GET") for n in names))
        for name in names:
            response = wire.answer()
            client.check_shape(response)
            assert response.json.get("id") == name or f"`{name}`" in response.error["message"]
        client.check_usable(wire, response)


def test_pipelined_requests_of_many_kinds(client):
    with client.connect() as wire:
        wire.send(
            client.request(body=HELLO)
            + client.request(body=b"{")
            + client.request(body=beside(b'"stream":true'))
            + client.request("/nope")
            + client.request(method="HEAD", path="/v1/models")
            + client.request(method="OPTIONS")
            + client.request(headers={"Authorization": None})
            + client.request(headers=CHUNKED)
            + client.chunked(HELLO)
            + client.request(body=HELLO, headers={"Connection": "close"})
        )
        kinds = ["POST"] * 4 + ["HEAD", "OPTIONS"] + ["POST"] * 3
        statuses = []
        for kind in kinds:
            response = wire.answer(kind)
            client.check_shape(response, method=kind)
            statuses.append(response.status)
        assert statuses == [200, 400, 200, 404, 200, 204, 401, 200, 200]
        assert response["connection"] == "close"
        assert wire.rest() == b""


def test_garbage_after_a_request(client):
    with client.connect() as wire:
        assert wire.ask(client.request(body=HELLO)).status == 200
        response = wire.ask(b"junk\r\n\r\n")
        client.check_shape(response)
        assert response.status == 400
        assert response.closes
        assert wire.rest() == b""


def test_garbage_behind_a_request(client):
    """Sent at once, the parser gives up on both; the client still gets an answer and an end."""
    with client.connect() as wire:
        wire.send(client.request(body=HELLO) + b"junk\r\n\r\n")
        response = wire.answer()
        client.check_shape(response)
        while not response.closes:
            response = wire.answer()
        assert response.status == 400
        assert wire.rest() == b""


def test_a_head_byte_by_byte(client):
    with client.connect() as wire:
        for byte in client.request(body=HELLO):
            wire.send(bytes([byte]))
        response = wire.answer()
        assert response.status == 200
        client.check_usable(wire, response)


# --- clients that leave


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_client_that_says_it_has_said_all(client, stream):
    """Half-closing after a request, as `nc -N` does, is no leaving: the answer is awaited."""
    body = {"model": "gpt-4", "prompt": ["a"] * 2_000, "stream": stream}  # larger than buffers
    with client.connect() as wire:
        wire.send(client.request("/v1/completions", body))
        wire.finish()
        response = wire.answer()
        assert response.status == 200
        client.check_shape(response)
        assert wire.rest() == b""


def test_a_client_that_says_it_has_said_all_of_several(client):
    with client.connect() as wire:
        wire.send(client.request(body=HELLO) * 3)
        wire.finish()
        for _ in range(3):
            assert wire.answer().status == 200
        assert wire.rest() == b""


PARTS = {
    "nothing": (b"", None),
    "half a request line": (b"POST /v1/ch", None),
    "half a head": (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n", None),
    "half a body": (None, {"Content-Length": "1000"}),
    "half a chunk": (b"10\r\n{", CHUNKED),
    "chunks without an end": (b"1\r\n{\r\n", CHUNKED),
    "half a gzip": (GZIPPED[:20], {"Content-Length": "1000", "Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("leave", ["close", "reset", "finish"])
@pytest.mark.parametrize(("part", "headers"), rows(PARTS))
def test_a_client_that_leaves_within_its_request(client, part, headers, leave):
    data = part if headers is None else client.request(headers=headers) + (part or b"{")
    with client.connect() as wire:
        wire.send(data)
        getattr(wire, leave)()
        if leave == "finish":
            wire.rest()
    client.check_alive()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_request_that_was_never_finished_is_recorded_as_that(client, leave):
    """What was not sent is not recorded as sent, nor another's words as this request's."""
    wire = client.connect()
    headers = {"Content-Length": "1000", "Expect": "100-continue"}
    wire.send(client.request("/v1/embeddings", headers=headers))
    assert wire.head() == b"HTTP/1.1 100 Continue\r\n\r\n"  # the handler has it
    getattr(wire, leave)()
    for _ in range(100):  # the server learns of it when its loop comes round
        client.check_alive()
        found = [e for e in client.mock.journal if e.path != "/v1/chat/completions"]
        if found:
            break
    assert [(e.method, e.path) for e in found] in ([], [("POST", "/v1/embeddings")])
    assert all(e.error in (None, "body_unreadable") for e in found)
    if leave == "reset":  # after a close, which looks like a half-close, an answer can be written
        assert all(e.sent is None or e.sent.ending != "complete" for e in found)


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_client_that_leaves_within_its_answer(client, stream, leave):
    body = {"model": "gpt-4", "prompt": ["a"] * 1_000, "stream": stream}
    wire = client.connect()
    wire.send(client.request("/v1/completions", body))
    wire.head()
    getattr(wire, leave)()
    client.check_alive()


def test_many_clients_that_leave(client):
    for _ in range(100):
        wire = client.connect()
        wire.send(client.request(body=beside(b'"stream":true')))
        wire.reset()
    client.check_alive()


def test_a_client_that_does_not_read(client):
    """Its stream waits for it and nobody else waits with it."""
    body = {"model": "gpt-4", "prompt": ["a"] * 2_000, "stream": True}
    with client.connect() as wire:
        wire.send(client.request("/v1/completions", body))
        for _ in range(10):
            client.check_alive()
        response = wire.answer()
        client.check_shape(response)
        assert response.body.count(b"\n\n") > 4_000
        client.check_usable(wire, response)


# --- HTTP/1.0


@pytest.mark.parametrize("host", ["localhost", None])
def test_http_1_0(client, host):
    response = client.ask(client.request(body=HELLO, version="HTTP/1.0", headers={"Host": host}))
    assert response.status == 200
    assert response.closes


def test_http_1_0_kept_alive(client):
    headers = {"Connection": "keep-alive"}
    response = client.ask(client.request(body=HELLO, version="HTTP/1.0", headers=headers))
    assert response["connection"] == "keep-alive"


def test_http_1_0_stream_that_wants_to_be_kept_alive(client):
    """Without chunks only the connection's end can end it, whatever the client wanted."""
    headers = {"Connection": "keep-alive"}
    body = beside(b'"stream":true')
    response = client.ask(client.request(body=body, version="HTTP/1.0", headers=headers))
    assert response.closes
    assert response.body.endswith(b"\n\ndata: [DONE]\n\n")


# --- as an application of aiohttp's own server

APPLICATION = {
    "line end in the path": ("/v1/models/%0a", "GET"),
    "bytes in the path": ("/v1/models/%ff%ed%a0%80", "GET"),
    "dots": ("/v1/x/../models", "GET"),
    "doubled slash": ("//v1/models", "GET"),
    "like a bad host": ("//[::1", "GET"),
    "absolute": ("http://localhost/v1/models", "GET"),
    "star": ("*", "OPTIONS"),
}


@pytest.mark.parametrize(("path", "method"), rows(APPLICATION))
async def test_the_application_answers_every_path(client, path, method):
    async with TestServer(create_app()) as server:
        reader, writer = await _connected(server)
        headers = {"Connection": "close"}
        writer.write(client.request(path, method=method, headers=headers))
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"\r\nx-request-id: " in answer
    assert b"text/plain" not in answer
    assert b"text/html" not in answer


async def _connected(server):
    import asyncio

    return await asyncio.open_connection(server.host, server.port)
