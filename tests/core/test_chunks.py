"""Texts cut into events: no cut loses a character or a token."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockgpt.core.chunks import by_grain, by_pieces, by_tokens
from mockgpt.core.replies import Piece
from mockgpt.core.tokens import split

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
GRAINS = st.sampled_from(["token", "word", "character"]) | st.integers(1, 9)
CLEF = "𝄞"  # several tokens, the text with the first


def texts(parts):
    return [text for text, _, _ in parts]


def counts(parts):
    return [count for _, count, _ in parts]


@given(TEXTS, GRAINS, st.integers(0, 30))
@example("a" + CLEF, 1, 2)  # cut within a character
def test_parts_say_the_text_and_count_its_tokens(text, grain, room):
    tokens = split(text)[:room]
    parts = by_grain(tokens, grain)
    assert "".join(texts(parts)) == "".join(tokens)
    assert all(texts(parts))
    # Tokens behind the last character stay for the event with the finish reason.
    behind = len(tokens) - sum(counts(parts))
    assert tokens[len(tokens) - behind :] == ("",) * behind
    assert behind == 0 or tokens[-1] == ""


@given(st.lists(TEXTS, min_size=1), st.integers(0, 30))
def test_pieces_say_the_text_as_far_as_it_goes(pieces, room):
    tokens = split("".join(pieces))
    kept = tokens[:room]
    parts = by_pieces(kept, pieces)
    assert "".join(texts(parts)) == "".join(kept)
    assert sum(counts(parts)) <= len(kept)
    if len(kept) == len(tokens):
        assert texts(parts) == pieces


@pytest.mark.parametrize(
    ("grain", "expected"),
    [
        ("token", ["One", " two", " three", ".\n"]),
        (3, ["One two three", ".\n"]),
        (9, ["One two three.\n"]),
        ("word", ["One", " two", " three.", "\n"]),
        ("character", list("One two three.\n")),
    ],
)
def test_what_one_event_holds(grain, expected):
    parts = by_grain(split("One two three.\n"), grain)
    assert texts(parts) == expected
    assert sum(counts(parts)) == 4


def test_words_are_characters_where_none_are_spaced():
    assert texts(by_grain(split("他说 hello 好。"), "word")) == ["他", "说", " hello", " 好", "。"]


def test_a_token_counts_where_it_ends():
    tokens = ("Hel", "lo", " world", "", "!")
    assert by_pieces(tokens, ["H", "ello wo", "", "rld!"]) == (
        ("H", 0, 0.0),
        ("ello wo", 2, 0.0),
        ("", 0, 0.0),
        ("rld!", 3, 0.0),
    )
    assert counts(by_grain(tokens, "character")) == [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 2]
    assert list(by_tokens(tokens)) == [
        ("Hel", 1, 0.0),
        ("lo", 1, 0.0),
        (" world", 1, 0.0),
        ("!", 2, 0.0),
    ]


def test_pieces_have_waits_of_their_own():
    pieces = [Piece(text="Hel", after="120ms"), "lo", Piece(text=" world", after=2)]
    assert by_pieces(("Hel", "lo"), pieces) == (("Hel", 1, 0.12), ("lo", 1, 0.0))


def test_a_cut_ends_within_a_piece():
    assert texts(by_pieces(("Hel", "lo"), ["H", "ello", " world", "!"])) == ["H", "ello"]
    assert texts(by_pieces((), ["", "a"])) == [""]
