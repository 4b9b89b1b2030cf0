"""YAML as values that remember where they stood: `file:line:col` for every error.

Read with a safe loader's scanner and resolver; duplicate keys are refused, and a date is text.
"""

import functools
import operator
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import msgspec.inspect
import yaml
from msgspec import Struct

from mockgpt.core.entry import Place, did_you_mean, path_of

Position = tuple[int, int]  # line and column, from 1
T = TypeVar("T")

_DEEPEST = 50  # levels of nesting; an alias to its own parent has no end
_SHOWN = 60  # characters of a value that a message repeats

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, the same
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


class ScenarioError(Exception):
    """A file that its author must mend; the text names file, line, column, place and next step."""


class Document(Struct, frozen=True):
    """A file's data, and the positions of its values and of its keys, by their place."""

    file: str
    data: Any
    values: dict[Place, Position]
    keys: dict[Place, Position]

    def error(self, place: Place, message: str) -> ScenarioError:
        """Return the error of a value; one that is not there stands where its parent does."""
        known = place
        while known and known not in self.values:
            known = known[:-1]
        return error_at(self.file, self.values[known], place, message)


def error_at(file: str, position: Position | None, place: Place, message: str) -> ScenarioError:
    """Return the error of a place in a file, or in a value that is in no file."""
    where = f"{file}: " if position is None else f"{file}:{position[0]}:{position[1]}: "
    return ScenarioError(where + (f"{path_of(place)}: " if place else "") + message)


def read_file(name: str, kind: str) -> str:
    """Return the text of a file. Raises ScenarioError for one that cannot be read."""
    try:
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise ScenarioError(f"{name}: expected {kind}, found none ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name}: expected {kind} in UTF-8, found {error}") from error


def read(text: str, file: str) -> Document:
    """Read one YAML document. Raises ScenarioError for text that is not one."""
    try:
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or "nothing that can be read"
        found = problem[6:] if problem.startswith("found ") else f"an error: {problem}"
        raise error_at(file, position, (), f"expected YAML, found {found}") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise error_at(file, (1, 1), (), f"expected YAML, found {error}") from error
    if node is None:
        raise error_at(file, (1, 1), (), "expected a mapping, found an empty file")
    document = Document(file, None, {}, {})
    return msgspec.structs.replace(document, data=_value(node, (), document))


def _value(node: yaml.Node, place: Place, document: Document) -> Any:
    if len(place) > _DEEPEST:
        raise error_at(
            document.file, _position(node), (), "expected less than 50 levels, found more"
        )
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
        key = _scalar(key_node, place, document) if key_node.id == "scalar" else None
        if not isinstance(key, str):
            found = "a list or a mapping" if key is None else repr(key)
            position = _position(key_node)
            raise error_at(
                document.file, position, place, f"expected a text as a key, found {found}"
            )
        if key in values:
            line = document.keys[(*place, key)][0]
            message = f"expected each key once, found '{key}' again (first in line {line})"
            raise error_at(document.file, _position(key_node), (*place, key), message)
        document.keys[(*place, key)] = _position(key_node)
        values[key] = _value(value_node, (*place, key), document)
    return values


def _scalar(node: yaml.Node, place: Place, document: Document) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind in ("null", "bool", "int", "float"):
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, KeyError):  # `!!int abc`, or 5,000 digits
            raise document.error(
                place, f"expected a {kind}, found '{node.value[:_SHOWN]}'"
            ) from None
    if kind in ("str", "timestamp", "merge", "value"):  # dates, `<<` and `=` are text here
        return node.value
    raise document.error(place, f"expected plain data, found the tag '{node.tag}'")


def _position(node: yaml.Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


def convert(document: Document, kind: type[T]) -> T:
    """Convert a document to a type. Raises ScenarioError for the first place that does not fit."""
    try:
        return msgspec.convert(document.data, kind)
    except msgspec.ValidationError:
        place, message = _failure(document.data, kind, ())
        raise _explained(document, kind, place, message) from None


def _failure(data: Any, kind: Any, above: Place) -> tuple[Place, str]:
    """Return the first place where data does not fit a type, and msgspec's words for it.

    msgspec names list items but not a mapping's keys (`[...]`): those are tried one by one.
    """
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        known, unnamed, _ = path.removesuffix("`").partition("[...]")
        parts = re.findall(r"\.([^.\[]+)|\[(\d+)\]", known)
        place = tuple(int(index) if index else name for name, index in parts)
        if not unnamed:
            return (*above, *place), message
        for info in _types(msgspec.inspect.type_info(kind), place):
            for key, item in _at(data, place).items():
                found = _failure(item, _type_of(info.value_type), (*above, *place, key))
                if found[1]:
                    return found
    return above, ""


def _type_of(info: Any) -> Any:
    """Return the type that msgspec described: a Struct, or what else a service's mappings hold."""
    match info:
        case msgspec.inspect.StructType():
            return info.cls
        case msgspec.inspect.StrType():
            return str
        case msgspec.inspect.UnionType():
            return functools.reduce(operator.or_, map(_type_of, info.types))
        case msgspec.inspect.IntType():
            return int
        case _:
            return Any


def _explained(document: Document, kind: type, place: Place, message: str) -> ScenarioError:
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", message):
        name = unknown[1]
        info = _types(msgspec.inspect.type_info(kind), place)
        known = {
            field.encode_name
            for one in info
            if isinstance(one, msgspec.inspect.StructType)
            for field in one.fields
        }
        hint = did_you_mean(name, known) or f"; known are {', '.join(sorted(known))}"
        at = (*place, name)
        return error_at(
            document.file, document.keys[at], at, f"expected a known key, found '{name}'{hint}"
        )
    if missing := re.fullmatch(r"Object missing required field `(.*)`", message):
        return document.error(place, f"expected the key '{missing[1]}', found none")
    expected = re.sub(r", got .*", "", message).removeprefix("Expected ").replace("`", "")
    if expected.startswith("Invalid"):
        listed = [
            value
            for one in _types(msgspec.inspect.type_info(kind), place)
            if isinstance(one, msgspec.inspect.LiteralType)
            for value in one.values
        ]
        expected = f"one of {', '.join(map(str, listed))}" if listed else "another value"
    found = _at(document.data, place)
    return document.error(place, f"expected {expected}, found {_shown(found)}")


def _at(data: Any, place: Place) -> Any:
    for part in place:
        data = data[part]
    return data


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case _:
            text = repr(value)
            return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _types(info: Any, place: Place) -> list[Any]:
    """Return what a type allows at a place, as msgspec describes types."""
    if isinstance(info, msgspec.inspect.Metadata):  # a description
        return _types(info.type, place)
    if isinstance(info, msgspec.inspect.UnionType):
        return [found for one in info.types for found in _types(one, place)]
    if not place:
        return [info]
    match info:
        case msgspec.inspect.StructType():
            fields = {field.encode_name: field.type for field in info.fields}
            return _types(fields[str(place[0])], place[1:]) if place[0] in fields else []
        case msgspec.inspect.VarTupleType():
            return _types(info.item_type, place[1:])
        case msgspec.inspect.DictType():
            return _types(info.value_type, place[1:])
        case _:
            return []
