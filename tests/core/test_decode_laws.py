"""Laws of decoding, tried on bodies that nobody would write: never an exception, always a reason."""

import json

import pytest
from bodies import decoded
from fuzz.strategies import BODIES, ENDPOINTS, MODELS, SERVICE, anything, bodies, mostly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockgpt.core.decode import Decoded
from mockgpt.core.engine import Engine
from mockgpt.core.errors import ApiError, render
from mockgpt.core.exchange import Incoming
from mockgpt.core.plan import Data, End, Events, Head
from mockgpt.core.scenario import Loaded, Scenario
from mockgpt.core.settings import Settings

DIALECTS = ("openai", "azure", "fastapi")

laws = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

content_types = st.none() | st.just("application/json") | st.text(max_size=20)


# --- the two doors


def answered(body, endpoint, **options):
    """Answer a body as a server would; return the status, the headers and the body's bytes."""
    engine = Engine(Loaded(Scenario()), SERVICE, Settings(**options))
    outcome = engine.answer(
        Incoming(
            method="POST",
            path=f"/v1/{SERVICE.endpoints[endpoint].paths[0]}",
            headers={"api-key": "sk-mock", "content-type": "application/json"},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            at=1.0,
        )
    )
    head, *steps, end = outcome.plan
    assert isinstance(head, Head)
    assert isinstance(end, End)
    assert all(isinstance(step, Data | Events) for step in steps)
    body = b"".join(step.bytes for step in steps)
    assert head.length in (None, len(body))
    return head.status, dict(head.headers), body


def decision(result):
    """Return what a body was taken for, without the body."""
    if isinstance(result, Decoded):
        return (result.request, result.model, result.prompt_tokens, sorted(result.ignored))
    return [(error.name, error.path) for error in result]


def check_decoded_or_refused(result):
    if isinstance(result, Decoded):
        assert len(result.prompt_tokens) >= 1
        return
    assert result
    assert all(isinstance(error, ApiError) for error in result)
    for dialect in DIALECTS:
        rendered = render(result, SERVICE, dialect)
        assert 400 <= rendered.status < 500
        assert rendered.message
        body = json.loads(rendered.body)
        assert list(body) in (["error"], ["detail"])
        assert dict(rendered.headers)["content-type"] == "application/json"


# --- never an exception


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data(), content_type=content_types)
def test_any_bytes(endpoint, strict, data, content_type):
    body = data.draw(bodies(endpoint))
    check_decoded_or_refused(decoded(body, endpoint, strict=strict, content_type=content_type))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data())
def test_any_json(endpoint, strict, data):
    body = data.draw(mostly(BODIES[endpoint]))
    path_model = data.draw(st.none() | st.sampled_from(MODELS[:-1]) | st.text(min_size=1))
    check_decoded_or_refused(decoded(body, endpoint, strict=strict, path_model=path_model))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data())
def test_any_body_is_answered(endpoint, dialect, data):
    body = data.draw(mostly(BODIES[endpoint], anything | st.binary()))
    status, headers, answer = answered(body, endpoint, dialect=dialect)
    assert status == 200 or 400 <= status < 500
    assert "x-mockgpt-bug" not in headers
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    if headers["content-type"] == "text/event-stream":
        events = answer.decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        assert all(json.loads(event.removeprefix("data: ")) for event in events[:-2])
        return
    assert headers["content-type"] == "application/json"
    if status == 200:
        assert {"object", "model", "usage"} <= json.loads(answer).keys()
    else:
        assert list(json.loads(answer)) in (["error"], ["detail"])


def test_a_number_that_python_cannot_write():
    """The sum of tokens has more digits than `sys.get_int_max_str_digits()` allows to print."""
    for digits in (4_299, 4_300, 4_301):
        body = b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":%b}' % (b"9" * digits)
        check_decoded_or_refused(decoded(body, "chat"))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        {"messages": [1] * 20_000},
        {"messages": [{"role": "user", "content": [1] * 20_000}]},
        {"messages": [{"role": "user", "content": "x"}], "model": "x" * 1_000_000},
        {"messages": [{"role": "user", "content": "x"}], **{f"x{i}": 1 for i in range(20_000)}},
    ],
    ids=["messages", "parts", "model", "unknown"],
)
def test_a_refusal_is_of_bounded_size(body, dialect):
    for strict in (False, True):
        _, headers, answer = answered(body, "chat", dialect=dialect, strict=strict)
        size = len(answer)  # apart: pytest would print the answer
        assert size < 50_000
        assert all(len(value) < 2_000 for value in headers.values())


# --- null is absence


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data())
def test_null_for_an_optional_field_is_absence(endpoint, data):
    row = SERVICE.endpoints[endpoint]
    optional = [name for name, rule in row.parameters.items() if not rule.required]
    name = data.draw(st.sampled_from([*optional, *row.unsupported, "something_new"]))
    body = data.draw(BODIES[endpoint])
    without = {key: value for key, value in body.items() if key != name}
    with_null = {**without, name: None}
    for strict in (False, True):
        one = decoded(without, endpoint, strict=strict)
        other = decoded(with_null, endpoint, strict=strict)
        assert decision(one) == decision(other)


@laws
@given(body=BODIES["chat"], strict=st.booleans())
def test_null_within_messages_is_absence(body, strict):
    def stripped(value):
        if isinstance(value, list):
            return [stripped(item) for item in value]
        if isinstance(value, dict):
            return {
                key: stripped(item)
                for key, item in value.items()
                if item is not None or key in ("role", "content")
            }
        return value

    without = {**body, "messages": stripped(body["messages"])}
    one, other = decoded(body, "chat", strict=strict), decoded(without, "chat", strict=strict)
    assert decision(one) == decision(other)


# --- the order of keys


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data())
def test_the_order_of_keys_changes_nothing(endpoint, data):
    body = data.draw(BODIES[endpoint])
    shuffled = dict(data.draw(st.permutations(list(body.items()))))
    assert decision(decoded(body, endpoint)) == decision(decoded(shuffled, endpoint))
    strict = [decoded(form, endpoint, strict=True) for form in (body, shuffled)]
    assert isinstance(strict[0], Decoded) == isinstance(strict[1], Decoded)
    first, second = (answered(form, endpoint) for form in (body, shuffled))
    assert first[0] == second[0]
    assert content(first) == content(second)


def content(answer):
    """Return what an answer says: all but the ids, which tell one request from another."""
    status, headers, body = answer
    if status != 200:
        return body
    if headers["content-type"] == "text/event-stream":
        documents = [json.loads(line[6:]) for line in body.decode().split("\n\n")[:-2]]
    else:
        documents = [json.loads(body)]
    return [{key: value for key, value in d.items() if key != "id"} for d in documents]


# --- strictness


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@laws
@given(data=st.data())
def test_strict_refuses_exactly_what_is_named_otherwise(endpoint, data):
    body = data.draw(BODIES[endpoint])
    lenient = decoded(body, endpoint)
    strict = decoded(body, endpoint, strict=True)
    if not isinstance(lenient, Decoded):
        assert not isinstance(strict, Decoded)
    elif lenient.ignored:
        assert strict[0].name in ("unrecognized_argument", "unexpected_property")
        assert answered(body, endpoint)[1]["x-mockgpt-ignored"]
    else:
        assert strict == lenient
        assert "x-mockgpt-ignored" not in answered(body, endpoint)[1]
