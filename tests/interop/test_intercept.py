"""Clients whose base URL is written into them: `mockgpt run --intercept` answers in its host's place."""

import shutil
import subprocess
import sys

import pytest

HOST = "openai.pgpt.cloud"
GREETING = "Hello, this message is from apigpt.cloud! How may I assist you today?"
ASKED = '{"messages": [{"role": "user", "content": "Say this message is from apigpt.cloud!"}]}'
SECONDS = 60  # of a whole run; one takes about two


@pytest.fixture
def run():
    """Run a command with HOST intercepted; return its output, once nothing was found."""

    def run(command, *options):
        words = [sys.executable, "-m", "mockgpt", "run", "documentation", "--intercept", HOST]
        done = subprocess.run(
            [*words, *options, "--", *command],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "no findings" in done.stderr
        return done.stdout

    return run


LEGACY = f"""
import openai
openai.api_base = "https://{HOST}/v1"
messages = [{{"role": "user", "content": "Say this message is from apigpt.cloud!"}}]
whole = openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages)
print(whole.choices[0].message.content)
for part in openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages, stream=True):
    for choice in part.choices:
        print(choice.delta.get("content", ""), end="")
"""
TODAY = f"""
from openai import OpenAI
client = OpenAI(base_url="https://{HOST}/v1")
messages = [{{"role": "user", "content": "Say this message is from apigpt.cloud!"}}]
whole = client.chat.completions.create(model="gpt-3.5-turbo", messages=messages)
print(whole.choices[0].message.content)
for part in client.chat.completions.create(model="gpt-3.5-turbo", messages=messages, stream=True):
    for choice in part.choices:
        print(choice.delta.content or "", end="")
"""
ASYNC = f"""
import asyncio
from openai import AsyncOpenAI
async def main():
    messages = [{{"role": "user", "content": "Say this message is from apigpt.cloud!"}}]
    async with AsyncOpenAI(base_url="https://{HOST}/v1") as client:
        whole = await client.chat.completions.create(model="gpt-3.5-turbo", messages=messages)
    print(whole.choices[0].message.content)
    print(whole.choices[0].message.content, end="")
asyncio.run(main())
"""
LIBRARY = f"""
import sys
library = __import__(sys.argv[1])
headers = {{"api-key": "k", "content-type": "application/json"}}
for scheme, end in ("https", "\\n"), ("http", ""):
    url = scheme + "://{HOST}/v1/chat/completions"
    answer = library.post(url, headers=headers, **{{sys.argv[2]: {ASKED!r}}})
    print(answer.json()["choices"][0]["message"]["content"], end=end)
"""
TWICE = f"{GREETING}\n{GREETING}"


@pytest.mark.parametrize("code", [TODAY, ASYNC], ids=["sync", "async"])
def test_openai_for_python(run, code):
    assert run([sys.executable, "-c", code]) == TWICE


def test_openai_of_2023(run, legacy):
    assert run([legacy._python, "-c", LEGACY]) == TWICE


@pytest.mark.parametrize(
    ("library", "body"), [("requests", "data"), ("httpx", "content"), ("httpx2", "content")]
)
def test_libraries_for_python(run, library, body):
    pytest.importorskip(library)
    assert run([sys.executable, "-c", LIBRARY, library, body]) == TWICE


NODE = f"""
const question = {{ role: "user", content: "Say this message is from apigpt.cloud!" }};
const chat = {{ model: "gpt-3.5-turbo", messages: [question] }};
const client = new OpenAI({{ baseURL: "https://{HOST}/v1" }});
(async () => {{
  console.log((await client.chat.completions.create(chat)).choices[0].message.content);
  for await (const part of await client.chat.completions.create({{ ...chat, stream: true }}))
    for (const choice of part.choices) process.stdout.write(choice.delta.content ?? "");
}})();
"""


def test_openai_for_node(run, node_code):
    assert run(node_code(NODE)) == TWICE


FETCH = f"""
const headers = {{ "api-key": "k", "content-type": "application/json" }};
const asked = {{ method: "POST", headers, body: {ASKED!r} }};
(async () => {{
  const [one, other] = ["https", "http"].map((scheme) => fetch(`${{scheme}}://{HOST}/v1/chat/completions`, asked));
  for (const answer of [await one, await other])
    console.log((await answer.json()).choices[0].message.content);
}})();
"""


def test_fetch_of_node(run, node_code):
    program, *_ = node_code("")
    assert run([program, "-e", FETCH]) == f"{TWICE}\n"


STRAYING = """
fetch("https://api.example/").catch((error) => console.log(error.cause.message));
require("node:http").get("http://api.example/").on("error", (error) => console.log(error.message));
"""


def test_node_reaches_no_other_host(run, node_code):
    program, *_ = node_code("")
    told = run([program, "-e", STRAYING], "--allow", "unexpected_host")
    assert sorted(told.splitlines()) == [
        f"mockgpt stands in for {HOST}; found api.example:{port}" for port in (443, 80)
    ]


@pytest.mark.usefixtures("curl")
def test_curl(run):
    url = f"//{HOST}/v1/chat/completions"
    body = ["-H", "api-key: k", "-H", "content-type: application/json", "-d", ASKED]
    command = [shutil.which("curl"), "-q", "-sS", *body]
    assert run([*command, f"https:{url}", f"http:{url}"]).count(GREETING) == 2
