"""What a server counts, as Prometheus's own parser reads it."""

import http.client
import json
import sys
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire import Wire, request_bytes

from mockgpt import MockGPT
from mockgpt.server.metrics import MetricsUnavailableError


def scraped(mock):
    connection = http.client.HTTPConnection(urlsplit(mock.url).netloc, timeout=20)
    connection.request("GET", "/_mockgpt/metrics")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    assert response.getheader("content-type").startswith("text/plain; version=0.0.4;")
    return list(text_string_to_metric_families(text))


def samples(mock, name):
    """Return the values of a sample by its labels, in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in scraped(mock)
        for sample in family.samples
        if sample.name == name
    }


def ask(mock, text, **more):
    with Wire(mock.url) as wire:
        return wire.ask(
            request_bytes(body={"messages": [{"role": "user", "content": text}], **more})
        )


@pytest.fixture
def mock():
    with MockGPT(metrics=True) as mock:
        yield mock


def test_requests_are_counted_by_endpoint_rule_and_status(mock):
    mock.on(id="hi", user="Hi").reply("Hello")
    mock.on(id="busy", user="Busy?").error("overloaded")
    for text in ("Hi", "Hi", "Busy?", "What?"):
        ask(mock, text)
    with Wire(mock.url) as wire:
        wire.ask(request_bytes("/nowhere"))
    mock._settle()
    assert samples(mock, "mockgpt_requests_total") == {
        ("chat", "hi", "200"): 2,
        ("chat", "busy", "529"): 1,
        ("chat", "", "400"): 1,
        ("", "", "404"): 1,
    }


def test_filler_is_nobody_s_rule(mock):
    ask(mock, "Hi")
    mock._settle()
    assert samples(mock, "mockgpt_requests_total") == {("chat", "(filler)", "200"): 1}


def test_faults_are_counted_by_kind(mock):
    mock.on(id="odd", user="Hi").reply("Hello").fault("no_done").fault("comments")
    ask(mock, "Hi", stream=True)
    mock._settle()
    assert samples(mock, "mockgpt_faults_total") == {
        ("chat", "no_done", "odd"): 1,
        ("chat", "comments", "odd"): 1,
    }


def test_streams_are_open_while_they_are_sent_and_timed_afterwards(mock):
    mock.on(user="Hi").reply("one two three").fault("stall", after=1)
    with Wire(mock.url) as wire:
        body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
        wire.send(request_bytes(body=body))
        assert wire.head().startswith(b"HTTP/1.1 200 ")
        assert samples(mock, "mockgpt_open_streams") == {("chat",): 1}
        assert samples(mock, "mockgpt_stream_seconds_count") == {}
    mock._settle()
    assert samples(mock, "mockgpt_open_streams") == {("chat",): 0}
    assert samples(mock, "mockgpt_stream_seconds_count") == {("chat",): 1}


def test_what_waits_is_counted_by_its_lateness(mock):
    mock.on(user="Hi").reply(say="one two three", pace={"first": "1ms", "each": "1ms"})
    ask(mock, "Hi")
    before = samples(mock, "mockgpt_chunk_lateness_seconds_count")[()]
    response = ask(mock, "Hi", stream=True)
    mock._settle()
    waits = samples(mock, "mockgpt_chunk_lateness_seconds_count")[()] - before
    assert 3 <= waits <= response.body.count(b"data:")
    assert samples(mock, "mockgpt_chunk_lateness_seconds_sum")[()] >= 0
    assert samples(mock, "mockgpt_open_streams") == {("chat",): 0}


def test_of_too_many_rules_the_last_are_counted_together(mock, monkeypatch):
    monkeypatch.setattr("mockgpt.server.metrics._RULES", 2)
    for text in ("a", "b", "c", "d"):
        mock.on(id=text, user=text).reply("Hello")
        ask(mock, text)
    mock._settle()
    found = samples(mock, "mockgpt_requests_total")
    assert {rule for _, rule, _ in found} == {"a", "b", "(others)"}
    assert sum(found.values()) == 4


def test_servers_count_apart(mock):
    with MockGPT(metrics=True) as other:
        ask(other, "Hi")
        other._settle()
        assert samples(mock, "mockgpt_requests_total") == {}


def test_a_server_that_does_not_count_says_how_to():
    with MockGPT() as mock:
        connection = http.client.HTTPConnection(urlsplit(mock.url).netloc, timeout=20)
        connection.request("GET", "/_mockgpt/metrics")
        response = connection.getresponse()
        told = json.load(response)
        connection.close()
    assert response.status == 404
    assert told["error"]["message"] == (
        "expected a server that counts, found one that does not; "
        "run: pip install 'mockgpt[metrics]', and serve with --metrics"
    )


def test_without_its_package_nothing_is_counted_and_that_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MetricsUnavailableError, match=r"pip install 'mockgpt\[metrics\]'$"):
        MockGPT(metrics=True)
