"""What a prompt may cost: no text that a client sends keeps others from being answered."""

from concurrent.futures import ThreadPoolExecutor

from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.scenario import Rule, Scenario


def said(client, text):
    body = {"model": "gpt-4-32k", "messages": [{"role": "user", "content": text}]}
    with client.connect() as wire:
        return wire.ask(client.request(body=body)).json["choices"][0]["message"]["content"]


def test_others_are_answered_while_a_prompt_explodes_a_pattern(serve):
    """By `re`, one of these prompts would take longer than the universe has been there."""
    explosive = When(user=TextMatch(matches="(a+)+$"))
    client = serve(Scenario(rules=(Rule(when=explosive, reply="x"), Rule(reply="y"))))
    with ThreadPoolExecutor() as pool:
        hostile = [pool.submit(said, client, "a" * 50_000 + "!") for _ in range(2)]
        assert [said(client, "aaa"), said(client, "b")] == ["x", "y"]
        assert [one.result() for one in hostile] == ["y", "y"]


def test_a_prompt_is_no_template(serve, script):
    client = serve(script(template="{{ user }}|{{ request.messages[0].content }}"))
    text = "{{ 7 * 7 }}{% for i in range(9) %}a{% endfor %}{# b #}"
    assert said(client, text) == f"{text}|{text}"
