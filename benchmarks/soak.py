"""Everything at once for a time, at a steady rate: at the end a server is to be as it was before.

`python benchmarks/soak.py --minutes 30` starts a server, samples its memory, descriptors, threads
and latency, writes results/soak.{json,svg,md} and ends with 1 where it was not flat. Linux only:
the figures are those of /proc.
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from soak_plot import plot
from soak_traffic import ACTIONS, LASTING, Traffic, scenario

# By which share of their median these may grow over the second half: the median of the slopes between
# all pairs of samples (Theil and Sen), so that peaks do not tell. How many clients are there at once
# varies more than memory does; that none is left over is judged at the end.
GROWTH = {"memory": 0.05, "descriptors": 0.25}
THREADS = 1 + min(32, (os.cpu_count() or 1) + 4)  # the loop's, and asyncio's pool, which stays
JUDGED = 60  # seconds at least: less is all beginning
SAMPLES = 300
TOLD = 10  # seconds between two lines of progress
PATIENCE = 20  # seconds for what is under way at the end


def main() -> int:
    """Soak, write what was found, and say whether it is as it should be."""
    parser = argparse.ArgumentParser(description="Soak a server in everything at once.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seconds", type=float, help="instead of minutes")
    parser.add_argument("--rate", type=float, default=40, help="actions a second")
    parser.add_argument("--sessions", type=int, default=1000, help="so many, used in turn")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results"))
    options = parser.parse_args()
    seconds = options.seconds or options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder) / "soak.yaml", Path(folder) / "log"
        path.write_text(json.dumps(scenario()), "utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "mockgpt", "serve", "-q", "--listen", "127.0.0.1:0", path]
        with (
            log.open("w") as stderr,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
        ):
            try:
                assert process.stdout is not None, "a pipe"
                port = int(process.stdout.readline().rpartition("127.0.0.1:")[2].split()[0])
                found = asyncio.run(
                    soak(
                        process.pid,
                        port,
                        seconds=seconds,
                        rate=options.rate,
                        sessions=options.sessions,
                    )
                )
            finally:
                process.terminate()
        found["log"] = log.read_text("utf-8").splitlines()[:50]
    half = found["samples"][len(found["samples"]) // 2 :]
    judged = GROWTH if seconds >= JUDGED else ()
    found["growth"] = {name: growth(half, name) for name in judged}
    found["trouble"] = list(trouble(found))
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "soak.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (options.results / "soak.svg").write_text(plot(found["samples"]), "utf-8")
    (options.results / "soak.md").write_text(page(found), "utf-8")
    print(page(found))
    return 1 if found["trouble"] else 0


class Watch:
    """What is seen of the traffic and of the server's process."""

    def __init__(self, pid: int, traffic: Traffic) -> None:
        self.pid = pid
        self.traffic = traffic
        self.begun = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.latencies: list[float] = []  # of plain requests since the last sample, in seconds
        self.samples: list[dict[str, float]] = []

    async def act(self, kind: str, due: float) -> None:
        """Do one thing; what it was due is when its latency begins: waiting would hide a stall."""
        try:
            await ACTIONS[kind][1](self.traffic)
        except (AssertionError, OSError, TimeoutError, EOFError) as error:
            self.failures[f"{kind}: {error!r}"[:300]] += 1
        else:
            self.counts[kind] += 1
            if kind == "plain":
                self.latencies.append(time.monotonic() - due)

    async def look(self, interval: float) -> None:
        """Take a sample now and then, and tell of some."""
        told_at = 0.0
        while True:
            await asyncio.sleep(interval)
            at = time.monotonic() - self.begun
            now = {"at": at, **sample(self.pid), **quantiles(self.latencies)}
            self.latencies.clear()
            self.samples.append(now)
            if at >= told_at:
                told_at += TOLD
                print(
                    f"{at:6.0f} s  {self.counts.total()} actions, {self.failures.total()} failures, "
                    f"{now['memory']:.1f} MiB, {now['descriptors']} descriptors, "
                    f"p99 {now.get('p99', 0):.1f} ms",
                    flush=True,
                )


async def soak(
    pid: int, port: int, *, seconds: float, rate: float, sessions: int
) -> dict[str, Any]:
    """Send the traffic; return what was seen."""
    traffic = Traffic(port, sessions)
    for number in range(sessions):
        if number % 200 == 0:
            print(f"{number} of {sessions} sessions", flush=True)
        await ACTIONS["script"][1](traffic)
    for kind in ACTIONS.keys() - LASTING:  # what is loaded when it is first needed
        await ACTIONS[kind][1](traffic)
    before = sample(pid)
    watch = Watch(pid, traffic)
    looking = asyncio.create_task(watch.look(max(seconds / SAMPLES, 0.2)))
    running = await send(watch, seconds, rate)
    looking.cancel()
    if running:
        _, late = await asyncio.wait(running, timeout=min(PATIENCE, seconds))
        for task in late:  # slow readers and writers are, on purpose
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    for _ in range(20):  # the server learns that they are gone
        await asyncio.sleep(0.1)
        if sample(pid)["descriptors"] <= before["descriptors"]:
            break
    return {
        "seconds": seconds,
        "rate": rate,
        "sessions": sessions,
        "before": before,
        "after": sample(pid),
        "actions": dict(sorted(watch.counts.items())),
        "failures": dict(watch.failures.most_common(20)),
        "samples": watch.samples,
    }


async def send(watch: Watch, seconds: float, rate: float) -> set[asyncio.Task[None]]:
    """Begin so many actions a second, whatever becomes of them; return those that still run."""
    kinds, weights = [*ACTIONS], [weight for weight, _ in ACTIONS.values()]
    drawn = random.Random(0)  # noqa: S311 - the same mixture each time
    running: set[asyncio.Task[None]] = set()
    for number in range(int(seconds * rate)):
        due = watch.begun + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(watch.act(drawn.choices(kinds, weights)[0], due))
        running.add(task)
        task.add_done_callback(running.discard)
    return running


def sample(pid: int) -> dict[str, float]:
    """Return what the system says of a process: memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    told = dict(re.findall(r"^(\w+):\s+(\d+)", status, re.MULTILINE))
    return {
        "memory": int(told["VmRSS"]) / 1024,
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(told["Threads"]),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th hundredth, in milliseconds; nothing where there are none."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return {"p50": p50 * 1000, "p99": p99 * 1000}


def growth(samples: Sequence[dict[str, float]], name: str) -> float:
    """Return by which share of its median a figure grew in these samples: a robust slope."""
    slopes = [
        (later[name] - earlier[name]) / (later["at"] - earlier["at"])
        for earlier, later in combinations(samples, 2)
    ]
    span = samples[-1]["at"] - samples[0]["at"]
    return median(slopes) * span / median(one[name] for one in samples)


def trouble(found: dict[str, Any]) -> Iterator[str]:
    """Yield what is not as it should be."""
    for name, grown in found["growth"].items():
        if grown > (most := GROWTH[name]):
            yield f"{name} grew by {grown:.1%} in the second half, expected at most {most:.0%}"
    before, after = found["before"], found["after"]
    if after["descriptors"] > before["descriptors"]:
        yield f"{after['descriptors']} descriptors at the end, expected {before['descriptors']}"
    if after["threads"] > THREADS:
        yield f"{after['threads']} threads at the end, expected at most {THREADS}"
    yield from (f"{count} times {what}" for what, count in found["failures"].items())
    yield from (f"the server said: {line}" for line in found["log"][:5])


def page(found: dict[str, Any]) -> str:
    """Return what was found, as Markdown."""
    p50s, p99s = ([one[name] for one in found["samples"] if name in one] for name in ("p50", "p99"))
    grown = ", ".join(f"{name} {share:+.2%}" for name, share in found["growth"].items())
    before, after = found["before"], found["after"]
    lines = [
        "# Soak",
        "",
        f"{found['seconds'] / 60:g} minutes at {found['rate']:g} actions a second,",
        f"{sum(found['actions'].values())} in all, with {found['sessions']} sessions in turn.",
        "",
        "![memory, descriptors, threads and latency over time](soak.svg)",
        "",
        "| | before | after |",
        "|---|---|---|",
        f"| memory | {before['memory']:.1f} MiB | {after['memory']:.1f} MiB |",
        f"| descriptors | {before['descriptors']} | {after['descriptors']} |",
        f"| threads | {before['threads']} | {after['threads']} |",
        "",
        f"Growth within the second half, of the median: {grown or 'too short to tell'}.",
        f"Latency of plain requests, by the medians of {len(p50s)} samples: median",
        f"{median(p50s):.2f} ms, 99th hundredth {median(p99s):.2f} ms.",
        "",
        *([f"- {one}" for one in found["trouble"]] or ["Nothing was amiss."]),
        "",
        "| action | times |",
        "|---|---|",
        *(f"| {kind} | {count} |" for kind, count in found["actions"].items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
