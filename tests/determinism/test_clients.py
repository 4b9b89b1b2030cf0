"""Real clients, in any order and beside each other: the same bytes for each of their tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def sent(folder, *, order, seed):
    """Return what each test's clients were sent, as digests."""
    folder.mkdir()
    environment = {**os.environ, "INTEROP_DIGESTS": str(folder), "PYTHONHASHSEED": str(seed)}
    files = [str(path) for path in sorted((TESTS / "interop").glob("test_*.py"))]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *order, *files],
        env=environment,
        cwd=TESTS.parent,
        capture_output=True,
        check=True,
        timeout=900,
    )
    return {path.read_text("utf-8") for path in folder.iterdir()}


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_clients_are_sent_the_same_bytes_in_every_order(tmp_path):
    first = sent(tmp_path / "first", order=["-p", "no:randomly"], seed=1)
    again = sent(tmp_path / "again", order=["-p", "randomly", "-p", "no:cacheprovider"], seed=4242)
    assert again == first
    assert len(first) > 50
