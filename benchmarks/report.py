"""What a run came to, as Markdown, as JSON and as plots."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec
import plot
from measure import Bench, Result
from servers import CLIENT_CORES, SERVER_CORE
from targets import Verdict, verdicts

# How each metric is called, what it is multiplied by, and its digits.
_METRICS = {
    "per_second": ("requests/s", 1.0, 0),
    "events_per_second": ("events/s", 1.0, 0),
    "vectors_per_second": ("vectors/s", 1.0, 0),
    "cpu": ("CPU µs", 1e6, 1),
    "cpu_per_event": ("CPU µs/event", 1e6, 2),
    "cpu_per_vector": ("CPU µs/vector", 1e6, 1),
    "p50": ("p50 ms", 1e3, 2),
    "p99": ("p99 ms", 1e3, 2),
    "gap_p50": ("gap error p50 ms", 1e3, 2),
    "gap_p99": ("gap error p99 ms", 1e3, 2),
    "late": ("last token late ms", 1e3, 2),
    "late_p99": ("late p99 ms", 1e3, 2),
    "served": ("served", 1.0, 2),
    "stream_memory": ("KiB/stream", 1 / 1024, 1),
    "memory": ("MiB", 1 / 2**20, 1),
}
_NOTE = """\
Figures are medians of the rounds, in brackets the ratio to the first row's; ± is the spread of the
middle half of the rounds. CPU is that of the server's process, for each request. mockgpt has a
scenario loaded, its journal on and its access log off; ceilings send the bytes that mockgpt sent."""
_WHOLE = {"W5", "W6"}  # whose seconds are a figure of their own
_SECONDS = {"seconds": ("ms", 1e3, 3)}


def write(bench: Bench, folder: Path, name: str, took: float) -> None:
    """Write `<name>.md`, `<name>.json` and `<name>-<workload>.svg`."""
    results = bench.results
    folder.mkdir(parents=True, exist_ok=True)
    found = verdicts(results)
    machine = _machine() | {
        "other mocks": ", ".join(other.package for other in bench.others) or "none",
        "rounds": str(bench.effort.rounds),
        "took": f"{took:.0f} s",
    }
    page = "\n".join(_page(results, found, machine, name))
    (folder / f"{name}.md").write_text(page, "utf-8")
    data = {"machine": machine, "verdicts": found, "results": results}
    encoded = msgspec.json.format(msgspec.json.encode(data), indent=1)
    (folder / f"{name}.json").write_bytes(encoded + b"\n")
    for workload in sorted({result.workload for result in results}):
        of_it = [result for result in results if result.workload == workload]
        (folder / f"{name}-{workload}.svg").write_text(plot.bars(workload, of_it), "utf-8")
    print("\n".join(_targets(found)))
    print(f"\n{folder / name}.md, .json and .svg, after {took:.0f} s")


def _machine() -> dict[str, str]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    packages = ("aiohttp", "msgspec")
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "cores": f"server on {sorted(SERVER_CORE)}, client on {sorted(CLIENT_CORES)}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _page(
    results: list[Result], found: list[Verdict], machine: dict[str, str], name: str
) -> list[str]:
    lines = ["# How fast", "", "| | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in machine.items()]
    lines += ["", _NOTE, ""]
    lines += ["## Targets", "", *_targets(found)]
    for workload in sorted({result.workload for result in results}):
        of_it = [result for result in results if result.workload == workload]
        lines += ["", f"## {workload}", "", f"![{workload}]({name}-{workload}.svg)"]
        for case in dict.fromkeys(result.case for result in of_it):
            lines += ["", f"### {case}", ""]
            lines += _table([result for result in of_it if result.case == case])
    return [*lines, ""]


def _targets(found: list[Verdict]) -> list[str]:
    lines = ["| | target | found | bound | met |", "|---|---|---:|---:|---|"]
    for one in found:
        if one.found is None:
            lines.append(f"| {one.workload} | {one.target} | | {one.bound:g} | not measured |")
            continue
        met = "yes" if one.met else "**no**"
        if one.stretch is not None:
            met += f" (stretch {one.stretch:g}: {'yes' if one.stretch_met else 'no'})"
        lines.append(f"| {one.workload} | {one.target} | {one.found:.3g} | {one.bound:g} | {met} |")
    return lines


def _table(results: list[Result]) -> list[str]:
    metrics = _METRICS | (_SECONDS if results[0].workload in _WHOLE else {})
    shown = [name for name in metrics if name in results[0].samples]
    lines = ["| | " + " | ".join(metrics[name][0] for name in shown) + " |"]
    lines.append("|---|" + "---:|" * len(shown))
    lines += [
        f"| {result.subject} | "
        + " | ".join(_cell(result, results[0], name, metrics[name]) for name in shown)
        + " |"
        for result in results
    ]
    return lines


def _cell(result: Result, first: Result, metric: str, shown: tuple[str, float, int]) -> str:
    _, scale, digits = shown
    own, reference = result.median(metric), first.median(metric)
    ratio = f" ({own / reference:.2f})" if result is not first and reference else ""
    noise = f" ±{result.noise(metric):.0%}" if len(result.samples[metric]) > 1 else ""
    return f"{own * scale:,.{digits}f}{ratio}{noise}"
