"""W7: what stays as it is while rules, bodies, the journal and sessions grow."""

import traffic
from measure import Ask, Bench
from msgspec.structs import replace
from servers import CONSTANT, MOCKGPT, PARSING, running


def growth(bench: Bench) -> None:
    """W7: each in turn."""
    _rules(bench)
    _bodies(bench)
    _journal(bench)
    _sessions(bench)


def _ask(bench: Bench) -> Ask:
    return Ask(
        path=traffic.CHAT,
        body=traffic.chat(),
        expect=traffic.ANSWER,
        connections=4,
        seconds=bench.effort.seconds,
    )


def _rules(bench: Bench) -> None:
    """So many literal rules, of which the last one answers."""
    for count in (10,) if bench.effort.quick else (1, 100, 10_000):
        rules = [(f"Question {number}?", f"Answer {number}.") for number in range(count - 1)]
        setup = bench.setup([*rules, (traffic.QUESTION, traffic.ANSWER)])
        bench.load("W7", {f"{count:,} rules": _ask(bench)}, [MOCKGPT, *bench.subjects()], setup)


def _bodies(bench: Bench) -> None:
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    sizes = (1_000, 100_000, 5_000_000)
    cases = {
        f"body of {size // 1000:,} KB": replace(_ask(bench), body=traffic.chat(filling=size))
        for size in sizes
    }
    bench.load("W7", cases, [MOCKGPT, CONSTANT, PARSING, *bench.subjects()], setup)


def _journal(bench: Bench) -> None:
    """Five times 20,000 requests; after 10,000 the journal is full."""
    count = 100 if bench.effort.quick else 20_000
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    with running(MOCKGPT, setup) as server:
        for part in range(1, 6):
            ask = replace(_ask(bench), connections=16, count=count, seconds=600.0)
            takes = {"mockgpt": lambda ask=ask: bench.client.run(ask, server)}
            bench.compare("W7", f"journal, {part * count:,} requests", takes, rounds=1)


def _sessions(bench: Bench) -> None:
    """Ask each of so many sessions once."""
    count = 100 if bench.effort.quick else 10_000
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    path = traffic.CHAT.replace("/v1", "/s/test-@@/v1")
    ask = replace(_ask(bench), path=path, connections=16, count=count, seconds=600.0)
    with running(MOCKGPT, setup) as server:
        takes = {"mockgpt": lambda: bench.client.run(ask, server)}
        bench.compare("W7", f"{count:,} sessions", takes, rounds=1)
