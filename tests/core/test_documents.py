"""Scenario and service files: what is wrong is told with file, line, column and place."""

from itertools import pairwise

import openai
import pytest
import yaml
from msgspec import UNSET
from msgspec.structs import replace

from mockgpt import MockGPT
from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.decode import decode
from mockgpt.core.errors import ApiError, render
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario
from mockgpt.core.tokens import split
from mockgpt.files import documents
from mockgpt.files.documents import ScenarioError, convert, read
from mockgpt.files.scenarios import load_scenarios, load_sent, shipped
from mockgpt.files.services import load_service

BROKEN = {
    "": "s.yaml:1:1: expected a mapping, found an empty file",
    "- a\n": "s.yaml:1:1: expected a mapping, found a list",
    "rules: []\n": "s.yaml:1:1: expected `mockgpt: 1`, the version of the language, found none",
    "mockgpt: 2\n": "s.yaml:1:10: mockgpt: expected 1, found 2",
    "mockgpt: 1\nname: [a]\n": "s.yaml:2:7: name: expected a string, found a list",
    "mockgpt: 1\nrulez: []\n": (
        "s.yaml:2:1: rulez: expected a known key, found 'rulez'; did you mean 'rules'?"
    ),
    "mockgpt: 1\nqqq: []\n": (
        "s.yaml:2:1: qqq: expected a known key, found 'qqq'; "
        "known are about, allow, defaults, deny, limits, mockgpt, name, retry_window, rules, script, "
        "seed, service"
    ),
    "mockgpt: 1\nname: a\nname: b\n": (
        "s.yaml:3:1: name: expected each key once, found 'name' again (first in line 2)"
    ),
    "mockgpt: 1\n1: b\n": "s.yaml:2:1: expected a string as a key, found 1",
    "mockgpt: 1\n? [a]\n: b\n": (
        "s.yaml:2:3: expected a string as a key, found brackets; text that has them needs quotes"
    ),
    "mockgpt: 1\nname: !!binary aGk=\n": (
        "s.yaml:2:7: name: expected plain data, found the tag 'tag:yaml.org,2002:binary'"
    ),
    "mockgpt: 1\nname: !!python/object:os.system x\n": (
        "s.yaml:2:7: name: expected plain data, "
        "found the tag 'tag:yaml.org,2002:python/object:os.system'"
    ),
    "mockgpt: 1\nname: 'a\n": (
        "s.yaml:3:1: expected YAML, found unexpected end of stream; what begins in line 2 has no end"
    ),
    "mockgpt: 1\nname: a: b\n": (
        "s.yaml:2:8: expected YAML, found an error: mapping values are not allowed in this context; "
        "text with ': ' in it needs quotes"
    ),
    "mockgpt: 1\nseed: a\n": "s.yaml:2:7: seed: expected an integer, found 'a'",
    "mockgpt: 1\nseed: true\n": "s.yaml:2:7: seed: expected an integer, found true",
    "mockgpt: 1\nrules:\n- when: {}\n": (
        "s.yaml:3:3: rules[0]: expected the key 'reply', found none"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a}\n  when:\n    user: null\n": (
        "s.yaml:5:11: rules[0].when.user: expected a string or a mapping, found null"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a}\n  when:\n    usr: x\n": (
        "s.yaml:5:5: rules[0].when.usr: expected a known key, found 'usr'; did you mean 'user'?"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a}\n  when: {user: {contain: x}}\n": (
        "s.yaml:4:17: rules[0].when.user.contain: expected a known key, found 'contain'; "
        "did you mean 'contains'?"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a}\n  when: {endpoint: chats}\n": (
        "s.yaml:4:20: rules[0].when.endpoint: expected one of chat, completions, embeddings, "
        "found 'chats'; did you mean 'chat'?"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a}\n  when: {user: {matches: '('}}\n": (
        "s.yaml:4:26: rules[0].when.user.matches: expected a regular expression, "
        "found '(' (missing ), unterminated subpattern at position 0)"
    ),
    "mockgpt: 1\nrules:\n- reply: {}\n": (
        "s.yaml:3:10: rules[0].reply: expected exactly one of `say`, `template`, `file`, `filler`, "
        "`pieces`, `choices`, `vectors`, `similar`, `error`, `raw`, `attempts`, "
        "found none of them"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, error: overloaded}\n": (
        "s.yaml:3:10: rules[0].reply: expected exactly one of `say`, `template`, `file`, `filler`, "
        "`pieces`, `choices`, `vectors`, `similar`, `error`, `raw`, `attempts`, "
        "found `say` and `error`"
    ),
    "mockgpt: 1\nrules:\n- reply: {error: overload}\n": (
        "s.yaml:3:18: rules[0].reply.error: expected an error preset, found 'overload'; "
        "did you mean 'overloaded'?"
    ),
    'mockgpt: 1\nrules:\n- reply: {say: "\\ud800"}\n': (
        "s.yaml:3:19: expected YAML, found invalid Unicode character escape code"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, finish: end}\n": (
        "s.yaml:3:27: rules[0].reply.finish: expected one of content_filter, length, stop, found 'end'"
    ),
    "mockgpt: 1\nrules:\n- reply: {filler: {tokens: 0}}\n": (
        "s.yaml:3:28: rules[0].reply.filler.tokens: expected an integer of at least 1, found 0"
    ),
    "mockgpt: 1\nrules:\n- reply: {filler: {locale: xx_XX}}\n": (
        "s.yaml:3:28: rules[0].reply.filler.locale: expected a locale of Faker's, found 'xx_XX'"
    ),
    "mockgpt: 1\nrules:\n- {id: a, reply: x}\n- {id: a, reply: y}\n": (
        "s.yaml:4:8: rules[1].id: expected an id of its own, found 'a', which is the id of rules[0]"
    ),
    "mockgpt: 1\nrules: &a\n- *a\n": "s.yaml:2:8: expected less than 50 levels, found more",
    # So deep that libyaml's composer would end the process.
    "mockgpt: 1\nrules: " + "[" * 100_000: "s.yaml:2:58: expected less than 50 levels, found more",
    "mockgpt: 1\nseed: !!int abc\n": "s.yaml:2:7: seed: expected an integer, found 'abc'",
    "mockgpt: 1\nrules:\n- reply: {error: unknown_url}\n": (
        "s.yaml:3:18: rules[0].reply.error: expected an error preset, found 'unknown_url'"
    ),
    "mockgpt: 1\nrules:\n- reply: {vectors: {first: [3.0]}}\n": (
        "s.yaml:3:20: rules[0].reply.vectors: "
        "expected numbers of a vector of unit length, found ones of length 3"
    ),
    "mockgpt: 1\nrules:\n- reply: {vectors: {last: [.nan]}}\n": (
        "s.yaml:3:20: rules[0].reply.vectors: "
        "expected numbers of a vector of unit length, found ones of length nan"
    ),
    "mockgpt: 1\nrules:\n- reply: []\n": (
        "s.yaml:3:10: rules[0].reply: expected a reply for each call, found an empty list"
    ),
    "mockgpt: 1\nrules:\n- reply: {attempts: []}\n": (
        "s.yaml:3:21: rules[0].reply.attempts: expected a reply for each attempt, found an empty list"
    ),
    "mockgpt: 1\nrules:\n- reply: {attempts: [a], finish: stop}\n": (
        "s.yaml:3:34: rules[0].reply.finish: "
        "expected `finish` in each attempt, found it beside `attempts`"
    ),
    "mockgpt: 1\nrules:\n- reply: {attempts: [{attempts: [a]}]}\n": (
        "s.yaml:3:22: rules[0].reply.attempts[0]: expected a reply, found attempts within attempts"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, pace: {each: 1s, tokens_per_second: 3}}\n": (
        "s.yaml:3:32: rules[0].reply.pace.each: expected `each` or `tokens_per_second`, found both"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, faults: [{kind: torture}, {kind: drop}]}\n": (
        "s.yaml:3:45: rules[0].reply.faults[1]: "
        "expected `drop` before `torture`, which cuts events, found it behind"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, faults: [{kind: slice}]}\n": (
        "s.yaml:3:28: rules[0].reply.faults[0]: "
        "expected exactly one of `bytes`, `at`, `inside`, found none of them"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, faults: [{kind: stall, after: {}}]}\n": (
        "s.yaml:3:49: rules[0].reply.faults[0].after: "
        "expected either `bytes` or `tokens`, found both or neither"
    ),
    "mockgpt: 1\nrules:\n- reply: {say: a, faults: [{kind: error_event, error: x}]}\n": (
        "s.yaml:3:55: rules[0].reply.faults[0].error: expected an error preset, found 'x'"
    ),
    "mockgpt: 1\nservice: other\n": (
        "s.yaml:2:10: service: expected the service that is served, 'pgpt', found 'other'"
    ),
}


@pytest.fixture
def service():
    return load_service("pgpt")


@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_a_broken_scenario_names_the_place(text, message, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(text, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(["s.yaml"], service)
    assert str(caught.value) == message


@pytest.mark.parametrize("loader", [yaml.SafeLoader, documents.Loader])
@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a: 'b\nc: d\n", "; what begins in line 1 has no end"),
        ('a:\n- "b\n---\nc\n', "; what begins in line 2 has no end"),
        ("a: {b: c\n\n\n# d\n", "; what begins in line 1 has no end"),
        ("a: é\nb: [c", "; what begins in line 2 has no end"),
        ("a:\n- [{b: c}\n", "; what begins in line 2 has no end"),
        ("a: {b: [c\n", "; what begins in line 1 has no end"),
        ("a: {b: c\nd: e\n", "; what begins in line 1 is still open there"),
        ("a: [{b: c}\n  {d: e}]\n", "; what begins in line 1 is still open there"),
        # What has an end, or begins in the same line.
        ("a: {b: 'c' 'd'}\n", ""),
        ("a: {b: c]\n", ""),
        ("a: 'it's'\nb: c\n", ""),
        ('a: "b\nc: "d"\n', ""),
        ('a: "\\q"\n', ""),
        ("a:\n  - b\n c: d\n", ""),
    ],
)
def test_what_has_no_end_is_told_where_it_begins(text, end, loader, monkeypatch):
    monkeypatch.setattr(documents, "Loader", loader)
    with pytest.raises(ScenarioError) as caught:
        read(text, "s.yaml")
    told = str(caught.value)
    assert told.endswith(end)
    assert ("what begins" in told) is bool(end)


def test_a_scenario_file_becomes_its_value(service, tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(
        "mockgpt: 1\nname: two\nseed: 7\nrules:\n"
        "- when: {user: {contains: a, ignore_case: true}, endpoint: [chat, completions]}\n"
        "  reply: 2023-06-17\n"
        "- {id: b, reply: {say: x, usage: {prompt_tokens: 1}}}\n",
        "utf-8",
    )
    loaded = load_scenarios([path], service)
    scenario = loaded.scenario
    assert loaded.places == {"rule-1": f"{path}:5", "b": f"{path}:7"}
    assert scenario.name == "two"
    assert scenario.seed == 7
    first, second = scenario.rules
    assert first == Rule(
        id="rule-1",
        when=When(user=TextMatch(contains="a", ignore_case=True), endpoint=("chat", "completions")),
        reply="2023-06-17",
    )
    assert second.id == "b"
    assert first.replies == (Reply(say="2023-06-17"),)


def test_several_scenarios_become_one_in_order(service):
    one = Scenario(name="one", seed=3, rules=(Rule(reply="a"),))
    two = Scenario(name="two", rules=(Rule(reply="b"),))
    both = load_scenarios([one, two], service).scenario
    assert both.name == "one + two"
    assert both.seed == 3
    assert [(rule.id, rule.reply) for rule in both.rules] == [("rule-1", "a"), ("rule-2", "b")]


def test_a_scenario_value_is_checked_like_a_file(service):
    scenario = Scenario(name="mine", rules=(Rule(reply=Reply(say="\ud800")),))
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([scenario], service)
    assert str(caught.value) == (
        "scenario 'mine': rules[0].reply.say: expected text, found half of a surrogate pair"
    )


def test_scenarios_that_disagree_on_the_seed_are_refused(service):
    both = [Scenario(name="one", seed=3), Scenario(name="two", seed=4)]
    with pytest.raises(ScenarioError, match=r"one says 3 and two says 4\); give --seed"):
        load_scenarios(both, service)
    assert load_scenarios(both, service, seed=5).scenario.seed == 5


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("seed", ("1", "2"), ("1", "2); give --seed")),
        (
            "limits",
            ("{requests_per_minute: 1}", "{requests_per_minute: 9}"),
            ('{"requests_per_minute":1}', '{"requests_per_minute":9})'),
        ),
        (
            "defaults",
            ("{pace: {first: 1s}}", "{pace: {first: 2s}}"),
            ('{"pace":{"first":"1s"}}', '{"pace":{"first":"2s"}})'),
        ),
        ("retry_window", ("30s", "2m"), ('"30s"', '"2m")')),
        ("seed", ("0", "5"), ("0", "5); give --seed")),  # also what would be the default
        ("retry_window", ("60", "5"), ("60.0", "5.0)")),
    ],
)
def test_scenarios_of_one_name_must_agree_too(key, values, told, service, tmp_path):
    paths = [tmp_path / folder / "weather.yaml" for folder in "ab"]
    for path, value in zip(paths, values, strict=True):
        path.parent.mkdir()
        path.write_text(f"mockgpt: 1\n{key}: {value}\n", "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(paths, service)
    assert str(caught.value) == (
        f"expected one {key} for all scenarios, found several "
        f"({paths[0]} says {told[0]} and {paths[1]} says {told[1]}"
    )
    assert load_scenarios([paths[0], paths[0]], service).scenario.rules == ()


def test_durations_that_are_as_long_agree(service):
    both = [Scenario(retry_window="1m"), Scenario(), Scenario(retry_window=60)]
    assert load_scenarios(both, service).scenario.window == 60


def test_scenarios_must_not_have_an_id_twice(service, tmp_path):
    def refused(*sources):
        with pytest.raises(ScenarioError) as caught:
            load_scenarios(sources, service)
        return str(caught.value)

    path = tmp_path / "x.yaml"
    path.write_text("mockgpt: 1\nrules: [{id: rule-2, reply: a}]\n", "utf-8")
    unnamed = Scenario(rules=(Rule(reply="a"), Rule(reply="b")))
    for sources in ((unnamed, path), (path, Scenario(rules=(Rule(reply="a"),)))):
        assert refused(*sources) == (
            f"{path}:2: expected an id of its own, found 'rule-2', which is the default id of an "
            "entry of another scenario"
        )
    assert refused(path, path) == (
        f"{path}:2: expected an id that no other scenario has, found 'rule-2'"
    )


def test_scenarios_without_a_name_must_agree_too(service):
    with pytest.raises(ScenarioError, match="scenario 'in Python' says 3 and scenario 'in Python'"):
        load_scenarios([Scenario(seed=3), Scenario(seed=4)], service)


def test_no_scenario_is_an_empty_one(service):
    assert load_scenarios([], service).scenario == Scenario(seed=0)


def test_shipped_scenarios_are_found_by_name(service):
    assert "documentation" in shipped()
    assert load_scenarios(["documentation"], service).scenario.name == "documentation"


def test_an_unknown_name_lists_the_shipped_scenarios(service):
    with pytest.raises(ScenarioError, match=r"expected a shipped scenario \(.*documentation"):
        load_scenarios(["nothing"], service)


@pytest.mark.parametrize("name", ["", "a" * 5000, "a\0"])
def test_a_name_that_no_file_can_have_is_an_unknown_one(name, service):
    with pytest.raises(ScenarioError, match=r"expected a shipped scenario \(.*documentation"):
        load_scenarios([name], service)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("overloadd", "overloaded"),
        ("shop", "shop.yaml"),
        ("till", "till.yml"),
        ("plain", "./plain"),
        ("tours", "tours.yaml"),  # what is there is nearer than what is shipped
    ],
)
def test_an_unknown_name_may_mean_a_near_one_or_a_file(name, meant, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("shop.yaml", "shop.yml", "till.yml", "plain", "tours.yaml"):
        (tmp_path / file).touch()
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([name], service)
    assert str(caught.value) == (
        "expected a shipped scenario or a path to a .yaml file, "
        f"found '{name}'; did you mean '{meant}'?"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("scenaro.yaml", "scenario.yaml"),
        ("tests/scenarios.yaml", "tests/scenario.yaml"),
        ("scenaro.yml", None),
        ("a.yaml", None),  # nothing is near what is short
        ("none/scenario.yaml", None),
        ("[.y**", None),
    ],
)
def test_a_file_that_is_not_there_may_be_one_beside_it(name, meant, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in (
        "scenario.yaml",
        "b.yaml",
        "tests/scenario.yaml",
        "scenarox.yaml/in-a-folder.yaml",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([name], service)
    why = f"{name}: expected a scenario file, found none (No such file or directory)"
    assert str(caught.value) == why + (f"; did you mean '{meant}'?" if meant else "")


def test_aliases_of_aliases_have_an_end(service, tmp_path):
    ten = ", ".join(["*{0}"] * 10)
    lines = [f"{name}: &{name} [{ten.format(below)}]" for below, name in pairwise("abcdefgh")]
    path = tmp_path / "laughs.yaml"
    path.write_text("mockgpt: 1\na: &a [x]\n" + "\n".join(lines) + "\n", "utf-8")
    with pytest.raises(ScenarioError, match="expected less than 300,000 values, found more"):
        load_scenarios([path], service)


def test_an_endless_file_has_an_end(service):
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(["/dev/zero"], service)
    assert str(caught.value) == (
        "/dev/zero: expected a scenario file of up to 16,777,216 bytes, found more; make several of it"
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("1:" * 500_000 + "1", "an integer"),  # YAML 1.1's base of 60, which took minutes
        ("1:" * 500_000 + "1.5", "a number"),
        ("1:" * 4000 + "1.5", "a number"),  # overflows
        ("9" * 1_000_000, "an integer"),
        ("0x" + "f" * 1_000_000, "an integer"),
    ],
    ids=lambda value: value[:8],
)
def test_a_huge_number_is_refused(number, kind):
    with pytest.raises(ScenarioError) as caught:
        convert(read(f"seed: {number}\n", "s.yaml"), Scenario)
    assert str(caught.value) == f"s.yaml:1:7: seed: expected {kind}, found '{number[:60]}'"


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("a: 1\n" * 1000, "900"),
        ("".join(f"k{i}: 1\n" for i in range(1000)), "900"),
        ("a: 1\na: 2\n" + "".join(f"k{i}: 1\n" for i in range(1099)), "1,001"),
        ("rules:\n" + "- replay: x\n" * 101, "1"),
        ("rules:\n" + "- {}\n" * 300, "200"),
        ("allow: [" + "x, " * 250 + "]\n", "150"),
    ],
)
def test_of_many_mistakes_a_hundred_are_told_and_the_rest_counted(text, more):
    with pytest.raises(ScenarioError) as caught:
        convert(read(text, "s.yaml"), Scenario)
    *told, last = caught.value.errors
    assert len(told) == 100
    assert [one.more for one in told] == [UNSET] * 100
    assert str(last) == f"s.yaml: … and {more} more"
    assert last.more == int(more.replace(",", ""))


def test_a_hundred_mistakes_are_all_told():
    with pytest.raises(ScenarioError) as caught:
        convert(read("".join(f"k{i}: 1\n" for i in range(100)), "s.yaml"), Scenario)
    assert [one.more for one in caught.value.errors] == [UNSET] * 100


def test_mistakes_that_only_the_loader_sees_are_counted_too(service):
    rules = [{"reply": {"error": "overload"}}] * 300
    with pytest.raises(ScenarioError) as caught:
        load_sent({"mockgpt": 1, "rules": rules}, service)
    assert str(caught.value.errors[-1]) == "scenario: … and 200 more"


@pytest.mark.parametrize("merge", ["<<: *{0}", "<<: [*{0}, *{0}]"])
def test_merge_keys_merge_nothing_so_they_multiply_nothing(merge):
    lines = [f"{name}: &{name} {{{merge.format(below)}}}" for below, name in pairwise("abcdefgh")]
    with pytest.raises(ScenarioError, match="expected a known key, found 'h'") as caught:
        convert(read("a: &a {x: 1}\n" + "\n".join(lines), "s.yaml"), Scenario)
    assert len(caught.value.errors) == 8


@pytest.mark.parametrize(
    ("data", "place", "found"),
    [
        ("mockgpt: 1\nname: 天气\n".encode("gbk"), "2:7", "the byte 0xcc, as GBK has it"),
        ("mockgpt: 1\r\nname: 天气\r\n".encode("gbk"), "2:7", "the byte 0xcc, as GBK has it"),
        ("name: né\n".encode("latin-1"), "1:8", "the byte 0xe9"),
        ("name: 天气\n".encode() + b"\xff", "2:1", "the byte 0xff"),
        (b"\xef\xbb\xbfname: \x80", "1:7", "the byte 0x80"),
        ("mockgpt: 1\n".encode("utf-16"), "1:1", "the byte 0xff, as UTF-16 has it"),
        (
            b"\xfe\xff" + "mockgpt: 1\n".encode("utf-16-be"),
            "1:1",
            "the byte 0xfe, as UTF-16 has it",
        ),
    ],
)
def test_a_file_in_another_encoding_is_told(data, place, found, service, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([path], service)
    assert str(caught.value) == (
        f"{path}:{place}: expected a scenario file in UTF-8, found {found}; save it as UTF-8"
    )


def test_a_key_of_a_mapping_is_a_string_as_in_a_file(service):
    data = {"rules": [{"reply": "x", 1: 2, "when": {None: {}, "body": {"a": [{True: 1}]}}}], (): 1}
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([data], service)
    assert str(caught.value).splitlines() == [
        "scenario 'in Python': expected a string as a key, found ()",
        "scenario 'in Python': rules[0]: expected a string as a key, found 1",
        "scenario 'in Python': rules[0].when: expected a string as a key, found null",
        "scenario 'in Python': rules[0].when.body.a[0]: expected a string as a key, found true",
    ]


def test_a_missing_file_is_told(service):
    with pytest.raises(ScenarioError, match=r"nowhere/x\.yaml: expected a scenario file, found"):
        load_scenarios(["nowhere/x.yaml"], service)


def test_an_unknown_service_lists_the_shipped_ones():
    with pytest.raises(ScenarioError, match=r"expected a service's name \(pgpt\) or a path"):
        load_service("nothing")


def test_an_unknown_service_may_mean_a_near_one_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    for name, meant in (("pgtp", "pgpt"), ("mine", "mine.yaml")):
        with pytest.raises(ScenarioError) as caught:
            load_service(name)
        assert str(caught.value) == (
            "expected a service's name or a path to a .yaml file, "
            f"found '{name}'; did you mean '{meant}'?"
        )


def test_a_missing_service_file_is_told():
    with pytest.raises(ScenarioError, match=r"nowhere/x\.yaml: expected a service file, found"):
        load_service("nowhere/x.yaml")


SERVICE_BREAKS = [
    ("service: 1", "service: 7", "service: expected 1, found 7"),
    ("counting: &gpt-0301 {", "dimensions: 3 #{", "expected `counting` for a chat model"),
    ("    dimensions: 1536\n    created", "    created", "expected `dimensions`"),
    (
        "window: 4097",
        "window: many",
        "models.gpt-3.5-turbo.window: expected an integer, found 'many'",
    ),
    ("{request_id}", "{request}", "found '{request}'; did you mean 'request_id'?"),
    (
        'x-request-id: "{request_id}"',
        "x-request-id: 5",
        "headers.x-request-id: expected a string, found 5; in quotes it is a string",
    ),
    ("`{model}` does not", "`{modle}` does not", "found '{modle}'; did you mean 'model'?"),
    ("default_model: gpt-3.5-turbo", "default_model: gpt-9", "expected a model, found 'gpt-9'"),
    ("{1,64}$'}", "[('}", "expected a regular expression"),
    ("alias_of: max_tokens", "alias_of: tokens", "expected a parameter, found 'tokens'"),
    ("error: invalid_input", "error: bad_input", "expected an error, found 'bad_input'"),
    ("  unknown_url:", "  unknown_path:", "errors: expected a row 'unknown_url', found none"),
    ("  embeddings:\n    title", "  rerank:\n    title", "for a served endpoint, found 'rerank'"),
    (
        "{window: 4097, requested",
        "{window: true, requested",
        "values.window: expected a string, an integer or a list",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), SERVICE_BREAKS)
def test_a_broken_service_names_the_place(old, new, message, root, tmp_path):
    text = (root / "mockgpt/services/pgpt.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "mine.yaml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ScenarioError, match=r"mine.yaml:\d+:\d+: ") as caught:
        load_service(str(tmp_path / "mine.yaml"))
    assert message in str(caught.value)


def test_a_service_file_is_read_anew_each_time(root, tmp_path):
    text = (root / "mockgpt/services/pgpt.yaml").read_text("utf-8")
    path = tmp_path / "mine.yaml"
    for title in ("one", "two"):
        path.write_text(text.replace("title: openai.pgpt.cloud", f"title: {title}"), "utf-8")
        assert load_service(str(path)).title == title


def test_another_service_needs_no_code(root, tmp_path):
    text = (root / "mockgpt/services/pgpt.yaml").read_text("utf-8")
    text = text.replace("name: pgpt", "name: mine").replace(
        "dimensions: 1536\n    c", "dimensions: 8\n    c"
    )
    (tmp_path / "mine.yaml").write_text(text.replace("text-embedding-ada-002:", "tiny:"), "utf-8")
    with MockGPT(service=str(tmp_path / "mine.yaml")) as mock:
        client = openai.OpenAI(base_url=mock.base_url, api_key="k")
        vector = client.embeddings.create(model="tiny", input="a").data[0].embedding
        assert len(vector) == 8
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="text-embedding-ada-002", input="a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: pgtp", ":1:10: extends: expected a shipped service (pgpt), found 'pgtp'"),
        ("extends: [pgpt]", ":1:10: extends: expected a shipped service (pgpt), found a list"),
        (
            "extends: pgpt\nmodels: {gpt-4: {window: many}}",
            ":2:26: models.gpt-4.window: expected an integer, found 'many'",
        ),
        (
            "extends: pgpt\nmodels: {new: {kind: chat}}",
            ":2:15: models.new: expected the key 'answers_as', found none",
        ),
        ("extends: pgpt\nmodel: {}", ":2:1: model: expected a known key, found 'model'; did you"),
        ("extends: pgpt\nmodels: 3", ":2:9: models: expected a mapping, found 3"),
        (
            "extends: pgpt\nroutes: []",
            ":2:9: routes: expected a list of at least 1 items, found 0",
        ),
    ],
)
def test_a_service_that_extends_another_is_judged_as_a_whole(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_service(str(path))
    assert str(caught.value).startswith(f"{path}{message}")


CHAT, MESSAGES = "endpoints.chat", "endpoints.chat.parameters.messages"


@pytest.mark.parametrize(
    ("endpoint", "path", "message"),
    [
        (
            "chat: {context_error: context_length_exceeded_prompt}",
            f"{CHAT}.context_error",
            "expected an error, found 'context_length_exceeded_prompt_messages'",
        ),
        ("chat: {context_error: ''}", f"{CHAT}.context_error", "expected an error, found ''"),
        (
            "completions: {context_error: ''}",
            "endpoints.completions.context_error",
            "expected an error, found ''",
        ),
        (
            "completions: {kind: embeddings}",
            "endpoints.completions.kind",
            "expected chat, found 'e",
        ),
        ("chat: {kind: null}", f"{CHAT}.kind", "expected chat, found null"),
        (
            "chat: {paths: []}",
            f"{CHAT}.paths",
            "expected a list of at least 1 items, found 0",
        ),
        (
            "embeddings: {kind: chat}",
            "models.text-embedding-ada-002",
            "expected an endpoint of its kind, 'embeddings', which errors may name, found none",
        ),
        (
            "embeddings: {parameters: {input: {min_items: 0}}}",
            "endpoints.embeddings.parameters.input.min_items",
            "expected at least 1, found 0",
        ),
        (
            "chat: {parameters: {messages: {required: false}}}",
            f"{MESSAGES}.required",
            "expected true, found false",
        ),
        (
            "chat: {parameters: {messages: {optional_where: {where: {}, beside: [user]}}}}",
            f"{MESSAGES}.optional_where",
            "expected none, found one",
        ),
        (
            "chat: {parameters: {messages: {min_items: 0}}}",
            f"{MESSAGES}.min_items",
            "expected at least 1, found 0",
        ),
        (
            "chat: {parameters: {messages: {items: null}}}",
            MESSAGES,
            "expected the key 'items', found none",
        ),
        (
            "chat: {parameters: {messages: {items: {properties: {role: {required: false}}}}}}",
            f"{MESSAGES}.items.properties.role.required",
            "expected true, found false",
        ),
        (
            "chat: {parameters: {temperature: {type: string}}}",
            f"{CHAT}.parameters.temperature.type",
            "expected number, found string",
        ),
        (
            "chat: {parameters: {max_completion_tokens: {type: number}}}",
            f"{CHAT}.parameters.max_completion_tokens.type",
            "expected integer, as `max_tokens` is, found number",
        ),
    ],
)
def test_a_service_that_would_fail_on_a_request_is_refused(endpoint, path, message, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"extends: pgpt\nendpoints:\n  {endpoint}\n", "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_service(str(file))
    told = {error.path: error.message for error in caught.value.errors}
    assert told[path].startswith(message)


def test_a_service_may_leave_out_what_is_no_part_of_a_request(root, tmp_path):
    text = (root / "mockgpt/services/pgpt.yaml").read_text("utf-8")
    temperature = "      temperature: {type: number, minimum: 0, maximum: 2}\n"
    assert text.count(temperature) == 2
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(temperature, ""), "utf-8")
    mine = load_service(str(path))
    body = b'{"messages": [{"role": "user", "content": "Hi"}], "temperature": "warm"}'
    found = decode(
        body,
        None,
        endpoint=mine.endpoints["chat"],
        path_model=None,
        service=mine,
        split=split,
        strict=False,
    )
    assert found.ignored == ("temperature",)  # and nothing is made of it
    assert found.request.temperature == 1
    path.write_text(text.replace("      prompt: {", "      prompts: {"), "utf-8")
    with pytest.raises(ScenarioError, match=r"parameters: expected the key 'prompt', found none"):
        load_service(str(path))


def test_a_scenario_that_names_no_service_is_for_any(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: pgpt\nname: mine\n", "utf-8")
    mine = load_service(str(tmp_path / "mine.yaml"))
    rules = [{"reply": "a"}]
    for named in ({}, {"service": "mine"}):
        assert load_scenarios([{"mockgpt": 1, "rules": rules, **named}], mine).scenario.rules
    with pytest.raises(ScenarioError, match="expected the service that is served, 'mine', found"):
        load_scenarios([{"mockgpt": 1, "rules": rules, "service": "pgpt"}], mine)


def test_a_service_that_extends_another_says_what_is_other_or_further(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: pgpt\nname: mine\nroutes: [/v9]\nmodels: {gpt-4: {window: 5}}\n"
        "endpoints: {chat: {parameters: {top_p: {type: number}}}}\n",
        "utf-8",
    )
    mine, pgpt = load_service(str(path)), load_service("pgpt")
    assert (mine.name, mine.title, mine.routes) == ("mine", pgpt.title, ("/v9",))
    assert mine.models == pgpt.models | {"gpt-4": replace(pgpt.models["gpt-4"], window=5)}
    chat = mine.endpoints["chat"].parameters
    assert [*chat] == [*pgpt.endpoints["chat"].parameters, "top_p"]
    assert load_service("pgpt").models["gpt-4"].window == 8192


def test_every_preset_answers_in_every_dialect():
    service = load_service("pgpt")
    assert {"rate_limit_requests", "server_error", "nginx_html", "timeout"} <= service.presets
    assert not {"unknown_url", "wrong_type"} & service.presets
    for preset in service.presets:
        for dialect in ("openai", "azure", "fastapi"):
            assert render((ApiError(preset),), service, dialect).status >= 400
