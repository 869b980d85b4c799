"""The judge of bin/torture lets clean runs pass and finds each kind of broken promise.

A case is made by hand: one minute of a cluster where everything went well, in which then one thing is wrong.
"""
import copy
import time

import pytest

import jobs
import witness
from judge import LEASE, MS, SECOND, Case, History, Judge, is_due, verdict_of
from ledger import Row

ZERO = 1_800_000_000  # a whole minute, in seconds
NODES = ("10.77.0.11:9991", "10.77.0.12:9991", "10.77.0.13:9991")
LAST = 60  # seconds; then all jobs are stopped


def version_of(cron="*/1 * * * * *", nap=0, code=0, window=None, stop=False, **definition):
    return {"cron": cron, "run": {**jobs.RUN, "nap": nap, "code": code}, "window": window, "stop": stop,
            "definition": definition}


class Scene:
    """A case in the making: jobs that run as they should."""

    def __init__(self):
        self.jobs, self.changes, self.rows, self.sightings = [], [], [], []
        self.faults, self.nodes, self.dispatchers = [], [], [(0, NODES[0])]
        self.notes, self.lags, self.counters = [], [], {}
        self.audit = None
        self.notices, self.outbox = [], None
        for node in NODES:
            self.life(node, 0, None)

    def at(self, second):
        return int((ZERO + second) * SECOND)

    def life(self, node, began, ended):
        self.nodes.append({"node": node, "pid": 1, "began": self.at(began - 100),
                           "ended": ended and self.at(ended)})

    def job(self, added=-2, **what):
        """Adds a job, with the runs that come of it until the end; its token."""
        version = version_of(**what)
        number = len(self.jobs) + 1
        token = f"j{number:02}"
        places = jobs.places_of(version["definition"])
        self.jobs.append({"token": token, "kind": "a test", "run": {**version["run"], "places": places},
                          "definition": version["definition"]})
        self.change(token, "add", added, version)
        self.change(token, "stop", LAST, {**version, "stop": True})
        for second in range(int(added) + 1, LAST + 1):
            if is_due(version, ZERO + second):
                self.ran(token, second, nap=version["run"]["nap"], code=version["run"]["code"])
        return token

    def change(self, token, what, second, version, outcome="ok", took=0.05, **more):
        self.changes.append({"what": what, "job": token, "sent": self.at(second), "answered": self.at(second + took),
                             "outcome": outcome, "version": version, "id": self.number(token), **more})

    def number(self, token):
        return int(token[1:])

    def ran(self, token, second, nap=0, code=0, late=0.005, state=None, reason="", attempt=1, node=None, part=0, parts=1,
            **row):
        """A run that its witness and its row tell alike."""
        node = node or NODES[self.number(token) % 3]
        began = int((ZERO + second + late) * 1_000_000)
        ended = began + int((nap + 0.01) * 1_000_000)
        place = "0" if self.jobs[self.number(token) - 1]["run"]["places"] else "-"
        seen = witness.Sighting(token, self.number(token), int((ZERO + second) * 1000), attempt, node, 7, 4711, began,
                                place, ended, code, part, parts)
        self.sightings.append(seen)
        return seen, self.row(token, second, state or ("failed" if code else "success"), reason, attempt,
                              exit_code=code, started_at=began // 1000, ended_at=ended // 1000 + 1, run_server=node,
                              part=part, parts=parts, **row)

    def row(self, token, second, state, reason="", attempt=1, **row):
        at = int((ZERO + second) * 1000)
        row.setdefault("ended_at", at)
        row.setdefault("dispatch_time", at // 1000 - 2)
        row.setdefault("dispatch_server", NODES[0])
        self.rows.append(Row(len(self.rows) + 1, self.number(token), at, attempt, state, reason, epoch=7, **row))
        return self.rows[-1]

    def fault(self, kind, began, ended, *targets):
        self.faults.append({"number": len(self.faults) + 1, "kind": kind, "targets": list(targets or [NODES[1]]),
                            "began": self.at(began), "ended": self.at(ended), "detail": ""})

    # Taking away what is there.

    def find(self, token, second, attempt=1, part=0):
        """(sighting, row) of a run."""
        run = (self.number(token), int((ZERO + second) * 1000), attempt, part)
        seen = [sighting for sighting in self.sightings if sighting.run == run]
        rows = [row for row in self.rows if row.run == run]
        return seen[0] if seen else None, rows[0] if rows else None

    def forget(self, token, second, sighting=True, row=True):
        seen, written = self.find(token, second)
        if sighting and seen:
            self.sightings.remove(seen)
        if row:
            self.rows.remove(written)

    def case(self, odd=()):
        marks = {"began": self.at(-5), "zero": self.at(0), "healed": self.at(35), "quiet": self.at(47),
                 "stopping": self.at(LAST), "stopped": self.at(LAST + 0.1), "read": self.at(LAST + 10)}
        return Case(self.jobs, self.changes, self.faults, self.nodes, self.dispatchers, marks, self.rows,
                    self.sightings, list(odd), self.notes, self.lags, self.counters, self.audit,
                    self.notices, self.outbox)

    def audited(self, due, status=0, findings=(), fires=0, rows=0):
        """What `peercron audit` said."""
        totals = {"due": due, "unjudged_fires": fires, "unjudged_rows": rows}
        self.audit = {"status": status, "errors": "", "answer": {"findings": list(findings), "totals": totals}}

    def broken(self):
        """The rules that were broken."""
        return sorted({violation.rule for violation in Judge(self.case()).judge()})


@pytest.fixture
def scene():
    return Scene()


# Clean runs.


def test_a_run_in_which_all_went_well_is_clean(scene):
    scene.job()
    scene.job(cron="*/7 * * * * *", nap=2)
    scene.job(cron="*/5 * * * * *", code=3)
    scene.job(window=[ZERO + 10, ZERO + 20])
    scene.job(cron="*/4 * * * * *", nap=2, is_mutex=1)
    scene.job(stop=True)
    assert scene.broken() == []


def test_a_run_on_a_node_that_its_job_excludes_is_found(scene):
    token = scene.job(cron="*/20 * * * * *", run_on=f"!address={NODES[0].partition(':')[0]}")
    assert scene.broken() == []
    seen, row = scene.find(token, 20)
    seen.node = row.run_server = NODES[0]
    assert scene.broken() == ["where"]


def test_a_run_on_a_node_without_the_label_that_its_job_wants_is_found(scene):
    token = scene.job(cron="*/20 * * * * *", run_on="odd")  # on the first or the third
    seen, row = scene.find(token, 20)
    seen.node = row.run_server = NODES[2]
    assert scene.broken() == ["where"]  # the others are on the second
    for second in (0, 40, 60):
        seen, row = scene.find(token, second)
        seen.node = row.run_server = NODES[0]
    assert scene.broken() == []


def test_figures_count_what_was_seen(scene):
    scene.job()
    judge = Judge(scene.case())
    judge.judge()
    figures = judge.figures()
    # From second -1 to 59; it was added and stopped at seconds -2 and 60, which may be due or not.
    assert figures["due"] == {"must": 61, "may": 2}
    assert figures["states"] == {"success": 62}
    assert figures["lateness"]["all"]["fires"] == 62
    assert abs(figures["lateness"]["all"]["max"] - 0.005) < 1e-6


def test_a_change_takes_place_at_some_moment_between_call_and_answer():
    old, new = version_of(), version_of(stop=True)
    history = History([
        {"sent": 0, "answered": 1 * SECOND, "outcome": "ok", "version": old},
        {"sent": 10 * SECOND, "answered": 12 * SECOND, "outcome": "ok", "version": new}])
    assert [verdict_of(history.at(second * SECOND), second) for second in (5, 11, 12, 13)] == \
        ["must", "may", "may", "never"]


def test_a_change_that_nobody_confirmed_may_have_been_made_until_the_job_was_looked_at():
    old, new = version_of(), version_of(stop=True)
    history = History([
        {"sent": 0, "answered": 1 * SECOND, "outcome": "ok", "version": old},
        {"sent": 10 * SECOND, "answered": 12 * SECOND, "outcome": "unknown", "version": new},
        {"sent": 30 * SECOND, "answered": 30 * SECOND, "outcome": "seen", "version": old}])
    assert [verdict_of(history.at(second * SECOND), second) for second in (5, 11, 25, 31)] == \
        ["must", "may", "may", "must"]


def test_a_fire_beside_an_unconfirmed_stop_may_run_or_not(scene):
    token = scene.job()
    scene.changes[-1]["outcome"] = "unknown"
    scene.changes[-1]["sent"] = scene.at(30)
    for second in (40, 45):
        scene.forget(token, second)
    scene.forget(token, 50)
    scene.row(token, 50, "revoked", "job-stopped")
    assert scene.broken() == []


def test_a_killed_node_explains_a_lost_run_and_a_late_one(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, late=0)
    scene.fault("kill-worker", 11, 18)
    seen, row = scene.find(token, 10)
    scene.nodes = [life for life in scene.nodes if life["node"] != seen.node]
    scene.life(seen.node, 0, 11)
    seen.ended = seen.exit_code = row.exit_code = None
    row.state, row.reason = "lost", "node-died: 10.77.0.12:9991 died"
    assert scene.broken() == []


# One wrong thing each.


def test_a_due_fire_without_a_row_is_found(scene):
    scene.forget(scene.job(), 20)
    assert scene.broken() == ["missing"]


def test_a_due_fire_without_a_row_is_found_though_faults_were_active(scene):
    scene.forget(scene.job(), 20)
    scene.fault("kill-all", 15, 25, *NODES)
    assert scene.broken() == ["missing"]


def test_a_fire_covered_by_a_gap_row_is_not_missing(scene):
    token = scene.job(misfire_window=3)
    scene.fault("kill-all", 8, 30, *NODES)
    for second in range(11, 25):
        scene.forget(token, second)
    scene.row(token, 11, "skipped", "misfire: missed while no node was planning", fires=14,
              gap_end=(ZERO + 24) * 1000, dispatch_time=ZERO + 28)
    assert scene.broken() == []


def test_a_gap_row_that_counts_wrongly_is_found(scene):
    token = scene.job(misfire_window=3)
    scene.fault("kill-all", 8, 30, *NODES)
    for second in range(11, 25):
        scene.forget(token, second)
    scene.row(token, 11, "skipped", "misfire: missed while no node was planning", fires=13,
              gap_end=(ZERO + 24) * 1000, dispatch_time=ZERO + 28)
    assert scene.broken() == ["gap"]


def test_a_gap_row_within_the_misfire_window_is_found(scene):
    token = scene.job(misfire_window=30)
    scene.fault("kill-all", 8, 30, *NODES)
    for second in range(11, 25):
        scene.forget(token, second)
    scene.row(token, 11, "skipped", "misfire: missed while no node was planning", fires=14,
              gap_end=(ZERO + 24) * 1000, dispatch_time=ZERO + 28)
    assert scene.broken() == ["gap"]


@pytest.mark.parametrize("policy", ["skip", "run_latest"])
def test_a_gap_row_is_right_sooner_when_misfires_do_not_all_run(scene, policy):
    token = scene.job(misfire_policy=policy)
    scene.fault("kill-all", 8, 30, *NODES)
    for second in range(11, 25):
        scene.forget(token, second)
    gap = scene.row(token, 11, "skipped", "misfire: missed while no node was planning", fires=14,
                    gap_end=(ZERO + 24) * 1000, dispatch_time=ZERO + 28)
    assert scene.broken() == []
    gap.dispatch_time = ZERO + 25
    assert scene.broken() == ["gap"]


def test_a_gap_row_is_right_at_once_when_the_job_was_stopped_before_anybody_could_plan(scene):
    token = scene.job()
    scene.fault("pause-all", LAST - 8, LAST + 1, *NODES)
    for second in range(LAST - 6, LAST + 1):
        scene.forget(token, second)
    scene.row(token, LAST - 6, "skipped", "misfire: missed while no node was planning", fires=6,
              gap_end=(ZERO + LAST - 1) * 1000, dispatch_time=ZERO + LAST)
    assert scene.broken() == []


def test_a_gap_row_while_nothing_was_wrong_is_found(scene):
    token = scene.job(misfire_window=3)
    for second in range(11, 25):
        scene.forget(token, second)
    scene.row(token, 11, "skipped", "misfire: missed while no node was planning", fires=14,
              gap_end=(ZERO + 24) * 1000, dispatch_time=ZERO + 28)
    assert scene.broken() == ["unexplained"]


def test_a_due_fire_that_is_revoked_is_found(scene):
    token = scene.job()
    scene.forget(token, 20)
    scene.row(token, 20, "revoked", "job-changed")
    assert scene.broken() == ["revoked"]


def test_a_waiting_fire_may_be_revoked_when_its_job_is_stopped(scene):
    token = scene.job(overlap="queue")
    scene.forget(token, LAST - 1)
    scene.row(token, LAST - 1, "revoked", "job-stopped", ended_at=(ZERO + LAST) * 1000 + 20)
    assert scene.broken() == []


def test_a_row_of_a_fire_that_was_not_due_is_found(scene):
    token = scene.job(cron="*/2 * * * * *")
    scene.row(token, 21, "lost", "node-died")
    assert "extra" in scene.broken()


def test_a_fire_may_be_skipped_ahead_of_its_time_and_of_a_change_that_takes_it_away(scene):
    token = scene.job(cron="*/2 * * * * *", is_mutex=1)
    scene.fault("kill-worker", 15, 25)
    for second in range(22, LAST + 1, 2):
        scene.forget(token, second)
    scene.change(token, "stop", 20.5, {**version_of(cron="*/2 * * * * *", is_mutex=1), "stop": True})
    scene.row(token, 22, "skipped", "owner-unreachable: it has just died", dispatch_time=ZERO + 20)
    assert scene.broken() == []
    scene.rows[-1].dispatch_time = ZERO + 22
    assert scene.broken() == ["extra"]


def test_a_row_of_a_job_that_nobody_added_is_found(scene):
    scene.job()
    scene.row("j09", 20, "success")
    assert "stranger" in scene.broken()


def test_a_run_outside_its_window_is_found(scene):
    token = scene.job(window=[ZERO + 10, ZERO + 20])
    scene.ran(token, 20)
    assert scene.broken() == ["extra", "ran in vain"]


def test_a_run_after_a_confirmed_stop_is_found(scene):
    token = scene.job()
    scene.ran(token, LAST + 2)
    assert scene.broken() == ["extra", "ran in vain"]


def test_a_run_after_a_confirmed_delete_is_found_though_its_row_is_revoked(scene):
    token = scene.job()
    scene.changes[-1].update(what="delete", version=None)
    seen, row = scene.ran(token, LAST + 2)
    row.state = "revoked"
    assert "ran in vain" in scene.broken()


def test_a_success_without_a_witness_is_found(scene):
    scene.forget(scene.job(), 20, row=False)
    assert scene.broken() == ["unproven"]


def test_a_success_whose_command_never_ended_is_found(scene):
    seen, _ = scene.find(scene.job(), 20)
    seen.ended = seen.exit_code = None
    assert scene.broken() == ["unproven"]


def test_a_command_that_was_killed_before_its_first_word_is_found_unless_nobody_there_could_speak(scene):
    killed, _, _, other = [scene.job() for _ in range(4)]  # the first and the last are on one node
    _, row = scene.find(killed, 20)
    scene.forget(killed, 20, row=False)
    row.state, row.reason, row.exit_code, row.ended_at = "killed", "requested", None, row.started_at + 1800
    assert "unproven" in scene.broken()
    seen, _ = scene.find(other, 21)
    seen.began += 900_000
    seen.ended += 900_000
    assert "unproven" not in scene.broken()


def test_a_witness_without_a_row_is_found(scene):
    scene.forget(scene.job(), 20, sighting=False)
    assert scene.broken() == ["missing", "unrecorded"]


def test_two_starts_of_one_run_are_found(scene):
    token = scene.job()
    seen, _ = scene.find(token, 20)
    scene.sightings.append(copy.copy(seen))
    assert scene.broken() == ["doubled", "unproven"]


def test_a_second_attempt_is_found_when_the_job_wants_one_at_most(scene):
    token = scene.job()
    scene.ran(token, 20, late=5, attempt=2)
    assert scene.broken() == ["doubled"]


def test_a_second_attempt_is_right_when_the_job_wants_one_at_least(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, delivery="at_least_once")
    scene.fault("kill-worker", 11, 18)
    seen, row = scene.find(token, 10)
    seen.ended = seen.exit_code = row.exit_code = None
    row.state, row.reason = "lost", "node-died: it died"
    scene.ran(token, 10, nap=3, late=2, attempt=2)
    assert scene.broken() == []


def test_an_attempt_that_starts_twice_is_found_even_with_at_least_once(scene):
    token = scene.job(delivery="at_least_once")
    seen, _ = scene.find(token, 20)
    scene.sightings.append(copy.copy(seen))
    assert "doubled" in scene.broken()


def test_a_lost_run_that_is_not_repeated_is_found_with_at_least_once(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, delivery="at_least_once")
    scene.fault("kill-worker", 11, 18)
    seen, row = scene.find(token, 10)
    seen.ended = seen.exit_code = row.exit_code = None
    row.state, row.reason = "lost", "node-died: it died"
    assert scene.broken() == ["once at least"]


def test_a_lost_run_is_not_repeated_for_ever_with_at_least_once(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, delivery="at_least_once")
    scene.fault("kill-worker", 11, 18)
    scene.forget(token, 10)
    for attempt in range(1, 6):
        scene.row(token, 10, "lost", "node-died: it died", attempt, ended_at=(ZERO + 12) * 1000)
    assert scene.broken() == []


def test_a_lost_run_outside_its_misfire_window_is_not_repeated_with_at_least_once(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, delivery="at_least_once", misfire_window=10)
    scene.fault("kill-worker", 11, 18)
    scene.forget(token, 10)
    scene.row(token, 10, "lost", "node-died: it died", ended_at=(ZERO + 21) * 1000)
    assert scene.broken() == []


def test_a_wrong_exit_code_is_found(scene):
    _, row = scene.find(scene.job(cron="*/5 * * * * *", code=3), 20)
    row.exit_code = 4
    assert scene.broken() == ["unlike"]


def test_a_success_of_a_command_that_failed_is_found(scene):
    _, row = scene.find(scene.job(cron="*/5 * * * * *", code=3), 20)
    row.state = "success"
    assert scene.broken() == ["unlike"]


def test_a_row_that_names_another_node_is_found(scene):
    _, row = scene.find(scene.job(), 20)
    row.run_server = NODES[2]
    assert scene.broken() == ["unlike"]


def test_a_skipped_fire_that_ran_is_found(scene):
    scene.fault("mariadb-stop", 10, 25, "mariadb")
    _, row = scene.find(scene.job(), 20)
    row.state, row.reason, row.exit_code = "skipped", "misfire: too late", None
    assert scene.broken() == ["unlike"]


def test_two_runs_of_a_mutex_job_at_once_are_found_by_the_kernels_lock(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, is_mutex=1)
    seen, _ = scene.find(token, 20)
    seen.place = "full"
    assert scene.broken() == ["overlap"]


def test_two_runs_of_a_mutex_job_at_once_are_found_by_the_clock(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, is_mutex=1)
    seen, row = scene.find(token, 20)
    seen.ended += 4_000_000
    assert scene.broken() == ["overlap"]


def test_a_lock_with_a_greater_limit_has_as_many_holders(scene):
    one = scene.job(cron="*/10 * * * * *", nap=2, locks="pool")
    scene.job(cron="*/10 * * * * *", nap=0.5, locks="pool")
    assert scene.broken() == []
    scene.job(cron="1/10 * * * * *", nap=2, locks="pool:2")
    assert set(scene.broken()) == {"lock"}
    scene.jobs[-1]["definition"]["locks"] = "db"
    assert scene.broken() == []
    seen, _ = scene.find(one, 20)
    seen.place = "no:pool"
    assert set(scene.broken()) == {"lock"}


def test_a_run_that_starts_while_a_killed_one_lives_on_is_found_by_the_kernels_lock(scene):
    killed = scene.job(cron="*/20 * * * * *", nap=3, locks="db")
    other = scene.job(cron="8/20 * * * * *", nap=3, locks="db")
    scene.fault("kill-worker", 1, 9)
    seen, row = scene.find(killed, 0)
    seen.ended = seen.exit_code = row.exit_code = None
    row.state, row.reason = "lost", "node-died: it died"
    assert "lock" not in scene.broken()
    scene.find(other, 8)[0].place = "no:db"
    assert "lock" in scene.broken()


def test_a_fire_is_skipped_for_a_lock_only_when_there_is_too_little_of_it(scene):
    scene.job(cron="*/10 * * * * *", nap=4, locks="pool")
    token = scene.job(cron="2/10 * * * * *", locks="pool:2")
    for second in range(2, LAST + 1, 10):
        scene.forget(token, second)
        scene.row(token, second, "skipped", "lock: job 1 holds the lock pool")
    assert scene.broken() == []
    scene.jobs[-1]["definition"]["locks"] = "pool"
    assert scene.broken() == ["unexplained"]
    waits = scene.job(cron="1/10 * * * * *", locks="pool:2", overlap="queue")
    for second in range(1, LAST + 1, 10):
        scene.forget(waits, second)
        scene.row(waits, second, "skipped", "lock: job 1 holds the lock pool", ended_at=(ZERO + second + 3) * 1000)
    assert scene.broken() == []


def test_two_holders_of_a_lock_are_found(scene):
    one = scene.job(cron="*/10 * * * * *", nap=2, locks="db")
    scene.job(cron="5/10 * * * * *", nap=2, locks="ftp,db")
    scene.job(cron="1/10 * * * * *", nap=2, locks="other")
    assert scene.broken() == []
    seen, _ = scene.find(one, 20)
    seen.ended += 4_000_000
    assert "lock" in scene.broken()


def test_a_fire_is_skipped_for_a_lock_only_while_another_run_has_it(scene):
    def skip(token, second):
        seen, row = scene.find(token, second)
        scene.sightings.remove(seen)
        row.state, row.reason, row.exit_code, row.started_at = "skipped", "lock: job 1 holds the lock db", None, None

    scene.job(cron="*/10 * * * * *", nap=4, locks="db")
    token = scene.job(cron="2/10 * * * * *", locks="db")
    for second in range(2, LAST + 1, 10):
        skip(token, second)
    assert scene.broken() == []
    skip(scene.job(cron="8/10 * * * * *", locks="db"), 18)
    assert scene.broken() == ["unexplained"]


def test_a_job_without_locks_is_not_skipped_for_one(scene):
    token = scene.job(cron="*/10 * * * * *")
    scene.job(cron="*/10 * * * * *", nap=2, locks="db")
    seen, row = scene.find(token, 20)
    scene.sightings.remove(seen)
    row.state, row.reason, row.exit_code, row.started_at = "skipped", "lock: job 2 holds the lock db", None, None
    assert scene.broken() == ["unexplained"]


def test_runs_may_overlap_up_to_the_jobs_limit(scene):
    scene.job(cron="*/2 * * * * *", nap=3, max_concurrent=2)
    assert scene.broken() == []
    scene.job(nap=3, max_concurrent=2)
    assert scene.broken() == ["overlap"]


def test_two_waiting_runs_of_a_job_that_queues_are_found(scene):
    token = scene.job(cron="*/5 * * * * *", overlap="queue")
    for second, late in ((20, 8), (25, 3.5)):
        scene.forget(token, second)
        scene.ran(token, second, late=late)
    assert scene.broken() == ["queue"]


def test_one_waiting_run_of_a_job_that_queues_is_right(scene):
    token = scene.job(cron="*/5 * * * * *", overlap="queue")
    for second, late in ((20, 4.5), (25, 3.5)):
        scene.forget(token, second)
        scene.ran(token, second, late=late)
    assert scene.broken() == []


@pytest.mark.parametrize("state", ["planned", "running"])
def test_a_row_that_never_ended_is_found(scene, state):
    token = scene.job()
    scene.forget(token, 20)
    scene.row(token, 20, state, ended_at=None)
    assert scene.broken() == ["open"]


@pytest.mark.parametrize("state, reason", [
    ("lost", "node-died: it died"), ("fenced", "node-isolated: for 10 s"), ("killed", "node-stopped: it drains"),
    ("killed", "on-request: somebody"), ("timeout", "ran longer"), ("failed", "cannot start"),
    ("killed", "replaced by a newer one")])
def test_a_state_without_a_cause_is_found(scene, state, reason):
    token = scene.job(is_mutex=1)
    scene.forget(token, 20)
    scene.row(token, 20, state, reason)
    assert "unexplained" in scene.broken()


@pytest.mark.parametrize("kind", ["refuse-worker", "refuse-dispatcher", "refuse-blinks"])
def test_a_node_that_is_refused_lives_so_that_nothing_of_it_is_lost(scene, kind):
    token = scene.job()
    scene.forget(token, 20)
    _, row = scene.find(token, 19)
    scene.row(token, 20, "lost", "node-died: it died", run_server=row.run_server)
    scene.fault(kind, 15, 30, row.run_server)
    assert "unexplained" in scene.broken()


@pytest.mark.parametrize("reason", ["mutex: still running", "misfire: missed while no node was planning", "no-node: none",
                                    "owner-unreachable: away", "replaced: a newer fire fell due",
                                    "node-isolated: for 10 s", "overload: full", "invalid", ""])
def test_a_skipped_fire_without_a_cause_is_found(scene, reason):
    token = scene.job(is_mutex=1)
    scene.forget(token, 20)
    scene.row(token, 20, "skipped", reason)
    assert scene.broken() == ["unexplained"]


def test_a_mutex_explains_a_skipped_fire_while_another_run_is_alive(scene):
    token = scene.job(cron="*/4 * * * * *", nap=5, is_mutex=1)
    for second in range(0, LAST + 1, 8):
        scene.forget(token, second + 4) if second + 4 <= LAST else None
        if second + 4 <= LAST:
            scene.row(token, second + 4, "skipped", "mutex: the previous run is still running")
    assert scene.broken() == []


def test_a_mutex_does_not_explain_a_skipped_fire_of_a_job_without_one(scene):
    token = scene.job()
    scene.forget(token, 20)
    scene.row(token, 20, "skipped", "mutex: the previous run is still running")
    assert scene.broken() == ["unexplained"]


def test_a_short_cut_does_not_explain_a_fenced_run(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, is_mutex=1)
    seen, row = scene.find(token, 20)
    row.state, row.reason, seen.ended = "fenced", "node-isolated: for 10 s", None
    scene.fault("cut", 18, 22, row.run_server)
    assert scene.broken() == ["unexplained"]
    scene.fault("cut", 22 - LEASE / SECOND, 23, row.run_server)
    assert scene.broken() == []


def test_a_run_that_ended_by_itself_long_before_it_was_fenced_is_found(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3, is_mutex=1)
    _, row = scene.find(token, 20)
    scene.fault("pause-worker", 21, 35, row.run_server)
    row.state, row.reason, row.exit_code = "fenced", "node-isolated: for 14 s", None
    row.ended_at = (ZERO + 35) * 1000
    assert scene.broken() == ["unlike"]


def test_a_run_that_ended_after_it_was_replaced_was_killed_though_its_node_stood_still_then(scene):
    token = scene.job(cron="*/5 * * * * *", nap=7, overlap="replace")
    for second in range(25, LAST + 1, 5):
        scene.forget(token, second)
        scene.row(token, second, "skipped", "replaced: a newer fire fell due")
    for second in range(0, 20, 5):
        scene.forget(token, second)
        scene.row(token, second, "skipped", "replaced: a newer fire fell due")
    _, row = scene.find(token, 20)
    scene.fault("pause-worker", 21, 35, row.run_server)
    row.state, row.exit_code, row.ended_at = "killed", 0, (ZERO + 35) * 1000
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ZERO + 25))
    row.reason = f"replaced: by job 1 at {moment}"
    assert scene.broken() == []
    row.reason = row.reason.replace(moment, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ZERO + 30)))
    assert scene.broken() == ["unlike"]


def test_a_lost_run_whose_node_lives_on_and_knows_better_is_found(scene):
    token = scene.job(cron="*/5 * * * * *", nap=1)
    _, row = scene.find(token, 20)
    scene.fault("cut", 15, 30, row.run_server)
    row.state, row.reason = "lost", "node-died: it vanished"
    assert scene.broken() == ["unexplained"]


def test_a_run_killed_by_a_drain_that_was_long_enough_is_found(scene):
    token = scene.job(cron="*/5 * * * * *", nap=3)
    seen, row = scene.find(token, 20)
    row.state, row.reason, seen.ended = "killed", "node-stopped: it drained", None
    scene.fault("rolling-restart", 20, 30, *NODES)
    assert scene.broken() == ["unexplained"]


def test_a_fire_that_was_handed_to_a_node_after_its_death_and_is_lost_is_found(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.fault("kill-worker", 12, 25)
    node = NODES[1]
    scene.nodes = [life for life in scene.nodes if life["node"] != node]
    scene.life(node, 0, 12)
    scene.forget(token, 20)
    scene.row(token, 20, "lost", "node-died: it died", run_server=node)
    assert scene.broken() == ["unexplained"]


def test_a_late_fire_in_a_calm_time_is_found(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.forget(token, 20)
    scene.ran(token, 20, late=3.2)
    assert scene.broken() == ["late"]


def test_a_late_fire_is_excused_when_the_machine_stood_still(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.forget(token, 20)
    scene.ran(token, 20, late=3.2)
    scene.lags.append((scene.at(23), 3.0))
    assert scene.broken() == []


@pytest.mark.parametrize("took, wanted", [(0.05, ["late"]), (4, [])])
def test_a_late_fire_of_a_change_is_excused_until_the_change_was_answered(scene, took, wanted):
    token = scene.job(cron="20 * * * * *", added=18)
    scene.changes[0]["answered"] = scene.at(18 + took)
    scene.forget(token, 20)
    scene.ran(token, 20, late=3.5)
    assert scene.broken() == wanted


@pytest.mark.parametrize("kind", ["kill-dispatcher", "pause-dispatcher", "cut", "rolling-restart", "consul-kill"])
def test_a_fire_delayed_by_the_dispatchers_end_is_found(scene, kind):
    token = scene.job(cron="*/5 * * * * *")
    scene.fault(kind, 18, 30, NODES[0])
    scene.forget(token, 20)
    scene.ran(token, 20, late=4, node=NODES[1])
    assert scene.broken() == ["late"]


@pytest.mark.parametrize("before, wanted", [("consul-stop", []), ("kill-worker", ["late"])])
def test_a_fire_may_be_late_when_consul_fails_again_before_a_node_is_elected(scene, before, wanted):
    token = scene.job(cron="*/5 * * * * *")
    scene.fault(before, 22, 23)
    scene.fault("consul-pause", 23.5, 38)
    scene.forget(token, 40)
    scene.ran(token, 40, late=4, node=NODES[1])
    assert scene.broken() == wanted


def test_a_fire_that_a_paused_node_held_itself_may_be_late(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.fault("pause-dispatcher", 18, 24, NODES[0])
    scene.forget(token, 20)
    scene.ran(token, 20, late=5, node=NODES[0])
    assert scene.broken() == []


def test_a_fire_before_its_time_is_found(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.forget(token, 20)
    scene.ran(token, 20, late=-0.5)
    assert scene.broken() == ["early"]


def test_a_run_on_request_needs_its_row_and_nobody_runs_unasked(scene):
    token = scene.job()
    scene.ran(token, 20.123, requested_by="torture")
    assert scene.broken() == ["extra"]
    scene.change(token, "run", 20, None, row=scene.rows[-1].id)
    assert scene.broken() == []
    scene.change(token, "run", 21, None, row=4711)
    assert scene.broken() == ["missing"]


def test_a_run_on_request_must_say_who_asked(scene):
    token = scene.job()
    scene.ran(token, 20.123)
    scene.change(token, "run", 20, None, row=scene.rows[-1].id)
    assert scene.broken() == ["unlike"]


def test_a_job_with_a_limit_runs_as_often_as_that_and_no_more(scene):
    token = scene.job(cron="*/5 * * * * *", run_limit=4)
    for second in range(20, LAST + 1, 5):
        scene.forget(token, second)
    assert scene.broken() == []
    scene.ran(token, 20)
    assert scene.broken() == ["limit"]
    scene.forget(token, 20)
    scene.forget(token, 15)
    assert scene.broken() == ["missing"]


def test_a_wrong_number_of_runs_is_found(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.counters[scene.number(token)] = 13
    assert scene.broken() == []
    scene.counters[scene.number(token)] = 12
    assert scene.broken() == ["counter"]


def test_the_command_of_an_older_version_is_found(scene):
    token = scene.job(cron="*/5 * * * * *")
    seen, row = scene.find(token, 20)
    seen.exit_code, row.exit_code, row.state = 7, 7, "failed"
    assert scene.broken() == ["command"]


def test_a_fire_beside_an_update_may_run_either_command(scene):
    token = scene.job(cron="*/5 * * * * *")
    scene.change(token, "update", 19.98, version_of(cron="*/5 * * * * *", code=7))
    for second in range(20, LAST + 1, 5):
        seen, row = scene.find(token, second)
        if second > 20:
            seen.exit_code, row.exit_code, row.state = 7, 7, "failed"
    assert scene.broken() == []


def test_output_that_was_not_recorded_whole_is_found(scene):
    _, row = scene.find(scene.job(), 20)
    row.output_bytes = 17
    assert scene.broken() == ["unlike"]


def test_a_row_that_starts_at_another_time_than_its_command_is_found(scene):
    _, row = scene.find(scene.job(), 20)
    row.started_at -= 4000
    assert scene.broken() == ["unlike"]


def test_a_further_attempt_of_a_run_on_request_is_none_that_nobody_asked_for(scene):
    token = scene.job(nap=1, delivery="at_least_once")
    scene.fault("kill-worker", 20, 25)
    seen, row = scene.ran(token, 20.123, nap=1, requested_by="torture")
    seen.ended = seen.exit_code = row.exit_code = None
    row.state, row.reason = "lost", "node-died: it died"
    scene.ran(token, 20.123, nap=1, late=2, attempt=2)
    scene.change(token, "run", 20, None, row=row.id)
    assert scene.broken() == []


def test_what_the_script_saw_itself_counts(scene):
    scene.notes.append({"rule": "stuck", "words": "node1 does not end", "at": scene.at(3)})
    assert scene.broken() == ["stuck"]


def test_a_broken_line_of_a_witness_is_found(scene):
    assert [violation.rule for violation in Judge(scene.case(odd=["start j01"])).judge()] == ["witness"]


def test_a_violation_names_job_time_row_witness_and_the_faults_of_that_time(scene):
    token = scene.job()
    scene.fault("cut", 18, 22)
    scene.fault("kill-all", -60, -40, *NODES)
    seen, row = scene.find(token, 20)
    row.exit_code = 9
    violation, = Judge(scene.case()).judge()
    assert (violation.token, violation.at, violation.rows, violation.sightings) == (token, scene.at(20), [row], [seen])
    assert [fault["kind"] for fault in violation.faults] == ["cut"]
    assert violation.at == row.scheduled_at * MS


# The audit.


def test_an_audit_that_finds_nothing_and_has_counted_as_many_fires_as_were_due_is_right(scene):
    scene.job(cron="*/10 * * * * *")
    due = sum(row.state == "success" for row in scene.rows)
    scene.audited(due)
    assert scene.broken() == []
    scene.audited(due - 2, fires=1, rows=1)  # as it says of what is near a change
    assert scene.broken() == []


@pytest.mark.parametrize("due", [-2, 5])
def test_an_audit_that_has_counted_other_fires_than_were_due_is_found(scene, due):
    scene.job(cron="*/10 * * * * *")
    scene.audited(sum(row.state == "success" for row in scene.rows) + due)
    assert scene.broken() == ["audit"]


def test_each_finding_of_the_audit_is_one_of_the_judge_with_its_row(scene):
    token = scene.job(cron="*/10 * * * * *")
    _, row = scene.find(token, 20)
    scene.audited(len(scene.rows), status=11, findings=[
        {"kind": "extra", "cron_id": row.cron_id, "scheduled_at": row.scheduled_at, "what": "its job was not due"}])
    violation, = Judge(scene.case()).judge()
    assert (violation.rule, violation.token, violation.rows) == ("audit", token, [row])


def test_an_audit_that_is_not_clean_for_what_it_does_not_list_is_found(scene):
    scene.job(cron="*/10 * * * * *")
    scene.audited(len(scene.rows), status=11)
    assert scene.broken() == ["audit"]


def test_an_audit_that_cannot_be_made_is_found(scene):
    scene.job(cron="*/10 * * * * *")
    scene.audit = {"status": 6, "errors": "peercron: the store is away", "answer": None}
    assert scene.broken() == ["audit"]


# The witnesses' file.


def test_the_lines_of_a_run_make_one_sighting():
    text = ("start j01 5 1800000000000 1 0/1 10.77.0.11:9991 7 99 1800000000004000 0\n"
            "start j02 6 1800000000000 1 2/4 10.77.0.12:9991 7 98 1800000000005000 full\n"
            "end j01 5 1800000000000 1 0/1 10.77.0.11:9991 7 99 1800000000104000 3\n"
            "nonsense\n")
    (first, second), odd = witness.read(text)
    assert (first.run, first.ended, first.exit_code, first.place) == ((5, 1800000000000, 1, 0), 1800000000104000, 3, "0")
    assert abs(first.lateness - 0.004) < 1e-6
    assert (second.ended, second.place, second.part, second.parts) == (None, "full", 2, 4)
    assert odd == ["nonsense"]


# Retries.

@pytest.fixture
def flaky(scene):
    """A job whose fire at second 20 fails, and is tried again 4 s after its end; (scene, token)."""
    token = scene.job(cron="0-59/20 * * * * *", code=7, retries=2, retry_delay=4)
    for second in (0, 40, 60):
        _, row = scene.find(token, second)
        scene.forget(token, second)
        scene.ran(token, second)
    again(scene, token)
    return scene, token


def again(scene, token, after=4.0, attempt=2, code=0):
    """The attempt before it ended some 15 ms after its start."""
    _, before = scene.find(token, 20, attempt - 1)
    late = before.ended_at / 1000 + after - ZERO - 20
    _, row = scene.ran(token, 20, attempt=attempt, late=late + 0.005, code=code)
    row.retry_at = int(before.ended_at + after * 1000)
    return row


def test_a_failure_that_is_tried_again_is_right(flaky):
    scene, _ = flaky
    assert flaky_broken(scene) == []


def flaky_broken(scene):
    for change in scene.changes:
        change["version"]["run"]["flaky"] = True
    return scene.broken()


def test_a_failure_that_is_not_tried_again_is_found(flaky):
    scene, token = flaky
    seen, row = scene.find(token, 20, attempt=2)
    scene.sightings.remove(seen)
    scene.rows.remove(row)
    assert flaky_broken(scene) == ["retry"]


def test_a_failure_that_is_tried_again_too_early_is_found(flaky):
    scene, token = flaky
    seen, row = scene.find(token, 20, attempt=2)
    scene.sightings.remove(seen)
    scene.rows.remove(row)
    again(scene, token, after=3)
    assert set(flaky_broken(scene)) == {"retry"}


def test_a_failure_that_is_tried_again_too_late_is_found(flaky):
    scene, token = flaky
    seen, row = scene.find(token, 20, attempt=2)
    seen.began += 5_000_000
    seen.ended += 5_000_000
    row.started_at += 5000
    row.ended_at += 5000
    assert flaky_broken(scene) == ["retry"]


def test_a_success_that_is_tried_again_is_found(flaky):
    scene, token = flaky
    seen, row = scene.find(token, 20)
    seen.exit_code = row.exit_code = 0
    row.state = "success"
    assert flaky_broken(scene) == ["retry"]


def test_a_retry_that_starts_twice_is_found(flaky):
    scene, token = flaky
    seen, _ = scene.find(token, 20, attempt=2)
    scene.sightings.append(copy.copy(seen))
    assert "doubled" in flaky_broken(scene)


def test_an_exit_code_that_is_left_out_is_not_tried_again(flaky):
    scene, token = flaky
    seen, row = scene.find(token, 20, attempt=2)
    scene.sightings.remove(seen)
    scene.rows.remove(row)
    for change in scene.changes:
        change["version"]["definition"]["retry_on"] = "failed,!7"
    assert flaky_broken(scene) == []


# Daemons.


@pytest.fixture
def worker(scene):
    """A daemon that fails at seconds 3, 8 and 15, and is up from 22 on, until it is stopped: its token."""
    scene.daemon = scene.job(cron=None, nap=3, code=7, kind="daemon", restart_delay=2, restart_max_delay=4)
    for second in (0.001, 5.025, 12.05):
        scene.ran(scene.daemon, second, nap=3, code=7)
    seen, row = scene.ran(scene.daemon, 19.1, nap=41, state="killed", reason="job-stopped")
    seen.ended = seen.exit_code = None
    return scene


def test_a_daemon_that_is_kept_alive_is_clean(worker):
    assert worker.broken() == []
    shares = Judge(worker.case()).figures()["daemons"][worker.daemon]
    assert 0.8 < shares["alive"] < 0.9 and shares["alive_when_possible"] == shares["alive"]


def test_a_cut_is_no_time_in_which_a_daemon_could_have_run(worker):
    worker.fault("cut", 3, 8)  # and ten seconds of aftermath: it is down for a second of what is left
    shares = Judge(worker.case()).figures()["daemons"][worker.daemon]
    assert 0.8 < shares["alive"] < 0.9 and shares["alive_when_possible"] > 0.95


def test_a_back_off_that_was_not_kept_is_found(worker):
    seen, row = worker.find(worker.daemon, 12.05)
    seen.began -= 3_000_000
    row.started_at -= 3000
    assert worker.broken() == ["daemon"]


def test_a_daemon_that_was_not_started_again_is_found(worker):
    worker.forget(worker.daemon, 19.1)
    assert worker.broken() == ["daemon"]


def test_a_daemon_that_was_down_in_a_calm_time_is_found(worker):
    seen, row = worker.find(worker.daemon, 19.1)
    seen.began += 20_000_000
    row.started_at += 20_000
    assert worker.broken() == ["daemon"]
    worker.fault("cut", 20, 38)
    assert worker.broken() == []


def test_a_daemon_that_is_lost_ended_with_its_node(worker):
    seen, row = worker.find(worker.daemon, 12.05)
    seen.ended = seen.exit_code = None
    row.state, row.reason, row.exit_code, row.ended_at = "lost", "node-died", None, row.ended_at + 20_000
    assert "daemon" not in worker.broken(), "nobody knows when it ended"


def test_a_daemon_that_was_started_twice_is_found(worker):
    seen, row = worker.ran(worker.daemon, 30.5, nap=29, state="killed", reason="job-stopped")
    seen.place, seen.ended, seen.exit_code = "full", None, None
    assert "overlap" in worker.broken()


def test_a_daemon_that_is_given_up_says_so(worker):
    worker.forget(worker.daemon, 19.1)
    worker.row(worker.daemon, 15.1, "skipped", "start-limit: 3 starts in a row ended within 30 s")
    for version in (worker.jobs[-1], *(change["version"] for change in worker.changes)):
        version["definition"]["start_limit"] = 3
    assert worker.broken() == []
    seen, row = worker.ran(worker.daemon, 19.1, nap=3, code=7)
    assert "daemon" in worker.broken()


# Pauses.


def paused_scene(scene, outcome="ok", first=21, last=29):
    """A pause from second 20 to 30, in which the fires of these seconds share a row."""
    token = scene.job(tags=jobs.PAUSED)
    scene.changes.append({"what": "pause", "job": "j00", "sent": scene.at(20), "answered": scene.at(20.1),
                          "outcome": outcome, "version": None, "until": ZERO + 30})
    for second in range(first, last + 1):
        scene.forget(token, second)
    row = scene.row(token, first, "skipped", "paused: torture (anonymous)", fires=last - first + 1,
                    gap_end=(ZERO + last) * 1000)
    return token, row


@pytest.mark.parametrize("outcome", ("ok", "unknown"))
def test_a_pause_whose_fires_share_a_row_is_clean(scene, outcome):
    paused_scene(scene, outcome)
    assert scene.broken() == []


def test_a_run_in_a_pause_is_found(scene):
    paused_scene(scene, last=28)
    assert scene.broken() == ["paused"]


def test_what_was_late_may_be_skipped_in_the_second_in_which_a_pause_begins(scene):
    token = scene.job(tags=jobs.PAUSED)
    scene.changes.append({"what": "pause", "job": "j00", "sent": scene.at(20.1), "answered": scene.at(20.2),
                          "outcome": "ok", "version": None, "until": ZERO + 21})
    scene.forget(token, 15)
    scene.row(token, 15, "skipped", "paused: torture (anonymous)", dispatch_time=ZERO + 16,
              ended_at=(ZERO + 20) * 1000 + 150)
    assert "paused" not in scene.broken()


def test_a_row_that_says_paused_after_the_pause_is_found(scene):
    paused_scene(scene, last=30)
    assert scene.broken() == ["paused"]


def test_a_row_that_says_paused_of_a_job_that_no_pause_is_of_is_found(scene):
    token = scene.job()
    scene.forget(token, 20)
    scene.row(token, 20, "skipped", "paused: torture (anonymous)")
    assert scene.broken() == ["paused"]


def test_what_was_due_before_a_pause_does_not_start_in_it(scene):
    token, _ = paused_scene(scene)
    scene.forget(token, 19)
    scene.row(token, 19, "skipped", "paused: torture (anonymous)", ended_at=(ZERO + 22) * 1000)
    assert scene.broken() == []
