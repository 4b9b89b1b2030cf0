"""One attempt a case with openai for Python, 0.28 or today's: what does its user see?

`faults.py URL` reads groups of cases from standard input, takes the cases of each at once, and prints
what each of them came to.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import openai


def asker(url):
    """Return what asks for a chat, without retries: `ask(timeout=seconds, **parameters)`."""
    if hasattr(openai, "OpenAI"):
        client = openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
        return client.chat.completions.create
    openai.api_key, openai.api_base = "k", f"{url}/v1"
    return lambda timeout, **asked: openai.ChatCompletion.create(request_timeout=timeout, **asked)


def seen(ask, case):
    """Ask as applications do, and gather what they would have gathered."""
    got = {"text": "", "finish": None, "raised": None}
    begun = time.monotonic()
    messages = [{"role": "user", "content": case["user"]}]
    try:
        answer = ask(
            model="gpt-4", messages=messages, stream=case["stream"], timeout=case["timeout"]
        )
        for part in answer if case["stream"] else [answer]:
            choice = part.choices[0]
            said = choice.delta if case["stream"] else choice.message
            got["text"] += getattr(said, "content", None) or ""
            got["finish"] = choice.finish_reason
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the user would see
        kind = type(error)
        got["raised"] = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return got | {"seconds": time.monotonic() - begun}


def main(url):
    ask = asker(url)
    with ThreadPoolExecutor(16) as pool:
        groups = [
            list(pool.map(lambda case: seen(ask, case), group)) for group in json.load(sys.stdin)
        ]
    json.dump([got for group in groups for got in group], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
