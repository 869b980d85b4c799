"""The judge of notices lets what was told well pass, and finds each kind of broken promise."""
import copy

import pytest

from judge import Judge
from test_judge import NODES, ZERO, Scene

WANTS_EACH = {"notify": "witness", "notify_on": "failed,success,skipped,lost"}
WANTS_CHANGES = {"notify": "witness", "notify_on": "failing,recovered"}


class TollingScene(Scene):
    """A scene whose notices came as they should: a message of each run, and one of each change."""

    def __init__(self):
        super().__init__()
        self.outbox = []

    def tell(self, kind, about, job=0, row=None, over=(), node="", since=None, name=None, state="sent"):
        """`about`: seconds."""
        at = int((ZERO + about) * 1000)
        name = name or f"{kind}-{job or node}-{at}"
        run = row and {"scheduled_at": row.scheduled_at, "attempt": row.attempt, "state": row.state}
        data = {"id": name, "kind": kind, "at": at, "cron_id": job, "over": list(over), "node": node, "run": run,
                "since": int((ZERO + since) * 1000) if since is not None else None, "is_reminder": False}
        message = {"type": f"{'job' if job else 'cluster'}.{kind}", "data": data}
        self.notices.append({"at": self.at(about + 1), "header": name, "message": message})
        self.outbox.append({"notice": name, "state": state})
        return name

    def tell_runs(self, token):
        for row in self.rows:
            if row.cron_id == self.number(token):
                word = "failed" if row.state in ("failed", "timeout") else row.state
                self.tell(word, row.ended_at / 1000 - ZERO, row.cron_id, row,
                          name=f"{word}-{row.cron_id}-{row.scheduled_at}-{row.attempt}")

    def drop(self, name, from_outbox=False):
        self.notices = [one for one in self.notices if one["header"] != name]
        if from_outbox:
            self.outbox = [row for row in self.outbox if row["notice"] != name]

    def named(self, name):
        return next(one for one in self.notices if one["header"] == name)


@pytest.fixture
def scene():
    scene = TollingScene()
    scene.each = scene.job(cron="*/10 * * * * *", **WANTS_EACH)
    scene.tell_runs(scene.each)
    return scene


def words(scene):
    """What the judge says about notices, as one text."""
    return "\n".join(violation.words for violation in Judge(scene.case()).judge() if violation.rule == "notice")


def name_of(scene, second, word="success"):
    return f"{word}-{scene.number(scene.each)}-{(ZERO + second) * 1000}-1"


def test_what_was_told_well_is_clean(scene):
    assert scene.broken() == []
    assert len(scene.notices) >= 5


def test_a_message_may_come_twice(scene):
    scene.notices.append(copy.deepcopy(scene.named(name_of(scene, 20))))
    assert scene.broken() == []


@pytest.mark.parametrize("from_outbox", [False, True])
def test_a_missing_one_is_found(scene, from_outbox):
    scene.drop(name_of(scene, 20), from_outbox)
    assert scene.broken() == ["notice"] and "has not come" in words(scene)
    assert ("counts as sent" in words(scene)) is not from_outbox


def test_one_that_is_on_its_way_is_not_missing(scene):
    scene.drop(name_of(scene, 20), from_outbox=True)
    scene.outbox.append({"notice": name_of(scene, 20), "state": "waiting"})
    assert scene.broken() == []


@pytest.mark.parametrize("state", ["refused", "expired"])
def test_one_that_was_given_up_is_found(scene, state):
    next(row for row in scene.outbox if row["notice"] == name_of(scene, 20))["state"] = state
    assert scene.broken() == ["notice"]


def test_of_the_last_seconds_before_the_stop_nothing_must_be_told(scene):
    scene.drop(name_of(scene, 60), from_outbox=True)
    assert scene.broken() == []


def test_an_invented_one_is_found(scene):
    row = scene.find(scene.each, 20)[1]
    scene.tell("failed", 20, row.cron_id, row, name=name_of(scene, 20, "failed"))
    assert scene.broken() == ["notice"]


def test_one_of_a_job_that_wants_none_is_found(scene):
    silent = scene.job(cron="*/10 * * * * *")
    scene.tell_runs(silent)
    assert scene.broken() == ["notice"]


def test_a_second_id_for_the_same_is_found(scene):
    again = copy.deepcopy(scene.named(name_of(scene, 20)))
    again["header"] = again["message"]["data"]["id"] = name_of(scene, 20) + "-again"
    scene.notices.append(again)
    assert scene.broken() == ["notice"] and "has 2 ids" in words(scene)


def test_one_id_for_two_things_is_found(scene):
    other = copy.deepcopy(scene.named(name_of(scene, 30)))
    other["header"] = other["message"]["data"]["id"] = name_of(scene, 20)
    scene.notices.append(other)
    assert scene.broken() == ["notice"] and "stands for two things" in words(scene)


def test_a_header_that_names_another_id_is_found(scene):
    scene.named(name_of(scene, 20))["header"] = "another"
    assert scene.broken() == ["notice"]


def test_a_failure_that_is_tried_again_is_not_told():
    scene = TollingScene()
    token = scene.job(cron="0 0 0 1 1 *", retries=1, retry_delay=2, **WANTS_EACH)
    scene.ran(token, 20, code=1)
    scene.ran(token, 20, late=2.1, attempt=2)
    first, second = (row for row in scene.rows if row.cron_id == scene.number(token))
    second.retry_at = first.ended_at + 2000
    scene.tell_runs(token)
    assert "notice" in scene.broken()
    scene.drop(f"failed-{first.cron_id}-{first.scheduled_at}-1", from_outbox=True)
    assert "notice" not in scene.broken()


def test_what_a_run_was_before_its_row_is_final_may_be_told(scene):
    row = scene.find(scene.each, 20)[1]
    scene.tell("lost", 20, row.cron_id, row, name=name_of(scene, 20, "lost"))
    assert scene.broken() == []


@pytest.mark.parametrize("node", [NODES[0], ""])
def test_what_its_node_skipped_may_have_counted_as_lost(scene, node):
    seen, row = scene.find(scene.each, 20)
    scene.drop(name_of(scene, 20), from_outbox=True)
    scene.sightings.remove(seen)
    row.state, row.reason, row.started_at, row.exit_code, row.run_server = "skipped", "mutex", None, None, node
    for word in ("skipped", "lost"):
        scene.tell(word, 20, row.cron_id, row, name=name_of(scene, 20, word))
    assert ("nothing in the ledger says so" in words(scene)) == (not node)


@pytest.fixture
def changing():
    """Fails at 10, 20 and 30, and is well from 40 on."""
    scene = TollingScene()
    scene.token = scene.job(cron="0 0 0 1 1 *", **WANTS_CHANGES)
    scene.runs = [scene.ran(scene.token, second, code=1 if second < 40 else 0)[1] for second in (10, 20, 30, 40, 43, 46)]
    for row in scene.runs:
        row.requested_by = "anybody"
    number = scene.number(scene.token)
    scene.failing = scene.tell("failing", 10, number, scene.runs[0])
    scene.well = scene.tell("recovered", 40, number, scene.runs[3], over=["failing"])
    return scene


def notices_broken(scene):
    return "notice" in scene.broken()


def test_changes_that_were_told_well_are_clean(changing):
    assert not notices_broken(changing)


def test_a_recovery_that_nobody_was_told_of_is_found(changing):
    changing.drop(changing.well, from_outbox=True)
    assert notices_broken(changing)


def test_a_recovery_from_what_nobody_was_told_is_found(changing):
    changing.drop(changing.failing, from_outbox=True)
    assert notices_broken(changing)


def test_a_change_that_is_told_twice_is_found(changing):
    changing.tell("failing", 20, changing.number(changing.token), changing.runs[1])
    assert notices_broken(changing)


def test_a_failure_that_was_a_success_is_found(changing):
    changing.tell("failing", 43, changing.number(changing.token), changing.runs[4])
    changing.tell("recovered", 46, changing.number(changing.token), changing.runs[5], over=["failing"])
    assert notices_broken(changing)


def test_a_success_may_have_counted_as_lost_while_its_node_was_out_of_reach(changing):
    changing.runs[0].state = "success"
    changing.fault("cut", 8, 15)
    assert "has not failed" not in words(changing)


def test_a_job_that_fails_for_good_must_be_told():
    scene = TollingScene()
    token = scene.job(cron="*/5 * * * * *", code=1, **WANTS_CHANGES)
    assert notices_broken(scene)
    scene.tell("failing", 0, scene.number(token), scene.find(token, 0)[1])
    assert not notices_broken(scene)


@pytest.fixture
def death():
    """A node was dead from 5 to 30."""
    scene = TollingScene()
    scene.nodes[1]["ended"] = scene.at(5)
    scene.life(NODES[1], 130, None)
    scene.fault("kill-worker", 5, 30, NODES[1])
    scene.gone = scene.tell("node-gone", 12, node=NODES[1], since=6)
    scene.back = scene.tell("recovered", 31, node=NODES[1], since=6, over=["node-gone"])
    return scene


def test_a_death_that_was_told_well_is_clean(death):
    assert not notices_broken(death)


def test_a_death_that_nobody_was_told_is_found(death):
    death.drop(death.gone, from_outbox=True)
    death.drop(death.back, from_outbox=True)
    assert notices_broken(death)


def test_a_return_that_nobody_was_told_is_found(death):
    death.drop(death.back, from_outbox=True)
    assert notices_broken(death)


def test_a_death_that_nothing_has_caused_is_found(death):
    death.faults.clear()
    assert notices_broken(death)
