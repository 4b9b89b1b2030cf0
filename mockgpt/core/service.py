"""The imitated service, as types: what a file of `mockgpt/services/` may say.

Models, routes, endpoints, parameters, response headers and the error catalogue are data, so another
service of the same protocol is another file and no code.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Dialect = Literal["openai", "azure", "fastapi"]
Kind = Literal["chat", "embeddings"]
Shape = Literal[
    "engine",
    "gateway",
    "azure",
    "azure_limit",
    "azure_token",
    "filter",
    "detail",
    "item",
    "literal",
]
Several = Annotated[tuple[str, ...], Meta(min_length=1)]


class Counting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model counts the tokens of a chat (protocol.md, section 5)."""

    per_message: int
    per_name: int
    priming: int


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: the name it answers with, the window in tokens, what it can do."""

    name: str = ""  # the key it stands under; filled in by the loader
    answers_as: str
    aliases: tuple[str, ...] = ()
    kind: Kind
    window: int
    counting: Counting | None = None
    dimensions: int = 0
    created: int
    owned_by: str


class Exemption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object with these values, and with something under one of these keys."""

    where: dict[str, str]
    beside: tuple[str, ...]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one JSON value of a request may be, in the vocabulary of JSON Schema.

    Two types are this protocol's own: `text` is a string or a list of text parts, `texts` is a
    string, a list of strings, a list of token ids or a list of lists of token ids.
    """

    type: Literal["string", "number", "integer", "boolean", "array", "object", "text", "texts"]
    required: bool = False
    optional_where: Exemption | None = None  # where it is not required after all
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0  # of each text of `texts`, in characters or tokens
    min_items: int = 0
    max_items: int | None = None
    items: "Rule | None" = None
    properties: "dict[str, Rule]" = {}
    alias_of: str = ""  # another name of this parameter
    error: str = ""  # the catalogue's error for every violation but absence


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """An endpoint of the service: served, planned or unsupported. It is equal to itself alone."""

    name: str = ""  # the key it stands under; filled in by the loader
    title: str
    paths: Several  # below the routes; `{}` stands for one segment, a last `*` for any
    state: Literal["served", "planned", "unsupported"] = "served"
    methods: tuple[str, ...] = ("POST",)
    kind: Kind | None = None  # of the models that can serve it
    default_model: str = ""
    parameters: dict[str, Rule] = {}
    unsupported: dict[str, Any] = {}  # parameter -> the value that changes nothing
    context_error: str = ""
    summary: str = ""  # as Azure's rate limits name the operation
    operation: str = ""  # as Azure's OperationNotSupported does; else by the endpoint's name
    headers: dict[str, str] = {}
    stream_headers: dict[str, str] = {}


class ErrorForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One error in one dialect. Texts have `{placeholders}`; see `core/errors.py` for the shapes."""

    status: int
    shape: Shape
    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    ctx: dict[str, str] = {}  # FastAPI's context of a violation
    body: str = ""  # of shape `literal`
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class ErrorRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error of the catalogue; a dialect that is absent falls back on `openai`."""

    openai: ErrorForm
    azure: ErrorForm | None = None
    fastapi: ErrorForm | None = None
    path: tuple[str, ...] = ()  # its place in the body, where a scenario answers with it
    values: dict[str, str | int | list[str]] = {}  # placeholders that nothing else fills


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """A whole service, equal to itself alone. `routes` are path prefixes; `{}` in one is a model's name."""

    service: Literal[1]  # version of this format
    name: str
    title: str
    routes: Several
    models: dict[str, Model]
    endpoints: dict[str, Endpoint]
    headers: dict[str, str]
    errors: dict[str, ErrorRow]
    presets: frozenset[str] = (
        frozenset()
    )  # errors that a scenario may name; filled in by the loader

    def model(self, name: str) -> Model | None:
        """Return the model of that name or alias."""
        found = self.models.get(name)
        if found is None:
            found = next((m for m in self.models.values() if name in m.aliases), None)
        return found
