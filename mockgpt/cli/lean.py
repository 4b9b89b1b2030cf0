"""How commands that serve begin fast and stay small: without what only others need."""

import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_FULL_LOOKS = 100  # lesser collections until a full one: some 20,000 requests
_PACKAGE = "aiohttp"
_HASHES = ("_blake2", "_md5", "_sha1", "_sha3", "_sha512")  # Python's own
if sys.version_info >= (3, 12):
    _HASHES = ("_blake2", "_md5", "_sha1", "_sha3", "_sha2")


@contextmanager
def lean(*, tls: bool = True) -> Iterator[None]:
    """Import and build meanwhile what a process has until its end.

    Its objects stay, so no garbage is looked for among them, then or later.

    All other objects are looked at seldom, too: that holds up every open stream, with a full journal
    for 70 ms, and most requests leave no cycles behind.

    A process without `tls` never speaks it, as server or client of asyncio: OpenSSL is left out,
    which would be a ninth of its memory.
    """
    gc.disable()
    _put_off()
    if not tls:
        _leave_out_openssl()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], _FULL_LOOKS)
        gc.enable()


def _put_off() -> None:
    """Let `import aiohttp.web` leave aiohttp's own `__init__` for when somebody asks for its names.

    It imports a client, with the certificates of all authorities: a third of the whole. Nothing is
    missing: for whoever does ask, for a ClientSession perhaps, it is imported then. The rest asks
    for the version alone; where that is not in its first line, or something has imported it
    before, all is as ever.
    """
    spec = None if _PACKAGE in sys.modules else find_spec(_PACKAGE)
    if spec is None or spec.loader is None or spec.origin is None:
        return
    version = re.match('__version__ = "(.+)"\n', Path(spec.origin).read_text("utf-8"))
    if version is not None:
        sys.modules[_PACKAGE] = package = _deferred(spec, spec.loader)
        vars(package).update(__version__=version[1])


def _leave_out_openssl() -> None:
    """Import what would load OpenSSL as if this Python had been built without it.

    asyncio and aiohttp then know no TLS, and `hashlib` has Python's own functions: each is made for
    that. `ssl` itself, and urllib with HTTPS, are there for whoever asks. Where something has loaded
    OpenSSL before, or Python's own functions were not built, nothing is left out.
    """
    spec = find_spec("ssl") if sys.modules.keys().isdisjoint(("ssl", "_hashlib")) else None
    if spec is None or spec.loader is None or not all(map(find_spec, _HASHES)):
        return
    late = _deferred(spec, spec.loader)
    modules: dict[str, Any] = sys.modules
    modules.update(_hashlib=None, ssl=late)  # for None `import` fails
    try:
        import_module("urllib.request")  # of ssl it takes nothing yet; asyncio would
        modules["ssl"] = None
        import_module(f"{_PACKAGE}.web")
    finally:
        del modules["_hashlib"]
        modules["ssl"] = late


def _deferred(spec: "ModuleSpec", loader: "Loader") -> "ModuleType":
    """Return a module that is executed when it is first asked for a name of its own."""
    module = module_from_spec(spec)

    def late(name: str) -> Any:
        inside = f"{spec.name}.{name}"
        if spec.submodule_search_locations is not None and find_spec(inside) is not None:
            return import_module(inside)
        if vars(module).get("__getattr__") is late:
            del vars(module)["__getattr__"]
            loader.exec_module(module)
        return getattr(module, name)

    vars(module).update(__getattr__=late)
    return module
