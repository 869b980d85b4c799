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


def test_a_rehearsal_runs_the_job_and_counts_nowhere(solo):
    job = solo.add('echo "rehearsal: ${PEERCRON_REHEARSAL-no}"; exit 4', cron_set="0 0 0 1 1 *", name="rehearsed",
                   run_limit=5)
    child = solo.api("/cron/add", command="true", run_after="rehearsed", run_after_on="end", name="after-rehearsed")["id"]
    run = ask_json(solo, "job", "run-now", "rehearsed", "--rehearsal")
    assert (run["rehearsal"], run["requested_by"][-12:]) == (True, " (rehearsal)"), run
    real = ask_json(solo, "job", "run-now", "rehearsed")
    assert real["rehearsal"] is False, real
    row = wait_until(lambda: ended_row(solo, run["id"]), 20, "the end of the rehearsal")
    assert (row["state"], row["exit_code"], row["output"]) == ("failed", 4, "rehearsal: 1\n"), row
    row = wait_until(lambda: ended_row(solo, real["id"]), 20, "the end of the run")
    assert row["output"] == "rehearsal: no\n", row
    wait_until(lambda: solo.wait_final([child]), 20, "the end of the job after the run")
    assert [one.scheduled_at for one in solo.ledger([child])] == [real["scheduled_at"]], solo.ledger([child])
    shown = solo.api(f"/cron/{job}/stats")
    assert (shown["runs"], solo.api(f"/cron/{job}")["run_num"]) == (1, 1), shown
    assert "rehearsal" in ask(solo, "log", "show", str(run["id"]))
    assert solo.call("POST", f"/run/retry/{run['id']}").status == 409
    audit = wait_until(lambda: audited(solo, job, 2), 30, "an audit that judges both runs")
    assert audit["rehearsals"] == 1 and audit["late_p99"] is None, audit


def audited(node, job, requested):
    totals = node.api(f"/audit?job={job}")["totals"]
    return totals if totals["requested"] == requested else None


def ended_row(node, run):
    """Its row, when it has ended and the node has written the output, which may be a moment later."""
    row = node.api(f"/log/{run}")
    has_all = row["state"] not in ("planned", "running") and not row["output"].startswith("[the node has not")
    return row if has_all else None


def test_a_goal_for_lateness_is_counted_and_shown(solo):
    job = solo.add("true", name="tick", late_goal=60_000)
    strict = solo.add("sleep 0.01", name="tock", late_goal=0)
    wait_until(lambda: (solo.api(f"/cron/{job}/stats")["goal_met"] or 0) >= 2, 20, "two fires in time")
    listed = {one["id"]: one for one in solo.api("/cron/list?limit=100")["list"]}
    assert listed[job]["goal_percent"] == 100 and listed[job]["goal_fires"] == listed[job]["goal_met"], listed[job]
    assert listed[strict]["goal_percent"] is None, listed[strict]
    assert "100 % of" in ask(solo, "stats", "tick") and "fires within 1m (30 days)" in ask(solo, "stats", "tick")
    ask(solo, "job", "update", "tick", "--late-goal", "50ms")
    assert solo.api(f"/cron/{job}")["late_goal"] == 50
    for one in (job, strict):
        assert solo.call("POST", f"/cron/delete/{one}").status == 200


def test_what_is_not_as_usual_is_said_and_found(solo):
    odd = solo.folder / "odd"
    job = solo.add(f"if [ -e {odd} ]; then head -c 20000 /dev/zero | tr '\\0' x; else echo usual; fi",
                   cron_set="0 0 0 1 1 *", name="usual")
    for _ in range(20):
        ask(solo, "job", "run-now", "usual", "--wait")
    odd.touch()
    run = ask_json(solo, "job", "run-now", "usual", "--wait")
    assert "more-output" in run["unusual"], run  # on a busy machine it may be slow, too
    assert [one["id"] for one in solo.api(f"/log/list?unusual=more-output&cron_id={job}")["list"]] == [run["id"]]
    assert [one["id"] for one in ask_json(solo, "log", "list", "--unusual", "more-output")["list"]] == [run["id"]]
    assert run["id"] in [one["id"] for one in solo.api("/log/list?unusual=any")["list"]]
    assert solo.api("/log/list?unusual=silent")["total"] == 0
    assert "more-output" in ask(solo, "log", "show", run["id"])
    assert "more output than 4096 B" in ask(solo, "stats", "usual")
    assert {one["id"]: one for one in solo.api("/cron/list?limit=100")["list"]}[job]["unusual"] == run["unusual"]
