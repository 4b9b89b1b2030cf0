"""mockgpt: a local stand-in for the OpenAI-compatible service at openai.pgpt.cloud.

`MockGPT` is a server for a `with`; `create_app` an aiohttp application. Both are imported when
first used: the pytest plugin is loaded in every test run and must cost nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockgpt.mock import MockGPT, create_app

__all__ = ["MockGPT", "__version__", "create_app"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("MockGPT", "create_app"):
        from mockgpt import mock

        return getattr(mock, name)
    raise AttributeError(f"module 'mockgpt' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
