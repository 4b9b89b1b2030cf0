"""python benchmarks/run.py [W1 …] [--quick]: measure mockgpt beside its ceilings and other mocks.

Loopback only; ends by itself. What was measured is in `benchmarks/results/<name>.md`, `.json` and, a
plot for each workload, `.svg`.
"""

import argparse
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

import others
import report
from measure import Bench, Effort
from workloads import WORKLOADS

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the workloads that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="W", help=" ".join(WORKLOADS), choices=[*WORKLOADS, []]
    )
    parser.add_argument("--quick", action="store_true", help="everything tiny, without other mocks")
    parser.add_argument("--name", default="latest", help="of what is written to results/")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    parser.add_argument("--rounds", type=int, default=5, help="of each subject in each case")
    parser.add_argument("--prepare", action="store_true", help="install the other mocks, and end")
    given = parser.parse_args()
    if given.prepare:
        others.prepare()
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end with this
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # 5,000 streams at both ends
    effort = (
        Effort(rounds=1, seconds=0.05, quick=True) if given.quick else Effort(rounds=given.rounds)
    )
    begun = time.time()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(effort, [] if given.quick else others.installed(), Path(folder))
        try:
            for name in given.workloads or WORKLOADS:
                WORKLOADS[name](bench)
                print(f"{name} took {time.time() - begun:.0f} s so far", flush=True)
        finally:
            bench.client.stop()
            if bench.results:
                report.write(bench, given.results, given.name, time.time() - begun)


main()
