"""An engine without a server: ask it something, be told what it would send."""

import json

import pytest

from mockgpt.core.engine import Engine
from mockgpt.core.exchange import Incoming, Sent
from mockgpt.core.plan import Data, Head
from mockgpt.core.settings import Settings
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service


class Asked:
    """What one request came to."""

    def __init__(self, outcome):
        head, *steps = outcome.plan
        assert isinstance(head, Head)
        self.outcome = outcome
        self.status = head.status
        self.headers = dict(head.headers)
        self.body = json.loads(b"".join(step.bytes for step in steps if isinstance(step, Data)))

    @property
    def said(self):
        return self.body["choices"][0]["message"]["content"]

    @property
    def error(self):
        return self.body["error"]


class Desk:
    """Asks an engine by hand, at any time; every response is taken to have been sent whole."""

    def __init__(self, *scenarios, **settings):
        service = load_service("pgpt")
        self.engine = Engine(load_scenarios(scenarios, service), service, Settings(**settings))

    def begin(self, text="Hello!", *, key="k", at=0.0, prefix="", headers=None, **body):
        """Decide the answer to a chat; nothing is recorded before `end`."""
        message = {"role": "user", "content": text}
        incoming = Incoming(
            method="POST",
            path=f"{prefix}/v1/chat/completions",
            headers={"authorization": f"Bearer {key}", **(headers or {})},
            body=json.dumps({"messages": [message], **body}).encode(),
            at=0.0,
            elapsed=at,
        )
        return Asked(self.engine.answer(incoming))

    def end(self, asked):
        self.engine.record(asked.outcome, Sent(status=asked.status))

    def __call__(self, text="Hello!", **more):
        asked = self.begin(text, **more)
        self.end(asked)
        return asked

    @property
    def codes(self):
        found = self.engine.default.findings()
        return [finding.code for finding in found if finding.severity == "error"]


@pytest.fixture
def desk():
    """Make a desk of scenarios and settings."""
    return Desk
