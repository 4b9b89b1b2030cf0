"""The imitated service, from its file."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from msgspec.structs import replace

from mockgpt.core.service import Service
from mockgpt.files.documents import Document, ScenarioError, convert, read


@lru_cache(maxsize=8)
def load_service(name: str) -> Service:
    """Load a shipped service by its name, or one from a file (a name with a dot or a slash).

    Raises ScenarioError. The result is cached: a service does not change while a process runs.
    """
    shipped = files("mockgpt") / "services"
    if "." in name or "/" in name:
        file = name
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{name}: expected a service file, found {error}") from error
    else:
        known = sorted(entry.name.removesuffix(".yaml") for entry in shipped.iterdir())
        if name not in known:
            raise ScenarioError(
                f"expected a service's name ({', '.join(known)}) or a path to a .yaml file, "
                f"found '{name}'"
            )
        file = f"mockgpt/services/{name}.yaml"
        text = (shipped / f"{name}.yaml").read_text("utf-8")
    document = read(text, file)
    return _checked(convert(document, Service), document)


def _checked(service: Service, document: Document) -> Service:
    """Fill in the names that are keys, and refuse what the types cannot."""
    for name, model in service.models.items():
        if model.kind == "chat" and model.counting is None:
            raise document.error(
                ("models", name), "expected `counting` for a chat model, found none"
            )
        if model.kind == "embeddings" and model.dimensions < 1:
            raise document.error(("models", name), "expected `dimensions`, found none")
    return replace(
        service,
        models={name: replace(model, name=name) for name, model in service.models.items()},
        endpoints={name: replace(row, name=name) for name, row in service.endpoints.items()},
    )
