"""YAML as values that remember where they stood: `file:line:col` for every error.

Read with a safe loader's scanner and resolver; duplicate keys are refused, and a date is text.
"""

from collections import Counter
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import UNSET, Struct, UnsetType

from mockgpt.core.entry import Place, path_of
from mockgpt.files.typed import Violation, shown, violations
from mockgpt.files.unreadable import Position, reported

T = TypeVar("T")

_DEEPEST = 50  # levels of nesting; an alias to its own parent has no end
_MOST = 300_000  # values; aliases of aliases multiply
_DIGITS = 10_000  # characters of a number
_LONGEST, _NEXT = 1_000, 200  # characters of a message, and of its end
_TOLD = 100  # complaints
_SHOWN = 60  # characters of a scalar that a message repeats
_NO_KEY = "expected a string as a key, found {}"
_WORDS = {"null": "null", "bool": "true or false", "int": "an integer", "float": "a number"}

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, the same
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


class Complaint(Struct, frozen=True):
    """One thing to mend: what was expected and found, and where. Lines and columns are from 1.

    A warning has a `code`, what keeps a file from being used has none. `more` are those of its
    kind that are not told one by one.
    """

    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None
    path: str = ""
    code: str = ""
    more: int | UnsetType = UNSET

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        warning = f"warning {self.code}" if self.code else ""
        line = ": ".join(part for part in (place, self.path, warning, self.message) if part)
        # A key may have line ends in it, or what a terminal obeys.
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


class ScenarioError(Exception):
    """A file that its author must mend: the complaints about it, each a line of the text.

    `files` are the absolute paths that it names, which may be what is to be mended.
    """

    def __init__(self, *errors: Complaint) -> None:
        super().__init__(*errors)
        self.errors = errors
        self.files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class Document(Struct):
    """A file's data, the positions of its values and of its keys, and what is wrong so far.

    `untold` is how many errors there are beside the complaints. UNSET in the data stands for what
    is complained about already. What was not read from YAML has no positions.
    """

    file: str
    data: Any
    values: dict[Place, Position]
    keys: dict[Place, Position]
    complaints: list[Complaint]
    untold: int = 0

    def complain(
        self, place: Place, message: str, position: Position | None = None, *, code: str = ""
    ) -> None:
        """Note what is wrong with a value; one that is not there stands where its parent does."""
        known = place
        while known and known not in self.values:
            known = known[:-1]
        line, column = position or self.values.get(known) or (None, None)
        message = str(message)  # what is Missing, too, has no other use from here on
        if len(message) > _LONGEST:  # it repeats a name or a pattern; at its end is the next step
            message = f"{message[: _LONGEST - _NEXT]} … {message[-_NEXT:]}"
        self.complaints.append(Complaint(message, self.file, line, column, path_of(place), code))

    def check(self) -> None:
        """Raise ScenarioError for all that is wrong, in the order of the file.

        Past 100, the others are counted: how many more there are of each kind.
        """
        if not self.complaints:
            return
        ordered = sorted(self.complaints, key=_order)
        rest = Counter(one.code for one in ordered[_TOLD:])
        rest.update({"": self.untold} if self.untold else {})
        raise ScenarioError(
            *ordered[:_TOLD],
            *(
                Complaint(f"… and {more:,} more", self.file, code=code, more=more)
                for code, more in rest.items()
            ),
        )


def _order(complaint: Complaint) -> Position:
    return complaint.line or 0, complaint.column or 0


def read(text: str, file: str) -> Document:
    """Read one YAML document. Raises ScenarioError for text that is not one."""
    document = Document(file, None, {(): (1, 1)}, {}, [])
    try:
        _check_depth(text, document)
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        position, message = reported(error, text, _parsed)
        document.complain((), message, position)
    except yaml.reader.ReaderError as error:
        character = chr(error.character)
        index = text.find(character)
        position = (text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))
        document.complain((), f"expected YAML, found the character {character!r}", position)
    else:
        if node is not None:
            return msgspec.structs.replace(document, data=_value(node, (), document))
        document.complain((), "expected a mapping, found an empty file")
    raise ScenarioError(*document.complaints)


def _parsed(text: str) -> None:
    for _ in yaml.parse(text, Loader=Loader):
        pass


def of_data(data: Any, file: str) -> Document:
    """Return plain data, such as that of JSON, as a document. Raises ScenarioError."""
    document = Document(file, data, {}, {}, [])
    level = [data]
    for _ in range(_DEEPEST + 1):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        document.complain((), f"expected less than {_DEEPEST} levels, found more")
    document.check()
    document.data = _with_texts_as_keys(data, (), document)
    return document


def _with_texts_as_keys(data: Any, place: Place, document: Document) -> Any:
    """Return data without the keys that no YAML or JSON has; they are complained about."""
    match data:
        case dict():
            for key in data:
                if not isinstance(key, str):
                    document.complain(place, _NO_KEY.format(shown(key)))
            return {
                key: _with_texts_as_keys(value, (*place, key), document)
                for key, value in data.items()
                if isinstance(key, str)
            }
        case list():
            return [_with_texts_as_keys(item, (*place, i), document) for i, item in enumerate(data)]
        case _:
            return data


def _check_depth(text: str, document: Document) -> None:
    """Refuse what is nested deep before it is composed: libyaml's composer recurses on C's stack."""
    depth = -1  # of the value at hand: the document's own is 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            _refuse(f"{_DEEPEST} levels", event, document)


def _refuse(most: str, there: yaml.Node | yaml.Event, document: Document) -> None:
    document.complain((), f"expected less than {most}, found more", _position(there))
    document.check()


def _value(node: yaml.Node, place: Place, document: Document) -> Any:
    if len(place) > _DEEPEST:  # by an alias
        _refuse(f"{_DEEPEST} levels", node, document)
    if len(document.values) > _MOST:
        _refuse(f"{_MOST:,} values", node, document)
    document.values[place] = _position(node)
    match node:
        case yaml.MappingNode():
            return _mapping(node, place, document)
        case yaml.SequenceNode():
            return [_value(item, (*place, i), document) for i, item in enumerate(node.value)]
        case _:
            return _scalar(node, place, document)


def _mapping(node: yaml.MappingNode, place: Place, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        position = _position(key_node)
        key = _scalar(key_node, place, document) if key_node.id == "scalar" else []
        if key is UNSET:
            continue
        if not isinstance(key, str):
            found = "brackets; text that has them needs quotes" if key == [] else shown(key)
            document.complain(place, _NO_KEY.format(found), position)
        elif key in values:
            line = document.keys[(*place, key)][0]
            message = f"expected each key once, found '{key}' again (first in line {line})"
            document.complain((*place, key), message, position)
        else:
            document.keys[(*place, key)] = position
            values[key] = _value(value_node, (*place, key), document)
    return values


def _scalar(node: yaml.Node, place: Place, document: Document) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind in _WORDS:
        try:
            value = _plain(node)
        except (ValueError, KeyError, OverflowError):  # `!!int abc`, or 5,000 digits
            message = f"expected {_WORDS[kind]}, found '{node.value[:_SHOWN]}'"
        else:
            return value
    elif kind in ("str", "timestamp", "merge", "value"):  # dates, `<<` and `=` are text here
        return node.value
    else:
        message = f"expected plain data, found the tag '{node.tag}'"
    document.complain(place, message, _position(node))
    return UNSET


def _plain(node: yaml.Node) -> Any:
    """Return null, a boolean or a number. Raises ValueError for one too long, KeyError, OverflowError."""
    if len(node.value) > _DIGITS:  # of base 60, a million take minutes
        raise ValueError
    value = yaml.constructor.SafeConstructor().construct_object(node)
    str(value)  # hexadecimal of 5,000 digits can be read, but never be written
    return value


def _position(there: yaml.Node | yaml.Event) -> Position:
    mark = there.start_mark
    assert mark is not None, "what was parsed stands somewhere"
    return mark.line + 1, mark.column + 1


def convert(document: Document, kind: type[T]) -> T:
    """Convert a document to a type. Raises ScenarioError for every place that does not fit."""
    value, _ = fit(document, kind)
    document.check()
    assert value is not None, "what does not fit is complained about"
    return value


def fit(document: Document, kind: type[T]) -> tuple[T | None, list[Violation]]:
    """Convert a document, or complain of every place that does not fit, and return them."""
    try:
        return msgspec.convert(document.data, kind), []
    except msgspec.ValidationError as error:
        found = list(violations(document.data, msgspec.inspect.type_info(kind)))
        for violation in found[:_TOLD]:
            place = violation.place
            position = document.keys.get(place) if violation.of_key else None
            document.complain(place, violation.message, position)
        document.untold += len(found[_TOLD:])
        if not document.complaints:  # what only msgspec knows
            document.complain((), f"expected values that fit, found an error: {error}")
        return None, found
