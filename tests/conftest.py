"""What every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--write-fixtures",
        action="store_true",
        help="Write golden files anew instead of only comparing them; review the difference.",
    )


@pytest.fixture(scope="session")
def root():
    return ROOT
