"""What this machine may ask of the control API: what was asked for, or what is to be mended."""

import json

from fuzz import strategies
from hypothesis import note


def check(response, *, method):
    assert response.status < 500, response.body
    assert not response.all("x-mockgpt-bug")
    if method == "HEAD":
        assert response.body == b""
    elif response["content-type"] == "application/x-ndjson":
        assert all(json.loads(line) for line in response.body.splitlines())
    elif response.status >= 400:
        error = response.json["error"]
        assert list(error)[:2] == ["message", *(["errors"] if "errors" in error else ["type"])]
    else:
        assert isinstance(response.json, dict)


def test_control(fuzz, against, request):
    target = against(request.path.with_name("scenario.yaml"))
    engine, clock = target.mock._handler.engine, target.mock.clock
    loaded = engine.loaded

    def law(asked):
        note(repr(asked.data))
        clock._advanced = 0
        target.reset()
        engine.load(loaded)
        answers = target.converse(asked.data, methods=[asked.method], check=check)
        assert len(answers) == 1
        for path in ("journal", "journal.har", "findings", "sessions", "clock", "scenario"):
            asked = strategies.written("GET", b"/_mockgpt/" + path.encode(), [], b"")
            (shown,) = target.converse(asked, check=check)
            assert shown.status == 200
        target.check_unharmed()

    fuzz("control", law, asked=strategies.control_requests())
