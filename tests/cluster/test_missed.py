"""A due fire that did not run for a reason that nobody asked for is an alarm wherever somebody may look."""
import json
import re
import subprocess

import pytest

from harness import BINARY, let_pass, now_ms, running_solo, wait_until

NOT_CLEAN = 11


def ask(node, *arguments, expect=0):
    done = subprocess.run([str(BINARY), *map(str, arguments), "--url", node.url, "--json"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, done
    return json.loads(done.stdout)


@pytest.fixture
def solo():
    with running_solo(["--set", "dispatch.misfire_window=1s"]) as node:
        yield node


def due_while_down(solo, **job):
    """A job that was due once, while the node was down for longer than the misfire window."""
    due = now_ms() // 1000 + 4
    job = solo.add_once("true", due, **job)
    solo.stop()
    wait_until(lambda: now_ms() > (due + 4) * 1000, 30, "the moment is over")
    solo.start()
    wait_until(lambda: solo.ledger([job]), 20, "its row")
    return job, due


def test_a_backup_whose_moment_passed_while_the_node_was_down_is_missed_everywhere(solo):
    job, due = due_while_down(solo, name="backup")
    [row] = solo.ledger([job])
    assert (row.state, row.scheduled_at) == ("skipped", due * 1000) and row.reason.startswith("misfire: "), row

    status = ask(solo, "status")
    assert [run["cron_id"] for run in status["missed"]["list"]] == [job] and status["failed"]["total"] == 0
    text = subprocess.run([str(BINARY), "status", "--url", solo.url], capture_output=True, text=True, timeout=60).stdout
    assert "1 fire or gap was missed" in text and "backup" in text and "misfire" in text, text
    for option in ("--failed", "--missed"):
        assert [run["cron_id"] for run in ask(solo, "log", "list", option)["list"]] == [job], option
    assert f"job {job} (backup) missed its fire of " in solo.log("node")
    metrics = solo.call("GET", "/metrics").body.decode()
    assert re.search(r'^peercron_missed_fires_total{cause="misfire"} 1$', metrics, re.MULTILINE), metrics
    # What has happened just now is not judged yet.
    wait_until(lambda: now_ms() > (due + 10) * 1000, 30, "it can be judged")
    found = ask(solo, "audit", "--from", due - 1, "--to", due + 1, expect=NOT_CLEAN)
    assert [(finding["kind"], finding["cron_id"]) for finding in found["findings"]] == [("missed", job)], found
    assert found["totals"]["missed"] == 1 and not found["totals"]["clean"]


def test_a_fire_that_its_owner_wants_skipped_when_it_is_late_is_none(solo):
    job, due = due_while_down(solo, name="reminder", misfire_policy="skip")
    [row] = solo.ledger([job])
    assert row.state == "skipped" and row.reason.startswith("misfire-policy: "), row
    assert ask(solo, "status")["missed"]["total"] == 0
    assert ask(solo, "log", "list", "--failed")["total"] == 0
    assert "missed" not in solo.log("node")
    let_pass(6)
    found = ask(solo, "audit", "--from", due - 1, "--to", due + 1)
    assert found["totals"]["clean"] and found["totals"]["due"] == 1, found
