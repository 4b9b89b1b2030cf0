"""Canaries: known keys by every route, header and body, and not a byte of them in what is produced.

What may be shown: a fingerprint of eight digits, and in the answer to a wrong key its ends.
"""

import base64
import contextlib
import html
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
from itertools import count

import pytest
from bodies import hello
from click.testing import CliRunner

from mockgpt import MockGPT, har, json_lines, transcript, write_reports
from mockgpt.cli import main
from mockgpt.core.engine import Engine
from mockgpt.core.redaction import NOTHING
from mockgpt.core.reports.junit import junit
from mockgpt.core.reports.page import report_html

_PATIENCE = 30  # seconds
_NUMBERS = count(1)
OPAQUE = "0pAqu3c4n4ry5f6d7c8b9a0f1e2d"  # a key of no known form, as Azure's are
USER = "scout:pa55c4n4ryw0rd0123"  # of basic authorization
GOOD = "g00dc4n4ry0123456789abcdef"  # a key that is accepted


def looks(tail="c4n4ryA1b2C3d4E5f6"):
    """Return a key that looks like one, another one each time."""
    return f"sk-{next(_NUMBERS):03}{tail}"


def encoded(key):
    return [
        urllib.parse.quote(key, safe=""),
        "".join(f"%{byte:02x}" for byte in key.encode()),
        "".join(f"\\u{ord(c):04x}" for c in key),
        base64.b64encode(key.encode()).decode(),
        base64.b64encode(key.encode()).decode().rstrip("="),
    ]


JSON = "content-type: application/json"
FORM = "content-type: application/x-www-form-urlencoded"
CHAT = "POST /v1/chat/completions"


def requests(good):
    """Yield requests with keys: a request line, headers, a body and how the bytes are cut."""
    key = f"authorization: Bearer {good}"
    # Keys where they belong, of every kind.
    basic = base64.b64encode(USER.encode()).decode()
    for header in [
        f"authorization: Bearer {looks()}",
        f"authorization: bearer  {OPAQUE}",
        f"Authorization: Basic {basic}",
        f"authorization: {looks()}",
        f"api-key: {looks()}",
        f"API-Key: {OPAQUE}",
        f"x-api-key: {OPAQUE}",
        f"cookie: session={OPAQUE}; theme=dark",
        f"proxy-authorization: Basic {basic}",
        f"x-goog-api-key: {OPAQUE}",
        f"x-amz-security-token: {OPAQUE}",
        f"x-vault-token: {OPAQUE}",
        f"x-signature: {OPAQUE}",
        f"x-custom: {looks()}",
        f"x-forwarded-authorization: Bearer {OPAQUE}",
        f"referer: http://a.example/?api_key={OPAQUE}&x=1",
        f"user-agent: my/1 {looks()}",
        f"openai-organization: {looks()}",
    ]:
        for head in ([header, key], [header]):
            yield CHAT, [*head, JSON], json.dumps(hello("a"))
    # The same key elsewhere in the request, where its name tells nothing.
    twice = f"api-key: {OPAQUE}"
    for line in [f"GET /v1/{OPAQUE}/models", f"GET /v1/models/{OPAQUE}", f"{CHAT}?key={OPAQUE}"]:
        yield line, [twice, JSON], json.dumps(hello("a"))
    for body in [hello(f"mine is {OPAQUE}"), hello("a", note=OPAQUE), hello("a", model=OPAQUE)]:
        yield CHAT, [twice, JSON], json.dumps(body)
    yield CHAT, [twice, JSON, f"x-other: {OPAQUE}"], json.dumps(hello("a"))
    for form in encoded(OPAQUE):
        yield CHAT, [twice, JSON], json.dumps(hello("see ")).replace("see ", f"see {form}")
    # In paths and queries.
    for made in [looks(), encoded(looks())[0], encoded(looks())[1]]:
        yield f"GET /v1/{made}/models", [key], ""
        yield f"GET /v1/models/{made}", [key], ""
        yield f"GET /s/{made}/v1/models", [key], ""
        yield f"GET http://host/v1/{made}", [key], ""
        yield f"{CHAT}?api_key={made}", [key, JSON], json.dumps(hello("a"))
        yield f"{CHAT}?api-version=2023-05-15&key={made}", [JSON], json.dumps(hello("a"))
        yield f"DELETE /openai/deployments/{made}/chat/completions", [key], ""
        yield f"GET /_mockgpt/sessions/{made}", [key], ""
    # In bodies.
    secret = {"deep": [{"api_key": OPAQUE, "password": OPAQUE, "x-api-key": OPAQUE}]}
    for body in [
        hello("a", api_key=OPAQUE),
        hello("a", authorization=f"Bearer {OPAQUE}"),
        hello("a", metadata=secret),
        hello("a", user=looks()),
        hello("a", model=looks()),
        hello("a", temperature=looks()),
        hello("a", stop=[looks()]),
        hello("a", **{looks(): 1}),
        hello(f"my key is {looks()}, keep it"),
        hello(f"my key is {looks()}, keep it", stream=True),
        hello(f"base64 {base64.b64encode(looks().encode()).decode()}"),
        hello("x" * 185 + f" {looks('c4n4ry' * 5)}"),
        hello(f"Authorization: Bearer {OPAQUE}"),
        hello(f"curl -H 'api-key: {OPAQUE}'"),
        hello([{"type": "text", "text": f"你好 {looks()} 🔑"}]),
        hello([{"type": "image", "text": looks()}]),
        {"messages": looks()},
        {"messages": [{"role": looks(), "content": "a"}]},
        [looks()],
    ]:
        yield CHAT, [key, JSON], json.dumps(body)
        yield CHAT, [key, JSON], json.dumps(body, ensure_ascii=False)
    escaped = "".join(f"\\u{ord(c):04x}" for c in looks())
    yield CHAT, [key, JSON], json.dumps(hello("X")).replace("X", escaped)
    yield CHAT, [key, JSON], f'{{"messages":[],"user":"{looks()}","user":"b"}}'
    yield "POST /v1/completions", [key, JSON], json.dumps({"prompt": [looks(), "b"]})
    yield "POST /v1/embeddings", [key, JSON], json.dumps({"input": looks()})
    yield CHAT, [key, FORM], f"api_key={OPAQUE}&prompt=a&access_token={OPAQUE}"
    yield CHAT, [key, "content-type: multipart/form-data; boundary=b"], f"--b\r\n{looks()}\r\n--b--"
    yield CHAT, [key, f"content-type: {looks()}"], "{}"
    yield CHAT, [key, JSON], f'{{"api_key": "{OPAQUE}", broken'
    yield CHAT, [key, JSON], f'{{"a": "{looks()}'
    yield CHAT, [key, JSON, f"x-stainless-retry-count: {looks()}"], json.dumps(hello("a"))
    yield CHAT, [key, JSON, f"content-encoding: {looks()}"], "{}"


def raw(line, headers, body):
    data = body.encode()
    head = [f"{line} HTTP/1.1", "host: localhost", "connection: close", *headers]
    return "\r\n".join([*head, f"content-length: {len(data)}", "", ""]).encode() + data


def malformed():
    """Yield bytes that are no HTTP, or too little of it, with keys in them."""
    whole = raw(CHAT, [f"api-key: {looks()}", JSON], json.dumps(hello(looks())))
    yield whole[:-20]
    yield f"GET /{looks()}\r\n\r\n".encode()
    yield f"{looks()} / HTTP/1.1\r\n\r\n".encode()
    yield f"GET / {looks()}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nauthorization {looks()}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\n{looks()} x: y\r\n\r\n".encode()
    yield f"POST / HTTP/1.1\r\ncontent-length: {looks()}\r\n\r\n".encode()
    yield f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{looks()}\r\n".encode()
    yield f"GET /v1/models HTTP/1.1\r\nhost: a\r\napi-key: clé-{looks()}-ключ\r\n\r\n".encode()


def exchange_bytes(address, data):
    """Send bytes in two parts, and return all that comes."""
    with socket.create_connection(address, timeout=_PATIENCE) as client:
        middle = data.find(b"c4n4ry") + 3 if b"c4n4ry" in data else len(data) // 2
        with contextlib.suppress(OSError):  # it may have refused the first part
            client.sendall(data[:middle])
            client.sendall(data[middle:])
            client.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while part := client.recv(65536):
                answer += part
        return answer


def send_all(address, good, step=1):
    """Send every request, or every so manieth, and return the answers that are errors."""
    answers = [exchange_bytes(address, raw(*one)) for one in [*requests(good)][::step]]
    answers += [exchange_bytes(address, data) for data in malformed()]
    return [answer for answer in answers if not answer.startswith(b"HTTP/1.1 200")]


# Every form that a canary could have; those in base64 at each of three offsets.
NEEDLES = [
    *("c4n4ry", "pa55", "0pAqu3", "\\u0063\\u0034\\u006e", "%63%34%6e", "\\x63\\x34"),
    *(base64.b64encode(b" " * n + b"c4n4ry")[4 if n else 0 : 8].decode() for n in (0, 1, 2)),
]


def assert_clean(produced, what):
    """Refuse every form of a canary, also where a reader would decode what was produced."""
    text = produced if isinstance(produced, str) else produced.decode("utf-8", "replace")
    for form in (text, html.unescape(text), urllib.parse.unquote(text), joined(text)):
        for needle in NEEDLES:
            at = form.find(needle)
            assert at < 0, f"{what}: {needle} in {form[max(0, at - 120) : at + 60]!r}"


def joined(text):
    """Return the pieces of streams one after the other, as a client reads them."""
    return "".join(re.findall(r'\\*"(?:content|text)\\*":\s*\\*"([^"\\]*)', text))


def produced_by(session, findings, root):
    """Yield all that is made of a session: its reports, and its values in print."""
    record = session.record("test[a]", "failed")
    yield "transcript", transcript(record, most=1000)
    yield "JUnit", junit([record], suite="s", seconds=1.0)
    yield "HAR", har(record.exchanges)
    yield "JSON lines", b"".join(json_lines(record.exchanges))
    yield "page", report_html([record])
    for path in write_reports([record], root):
        yield path.name, path.read_bytes()
    for number, exchange in enumerate(record.exchanges):
        yield f"exchange {number}", f"{exchange!r} {exchange!s}"
        if exchange.redaction == NOTHING:  # of which a part by itself knows nothing
            yield f"parts of {number}", f"{exchange.sent!r} {exchange.request!r}"
    for value in (session.journal, session.last, findings[-1], session):
        yield type(value).__name__, f"{value!r} {value!s}"
    with pytest.raises(AssertionError) as failed:
        session.check()
    yield "check", f"{failed.value} {failed.getrepr(style='long', showlocals=False)}"


OUTLETS = [
    *("journal?limit=1000", "journal.har", "journal.jsonl", "findings", "sessions", "scenario"),
    *("health", "openapi.json"),
]

ECHO = """
mockgpt: 1
rules:
  - id: keyed
    when: {user: never, api_key: sk-author-c4n4ry0123456789, headers: {x-custom: never}}
    reply: never
  - id: near
    when: {user: {contains: keep it}, model: "gpt-*"}
    reply: {template: "You said: {{ user }}"}
"""


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [
        ("openai", (GOOD,)),
        *(
            pytest.param(dialect, keys, marks=pytest.mark.long)
            for dialect in ("openai", "azure", "fastapi")
            for keys in ((), (GOOD,))
            if (dialect, keys) != ("openai", (GOOD,))
        ),
    ],
)
def test_no_canary_is_in_anything_produced(dialect, keys, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "echo.yaml"
    path.write_text(ECHO)
    with MockGPT(path, errors=dialect, api_keys=keys, seed=1) as mock:
        host, _, port = mock.url.removeprefix("http://").partition(":")
        address = host, int(port)
        for answer in send_all(address, GOOD):
            masked = re.sub(rb"[\w-]{4}\*{4,}[\w-]{4}", b"", answer)  # as the service does
            assert_clean(masked, "an error's body")
        for outlet in OUTLETS:
            shown = exchange_bytes(address, raw(f"GET /_mockgpt/{outlet}", [], ""))
            assert shown.startswith(b"HTTP/1.1 200")
            assert_clean(shown, outlet)
        assert len(mock.journal) > 100
        for what, produced in produced_by(mock, mock.findings, tmp_path / "report"):
            assert_clean(produced, what)
    assert_clean(caplog.text, "the log")


def test_a_bug_tells_no_canary(monkeypatch, caplog):
    def answer(_, incoming):
        cause = KeyError(incoming.headers["api-key"])
        raise RuntimeError(f"{incoming.path} {incoming.body!r} {incoming}") from cause

    monkeypatch.setattr(Engine, "answer", answer)
    with MockGPT() as mock:
        host, _, port = mock.url.removeprefix("http://").partition(":")
        sent = raw(f"POST /v1/{OPAQUE}", [f"api-key: {OPAQUE}", f"x-a: {looks()}"], looks())
        assert_clean(exchange_bytes((host, int(port)), sent), "the answer")
        with pytest.raises(AssertionError) as failed:
            mock.check()
        assert_clean(str(failed.getrepr(style="long", chain=True)), "the traceback")
        record = mock.record()
        assert record.exchanges[0].error == "mockgpt_bug"
        assert_clean(report_html([record]) + repr(record), "the report")
    assert "bug in mockgpt: POST" in caplog.text
    assert_clean(caplog.text, "the log")


def test_options_are_printed_without_keys():
    with MockGPT(api_keys=[OPAQUE], control_token=OPAQUE) as mock:
        engine = mock._handler.engine
        assert_clean(f"{mock!r} {engine.settings!r} {engine.default!r}", "options")
    for options in ({"api_keys": OPAQUE}, {"control_token": f"{OPAQUE} "}):
        with pytest.raises(ValueError, match="option") as refused:
            MockGPT(**options)
        assert_clean(str(refused.value), "an error")


PRIVATE = "my pr1v4te 生活, ann@pr1v4te.example" + " and so on" * 30
REDACTED = """
mockgpt: 1
rules:
  - {id: never, when: {user: never}, reply: never}
  - {id: echo, when: {stream: true}, reply: {template: "You said: {{ user }}"}}
"""


@pytest.mark.parametrize(
    ("redact", "needle"),
    [
        (["prompts"], "pr1v4te"),
        (["(?i)PR1V4TE"], "pr1v4te"),
        pytest.param(["emails"], "ann@", marks=pytest.mark.long),
    ],
)
def test_what_is_redacted_is_shown_nowhere(redact, needle, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "echo.yaml"
    path.write_text(REDACTED)
    bodies = [
        json.dumps(hello(PRIVATE, **more))
        for more in ({"stream": True}, {}, {"n": PRIVATE}, {"user": PRIVATE})
    ]
    bodies += [json.dumps(hello(PRIVATE), ensure_ascii=False)[:-1], f"x={PRIVATE}", "[]"]
    with MockGPT(path, redact=redact) as mock:
        host, _, port = mock.url.removeprefix("http://").partition(":")
        answers = [
            exchange_bytes((host, int(port)), raw(CHAT, ["api-key: k", JSON], body))
            for body in bodies
        ]
        assert b"pr1v4te" in answers[1]  # the client's own request may be told to it
        told = [
            caplog.text,
            *(text for _, text in produced_by(mock, mock.findings, tmp_path / "r")),
        ]
        told += [
            exchange_bytes((host, int(port)), raw(f"GET /_mockgpt/{outlet}", [], ""))
            for outlet in OUTLETS
        ]
    for text in told:
        shown = text if isinstance(text, str) else text.decode()
        shown += html.unescape(shown) + joined(shown)
        at = shown.find(needle)
        assert at < 0, shown[max(0, at - 200) : at + 60]


LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from mockgpt.cli import main
main()
"""
SEND = """
import os, sys
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("canaries", sys.argv[1])
canaries = importlib.util.module_from_spec(spec)
spec.loader.exec_module(canaries)
host, _, port = os.environ["MOCKGPT_URL"].removeprefix("http://").partition(":")
canaries.send_all((host, int(port)), canaries.GOOD, 5)
sys.exit(1)
"""
DEBUG = {"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default"}


def loud(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-c", LOUD, *map(str, arguments)],
        env={**os.environ, **DEBUG},
        stdout=subprocess.PIPE,
        text=True,
        **{"stderr": subprocess.PIPE, **more},
    )


def test_serve_prints_no_canary(tmp_path):
    path, log = tmp_path / "echo.yaml", tmp_path / "log"
    path.write_text(ECHO)
    arguments = ["serve", path, "--watch", "--listen", "127.0.0.1:0", "--api-key", GOOD]
    with log.open("w+") as stderr, loud(*arguments, stderr=stderr) as process:
        url = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        send_all(("127.0.0.1", int(url[1])), GOOD, 5)
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=_PATIENCE)
    assert "POST /v1/chat/completions" in log.read_text()
    assert_clean(stdout + log.read_text(), "the terminal")


@pytest.mark.long
def test_run_writes_no_canary(tmp_path):
    path, report, xml = tmp_path / "echo.yaml", tmp_path / "report", tmp_path / "junit.xml"
    path.write_text(ECHO)
    command = [sys.executable, "-c", SEND, __file__]
    arguments = ["run", path, "--report", report, "--junit", xml, "--api-key", GOOD, "--"]
    with loud(*arguments, *command) as process:
        stdout, stderr = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 1
    assert "findings" in stderr
    assert_clean(stdout + stderr, "the terminal")
    for written in (xml, *report.iterdir()):
        assert_clean(written.read_bytes(), written.name)


def test_explain_prints_no_canary(tmp_path):
    path, request = tmp_path / "echo.yaml", tmp_path / "request.json"
    path.write_text(ECHO)
    for line, headers, body in requests(GOOD):
        if line != CHAT or not body.startswith("{"):
            continue
        request.write_text(body, "utf-8")
        given = [word for header in headers for word in ("--header", header)]
        for more in ([], ["--json"]):
            told = CliRunner().invoke(
                main, ["explain", str(path), str(request), "--endpoint", "chat", *given, *more]
            )
            assert told.exit_code in (0, 1)
            assert_clean(told.output, f"explain {body}")


@pytest.mark.long
def test_a_failing_test_shows_no_canary(pytester):
    pytester.makepyfile(
        f"""
        import importlib.util, logging
        spec = importlib.util.spec_from_file_location("canaries", {__file__!r})
        canaries = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(canaries)

        def test_it(mockgpt):
            host, _, port = mockgpt.url.removeprefix("http://").partition(":")
            canaries.send_all((host, int(port)), canaries.GOOD, 5)
            assert mockgpt.journal[0].sent is None, mockgpt.journal[0]
        """
    )
    done = pytester.runpytest_subprocess("--mockgpt-report=out", "--log-level=DEBUG", "-l")
    assert done.ret == 1
    assert_clean(done.stdout.str() + done.stderr.str(), "the terminal")
    for written in (pytester.path / "out").iterdir():
        assert_clean(written.read_bytes(), written.name)
