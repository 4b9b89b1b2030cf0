"""The golden files of fixtures/: the same bytes from the engine alone and through a real socket."""

import http.client
import re
from pathlib import Path

import msgspec
import pytest
from bodies import check_schema

from mockgpt import MockGPT
from mockgpt.core.exchange import Incoming
from mockgpt.core.plan import Data, Events, Head
from mockgpt.core.scenario import Scenario
from mockgpt.files.services import load_service
from mockgpt.mock import FROZEN, build
from mockgpt.server.openapi import described

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/request.json"))
DESCRIPTION = msgspec.to_builtins(described((), load_service("pgpt")))
ENDINGS = {"text/event-stream": "sse", "application/json": "json", "text/html": "html"}


class Case(msgspec.Struct, forbid_unknown_fields=True):
    about: str
    body: msgspec.Raw = msgspec.Raw()
    text: str | None = None  # a body that is not JSON
    times: int = 1  # how often it is asked; the last answer counts
    method: str = "POST"
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = msgspec.field(
        default_factory=lambda: {"content-type": "application/json", "authorization": "Bearer k"}
    )
    scenarios: list[str] = []
    rules: list[dict] = []
    script: list[dict] = []
    options: dict = {}
    trouble: dict = {}

    def sources(self):
        inline = {"rules": self.rules, "script": self.script}
        return [*self.scenarios, msgspec.convert(inline, Scenario)]

    def bytes(self):
        if self.text is not None:
            return self.text.encode()
        return bytes(self.body)


def read(folder):
    return msgspec.json.decode((folder / "request.json").read_bytes(), type=Case)


def name(folder):
    return f"{folder.parent.name}/{folder.name}"


def played(case):
    """Return status, headers and body that the engine plans."""
    handler = build(*case.sources(), **case.options)
    incoming = Incoming(
        method=case.method,
        path=case.path,
        headers=case.headers,
        body=case.bytes(),
        at=FROZEN,
        trouble=case.trouble.get("name", ""),
        trouble_values=case.trouble.get("values", {}),
    )
    match case.trouble.get("name"):
        case "malformed_http":
            reason = case.trouble["values"]["reason"]
            outcome = handler.engine.default.refuse(incoming, "malformed_http", reason=reason)
        case "session_closed":
            handler.engine.default.closed = True
            outcome = handler.engine.answer(incoming)
        case "mockgpt_bug":
            outcome = handler.engine.fail(incoming, ValueError("an example"))
        case _:
            for _ in range(case.times):
                outcome = handler.engine.answer(incoming)
    head, *steps = outcome.plan
    assert isinstance(head, Head)
    body = b"".join(step.bytes for step in steps if isinstance(step, Data | Events))
    return head.status, head.headers, body


@pytest.mark.parametrize("folder", CASES, ids=name)
def test_engine_plans_the_golden_bytes(folder, request):
    status, headers, body = played(read(folder))
    media_type = dict(headers).get("content-type", "").partition(";")[0]
    reply = folder / f"reply.{ENDINGS.get(media_type, 'txt')}"
    head = f"{status}\n" + "".join(f"{k}: {v}\n" for k, v in headers)
    if request.config.getoption("--write-fixtures"):
        for old in folder.glob("reply.*"):
            old.unlink()
        reply.write_bytes(body)
        (folder / "reply.head").write_text(head, "utf-8")
    assert reply.read_bytes() == body
    assert (folder / "reply.head").read_text("utf-8") == head
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        {"request.json", "reply.head", reply.name}
    )


@pytest.mark.parametrize("folder", [c for c in CASES if not read(c).trouble], ids=name)
def test_socket_sends_the_golden_bytes(folder):
    case = read(folder)
    with MockGPT(*case.sources(), **case.options) as mock:
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        for _ in range(case.times):
            connection.request(case.method, case.path, case.bytes(), case.headers)
            response = connection.getresponse()
            body = response.read()
        connection.close()
    lines = (folder / "reply.head").read_text("utf-8").splitlines()
    assert str(response.status) == lines[0]
    for line in lines[1:]:
        key, _, value = line.partition(": ")
        assert response.headers[key] == value
    (reply,) = (path for path in folder.glob("reply.*") if path.suffix != ".head")
    assert body == reply.read_bytes()


@pytest.mark.parametrize(
    "folder", [c for c in CASES if (c / "reply.json").exists() and not read(c).trouble], ids=name
)
def test_the_golden_bytes_are_as_the_service_is_described(folder):
    case = read(folder)
    status = (folder / "reply.head").read_text("utf-8")[:3]
    asked = case.path.partition("?")[0]
    item = next(
        (
            item
            for pattern, item in DESCRIPTION["paths"].items()
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), asked)
        ),
        {},
    )
    operation = item.get(case.method.lower())
    if status != "200":
        promised = {"$ref": "#/components/schemas/service_error"}
    else:
        promised = operation["responses"]["200"]["content"]["application/json"]["schema"]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            check_schema(msgspec.json.decode(case.body), content["schema"], DESCRIPTION)
    check_schema(msgspec.json.decode((folder / "reply.json").read_bytes()), promised, DESCRIPTION)


def test_every_error_of_the_catalogue_has_a_golden_file_in_every_dialect():
    wanted = {
        f"{error}-{dialect}"
        for error, row in load_service("pgpt").errors.items()
        for dialect in ("openai", "azure", "fastapi")
        if getattr(row, dialect) is not None
    }
    assert {path.name for path in (FIXTURES / "errors").iterdir()} == wanted
