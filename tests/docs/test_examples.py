"""The examples: their own tests pass, and every finding has a mistake that shows it."""

import re

from mockgpt.core.codes import CODES


def test_the_chat_client_s_tests_pass(root, pytester, monkeypatch, as_users):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    folder = root / "examples" / "chat-client"
    for file in folder.iterdir():
        if file.is_file():
            (pytester.path / file.name).write_bytes(file.read_bytes())
    result = pytester.runpytest_subprocess(*as_users, "--strict-markers", timeout=100)
    result.assert_outcomes(passed=28)


def test_every_finding_has_its_mistake(root):
    careless = (root / "examples/chat-client/careless.py").read_text("utf-8")
    mistakes = set(re.findall(r"def ([a-z]\w+)\(", careless)) - {"close"}
    of_scenarios = {"template_failed", "pattern_failed", "no_reply"}
    assert mistakes == CODES - of_scenarios
