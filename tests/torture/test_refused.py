"""A refused connection proves nobody dead: see refused.py."""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("PEERCRON_BINARY", HERE.parents[1] / "build/release/peercron")


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_a_node_that_is_refused_although_it_lives_doubles_and_loses_nothing():
    done = subprocess.run([sys.executable, HERE / "refused.py", BINARY], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
