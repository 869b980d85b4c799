"""Fixtures: a fake node that answers what a test says, and a real one for whole journeys."""
import os
import pathlib
import sys

import pytest

from command_line import BINARY
from fake_node import running_fake_node

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
from harness import running_solo  # noqa: E402


@pytest.fixture
def fake():
    with running_fake_node() as node:
        yield node


@pytest.fixture(scope="session")
def node_url():
    """A real node. PEERCRON_TEST_URL names one that runs already; its jobs are not spared."""
    given = os.environ.get("PEERCRON_TEST_URL")
    if given:
        yield given
        return
    with running_solo() as node:
        yield node.url


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"there is no {BINARY}; bin/build makes it", returncode=2)
