"""What users write, checked by mypy and run by nobody."""

import mockgpt
from mockgpt import Exchange, MockGPT, Reply, Rule, Scenario, TextMatch, When, create_app


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


async def use() -> None:
    async with MockGPT(strict=True, api_keys={"k"}, clock="real") as other:
        print(other.base_url)


app = create_app("documentation", seed=1)
app.router.freeze()

MockGPT(errors="french")  # type: ignore[arg-type]
MockGPT(spede=3)  # type: ignore[call-arg]
_ = mockgpt.nothing  # type: ignore[attr-defined]
