"""Filler text: deterministic nonsense in the language of the prompt.

The words are Faker's, the choice among them is a keyed draw, so the same request always gets the
same text. Faker is imported when the first word is needed: it is slow to import.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from importlib import import_module

from mockgpt.core.draws import between, drawing, part

_HAN = r"\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = r"\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9d"  # not U+30FB, a dot that Chinese names have, too
# Script -> Faker locale. Scripts, not languages: what a few words can tell apart for certain. Each is
# compiled by `re` when it is first looked for, and kept there: most texts are ASCII.
_SCRIPTS = (
    ("en_US", "[A-Za-z\u00c0-\u024f]+"),
    ("zh_CN", f"[{_HAN}]"),
    ("ja_JP", f"[{_KANA}]"),
    ("ru_RU", "[\u0400-\u04ff]+"),
    ("el_GR", "[\u0370-\u03ff]+"),
    ("ar_AA", "[\u0600-\u06ff]+"),
    ("he_IL", "[\u0590-\u05ff]+"),
    ("th_TH", "[\u0e00-\u0e7f]+"),
    ("hy_AM", "[\u0531-\u0587]+"),
    ("bn_BD", "[\u0980-\u09ff]+"),
)
# Japanese writes kana right beside Han characters, Chinese has none but in words that it quotes.
_JAPANESE = f"(?<=[{_HAN}])[{_KANA}]|[{_KANA}](?=[{_HAN}])"
_HAN_TO_ONE = 10  # so many that one such kana makes Japanese; among more it is a stray


def locale_of(text: str) -> str:
    """Return the Faker locale for an answer to a text: that of the script with most words."""
    if text.isascii():
        return "en_US"
    words = {locale: len(re.findall(pattern, text)) for locale, pattern in _SCRIPTS}
    if words["ja_JP"] and len(re.findall(_JAPANESE, text)) * _HAN_TO_ONE >= words["zh_CN"]:
        words["ja_JP"] += words["zh_CN"]
    return max(words, key=words.__getitem__)  # the first of those with most


def knows_locale(locale: str) -> bool:
    """Tell whether Faker has words in a locale."""
    if not re.fullmatch("[a-z]{2,3}(_[A-Z]{2})?", locale):
        return False
    try:
        _vocabulary(locale)
    except ModuleNotFoundError:
        return False
    return True


def prose(locale: str, seed: int, *purpose: str | bytes | int) -> str:
    """Return a paragraph of two or three sentences, drawn for that seed and purpose."""
    parts = b"".join(map(part, purpose))
    count = between(drawing(seed, parts)(part("shape")), 2, 3)
    # As `draw` of 64 bytes, but once for all sentences: the purpose is a whole conversation.
    root = blake2b(b"%d%b" % (seed, parts), digest_size=64)
    _, connector, _ = _vocabulary(locale)
    return connector.join([_sentence(locale, root.copy(), n) for n in range(count)]).rstrip()


def _sentence(locale: str, digest: blake2b, n: int) -> str:
    words, connector, stop = _vocabulary(locale)
    digest.update(part(n))
    drawn = digest.digest()
    count = between(drawn[:8], 6, 12)
    picks = (int.from_bytes(drawn[at : at + 4]) for at in range(8, 8 + 4 * count, 4))
    text = connector.join(words[pick % len(words)] for pick in picks)
    return text[:1].upper() + text[1:] + stop


@lru_cache(maxsize=16)
def _vocabulary(locale: str) -> tuple[tuple[str, ...], str, str]:
    """Return Faker's words for a locale, what joins them and what ends a sentence."""
    provider = import_module(f"faker.providers.lorem.{locale}").Provider
    connector: str = provider.word_connector
    stop: str = "。" if locale == "zh_CN" else provider.sentence_punctuation
    return tuple(provider.word_list), connector, stop
