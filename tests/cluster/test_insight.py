"""What fails, why, and what comes: the same at every place where one may look."""
import json
import subprocess

import pytest

from harness import BINARY, now_ms, running_solo, wait_until


@pytest.fixture(scope="module")
def solo():
    with running_solo(["--set", "dispatch.misfire_window=1s"]) as node:
        yield node


def ask(node, *arguments):
    done = subprocess.run([str(BINARY), *map(str, arguments), "--url", node.url], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def ask_json(node, *arguments):
    return json.loads(ask(node, *arguments, "--json"))


def once(node, command, **job):
    due = now_ms() // 1000 + 3
    return node.add_once(command, due, **job), due


def test_a_job_that_fails_is_found_and_explained(solo):
    good = solo.add("true", cron_set="0 0 0 1 1 *", name="etl")
    job, due = once(solo, "echo begin; echo disk full; exit 3", name="backup")
    wait_until(lambda: solo.ledger([job]) and solo.wait_final([job]), 20, "its end")
    [listed] = solo.api("/cron/list?state=failing")["list"]
    assert (listed["id"], listed["last_state"], listed["failures_in_row"]) == (job, "failed", 1), listed
    assert [(tick["at"], tick["state"]) for tick in listed["last_runs"]] == [(due * 1000, "failed")], listed
    assert solo.api("/cron/list?state=new")["list"][0]["id"] == good
    seen = solo.api("/overview")
    assert seen["jobs"]["failing"] == 1 and seen["jobs"]["new"] == 1, seen["jobs"]
    [failing] = seen["failing"]
    assert (failing["name"], failing["run"]["exit_code"]) == ("backup", 3), failing
    run = failing["run"]["id"]
    assert sum(cell["failed"] for cell in seen["strip"]["cells"]) == 1, seen["strip"]
    assert [term["node"] for term in seen["dispatchers"]] == [solo.name(1)], seen["dispatchers"]

    why = ask_json(solo, "why", "backup", due)
    assert (why["verdict"], why["run"]["id"]) == ("failed", run), why
    assert "failed after" in ask(solo, "why", "backup") and "with exit code 3" in ask(solo, "why", "backup")
    assert ask_json(solo, "why", "backup", due - 1)["verdict"] == "not-due"
    assert ask_json(solo, "stats", "backup")["runs"] == 1
    assert "failing" in ask(solo, "stats", "backup")
    diff = solo.api(f"/run/{run}/diff")
    assert diff["success"] is None and diff["run"]["id"] == run
    assert b"backup: failed" in solo.call("GET", "/badge/backup.svg").body


def test_a_moment_while_the_node_was_down_was_missed(solo):
    job, due = once(solo, "true", name="nightly")
    solo.stop()
    wait_until(lambda: now_ms() > (due + 4) * 1000, 30, "the moment is over")
    solo.start()
    wait_until(lambda: solo.ledger([job]), 20, "its row")
    assert ask_json(solo, "why", "nightly", due)["verdict"] == "missed"
    seen = solo.api("/overview")
    assert [run["name"] for run in seen["missed"]] == ["nightly"], seen["missed"]
    assert [one["id"] for one in solo.api("/cron/list?state=missed")["list"]] == [job]


def test_several_jobs_are_stopped_and_the_history_says_why(solo):
    jobs = [solo.add("true", cron_set="0 30 2 * * *", name=f"report-{i}", tags="reports") for i in range(3)]
    assert [fire["name"] for fire in ask_json(solo, "agenda", "--for", "24h", "--tag", "reports")["list"]] == \
        ["report-0", "report-1", "report-2"]
    assert "3 jobs stopped" in ask(solo, "job", "stop", "--tag", "reports", "--reason", "the disk is full")
    assert [one["id"] for one in solo.api("/cron/list?state=stopped")["list"]] == jobs
    assert "the disk is full" in ask(solo, "job", "history", "report-1")
    assert solo.api("/forecast/fires?tag=reports")["total"] == 0
    assert "2 jobs started" in ask(solo, "job", "start", "report-0", "report-2")
    preview = solo.api("/cron/preview", id=jobs[0], cronSet="0 45 2 * * *")
    assert preview["week"]["come_total"] == 7 and preview["week"]["go_total"] == 7, preview["week"]
