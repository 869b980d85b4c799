"""The API against its own description: calls that schemathesis makes of /openapi.json, good ones and bad ones, the same
each time."""
import os
import pathlib
import re
import subprocess

from harness import ROOT, running_solo

ST = ROOT / "build/tools/schemathesis/bin/st"
HOOKS = pathlib.Path(__file__).with_name("contract_hooks.py")


def test_the_api_is_as_its_description_says(tmp_path):
    assert ST.exists(), f"there is no {ST}; bin/setup installs it"
    # Commands are made up as well: none of them is found, and no shell runs them.
    with running_solo(["--set", "exec.shell=/bin/true"], wrapper=["env", "PATH=/nonexistent"]) as solo:
        done = subprocess.run(
            [ST, "run", f"{solo.url}/openapi.json", "--no-color", "--phases", "examples,coverage,fuzzing",
             "--checks", "all", "--generation-deterministic", "--max-examples", "20", "--no-shrink",
             # A busy machine is no fault of the description.
             "--suppress-health-check", "too_slow", "--request-timeout", "30", "--warnings", "off",
             # They do not end: test_live_output.py.
             "--exclude-path", "/events",
             # Each kind of channel has settings of its own: tests/unit/api/channel_api_test.cpp.
             "--exclude-path", "/channel/add", "--exclude-path", "/channel/update",
             # With the first account or token nobody is let in without one, and a wrong password makes the next one
             # wait: test_access.py.
             "--exclude-path-regex", "^/(account|token|session)/",
             # It is of the past, and of so many fires: test_backfill.py.
             "--exclude-path", "/cron/backfill/{id}"],
            cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{done.stdout[-20000:]}\n{done.stderr[-2000:]}"
        assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 300, done.stdout[-2000:]
        assert solo.api("/health")["store"] == "ok"
