"""Other mocks to compare with: how each is installed, is told what to answer, and starts.

They are installed into `benchmarks/.others/` by `run.py --prepare`, and left out where they are not.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct
from servers import HOST, Setup, Subject

FOLDER = Path(__file__).parent / ".others"
_BINARIES = FOLDER / "node_modules" / ".bin"
_PYTHON = FOLDER / "venv" / "bin"
_PIECE = "4"  # characters a chunk: "tok "


Ability = Literal["streams", "paced streams", "embeddings"]


class Other(Struct, frozen=True, kw_only=True):
    """Another mock. `rules` writes (question, answer) pairs in its own language."""

    subject: Subject
    package: str
    program: Path
    rules: Callable[[list[tuple[str, str]]], str]
    does: frozenset[Ability] = frozenset()  # besides plain chats


def _aimock(port: int, setup: Setup) -> list[str]:
    files = str(setup.files["aimock"])
    latency = str(round(setup.pace * 1000))
    options = ["--chunk-size", _PIECE, "--latency", latency, "--log-level", "silent"]
    return [str(_BINARIES / "llmock"), "--host", HOST, "--port", str(port), "-f", files, *options]


def _aimock_rules(rules: list[tuple[str, str]]) -> str:
    fixtures = [
        {"match": {"userMessage": question}, "response": {"content": answer}}
        for question, answer in rules
    ]
    return json.dumps({"fixtures": fixtures})


def _openai_mock_api(port: int, setup: Setup) -> list[str]:
    files = str(setup.files["openai-mock-api"])
    return [str(_BINARIES / "openai-mock-api"), "--config", files, "--port", str(port)]


def _openai_mock_api_rules(rules: list[tuple[str, str]]) -> str:
    responses = [
        {
            "id": f"rule-{number}",
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ],
        }
        for number, (question, answer) in enumerate(rules)
    ]
    return json.dumps({"apiKey": "sk-mock", "responses": responses})  # YAML reads JSON


def _ai_mock(port: int, _: Setup) -> list[str]:
    # Its own command starts this as a child.
    options = ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    return [str(_PYTHON / "uvicorn"), "mockai.server:app", *options]


def _ai_mock_environment(setup: Setup) -> dict[str, str]:
    return {"MOCKAI_RESPONSES": str(setup.files["ai-mock"]), "MOCKAI_EMBEDDING_SIZE": "1536"}


def _ai_mock_rules(rules: list[tuple[str, str]]) -> str:
    responses = [
        {"type": "text", "input": question, "output": answer} for question, answer in rules
    ]
    return json.dumps({"responses": responses})


OTHERS = (
    Other(
        subject=Subject(name="aimock", command=_aimock),
        package="@copilotkit/aimock@1.43.0",
        program=_BINARIES / "llmock",
        rules=_aimock_rules,
        does=frozenset({"streams", "paced streams", "embeddings"}),
    ),
    Other(
        subject=Subject(name="openai-mock-api", command=_openai_mock_api),
        package="openai-mock-api@0.4.0",
        program=_BINARIES / "openai-mock-api",
        rules=_openai_mock_api_rules,
        does=frozenset({"paced streams"}),  # its streams wait 50 ms between events, always
    ),
    Other(
        subject=Subject(
            name="ai-mock",
            command=_ai_mock,
            prefix="/openai",
            environment=_ai_mock_environment,
        ),
        package="ai-mock==0.3.1",
        program=_PYTHON / "uvicorn",
        rules=_ai_mock_rules,
        does=frozenset({"streams", "embeddings"}),
    ),
)


def installed() -> list[Other]:
    """Return those that are installed; say of each other one that it is left out."""
    for other in OTHERS:
        if not other.program.exists():
            print(f"{other.package}: not installed, left out; `run.py --prepare` installs it")
    return [other for other in OTHERS if other.program.exists()]


def prepare() -> None:
    """Install them all with npm and pip."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    npm = [one.package for one in OTHERS if one.program.parent == _BINARIES]
    pip = [one.package for one in OTHERS if one.program.parent == _PYTHON]
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "install", *options, *npm], cwd=FOLDER, check=True)
    subprocess.run([sys.executable, "-m", "venv", str(_PYTHON.parent)], check=True)
    subprocess.run([str(_PYTHON / "pip"), "install", "--quiet", *pip], check=True)
