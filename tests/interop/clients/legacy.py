"""Calls of openai 0.28.1, run in its own environment: `legacy.py CASE URL` prints what it got.

A call that raises prints the error as its users see it.
"""

import asyncio
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import openai
import requests

KEY = "sk-of-the-test"
HELLO = [{"role": "user", "content": "Hello!"}]
FIRST = [{"role": "user", "content": "Say this message is from apigpt.cloud!"}]
CHAT = {"model": "gpt-3.5-turbo", "messages": FIRST}
COMPLETION = {"model": "gpt-3.5-turbo", "prompt": "I am a", "max_tokens": 7}
EMBEDDING = {
    "model": "text-embedding-ada-002",
    "input": "The food was delicious and the waiter...",
}


def azure(url, api_type="azure"):
    openai.api_type = api_type
    openai.api_base = url
    openai.api_version = "version"


def chat_streamed(_):
    return list(openai.ChatCompletion.create(**CHAT, stream=True))


def completion_streamed(_):
    return list(openai.Completion.create(**COMPLETION, stream=True))


async def together(_):
    return await asyncio.gather(
        openai.ChatCompletion.acreate(**CHAT),
        openai.Completion.acreate(**COMPLETION),
        openai.Embedding.acreate(**EMBEDDING),
    )


async def chat_streamed_async(_):
    return [chunk async for chunk in await openai.ChatCompletion.acreate(**CHAT, stream=True)]


def embedding(_):
    return [
        openai.Embedding.create(**EMBEDDING),
        openai.Embedding.create(**EMBEDDING, encoding_format="float"),
    ]


def azure_calls(url):
    azure(url)
    return [
        openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST),
        openai.ChatCompletion.create(deployment_id="gpt-4", messages=FIRST),
        openai.Completion.create(engine="gpt-35-turbo", prompt="I am a", max_tokens=7),
        openai.Embedding.create(engine="silu", input=EMBEDDING["input"]),
    ]


def azure_streamed(url):
    azure(url)
    return list(openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST, stream=True))


async def azure_async(url):
    azure(url)
    return await openai.ChatCompletion.acreate(engine="gpt-35-turbo", messages=FIRST)


def azure_ad(url):
    azure(url, "azure_ad")
    return openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST)


def azure_below_v1(url):
    azure(f"{url}/v1")
    return openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST)


def azure_slash(url):
    azure(f"{url}/")
    return openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST)


def engine(_):
    return [
        openai.ChatCompletion.create(engine="gpt-35-turbo", messages=FIRST),
        openai.Completion.create(engine="gpt-35-turbo", prompt="I am a", max_tokens=7),
        openai.Embedding.create(engine="text-embedding-ada-002", input=EMBEDDING["input"]),
    ]


def api_key_header(_):
    openai.api_key = ""
    return openai.ChatCompletion.create(
        **CHAT, headers={"api-key": "sk-the-only-one-accepted", "Authorization": ""}
    )


def api_key_header_beside_another(_):
    return openai.ChatCompletion.create(**CHAT, headers={"api-key": "sk-the-only-one-accepted"})


def no_key(_):
    openai.api_key = ""
    return openai.ChatCompletion.create(**CHAT)


def persistent(number):
    """Ask in a loop of one's own; every other one streams. Return what each attempt came to."""
    met = []
    messages = [{"role": "user", "content": f"question {number}"}]
    stream = number % 2 == 1
    while True:
        try:
            answer = openai.ChatCompletion.create(model="gpt-4", messages=messages, stream=stream)
            choices = [part.choices[0] for part in (answer if stream else [answer])]
        except (openai.error.OpenAIError, requests.RequestException) as error:
            met.append(type(error).__name__)
        else:
            said = [choice.get("delta") or choice.get("message") or {} for choice in choices]
            return [*met, "".join(message.get("content", "") for message in said)]


def fifty_that_try_again(_):
    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(lambda number: [persistent(number), persistent(number)], range(50)))


def models(_):
    return [openai.Model.list(), openai.Model.retrieve("gpt-4")]


def command_line(_):
    """Send what `openai api chat_completions.create` of this version sends: nulls for options."""
    return openai.ChatCompletion.create(
        **CHAT, temperature=None, max_tokens=None, n=None, top_p=None, stop=None, stream=False
    )


def _named(name):
    file = io.BytesIO(b"\0" * 99)
    file.name = name
    return file


CASES = {
    "chat_streamed": chat_streamed,
    "completion_streamed": completion_streamed,
    "together": together,
    "chat_streamed_async": chat_streamed_async,
    "embedding": embedding,
    "azure_calls": azure_calls,
    "azure_streamed": azure_streamed,
    "azure_async": azure_async,
    "azure_ad": azure_ad,
    "azure_below_v1": azure_below_v1,
    "azure_slash": azure_slash,
    "engine": engine,
    "api_key_header": api_key_header,
    "api_key_header_beside_another": api_key_header_beside_another,
    "no_key": no_key,
    "fifty_that_try_again": fifty_that_try_again,
    "models": models,
    "command_line": command_line,
    "chat": lambda _: openai.ChatCompletion.create(**CHAT),
    "too_warm": lambda _: openai.ChatCompletion.create(**CHAT, temperature=2.5),
    "no_messages": lambda _: openai.ChatCompletion.create(model="gpt-4", messages=[]),
    "too_warm_streamed": lambda _: openai.ChatCompletion.create(
        **CHAT, temperature=2.5, stream=True
    ),
    "too_long": lambda _: openai.ChatCompletion.create(**CHAT, max_tokens=4080),
    "unknown_model": lambda _: openai.ChatCompletion.create(model="gpt-5", messages=HELLO),
    "wrong_kind": lambda _: openai.Embedding.create(model="gpt-4", input="Hello"),
    "empty_input": lambda _: openai.Embedding.create(**EMBEDDING | {"input": ""}),
    "edits": lambda _: openai.Edit.create(model="gpt-4", input="a", instruction="b"),
    "images": lambda _: openai.Image.create(prompt="a cat"),
    "audio": lambda _: openai.Audio.transcribe("whisper-1", _named("a.mp3")),
    "files": lambda _: openai.File.list(),
    "moderations": lambda _: openai.Moderation.create(input="Hello"),
    "fine_tunes": lambda _: openai.FineTune.list(),
}


def main(case, url):
    openai.api_key = KEY
    openai.api_base = f"{url}/v1"
    try:
        got = CASES[case](url)
        if asyncio.iscoroutine(got):
            got = asyncio.run(got)
    except openai.error.OpenAIError as error:
        got = {
            "class": type(error).__name__,
            "status": error.http_status,
            "message": error.user_message,
            "param": getattr(error, "param", None),
            "code": error.code,
            "body": error.json_body,
        }
    json.dump(got, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
