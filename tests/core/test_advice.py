"""What findings and the access log say of a refused request, beyond the service's own words."""

import pytest

from mockgpt.core import rules
from mockgpt.core.advice import advice
from mockgpt.core.decode import model_not_found
from mockgpt.core.endpoints import find, refusal
from mockgpt.core.errors import ApiError
from mockgpt.files.services import load_service

SERVICE = load_service("pgpt")
BASE = "let the base URL end in /v1"
FORM = "send a text, token ids or a list of such, none of them empty"
ALL = "ask for /v1/chat/completions or /v1/completions or /v1/embeddings or /v1/models"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/chat/completions", BASE),
        ("/completions", BASE),
        ("/v1/v1/chat/completions", BASE),
        ("/v1//embeddings", BASE),
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


def test_of_most_errors_the_service_s_own_words_say_enough():
    assert advice(ApiError("above_maximum", {"value": 3, "limit": 2}), SERVICE) == ""
