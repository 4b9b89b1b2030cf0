"""A program: plays one scenario in many sessions at once, and prints a digest of each one's bytes.

Its arguments are how many sessions, how many threads, and the seed by which their order is shuffled.
"""

import http.client
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from mockgpt import MockGPT

SCENARIO = """
mockgpt: 1
seed: 11
defaults: {pace: {first: 2ms, each: 1ms, jitter: 0.5}}
script:
  - {id: first, expect: {user: first}, reply: "你好, the first of the script."}
rules:
  - id: chance
    when: {user: {contains: chance}}
    reply: {filler: {tokens: 20}, faults: [{kind: garble, chance: 0.5}, {kind: truncate_body, chance: 0.5}]}
  - id: sliced
    when: {user: sliced}
    reply: {say: "Türkçe İı, Straße, ①.", faults: [{kind: slice, bytes: 7}]}
  - id: template
    when: {user: {matches: "(?i)(?P<word>I\\\\w+)"}}
    reply: {template: "{{ word | upper }} {{ word | lower }} {{ call }}.{{ attempt }} {{ [3, 1] | sort }}"}
  - {id: twice, when: {user: twice}, reply: [one, {filler: {}}]}
"""


def chat(text, **more):
    return "chat/completions", {"messages": [{"role": "user", "content": text}], **more}


REQUESTS = [
    chat("first"),
    *(chat(f"chance {number}", stream=number % 2 == 0) for number in range(6)),
    chat("sliced", stream=True),
    chat("tell IDEAS, istanbul"),
    chat("tell IDEAS, istanbul"),
    chat("twice"),
    chat("twice", stream=True),
    chat("nobody answers this, \U0001f511"),
    chat("x", temperature=3),
    ("completions", {"prompt": ["a", "b"], "n": 2}),
    ("embeddings", {"input": ["a", "ı", "İ"], "model": "text-embedding-ada-002"}),
    ("embeddings", {"input": "a", "model": "text-embedding-ada-002", "encoding_format": "base64"}),
    ("models", None),
]


def played(mock, name):
    """Return the digest of all that a session is sent, in the order of its requests."""
    address = mock.url.removeprefix("http://")
    digest = sha256()
    for path, body in REQUESTS:
        connection = http.client.HTTPConnection(address, timeout=60)
        headers = {"content-type": "application/json", "authorization": "Bearer k"}
        method = "GET" if body is None else "POST"
        data = None if body is None else json.dumps(body)
        connection.request(method, f"/s/{name}/v1/{path}", data, headers)
        response = connection.getresponse()
        try:
            data = response.read()
        except http.client.IncompleteRead as cut:
            data = cut.partial
        digest.update(json.dumps([response.status, response.getheaders()]).encode() + data)
        connection.close()
    return digest.hexdigest()


def main(sessions, threads, seed):
    """Play the sessions, and print what each was sent."""
    names = [f"s{number}" for number in range(sessions)]
    random.Random(seed).shuffle(names)
    with open("scenario.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123 - a program's own
        file.write(SCENARIO)
    with MockGPT("scenario.yaml") as mock, ThreadPoolExecutor(threads) as pool:
        digests = dict(zip(names, pool.map(lambda name: played(mock, name), names), strict=True))
    print(json.dumps(dict(sorted(digests.items()))))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
