"""Where data does not fit a type: every place of it, where msgspec's converter stops at the first.

A walk of plain data beside msgspec's own description of the type, so a new key needs nothing here.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, partial
from typing import Any

from msgspec import UNSET, Struct
from msgspec import inspect as types

from mockgpt.core.entry import Place, did_you_mean
from mockgpt.files.unreadable import full_width_hint

_SHOWN = 60  # characters of a value that a message repeats
_LOOKED_AT = 100  # unknown keys of a mapping
_LISTS = (types.ListType, types.VarTupleType, types.FrozenSetType)
_FITTING: dict[type, tuple[type, ...]] = {
    type(None): (types.NoneType,),
    bool: (types.BoolType,),
    int: (types.IntType, types.FloatType),
    float: (types.FloatType,),
    str: (types.StrType,),
    list: _LISTS,
    dict: (types.StructType, types.DictType),
}
_UNQUOTED = {"true|false": True, "-?[0-9]+": 1, r"-?[0-9]+\.[0-9]+": 1.0}  # by their looks
# What keys are called elsewhere: in the other part of the language, in a body, in other mocks.
_OTHER_NAMES = {
    "when": "expect", "expect": "when", "match": "when", "if": "when",
    "content": "say", "text": "say", "message": "say", "delay": "pace",
    "replies": "reply", "response": "reply", "responses": "reply", "steps": "script",
}  # fmt: skip
_NAMES = {
    types.BoolType: "true or false",
    types.NoneType: "null",
    types.StructType: "a mapping",
    types.DictType: "a mapping",
}


class Violation(Struct, frozen=True):
    """A place where data does not fit its type; `of_key`: it is the key there that does not.

    What is wrong is put into words when that is asked for: of very many, only some are told.
    """

    place: Place
    told: Callable[[], str]
    of_key: bool = False

    @property
    def message(self) -> str:
        """What was expected and found, and the next step."""
        return self.told()


def violations(data: Any, info: types.Type, place: Place = ()) -> Iterator[Violation]:
    """Yield every place where data does not fit a type. UNSET stands for what cannot be judged."""
    members = list(_members(info))
    if data is UNSET or any(isinstance(member, types.AnyType) for member, _ in members):
        return
    match [(member, about) for member, about in members if _may_be(data, member)]:
        case [(types.StructType(), _), *_] as structs:
            yield from _struct_violations(data, [struct for struct, _ in structs], place)
        case [(types.DictType(value_type=value_type), _)]:
            for key, value in data.items():
                yield from violations(value, value_type, (*place, key))
        case [(sequence, _)] if isinstance(sequence, _LISTS):
            yield from _list_violations(data, sequence, place)
        case fitting:
            # No member, or one (for an integer perhaps a second, of floats) that has bounds.
            if not fitting or not _in_bounds(data, fitting[0][0]):
                yield Violation(place, partial(_unfit, data, fitting, members))


_Described = list[tuple[types.Type, str]]


def _unfit(data: Any, fitting: _Described, members: _Described) -> str:
    expected = _either([_words(*member) for member in fitting[:1] or members])
    hint = _hint(data, [member for member, _ in fitting or members])
    return f"expected {expected}, found {shown(data)}{hint}"


def shown(value: Any) -> str:
    """Return a value as a message repeats it."""
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


def _members(info: types.Type, about: str = "") -> Iterator[tuple[types.Type, str]]:
    """Yield the types of a union, or the one type there is, each with its description."""
    match info:
        case types.Metadata():
            yield from _members(info.type, (info.extra_json_schema or {}).get("description", ""))
        case types.UnionType():
            for member in info.types:
                yield from _members(member)
        case _:
            yield info, about


def _may_be(data: Any, info: types.Type) -> bool:
    if isinstance(info, types.LiteralType):
        return any(type(value) is type(data) for value in info.values)
    return isinstance(info, _FITTING[type(data)])


def _struct_violations(
    data: dict[str, Any], structs: list[Any], place: Place
) -> Iterator[Violation]:
    tag_field = structs[0].tag_field
    if len(structs) > 1:  # which of them it is, its tag says
        by_tag = {struct.tag: struct for struct in structs}
        if tag_field not in data:
            kinds = ", ".join(by_tag)
            wanted = f"expected the key '{tag_field}' (one of {kinds}), found none"
            yield Violation(place, partial(str, wanted))
            return
        tag = data[tag_field]
        if tag is UNSET:
            return
        if not isinstance(tag, str) or tag not in by_tag:
            yield Violation((*place, tag_field), partial(_unknown_kind, tag, tuple(by_tag)))
            return
        structs = [by_tag[tag]]
    fields = {field.encode_name: field for field in structs[0].fields}
    known = frozenset(fields) | ({tag_field} if tag_field else set())
    unknown = [key for key in data if key not in known]
    for key, value in data.items():
        if key in fields:
            yield from violations(value, fields[key].type, (*place, key))
        elif key not in known:
            yield Violation((*place, key), partial(_unknown_key, key, known, fields), of_key=True)
    for name, field in fields.items():
        if field.required and name not in data and not _is_misspelt(name, unknown, known):
            yield Violation(place, partial(str, f"expected the key '{name}', found none"))


def _is_misspelt(name: str, unknown: list[str], known: frozenset[str]) -> bool:
    """Tell whether a key stands there, but for a letter or two; a mapping of hundreds has none."""
    return (
        any(_OTHER_NAMES.get(key) == name for key in unknown)
        or any(
            len(key) <= _SHOWN and _means(key, name, known)  # so that no long ones are remembered
            for key in unknown[:_LOOKED_AT]
        )
    )


@lru_cache(maxsize=1024)  # of thousands of rules, many have the same
def _means(key: str, name: str, known: frozenset[str]) -> bool:
    return bool(did_you_mean(key, [name])) and f"'{name}'" in did_you_mean(key, known)


def _unknown_key(key: str, known: Collection[str], fields: dict[str, Any]) -> str:
    listed = f"; known are {', '.join(sorted(known))}"
    hint = full_width_hint(key) or _elsewhere(key, fields) or did_you_mean(key, known) or listed
    return f"expected a known key, found '{key}'{hint}"


def _elsewhere(key: str, fields: dict[str, Any]) -> str:
    """Return the end of a message about a key that is another one's name, or one level too high."""
    if _OTHER_NAMES.get(key) in fields:
        return f"; did you mean '{_OTHER_NAMES[key]}'?"
    into = [f"'{name}'" for name, field in fields.items() if key in _keys(field.type)]
    return f"; it belongs in {' or '.join(into)}" if into else ""


def _keys(info: types.Type) -> frozenset[str]:
    """Return the keys of a mapping, if a type may be one."""
    structs = [member for member, _ in _members(info) if isinstance(member, types.StructType)]
    return frozenset(field.encode_name for struct in structs for field in struct.fields)


def _unknown_kind(tag: Any, kinds: Collection[str]) -> str:
    hint = did_you_mean(tag, kinds) if isinstance(tag, str) else ""
    return f"expected one of {', '.join(kinds)}, found {shown(tag)}{hint}"


def _list_violations(data: list[Any], info: Any, place: Place) -> Iterator[Violation]:
    if not _has_size(data, info):
        wanted = f"expected {_words(info, '')}, found {len(data)}"
        yield Violation(place, partial(str, wanted))
    for index, item in enumerate(data):
        yield from violations(item, info.item_type, (*place, index))


def _has_size(data: str | list[Any], info: Any) -> bool:
    most = len(data) if info.max_length is None else info.max_length
    return (info.min_length or 0) <= len(data) <= most


def _in_bounds(data: Any, info: Any) -> bool:
    match info:
        case types.LiteralType():
            return data in info.values
        case types.StrType():
            return _has_size(data, info) and bool(re.search(info.pattern or "", data))
        case types.IntType() | types.FloatType():
            # In this direction: what is not a number is not within bounds.
            return (
                (info.ge is None or data >= info.ge)
                and (info.gt is None or data > info.gt)
                and (info.le is None or data <= info.le)
                and (info.lt is None or data < info.lt)
            )
        case _:
            return True


def _words(info: types.Type, about: str) -> str:
    """Say what a type wants."""
    match info:
        case types.LiteralType(values=[value]):
            return str(value)
        case types.LiteralType(values=values):
            return "one of " + ", ".join(map(str, values))
        case types.IntType():
            return "an integer" + _bounds(info)
        case types.FloatType():
            return "a number" + _bounds(info)
        case types.StrType(pattern=pattern) if pattern is not None:
            return f"a string {about if about.startswith('such as') else f'that matches {pattern}'}"
        case types.StrType():
            return "a string" + _size(info, "characters")
        case _ if isinstance(info, _LISTS):
            return "a list" + _size(info, "items")
        case _:
            return _NAMES[type(info)]


def _bounds(info: types.IntType | types.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    words = {"of at least": info.ge, "above": info.gt, "of at most": info.le, "below": info.lt}
    return " and".join(f" {word} {bound}" for word, bound in words.items() if bound is not None)


def _size(info: Any, unit: str) -> str:
    words = {"of at least": info.min_length, "of at most": info.max_length}
    return "".join(f" {word} {bound} {unit}" for word, bound in words.items() if bound is not None)


def _either(words: list[str]) -> str:
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _hint(data: Any, members: list[types.Type]) -> str:
    """Return the next step: a name that is close, a list, or quotes, which decide types in YAML."""
    lists: list[Any] = [member for member in members if isinstance(member, _LISTS)]
    if any(_may_be(data, item) for one in lists for item, _ in _members(one.item_type)):
        return "; put it in a list"
    if isinstance(data, str):
        unquoted = [value for like, value in _UNQUOTED.items() if re.fullmatch(like, data)]
        if any(_may_be(value, member) for value in unquoted for member in members):
            return "; leave out the quotes"
        if any(isinstance(member, types.StructType) for member in members):
            hint = full_width_hint(data)
            if hint:
                return hint
        kinds = {one.tag: one for one in members if isinstance(one, types.StructType) and one.tag}
        if data in kinds:
            return f"; write {{{kinds[data].tag_field}: {data}}}"
        literals = [member for member in members if isinstance(member, types.LiteralType)]
        return did_you_mean(data, [value for one in literals for value in map(str, one.values)])
    plain = any(isinstance(member, types.StrType) and not member.pattern for member in members)
    return "; in quotes it is a string" if plain and isinstance(data, bool | int | float) else ""
