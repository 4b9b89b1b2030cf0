"""Small pure things: draws, ids, prose, keys, the journal, paths."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from faker.providers.lorem.en_US import Provider
from msgspec.structs import replace

from mockgpt.core import keys
from mockgpt.core.draws import answer_id, between, draw, drawing, part, uuid4
from mockgpt.core.endpoints import find, refusal
from mockgpt.core.errors import ApiError, render
from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.journal import Journal
from mockgpt.core.prose import knows_locale, locale_of, prose
from mockgpt.core.verdict import Finding, amiss
from mockgpt.files.services import load_service

DOCUMENTED = (Path(__file__).parents[2] / "scenarios/documentation.yaml").read_text("utf-8")


def test_draws_depend_on_the_seed_and_on_every_part():
    drawn = {
        draw(0), draw(1), draw(0, "a"), draw(0, "a", "b"), draw(0, "ab"), draw(0, "a", 1),
        draw(0, b""), draw(0, "", ""),
    }  # fmt: skip
    assert len(drawn) == 8
    assert draw(0, "a", 1) == draw(0, b"a", "1")
    assert len(draw(0, size=64)) == 64


def test_draws_are_for_ever():
    assert draw(7, "purpose").hex() == (
        "94eea40da74f294dfa0ba4681622863c3846f25b59508ac49f41e7a314fb0cdc"
    )


def test_what_is_drawn_for_further_parts_is_what_a_draw_for_all_of_them_is():
    drawn = drawing(7, part("a") + part(b"bc"))
    for further in [("d",), (b"", 12), ("d",)]:
        assert drawn(b"".join(map(part, further))) == draw(7, "a", b"bc", *further)


def test_ids_are_for_ever():
    assert answer_id("chatcmpl-", 1686986070, draw(7)) == "chatcmpl-7SKQgLWT8kEGq9wPUUdfNUjwF3UGB"
    assert uuid4(draw(7)) == "0a420b07-2ce7-4f6a-a833-576ffa74ea21"


def test_ids_have_the_form_of_the_service_s():
    ids = {answer_id("chatcmpl-", 0, draw(0, n)) for n in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"chatcmpl-[A-Za-z0-9]{29}", one) for one in ids)
    assert len(Counter("".join(one[14:] for one in ids))) == 62


def test_ids_begin_as_those_of_the_documentation_do_in_their_seconds():
    documented = re.findall(r"id: ((?:chat)?cmpl-)(\w{5})\w{24}\n *created: (\d+)", DOCUMENTED)
    assert len(documented) == 3
    for prefix, second, created in documented:
        assert answer_id(prefix, int(created), draw(0)).startswith(prefix + second)


def test_ids_rise_with_time():
    seconds = [0, 1_576_800_000, *range(1_577_000_000, 2_400_000_000, 17_000_000)]
    ids = [answer_id("", created, draw(7)) for created in seconds]
    assert ids == sorted(ids)
    assert ids[0] == ids[1] < ids[2]
    assert {len(one) for one in ids} == {29}
    assert len(answer_id("", 10**12, draw(7))) == 29  # a scenario may say any second


def test_request_ids_are_uuids_of_version_4():
    form = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(form, uuid4(draw(0, n))) for n in range(100))


def test_between_reaches_both_ends():
    assert {between(draw(0, n), 2, 4) for n in range(50)} == {2, 3, 4}


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("", "en_US"),
        ("Hello!", "en_US"),
        ("Où est la bibliothèque ?", "en_US"),
        ("你好", "zh_CN"),
        ("请调用 /v1/chat/completions 接口。", "zh_CN"),
        ("The word 龙 means dragon in Chinese.", "en_US"),
        ("東京は日本の首都です。", "ja_JP"),
        ("東京の天気", "ja_JP"),
        ("今日の東京の天気予報", "ja_JP"),
        ("ｺﾝﾆﾁﾊ", "ja_JP"),
        ("日本国憲法第九条全文の解説", "zh_CN"),  # one kana among twelve
        ("威廉・莎士比亚是谁？", "zh_CN"),
        ("「の」是什么意思？", "zh_CN"),
        ("「こんにちは」这个词在日语里怎么用？请举三个例子。", "zh_CN"),
        ("「ありがとう」是什么意思？", "zh_CN"),
        ("私は学生です", "ja_JP"),
        ("人々の暮らし", "ja_JP"),
        ("ラーメン、寿司、カレー", "ja_JP"),
        ("Please translate ありがとう into English for me now.", "en_US"),
        ("𠮷", "zh_CN"),
        ("𠮷の家", "ja_JP"),
        ("Привет, мир!", "ru_RU"),
        ("Γειά σου Κόσμε!", "el_GR"),
        ("مرحبا بالعالم", "ar_AA"),
        ("שלום עולם", "he_IL"),
        ("สวัสดีชาวโลก", "th_TH"),
        ("Բարև, աշխարհ։", "hy_AM"),
        ("ওহে বিশ্ব!", "bn_BD"),
    ],
)
def test_an_answer_is_in_the_script_of_its_prompt(text, locale):
    assert locale_of(text) == locale
    assert locale_of(prose(locale, 0, text)) == locale


def test_prose_is_sentences():
    text = prose("en_US", 0, "a")
    assert re.fullmatch(r"([A-Z][^.]+\.( |$)){2,3}", text)
    assert re.fullmatch(r"([^。]+。){2,3}", prose("zh_CN", 0, "a"))
    assert prose("th_TH", 0, "a").strip() == prose("th_TH", 0, "a")
    assert len({prose("en_US", seed, "a") for seed in range(50)}) == 50


def test_each_sentence_is_a_draw_of_its_own():
    purpose = ("filler", b"gpt-4", 5, "ü" * 1000)
    count = between(draw(7, *purpose, "shape"), 2, 3)
    words = Provider.word_list
    sentences = []
    for n in range(count):
        drawn = draw(7, *purpose, n, size=64)
        length = between(drawn[:8], 6, 12)
        picks = [int.from_bytes(drawn[8 + 4 * i : 12 + 4 * i]) for i in range(length)]
        text = " ".join(words[pick % len(words)] for pick in picks)
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    assert prose("en_US", 7, *purpose) == " ".join(sentences)


@pytest.mark.parametrize(
    ("locale", "known"),
    [("zh_CN", True), ("la", True), ("xx_XX", False), ("../os", False), ("", False)],
)
def test_locales_are_faker_s(locale, known):
    assert knows_locale(locale) is known


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, ()),
        ({"authorization": ""}, ()),
        ({"authorization": "Bearer"}, ()),
        ({"authorization": "Basic eDp5"}, ()),
        ({"authorization": "bearer  k "}, ("k",)),
        ({"api-key": "a", "authorization": "Bearer b"}, ("a", "b")),
        ({"api-key": " ", "authorization": "Bearer b"}, ("b",)),
    ],
)
def test_keys_are_found_where_clients_put_them(headers, found):
    assert keys.presented(headers) == found


@pytest.mark.parametrize(
    ("presented", "accepted", "error"),
    [
        ((), (), "missing_api_key"),
        ((), ("k",), "missing_api_key"),
        (("any",), (), None),
        (("wrong",), ("k",), "invalid_api_key"),
        (("wrong", "k"), ("k",), None),
        (("k", "wrong"), ("k", "l"), None),
    ],
)
def test_one_valid_key_is_enough(presented, accepted, error):
    refused = keys.refusal(presented, frozenset(accepted))
    assert (refused.name if refused else None) == error


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ({"api-key": "wrong"}, []),
        ({"authorization": "Bearer wrong"}, ["invalid_token"]),
        ({"api-key": "wrong", "authorization": "Bearer other"}, ["invalid_token"]),
        ({"api-key": "wrong", "authorization": "Basic other"}, []),
    ],
)
def test_azure_takes_a_bearer_that_decides_for_a_token(headers, names):
    caller = keys.caller(headers)
    refused = keys.refusal(caller.keys, frozenset(["right"]), caller.bearer)
    assert refused.name == "invalid_api_key"
    assert [error.name for error in refused.instead.values()] == names


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-0123456789abcdef", "sk-0***********cdef"),
        ("short", "********"),
        ("fifteen-letters", "********"),
        ("ключ-ключ-ключ-ключ", "********"),
        ("with\tcontrol-characters", "********"),
    ],
)
def test_a_key_is_never_shown_whole(key, shown):
    assert keys.masked(key) == shown


def test_fingerprints_tell_keys_apart():
    prints = {keys.fingerprint(key) for key in ("a", "b", "\udcff", "c" * 10_000)}
    assert len(prints) == 4
    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in prints)


def exchange(size=0, **more):
    return Exchange(at=0, method="POST", path="/p", body=b"x" * size, **more)


def test_a_journal_forgets_the_oldest_entries():
    journal = Journal(entries=3)
    for number in range(5):
        journal.append(exchange(rule=str(number)))
    assert [e.rule for e in journal] == ["2", "3", "4"]
    assert (len(journal), journal.dropped) == (3, 2)
    assert [e.rule for e in journal[-2:]] == ["3", "4"]
    assert repr(journal) == "<Journal of 3 exchanges, 2 dropped>"


def test_a_journal_is_bounded_in_bytes_and_drops_old_bodies_first():
    journal = Journal(size=10_000)
    for size in (3000, 1000, 1000):
        journal.append(exchange(size, sent=Sent(status=200, kept=(b"y" * 100,), bytes=100)))
    assert [(len(e.body), e.bodies) for e in journal] == [(0, False), (1000, True), (1000, True)]
    assert [(e.sent.body, e.sent.bytes) for e in journal][:2] == [(b"", 100), (b"y" * 100, 100)]
    assert journal.dropped == 0
    journal.append(exchange(100_000))
    assert [len(e.body) for e in journal] == [100_000]
    assert journal.dropped == 3
    journal.append(exchange(1))
    assert [len(e.body) for e in journal] == [0, 1]


def test_a_journal_is_whole_while_it_drops_bodies(monkeypatch):
    """Tests read it while the server goes on."""
    journal = Journal(entries=5, size=10_000)
    seen = []

    def bare(exchange):
        seen.append([one.number for one in journal])
        return replace(exchange, body=b"", bodies=False)

    monkeypatch.setattr("mockgpt.core.journal._without_bodies", bare)
    for number in range(1, 9):
        journal.append(exchange(1_000, number=number))
    assert len(seen) > 3
    assert all(numbers == [*range(numbers[0], numbers[-1] + 1)] for numbers in seen)
    assert ([one.number for one in journal], journal.dropped) == ([4, 5, 6, 7, 8], 3)


def test_findings_are_what_no_rule_wanted():
    sent = Sent(status=400, chunks=1, bytes=2, seconds=0.1)
    journal = [
        exchange(),
        exchange(error="overloaded", rule="r"),
        exchange(error="too_short", message="[] is too short.", sent=sent),
        exchange(error="too_short", message="Gone."),
        exchange(error="mockgpt_bug", bug=ValueError("x")),
    ]
    found = [finding for finding in map(amiss, journal) if finding]
    assert [f.code for f in found] == ["refused_request", "refused_request", "mockgpt_bug"]
    assert "was refused with 400, as" in found[0].message
    assert "was refused, as" in found[1].message
    assert found[2].exchanges == (journal[-1],)


PATHS = [
    ("/v1/chat/completions", "chat", None, None),
    ("//v1/chat/completions", "chat", None, None),
    ("/v1/completions", "completions", None, None),
    ("/v1/embeddings", "embeddings", None, None),
    ("/openai/deployments/gpt-4/chat/completions", "chat", "gpt-4", None),
    ("//openai/deployments/gpt-4/chat/completions", "chat", "gpt-4", None),
    ("/v1/openai/deployments/my%2Fname/completions", "completions", "my/name", None),
    ("/v1/deployments/gpt-4/chat/completions", "chat", "gpt-4", None),
    ("/v1/engines/text-embedding-ada-002/embeddings", "embeddings", "text-embedding-ada-002", None),
    ("/v1/models", "models", None, None),
    ("/v1/models/gpt-3.5-turbo", "models", None, "gpt-3.5-turbo"),
    ("/v1/images/generations", "images", None, None),
    ("/openai/deployments/d/audio/speech", "audio", "d", None),
    ("/v1/files", "files", None, None),
    ("/v1/files/a/content", "files", None, None),
    ("/v1/fine_tuning/jobs", "fine_tunes", None, None),
    ("/v1/fine-tunes", "fine_tunes", None, None),
    ("/v1/moderations", "moderations", None, None),
    ("/v1/edits", "edits", None, None),
]


@pytest.mark.parametrize(("path", "endpoint", "model", "item"), PATHS)
def test_paths_lead_to_endpoints(path, endpoint, model, item):
    route = find(path, load_service("pgpt"))
    assert (route.endpoint.name, route.model, route.item) == (endpoint, model, item)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/v1", "/v1/", "/chat/completions", "/v1/chat", "/v1/chat/completions/",
        "/v1chat/completions", "/v1/engines//chat/completions", "/v1/engines/gpt-4",
        "/v1/responses", "/v2/chat/completions", "/openai/chat/completions", "/v1/models/",
        "/v1/edits/x", "/v1/%63hat/completions",
    ],
)  # fmt: skip
def test_other_paths_lead_nowhere(path):
    assert find(path, load_service("pgpt")) is None


@pytest.mark.parametrize(
    ("path", "query", "location"),
    [
        ("/v1/chat/completions/", "", "../completions"),
        ("/v1/chat/completions/", "a=1&b=%20ä", "../completions?a=1&b=%20%C3%A4"),
        ("/v1/chat/completions//", "", None),
        ("/v1/models/", "", "../models"),
        ("/v1/models/gpt-4/", "", "../gpt-4"),
        ("/v1/nope/", "", None),
        ("/v1/edits/", "", None),
        ("/v1/", "", None),
        ("/", "", None),
    ],
)
def test_fastapi_leads_to_the_path_without_a_slash_at_its_end(path, query, location):
    service = load_service("pgpt")
    error = refusal("POST", path, find(path, service), service, query)
    told = render((error,), service, "fastapi")
    assert (told.status, dict(told.headers).get("location")) == (
        404 if location is None else 307,
        location,
    )
    if location is not None:
        assert (told.headers, told.body) == ((("location", location),), b"")
        there = urlsplit(urljoin(f"http://mock/s/name{path}", location)).path
        assert there == f"/s/name{path.removesuffix('/')}"
    for dialect in ("openai", "azure"):
        assert render((error,), service, dialect).status == 404


def test_an_error_is_a_value():
    assert ApiError("overloaded") == ApiError("overloaded", {}, ())


def test_exchanges_and_findings_are_a_line_each():
    asked = Exchange(at=0.0, number=3, endpoint="chat", rule="hi", sent=Sent(status=503))
    assert repr(asked) == "<Exchange #3 chat -> hi: 503, complete>"
    assert repr(Exchange(at=0.0, method="GET", path="/x", error="unknown_url")) == (
        "<Exchange #0 GET /x -> unknown_url: nothing>"
    )
    finding = Finding("gave_up", "nobody asked again", (asked,), "warning")
    assert repr((finding,)) == "(<warning #3 gave_up: nobody asked again>,)"
