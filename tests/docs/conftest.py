"""What the tests of the pages share: the language as its types have it, and pytest as users have it."""

import msgspec
import pytest
from msgspec.inspect import LiteralType, StructType, Type
from warm import UNUSED

from mockgpt.core.scenario import Scenario


def within(kind):
    """Yield the structs and literals that a type is made of, but for those inside structs."""
    if isinstance(kind, StructType | LiteralType):
        yield kind
        return
    for name in kind.__struct_fields__:
        value = getattr(kind, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Type):
                yield from within(one)


@pytest.fixture(scope="session")
def as_users():
    """Return the arguments by which pytest runs here as it does in a user's project.

    Without plugins of ours, and with a setting that pytest-asyncio asks for.
    """
    return (*UNUSED, "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.fixture(scope="session")
def language():
    """Return the types of the language: what each of their keys, as YAML writes it, may hold.

    That is other types, and the texts of literals.
    """
    found = {}
    left = [msgspec.inspect.type_info(Scenario)]
    while left:
        kind = left.pop()
        if kind.cls not in found:
            inner = {field.encode_name: [*within(field.type)] for field in kind.fields}
            found[kind.cls] = {
                key: {one.cls for one in held if isinstance(one, StructType)}
                | {value for one in held if isinstance(one, LiteralType) for value in one.values}
                for key, held in inner.items()
            }
            left += (one for held in inner.values() for one in held if isinstance(one, StructType))
    return found
