"""The control API as its clients meet it: on real sockets, every answer checked by its description."""

import asyncio
import http.client
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
import pytest
from bodies import check_schema, hello
from jsonschema import Draft202012Validator
from msgspec import convert

from mockgpt import MockGPT, create_app
from mockgpt.core.exchange import Incoming
from mockgpt.core.merging import patched
from mockgpt.core.plan import Head
from mockgpt.core.scenario import Scenario
from mockgpt.files.documents import Complaint, ScenarioError
from mockgpt.files.scenarios import load_sent, shipped
from mockgpt.files.services import load_service
from mockgpt.mock import build
from mockgpt.server import control
from mockgpt.server.control import ROOT, refusal
from mockgpt.server.openapi import described
from mockgpt.server.operations import OPERATIONS
from mockgpt.server.run import bind, serving

DESCRIPTION = json.loads(msgspec.json.encode(described(OPERATIONS, load_service("pgpt"))))
TWO = {"name": "two", "rules": [{"reply": ["one", "two", "three"]}]}


class Controls:
    """A client of one server. Each answer must be one that the description promises."""

    def __init__(self, mock):
        self.mock = mock

    def raw(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection(urlsplit(self.mock.url).netloc, timeout=20)
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response, data

    def __call__(self, method, path, body=None, headers=(), *, kind="application/json"):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {} if body is None else {"content-type": kind}
        response, data = self.raw(method, "/_mockgpt" + path, data, sent | dict(headers))
        assert response.getheader("content-type") == "application/json"
        assert response.getheader("access-control-allow-origin") is None
        answer = json.loads(data)
        check_promised(method, "/_mockgpt" + path.partition("?")[0], response.status, answer)
        return response.status, answer

    def ok(self, *arguments, **more):
        status, answer = self(*arguments, **more)
        assert status in (200, 201), answer
        return answer

    def refused(self, *arguments, **more):
        status, answer = self(*arguments, **more)
        assert answer["error"]["message"] == answer["error"]["errors"][0]
        return status, answer["error"]["message"]

    def chat(self, text="Hello!", *, prefix="", key="k"):
        body = json.dumps(hello(text))
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        response, data = self.raw("POST", f"{prefix}/v1/chat/completions", body, headers)
        answer = json.loads(data)
        said = answer["choices"][0]["message"]["content"] if "choices" in answer else answer
        return response.status, said

    def says(self, *arguments, **more):
        return self.chat(*arguments, **more)[1]


def check_promised(method, path, status, answer):
    for pattern, item in DESCRIPTION["paths"].items():
        found = re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path)
        operation = item.get(method.lower())
        if found and operation:
            responses = operation["responses"]
            promised = responses[str(status) if str(status) in responses else f"{status // 100}XX"]
            check_schema(answer, promised["content"]["application/json"]["schema"], DESCRIPTION)
            return
    assert status in (401, 403, 404, 405)
    check_schema(answer, {"$ref": "#/components/schemas/ErrorView"}, DESCRIPTION)


@pytest.fixture
def serve():
    started = []

    def start(*scenarios, **options):
        started.append(MockGPT(*scenarios, **options).start())
        return Controls(started[-1])

    yield start
    for mock in started:
        mock.stop()
        assert [e.bug for e in mock.journal if e.bug is not None] == []


@pytest.fixture
def controls(serve):
    return serve()


def test_health_tells_what_is_served(serve):
    controls = serve("documentation")
    controls.chat(prefix="/s/a")
    health = controls.ok("GET", "/health")
    assert (health["scenario"], health["sessions"]) == ("documentation", 2)
    assert health["clock"] == {
        "now": 1686986070.0,
        "date": "2023-06-17T07:14:30.000+00:00",
        "frozen": True,
    }
    response, data = controls.raw("HEAD", "/_mockgpt/health")
    assert (response.status, data) == (200, b"")


def test_a_scenario_is_put_as_json_or_yaml_and_shown_as_it_was_put(controls):
    assert controls.ok("PUT", "/scenario", TWO)["rules"] == [
        {"id": "rule-1", "reply": ["one", "two", "three"]}
    ]
    assert [controls.says("a"), controls.says("b")] == ["one", "two"]
    yaml = "mockgpt: 1\nname: häuser\nrules: [{id: r, reply: Häuser 😀}]\n"
    shown = controls.ok("PUT", "/scenario", yaml.encode(), kind="application/yaml; charset=utf-8")
    assert controls.says() == "Häuser 😀"
    assert controls.ok("GET", "/scenario") == shown
    assert controls.ok("PUT", "/scenario", shown) == shown
    assert shown["mockgpt"] == 1
    assert controls.ok("PUT", "/scenario", "rules: [{reply: x}]")["rules"][0]["reply"] == "x"


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_comes_back_as_it_was(serve, name):
    controls = serve(name)
    shown = controls.ok("GET", "/scenario")
    assert controls.ok("PUT", "/scenario", shown) == shown


def test_a_session_s_own_scenario_is_not_replaced_with_the_server_s(controls):
    own = {"rules": [{"reply": "own"}]}
    controls.ok("POST", "/sessions", {"name": "a"})
    controls.ok("PUT", "/scenario?session=a", own)
    controls.ok("PUT", "/scenario", TWO)
    assert controls.says(prefix="/s/a") == "own"
    assert controls.says(prefix="/s/b") == "one"
    assert controls.ok("GET", "/scenario?session=a")["rules"][0]["reply"] == "own"
    shown = {s["name"]: s["own_scenario"] for s in controls.ok("GET", "/sessions")["sessions"]}
    assert shown == {"default": False, "a": True, "b": False}
    assert controls.refused("GET", "/scenario?session=c") == (
        404,
        "expected the name of a session, found 'c'; POST /sessions opens it",
    )


def test_what_a_scenario_has_wrong_is_told_whole_and_changes_nothing(controls):
    controls.ok("PUT", "/scenario", TWO)
    status, answer = controls("PUT", "/scenario", b"rulez: []\nseed: x\n", kind="application/yaml")
    assert status == 422
    assert answer["error"]["errors"] == [
        "scenario:1:1: rulez: expected a known key, found 'rulez'; did you mean 'rules'?",
        "scenario:2:7: seed: expected an integer, found 'x'",
    ]
    status, answer = controls("PUT", "/scenario", {"rulez": [], "seed": "x"})
    assert status == 422
    assert answer["error"]["errors"] == [
        "scenario: rulez: expected a known key, found 'rulez'; did you mean 'rules'?",
        "scenario: seed: expected an integer, found 'x'",
    ]
    deep = {"user": "x"}
    for _ in range(60):
        deep = {"not": deep}
    assert controls.refused("PUT", "/scenario", {"rules": [{"when": deep, "reply": "x"}]}) == (
        422,
        "scenario: expected less than 50 levels, found more",
    )
    assert controls.says() == "one"


def test_a_number_that_cannot_be_written_is_refused(controls):
    text = "rules: [{when: {body: {n: 0x" + "f" * 5000 + "}}, reply: x}]"
    status, message = controls.refused("PUT", "/scenario", text)
    assert status == 422
    assert message.startswith(
        "scenario:1:27: rules[0].when.body.n: expected an integer, found '0xfff"
    )


@pytest.mark.parametrize(
    "scenario",
    [
        {"rules": [{"reply": {"file": "/etc/hostname"}}]},
        {"rules": [{"reply": ["a", {"attempts": ["b", {"file": "x"}]}]}]},
        {"script": [{"any_order": [{"expect": {}, "reply": {"file": "x"}}]}]},
        "rules: [{reply: {file: x}}]",
    ],
)
def test_nobody_has_a_file_read(controls, scenario):
    for method, path, body in [
        ("PUT", "/scenario", scenario),
        ("POST", "/sessions", {"name": "a", "scenario": scenario}),
    ]:
        status, message = controls.refused(method, path, body)
        assert status == 422
        assert "expected no `file` in a scenario that is sent, found one" in message
    controls.ok("PUT", "/scenario", TWO)
    status, _ = controls.refused("PATCH", "/scenario/rules/rule-1", {"reply": {"file": "x"}})
    assert status == 422


def test_a_rule_is_changed_while_all_keep_their_counts(controls):
    rules = [
        {"id": "a/b", "when": {"user": "x"}, "reply": ["x1", "x2"], "after_last": "repeat"},
        {"id": "all", "reply": ["one", "two", "three"]},
    ]
    controls.ok("PUT", "/scenario", {"rules": rules})
    assert [controls.says("x"), controls.says("1")] == ["x1", "one"]
    changed = controls.ok(
        "PATCH",
        "/scenario/rules/a%2Fb",
        {"reply": ["y1", "y2"], "after_last": None},
        kind="application/merge-patch+json",
    )
    assert changed == {"id": "a/b", "when": {"user": "x"}, "reply": ["y1", "y2"]}
    assert [controls.says("x"), controls.says("2")] == ["y2", "two"]
    status, _ = controls.chat("x")
    assert status == 400  # past the end, since `after_last` is gone
    assert controls.refused("PATCH", "/scenario/rules/al", {}) == (
        404,
        "expected the id of a rule, found 'al'; did you mean 'all'?",
    )
    assert controls.refused("PATCH", "/scenario/rules/all", {"id": "b"})[0] == 422
    assert controls.refused("PATCH", "/scenario/rules/all", {"reply": 5}) == (
        422,
        "scenario: rules[1].reply: expected a string, a mapping or a list, found 5; in quotes it is a string",
    )
    controls.ok("POST", "/sessions", {"name": "own"})
    controls.ok("PATCH", "/scenario/rules/all?session=own", {"reply": "own"})
    assert [controls.says("3"), controls.says(prefix="/s/own")] == ["three", "own"]


def test_a_rule_that_was_changed_still_has_its_place_and_seed(serve, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("mockgpt: 1\nrules:\n  - when: {user: x}\n    reply: y\n", "utf-8")
    controls = serve(path, seed=5)
    controls.ok("POST", "/sessions", {"name": "zero", "seed": 0})
    controls.ok("PATCH", "/scenario/rules/rule-1?session=zero", {"reply": "z"})
    assert controls.ok("GET", "/sessions/zero")["seed"] == 0
    controls.ok("PATCH", "/scenario/rules/rule-1", {"reply": "z"})
    _, answer = controls.chat()
    assert f"{path}:3" in answer["error"]["message"]
    assert controls.ok("GET", "/sessions/default")["seed"] == 5


@pytest.mark.parametrize(
    ("value", "patch", "expected"),  # RFC 7386, appendix A
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_are_those_of_the_rfc(value, patch, expected):
    assert patched(value, patch) == expected


def test_a_session_lives_from_its_opening_to_its_findings(controls):
    opened = controls.ok(
        "POST",
        "/sessions",
        {
            "name": "t",
            "scenario": TWO,
            "seed": 7,
            "strict": True,
            "errors": "azure",
            "api_keys": ["sk-very-secret-key-1"],
            "speed": 2,
            "on_miss": "filler",
        },
    )
    assert opened == {
        "name": "t",
        "scenario": "two",
        "own_scenario": True,
        "seed": 7,
        "errors": "azure",
        "strict": True,
        "speed": 2.0,
        "on_miss": "filler",
        "api_keys": 1,
        "requests": 0,
        "findings": 0,
        "closed": False,
    }
    assert controls.chat(prefix="/s/t")[0] == 401
    assert controls.says(prefix="/s/t", key="sk-very-secret-key-1") == "one"
    shown = controls.ok("GET", "/sessions/t")
    assert (shown["requests"], shown["findings"]) == (2, 1)
    shown = controls.ok("POST", "/sessions/t/reset")
    assert (shown["requests"], shown["findings"]) == (0, 0)
    assert controls.says(prefix="/s/t", key="sk-very-secret-key-1") == "one"
    controls.chat(prefix="/s/t", key="wrong")
    (finding,) = controls.ok("DELETE", "/sessions/t")["findings"]
    assert (finding["code"], finding["exchanges"]) == ("refused_request", [2])
    assert controls.chat(prefix="/s/t", key="sk-very-secret-key-1")[0] == 410
    assert controls.ok("GET", "/sessions/t")["closed"]
    codes = [f["code"] for f in controls.ok("GET", "/findings?session=t")["findings"]]
    assert codes == ["refused_request", "late_request"]
    controls.ok("POST", "/sessions", {"name": "t"})
    assert controls.chat(prefix="/s/t")[0] == 200
    assert controls.refused("GET", "/sessions/tt")[0] == 404
    assert controls.refused("DELETE", "/sessions/nothing")[0] == 404
    assert [s["name"] for s in controls.ok("GET", "/sessions")["sessions"]] == ["default", "t"]


def test_a_session_s_seed_alone_makes_another_of_the_server_s_scenario(controls):
    same, other = ({"name": name, "seed": seed} for name, seed in (("a", 0), ("b", 1)))
    controls.ok("POST", "/sessions", same)
    controls.ok("POST", "/sessions", other)
    assert controls.says() == controls.says(prefix="/s/a") != controls.says(prefix="/s/b")


def test_no_key_is_ever_told(controls):
    key, token = "sk-very-secret-key-1", "sk-very-secret-key-2"
    controls.ok("POST", "/sessions", {"name": "t", "api_keys": [key]})
    controls.chat(prefix="/s/t", key=key)
    controls.chat(prefix="/s/t", key=token)
    paths = ["/health", "/sessions", "/sessions/t", "/journal?session=t", "/findings?session=t"]
    told = json.dumps([controls.ok("GET", path) for path in paths])
    assert "secret" not in told
    status, answer = controls("POST", "/sessions", {"name": "t", "api_keys": [key, 5]})
    assert status == 422
    assert "secret" not in json.dumps(answer)


def test_the_journal_is_told_page_by_page(serve):
    rules = [
        {"id": "bad", "when": {"user": "bad"}, "reply": {"error": "rate_limit_requests"}},
        {"id": "good", "reply": "good"},
    ]
    controls = serve()
    controls.ok("PUT", "/scenario", {"rules": rules})
    for text in ("a", "bad", "b", "bad", "c"):
        controls.chat(text)
    controls.raw("GET", "/v1/models", headers={"api-key": "k"})

    def numbers(query):
        page = controls.ok("GET", f"/journal?{query}")
        return [e["number"] for e in page["exchanges"]], page["next"]

    assert numbers("") == ([1, 2, 3, 4, 5, 6], 6)
    assert numbers("limit=2") == ([1, 2], 2)
    assert numbers("limit=2&after=2") == ([3, 4], 4)
    assert numbers("after=6") == ([], 6)
    assert numbers("after=99") == ([], 99)
    assert numbers("rule=bad") == ([2, 4], 6)
    assert numbers("rule=bad&limit=1") == ([2], 2)
    assert numbers("rule=bad&limit=1&after=2") == ([4], 4)
    assert numbers("status=429") == ([2, 4], 6)
    assert numbers("error=rate_limit_requests") == ([2, 4], 6)
    assert numbers("endpoint=models") == ([6], 6)
    assert numbers("endpoint=chat&status=200&rule=good") == ([1, 3, 5], 6)
    entry = controls.ok("GET", "/journal?after=1&limit=1")["exchanges"][0]
    assert entry["body"] == {"messages": [{"role": "user", "content": "bad"}]}
    assert (entry["method"], entry["path"]) == ("POST", "/v1/chat/completions")
    assert (entry["rule"], entry["call"], entry["attempt"]) == ("bad", 1, 1)
    assert (entry["error"], entry["sent"]["status"]) == ("rate_limit_requests", 429)
    assert entry["usage"] is None
    usage = controls.ok("GET", "/journal?limit=1")["exchanges"][0]["usage"]
    assert usage == {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    assert "authorization" not in entry["headers"]
    assert entry["headers"]["content-type"] == "application/json"
    assert [e.number for e in controls.mock.journal] == [1, 2, 3, 4, 5, 6]


def test_cursors_hold_when_old_entries_are_dropped(controls, monkeypatch):
    monkeypatch.setattr("mockgpt.core.journal.Journal.__init__.__defaults__", (3, 2**20))
    controls.ok("POST", "/sessions/default/reset")
    for text in "abcde":
        controls.chat(text)
    page = controls.ok("GET", "/journal?after=1&limit=2")
    assert [e["number"] for e in page["exchanges"]] == [3, 4]
    assert (page["next"], page["dropped"]) == (4, 2)
    assert [e["number"] for e in controls.ok("GET", "/journal?after=4")["exchanges"]] == [5]
    assert controls.ok("GET", "/sessions/default")["requests"] == 5


def test_the_journal_is_told_as_an_archive_and_as_lines(controls):
    for text in ("a", "b"):
        controls.chat(text)
    controls.chat("c", prefix="/s/t")
    entries = controls.ok("GET", "/journal.har")["log"]["entries"]
    assert [json.loads(e["request"]["postData"]["text"])["messages"] for e in entries] == [
        [{"role": "user", "content": "a"}],
        [{"role": "user", "content": "b"}],
    ]
    assert {entry["request"]["url"] for entry in entries} == {
        f"{controls.mock.url}/v1/chat/completions"
    }
    assert len(controls.ok("GET", "/journal.har?session=t")["log"]["entries"]) == 1
    response, data = controls.raw("GET", "/_mockgpt/journal.jsonl")
    assert response.getheader("content-type") == "application/x-ndjson"
    promised = DESCRIPTION["paths"]["/_mockgpt/journal.jsonl"]["get"]["responses"]["200"]
    assert promised["content"] == {"application/x-ndjson": {"schema": {"type": "string"}}}
    lines = [json.loads(line) for line in data.splitlines()]
    assert lines == controls.ok("GET", "/journal")["exchanges"]
    assert [line["number"] for line in lines] == [1, 2]
    assert controls("GET", "/journal.jsonl?session=none")[0] == 404


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        (b"{broken", "{broken"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'"\xff"', '"\ufffd"'),
        (b"NaN", "NaN"),
        (b" [1e999]", " [1e999]"),
        (b'{"a":1,"b":[null]}', {"a": 1, "b": [None]}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"[" * 100_000, "[" * 100_000),
        ("\u2028\u0085".encode(), "\u2028\u0085"),
    ],
)
def test_a_body_is_shown_as_json_where_it_is_some(controls, body, shown):
    headers = {"content-type": "application/json", "api-key": "k"}
    controls.raw("POST", "/v1/embeddings", body, headers)
    assert controls.ok("GET", "/journal")["exchanges"][0]["body"] == shown


def test_findings_name_their_exchange_and_unmet_steps(controls):
    script = [{"id": "greet", "expect": {"user": "hi"}, "reply": "hello"}]
    controls.ok("PUT", "/scenario", {"script": script})
    controls.chat("no")
    found = controls.ok("GET", "/findings")["findings"]
    assert [(f["code"], f["exchanges"]) for f in found] == [
        ("unmatched_request", [1]),
        ("unmet_step", []),
    ]


def test_a_frozen_clock_is_advanced_and_a_real_one_is_not(serve):
    controls = serve()
    assert controls.ok("POST", "/clock", {"advance": "60s"})["now"] == 1686986130.0
    assert controls.ok("POST", "/clock", {"advance": 0.5}) == controls.ok("GET", "/clock")
    response, _ = controls.raw("GET", "/v1/models", headers={"api-key": "k"})
    assert response.getheader("date") == "Sat, 17 Jun 2023 07:15:30 GMT"
    assert controls.refused("POST", "/clock", {"advance": "9999999999999m"})[0] == 422
    assert controls.refused("POST", "/clock", {"advance": "9" * 400 + "m"})[0] == 422
    assert controls.refused("POST", "/clock", {"advance": 1e308})[0] == 422
    assert controls.ok("GET", "/clock")["now"] == 1686986130.5
    real = serve(clock="real")
    assert not real.ok("GET", "/clock")["frozen"]
    assert real.refused("POST", "/clock", {"advance": 1}) == (
        409,
        "expected a frozen clock, found the real one; serve with --clock frozen",
    )


def test_limits_refill_when_time_is_let_pass(controls):
    controls.ok("PUT", "/scenario", {"limits": {"requests_per_minute": 1}})
    assert [controls.chat("a")[0], controls.chat("b")[0]] == [200, 429]
    controls.ok("POST", "/clock", {"advance": "61s"})
    assert controls.chat("c")[0] == 200


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        (
            ("GET", "/healt", None, {}),
            404,
            "expected a path of /_mockgpt/openapi.json, found /_mockgpt/healt; did you mean '/_mockgpt/health'?",
        ),
        (("GET", "", None, {}), 404, "expected a path of /_mockgpt/openapi.json, found /_mockgpt"),
        (
            ("GET", "/", None, {}),
            404,
            "expected a path of /_mockgpt/openapi.json, found /_mockgpt/",
        ),
        (("GET", "/../v1/models", None, {}), 404, "expected a path of"),
        (("GET", "/health/", None, {}), 404, "expected a path of"),
        (("GET", "//health", None, {}), 404, "expected a path of"),
        (("GET", "/sessions/", None, {}), 404, "expected a path of"),
        (("GET", "/%68ealth", None, {}), 404, "expected a path of"),
        (("GET", "/sessions/..%2F..%2Fetc", None, {}), 404, "expected the name of a session"),
        (("POST", "/health", b"{}", JSON), 405, "expected GET for /_mockgpt/health, found POST"),
        (("OPTIONS", "/clock", None, {}), 405, "expected GET or POST for /_mockgpt/clock"),
        (("DELETE", "/scenario", None, {}), 405, "expected GET or PUT for /_mockgpt/scenario"),
        (("GET", "/health?a=1", None, {}), 400, "query: expected none here, found 'a'"),
        (
            ("GET", "/journal?limt=1", None, {}),
            400,
            "query: expected one of after, endpoint, error, limit, rule, session, status, found 'limt'; did you mean 'limit'?",
        ),
        (
            ("GET", "/journal?limit=1&limit=2", None, {}),
            400,
            "query: expected 'limit' once, found it again",
        ),
        (("GET", "/journal?limit=x", None, {}), 400, "query: limit: expected 'int', found 'str'"),
        (("GET", "/journal?limit=1001", None, {}), 400, "query: limit: expected 'int' <= 1000"),
        (("GET", "/journal?after=-1", None, {}), 400, "query: after: expected 'int' >= 0"),
        (("GET", "/sessions/a?name=b", None, {}), 400, "query: expected none here, found 'name'"),
        (("GET", "/health", b"{}", {}), 400, "expected no body, found 2 bytes"),
        (
            ("PUT", "/scenario", b"{}", {}),
            415,
            "expected a Content-Type of application/json or application/yaml, found ''",
        ),
        (
            ("POST", "/sessions", b"{}", {"content-type": "text/plain"}),
            415,
            "expected a Content-Type of application/json, found 'text/plain'",
        ),
        (("POST", "/sessions", b"{", JSON), 400, "body: expected application/json, found an error"),
        (("POST", "/sessions", b'{"name": "\xff"}', JSON), 400, "body: expected application/json"),
        (("POST", "/sessions", b"", JSON), 400, "body: expected application/json"),
        (("PUT", "/scenario", b'{"a":' * 100_000, JSON), 400, "body: expected application/json"),
        (
            ("PUT", "/scenario", b"\xff", {"content-type": "application/yaml"}),
            400,
            "body: expected application/yaml, found an error",
        ),
        (("PUT", "/scenario", b"", {"content-type": "application/yaml"}), 422, "scenario:1:1: "),
        (("PUT", "/scenario", b"[]", JSON), 422, "body: expected 'str | object', found 'array'"),
        (("POST", "/sessions", b"{}", JSON), 422, "body: object missing required field 'name'"),
        (
            ("POST", "/sessions", b'{"nam": "a"}', JSON),
            422,
            "body: expected one of api_keys, errors, name, on_miss, scenario, seed, speed, strict, found 'nam'; did you mean 'name'?",
        ),
        (
            ("POST", "/sessions", b'{"name": "a/b"}', JSON),
            422,
            "name: expected a session's name of",
        ),
        (
            ("POST", "/sessions", b'{"name": "a\\n"}', JSON),
            422,
            "name: expected a session's name of",
        ),
        (("POST", "/sessions", b'{"name": "a", "speed": 0}', JSON), 422, "body: speed: expected"),
        (("POST", "/sessions", b'{"name": "a", "api_keys": [""]}', JSON), 422, "body: api_keys[0]"),
        (("POST", "/clock", b'{"advance": -1}', JSON), 422, "body: advance: expected"),
        (("POST", "/clock", b'{"advance": "soon"}', JSON), 422, "body: advance: expected"),
        (
            ("POST", "/sessions", b"x", {**JSON, "content-encoding": "rot13"}),
            400,
            "expected a body that can be read, found that its Content-Encoding 'rot13' is unknown",
        ),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(controls, asked, status, message):
    before = controls.ok("GET", "/sessions"), controls.ok("GET", "/clock")
    found = controls.refused(*asked, kind=asked[3].get("content-type", ""))
    assert found[0] == status
    assert found[1].startswith(message)
    assert (controls.ok("GET", "/sessions"), controls.ok("GET", "/clock")) == before


def test_a_method_that_is_not_offered_is_told_which_are(controls):
    response, _ = controls.raw("DELETE", "/_mockgpt/clock")
    assert response.getheader("allow") == "GET, POST, HEAD"


@pytest.mark.parametrize("path", ["/s/x/_mockgpt/health", "//_mockgpt/health", "/_mockgptx"])
def test_elsewhere_there_is_no_control_api(controls, path):
    response, data = controls.raw("GET", path, headers={"api-key": "k"})
    assert response.status == 404
    assert json.loads(data)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_not_be_larger_than_any_other(serve, chunked):
    body = json.dumps({"name": "x" * 2000}).encode()
    response, data = serve(max_body=1000).raw(
        "POST", "/_mockgpt/sessions", iter([body]) if chunked else body, JSON
    )
    assert response.status == 413
    assert json.loads(data)["error"]["message"] == (
        "expected a body of up to 1000 bytes, found more; see --max-body"
    )


def test_control_requests_are_no_part_of_what_they_control():
    seen = []
    with MockGPT(observer=seen.append) as mock:
        own = Controls(mock)
        own.ok("GET", "/sessions", None, {"authorization": "Bearer sk-mock-other"})
        own.refused("GET", "/nothing")
        names = [s["name"] for s in own.ok("GET", "/sessions")["sessions"]]
        mock.check()
    assert (names, list(mock.journal), seen) == (["default"], [], [])


def test_with_a_token_everybody_needs_it(serve):
    controls = serve(control_token="open-sesame", api_keys=["k"])
    told = "expected the control token, as Authorization: Bearer TOKEN, found another or none"
    for given in (
        "",
        "Bearer",
        "Bearer open",
        "Basic open-sesame",
        "Bearer öpen-sesame",
        "Bearer k",
    ):
        headers = {"authorization": given.encode()}
        assert controls.refused("GET", "/health", None, headers) == (401, told)
    for headers in (
        {"authorization": "Bearer open-sesame"},
        {"authorization": "bearer open-sesame", "origin": "http://evil", "host": "evil"},
    ):
        assert controls("GET", "/health", None, headers)[0] == 200
    response, _ = controls.raw("GET", "/_mockgpt/health")
    assert response.getheader("www-authenticate") == "Bearer"
    assert controls.chat(key="open-sesame")[0] == 401
    assert controls.chat()[0] == 200
    told = json.dumps(controls.ok("GET", "/journal", None, {"authorization": "Bearer open-sesame"}))
    assert "sesame" not in told


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "evil.example:80"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
        {"host": ""},
        {"host": "localhost.evil.example."},
        {"host": "[::1].evil.example"},
        {"host": "0x7f.evil"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_a_page_in_a_browser_is_refused(controls, headers):
    status, message = controls.refused("GET", "/health", None, headers)
    assert status == 403
    assert message.endswith(
        "serve with --control-token TOKEN and send it to control mockgpt from elsewhere"
    )


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LocalHost:8080", "localhost.", "localhost.:8080", "127.0.0.1", "[::1]:80",
        "[::1]", "[::ffff:127.0.0.1]:80", "10.1.2.3:8",
    ],
)  # fmt: skip
def test_names_of_this_machine_and_addresses_are_hosts(controls, host):
    assert controls("GET", "/health", None, {"host": host})[0] == 200


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_only_this_machine_may_ask(peer, admitted):
    plan = refusal(Incoming(headers={"host": "127.0.0.1"}), peer, None)
    assert (plan is None) is admitted
    if plan is not None:
        head = next(plan)
        assert isinstance(head, Head)
        assert head.status == 403


def test_an_address_that_a_user_types_is_no_page_s(controls):
    assert controls("GET", "/health", None, {"sec-fetch-site": "none"})[0] == 200


def test_a_page_reads_nothing_either(controls):
    page = {"origin": "http://evil.example"}
    status, message = controls.refused("GET", "/journal", None, page)
    assert status == 403
    assert message == (
        "expected a client that is no web page, found an Origin header; serve with --control-token "
        "TOKEN and send it to control mockgpt from elsewhere"
    )


@pytest.mark.parametrize(("host", "status"), [(None, 403), ("localhost", 200), ("evil", 403)])
def test_a_client_of_http_1_0_needs_a_host(controls, host, status):
    head = "GET /_mockgpt/health HTTP/1.0\r\n" + (f"Host: {host}\r\n" if host else "")
    place = urlsplit(controls.mock.url)
    with socket.create_connection((place.hostname, place.port), 20) as connection:
        connection.sendall(f"{head}\r\n".encode())
        answer = connection.makefile("rb").read()
    assert int(answer.split()[1]) == status


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda *pair: compared.append(pair) or True)
    incoming = Incoming(headers={"authorization": "Bearer given"})
    assert control.refusal(incoming, "10.0.0.1", "token", exposed=True) is None
    assert compared == [(b"given", b"token")]


OFF = (
    "expected a server that listens on loopback only, found one that others reach; serve with "
    "--control-token TOKEN and send it to control mockgpt from elsewhere"
)


@pytest.mark.parametrize(
    ("address", "token", "status"),
    [
        ("0.0.0.0", None, 403),
        ("0.0.0.0", "t", 200),
        ("::", None, 403),
        ("127.0.0.1", None, 200),
        ("127.0.0.2", None, 200),
        ("::1", None, 200),
    ],
)
async def test_beyond_this_machine_there_is_no_control_without_a_token(address, token, status):
    handler = build(control_token=token)
    listener = bind(address, 0)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)

    def asked():
        connection = http.client.HTTPConnection(host, listener.getsockname()[1], timeout=20)
        connection.request("GET", "/_mockgpt/health", headers={"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        data = json.loads(response.read())
        connection.close()
        return response.status, data

    async with serving(handler, listener):
        found, data = await asyncio.to_thread(asked)
    assert found == status
    assert status == 200 or data["error"]["message"] == OFF


async def test_an_application_is_controlled_from_this_machine(aiohttp_client):
    client = await aiohttp_client(create_app())
    assert (await client.get("/_mockgpt/health")).status == 200
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert (await client.get("/_mockgpt/health", headers=headers)).status == 403
    client = await aiohttp_client(create_app(control_token="t"))
    assert (await client.get("/_mockgpt/health")).status == 401
    token = {"Authorization": "Bearer t"}
    assert (await client.get("/_mockgpt/health", headers=token)).status == 200


@pytest.mark.parametrize("kind", [*JSON.values(), "application/yaml"])
def test_a_scenario_that_is_sent_is_of_one_mebibyte_at_most(controls, kind):
    name = "x" * (2**20 - len('{"name": ""}'))
    fitting = f'{{"name": "{name}"}}'.encode()
    assert len(fitting) == 2**20
    assert controls.ok("PUT", "/scenario", fitting, kind=kind)["name"] == name
    status, message = controls.refused("PUT", "/scenario", fitting + b" ", kind=kind)
    assert (status, message) == (
        413,
        "expected a body of up to 1048576 bytes, found more; serve it from a file",
    )


def test_requests_are_answered_while_a_scenario_is_loaded(serve, monkeypatch):
    loading, answered = threading.Event(), threading.Event()

    def slow(*_, **__):
        loading.set()
        assert answered.wait(20)
        raise ScenarioError(Complaint("late"))

    monkeypatch.setattr("mockgpt.mock.load_sent", slow)
    controls = serve()
    with ThreadPoolExecutor() as pool:
        putting = pool.submit(controls.refused, "PUT", "/scenario", {})
        assert loading.wait(20)
        assert controls.chat()[0] == 200
        answered.set()
        assert putting.result() == (422, "late")


def test_a_rule_that_is_made_while_another_is_changed_stays(serve, monkeypatch):
    loading, made = threading.Event(), threading.Event()

    def slow(*sent, **more):
        loading.set()
        assert made.wait(20)
        return load_sent(*sent, **more)

    monkeypatch.setattr("mockgpt.mock.load_sent", slow)
    controls = serve(convert({"rules": [{"id": "old", "reply": "before"}]}, Scenario))
    with ThreadPoolExecutor() as pool:
        change = ("PATCH", "/scenario/rules/old?session=default", {"reply": "after"})
        patching = pool.submit(controls.ok, *change)
        assert loading.wait(20)
        controls.mock.on(user="new").reply("made meanwhile")
        made.set()
        assert patching.result() == {"id": "old", "reply": "after"}
    assert [controls.says("new"), controls.says("x")] == ["made meanwhile", "after"]


def test_a_stranger_s_body_is_not_read(serve):
    controls = serve(control_token="t")
    response, _ = controls.raw("PUT", "/_mockgpt/scenario", None, {"content-length": "1000000"})
    assert (response.status, response.getheader("connection")) == (401, "close")


def test_requests_meet_the_old_scenario_or_the_new_one_and_nothing_else(serve):
    controls = serve()
    texts = [f"answer {number}" for number in range(20)]

    def put(text):
        reply = {"say": text, "pace": {"first": 0.001}}
        controls.ok("PUT", "/scenario", {"rules": [{"reply": reply}]})

    put(texts[0])
    over = threading.Event()

    def ask(number):
        found = []
        while not found or not over.is_set():
            found.append(controls.chat(f"{number} {len(found)}"))
        return found

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, number) for number in range(3)]
        for text in texts:
            put(text)
        over.set()
        answers = [answer for one in asking for answer in one.result()]
    assert {status for status, _ in answers} == {200}
    assert {said for _, said in answers} <= set(texts)
    controls.mock.check()


def test_a_bug_of_mockgpt_s_is_visible(monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("mockgpt.mock.load_sent", broken)
    with MockGPT() as mock:
        response, _ = Controls(mock).raw("PUT", "/_mockgpt/scenario", b"{}", JSON)
        assert (response.status, response.getheader("x-mockgpt-bug")) == (500, "1")
        with pytest.raises(AssertionError, match="mockgpt failed with ZeroDivisionError"):
            mock.check()
    assert "bug in mockgpt: PUT /_mockgpt/scenario" in caplog.text


def test_a_token_that_no_header_can_hold_is_refused_without_being_told():
    for token in ("", "two words", "sésame", "line\n"):
        with pytest.raises(ValueError, match="option control_token ") as found:
            MockGPT(control_token=token)
        assert "words" not in str(found.value)


def test_the_description_is_whole_openapi(controls):
    assert controls.ok("GET", "/openapi.json") == DESCRIPTION
    assert DESCRIPTION["openapi"] == "3.1.0"
    assert set(DESCRIPTION["info"]) == {"title", "version"}
    controls = {p: item for p, item in DESCRIPTION["paths"].items() if p.startswith(ROOT)}
    operations = [op for item in controls.values() for op in item.values()]
    assert len(operations) == len(OPERATIONS) == len({op["operationId"] for op in operations})
    for path, item in controls.items():
        for method, operation in item.items():
            in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert in_path == re.findall(r"{(\w+)}", path)
            assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
            assert not any(p["required"] for p in operation["parameters"] if p["in"] == "query")
            assert operation["summary"].endswith((".", ";", ","))
            assert ("requestBody" in operation) == (
                method in ("put", "patch")
                or operation["operationId"] in ("open_session", "advance_clock")
            )
    names = set(DESCRIPTION["components"]["schemas"])
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DESCRIPTION)))
    assert referred == names
    for schema in (
        *DESCRIPTION["components"]["schemas"].values(),
        *(p["schema"] for op in operations for p in op["parameters"]),
    ):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("path", "method", "body", "fits"),
    [
        ("/_mockgpt/sessions", "post", {"name": "a", "scenario": TWO}, True),
        ("/_mockgpt/sessions", "post", {"name": "a", "scenario": "rules: []"}, True),
        ("/_mockgpt/sessions", "post", {"scenario": TWO}, False),
        ("/_mockgpt/sessions", "post", {"name": "a", "scenario": {"rulez": []}}, False),
        ("/_mockgpt/sessions", "post", {"name": "a", "nothing": 1}, False),
        ("/_mockgpt/clock", "post", {"advance": "60s"}, True),
        ("/_mockgpt/clock", "post", {"advance": "soon"}, False),
        ("/_mockgpt/scenario", "put", TWO, True),
        ("/_mockgpt/scenario", "put", {"rules": [{"replies": 1}]}, False),
    ],
)
def test_what_the_description_accepts_the_server_does_too(controls, path, method, body, fits):
    content = DESCRIPTION["paths"][path][method]["requestBody"]["content"]
    schema = {**content["application/json"]["schema"], "components": DESCRIPTION["components"]}
    assert Draft202012Validator(schema).is_valid(body) is fits
    status, _ = controls(method.upper(), path.removeprefix("/_mockgpt"), body)
    assert (status < 300) is fits


def test_a_session_in_use_is_not_begun_anew_by_the_way(controls):
    controls.ok("POST", "/sessions", {"name": "a"})
    controls.ok("POST", "/sessions", {"name": "a", "seed": 3})  # nobody has asked it anything
    controls.says(prefix="/s/a")
    status, message = controls.refused("POST", "/sessions", {"name": "a"})
    assert status == 409
    assert message.startswith("name: expected one that is not in use, found 'a', which has been")
    assert controls.ok("GET", "/sessions/a")["requests"] == 1
    controls.ok("DELETE", "/sessions/a")
    assert controls.ok("POST", "/sessions", {"name": "a"})["requests"] == 0


def test_a_closed_session_that_is_reset_is_open(controls):
    controls.says(prefix="/s/a")
    controls.ok("DELETE", "/sessions/a")
    assert controls.ok("POST", "/sessions/a/reset")["closed"] is False
    controls.says(prefix="/s/a")
    assert controls.ok("GET", "/sessions/a")["requests"] == 1


def test_a_time_that_is_none_is_told_as_it_is_written(controls):
    status, message = controls.refused("POST", "/clock", {"advance": "-60s"})
    assert status == 422
    assert message.endswith("advance: expected a duration, such as 200ms, 1.5s or 2m")
