"""W3: streams with 50 ms between tokens, 1 to 5,000 of them open: how true the pace stays."""

import traffic
from measure import Ask, Bench
from servers import MOCKGPT, RAW, STREAM

_TOKENS = 60
_PACE = 0.05


def streams(bench: Bench) -> None:
    """W3: gaps, the lateness of the last token, and the memory of an open stream."""
    quick = bench.effort.quick
    tokens, pace = (10, 0.01) if quick else (_TOKENS, _PACE)
    setup = bench.setup([(traffic.QUESTION, traffic.tokens(tokens))], pace=pace)
    for open_ in (20,) if quick else (1, 100, 1_000, 5_000):
        ask = Ask(
            path=traffic.CHAT,
            body=traffic.chat(stream=True),
            expect="[DONE]",
            connections=open_,
            warm=0,
            pace=pace,
            tokens=tokens,
            spread=min(1.0, 0.002 * open_),
        )
        subjects = [MOCKGPT, STREAM, RAW, *bench.subjects("paced streams")]
        bench.load("W3", {f"{open_} open": ask}, subjects, setup)
