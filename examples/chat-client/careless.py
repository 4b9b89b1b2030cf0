"""Mistakes that clients make, one a function, each named after the finding that tells of it.

Every one of them hides its failure: a test that only looks at what they return passes.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests

Sleep = Callable[[float], object]


class Client:
    """A client that makes mistakes on demand. `sleep` is how it waits between attempts."""

    def __init__(self, base_url: str, api_key: str, sleep: Sleep) -> None:
        self._key = {"Authorization": f"Bearer {api_key}"}
        self._url = f"{base_url}/chat/completions"
        self._http = requests.Session()
        self._http.headers.update(self._key)
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, question: str, **more: Any) -> requests.Response | None:
        messages = [{"role": "user", "content": question}]
        try:
            return self._http.post(self._url, json={"messages": messages, **more})
        except requests.RequestException:
            return None

    def _until_it_works(self, attempts: int, wait: float = 0.0, question: str = "Hello!") -> None:
        for _ in range(attempts):
            response = self._post(question)
            if response is not None and response.ok:
                return
            if wait:
                self._sleep(wait)

    def unmatched_request(self) -> None:
        self._post("What nobody expected")

    def unmet_step(self) -> None:
        self._post("plan")  # and then nothing

    def beyond_script(self) -> None:
        for question in ("plan", "bye", "bye"):
            self._post(question)

    def refused_request(self) -> None:
        self._post("Hello!", temperature=3)

    def late_request(self) -> None:
        self._post("Hello!")  # from a thread that outlived its test

    def unexpected_host(self) -> None:
        with suppress(requests.RequestException):
            self._http.get("https://telemetry.example/", timeout=5)  # which no test has asked for

    def retry_after_ignored(self) -> None:
        self._until_it_works(2, wait=0.5)  # whatever Retry-After says

    def retried_refusal(self) -> None:
        self._until_it_works(3, wait=10)  # as if trying again could mend a key

    def retry_storm(self) -> None:
        self._until_it_works(12, wait=10)

    def no_backoff(self) -> None:
        self._until_it_works(2)

    def constant_backoff(self) -> None:
        self._until_it_works(5, wait=10)

    def gave_up(self) -> None:
        self._post("Hello!")

    def sat_through_stall(self) -> None:
        self._post("Hello!", stream=True)  # without a time-out

    def cut_unnoticed(self) -> str:
        pieces = []
        body = {"messages": [{"role": "user", "content": "Hello!"}], "stream": True}
        try:
            with self._http.post(self._url, json=body, stream=True) as response:
                for line in response.iter_lines():
                    if line.startswith(b"data: {"):
                        delta = json.loads(line[6:])["choices"][0]["delta"]
                        pieces.append(delta.get("content", ""))
        except requests.RequestException:
            pass  # what has come will do
        return "".join(pieces)

    def connection_not_reused(self) -> None:
        for number in range(7):
            body = {"messages": [{"role": "user", "content": f"Question {number}"}]}
            requests.post(self._url, json=body, headers=self._key)

    def unsupported_parameter(self) -> None:
        self._post("Hello!", top_p=0.5)

    def drifting_retry(self) -> None:
        for temperature in (1, 0.5):
            response = self._post("Hello!", temperature=temperature)
            if response is not None and response.ok:
                return
            self._sleep(10)

    def never_asked(self) -> str:
        return "At last"  # of an earlier run

    def secret_in_prompt(self) -> None:
        self._post("Why does my key sk-" + "abcd1234" * 4 + " not work?")
