"""What anybody may send to the imitated service: a valid answer, an error in its shape, no harm."""

import pytest
from fuzz import strategies
from hypothesis import note


@pytest.fixture
def target(against, request):
    return against(request.path.with_name("scenario.yaml"))


@pytest.fixture
def law(target):
    def hold(asked):
        note(repr(asked.data))
        target.reset()
        answers = target.converse(asked.data, methods=[asked.method], complete=asked.complete)
        assert answers or target.by_the_scenario()
        target.check_unharmed()

    return hold


def test_bodies(fuzz, law):
    fuzz("bodies", law, asked=strategies.bodied)


def test_heads(fuzz, law):
    fuzz("heads", law, asked=strategies.headed)
