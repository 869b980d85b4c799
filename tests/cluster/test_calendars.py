"""Calendars: what they exclude does not start, also at the next dispatcher; a change counts from its answer on, and every
fire has its row."""
import datetime

import pytest

from harness import Witness, let_pass, now_ms, wait_until
from test_pauses import assert_audit_is_clean, assert_every_fire, planned_past, whole_second


def local(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def times(*spans):
    return ", ".join(f"{local(begin)}..{local(end)}" for begin, end in spans)


@pytest.fixture
def calendar(cluster):
    """The name of a calendar that is deleted in the end, with the jobs that name it."""
    name = f"quiet-{now_ms()}"
    yield name
    calendars = {one["name"]: one for one in cluster.api("/calendar/list")}
    for job in calendars.get(name, {"jobs": []})["jobs"]:
        cluster.call("POST", f"/cron/delete/{job['id']}")
    cluster.call("POST", "/calendar/delete", {"name": name})


def test_a_fire_that_is_excluded_does_not_start_and_has_its_row(cluster, calendar):
    witness, other = Witness(cluster), Witness(cluster)
    begin, end = whole_second(6), whole_second(11)
    cluster.api("/calendar/add", name=calendar, dates=times((begin, end)))
    job = cluster.add(witness.command, calendar=f"!{calendar}")
    only = cluster.add(other.command, calendar=calendar)
    wait_until(witness.runs, 20, "it runs")
    rows = planned_past(cluster, job, end + 3000)
    seconds = assert_every_fire(rows, begin - 1000, end + 3000)
    inside = range(begin, end, 1000)
    for second in inside:
        assert seconds[second] == f"calendar: in {calendar}", (second, rows)
    assert seconds[begin - 1000] == seconds[end] == "", rows
    assert not {at for _, at in witness.runs()} & set(inside)
    assert max(row["fires"] for row in rows if row["state"] == "skipped") >= 3, f"the rest is one row: {rows}"
    assert {at for _, at in other.runs()} == set(inside)
    cluster.stop_jobs([job, only])
    cluster.wait_final([job, only])
    assert_audit_is_clean(cluster, job)
    assert_audit_is_clean(cluster, only)
    refused = cluster.call("POST", "/calendar/delete", {"name": calendar})
    assert refused.status == 409 and f"job {job}" in refused.json["message"], refused


def test_a_change_counts_from_its_answer_on(cluster, calendar):
    witness = Witness(cluster)
    cluster.api("/calendar/add", name=calendar, dates="1970-01-01")
    job = cluster.add(witness.command, calendar=f"!{calendar}")
    wait_until(lambda: len(witness.runs()) >= 2, 20, "it runs")
    cluster.api("/calendar/set", name=calendar, dates="mon..sun")
    answered = now_ms()
    let_pass(4)
    late = [at for _, at in witness.runs() if at > answered]
    assert not late, f"{late} after {answered}"
    cluster.api("/calendar/set", name=calendar, dates="1970-01-01")
    again = now_ms()
    # What is planned already may be skipped still.
    wait_until(lambda: any(at > again for _, at in witness.runs()), 20, "it runs again")
    rows = planned_past(cluster, job, again + 5000)
    assert_every_fire(rows, -(-answered // 1000) * 1000, again + 5000)
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    assert_audit_is_clean(cluster, job)
    history = cluster.api(f"/calendar/show?name={calendar}")["history"]
    assert [version["dates"] for version in history] == ["1970-01-01", "mon..sun", "1970-01-01"]


def test_it_survives_the_death_of_the_dispatcher(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    begin, end = whole_second(8), whole_second(20)
    cluster.api("/calendar/add", name="quiet", dates=times((begin, end)))
    job = cluster.add(witness.command, calendar="!quiet")
    wait_until(lambda: now_ms() > begin + 3000, 30, "it is in the calendar")
    before = cluster.dispatcher()
    cluster.run("kill-node", str(cluster.number(before)))
    wait_until(lambda: cluster.dispatcher() not in ("", before), 30, "another node dispatches")
    rows = planned_past(cluster, job, end + 3000, 60)
    seconds = assert_every_fire(rows, begin, end + 3000)
    for second in range(begin, end, 1000):
        assert seconds[second] == "calendar: in quiet", (second, rows)
    assert not {at for _, at in witness.runs()} & set(range(begin, end, 1000))
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    assert_audit_is_clean(cluster, job)
