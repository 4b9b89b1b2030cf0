"""What is left of a session: everything that its reports need."""

from msgspec import convert

from mockgpt.core.records import record_of
from mockgpt.core.scenario import Scenario


def test_a_record_has_what_was_seen_and_what_was_never_used(desk):
    script = [{"id": "bye", "expect": {"user": "bye"}, "reply": "Bye"}]
    rules = [{"id": "a", "when": {"user": "a"}, "reply": "A"}, {"id": "b", "reply": "B"}]
    ask = desk(convert({"name": "s", "seed": 7, "script": script, "rules": rules}, Scenario))
    ask("x")
    record = record_of(ask.engine.default, "test_x", "passed")
    assert (record.name, record.session, record.outcome) == ("test_x", "default", "passed")
    assert (record.scenario, record.seed, record.dropped) == ("s", 7, 0)
    assert [exchange.rule for exchange in record.exchanges] == ["b"]
    assert [finding.code for finding in record.findings] == ["unmet_step"]
    assert record.unused == ("bye", "a")
