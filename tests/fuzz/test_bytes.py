"""Bytes on a socket: whatever comes, in whatever segments, is answered or refused, and no more."""

import pytest
from fuzz import strategies
from hypothesis import note


@pytest.fixture
def target(against, request):
    return against(request.path.with_name("scenario.yaml"))


def test_streams(fuzz, target):
    def law(segments):
        note(repr(segments))
        target.reset()
        answers = target.converse(*segments)
        said = b"".join(segments).lstrip(b"\r\n")  # RFC 9112, section 2.2
        assert answers or b"\r\n\r\n" not in said or target.by_the_scenario("wild", "paced")
        target.check_unharmed()

    fuzz("streams of bytes", law, segments=strategies.streams)


def test_segments_change_nothing(fuzz, target):
    def law(requests, positions):
        note(repr(requests))
        data = b"".join(requests)
        target.reset()
        whole = target.converse(data, complete=True)
        harmless = not target.by_the_scenario()
        target.reset()
        cut = target.converse(*strategies.cut(data, positions), complete=True)
        assert cut == whole
        assert len(whole) == len(requests) or not harmless
        target.check_unharmed()

    fuzz("segments", law, requests=strategies.pipelines, positions=strategies.positions)


def test_no_request_is_smuggled(fuzz, target):
    def law(segments):
        note(repr(segments))
        target.reset()
        (refusal,) = target.converse(*segments)
        assert 400 <= refusal.status < 500  # what a head has wrong is told before its body comes
        assert refusal.closes
        assert "smuggled" not in {exchange.session for exchange in target.exchanges}
        target.check_unharmed()

    fuzz("smuggling", law, segments=strategies.smuggling())


@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_a_request_that_ends_early_at_any_byte(target, framed):
    data = strategies.asked("/v1/chat/completions", strategies.HELLO, framed).data
    for end in range(len(data)):
        target.reset()
        answers = target.converse(data[:end])
        assert [answer.status for answer in answers] in ([], [400])
        assert answers or end < data.index(b"\r\n\r\n") + 4
    target.check_unharmed()
