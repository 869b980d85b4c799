"""The audit: clean where nothing is wrong, and each fault that is planted in the database is found."""
import json
import subprocess

import pytest

from harness import BINARY, let_pass, now_ms, running_solo, wait_until

ALSO_SOLO = True
EVERY_TWO_SECONDS = "*/2 * * * * *"
NOT_CLEAN = 11
# So far from a change of its job, and from now, the audit is sure.
SURE = 6
DUE = 10


def audit(cluster, *arguments, expect):
    done = subprocess.run([str(BINARY), "audit", "--url", cluster.url, "--json", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (expect if isinstance(expect, tuple) else (expect,)), done
    data = json.loads(done.stdout)
    return data["findings"], data["totals"]


def row_at(job, second):
    return f"cron_id = {job} AND scheduled_at = {second * 1000}"


@pytest.fixture
def past(cluster):
    """A job every two seconds with fires that can be judged: (job, the first second, that after the last)."""
    job = cluster.add("true", EVERY_TWO_SECONDS)
    added = now_ms()
    let_pass(2 * SURE + 2 * DUE)
    first = added // 1000 + SURE
    first += first % 2
    return job, first, first + 2 * DUE


def test_a_ledger_without_fault_is_clean(cluster, past):
    job, first, end = past
    findings, totals = audit(cluster, "--job", job, "--from", first, "--to", end, expect=0)
    assert findings == [] and totals["clean"], totals
    assert (totals["due"], totals["rows"], totals["jobs"]) == (DUE, DUE, 1), totals
    assert totals["unjudged_fires"] == totals["unjudged_rows"] == 0, totals
    assert totals["outcomes"] == [{"state": "success", "reason": "", "fires": DUE}]
    # All jobs of the last day, those of other tests too, and a deletion.
    cluster.api(f"/cron/delete/{job}")
    findings, totals = audit(cluster, expect=0)
    assert totals["due"] >= DUE and not totals["unplanned"], totals
    for node in cluster.nodes:
        answer = cluster.api(f"/audit?job={job}&from={first}&to={end}", node)
        assert answer["totals"]["due"] == DUE, answer


def test_each_planted_fault_is_found(cluster, past):
    job, first, end = past

    def found():
        findings, totals = audit(cluster, "--job", job, "--from", first, "--to", end, expect=NOT_CLEAN)
        return [(finding["kind"], finding["scheduled_at"] // 1000, finding["fires"]) for finding in findings], totals

    cluster.sql(f"DELETE FROM log WHERE {row_at(job, first + 2)}")
    cluster.sql(f"DELETE FROM log WHERE {row_at(job, first + 4)}")
    expected = [("missing", first + 2, 2)]
    assert found()[0] == expected

    columns = "cron_id, scheduled_at, attempt, time, state, output, use_time, started_at"

    def insert(second, attempt):
        cluster.sql(f"INSERT INTO log ({columns}) VALUES ({job}, {second * 1000}, {attempt}, {second}, 'success', '', 1,"
                    f" {second * 1000})")

    insert(first + 7, 1)
    expected.append(("extra", first + 7, 1))
    assert found()[0] == expected

    insert(first + 10, 2)
    expected.append(("doubled", first + 10, 1))
    assert found()[0] == expected

    cluster.sql(f"UPDATE log SET started_at = scheduled_at + 3500 WHERE {row_at(job, first + 12)}")
    expected.append(("late", first + 12, 1))
    findings, totals = found()
    assert findings == expected
    assert (totals["missing"], totals["extra"], totals["doubled"], totals["late"]) == (2, 1, 1, 1), totals
    assert totals["due"] == DUE and not totals["clean"], totals
    bound = ("--job", job, "--from", first + 12, "--to", first + 14)
    assert audit(cluster, *bound, expect=NOT_CLEAN)[1]["late"] == 1
    assert audit(cluster, *bound, "--late", "4s", expect=0)[1]["late"] == 0
    # Nothing of this is to be found by those who come later.
    cluster.sql(f"DELETE FROM log WHERE cron_id = {job}")
    cluster.sql(f"DELETE FROM cron_revision WHERE cron_id = {job}")
    cluster.sql(f"DELETE FROM cron WHERE id = {job}")


def test_the_death_of_a_dispatcher_leaves_a_clean_ledger(victim_cluster):
    cluster = victim_cluster
    jobs = [cluster.add("true") for _ in range(5)]
    let_pass(SURE + 2)
    first = now_ms() // 1000 - 1
    cluster.run("kill-node", str(cluster.number(cluster.dispatcher())))
    let_pass(3 * SURE)
    # A run that was under way may be lost with its node, and is missed then.
    findings, totals = audit(cluster, "--from", first, expect=(0, NOT_CLEAN))
    assert {(finding["kind"], finding["state"]) for finding in findings} <= {("missed", "lost")}, findings
    assert totals["jobs"] >= len(jobs), totals
    assert totals["due"] >= len(jobs) * 2 * SURE, totals


def metric(node, name):
    lines = node.call("GET", "/metrics").body.decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)}


def test_the_dispatcher_audits_itself():
    with running_solo(["--set", "dispatch.audit_interval=1s"]) as solo:
        job = solo.add("true", EVERY_TWO_SECONDS)
        added = now_ms() // 1000
        succeeded = "peercron_audit_last_success_timestamp_seconds"
        wait_until(lambda: metric(solo, succeeded)[succeeded] > added + 2 * SURE, 60, "an audit that has something to judge")
        clean = {f'peercron_audit_findings{{kind="{kind}"}}': 0
                 for kind in ("missing", "extra", "doubled", "late", "never_ended", "missed", "clock_ahead")}
        assert metric(solo, "peercron_audit_findings") == clean
        rows = solo.sql(f"SELECT scheduled_at FROM log WHERE cron_id = {job} AND state = 'success' ORDER BY scheduled_at")
        lost = next(int(row["scheduled_at"]) for row in rows if int(row["scheduled_at"]) // 1000 > added + SURE)
        solo.sql(f"DELETE FROM log WHERE cron_id = {job} AND scheduled_at = {lost}")
        missing = 'peercron_audit_findings{kind="missing"}'
        wait_until(lambda: metric(solo, missing)[missing] == 1, 30, "the missing row is a metric")
        assert "audit: not clean: 1 missing" in solo.log("node")
