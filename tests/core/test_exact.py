"""Exact mode finds true ranks on this disk, or says what it looked for; it never opens a connection."""

import base64
import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest

from mockgpt.files import exact
from mockgpt.files.exact import ExactTokensUnavailable, load_split

CACHES = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")


class Encoding:
    """One token a byte, but for the ranks that it was given."""

    def __init__(self, name, *, pat_str, mergeable_ranks, special_tokens):
        assert name == "cl100k_base"
        assert pat_str == exact.PATTERN
        assert special_tokens == {}
        self.ranks = mergeable_ranks

    def encode_ordinary(self, text):
        tokens = []
        rest = text.encode()
        while rest:
            token = max((known for known in self.ranks if rest.startswith(known)), key=len)
            tokens.append(self.ranks[token])
            rest = rest[len(token) :]
        return tokens

    def decode_tokens_bytes(self, tokens):
        spelled = {rank: token for token, rank in self.ranks.items()}
        return [spelled[token] for token in tokens]


RANKS = {bytes([byte]): byte for byte in range(256)} | {b"Hello": 256, "🙂".encode()[:2]: 257}
FILE = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in RANKS.items())


def refused(*_args, **_keywords):
    raise AssertionError("exact mode tried to open a connection")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    for name in ("tiktoken", "bpe_openai"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in CACHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))


@pytest.fixture
def tiktoken(monkeypatch):
    module = types.ModuleType("tiktoken")
    module.Encoding = Encoding
    module.get_encoding = refused  # it would download what it does not find
    monkeypatch.setitem(sys.modules, "tiktoken", module)


@pytest.fixture
def ranks(monkeypatch, tmp_path, tiktoken):  # noqa: ARG001 -- it installs the module
    monkeypatch.setattr(exact, "RANKS_SHA256", hashlib.sha256(FILE).hexdigest())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    path = tmp_path / exact.RANKS_NAME
    path.write_bytes(FILE)
    return path


def reason():
    with pytest.raises(ExactTokensUnavailable) as caught:
        load_split()
    return str(caught.value)


def test_nothing_installed():
    assert reason() == (
        "exact tokens need the ranks of cl100k_base on this disk: "
        "tiktoken is not installed; bpe-openai is not installed. "
        "Next step: pip install bpe-openai (which brings the ranks), or let tiktoken fetch them once "
        "where there is a network (tiktoken.get_encoding('cl100k_base')) and set TIKTOKEN_CACHE_DIR "
        "to that cache; or leave exact mode off, the built-in counts come within a few per cent."
    )


@pytest.mark.usefixtures("tiktoken")
@pytest.mark.parametrize("name", CACHES)
def test_tiktoken_without_ranks(monkeypatch, tmp_path, name):
    monkeypatch.setenv(name, str(tmp_path))
    path = tmp_path / exact.RANKS_NAME
    assert f"its cached ranks {path} cannot be read (No such file or directory);" in reason()


@pytest.mark.usefixtures("tiktoken")
def test_the_first_variable_wins_as_in_tiktoken(monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "first"))
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path / "second"))
    assert str(tmp_path / "first") in reason()


@pytest.mark.usefixtures("tiktoken")
def test_the_default_cache(tmp_path):
    assert str(tmp_path / "temporary" / "data-gym-cache" / exact.RANKS_NAME) in reason()


@pytest.mark.usefixtures("tiktoken")
@pytest.mark.parametrize("name", CACHES)
def test_an_empty_variable_means_no_cache(monkeypatch, name):
    monkeypatch.setenv(name, "")
    assert f"tiktoken is installed, but {name} is empty: it keeps no cache;" in reason()


def test_damaged_ranks_are_refused_and_left_alone(ranks):
    ranks.write_bytes(FILE[:-1])
    found = hashlib.sha256(FILE[:-1]).hexdigest()[:12]
    expected = exact.RANKS_SHA256[:12]
    assert f"expected SHA-256 {expected}..., found {found}...;" in reason()
    assert ranks.read_bytes() == FILE[:-1]


@pytest.mark.usefixtures("ranks")
def test_split_with_cached_ranks():
    split = load_split()
    assert split("") == ()
    assert split("Hello!") == ("Hello", "!")
    assert split("🙂é") == ("🙂", "", "", "é", "")


@pytest.mark.usefixtures("ranks")
@pytest.mark.parametrize(
    "text", ["<|endoftext|>", "a <|fim_prefix|> b", "\ud83d", "x\udc00\ud800y"]
)
def test_split_takes_any_text(text):
    assert "".join(load_split()(text)) == text


def test_bpe_openai_is_the_second_source(monkeypatch):
    module = types.ModuleType("bpe_openai")
    module.get_encoding = lambda name: Encoding(
        name, pat_str=exact.PATTERN, mergeable_ranks=RANKS, special_tokens={}
    )
    monkeypatch.setitem(sys.modules, "bpe_openai", module)
    assert load_split()("Hello") == ("Hello",)


@pytest.mark.parametrize("name", ["tiktoken", "bpe_openai"])
def test_the_real_packages_give_true_tokens_and_connect_to_nothing(monkeypatch, tmp_path, name):
    monkeypatch.undo()
    monkeypatch.setattr(socket.socket, "connect", refused)
    if name == "tiktoken":  # as it would have cached them
        spelled = exact._from_bpe_openai().decode_tokens_bytes(range(100_256))
        lines = [b"%b %d\n" % (base64.b64encode(t), rank) for rank, t in enumerate(spelled)]
        (tmp_path / exact.RANKS_NAME).write_bytes(b"".join(lines))
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    else:
        monkeypatch.setitem(sys.modules, "tiktoken", None)
    split = load_split()
    for case in json.loads((Path(__file__).parent / "data/tokens.json").read_text("utf-8")):
        pieces = split(case["text"])
        assert len(pieces) == case["tokens"]
        assert "".join(pieces) == case["text"]
    assert split("🙂") == ("🙂", "")


def test_importing_the_module_imports_no_tokenizer():
    code = (
        "import sys, mockgpt.files.exact;"
        "print(sys.modules.keys() & {'tiktoken', 'bpe_openai', 'requests', 'urllib3'})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "set()"
