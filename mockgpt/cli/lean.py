"""How commands that serve begin fast and stay small: without what only others need."""

import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

_FULL_LOOKS = 100  # lesser collections until a full one: some 20,000 requests
_PACKAGE = "aiohttp"


@contextmanager
def lean() -> Iterator[None]:
    """Import and build meanwhile what a process has until its end.

    Its objects stay, so no garbage is looked for among them, then or later.

    All other objects are looked at seldom, too: that holds up every open stream, with a full journal
    for 70 ms, and most requests leave no cycles behind.
    """
    gc.disable()
    _put_off()
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
    if version is None:
        return
    loader, package = spec.loader, module_from_spec(spec)

    def late(name: str) -> Any:
        if find_spec(f"{_PACKAGE}.{name}") is not None:
            return import_module(f"{_PACKAGE}.{name}")
        if vars(package).get("__getattr__") is late:
            del vars(package)["__getattr__"]
            loader.exec_module(package)
        return getattr(package, name)

    vars(package).update(__version__=version[1], __getattr__=late)
    sys.modules[_PACKAGE] = package
