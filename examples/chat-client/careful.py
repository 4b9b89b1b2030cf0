"""A careful client of the chat endpoint: one pool of connections, time-outs, retries that wait.

What it does right is what `careless.py` does wrong; `test_careful.py` and `test_careless.py` show it.
"""

import json
import random
import time
from collections.abc import Callable, Iterator

import requests

RETRYABLE = {408, 409, 429}
ATTEMPTS = 5


class Incomplete(Exception):
    """A stream that ended without `[DONE]`."""


class Client:
    """Asks questions, each with up to five attempts."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        read_timeout: float = 30.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._url = f"{base_url}/chat/completions"
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {api_key}"
        self._timeouts = (10.0, read_timeout)  # to connect, and between two pieces
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, question: str) -> str:
        """Return the whole answer."""
        return self._tried(self._whole, question, stream=False)

    def stream(self, question: str) -> str:
        """Return the answer, read as it comes; pieces of an attempt that breaks are thrown away."""
        return self._tried(lambda body: "".join(self._pieces(body)), question, stream=True)

    def _tried(self, attempt: Callable[[dict], str], question: str, *, stream: bool) -> str:
        body = {
            "model": "gpt-3.5-turbo",
            "messages": [{"role": "user", "content": question}],
            "stream": stream,
        }
        for number in range(1, ATTEMPTS + 1):
            try:
                return attempt(body)  # the same body each time
            except requests.HTTPError as error:
                status = error.response.status_code
                if number == ATTEMPTS or not (status in RETRYABLE or status >= 500):
                    raise
                told = error.response.headers.get("retry-after")
                wait = float(told) if told else backoff(number)
            except (requests.RequestException, Incomplete):
                if number == ATTEMPTS:
                    raise
                wait = backoff(number)
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _whole(self, body: dict) -> str:
        response = self._http.post(self._url, json=body, timeout=self._timeouts)
        response.raise_for_status()
        return response.json()["choices"][0]["message"]["content"]

    def _pieces(self, body: dict) -> Iterator[str]:
        asked = self._http.post(self._url, json=body, timeout=self._timeouts, stream=True)
        with asked as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line == b"data: [DONE]":
                    return
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])["choices"][0]["delta"].get("content", "")
        raise Incomplete("the stream ended without [DONE]")


def backoff(attempt: int) -> float:
    """Return how many seconds to wait: twice as long each time, and never quite the same."""
    return 0.5 * 2**attempt * random.uniform(0.75, 1.25)
