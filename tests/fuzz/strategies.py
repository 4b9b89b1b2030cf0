"""What clients, neighbours and strangers may send: valid, nearly valid by one change, and garbage.

A request is drawn as bytes, since half of what is tried cannot be said in any library's terms.
"""

import json
import re
import string
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st
from wire import chunked

from mockgpt.files.documents import read
from mockgpt.files.services import load_service
from mockgpt.server.operations import OPERATIONS

SERVICE = load_service("pgpt")
ENDPOINTS = ("chat", "completions", "embeddings")
MODELS = (*SERVICE.models, "gpt-35-turbo", "silu", "gpt-5", "")
SESSION = "/s/fuzz"

# --- JSON

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
# JSON texts that Python's own types cannot say, or that its parsers have stumbled over.
WILD = (
    *("NaN", "Infinity", "-Infinity", "-0", "-0.0", "1e999", "-1e999", "1e-999", "5e-324", "01"),
    *("9" * 20, "9" * 309, "9" * 4301, "1." + "0" * 5000, "0." + "9" * 5000, "1e" + "9" * 400),
    *(r'"\ud800"', r'"\udfff"', r'"\ud83d\ude00"', r'"\ude00\ud83d"', r'"\u0000"', r'"\u"', '"'),
    *("[" * 100 + "]" * 100, "[" * 1200 + "]" * 1200, '{"a":' * 990 + "1" + "}" * 990, "[" * 5000),
    *("{}", "[]", '""', "[[]]", "[{}]", "[null]", "[true]", '{"":null}', '{"a":1,"a":2}', "", ","),
    *('"' + "a" * 70_000 + '"', "[" + "1," * 3000 + "1]", '"\u2028\u0085\ufeff\ufffe"', "\ufeff1"),
)
wild = st.sampled_from(WILD)


def mostly(right, wrong=anything):
    """Draw what is right three times in four."""
    return st.one_of(right, right, right, wrong)


# What the rules of `scenario.yaml` listen to, so that they are asked for more than filler.
CUES = (
    *("weather in Rome", "weather in ", "template", "cut", "short", "busy", "teapot", "torture"),
    *("slice", "garble", "stall", "hello", "plan", "bye", "vector", "deep", "reset", "aaaa", "列"),
)
words = st.sampled_from(CUES) | st.text(max_size=30)
names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=64)
parts = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": words}), min_size=1, max_size=3
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": words | parts},
        optional={"name": st.none() | names, "x": mostly(st.none())},
    ),
    min_size=1,
    max_size=4,
)
token_ids = st.lists(st.integers(0, 100_000), min_size=1, max_size=4)
texts = (
    st.sampled_from(CUES)
    | st.text(min_size=1, max_size=30)
    | st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=4)
    | token_ids
    | st.lists(token_ids, min_size=1, max_size=3)
)
generation = {
    "model": mostly(st.sampled_from(MODELS)),
    "temperature": mostly(st.none() | st.floats(0, 2) | st.sampled_from([0, 1, 2])),
    "stream": mostly(st.none() | st.booleans()),
    "max_tokens": mostly(st.none() | st.integers(1, 50) | st.sampled_from([1.0, 5.0])),
    "max_completion_tokens": mostly(st.none() | st.integers(1, 50)),
    "stream_options": mostly(
        st.none() | st.fixed_dictionaries({}, optional={"include_usage": st.none() | st.booleans()})
    ),
}


def unsupported(endpoint):
    """Draw parameters that are not acted on: at their defaults, and otherwise."""
    harmless = {**SERVICE.endpoints[endpoint].unsupported, "something_new": None}
    drawn = st.tuples(st.sampled_from(list(harmless)), st.booleans(), anything)
    return st.lists(drawn, max_size=3).map(
        lambda found: {name: harmless[name] if plain else other for name, plain, other in found}
    )


def merged(first, second):
    return st.builds(lambda one, other: {**one, **other}, first, second)


BODIES = {
    "chat": merged(
        st.fixed_dictionaries({"messages": mostly(messages)}, optional=generation),
        unsupported("chat"),
    ),
    "completions": merged(
        st.fixed_dictionaries(
            {"model": mostly(st.just("gpt-3.5-turbo")), "prompt": mostly(texts)},
            optional={k: v for k, v in generation.items() if k != "model"},
        ),
        unsupported("completions"),
    ),
    "embeddings": merged(
        st.fixed_dictionaries(
            {"model": mostly(st.just("silu")), "input": mostly(texts)},
            optional={"encoding_format": mostly(st.none() | st.sampled_from(["float", "base64"]))},
        ),
        unsupported("embeddings"),
    ),
}


def _places(value, place=()):
    yield place
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _places(item, (*place, key))


def _with(value, place, new):
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


@st.composite
def odd(draw, documents):
    """Draw a JSON text with one value in it, wherever that is, as no client writes it."""
    document = draw(documents)
    place = draw(st.sampled_from(list(_places(document))))
    text = json.dumps(_with(document, place, "@"), ensure_ascii=draw(st.booleans()))
    return text.replace('"@"', draw(wild), 1).encode("utf-8", "surrogatepass")


def damaged(texts_of_bytes):
    """Draw bytes with a few of them put in, taken out or written over."""
    return st.builds(
        lambda data, at, junk, gone: data[:at] + junk + data[at + gone :],
        texts_of_bytes,
        st.integers(0, 250),
        st.binary(max_size=4),
        st.integers(0, 4),
    )


def as_json(documents):
    return documents.map(lambda document: json.dumps(document).encode())


def bodies(endpoint):
    valid = as_json(BODIES[endpoint])
    return st.one_of(
        valid, odd(BODIES[endpoint]), damaged(valid), as_json(anything), wild_bytes, st.binary()
    )


wild_bytes = wild.map(lambda text: text.encode("utf-8", "surrogatepass"))

# --- heads


class Asked(NamedTuple):
    """A request as bytes; its method decides whether an answer has a body.

    One that is complete has the length that it says, and ends its connection.
    """

    data: bytes
    method: str = "POST"
    complete: bool = False


def filled(pattern):
    """Draw a path of the service's routes or endpoints: `{}` is a name, `*` what anything may be."""
    pieces = pattern.replace("*", "{}").split("{}")
    between = st.sampled_from(["gpt-4", "silu", "a", "%2F", "%00", "%ff", "..", "%E5%88%97", "{}"])
    return st.tuples(*(between for _ in pieces[1:])).map(
        lambda found: "".join(
            piece + name for piece, name in zip(pieces, (*found, ""), strict=True)
        )
    )


documented = st.builds(
    "{}/{}".format,
    st.sampled_from(SERVICE.routes).flatmap(filled),
    st.sampled_from([p for e in SERVICE.endpoints.values() for p in e.paths]).flatmap(filled),
)
prefixes = st.sampled_from(
    ["", "", "", "/", SESSION, "/s/" + "x" * 64, "/s/", "/s/%41", "/s/a/s/b", "/.", "/v1/..", "//h"]
)
paths = st.builds(str.__add__, prefixes, documented | st.text("/.%{}*sv1_a2F:@", max_size=12))
queries = st.sampled_from(
    ["", "", "?", "?api-version=2023-05-15", "?a=b&a=c", "?%00", "?=&&=", "??", "?" + "q=1&" * 500]
) | st.text(string.printable, max_size=12).map(lambda text: "?" + text)


def encoded(text):
    """Return a target as bytes, as some client would write it."""
    return text.encode("utf-8", "surrogatepass")


targets = st.one_of(
    st.builds(str.__add__, paths, queries).map(encoded),
    st.builds("{}{}".format, st.sampled_from(["http://h", "HTTP://h:1", "ftp://[::1]", "x:"]), paths)
    .map(encoded),
    st.builds(lambda path, at, junk: path[:at] + junk + path[at:], paths.map(encoded),
              st.integers(0, 40), st.binary(max_size=3) | st.just(b"%") | st.just("列".encode())),
    st.sampled_from([b"*", b"/", b"", b"h:443", b"?", b"#", b"/v1/chat/completions#x"]),
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI")
methods = st.sampled_from((*METHODS, "PROPFIND", "M-SEARCH", "X" * 30)) | st.text(
    string.ascii_uppercase + "-_!~", min_size=1, max_size=12
)
HEADERS = (
    *("Authorization", "api-key", "Content-Type", "Content-Encoding", "Expect", "Accept", "Origin"),
    *("Connection", "Upgrade", "x-stainless-retry-count", "access-control-request-headers", "Host"),
    *("Content-Length", "Transfer-Encoding", "Trailer", "TE", "Range", "If-None-Match", "Cookie"),
    *("x-tenant", "x-mockgpt-bug", "Accept-Encoding", "Sec-WebSocket-Key", "HTTP2-Settings"),
)
values = st.one_of(
    st.sampled_from(
        [
            *("Bearer sk-mock", "Bearer sk-mock-other", "Basic eDp5", "Bearer", "sk-\xe9", ""),
            *("application/json", "application/json; charset=utf-16", "text/plain", "a/b; c=", ";"),
            *(
                "gzip",
                "deflate",
                "br",
                "identity, gzip",
                "100-continue",
                "200-ok",
                "close",
                "upgrade",
            ),
            *("websocket", "h2c", "chunked", "gzip, chunked", "0", "1", "-1", "9" * 30, "1_0", "١"),
            *("keep-alive, close", "acme", "x" * 8000, "bytes=0-", "*", "null", "http://evil.test"),
        ]
    ).map(lambda text: text.encode("latin-1", "replace")),
    st.binary(max_size=12),
    st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
heads = st.lists(
    st.tuples(st.sampled_from(HEADERS).map(str.encode) | st.binary(max_size=6), values), max_size=4
)


def written(method, target, headers, body, *, framed="length", version=b"HTTP/1.1"):
    """Write a request with a key and a content type, unless `headers` has its own."""
    own = {b"Host": b"localhost", b"Authorization": b"Bearer sk-mock"}
    if body or framed == "chunks":
        own[b"Content-Type"] = b"application/json"
        length = {b"Content-Length": b"%d" % len(body)}
        own |= length if framed == "length" else {b"Transfer-Encoding": b"chunked"}
    given = {name.lower() for name, _ in headers}
    rows = [*((n, v) for n, v in own.items() if n.lower() not in given), *headers]
    lines = [b"%b %b %b" % (method.encode(), target, version), *(b"%b: %b" % row for row in rows)]
    data = chunked(*([body] if body else [])) if framed == "chunks" else body
    return b"\r\n".join(lines) + b"\r\n\r\n" + data


CLOSE = [(b"Connection", b"close")]


def asked(path, body, framed="length"):
    """Return a request as a client makes it that asks no more."""
    return Asked(written("POST", path.encode(), CLOSE, body, framed=framed), complete=True)


bodied = st.sampled_from(ENDPOINTS).flatmap(
    lambda endpoint: st.builds(
        asked,
        st.just(f"/v1/{SERVICE.endpoints[endpoint].paths[0]}"),
        bodies(endpoint),
        st.sampled_from(["length", "length", "chunks"]),
    )
)
simple_bodies = st.sampled_from(
    [b"", b"{}", b'{"messages":[{"role":"user","content":"hi"}]}', b"\0" * 40]
)
headed = st.builds(
    lambda method, target, headers, body, framed, version: Asked(
        written(method, target, headers, body, framed=framed, version=version), method
    ),
    mostly(st.sampled_from(METHODS[:2]), methods),
    targets,
    heads,
    simple_bodies,
    st.sampled_from(["length", "length", "chunks"]),
    st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"http/1.1", b""]),
)

# --- streams of bytes

HELLO = b'{"messages":[{"role":"user","content":"hi"}]}'
valid = st.one_of(
    st.sampled_from(
        [
            written("POST", b"/v1/chat/completions", [], HELLO),
            written("POST", b"/v1/chat/completions", [], HELLO, framed="chunks"),
            written("POST", b"/v1/completions?a=b", [], b"{", framed="chunks"),
            written("GET", b"/v1/models", [], b""),
            written("GET", b"http://localhost/v1/models/gpt-4", [(b"Cookie", b"a=b")], b""),
            written("OPTIONS", b"/v1/embeddings", [(b"Origin", b"http://a")], b""),
            written("PROPFIND", b"/nope/%ff", [], b"ab"),
        ]
    ),
    as_json(BODIES["chat"]).map(lambda body: written("POST", b"/v1/chat/completions", [], body)),
)
oddities = st.one_of(
    st.sampled_from(
        [
            *(b"\r\n", b"\n", b"\r", b"\0", b"GET", b" HTTP/1.1\r\n", b"0\r\n\r\n", b"\r\n\r\n"),
            *(b"GET /v1/models\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
            *(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
            bytes.fromhex("16030100c8010000c40303") + b"\x11" * 190,
            b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: a\r\n" * 5_000 + b"\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"x" * 20_000,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: a\r\n" * 999,
            b"GET /v1/models HTTP/1.1\r\nHost: x\r\nx: a\r\n b\r\n\r\n",
        ]
    ),
    st.binary(max_size=30),
    headed.map(lambda request: request.data.replace(b"HEAD ", b"GET ", 1)),
)  # fmt: skip


def cut(data, positions):
    """Cut bytes at these positions."""
    bounds = sorted({min(position, len(data)) for position in positions} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(bounds)]


positions = st.lists(st.integers(0, 1_000), max_size=6)
# One stream of requests, damaged requests and oddities, in segments.
streams = st.builds(
    cut,
    st.lists(st.one_of(valid, damaged(valid), oddities), min_size=1, max_size=4).map(b"".join),
    positions,
)
pipelines = st.lists(valid, max_size=4).map(
    lambda found: [*found, written("GET", b"/v1/models", CLOSE, b"")]
)

# --- smuggling: framing of which two servers could think differently

SMUGGLED = written("GET", b"/s/smuggled/v1/models", [], b"")
LENGTHS = (b"+5", b"-5", b"0x5", b"5_0", b"5 5", b"5;", b"5,6", b"", b"9" * 40, b"\xd9\xa5", b"5.0")
CODINGS = (
    *(b"xchunked", b"identity", b"chunked, identity", b"chunked, chunked", b"chunked;q=1", b"chunke"),
    *(b"chunked,", b",chunked", b"\x0bchunked", b"chunked\x00", b"'chunked'", b""),
)  # fmt: skip
LENGTH, CODING = b"Content-Length", b"Transfer-Encoding"
AMBIGUOUS = [
    *(b"%b: %b" % (LENGTH, value) for value in LENGTHS),
    *(b"%b: %b" % (CODING, value) for value in CODINGS),
    *(b"%b: 5\r\n%b: %b" % (LENGTH, CODING, value) for value in (b"chunked", *CODINGS)),
    *(b"%b: %b\r\n%b: 5" % (CODING, value, LENGTH) for value in (b"chunked", *CODINGS)),
    *(b"%b%b: chunked" % (CODING, space) for space in (b" ", b"\t", b"\x0b", b"\0", b"\r", b"\r\n")),
    *(b"%b%b: 5" % (LENGTH, space) for space in (b" ", b"\t", b"\x0b", b"\0")),
    *(b"%b: 5\r\n%b: %b" % (LENGTH, LENGTH, value) for value in (b"6", b"05x", *LENGTHS)),
    b"%b: chunked\r\n%b: chunked" % (CODING, CODING),
    b"%b: chunked\r\n%b: identity" % (CODING, CODING),
    b"%b: 5\n%b: chunked" % (LENGTH, CODING),
    b"%b: 5\r%b: chunked" % (LENGTH, CODING),
    b" %b: chunked" % CODING,
    b"%b:\r\n chunked" % CODING,
    b"x: y\r\n %b: chunked" % CODING,
]  # fmt: skip
CHUNKED = b"%b: chunked" % CODING
SIZES = (
    *(b"0x5", b"-5", b"+5", b"5 ", b" 5", b"", b"5_0", b"f" * 20, b"5g", b"\xd9\xa5", b"5\n", b"5\r"),
)  # fmt: skip
BAD_CHUNKS = [
    *(b"%b\r\nhello\r\n0\r\n\r\n" % size for size in SIZES),
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhel\r\n0\r\n\r\n",
    b"0\r\nno colon\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"5;a\0b\r\nhello\r\n0\r\n\r\n",
]


@st.composite
def smuggling(draw):
    """Draw a request of ambiguous framing, and behind it one that must never be served."""
    framing, body = draw(
        st.tuples(st.sampled_from(AMBIGUOUS), st.sampled_from([b"0\r\n\r\n", b"hello", b""]))
        | st.tuples(st.just(CHUNKED), st.sampled_from(BAD_CHUNKS))
    )
    change = draw(st.sampled_from([bytes, bytes.lower, bytes.upper, bytes.title]))
    lines = [b"Host: x", b"api-key: k", b"Content-Type: application/json"]
    lines.insert(draw(st.integers(1, 3)), change(framing))
    path = draw(st.sampled_from([b"/v1/chat/completions", b"/", b"/v1/models", b"/s/a/v1/x"]))
    head = b"\r\n".join([b"POST %b HTTP/1.1" % path, *lines])
    return cut(head + b"\r\n\r\n" + body + SMUGGLED, draw(positions))


# --- scenarios

ROOT = Path(__file__).parents[2]
CORPUS = [
    path.read_text("utf-8")
    for path in sorted([*ROOT.glob("scenarios/*.yaml"), *ROOT.glob("tests/core/broken/*.yaml")])
    if path.stem != "tour" and path.stat().st_size < 10_000
]
TOUR = read((ROOT / "scenarios/tour.yaml").read_text("utf-8"), "tour").data
YAML = (
    *(".nan", ".inf", "-.inf", "~", "0x1F", "0o17", "1_000", "1:30", "2001-01-01", "1e999", "-0.0"),
    *("!!int a", "!!float x", "!!binary a", "!!set {a}", "!x y", "!!python/object:os.system {}"),
    *("&a [*a]", "*a", "<<", "{<<: {a: b}}", "{? [a] : b}", "[[a]", "'[[a]'", "'(?P<a>'", "'(a'"),
    *(
        r"'\'",
        r"'(?i)a(?i)'",
        "'[a--b]'",
        "'a{1,99999999999}'",
        "'(?<=a*)b'",
        "'a**'",
        "'(?P<é>a)'",
    ),
    *("'{{'", "'{{ x }}'", "'{% for %}'", "'{{ user.__class__ }}'", "'{% include \"a\" %}'"),
    *("'1e9s'", "'-1s'", "'999999999.999999999m'", r'"\ud800"', r'"\x00"', '"\\', "|", ">9", "%a"),
    *("\x85", "\ufeff", "\t", "@a", "`a", "? ", "- ", "---", "...", "yes", "= ", "9" * 4301, "''"),
)
odd_scalars = st.sampled_from(YAML) | wild


@st.composite
def changed_texts(draw):
    """Draw a scenario's text with one of its lines gone, doubled, indented, cut or replaced."""
    lines = draw(st.sampled_from(CORPUS)).splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    lines[at : at + 1] = draw(
        st.one_of(
            st.just([]),
            st.just([line, line]),
            st.integers(1, 4).map(lambda width: [" " * width + line]),
            st.just([line.lstrip()]),
            st.integers(0, len(line)).map(lambda end: [line[:end]]),
            odd_scalars.map(lambda scalar: [line.partition(":")[0] + ": " + scalar]),
            st.builds(
                lambda start, end, junk: [line[:start] + junk + line[start + end :]],
                st.integers(0, len(line)),
                st.integers(0, 3),
                st.text(max_size=3) | odd_scalars,
            ),
        )
    )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@st.composite
def changed_data(draw):
    """Draw a few entries of the tour with one value in them that cannot be meant."""
    part = draw(st.sampled_from(["rules", "script"]))
    some = draw(st.lists(st.sampled_from(TOUR[part]), min_size=1, max_size=2))
    document = {"mockgpt": 1, "defaults": TOUR["defaults"], "limits": TOUR["limits"], part: some}
    place = draw(st.sampled_from(list(_places(document))))
    text = json.dumps(_with(document, place, "@"))
    new = draw(odd_scalars | anything.map(json.dumps))
    return text.replace('"@"', new, 1).encode("utf-8", "surrogatepass")


changed_scenarios = changed_texts() | changed_data()
keys_of_the_language = st.sampled_from(
    ["rules", "when", "reply", "say", "user", "body", "$any", "faults", "kind", "script", "error"]
)
random_data = st.recursive(
    anything | odd_scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys_of_the_language, inner, max_size=3)
    ),
    max_leaves=10,
).map(lambda data: json.dumps({"mockgpt": 1, "rules": [data], "name": data}).encode())
random_texts = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text("mockgpt: 1\n-rules[]{}&*!|>'\"%@`#?,~\t\\", max_size=80).map(str.encode),
    st.lists(odd_scalars, max_size=4).map(
        lambda some: ("mockgpt: 1\nrules:\n - " + "\n - ".join(some)).encode(
            "utf-8", "surrogatepass"
        )
    ),
)

# --- texts for the tokenizer

SCRIPTS = (
    "az AZ",
    "'sdmtlreve ",
    "0129٣²½",
    " \t\r\n\x0b\x85\xa0\u2028\u3000",
    "列表中文字",
    "한글",
)
SCRIPTS += (
    "🦖👩‍👩‍👧‍👦🏽",
    "\ud800\udfff\ud83d",
    "éàüßñ",
    "Ελληνικά Кириллица",
    ".,;:!?-_(){}[]<>/\\|@#$%^&*+=~`",
)
tokenized = st.lists(
    st.one_of(*(st.text(script, max_size=12) for script in SCRIPTS), st.text(max_size=8)),
    max_size=6,
).flatmap(lambda some: st.sampled_from([1, 1, 1, 7, 90]).map(lambda times: "".join(some) * times))

# --- the control API

CONTROL = "/_mockgpt"
NAMED = ("default", "fuzz", "a", "%00", "..", "%2F", "rule-1", "wild-cut", "%ff", "列", "x" * 65)
FIELDS = ("session", "endpoint", "rule", "status", "error", "after", "limit", "nothing", "")
query_values = st.sampled_from(["default", "1", "0", "-1", "9" * 30, "1e3", "", "%00", "列", "+"])
control_queries = st.lists(st.tuples(st.sampled_from(FIELDS), query_values), max_size=3).map(
    lambda pairs: "?" + "&".join("=".join(pair) for pair in pairs) if pairs else ""
)
durations = st.sampled_from(["60s", "1.5m", 0, 1e9, "999999999m", "-1s", "soon"]) | anything
settings_of_sessions = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMED) | st.text(max_size=5)},
    optional={
        "seed": mostly(st.integers()),
        "api_keys": mostly(st.lists(st.text(max_size=5), max_size=2)),
        "errors": mostly(st.sampled_from(["openai", "azure", "fastapi"])),
        "strict": mostly(st.booleans()),
        "speed": mostly(st.floats()),
        "on_miss": mostly(st.sampled_from(["fail", "filler", None])),
        "scenario": mostly(st.just({"rules": TOUR["rules"][:1]})),
    },
)
rule_patches = st.sampled_from(TOUR["rules"]) | anything
control_documents = st.one_of(
    st.fixed_dictionaries({"advance": durations}),
    settings_of_sessions,
    rule_patches,
    st.builds(lambda rule: {"rules": [rule]}, rule_patches),
)
control_bodies = st.one_of(
    st.tuples(st.just(b"application/json"), as_json(control_documents)),
    st.tuples(st.just(b"application/json"), odd(control_documents)),
    st.tuples(st.just(b"application/json"), wild_bytes),
    st.tuples(st.just(b"application/yaml"), changed_scenarios),
    st.tuples(st.sampled_from([b"text/plain", b"", b"application/merge-patch+json"]), st.binary()),
    st.just((b"", b"")),
)
OPERATIONS_ASKED = [(row.method, CONTROL + re.sub(r"{\w+}", "{}", row.path)) for row in OPERATIONS]


@st.composite
def control_requests(draw):
    """Draw a request of the control API: mostly of an operation that there is."""
    method, pattern = draw(st.sampled_from(OPERATIONS_ASKED))
    method = draw(mostly(st.just(method), st.sampled_from(METHODS[:7])))
    path = "".join(
        draw(st.sampled_from(NAMED)) if part == "{}" else part
        for part in re.split("({})", draw(mostly(st.just(pattern), paths.map(CONTROL.__add__))))
    )
    media, body = draw(control_bodies)
    headers = [(b"Content-Type", media)] if media else []
    target = encoded(path + draw(control_queries))
    return Asked(written(method, target, headers, body), method)
