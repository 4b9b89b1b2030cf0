"""What touches the network: the only place that uses aiohttp.

`cli/lean.py`, which can have it loaded earlier and with less, knows it by its name alone.

`app` is the application that servers of such are told to import, as in `gunicorn mockgpt.server:app`.
Its options are the command line's, which stands above this layer and is imported when it is asked.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # a type checker is to know `app` as the module of that name

    def __getattr__(name: str) -> object:
        if name == "app":
            return import_module("mockgpt.cli.hosted").hosted()
        raise AttributeError(f"module 'mockgpt.server' has no attribute '{name}'")
