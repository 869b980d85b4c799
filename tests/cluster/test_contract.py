"""The API against its own description: calls that schemathesis makes of /openapi.json, good ones and bad ones, the same
each time; and a client in Python that openapi-python-client makes of it."""
import json
import os
import pathlib
import re
import subprocess

from harness import ROOT, running_solo

TOOLS = ROOT / "build/tools/schemathesis/bin"
ST = TOOLS / "st"
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
             # What their texts may say, and which of them are needed: tests/unit/api/calendar_api_test.cpp.
             "--exclude-path", "/calendar/add", "--exclude-path", "/calendar/set",
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


# What a person writes against the client: typed parameters and answers.
USES_THE_CLIENT = """
import importlib, pkgutil, sys, time
import peercron_client
from peercron_client import Client
from peercron_client.api.default import add_job, list_runs, pause_jobs, run_job, show_job
from peercron_client.models import NewJob, NewPause, RunInputs

for module in pkgutil.walk_packages(peercron_client.__path__, "peercron_client."):
    importlib.import_module(module.name)
with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    job = add_job.sync(client=client, body=NewJob.from_dict(
        {"name": "made by a client", "cronSet": "0 0 3 * * *", "command": "echo hello", "is_mutex": True})).data
    assert job.name == "made by a client" and job.is_mutex is True, job
    again = show_job.sync(job.id, client=client).data
    assert again.cron_set == "0 0 3 * * *" and again.state == "enabled", again
    row = run_job.sync(job.id, client=client, body=RunInputs()).data
    deadline = time.monotonic() + 20
    while not (runs := list_runs.sync(client=client, cron_id=job.id, full=True).data).list_:
        assert time.monotonic() < deadline, "the run is not in the list"
        time.sleep(0.1)
    assert [run.id for run in runs.list_] == [row.id] and str(runs.list_[0].state) in (
        "planned", "running", "success"), runs
    pause = pause_jobs.sync(client=client, body=NewPause(reason="a client tries it")).data
    assert pause.reason == "a client tries it" and pause.active, pause
"""


def test_a_program_makes_a_client_of_the_description(tmp_path):
    with running_solo() as solo:
        environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        made = subprocess.run(
            [TOOLS / "openapi-python-client", "generate", "--output-path", "client",
             "--url", f"{solo.url}/openapi.json?bodies=json"],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        said = made.stdout + made.stderr
        assert made.returncode == 0, said
        # A picture is nothing that it makes a type of.
        assert re.findall(r"^WARNING parsing (.*?) within", said, re.M) == ["GET /badge/{id}"], said
        assert "Unable to" not in said, said
        calls = json.dumps(solo.call("GET", "/openapi.json").json["paths"]).count('"operationId"')
        made = [file for file in (tmp_path / "client/peercron_client/api/default").glob("*.py") if file.stem != "__init__"]
        assert len(made) == calls
        used = subprocess.run([TOOLS / "python", "-c", USES_THE_CLIENT, solo.url], cwd=tmp_path / "client",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert used.returncode == 0, used.stderr


def test_the_example_in_python_does_what_it_says():
    example = ROOT / "docs/examples/deploy.py"
    with running_solo() as solo:
        for _ in range(2):  # the second time it changes the job
            done = subprocess.run(["/usr/bin/python3", example, solo.url], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, ""), done
            assert re.fullmatch(r"job 1, run \d+: success \n42 rows\n", done.stdout), done
        [job] = solo.api("/cron/list")
        assert (job["name"], job["tags"]) == ("nightly-report", ["web"]), job
