"""What users write, checked by mypy and run by nobody."""

import mockgpt
from mockgpt import (
    AnyOrder,
    Call,
    Clock,
    Exchange,
    Expectation,
    Finding,
    Journal,
    LiveRule,
    MockGPT,
    MockSession,
    Record,
    Reply,
    Rule,
    Scenario,
    TextMatch,
    When,
    any_order,
    contains,
    create_app,
    equals,
    expect,
    glob,
    har,
    json_lines,
    matches,
    transcript,
    write_reports,
)


def count(exchange: Exchange) -> None:
    assert exchange.sent is not None
    print(exchange.sent.status + 1, exchange.key.upper())


scenario = Scenario(
    rules=(
        Rule(when=When(endpoint="chat", user=TextMatch(contains="a")), reply="b"),
        Rule(reply=Reply(error="overloaded")),
    )
)

with MockGPT(scenario, "documentation", seed=1, errors="azure", observer=count) as mock:
    url: str = mock.url
    statuses: list[int] = [e.sent.status for e in mock.journal if e.sent is not None]
    mock.check(allow=["refused_request"])

    weather = mock.on(user=contains("weather"), endpoint=["chat"]).reply("Sunny", finish="stop")
    calls: tuple[Exchange, ...] = weather.then("Rainy", "Dry", after_last="cycle").calls
    mock.on(id="busy", not_=When(stream=True)).error("overloaded", retry_after=0)
    mock.on().reply(Reply(say="a"), pace={"first": "1s"}).fault("disconnect", after={"bytes": 3})
    mock.on(model="gpt-*").attempts({"error": {"preset": "overloaded", "retry_after": 0}}, "ok")
    mock.script(
        expect(user=matches("plan")).reply("First"),
        any_order(expect(text=glob("a*")).error("overloaded"), expect().attempts("a", "b")),
        expect(user=equals("bye", ignore_case=True))
        .reply("Bye")
        .fault("stall", for_="1s")
        .optional(),
    )
    mock.load("overloaded", scenario)
    print(mock.to_yaml(), [finding.code for finding in mock.findings])
    clock: Clock = mock.clock
    clock.advance(60)
    clock.advance("2m")

    rule: LiveRule = mock.on(user={"contains": "a"}, not_={"stream": True}, any_=[{"user": "a"}])
    rule.reply(["one", "two"]).then(["three", Reply(say="four")]).attempts(["five", "six"])
    mock.on(all_=[When(turn=1), {"headers": {"x": "y"}}], headers={"x": {"glob": "y*"}})
    mock.on().error(status=429)
    step: Expectation = expect(system={"equals": "a"}).error(status=500)
    any_two: AnyOrder = any_order(step, expect().reply("b"))
    mock.script(any_two)


with MockGPT(allow=["late_request"], deny={"gave_up"}) as strict:
    strict.session("two", allow=(), deny=["no_backoff"]).record("test", "passed")


def in_a_session(session: MockSession) -> str:
    session.on(user="a").reply("b")
    session.check()
    record: Record = session.record("one", outcome="passed")
    text: str = transcript(record, most=10)
    written: bytes = har(record.exchanges) + b"".join(json_lines(session.journal))
    print(text, written, [path.name for path in write_reports([record, mock.record()], "out")])
    return session.url + session.base_url + session.api_key + session.name


with mock.session("one", "documentation", seed=3, on_miss="filler") as one:
    in_a_session(one)


def seen(session: MockSession) -> tuple[Journal, list[Call], list[Finding]]:
    return session.journal, [*session.calls, session.last], [*session.findings]


async def use() -> None:
    async with MockGPT(strict=True, api_keys={"k"}, clock="real") as other:
        print(other.base_url)


app = create_app("documentation", seed=1)
app.router.freeze()

MockGPT(errors="french")  # type: ignore[arg-type]
MockGPT(spede=3)  # type: ignore[call-arg]
mock.session("one", clock="real")  # type: ignore[call-arg]
mock.on(usr="a")  # type: ignore[call-arg]
mock.on(user=3)  # type: ignore[arg-type]
mock.on().reply("a", after_last="never")  # type: ignore[arg-type]
mock.on().reply(fnish="stop")  # type: ignore[call-arg]
mock.on().error("overloaded", stauts=1)  # type: ignore[call-arg]
mock.on().error(429)  # type: ignore[arg-type]
mock.on().reply(b"x")  # type: ignore[arg-type]
mock.on().fault("disconect")  # type: ignore[arg-type]
mock.script("a")  # type: ignore[arg-type]
_ = mockgpt.nothing  # type: ignore[attr-defined]
