"""What findings and the access log say of a refused request, beyond the service's own words."""

import re

import pytest
from bodies import decoded
from hypothesis import given
from hypothesis import strategies as st

from mockgpt.core import rules
from mockgpt.core.advice import advice
from mockgpt.core.decode import model_not_found
from mockgpt.core.endpoints import find, refusal
from mockgpt.core.errors import ApiError
from mockgpt.files.services import load_service

SERVICE = load_service("pgpt")
BASE = "let the base URL end in /v1"
NO_SLASH = "leave out the slash at the end of the base URL"
NAME = "name the session with 1 to 64 of A-Z a-z 0-9 _ . - alone"
FORM = "send a text, token ids or a list of such, none of them empty"
ALL = "ask for /v1/chat/completions or /v1/completions or /v1/embeddings or /v1/models"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/chat/completions", BASE),
        ("/completions", BASE),
        ("/v1/v1/chat/completions", BASE),
        ("/v1//embeddings", NO_SLASH),
        ("/v1//chat/completions", NO_SLASH),
        ("/v1///chat/completions/", NO_SLASH),
        ("//v1//models/gpt-4", NO_SLASH),
        ("/openai/deployments/gpt-4//chat/completions", NO_SLASH),
        ("/api//v1/chat/completions", BASE),
        ("/s/测试/v1/chat/completions", NAME),
        ("/s/%E6%B5%8B/v1/models", NAME),
        ("/s/a b/v1/nope", NAME),
        (f"/s/{'a' * 65}/v1/chat/completions", NAME),
        ("/s//v1/chat/completions", NAME),
        ("/s/second/v1/chat/completions", BASE),  # behind a first one, which is left out
        ("/s/测试", ALL),
        ("/api/v1/models", BASE),
        ("/v1/chat/completions/chat/completions", BASE),
        ("/v1/chat/completions/", "leave out the slash at the end"),
        ("/v1/chat/completion", "ask for /v1/chat/completions"),
        ("/V1/Embedding", "ask for /v1/embeddings"),
        ("/", ALL),
        ("", ALL),
        ("/" + "x" * 100_000, ALL),
    ],
)
def test_a_path_that_leads_nowhere(path, says):
    error = refusal("POST", path, find(path, SERVICE), SERVICE)
    assert error is not None
    assert advice(error, SERVICE) == says


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("chat", "gpt-3.5-turbo, gpt-3.5-turbo-16k, gpt-4, gpt-4-32k"),
        ("embeddings", "text-embedding-ada-002"),
    ],
)
def test_a_model_that_is_not_there(name, has):
    error = model_not_found("gpt-5", SERVICE.endpoints[name], SERVICE)
    assert advice(error, SERVICE) == f"name a model that it has: {has}"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (["a"] * 2049, "send at most 2048 inputs at once"),
        *((value, FORM) for value in (None, 3, "", [], ["a", ""], ["a", 1], [[]], [-1])),
    ],
)
def test_an_input_that_is_none(value, says):
    found = []
    rules.properties({"input": value}, SERVICE.endpoints["embeddings"].parameters, found, ())
    (error,) = (one for one in found if one.path == ("input",))
    assert advice(error, SERVICE) == says


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "send a JSON object as its body"),
        (b'{"messages" []}', "mend its JSON: Expecting ':' delimiter: line 1 column 13 (char 12)"),
        (b'{"a": 1\n"b": 2}', "mend its JSON: Expecting ',' delimiter: line 2 column 1 (char 8)"),
        (b'{"a": NaN}', "mend its JSON: Expecting value: line 1 column 7 (char 6)"),
        ('{"a": "天气"}'.encode("gbk"), "encode the body in UTF-8"),
        ('{"a": "天气"}'.encode("utf-16"), "encode the body in UTF-8"),
    ],
)
def test_a_body_that_is_no_json(body, says):
    (error,) = decoded(body)
    assert advice(error, SERVICE) == says


SECRET = "QQQ"
WORDS = re.compile(
    r"mend its JSON: [A-Za-z8 ',:\\()-]+: line \d+ column \d+ \(char \d+\)|encode the body in UTF-8"
)


@given(st.text(st.sampled_from([*'{}[]:,"\\\n\tuxQ0-.eNt'])), st.integers(0), st.booleans())
def test_of_a_body_that_is_no_json_nothing_is_repeated(text, at, spoilt):
    at %= len(text) + 1
    body = f"{text[:at]}{SECRET}{text[at:]}".encode() + (b"\xff" if spoilt else b"")
    for error in decoded(body):
        if error.name == "malformed_json":
            says = advice(error, SERVICE)
            assert SECRET not in says
            assert WORDS.fullmatch(says)


def test_of_most_errors_the_service_s_own_words_say_enough():
    assert advice(ApiError("above_maximum", {"value": 3, "limit": 2}), SERVICE) == ""
