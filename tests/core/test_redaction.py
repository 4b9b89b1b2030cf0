"""What is not shown of what clients sent: secrets by their looks, and what `--redact` names."""

import json
import pickle
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from mockgpt.core.blotting import reply_body, request_body, teller
from mockgpt.core.equality import shown
from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.journal import Journal
from mockgpt.core.redaction import NOTHING, hidden, redaction, repeated
from mockgpt.core.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Message

SK = "sk-" + "a1B2" * 8
OPAQUE = "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a {SK}", "a ***"),
        ("a sk-short", "a sk-short"),
        ("sk-mock-" + "a" * 30, "sk-mock-" + "a" * 30),
        (f"/v1/{SK.replace('-', '%2D')}/x", "/v1/***/x"),
        ("".join(f"%{byte:02X}" for byte in SK.encode()), "***"),
        ("100%25 of %", "100%25 of %"),
        (f"?api_key={OPAQUE}&b=1", "?api_key=***&b=1"),
        (f"?key={OPAQUE}", "?key=***"),
        ("?api_key=short", "?api_key=short"),
        (f'{{"api_key": "{OPAQUE}"}}', '{"api_key": "***"}'),
        (f'{{\\"api-key\\": \\"{OPAQUE}\\"}}', '{\\"api-key\\": \\"***\\"}'),
        (f"Authorization: Bearer {OPAQUE}", "Authorization: Bearer ***"),
        ("Authorization: Bearer sk-mock-a-test", "Authorization: Bearer sk-mock-a-test"),
        (f"the bearer {OPAQUE}", "the bearer ***"),
        ("the bearer of news", "the bearer of news"),
        ("what is a password? tell me", "what is a password? tell me"),
        ("prompt_tokens: 1234567890", "prompt_tokens: 1234567890"),
        (f"eyJhbGciOiJIUzI1.{OPAQUE}.abc", "***"),
        (f"我的密钥是{SK}，请帮我", "我的密钥是***，请帮我"),
        (json.dumps(f"密钥是{SK}"), '"\\u5bc6\\u94a5\\u662f***"'),
        (f"令牌eyJhbGciOiJIUzI1.{OPAQUE}.abc吗", "令牌***吗"),
        ("令牌AKIAABCDEFGHIJKLMNOP过期", "令牌***过期"),
        ("AKIAABCDEFGHIJKLMNOPQ", "AKIAABCDEFGHIJKLMNOPQ"),
        (f"api_key：{OPAQUE}，这段代码为什么报错", "api_key：***，这段代码为什么报错"),
        (f"access_token＝{OPAQUE}", "access_token＝***"),
        (
            "cookie:浏览器用来保存登录状态的小文件是什么",
            "cookie:浏览器用来保存登录状态的小文件是什么",
        ),
        ("password: пароль-от-всего", "password: ***"),
    ],
)
def test_secrets_are_known_by_their_looks(text, told):
    assert hidden(text) == told
    assert hidden(told) == told


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "(",
            (
                "expected prompts, replies, emails or a regular expression, found '(', which is none: "
                "missing ), unterminated subpattern at position 0"
            ),
        ),
        (
            "x*",
            (
                "expected prompts, replies, emails or a regular expression, found 'x*', which matches "
                "where nothing is; let it match something"
            ),
        ),
        (
            "prompt",
            (
                "expected prompts, replies, emails or a regular expression, found 'prompt'; did you "
                "mean 'prompts'?; a word of your own is (?:prompt)"
            ),
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule, message):
    with pytest.raises(ValueError, match="expected") as refused:
        redaction(["emails", rule])
    assert str(refused.value) == message


def body(by, value, *, show=request_body):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    changed = show(data, by)
    return changed if isinstance(value, bytes) else json.loads(changed)


CHAT = {
    "model": "gpt-4",
    "messages": [{"role": "user", "content": "I am ann@example.com, 42"}],
    "n": 1,
}


@pytest.mark.parametrize(
    ("rules", "sent", "told"),
    [
        ([], CHAT, CHAT),
        (["(?:no such)"], CHAT, CHAT),
        (
            ["emails", r"\d+"],
            CHAT,
            {**CHAT, "model": "gpt-***"}
            | {"messages": [{"role": "user", "content": "I am ***, ***"}]},
        ),
        (
            ["prompts"],
            CHAT,
            {**CHAT, "messages": [{"role": "user", "content": "‹redacted, 24 characters›"}]},
        ),
        (
            ["prompts"],
            {"input": [[1, 2], "a"]},
            {"input": ["‹redacted, 2 numbers›", "‹redacted, 1 character›"]},
        ),
        (["prompts"], b"{broken ann", "‹redacted, 11 characters›".encode()),
        (["emails"], b"{broken ann@example.com", b"{broken ***"),
        (["emails"], {"ann@example.com": 1}, {"***": 1}),
        (["emails"], ["请联系zhang@example.com谢谢", "jörg@müller.de"], ["请联系***谢谢", "***"]),
        ([], {"a": {"api_key": "x", "token": OPAQUE}}, {"a": {"api_key": "***", "token": "***"}}),
        ([], {"token": "word", "key": "a b"}, {"token": "word", "key": "a b"}),
        ([], b'{"a":"' + SK.encode() + b'","a":"b"}', b'{"a":"***","a":"b"}'),
        (["emails"], b"", b""),
        ([], b' {"a" :1.0}', b' {"a" :1.0}'),
    ],
)
def test_what_is_shown_of_a_request(rules, sent, told):
    assert body(redaction(rules), sent) == told


@pytest.mark.parametrize(
    "depth", [200, 320, 480, 900]
)  # versions of Python differ in what they walk
def test_what_is_nested_deep_is_redacted_all_the_same(depth):
    sent = b'{"a":' * depth + b'"' + SK.encode() + b' secret life"' + b"}" * depth
    for rules in ([], ["prompts"], ["replies", "secret life"]):
        by = redaction(rules)
        tell = teller(sent, by)
        told = request_body(sent, by) + reply_body(b"data: " + sent, by, tell)
        assert SK.encode() not in told + tell(sent.decode()).encode()
        assert rules == [] or b"secret life" not in told


def stream(*pieces, index=0):
    events = (
        {"choices": [{"index": index, "delta": {"content": piece}}], "model": "m"}
        for piece in pieces
    )
    data = "".join(f"data: {msgspec.json.encode(event).decode()}\n\n" for event in events)
    return f"{data}data: [DONE]\n\n".encode()


@pytest.mark.parametrize(
    ("rules", "sent", "told"),
    [
        ([], stream("a", "b"), stream("a", "b")),
        ([], stream("my ", SK[:5], SK[5:], "."), stream("my ***.", "", "", "")),
        (["emails"], stream("ann@", "example", ".com"), stream("***", "", "")),
        (["replies"], stream("ab"), stream("‹redacted, 2 characters›")),
        (["replies"], b'data: {"cut', "data: ‹redacted, 5 characters›".encode()),
        (["emails"], b'data: {"ann@example.com', b'data: {"***'),
        (
            ["replies"],
            b'{"data":[{"embedding":[0.5]}],"object":"list"}',
            '{"data":[{"embedding":"‹redacted, 1 numbers›"}],"object":"list"}'.encode(),
        ),
        (["replies"], b"plain", "‹redacted, 5 characters›".encode()),
        (
            ["prompts"],
            b'{"a":"you said: my secret life"}',
            '{"a":"you said: ‹redacted, 14 characters›"}'.encode(),
        ),
    ],
)
def test_what_is_shown_of_a_reply(rules, sent, told):
    by = redaction(rules)
    asked = b'{"prompt":"my secret life"}'
    assert reply_body(sent, by, teller(asked, by)) == told


PIECES = [SK[at : at + 3] for at in range(0, len(SK), 3)]
LINES = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{piece}"}}}}]}}' for piece in PIECES]
CUT_LINE = LINES[6][:-8]


@pytest.mark.parametrize(
    ("faults", "lines", "end"),
    [
        ((), LINES, "\r"),
        ((), LINES, "\r\n"),
        ((), LINES[:5], "\n"),  # cut by max_tokens, an error, a close between events
        ((), [*LINES[:6], CUT_LINE], "\n"),
        ((), [LINES[0].replace("sk-", "s"), LINES[1].replace(PIECES[1], SK[1:20])[:-4]], "\n"),
        (("garble",), [*LINES[:4], LINES[4].replace("{", "[", 1), *LINES[5:]], "\n"),
        (("duplicate",), [*LINES[:4], *LINES[3:]], "\n"),
        (("reorder",), [*LINES[:3], LINES[4], LINES[3], *LINES[5:]], "\n"),
        (("drop",), [*LINES[:4], *LINES[5:]], "\n"),
    ],
)
@pytest.mark.parametrize("known", ["by its looks", "as the request's own"])
def test_no_stream_that_repeats_a_key_shows_parts_of_it(faults, lines, end, known):
    key = SK if known == "by its looks" else SK.replace("sk-", "ks-")
    text = end.join(lines).replace("sk-", "ks-" if key != SK else "sk-")
    exchange = replace(
        EXCHANGE,
        body=json.dumps({"prompt": key}).encode(),
        faults=faults,
        sent=Sent(status=200, kept=(text.encode(),)),
        redaction=NOTHING if key == SK else NOTHING.knowing((key,)),
    )
    shown = exchange.shown.sent.body.decode()
    assert not [piece for piece in PIECES[1:] if f'"{piece}' in shown]
    assert not [at for at in range(len(key) - 4) if key[at : at + 4] in shown]
    assert not [piece for piece in PIECES[1:] if f'"{piece}' in repr(exchange.sent)]


@pytest.mark.parametrize("faults", [(), ("garble",), ("drop",)])
def test_a_stream_that_repeats_nothing_secret_is_shown_as_it_is(faults):
    sent = f"{LINES[0]}\r\n\r\ndata: [{{\r\n\r\n{LINES[2]}".encode()
    exchange = replace(EXCHANGE, faults=faults, headers={}, redaction=NOTHING)
    exchange = replace(exchange, sent=Sent(status=200, kept=(sent,)))
    assert exchange.shown.sent.body == sent


def test_an_answer_that_is_cut_within_a_key_shows_none_of_it():
    asked = json.dumps({"prompt": f"I have {SK}"}).encode()
    told = teller(asked, NOTHING)
    for size in range(5, len(SK)):
        said = json.dumps({"choices": [{"text": f"I have {SK[:size]}"}]}).encode()
        for sent in (said, said[:-5]):  # the latter is no JSON, either
            shown = reply_body(sent, NOTHING, told)
            assert b"I have ***" in shown
            assert SK[:5].encode() not in shown


@given(st.text(min_size=4), st.integers(1, 100), st.sampled_from(["{}", "a, got {}.", "({}; b)"]))
def test_no_message_repeats_what_is_withheld(text, times, message):
    text *= times
    assume(text not in message)
    assume(redaction([]).text(text) == text)  # what looks like a key is hidden before
    asked = json.dumps({"prompt": text}).encode()
    told = teller(asked, redaction(["prompts"]))(message.format(shown(text)))
    cut = "..." * (len(text) > 200)
    mark = f"‹redacted, {len(text):,} characters›"
    assert told in [message.format(f"{quote}{mark}{quote}{cut}") for quote in "'\""]


EXCHANGE = Exchange(
    at=0,
    path="/v1/chat/completions",
    headers={"user-agent": "ann@example.com"},
    body=b'{"messages":[{"role":"user","content":"ann@example.com is here"}]}',
    request=ChatRequest(model="m", messages=(Message("user", "ann@example.com is here", "bob"),)),
    message="got 'ann@example.com is here'",
    sent=Sent(status=400, kept=(b"got ann@example.com",), told=(("x-a", "ann@example.com"),)),
    redaction=redaction(["prompts", "emails"]),
)


def test_an_exchange_is_shown_without_what_is_redacted():
    told = EXCHANGE.shown
    assert "ann" not in repr(told) + repr(EXCHANGE) + repr(EXCHANGE.shown.request)
    assert told.message == "got '‹redacted, 23 characters›'"
    assert told.request.user == "‹redacted, 23 characters›"
    assert told.shown == told
    assert EXCHANGE.request.user == "ann@example.com is here"
    assert pickle.loads(pickle.dumps(EXCHANGE)).shown == told


@pytest.mark.parametrize(
    ("request_", "texts"),
    [
        (
            CompletionRequest(model="m", prompts=("abc", (1, 2))),
            ("‹redacted, 3 characters›", (1, 2)),
        ),
        (EmbeddingRequest(model="m", inputs=("abc",)), ("‹redacted, 3 characters›",)),
    ],
)
def test_texts_of_every_request_are_withheld(request_, texts):
    assert replace(EXCHANGE, request=request_).shown.request.texts == texts


def test_what_loses_its_body_is_redacted_before():
    journal = Journal(size=2_300)
    journal.append(EXCHANGE)
    journal.append(EXCHANGE)
    assert not journal[0].bodies
    assert journal[0].message == "got '‹redacted, 23 characters›'"


def test_a_key_that_stands_elsewhere_is_left_out_there():
    headers = (f"Bearer {OPAQUE}", "sk-mock-" + "a" * 20)
    by = NOTHING.knowing(repeated(headers, (f"/{OPAQUE}",), b""))
    assert by.secrets == (OPAQUE,)
    assert by.text(f"{OPAQUE} sk-mock-a") == "*** sk-mock-a"
    assert NOTHING.knowing(repeated((OPAQUE,), ("/", "b"), b"")) is NOTHING
    assert OPAQUE not in repr(by)


def test_each_secret_that_stands_elsewhere_is_found_once():
    in_path, in_body, nowhere = (OPAQUE[n:] + OPAQUE[:n] for n in (1, 2, 3))
    headers = (f"{in_body}; {nowhere}", f"Bearer {in_path}", in_body)
    escaped = "".join(f"\\u{ord(c):04x}" for c in in_body)
    for _ in range(2):  # heads that come again are known
        body = f"{in_body} {escaped} {in_path}".encode()
        assert repeated(headers, ("/", f"x{in_path}"), body) == (in_path, in_body)
        assert repeated(headers, ("/", f"x{in_path}"), b"other") == (in_path,)


PUNCTUATED = ["Ab3/Cd4+Ef5/Gh6JkLmNoPq", 'Ab3"Cd4\\Ef5Gh6JkLmNoPq', "Schl\xfcssel-1234567890abc"]


def escaped_otherwise(text):
    """Return JSON with the escapes of other writers: PHP's, .NET's, and any."""
    plain = json.dumps(text)
    return {
        plain,
        json.dumps(text, ensure_ascii=False),
        plain.replace("/", "\\/"),
        plain.replace("+", "\\u002B").replace('\\"', "\\u0022"),
        plain.replace("4", "\\u0034"),
        json.dumps(quote(text)),
        json.dumps(quote(text, safe="!'()*")),
    }


@pytest.mark.parametrize("key", PUNCTUATED)
@pytest.mark.parametrize("form", ['{"prompt":%s}', '{"prompt":%s,'])  # the latter is no JSON
def test_a_request_s_own_key_is_known_however_it_is_escaped(key, form):
    for said in escaped_otherwise(key):
        body = (form % said).encode()
        by = NOTHING.knowing(repeated((f"Bearer {key}",), ("/",), body))
        assert by.secrets == (key,)
        assert b"***" in request_body(body, by)
    path = f"/v1/{quote(key)}/models"
    by = NOTHING.knowing(repeated((f"Bearer {key}",), (path,), b""))
    assert by.text(path) == "/v1/***/models"


def test_a_bug_is_told_without_what_is_redacted():
    bug = KeyError("ann@example.com")
    assert NOTHING.bug(bug) is bug
    assert repr(redaction(["emails"]).bug(bug)) == """RuntimeError("KeyError('***')")"""
    assert str(redaction(["prompts"]).bug(bug)) == "KeyError: ‹redacted, 17 characters›"
