"""W1, W2 and W4: as many chats, streams and embeddings as a server has in it."""

import json

import traffic
from measure import Ask, Bench
from msgspec.structs import replace
from servers import CONSTANT, MOCKGPT, PARSING, RAW, STREAM


def chat(bench: Bench) -> None:
    """W1: a plain chat with a scenario loaded and the journal on."""
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    ask = Ask(
        path=traffic.CHAT,
        body=traffic.chat(),
        expect=traffic.ANSWER,
        seconds=bench.effort.seconds,
    )
    cases = {f"{many} connections": replace(ask, connections=many) for many in (1, 16, 128)}
    bench.load("W1", cases, [MOCKGPT, CONSTANT, PARSING, RAW, *bench.subjects()], setup)


def streams(bench: Bench) -> None:
    """W2: streams without a pace, as they are and with each event written alone."""
    for alone in (False, True):
        for tokens in (20,) if bench.effort.quick else (20, 1_000):
            setup = bench.setup([(traffic.QUESTION, traffic.tokens(tokens))], alone=alone)
            ask = Ask(
                path=traffic.CHAT,
                body=traffic.chat(stream=True),
                expect="[DONE]",
                connections=16,
                seconds=bench.effort.seconds,
            )
            others = [] if alone else [RAW, *bench.subjects("streams")]
            case = f"{tokens} tokens" + (", each written alone" if alone else "")
            bench.load("W2", {case: ask}, [MOCKGPT, STREAM, *others], setup, per=_events)


def _events(answer: str) -> dict[str, float]:
    return {"event": float(traffic.body_of(answer).count(b"data:"))}


def embeddings(bench: Bench) -> None:
    """W4: one text and 64, new and repeated, as floats and in base64."""
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    quick = bench.effort.quick
    for count in (1,) if quick else (1, 64):
        for new in (True,) if quick else (True, False):
            for base64 in (False,) if quick else (False, True):
                ask = Ask(
                    path=traffic.EMBEDDINGS,
                    body=traffic.embeddings(count, new=new, base64=base64),
                    expect='"embedding"',
                    connections=4,
                    seconds=bench.effort.seconds,
                )
                texts = (
                    f"{count} {'new' if new else 'repeated'} {'text' if count == 1 else 'texts'}"
                )
                case = f"{texts}, {'base64' if base64 else 'floats'}"
                subjects = [MOCKGPT, CONSTANT, RAW, *bench.subjects("embeddings")]
                bench.load("W4", {case: ask}, subjects, setup, per=_vectors)


def _vectors(answer: str) -> dict[str, float]:
    return {"vector": float(len(json.loads(traffic.body_of(answer))["data"]))}
