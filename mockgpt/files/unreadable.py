"""What a file that is no text, or no YAML, has wrong: where, and in words that help who wrote it.

Full-width punctuation, which input methods for Chinese leave behind, is text to YAML. That one was
meant as syntax is told only where a parser gets further with YAML's own character in its place.
"""

import codecs
import re
from collections.abc import Callable
from typing import Any

import yaml

Position = tuple[int, int]  # line and column, from 1
Parse = Callable[[str], Any]  # raises yaml.MarkedYAMLError

_CLOSED = (
    "quoted scalar",
    "flow mapping",
    "flow sequence",
)  # by its own end; in the parser's words
_HINTS = {  # by the ends of the parser's messages
    "mapping values are not allowed in this context": "; text with ': ' in it needs quotes",
    "that cannot start any token": "; indent with spaces, and quote text that begins so",
}
_MEANT = {"：": ": ", "，": ", ", "｛": "{", "｝": "}", "［": "[", "］": "]"}
_KEY = "[A-Za-z_][A-Za-z0-9_]*"
_MISPLACED = re.compile(
    rf"(?<![^-{{,｛，［\[ \t]){_KEY}(?P<colon>：)"
    r"|(?P<open>(?:(?<=^)|(?<=[-:：{,｛，［\[ \t]))[｛［])"
    rf"|(?P<comma>，)(?=[ \t]*{_KEY}[:：])"
    r"|(?P<close>[｝］])"
)
_LINES = 4  # that may have what is wrong: that in which it shows, and those before it


def reported(error: yaml.MarkedYAMLError, text: str, parse: Parse) -> tuple[Position, str]:
    """Return where a text is no YAML, and what was expected and found."""
    position = _position(error)
    found = _full_width(error, text, parse)
    if found is not None:
        position, character = found
        meant = f"'{character}'; write '{_MEANT[character]}'"
        return position, f"expected YAML, found the full-width {meant}"
    problem = (error.problem or "nothing that can be read").removeprefix("but ")
    what = problem[6:] if problem.startswith("found ") else f"an error: {problem}"
    hint = next((hint for end, hint in _HINTS.items() if problem.endswith(end)), "")
    return position, f"expected YAML, found {what}{hint}{_unended(error, text)}"


def _position(error: yaml.MarkedYAMLError) -> Position:
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _unended(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return the end of a message about a quote or bracket that is not closed: where it begins."""
    begin, end = error.context_mark, error.problem_mark
    # Of other contexts, such as a block mapping, what is wrong is not that they go on.
    if begin is None or end is None or not (error.context or "").endswith(_CLOSED):
        return ""
    where = f"; what begins in line {begin.line + 1}"
    if end.index >= len(text) or (error.problem or "").startswith("found unexpected"):
        return f"{where} has no end"
    return f"{where} is still open there" if begin.line < end.line else ""


def undecoded(error: UnicodeDecodeError) -> tuple[Position, str]:
    """Return where bytes are no UTF-8, and what is there: a byte, and what encoding has it."""
    data = error.object
    before = data[: error.start].decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    position = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = f"the byte 0x{data[error.start]:02x}"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return position, f"{found}, as UTF-16 has it"
    try:
        data.decode("gb18030")  # GBK and more: what it cannot read GBK cannot
    except UnicodeDecodeError:
        return position, found
    return position, f"{found}, as GBK has it"


def full_width_hint(text: str) -> str:
    """Return the end of a message about a text that begins as a key does, but for its colon."""
    return "; write ': ' for the full-width '：'" if re.match(f"{_KEY}：", text) else ""


def _full_width(
    error: yaml.MarkedYAMLError, text: str, parse: Parse
) -> tuple[Position, str] | None:
    """Return the first full-width character that stands where syntax belongs, if that is what is wrong."""
    failed, _ = _position(error)
    lines = text.split("\n")[: failed + 1]  # what comes later has nothing to do with it
    before = _failure("\n".join(lines), parse)
    if before is None:
        return None  # aliases and the like, of which a parser knows nothing
    begun = error.context_mark.line if error.context_mark else failed - 1
    filled = [index for index in range(min(failed, len(lines))) if lines[index].strip()]
    looked_at = sorted({*filled[-_LINES:], min(begun, len(lines) - 1)})
    found = [
        (index, match.start(match.lastgroup or 0))
        for index in looked_at
        for match in _MISPLACED.finditer(lines[index])
    ][-_LINES * _LINES :]
    # Each alone; or, of several that are wrong, all.
    for some in (*([one] for one in found), found if len(found) > 1 else []):
        if some and _is_further(lines, some, before, parse):
            index, column = some[0]
            return (index + 1, column + 1), lines[index][column]
    return None


def _is_further(
    lines: list[str], found: list[tuple[int, int]], before: Position, parse: Parse
) -> bool:
    """Tell whether a parser gets further with what was meant in the place of some characters."""
    mended = list(lines)
    line, column = before
    for index, start in reversed(found):
        meant = _MEANT[mended[index][start]]
        mended[index] = mended[index][:start] + meant + mended[index][start + 1 :]
        if index == line - 1 and start < before[1] - 1:
            column += len(meant) - 1
    after = _failure("\n".join(mended), parse)
    return after is None or after > (line, column)


def _failure(text: str, parse: Parse) -> Position | None:
    try:
        parse(text)
    except yaml.MarkedYAMLError as error:
        return _position(error)
    return None
