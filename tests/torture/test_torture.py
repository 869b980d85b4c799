"""A short torture: all kinds of faults, one seed, a few minutes. The long ones are bin/torture's."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.skipif(os.geteuid() != 0, reason="bin/torture needs root")
def test_a_cluster_keeps_its_promises_under_faults():
    done = subprocess.run([ROOT / "bin/torture", "--minutes", "2.3", "--seed", "2"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    verdicts = [line for line in done.stdout.splitlines() if line.startswith(("BROKEN", "torture: "))]
    assert done.returncode == 0, "\n".join([*verdicts[-2:], done.stdout])  # the verdict is in the summary, too
