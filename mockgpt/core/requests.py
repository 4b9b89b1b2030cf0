"""Requests as values: what is left of a body once the service has accepted it."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core.redaction import hidden

Text = str | tuple[int, ...]  # a prompt or an input: text, or token ids


class _Discreet(Struct, frozen=True):
    """What shows no secret of a client's where it is printed."""

    def __repr__(self) -> str:
        return hidden(Struct.__repr__(self))


class Message(_Discreet, frozen=True):
    """One message of a chat; parts are joined into their text."""

    role: str
    content: str
    name: str | None = None


class ChatRequest(_Discreet, frozen=True, kw_only=True, tag="chat"):
    """`POST /v1/chat/completions`. Absent and null optional fields are None or their default."""

    model: str
    messages: tuple[Message, ...]
    temperature: float = 1.0
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False

    @property
    def texts(self) -> tuple[Text, ...]:
        """The text of every message."""
        return tuple(message.content for message in self.messages)

    @property
    def turn(self) -> int:
        """How many user messages there are so far."""
        return sum(message.role == "user" for message in self.messages)

    def last(self, role: str) -> str | None:
        """Return the text of the last message of a role."""
        for message in reversed(self.messages):  # a loop, since every request comes here
            if message.role == role:
                return message.content
        return None

    @property
    def system(self) -> str | None:
        """The last system message."""
        return self.last("system")

    @property
    def user(self) -> str | None:
        """The last user message."""
        return self.last("user")

    @property
    def assistant(self) -> str | None:
        """The last assistant message."""
        return self.last("assistant")


class CompletionRequest(_Discreet, frozen=True, kw_only=True, tag="completions"):
    """`POST /v1/completions`: one choice for each prompt."""

    model: str
    prompts: tuple[Text, ...]
    temperature: float = 1.0
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False

    @property
    def texts(self) -> tuple[Text, ...]:
        """Every prompt."""
        return self.prompts


class EmbeddingRequest(_Discreet, frozen=True, kw_only=True, tag="embeddings"):
    """`POST /v1/embeddings`: one vector for each input."""

    model: str
    inputs: tuple[Text, ...]
    base64: bool = False

    @property
    def texts(self) -> tuple[Text, ...]:
        """Every input."""
        return self.inputs


Request = ChatRequest | CompletionRequest | EmbeddingRequest


def with_texts(request: Request, change: Callable[[str], str]) -> Request:
    """Return a request with other texts; token ids stay."""

    def changed(texts: tuple[Text, ...]) -> tuple[Text, ...]:
        return tuple(change(text) if isinstance(text, str) else text for text in texts)

    match request:
        case ChatRequest():
            messages = (
                Message(one.role, change(one.content), one.name and change(one.name))
                for one in request.messages
            )
            return replace(request, messages=tuple(messages))
        case CompletionRequest():
            return replace(request, prompts=changed(request.prompts))
        case EmbeddingRequest():
            return replace(request, inputs=changed(request.inputs))


Body = dict[str, Any]  # a request's JSON as it was sent


class Asked(Struct, frozen=True, kw_only=True):
    """All that a condition may look at. Header names are lower-case; the keys are secret."""

    request: Request
    body: Body
    headers: Mapping[str, str] = {}
    api_keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Asked {self.request!r}>"
