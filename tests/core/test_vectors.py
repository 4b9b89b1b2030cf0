"""The fake embeddings: their geometry over pairs of texts, their laws, and their bytes for ever."""

import json
import math
import os
import random
import struct
import subprocess
import sys
from array import array
from base64 import b64decode
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from string import ascii_lowercase, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockgpt.core import vectors
from mockgpt.core.answers import Answer, Embedded, Usage
from mockgpt.core.encode.embeddings import whole
from mockgpt.core.vectors import as_base64, at_cosine, cosine

PAIRS = json.loads((Path(__file__).parent / "data" / "vector_pairs.json").read_text("utf-8"))
BOUNDS = {"near": (0.85, 1.0), "half": (0.35, 0.8), "unrelated": (-0.3, 0.3)}

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
TOKENS = st.lists(st.integers(min_value=0), max_size=40).map(tuple)
VALUES = TEXTS | TOKENS

# The digest of each vector's bytes, little-endian. A change here changes every user's recorded
# vectors: it is a breaking change.
PINNED = {
    "The quick brown fox jumps over the lazy dog.": "fc31646acd8c04ea",
    "请把 Docker 镜像部署到 Kubernetes 集群。": "ba13e4e0b74052a4",
    "ﾊﾝｶｸ と Ｆｕｌｌ Straße, Ἀθῆναι, München, Київ, हिन्दी": "2ee6c2cab656ed96",
    "🙂": "7d2a3d95d483498b",
    "": "96359d2d503dc90e",
    (): "a39485a0606066a1",
    (9906, 11, 1917, 0, 9906): "7fd89ffabc182063",
}


def embed(value, dimensions=1536):
    return vectors.embed(value, dimensions).numbers()


def digest(vector):
    return blake2b(struct.pack(f"<{len(vector)}f", *vector), digest_size=8).hexdigest()


def norm(vector):
    return math.sqrt(math.fsum(x * x for x in vector))


@pytest.mark.parametrize(
    ("kind", "a", "b"), [(kind, *pair) for kind in PAIRS for pair in PAIRS[kind]]
)
def test_geometry_of_texts(kind, a, b):
    low, high = BOUNDS[kind]
    assert low < cosine(embed(a), embed(b)) <= high


@pytest.mark.parametrize("length", [10, 20, 200, 8000])
def test_geometry_of_tokens(length):
    draw = random.Random(length)  # one shuffle: no id twice
    ids = draw.sample(range(100_000), 2 * length)
    tokens, others = ids[:length], ids[length:]
    near = [others[i] if i % 10 == 4 else token for i, token in enumerate(tokens)]
    half = tokens[: length // 2] + others[length // 2 :]
    vector = embed(tuple(tokens))
    assert cosine(vector, embed(tuple(near))) > 0.85
    assert 0.35 < cosine(vector, embed(tuple(half))) < 0.8
    assert cosine(vector, embed(tuple(others))) < 0.3


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hello, World!", "  hello\tworld "),
        ("Don\u2019t panic", "dont panic"),
        ("今天，天气很好。", "今天 天气很好"),
        ("ＧＰＴ－４ ﾃｽﾄ", "gpt-4 テスト"),
        ("cafe\u0301", "CAFÉ"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"),
    ],
)
def test_case_punctuation_spacing_and_width_change_nothing(a, b):
    assert embed(a) == embed(b)


def test_a_vector_and_itself_have_cosine_exactly_one():
    for value in PINNED:
        assert cosine(embed(value), embed(value)) == 1.0


def test_word_order_counts_a_little():
    assert 0.9 < cosine(embed("dog bites man"), embed("man bites dog")) < 1


def test_inflected_words_are_neighbours():
    assert cosine(embed("embedding"), embed("embeddings")) > cosine(
        embed("embedding"), embed("error")
    )


def test_short_texts_of_different_words_look_dense_and_different():
    a, b = embed("chess"), embed("banana")
    assert 0.0 not in a
    assert a[:5] != b[:5]


@given(VALUES, VALUES)
def test_laws_of_vectors(a, b):
    one, other = embed(a), embed(b)
    assert one.typecode == "f"
    assert len(one) == 1536
    assert abs(norm(one) - 1) < 1e-6
    assert embed(a).tobytes() == one.tobytes()
    assert cosine(one, other) == cosine(other, one)
    assert -1 - 1e-6 <= cosine(one, other) <= 1 + 1e-6


@given(VALUES, st.sampled_from([1, 2, 3, 8, 255, 256, 3072]))
@settings(max_examples=50)
def test_any_number_of_dimensions_gives_a_unit_vector(value, dimensions):
    vector = embed(value, dimensions)
    assert len(vector) == dimensions
    assert abs(norm(vector) - 1) < 1e-6


@given(VALUES)
def test_both_encodings_say_the_same_numbers(value):
    vector = embed(value)
    packed = b64decode(as_base64(vector), validate=True)
    assert struct.unpack("<1536f", packed) == tuple(vector)


@given(VALUES, st.sampled_from([1, 2, 8, 1536]), st.booleans())
def test_numbers_that_are_known_are_written_like_others(value, dimensions, base64):
    vector = vectors.embed(value, dimensions)
    one, again, kept, other = (
        whole(Answer(model="m", content=embedded, usage=Usage(1, None)), embedded)
        for numbers in (vector, vector, vector, vector.numbers())
        for embedded in [Embedded((numbers,), base64=base64)]
    )
    assert one == again == kept == other


def test_base64_is_little_endian_on_a_big_endian_machine(monkeypatch):
    vector = array("f", [1.0, -2.5])
    swapped = vector[:]
    swapped.byteswap()
    monkeypatch.setattr(vectors.sys, "byteorder", "big")
    assert b64decode(as_base64(swapped)) == struct.pack("<2f", 1.0, -2.5)
    assert swapped != vector  # the caller's vector is left as it was


@pytest.mark.parametrize("text", ["!!!", "🙂", " \n\t", "", "\0", "\u200d", "𐵐Ა"])
def test_texts_without_words_have_vectors_of_their_own(text):
    assert cosine(embed(text), embed("a text of words")) < 0.3
    assert cosine(embed(text), embed("???")) < 0.3


def test_words_that_say_little_are_told_apart_where_there_are_no_others():
    words = "the", "am", "me", "own", "en", "des", "аз", "да", "на", "не", "ε", "ρ"
    rows = [embed(word) for word in (*words, *ascii_lowercase, *digits)]
    assert max(cosine(a, b) for a, b in combinations(rows, 2)) < 0.7


@pytest.mark.parametrize("dimensions", [5, 8, 16, 32, 64])
def test_unrelated_texts_are_no_nearer_where_there_is_little_room(dimensions):
    draw = random.Random(dimensions)
    words = sorted({word for pair in PAIRS["near"] for word in pair[0].split()})
    rows = [embed(" ".join(draw.sample(words, 8)), dimensions) for _ in range(60)]
    found = [cosine(a, b) for a, b in combinations(rows, 2)]
    assert 0.1 < math.fsum(found) / len(found) < 0.3


def test_vectors_of_different_lengths_have_no_angle():
    with pytest.raises(ValueError, match="longer"):
        cosine(embed("a", 2), embed("a", 3))


def test_a_lone_surrogate_is_refused():
    with pytest.raises(UnicodeEncodeError):
        embed("\ud800 alone")


@pytest.mark.parametrize("value", PINNED)
def test_bytes_are_pinned(value):
    assert digest(embed(value)) == PINNED[value]


def test_the_hash_seed_changes_nothing():
    program = (
        "import sys; from mockgpt.core.vectors import embed\n"
        "for value in eval(sys.stdin.read()): sys.stdout.buffer.write(embed(value).numbers().tobytes())"
    )
    values = [*PINNED, *(text for pair in PAIRS["half"] for text in pair)]
    expected = b"".join(embed(value).tobytes() for value in values)
    for seed in ("0", "1", "4711"):
        written = subprocess.run(
            [sys.executable, "-c", program],
            input=repr(values).encode(),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        assert written == expected


@given(VALUES, VALUES, st.floats(-1, 1), st.sampled_from([2, 3, 64, 1536]))
def test_a_vector_at_a_cosine_is_there(own, other, wanted, dimensions):
    target = embed(other, dimensions)
    vector = at_cosine(embed(own, dimensions), target, wanted)
    assert vector.typecode == "f"
    assert cosine(vector, target) == pytest.approx(wanted, abs=1e-6)
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    assert vector == at_cosine(embed(own, dimensions), target, wanted)


@pytest.mark.parametrize("wanted", [-1, -0.5, 0, 0.999])
def test_a_vector_has_a_cosine_to_its_own_too(wanted):
    own = embed("cat")
    assert cosine(at_cosine(own, own, wanted), own) == pytest.approx(wanted, abs=1e-6)


def test_vectors_at_a_cosine_keep_what_is_their_own():
    target = embed("cat")
    assert at_cosine(embed("dog"), target, 1) == target
    train, dog = (at_cosine(embed(text), target, 0.5) for text in ("train", "dog"))
    assert cosine(train, dog) == pytest.approx(
        0.25, abs=0.15
    )  # but for the target nothing in common
