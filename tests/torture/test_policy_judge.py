"""The judge of calendars, jitter, chains, requires, shards and sticky jobs lets clean runs pass and finds what is wrong."""
import random

import pytest

import calendars
import jobs
from policy_judge import CalendarHistory, runs_after
from test_judge import LAST, NODES, SECOND, ZERO, Scene, version_of


@pytest.fixture
def scene():
    return Scene()


def skip(scene, token, second, reason, **row):
    """Its run of that second has not been."""
    scene.forget(token, second)
    return scene.row(token, second, "skipped", reason, **row)


# Calendars.


def says(scene, second, *spans, outcome="ok", **more):
    """The calendar "frozen" covers these spans from then on."""
    text = calendars.text_of([(ZERO + begin, ZERO + end) for begin, end in spans])
    scene.changes.append({"what": "calendar", "job": "j00", "calendar": "frozen", "sent": scene.at(second),
                          "answered": scene.at(second + 0.1), "outcome": outcome, "version": text, **more})


def frozen(scene, reason="calendar: in frozen"):
    """A job that is not in a calendar that covers the seconds from 20 to 29, which share a row: (token, row)."""
    says(scene, -4, (20, 30))
    token = scene.job(calendar="!frozen")
    for second in range(20, 30):
        scene.forget(token, second)
    return token, scene.row(token, 20, "skipped", reason, fires=10, gap_end=(ZERO + 29) * 1000)


def test_a_calendar_that_is_kept_is_clean(scene):
    frozen(scene)
    assert scene.broken() == []


def test_a_job_that_must_be_in_a_calendar_runs_only_there(scene):
    says(scene, -4, (20, 30))
    token = scene.job(calendar="frozen")
    for second in (*range(-1, 20), *range(30, LAST + 1)):
        scene.forget(token, second)
    scene.row(token, -1, "skipped", "calendar: not in frozen", fires=21, gap_end=(ZERO + 19) * 1000)
    scene.row(token, 30, "skipped", "calendar: not in frozen", fires=30, gap_end=(ZERO + 59) * 1000)
    assert scene.broken() == []
    scene.ran(token, 45)
    assert "calendar" in scene.broken()


def test_a_fire_that_ran_though_its_calendar_excludes_it_is_found(scene):
    token, row = frozen(scene)
    row.fires, row.gap_end = 9, (ZERO + 28) * 1000
    scene.ran(token, 29)
    assert scene.broken() == ["calendar"]


def test_a_fire_that_a_calendar_does_not_exclude_and_whose_row_says_so_is_found(scene):
    token, _ = frozen(scene)
    skip(scene, token, 35, "calendar: in frozen")
    assert scene.broken() == ["calendar"]


def test_a_row_of_excluded_fires_that_stands_for_another_one_is_found(scene):
    token, row = frozen(scene)
    scene.forget(token, 30)
    row.fires, row.gap_end = 11, (ZERO + 30) * 1000
    assert scene.broken() == ["calendar", "gap"]


def test_excluded_fires_are_not_missed(scene):
    scene.fault("pause-all", 10, 35, *NODES)
    token, row = frozen(scene)
    row.reason, row.dispatch_time = "misfire: missed while no node was planning", ZERO + 100
    assert "calendar" in scene.broken()


def test_missed_fires_and_excluded_ones_among_them_have_a_row_each(scene):
    says(scene, -4, (20, 30))
    token = scene.job(calendar="!frozen", misfire_window=3)
    scene.fault("kill-all", 8, 38, *NODES)
    for second in range(15, 33):
        scene.forget(token, second)
    missed = scene.row(token, 15, "skipped", "misfire: missed while no node was planning", fires=8,
                       gap_end=(ZERO + 32) * 1000, dispatch_time=ZERO + 38)
    scene.row(token, 20, "skipped", "calendar: in frozen", fires=10, gap_end=(ZERO + 29) * 1000, dispatch_time=ZERO + 38)
    assert scene.broken() == []
    missed.fires = 9
    assert scene.broken() == ["gap"]


def test_a_row_of_excluded_fires_may_count_those_that_were_decided_before_the_job_was_stopped(scene):
    says(scene, -4, (LAST - 10, LAST + 10))
    token = scene.job(calendar="!frozen")
    for second in range(LAST - 10, LAST + 1):
        scene.forget(token, second)
    row = scene.row(token, LAST - 10, "skipped", "calendar: in frozen", fires=13, gap_end=(ZERO + LAST + 2) * 1000)
    assert scene.broken() == []
    row.fires, row.gap_end = 15, (ZERO + LAST + 4) * 1000
    assert scene.broken() == ["gap"]


def test_a_calendar_counts_from_its_answer_on(scene):
    token, row = frozen(scene)
    says(scene, 24.5, (40, 50))
    row.fires, row.gap_end = 5, (ZERO + 24) * 1000
    for second in (25, 26, 27, 28, 29):
        scene.ran(token, second)
    for second in range(40, 50):
        scene.forget(token, second)
    scene.row(token, 40, "skipped", "calendar: in frozen", fires=10, gap_end=(ZERO + 49) * 1000)
    assert scene.broken() == []
    scene.forget(token, 26)
    early = scene.row(token, 26, "skipped", "calendar: in frozen")
    assert scene.broken() == [], "that had been decided before the change"
    scene.rows.remove(early)
    scene.ran(token, 26)
    skip(scene, token, 29, "calendar: in frozen")
    assert scene.broken() == ["calendar"]


def test_a_calendar_whose_change_nobody_answered_may_say_either(scene):
    token, _ = frozen(scene)
    says(scene, 15, (50, 55), outcome="unknown")
    skip(scene, token, 52, "calendar: in frozen")
    assert scene.broken() == []


def test_what_nobody_answered_may_be_done_after_the_next_change_and_what_was_answered_not():
    def change(sent, text, outcome, **more):
        return {"sent": sent * SECOND, "answered": (sent + 1) * SECOND, "version": text, "outcome": outcome, **more}

    first, third, look = change(0, "a", "ok"), change(20, "c", "ok"), change(30, "c", "seen")
    silent = CalendarHistory([first, change(10, "b", "unknown"), third, look])
    assert [set(silent.at(at * SECOND)) for at in (5, 15, 25, 35)] == [{"a"}, {"a", "b"}, {"b", "c"}, {"c"}]
    refused = CalendarHistory([first, change(10, "b", "unknown", status=503), third, look])
    assert [set(refused.at(at * SECOND)) for at in (15, 25)] == [{"a", "b"}, {"c"}]


# Jitter.


def jittery(scene, offsets=None, **more):
    """A job whose fires start up to 3 s late."""
    token = scene.job(cron="*/2 * * * * *", jitter=3, **more)
    chance = random.Random(scene.number(token))
    for second in range(0, LAST + 1, 2):
        delay(scene, token, second, offsets if offsets is not None else round(chance.uniform(0, 3), 3))
    return token


def delay(scene, token, second, offset):
    scene.forget(token, second)
    seen, row = scene.ran(token, second, late=offset + 0.005)
    row.retry_at = int((ZERO + second + offset) * 1000)
    return seen, row


def test_fires_within_their_jitter_are_clean(scene):
    jittery(scene)
    jittery(scene)
    assert scene.broken() == []


def test_a_fire_that_starts_later_than_its_jitter_is_found(scene):
    delay(scene, jittery(scene), 20, 3.2)
    assert scene.broken() == ["jitter"]


def test_a_fire_that_starts_before_its_jitter_is_over_is_found(scene):
    token = jittery(scene)
    _, row = delay(scene, token, 20, 1)
    row.retry_at += 1000
    assert scene.broken() == ["early", "jitter"]


def test_a_further_attempt_that_starts_before_the_jitter_is_over_is_found(scene):
    token = jittery(scene, delivery="at_least_once")
    scene.fault("kill-worker", 15, 25)
    scene.forget(token, 20)
    row = scene.row(token, 20, "lost", "node-died: it died", retry_at=(ZERO + 22) * 1000, ended_at=(ZERO + 21) * 1000)
    scene.ran(token, 20, late=2.5, attempt=2)
    assert scene.broken() == []
    row.retry_at += 1000
    assert scene.broken() == ["jitter"]


def test_a_fire_that_starts_late_after_its_jitter_is_found(scene):
    token = jittery(scene)
    _, row = delay(scene, token, 20, 2)
    seen, _ = scene.find(token, 20)
    for name in ("began", "ended"):
        setattr(seen, name, getattr(seen, name) + 3_100_000)
    row.started_at, row.ended_at = row.started_at + 3100, row.ended_at + 3100
    assert scene.broken() == ["late"]


def test_jitter_that_is_always_alike_is_found(scene):
    jittery(scene, offsets=1.5)
    assert scene.broken() == ["jitter"]


def test_two_jobs_that_start_together_each_time_are_found(scene):
    one, other = jittery(scene), jittery(scene)
    for second in range(0, LAST + 1, 2):
        _, row = scene.find(one, second)
        _, same = delay(scene, other, second, row.retry_at / 1000 - ZERO - second)
        same.retry_at = row.retry_at
    assert scene.broken() == ["jitter"]


# Chains.


@pytest.fixture
def chain(scene):
    """Two parents, of which one fails at seconds 20 and 50, and three children; the scene, with their tokens."""
    def parent(name):
        return scene.job(cron="*/10 * * * * *", nap=1, name=name, added=-4)

    scene.good, scene.bad = parent("good"), parent("bad")
    for second in (20, 50):
        scene.forget(scene.bad, second)
        scene.ran(scene.bad, second, nap=1, code=7)
    for change in scene.changes:
        change["version"]["run"]["flaky"], change["version"]["run"]["code"] = True, 7
    for on in ("success", "failure", "end"):
        token = scene.job(cron=None, added=-3, run_after="good,bad", run_after_on=on)
        setattr(scene, on, token)
        for second in range(0, LAST, 10):
            has_failed = second in (20, 50)
            if on == "end" or (on == "failure") == has_failed:
                scene.ran(token, second, late=1.05, requested_by="after bad (job 2: success)")
            else:
                scene.row(token, second, "skipped", "parent: bad ended otherwise")
    # The parents' last fires are due when all are stopped.
    for token in (scene.good, scene.bad):
        scene.forget(token, LAST)
    return scene


def test_a_child_is_skipped_with_a_fire_that_was_excluded_before_its_job_was_stopped(scene):
    says(scene, -4, (LAST - 10, LAST + 10))
    is_open = {"cron": "*/10 * * * * *", "name": "market", "calendar": "!frozen"}
    follows = {"cron": None, "run_after": "market", "run_after_on": "end"}
    parent, child = scene.job(added=-4, **is_open), scene.job(added=-3, **follows)
    for second in range(0, LAST - 10, 10):
        scene.ran(child, second, late=0.05, requested_by="after market (job 1: success)")
    for token, what in ((parent, is_open), (child, follows)):
        scene.change(token, "stop", LAST - 1, version_of(stop=True, **what))
    scene.forget(parent, LAST - 10)
    scene.forget(parent, LAST)
    for second in (LAST - 10, LAST):
        for token, why in ((parent, "calendar: in frozen"), (child, "parent: market was skipped (calendar)")):
            row = scene.row(token, second, "skipped", why, dispatch_time=ZERO + second - 2)
    assert scene.broken() == []
    row.dispatch_time = ZERO + LAST
    assert "extra" in scene.broken()


def test_children_that_run_as_their_parents_ended_are_clean(chain):
    assert chain.broken() == []


@pytest.mark.parametrize("on, second", [("success", 30), ("failure", 20), ("end", 30)])
def test_a_child_without_a_row_is_found(chain, on, second):
    chain.forget(getattr(chain, on), second)
    assert chain.broken() == ["chain"]


@pytest.mark.parametrize("on, second", [("success", 30), ("failure", 20), ("end", 20)])
def test_a_child_that_was_skipped_though_its_parents_ended_as_it_wants_is_found(chain, on, second):
    skip(chain, getattr(chain, on), second, "parent: bad ended otherwise")
    assert chain.broken() == ["chain"]


@pytest.mark.parametrize("on, second", [("success", 20), ("failure", 30)])
def test_a_child_that_ran_though_its_parents_did_not_end_as_it_wants_is_found(chain, on, second):
    token = getattr(chain, on)
    chain.forget(token, second)
    chain.ran(token, second, late=1.05, requested_by="after bad (job 2: failed)")
    assert chain.broken() == ["chain"]


def test_a_child_that_starts_before_its_parents_have_ended_is_found(chain):
    chain.forget(chain.end, 30)
    chain.ran(chain.end, 30, late=0.9, requested_by="after bad (job 2: success)")
    assert chain.broken() == ["chain"]


def test_a_child_that_starts_long_after_its_parents_in_a_calm_time_is_found(chain):
    chain.forget(chain.end, 30)
    chain.ran(chain.end, 30, late=4.5, requested_by="after bad (job 2: success)")
    assert chain.broken() == ["chain"]
    chain.fault("cut", 25, 35)
    assert chain.broken() == []


def test_a_child_that_runs_twice_is_found(chain):
    chain.ran(chain.end, 30, late=2, attempt=2, requested_by="after bad (job 2: success)")
    assert chain.broken() == ["doubled"]


def test_a_child_of_a_fire_that_was_taken_back_is_found(chain):
    chain.forget(chain.bad, 30)
    chain.row(chain.bad, 30, "revoked", "job-changed")
    assert set(chain.broken()) == {"chain", "revoked"}


def test_a_parent_that_counted_as_lost_for_a_while_may_have_failed_for_its_children(chain):
    skip(chain, chain.success, 30, "parent: bad was lost")
    chain.forget(chain.failure, 30)
    chain.ran(chain.failure, 30, late=1.05, requested_by="after bad (job 2: lost)")
    assert chain.broken() == ["chain"]
    chain.fault("cut", 15, 35)
    assert chain.broken() == []


def test_a_child_that_somebody_asked_for_is_found(chain):
    chain.ran(chain.end, 30.5, requested_by="torture")
    assert chain.broken() == ["extra"]


@pytest.mark.parametrize("states, wanted", [
    ("success success", "success end"), ("success failed", "failure end"), ("success skipped", "end"),
    ("skipped skipped", ""), ("lost skipped", "failure end"), ("killed timeout", "failure end")])
def test_the_table_of_what_runs_after_what(states, wanted):
    assert " ".join(on for on in ("success", "failure", "end") if runs_after(on, states.split())) == wanted


# What jobs require.


@pytest.fixture
def needy(scene):
    """A job at seconds 7, 17 … that requires one at seconds 0, 10 …, which fails at 20; the scene, with their tokens."""
    scene.needed = scene.job(cron="*/10 * * * * *", nap=1, name="nightly")
    scene.digest = scene.job(cron="7/10 * * * * *", requires="nightly", requires_wait=2)
    for change in scene.changes:
        change["version"]["run"]["flaky"], change["version"]["run"]["code"] = True, 7
    fails(scene, 20)
    waited(scene, 27)
    return scene


def fails(scene, second):
    scene.forget(scene.needed, second)
    scene.ran(scene.needed, second, nap=1, code=7)


def waited(scene, second, seconds=2, cause="requires"):
    """It was skipped so long after its time."""
    return skip(scene, scene.digest, second, f"{cause}: nightly failed", ended_at=int((ZERO + second + seconds) * 1000) + 5)


def test_a_job_that_runs_when_what_it_requires_has_succeeded_is_clean(needy):
    assert needy.broken() == []


def test_a_run_whose_required_job_has_failed_is_found(needy):
    needy.forget(needy.digest, 27)
    needy.ran(needy.digest, 27)
    assert needy.broken() == ["requires"]


def test_an_older_success_is_not_enough_when_a_later_fire_failed(needy):
    token = needy.job(cron="28 * * * * *", requires="nightly")
    assert needy.broken() == ["requires"]
    needy.forget(token, 28)
    needy.row(token, 28, "skipped", "requires: nightly failed")
    assert needy.broken() == []


def test_a_fire_of_the_same_moment_counts_unless_nobody_could_know_of_it(needy):
    needy.job(cron="20 * * * * *", requires="nightly")
    assert needy.broken() == ["requires"]
    needy.fault("mariadb-stop", 10, 20, "mariadb")
    assert needy.broken() == []


def test_a_success_before_the_fire_before_is_not_enough(scene):
    scene.job(cron="*/30 * * * * *", name="nightly")
    token = scene.job(cron="7/10 * * * * *", requires="nightly")
    for second in (17, 27, 47, 57):
        skip(scene, token, second, "requires: nightly has not fired")
    assert scene.broken() == []
    scene.forget(token, 17)
    scene.ran(token, 17)
    assert scene.broken() == ["requires"]


def test_a_success_that_comes_while_it_waits_is_enough_and_a_later_one_is_not(needy):
    needy.forget(needy.needed, 30)
    needy.ran(needy.needed, 30, nap=7.5)
    _, row = delay(needy, needy.digest, 37, 0.6)
    assert needy.broken() == []
    needy.forget(needy.needed, 30)
    needy.ran(needy.needed, 30, nap=11)
    assert needy.broken() == ["requires"]


def test_a_further_attempt_that_succeeds_is_enough(needy):
    needy.jobs[0]["definition"].update(retries=1, retry_delay=1)
    needy.ran(needy.needed, 20, attempt=2, late=2.05)
    needy.forget(needy.digest, 27)
    needy.ran(needy.digest, 27)
    assert needy.broken() == []


def test_a_fire_that_was_skipped_before_its_wait_was_over_is_found(needy):
    waited(needy, 27, seconds=1)
    assert needy.broken() == ["requires"]


def test_a_fire_that_was_skipped_though_all_that_it_requires_had_succeeded_is_found(needy):
    waited(needy, 37)
    assert needy.broken() == ["requires"]
    needy.fault("mariadb-stop", 25, 30, "mariadb")
    assert needy.broken() == []


def test_a_wait_that_is_said_to_be_ended_by_the_next_fire_is_found_when_it_was_over_before(needy):
    waited(needy, 27, cause="superseded")
    assert needy.broken() == ["requires"]
    waited(needy, 27, seconds=10, cause="superseded")
    needy.jobs[1]["definition"]["requires_wait"] = 15
    fails(needy, 30)
    delay(needy, needy.digest, 37, 4.2)
    assert needy.broken() == []


def test_a_job_that_requires_none_is_not_skipped_for_that(scene):
    token = scene.job()
    skip(scene, token, 20, "requires: nightly failed")
    assert scene.broken() == ["unexplained"]


# Shards.


@pytest.fixture
def sharded(scene):
    """A job whose fires are three runs; the scene, with its token."""
    scene.sharded = scene.job(cron="*/10 * * * * *", spread="shards", shards=3)
    for second in range(0, LAST + 1, 10):
        scene.forget(scene.sharded, second)
        for part in range(3):
            scene.ran(scene.sharded, second, part=part, parts=3, node=NODES[part])
    return scene


def test_fires_with_all_their_parts_are_clean(sharded):
    sharded.counters[1] = 7
    assert sharded.broken() == []


def test_a_part_without_a_row_is_found(sharded):
    seen, row = sharded.find(sharded.sharded, 20, part=1)
    sharded.sightings.remove(seen)
    sharded.rows.remove(row)
    assert sharded.broken() == ["shards"]


def test_a_part_that_there_is_not_is_found(sharded):
    sharded.ran(sharded.sharded, 20, part=3, parts=3)
    assert sharded.broken() == ["shards"]


def test_a_fire_that_is_cut_otherwise_is_found(sharded):
    for part in range(3):
        seen, row = sharded.find(sharded.sharded, 20, part=part)
        seen.parts = row.parts = 4
    assert sharded.broken() == ["shards"]


def test_a_part_that_runs_twice_is_found(sharded):
    sharded.ran(sharded.sharded, 20, part=1, parts=3, attempt=2, late=2)
    assert sharded.broken() == ["doubled"]


def test_a_fire_with_shards_that_did_not_run_at_all_is_one_row(sharded):
    sharded.fault("mariadb-stop", 15, 25, "mariadb")
    for part in range(3):
        seen, row = sharded.find(sharded.sharded, 20, part=part)
        sharded.sightings.remove(seen)
        sharded.rows.remove(row)
    row = sharded.row(sharded.sharded, 20, "skipped", "misfire: too late")
    assert sharded.broken() == []
    row.state, row.reason = "failed", ""
    assert "shards" in sharded.broken()


def test_parts_of_two_fires_may_be_alive_together_but_not_the_same_part(sharded):
    for job in sharded.jobs:
        job["run"]["places"] = 1
    seen, row = sharded.find(sharded.sharded, 20, part=0)
    first, _ = sharded.find(sharded.sharded, 30, part=0)
    seen.ended, row.ended_at = first.began - 1000, first.began // 1000
    assert sharded.broken() == []
    seen.ended, row.ended_at = first.began + 1000, first.began // 1000 + 2
    assert sharded.broken() == ["overlap"]


# Sticky jobs.


def test_a_sticky_job_moves_only_while_something_is_wrong(scene):
    token = scene.job(cron="*/5 * * * * *", spread="sticky")
    assert scene.broken() == []
    seen, row = scene.find(token, 20)
    seen.node = row.run_server = NODES[0]
    assert scene.broken() == ["where"]
    scene.fault("kill-worker", 15, 18)
    assert scene.broken() == []


# The jobs of the plan.


def test_a_plan_has_jobs_of_each_policy_whose_names_are_there_before_they_are_named():
    planned, texts, changes = jobs.generate(random.Random(3), 120, jobs.POLICIES)
    names = set()
    for job in planned:
        definition = job["definition"]
        for field in ("run_after", "requires"):
            assert names >= set(jobs.words_of(definition, field)), definition
        names.add(definition.get("name"))
        assert {word.lstrip("!") for word in jobs.words_of(definition, "calendar")} <= set(texts)
    assert {"calendar", "jitter", "run_after", "requires", "shards", "locks", "run_on"} <= \
        {field for job in planned for field in job["definition"]}
    asked = {change["job"] for change in changes if change["what"] == "run"}
    parents = {name for job in planned for name in jobs.parents_of(job["definition"])}
    assert not [job for job in planned if job["token"] in asked and job["definition"].get("name") in parents]
    for spans in [*texts.values(), *(change["spans"] for change in changes if change["what"] == "calendar")]:
        assert all(begin < end for begin, end in spans) and spans == sorted(spans)
    assert all(jobs.fits(job["definition"], NODES[1]) for job in planned if "node2" in job["kind"])
