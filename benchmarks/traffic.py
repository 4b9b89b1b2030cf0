"""What is asked and what is answered: bodies, and the rules of every mock in its own language."""

import json
from pathlib import Path
from typing import Any

from others import Other
from servers import Setup

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
QUESTION = "How is the weather in Lyon today, and do I need an umbrella?"
ANSWER = "Sunny, with a light wind from the north. You can leave the umbrella at home."

Rules = list[tuple[str, str]]


def chat(question: str = QUESTION, *, stream: bool = False, filling: int = 0) -> str:
    """Return the body of a chat, with so many bytes in a parameter that services do not know.

    As a message they would not fit into any model's context window.
    """
    body: dict[str, Any] = {
        "model": "gpt-4",
        "messages": [{"role": "user", "content": question}],
        "temperature": 0.7,
        "stream": stream,
    }
    if filling:
        words = "All work and no play makes a dull mock. "
        body["metadata"] = {"notes": [words * 5] * (filling // (len(words) * 5))}
    return json.dumps(body)


def embeddings(count: int, *, new: bool, base64: bool) -> str:
    """Return the body that asks for vectors of short texts, which are new every time or the same."""
    serial = "@@" if new else "000000000"
    texts = [f"number {serial} of the notes on page {page}" for page in range(count)]
    body: dict[str, Any] = {
        "model": "text-embedding-ada-002",
        "input": texts if count > 1 else texts[0],
    }
    if base64:
        body["encoding_format"] = "base64"
    return json.dumps(body)


def tokens(count: int) -> str:
    """Return a text of so many tokens."""
    return " ".join(["tok"] * count)


def setup(
    folder: Path, rules: Rules, others: list[Other], *, pace: float = 0.0, alone: bool = False
) -> Setup:
    """Write what each mock reads. `pace` is in seconds; `alone` has mockgpt write each event alone."""
    # What is due by now is not waited for, but written by itself.
    wait = f"{1000 * (pace or 0.000_001 * alone):f}ms" if pace or alone else None
    replies = [
        (question, {"say": answer, "pace": {"first": wait, "each": wait}} if wait else answer)
        for question, answer in rules
    ]
    scenario = {
        "mockgpt": 1,
        "rules": [{"when": {"user": question}, "reply": reply} for question, reply in replies],
    }
    written = {"mockgpt": ("scenario.yaml", json.dumps(scenario))}  # YAML reads JSON
    for other in others:
        name = other.subject.name
        written[name] = (f"{name}.json", other.rules(rules))
    files = {}
    for name, (file, text) in written.items():
        files[name] = folder / file
        files[name].write_text(text)
    return Setup(files={**files, "answer": folder / "answer"}, pace=pace)


def body_of(answer: str) -> bytes:
    """Return the body of an answer as it came, without the chunks of HTTP/1.1."""
    head, _, body = answer.encode().partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return whole
        whole, body = whole + rest[:length], rest[length + 2 :]
