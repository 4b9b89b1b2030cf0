"""What mockgpt is to reach: figures of it as ratios to what ran beside it, or as they are."""

from collections.abc import Sequence

from measure import Result
from msgspec import Struct
from msgspec.structs import replace
from stats import median

_OTHERS = ("aimock", "openai-mock-api", "ai-mock")
_MIB = 2**20


class Figure(Struct, frozen=True):
    """A metric of a subject in a case."""

    workload: str
    case: str
    subject: str
    metric: str


class Target(Struct, frozen=True, kw_only=True):
    """A figure, what it is divided by, and the bound. `least` turns the bound round.

    `beside` are figures of which the smallest divides (with `least` the largest); none: a scale.
    """

    says: str
    figure: Figure
    beside: tuple[Figure, ...] = ()
    scale: float = 1.0
    bound: float
    stretch: float | None = None
    least: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """What a target came to."""

    workload: str
    target: str
    found: float | None = None  # None: not measured
    bound: float
    met: bool = False
    stretch: float | None
    stretch_met: bool = False


def _ratio(
    says: str, case: tuple[str, str], metric: str, beside: str, bound: float, **more: float
) -> Target:
    figure, other = (Figure(*case, subject, metric) for subject in ("mockgpt", beside))
    least = metric.endswith("per_second")
    return Target(says=says, figure=figure, beside=(other,), bound=bound, least=least, **more)


def _chat(connections: int) -> list[Target]:
    case = ("W1", f"{connections} connections")
    return [
        _ratio(f"{case[1]}: throughput / aiohttp", case, "per_second", "aiohttp", 1.0, stretch=2.5),
        _ratio(f"{case[1]}: CPU / aiohttp", case, "cpu", "aiohttp", 1.0),
    ]


def _stream(case: str, bound: float) -> Target:
    return _ratio(
        f"{case}: CPU an event / aiohttp, one write each",
        ("W2", case),
        "cpu_per_event",
        "aiohttp stream",
        bound,
    )


def _own(
    says: str, figure: Figure, bound: float, scale: float = 1.0, *, least: bool = False
) -> Target:
    return Target(says=says, figure=figure, bound=bound, scale=scale, least=least)


def _others(case: str, metric: str) -> tuple[Figure, ...]:
    return tuple(Figure("W4", case, name, metric) for name in _OTHERS)


def _vectors() -> list[Target]:
    new, many = "1 new text, floats", "64 new texts, floats"
    pairs = [("1 new text", "cpu"), ("1 repeated text", "cpu"), ("64 new texts", "cpu")]
    return [
        Target(
            says=f"{new}: CPU / fastest other mock",
            figure=Figure("W4", new, "mockgpt", "cpu"),
            beside=_others(new, "cpu"),
            bound=0.4,
        ),
        _own(
            "1 repeated text, floats: µs of CPU",
            Figure("W4", "1 repeated text, floats", "mockgpt", "cpu"),
            60.0,
            1e6,
        ),
        Target(
            says=f"{many}: vectors a second / fastest other mock",
            figure=Figure("W4", many, "mockgpt", "vectors_per_second"),
            beside=_others(many, "vectors_per_second"),
            bound=10.0,
            least=True,
        ),
        *(
            Target(
                says=f"{texts}: CPU in base64 / as floats",
                figure=Figure("W4", f"{texts}, base64", "mockgpt", metric),
                beside=(Figure("W4", f"{texts}, floats", "mockgpt", metric),),
                bound=1.0,
            )
            for texts, metric in pairs
        ),
    ]


def _paced() -> list[Target]:
    def own(
        says: str, case: str, metric: str, bound: float, scale: float, *, least: bool = False
    ) -> Target:
        return _own(
            f"{case}: {says}", Figure("W3", case, "mockgpt", metric), bound, scale, least=least
        )

    return [
        own("gap error p99, ms", "1000 open", "gap_p99", 10.0, 1e3),
        own("last of 60 tokens late on average, ms", "1000 open", "late", 2.0, 1e3),
        own("share that is served whole", "5000 open", "served", 1.0, 1.0, least=True),
        own("KiB of memory a stream", "5000 open", "stream_memory", 16.0, 1 / 1024),
    ]


TARGETS: tuple[Target, ...] = (
    *_chat(16),
    *_chat(128),
    _stream("20 tokens", 0.25),
    _stream("1000 tokens", 0.08),
    _stream("20 tokens, each written alone", 1.0),
    _stream("1000 tokens, each written alone", 1.0),
    *_paced(),
    *_vectors(),
    _ratio(
        "first answer / aiohttp", ("W5", "first answer"), "seconds", "aiohttp", 1.1, stretch=0.8
    ),
    _own("import mockgpt, ms", Figure("W5", "import", "mockgpt", "seconds"), 30.0, 1e3),
    _own("idle, MiB", Figure("W5", "first answer", "mockgpt", "memory"), 40.0, 1 / _MIB),
    _own(
        "fresh server a test, ms",
        Figure("W6", "without pytest", "fresh server", "seconds"),
        1.0,
        1e3,
    ),
    _own("session a test, ms", Figure("W6", "without pytest", "session", "seconds"), 0.1, 1e3),
    Target(
        says="10,000 rules: CPU / one rule",
        figure=Figure("W7", "10,000 rules", "mockgpt", "cpu"),
        beside=(Figure("W7", "1 rules", "mockgpt", "cpu"),),
        bound=1.1,
    ),
    Target(
        says="journal, 100,000 requests: memory / after 40,000",
        figure=Figure("W7", "journal, 100,000 requests", "mockgpt", "memory"),
        beside=(Figure("W7", "journal, 40,000 requests", "mockgpt", "memory"),),
        bound=1.03,
    ),
    _ratio(
        "body of 5 MB: CPU / aiohttp + json.loads",
        ("W7", "body of 5,000 KB"),
        "cpu",
        "aiohttp + json.loads",
        1.3,
    ),
)


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Judge the workloads that were run. A ratio is the median of the ratios within each round."""
    known = {
        Figure(result.workload, result.case, result.subject, metric): samples
        for result in results
        for metric, samples in result.samples.items()
    }
    run = {result.workload for result in results}
    return [_judged(target, known) for target in TARGETS if target.figure.workload in run]


def _judged(target: Target, known: dict[Figure, list[float]]) -> Verdict:
    verdict = Verdict(
        workload=target.figure.workload,
        target=target.says,
        bound=target.bound,
        stretch=target.stretch,
    )
    own = known.get(target.figure)
    beside = [known[one] for one in target.beside if one in known]
    if own is None or (target.beside and not beside):
        return verdict
    if beside:
        best = (max if target.least else min)(beside, key=median)
        found = median([a / b for a, b in zip(own, best, strict=True)])
    else:
        found = median(own) * target.scale

    def meets(bound: float) -> bool:
        return found >= bound if target.least else found <= bound

    reached = target.stretch is not None and meets(target.stretch)
    return replace(verdict, found=found, met=meets(target.bound), stretch_met=reached)
