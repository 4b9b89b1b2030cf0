"""Rounds: every subject of a case in turn, again and again, so that what disturbs disturbs all.

A sample is what one round of one subject gave; figures are medians of samples.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import traffic
from msgspec import Struct
from msgspec.structs import asdict, replace
from others import Ability, Other
from servers import CLIENT_CORES, Server, Setup, Subject, pinned, running
from stats import median, spread

Take = Callable[[], dict[str, float]]

_SAMPLED = 0.05  # seconds between two looks at the memory of a server


class Effort(Struct, frozen=True, kw_only=True):
    """How much is done. `seconds` is how long a subject is loaded in a round."""

    rounds: int = 5
    seconds: float = 0.7
    quick: bool = False


class Result(Struct, frozen=True, kw_only=True):
    """What all rounds of a subject in a case gave, metric by metric."""

    workload: str
    case: str
    subject: str
    samples: dict[str, list[float]]

    def median(self, metric: str) -> float:
        """Return the middle of the rounds."""
        return median(self.samples[metric])

    def noise(self, metric: str) -> float:
        """Return how far the rounds lie apart, as a share of the median."""
        return spread(self.samples[metric])


class Ask(Struct, frozen=True, kw_only=True):
    """What the load generator asks for. `@@` in path or body becomes a number not asked before."""

    path: str
    body: str
    expect: str  # is in the first answer
    connections: int = 1
    count: int = 10**9  # requests at most
    seconds: float = 0.7
    warm: int = 2  # requests before the clock starts
    pace: float = 0.0  # seconds between tokens; 0: closed loop
    spread: float = 1.0  # seconds over which paced streams begin
    tokens: int = 0  # of each paced stream


class RefusedError(Exception):
    """A server did not answer what it was asked."""


class Client:
    """The load generator's process, on the cores that the server has not."""

    def __init__(self) -> None:
        with pinned(CLIENT_CORES):
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("client.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self._serial = 0

    def run(self, ask: Ask, server: Server) -> dict[str, float]:
        """Load a server; return what the client saw, and what it cost the server.

        `cpu` is in seconds a request, `memory` in bytes, at most meanwhile.
        """
        before = server.memory
        self._begin(ask, server)
        with _watched(server) as looks:
            cpu = server.cpu
            begun = time.perf_counter()
            seen = self._say("go")
            cpu = server.cpu - cpu
        count = seen["count"]
        figures = {**seen, "cpu": cpu / count, "memory": max(memory for _, memory in looks)}
        if ask.pace and not server.used:  # while all are open, and nothing is kept of others
            end = begun + seen["first_ended"]
            figures["stream_memory"] = max(m - before for at, m in looks if at < end) / count
        server.used = True
        return figures

    def ask(self, ask: Ask, server: Server) -> str:
        """Return the first answer to a request, head and body as they came."""
        answer = self._begin(ask, server)["answer"]
        self._say("go")
        return str(answer)

    def _begin(self, ask: Ask, server: Server) -> dict[str, Any]:
        path = ask.path.replace("/v1", server.subject.prefix)
        job = asdict(ask) | {"path": path, "port": server.port, "serial": self._serial}
        return self._say(json.dumps(job))

    def _say(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None, "a pipe"
        assert self._process.stdout is not None, "a pipe"
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError("expected the load generator's answer, found its end: see above")
        answer: dict[str, Any] = json.loads(said)
        if "error" in answer:
            raise RefusedError(answer["error"])
        self._serial = max(self._serial, answer["serial"])
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def _watched(server: Server) -> Iterator[list[tuple[float, int]]]:
    """Collect how much memory a server has, and when."""
    looks: list[tuple[float, int]] = []
    over = threading.Event()

    def look() -> None:
        while True:
            looks.append((time.perf_counter(), server.memory))
            if over.wait(_SAMPLED):
                break

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
        looks.append((time.perf_counter(), server.memory))


class Bench:
    """One run: its effort, its load generator, the other mocks that are installed, its results."""

    def __init__(self, effort: Effort, others: list[Other], folder: Path) -> None:
        self.effort = effort
        self.others = others
        self.folder = folder  # for what servers are given
        self.client = Client()
        self.results: list[Result] = []

    def subjects(self, ability: Ability | None = None) -> list[Subject]:
        """Return the other mocks, or those of them that can do something."""
        able = (other for other in self.others if ability is None or ability in other.does)
        return [other.subject for other in able]

    def setup(self, rules: traffic.Rules, *, pace: float = 0.0, alone: bool = False) -> Setup:
        """Write what each mock reads."""
        return traffic.setup(self.folder, rules, self.others, pace=pace, alone=alone)

    def compare(
        self, workload: str, case: str, takes: Mapping[str, Take], rounds: int | None = None
    ) -> None:
        """Take a sample of each in turn, forwards and backwards; keep and tell the results."""
        if self.effort.quick:
            takes = dict([*takes.items()][:2])
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in takes}
        for number in range(rounds or self.effort.rounds):
            for name in [*taken][:: 1 if number % 2 == 0 else -1]:
                try:
                    taken[name].append(takes[name]())
                except RefusedError as error:  # what it gave so far is no median
                    print(f"{workload} {case} | {name} left out: {error}")
                    del taken[name]
        for name, samples in taken.items():
            metrics = dict.fromkeys(metric for sample in samples for metric in sample)
            figures = {
                metric: [sample[metric] for sample in samples if metric in sample]
                for metric in metrics
            }
            result = Result(workload=workload, case=case, subject=name, samples=figures)
            self.results.append(result)
            told = "  ".join(
                f"{metric} {result.median(metric):.6g}"
                for metric in result.samples
                if metric not in ("serial", "count", "first_ended")
            )
            print(f"{result.workload} {result.case} | {result.subject}: {told}", flush=True)

    def load(
        self,
        workload: str,
        cases: Mapping[str, Ask],
        subjects: list[Subject],
        setup: Setup,
        per: Callable[[str], dict[str, float]] = lambda _: {},
    ) -> None:
        """Load subjects with the same in turn. `per` counts what else an answer holds.

        mockgpt is the first of them, and ceilings answer what it answers to the first case.
        """
        if self.effort.quick:
            subjects, cases = subjects[:2], dict([*cases.items()][-1:])
        with ExitStack() as stack:
            servers = []
            for subject in subjects:
                server = stack.enter_context(running(subject, setup))
                servers.append(server)
                if len(servers) == 1:
                    answer = self.client.ask(_once(next(iter(cases.values()))), server)
                    setup.files["answer"].write_bytes(traffic.body_of(answer))
            for case, ask in cases.items():
                takes = {}
                for server in servers:
                    try:
                        takes[server.subject.name] = self._take(server, ask, per)
                    except RefusedError as error:
                        if server is servers[0]:
                            raise
                        print(f"{workload} {case} | {server.subject.name} left out: {error}")
                self.compare(workload, case, takes)

    def _take(self, server: Server, ask: Ask, per: Callable[[str], dict[str, float]]) -> Take:
        """Return what takes a sample, after one that does not count: what compiles has compiled."""
        units = per(self.client.ask(_once(ask), server))
        if not self.effort.quick and not ask.pace:
            self.client.run(ask, server)

        def take() -> dict[str, float]:
            sample = self.client.run(ask, server)
            if "seconds" in sample:
                sample["per_second"] = sample["count"] / sample["seconds"]
            for name, count in units.items():
                sample[f"cpu_per_{name}"] = sample["cpu"] / count
                sample[f"{name}s_per_second"] = sample["per_second"] * count
            return sample

        return take


def _once(ask: Ask) -> Ask:
    """Return the request asked once, without pace."""
    return replace(ask, connections=1, count=1, seconds=0.0, warm=1, pace=0.0)
