"""mockgpt: a local stand-in for the OpenAI-compatible service at openai.pgpt.cloud.

`MockGPT` is a server for a `with`; `create_app` an aiohttp application; the small names spell
scenarios in Python; the others are the values of scenarios and of the journal, and what a server's
members return. All are imported when first used: the pytest plugin is loaded in every test run and
must cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockgpt.core.chains import Call
    from mockgpt.core.clock import Clock
    from mockgpt.core.conditions import TextMatch, When
    from mockgpt.core.exchange import Exchange
    from mockgpt.core.journal import Journal
    from mockgpt.core.records import Record
    from mockgpt.core.replies import Reply
    from mockgpt.core.reports.har import har
    from mockgpt.core.reports.lines import json_lines
    from mockgpt.core.reports.transcript import transcript
    from mockgpt.core.scenario import Rule, Scenario
    from mockgpt.core.verdict import Finding
    from mockgpt.files.documents import ScenarioError
    from mockgpt.files.reports import write_reports
    from mockgpt.mock import MockGPT, create_app
    from mockgpt.sessions import MockSession
    from mockgpt.spelling import (
        AnyOrder,
        Expectation,
        LiveRule,
        any_order,
        contains,
        equals,
        expect,
        glob,
        matches,
    )

__version__ = "0.1.0"

_HOMES = {
    "MockGPT": "mockgpt.mock",
    "create_app": "mockgpt.mock",
    "MockSession": "mockgpt.sessions",
    "AnyOrder": "mockgpt.spelling",
    "Expectation": "mockgpt.spelling",
    "LiveRule": "mockgpt.spelling",
    "any_order": "mockgpt.spelling",
    "contains": "mockgpt.spelling",
    "equals": "mockgpt.spelling",
    "expect": "mockgpt.spelling",
    "glob": "mockgpt.spelling",
    "matches": "mockgpt.spelling",
    "Call": "mockgpt.core.chains",
    "Clock": "mockgpt.core.clock",
    "Exchange": "mockgpt.core.exchange",
    "Finding": "mockgpt.core.verdict",
    "Journal": "mockgpt.core.journal",
    "Record": "mockgpt.core.records",
    "Reply": "mockgpt.core.replies",
    "har": "mockgpt.core.reports.har",
    "json_lines": "mockgpt.core.reports.lines",
    "transcript": "mockgpt.core.reports.transcript",
    "write_reports": "mockgpt.files.reports",
    "Rule": "mockgpt.core.scenario",
    "Scenario": "mockgpt.core.scenario",
    "ScenarioError": "mockgpt.files.documents",
    "TextMatch": "mockgpt.core.conditions",
    "When": "mockgpt.core.conditions",
}
__all__ = [
    "AnyOrder",
    "Call",
    "Clock",
    "Exchange",
    "Expectation",
    "Finding",
    "Journal",
    "LiveRule",
    "MockGPT",
    "MockSession",
    "Record",
    "Reply",
    "Rule",
    "Scenario",
    "ScenarioError",
    "TextMatch",
    "When",
    "__version__",
    "any_order",
    "contains",
    "create_app",
    "equals",
    "expect",
    "glob",
    "har",
    "json_lines",
    "matches",
    "transcript",
    "write_reports",
]

if not TYPE_CHECKING:  # a type checker is to know the names, and no others

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'mockgpt' has no attribute '{name}'")

    def __dir__() -> list[str]:
        return __all__
