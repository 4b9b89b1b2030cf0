"""What is never shown of what clients sent: what looks like a secret, and what the user wants redacted.

What is blotted out is decided here, where it stands in bodies and messages in `blotting.py`; `Exchange.shown`
and a session's findings are where it is done, when they are shown. Matching and findings see originals.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache
from traceback import format_exception
from typing import Any
from urllib.parse import quote, unquote

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core.entry import did_you_mean

MARK = "***"
# Words are of ASCII here: to \b, what stands right behind a Chinese character is within its word.
_BEGIN, _END = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
SECRETS = re.compile(  # also within JSON, behind the letters \n or \u662f
    rf"(?:{_BEGIN}|(?<=\\[nrt])|(?<=\\u[0-9A-Fa-f]{{4}}))"
    rf"(?:sk-(?!mock)(?:proj-)?[A-Za-z0-9_-]{{20,}}|AKIA[0-9A-Z]{{16}}{_END}"
    r"|gh[pousr]_[A-Za-z0-9]{36,}|xox[abpr]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"  # a JWT
    r"|c2st[A-Za-z0-9+/_-]{24,}={0,2})"  # `sk-…` in base64
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\+[nr]|[A-Za-z0-9+/=\s])*"
)
_CALLED = (
    r"(?:api|access|secret|private|subscription)[-_]?key|authorization|cookie|passw(?:or)?d"
    r"|client[-_]?secret|(?:access|api|auth|bearer|id|refresh|session)[-_]?token"
)
# Chinese and Japanese characters, and their punctuation: no part of a key or address that they stand beside.
_HAN = "\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"
# `api_key=…`, `"api_key": "…"`, `Authorization: Bearer …`: in forms, in JSON that is none, in words.
_GIVEN = re.compile(
    rf"(?i)((?:{_CALLED})(?:[=＝]|\s*[:：]\s*|(\\*[\"'])\s*[:=]\s*\\*[\"'])(?:(?:bearer|basic)\s+)?"
    rf"|[?&](?:key|token|secret)=|{_BEGIN}bearer\s+(?=\S{{16}}))(?!sk-mock)[^\s\"'\\&,;}}{_HAN}]{{8,}}"
)
_NAMED = re.compile(f"(?i){_CALLED}")
_WEAKLY_NAMED = re.compile("(?i)(?:^|[-_])(?:key|token|secret)$")  # where the value looks like one
_OPAQUE = re.compile(r"\S{16,}")
_LONG = 16  # characters of a key that no other text has by chance
_ESCAPED = re.compile(rb"\\u00([2-7][0-9A-Fa-f])")
_PERCENT = re.compile(r"[\w.~-]*(?:%[0-9A-Fa-f]{2}[\w.~-]*){1,1000}")
SECRET_SIZE = 200  # characters, more than make a secret known
_PART = f"[^\\W{_HAN}]"  # a letter, a digit or _ of an address
_EMAIL = rf"(?:{_PART}|[.+-]){{1,64}}@(?:{_PART}|-){{1,63}}(?:\.(?:{_PART}|-){{1,63}}){{1,8}}"

Change = Callable[[str], str]


# One of these is in what the patterns match: most texts have none, and bodies may be long.
_STARTS = (
    *("sk-", "AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "AIza", "eyJ", "c2st"),
    "-----BEGIN",
)
_ENDS = (
    *("key", "ation", "cookie", "passw", "secret", "bearer"),
    *("oken=", "oken:", "oken＝", "oken：", "oken ", 'oken"', "oken'", "oken\\"),
)


def hidden(text: str) -> str:
    """Return a text with the secrets that clients put into it blotted out."""
    text = _bare(text)
    return _PERCENT.sub(_decoded, text) if "%" in text else text


def beginning(text: str, most: int) -> str:
    """Return a text's beginning. What is cut off is no half of a secret, which no pattern knows."""
    if len(text) <= most:
        return text
    whole = hidden(text[: most + SECRET_SIZE])
    return (whole if len(text) <= most + SECRET_SIZE else whole[:-SECRET_SIZE])[:most]


def looking_secret(text: str) -> list[str]:
    """Return the parts of a text that look like secrets by themselves."""
    if not any(start in text for start in _STARTS):
        return []
    return [found[0] for found in SECRETS.finditer(text)]


def unescaped(data: bytes) -> bytes:
    """Return JSON with what need not be escaped in it as it is: PHP escapes /, and .NET +."""
    if b"\\" not in data:
        return data
    data = data.replace(b"\\/", b"/")
    if b"\\u00" not in data:
        return data
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def _bare(text: str) -> str:
    if any(start in text for start in _STARTS):
        text = SECRETS.sub(MARK, text)
    folded = text.lower()
    if any(end in folded for end in _ENDS):
        text = _GIVEN.sub(rf"\1{MARK}", text)
    return text


def _decoded(found: re.Match[str]) -> str:
    """Return a percent-encoded word as it is, or decoded where that shows what is to be hidden."""
    plain = unquote(unquote(found[0]))
    told = _bare(plain)
    return found[0] if told == plain else told


def named_secret(name: str, value: str) -> bool:
    """Tell whether a value of JSON is a secret by its name, or by its name and its looks."""
    if _NAMED.search(name):
        return True
    return bool(_WEAKLY_NAMED.search(name) and _OPAQUE.fullmatch(value))


def withheld(text: str) -> str:
    """Return what stands for a client's text that is not to be shown."""
    return f"‹redacted, {len(text):,} character{'' if len(text) == 1 else 's'}›"


class Redaction(Struct, frozen=True, kw_only=True):
    """What of an exchange is not shown, besides what looks like a secret.

    `patterns` are the user's, `prompts` and `replies` withhold all text of clients and of answers.
    `secrets` are the exchange's own keys, where they stand elsewhere in it, too.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    prompts: bool = False
    replies: bool = False
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Redaction by {len(self.patterns)} patterns>"

    def secretless(self, text: str) -> str:
        """Return a text without secrets, which nobody is shown."""
        for secret in self.secrets:
            for form in forms(secret):
                text = text.replace(form, MARK)
        return hidden(text)

    def text(self, text: str) -> str:
        """Return a text without secrets and without what the user's patterns match."""
        text = self.secretless(text)
        for pattern in self.patterns:
            text = pattern.sub(MARK, text)
        return text

    def bug(self, bug: Exception) -> Exception:
        """Return an exception as it may be shown: another one where its words have a secret."""
        whole = "".join(format_exception(bug))  # with what it came from
        if self.prompts:
            told = f"{type(bug).__name__}: {withheld(str(bug))}"
        elif self.text(whole) == whole:
            return bug
        else:
            told = self.text(repr(bug))
        return RuntimeError(told).with_traceback(bug.__traceback__)

    def with_secrets(self, headers: Iterable[str]) -> "Redaction":
        """Return what leaves out the secrets of such headers, too."""
        return self.knowing(tuple(one for value in headers for one in _parts(value)))

    def knowing(self, secrets: tuple[str, ...]) -> "Redaction":
        """Return what leaves out such secrets, too."""
        return replace(self, secrets=secrets) if secrets else self


NOTHING = Redaction()


@lru_cache(maxsize=256)
def forms(secret: str) -> tuple[str, ...]:
    """Return how a secret may stand in a request: as it is, escaped, percent-encoded, in base64."""
    data = secret.encode("utf-8", "replace")
    all_ = "".join(f"%{byte:02x}" for byte in data)
    escaped = "".join(f"\\u{ord(c):04x}" for c in secret)
    # Python and others leave / as it is, browsers what is in the last of these.
    percent = *(quote(data, safe=safe) for safe in ("", "/", "!'()*")), all_, all_.upper()
    as_json = [json.dumps(secret, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)]
    as_json.append(secret.replace("\\", "\\\\"))  # .NET's, once it is `unescaped`
    php = [text.replace("/", "\\/") for text in as_json]
    encoded = *percent, escaped, *as_json, *php, b64encode(data).decode().rstrip("=")
    return tuple(dict.fromkeys((secret, *encoded)))


def repeated(headers: tuple[str, ...], others: tuple[str, ...], body: bytes) -> tuple[str, ...]:
    """Return the secrets of such headers that stand elsewhere in their request, too."""
    found, sought = _sought(headers, others)
    body = unescaped(body) if sought else body
    in_body = [secret for form, secret in sought if form in body]
    return (*found, *dict.fromkeys(in_body)) if in_body else found


@lru_cache(maxsize=256)  # a client's requests have nearly all their heads in common
def _sought(
    headers: tuple[str, ...], others: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[bytes, str]]]:
    """Return the secrets that stand in the others, and each form in which a body may have the rest."""
    text = "\n".join(others)
    found: list[str] = []
    sought: list[tuple[bytes, str]] = []
    for secret in dict.fromkeys(secret for value in headers for secret in _parts(value)):
        if any(form in text for form in forms(secret)):
            found.append(secret)
        else:
            sought += [(form.encode("utf-8", "replace"), secret) for form in forms(secret)]
    return tuple(found), sought


@lru_cache(maxsize=256)  # clients send the same few again and again
def _parts(value: str) -> tuple[str, ...]:
    """Return the secrets of a header that holds some: its key, or each of its cookies."""
    found = re.split(r"[\s;,=]+", value)
    return tuple(part for part in found if len(part) >= _LONG and not part.startswith("sk-mock"))


_NAMES: dict[str, dict[str, Any]] = {
    "prompts": {"prompts": True},
    "replies": {"replies": True},
    "emails": {"patterns": (re.compile(_EMAIL),)},
}


def redaction(rules: Iterable[str]) -> Redaction:
    """Return what rules ask for: `prompts`, `replies`, `emails`, or regular expressions.

    Raises ValueError for what is no regular expression, or one that matches where nothing is.
    """
    found: dict[str, Any] = {"patterns": ()}
    for rule in rules:
        named = _NAMES.get(rule)
        if named is None:
            named = {"patterns": (_compiled(rule),)}
        patterns = found["patterns"] + named.get("patterns", ())
        found = {**found, **named, "patterns": patterns}
    return Redaction(**found)


def _compiled(rule: str) -> re.Pattern[str]:
    wanted = f"expected {', '.join(_NAMES)} or a regular expression, found {rule!r}"
    if hint := did_you_mean(rule, _NAMES):
        raise ValueError(f"{wanted}{hint}; a word of your own is (?:{rule})")
    try:
        pattern = re.compile(rule)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{wanted}, which is none: {error}") from None
    if pattern.search("") is not None:
        raise ValueError(f"{wanted}, which matches where nothing is; let it match something")
    return pattern
