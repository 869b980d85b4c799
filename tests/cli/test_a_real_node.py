"""Whole journeys against a real node."""
import datetime
import http.server
import io
import json
import re
import threading
import time

import pytest

from command_line import peercron, start
from harness import wait_until
from test_waiting import next_line


@pytest.fixture
def node(node_url):
    """Runs the program against the node, which has no jobs before and after."""
    def call(*arguments, expect=0, **more):
        done = peercron(*arguments, url=node_url, **more)
        assert done.returncode == expect, done
        return done

    call("job", "clear", "--yes")
    call.url = node_url
    yield call
    call("job", "clear", "--yes")


def data(done):
    return json.loads(done.stdout)


def test_a_job_lives_from_add_to_delete(node):
    added = data(node("job", "add", "--name", "hello", "--cron", "0 0 1 1 *", "--remark", "grüße", "--json", "--",
                      "echo", "hello, world", "[a]"))
    assert (added["name"], added["command"], added["remark"]) == ("hello", "echo 'hello, world' '[a]'", "grüße")
    assert data(node("job", "show", "hello", "--json"))["id"] == added["id"]
    assert data(node("job", "show", added["id"], "--json"))["name"] == "hello"
    [listed] = data(node("job", "list", "--json"))
    assert {**listed, **added} == listed, listed
    assert node("job", "list", "--quiet").stdout == "hello\n"
    assert "hello, world" in node("job", "list").stdout

    updated = data(node("job", "update", "hello", "--timeout", "90s", "--mutex", "--name", "greeting", "--json"))
    assert (updated["id"], updated["timeout"], updated["is_mutex"]) == (added["id"], 90, True)
    node("job", "show", "hello", expect=3)

    assert data(node("job", "stop", "greeting", "--json"))["stop"] is True
    assert data(node("job", "count", "--json")) == {"total": 1, "enabled": 0, "stopped": 1}
    assert data(node("job", "start", "greeting", "--json"))["stop"] is False
    assert node("job", "delete", "greeting").stdout == f"job {added['id']} (greeting) deleted\n"
    node("job", "delete", added["id"], expect=3)


def test_adding_the_same_named_job_again_is_a_conflict_or_an_update(node):
    first = data(node("job", "add", "--name", "a", "--every", "1h", "--limit", 3, "--json", "--", "true"))
    assert (first["cron_set"], first["run_limit"]) == ("@every 3600s", 3)
    node("job", "add", "--name", "a", "--every", "2h", "--", "true", expect=4)
    again = data(node("job", "add", "--name", "a", "--every", "2h", "--replace", "--json", "--", "true"))
    assert (again["id"], again["cron_set"], again["run_limit"]) == (first["id"], "@every 7200s", 0)


def test_each_form_of_a_schedule_is_understood(node):
    forms = {"--cron": ("*/5 * * * *", "*/5 * * * *"), "--every": ("90s", "@every 90s"),
             "--at": ("2099-01-01T01:00:00+01:00", "@at 2099-01-01T00:00:00Z"), "--after": ("1h", "@at ")}
    for option, (given, begin) in forms.items():
        job = data(node("job", "add", option, given, "--json", "--", "true"))
        assert job["cron_set"].startswith(begin), job


def test_the_misfire_window_can_be_set_and_left_to_the_configuration_again(node):
    job = data(node("job", "add", "--every", "1h", "--misfire-window", "2m", "--json", "--", "true"))
    assert job["misfire_window"] == 120
    assert data(node("job", "update", job["id"], "--misfire-window", 0, "--json"))["misfire_window"] == 0
    assert data(node("job", "update", job["id"], "--misfire-window", "default", "--json"))["misfire_window"] is None


def test_bad_input_is_refused_in_the_nodes_words(node):
    done = node("job", "add", "--cron", "99 * * * *", "--", "true", expect=2)
    assert "minute '99'" in done.stderr
    assert "--tz: time zone" in node("job", "add", "--cron", "@daily", "--tz", "Mars/Base", "--", "true", expect=2).stderr
    assert "limit" in node("job", "list", "--limit", 100000, expect=2).stderr
    assert "state" in node("log", "list", "--state", "gone", expect=2).stderr
    for arguments in (["job", "show", 999999999], ["log", "show", 999999999], ["run", "kill", 999999999],
                      ["job", "run-now", 999999999]):
        node(*arguments, expect=3)


def test_a_stopped_job_runs_now_and_its_row_tells_all(node):
    node("job", "add", "--name", "once", "--every", "1h", "--stopped", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    done = node("job", "run-now", "once", "--wait", expect=10)
    assert done.stdout == "out\nerr\n"
    run = re.fullmatch(r"peercron: run (\d+) of job \d+[^:]*: failed after \S+ \(.*exit 3\)\n", done.stderr)[1]
    row = data(node("log", "show", run, "--json"))
    assert (row["state"], row["exit_code"], row["output"]) == ("failed", 3, "out\nerr\n")
    assert row["requested_by"] != ""
    assert data(node("log", "list", "--job", "once", "--failed", "--json"))["list"] == [row]
    assert f"{run} " in node("status").stdout
    assert "failed" in node("run", "kill", run, expect=4).stderr


def test_a_job_with_shards_runs_all_its_parts_and_ends_as_the_worst(node):
    added = data(node("job", "add", "--name", "cut", "--cron", "0 0 1 1 *", "--spread", "shards", "--shards", 4, "--json",
                      "--", "sh", "-c", 'echo "$PEERCRON_SHARD of $PEERCRON_SHARDS"; test "$PEERCRON_SHARD" != 3'))
    assert (added["spread"], added["shards"]) == ("shards", 4)
    done = node("job", "run-now", "cut", "--wait", expect=10)
    assert done.stdout == "0 of 4\n1 of 4\n2 of 4\n3 of 4\n"
    outcomes = re.findall(r"part (\d) of 4: (\w+) after", done.stderr)
    assert outcomes == [("0", "success"), ("1", "success"), ("2", "success"), ("3", "failed")], done
    row = data(node("job", "run-now", "cut", "--wait", "--json", expect=10))
    assert (row["part"], row["state"]) == (3, "failed")


def test_alone_a_job_at_every_node_is_one_part_which_belongs_to_the_node(node):
    added = data(node("job", "add", "--name", "everywhere", "--cron", "0 0 1 1 *", "--spread", "every", "--json",
                      "--", "sh", "-c", 'echo "$PEERCRON_SHARD of $PEERCRON_SHARDS"'))
    assert added["spread"] == "every"
    assert node("job", "run-now", "everywhere", "--wait").stdout == "0 of 1\n"
    row = data(node("job", "run-now", "everywhere", "--wait", "--json"))
    assert (row["parts"], row["for_node"]) == (1, row["run_server"])
    assert re.search(rf"belongs to +{row['run_server']}", node("log", "show", row["id"]).stdout)
    again = data(node("run", "again", row["id"], "--wait", "--json"))
    assert (again["attempt"], again["for_node"]) == (2, row["for_node"])
    refused = node("job", "update", "everywhere", "--locks", "ftp", expect=2)
    assert "runs with locks are at one node" in refused.stderr, refused
    refused = node("job", "backfill", "everywhere", "--from", "yesterday", expect=4)
    assert "runs at every node, and no backfill" in refused.stderr, refused


def test_a_run_is_killed_by_its_id(node):
    node("job", "add", "--name", "long", "--every", "1h", "--stopped", "--", "sleep", 600)
    run = data(node("job", "run-now", "long", "--json"))["id"]
    done = node("run", "kill", run, "--wait")
    assert f"run {run} of job" in done.stdout and ": killed" in done.stdout
    node("run", "kill", run, expect=4)


def test_a_fire_is_tried_again_by_its_id_or_given_up(node):
    node("job", "add", "--name", "flaky", "--cron", "0 0 1 1 *", "--retries", 2, "--retry-delay", "1h", "--retry-on", "failed,!9",
         "--", 'test "$PEERCRON_ATTEMPT" = 3')
    run = data(node("job", "run-now", "flaky", "--json"))["id"]

    def waiting(attempt):
        rows = data(node("log", "list", "--job", "flaky", "--state", "planned", "--json"))["list"]
        return next((row for row in rows if row["attempt"] == attempt), None)

    second = wait_until(lambda: waiting(2), 20, "an attempt that waits")
    assert second["retry_at"] > second["scheduled_at"]
    assert "retry at" in node("log", "show", second["id"]).stdout
    assert "failed" in node("run", "retry", run, "--wait", expect=10).stdout
    wait_until(lambda: waiting(3), 20, "a third")
    assert "attempt 3 of job" in node("run", "give-up", run).stdout
    node("run", "give-up", run, expect=4)
    node("job", "update", "flaky", "--command", "true")
    assert "success" in node("run", "retry", run, "--wait").stdout
    assert "succeeded" in node("run", "retry", run, expect=4).stderr
    assert "--retry-on: given" in node("job", "update", "flaky", "--retry-on", "lost", expect=2).stderr
    assert "--retries: given" in node("job", "update", "flaky", "--retries", "101", expect=2).stderr


def test_follow_shows_each_fire_once(node):
    job = data(node("job", "add", "--name", "tick", "--every", "1s", "--limit", 3, "--json", "--", "echo", "tock"))["id"]
    process = start("log", "follow", "--job", job, "--since", "1m", "--json", url=node.url)
    try:
        rows = [json.loads(next_line(process.stdout)) for _ in range(3)]
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        process.communicate()
    assert len({row["id"] for row in rows}) == 3
    assert all((row["state"], row["output"]) == ("success", "tock\n") for row in rows)


def test_the_node_itself_is_shown(node):
    nodes = data(node("node", "list", "--json"))
    assert nodes["dispatcher"] in [each["name"] for each in nodes["nodes"]]
    text = node("status").stdout
    assert f"{nodes['dispatcher']} dispatches" in text
    assert "0 jobs: 0 enabled, 0 stopped" in text


def test_a_fire_with_jitter_starts_when_its_row_says(node):
    node("job", "add", "--name", "spread", "--cron", "*/2 * * * * *", "--jitter", "1s", "--", "true")

    def ended():
        rows = data(node("log", "list", "--job", "spread", "--state", "success", "--json"))["list"]
        return rows if len(rows) >= 4 else None

    rows = wait_until(ended, 120, "four runs")
    offsets = set()
    for row in rows:
        due = row["retry_at"] or row["scheduled_at"]
        offsets.add(due - row["scheduled_at"])
        assert row["started_at"] >= due, row
    assert min(offsets) >= 0 and max(offsets) <= 1000 and len(offsets) > 1, offsets
    node("job", "stop", "spread")


def test_a_pause_lasts_as_long_as_it_is_said(node):
    pause = data(node("pause", "add", "--tag", "db", "--for", "1h30m", "--json"))
    assert abs(pause["until"] - pause["begins_at"] - 5_400_000) <= 2000, pause
    later = data(node("pause", "add", "--tag", "db", "--from", "2099-01-01T00:00:00Z", "--for", "90", "--json"))
    assert later["until"] - later["begins_at"] == 90_000, later
    assert "--until, and only one" in node("pause", "add", "--until", "23:00", "--for", "10m", expect=2).stderr
    assert "--for" in node("pause", "add", "--for", "soon", expect=2).stderr
    node("pause", "end", "--tag", "db")


def test_a_variable_that_is_not_set_pauses_nothing(node):
    for words in (["add", "--for", ""], ["add", "--until", ""], ["add", "--from", "", "--for", "1m"],
                  ["add", "--tag", "", "--for", "1m"], ["end", "--tag", ""], ["end", ""]):
        assert 'given ""' in node("pause", *words, expect=2).stderr, words
    assert data(node("pause", "list", "--json")) == []


def test_what_is_paused_is_said_where_one_looks(node):
    node("job", "add", "--every", "1h", "--name", "hourly", "true")
    node("job", "stop", "hourly")
    begin = f"{datetime.datetime.now() + datetime.timedelta(hours=2):%Y-%m-%d %H:%M:00}"
    assert f"of tag none from {begin} until 2099-01-01" in node(
        "pause", "add", "--tag", "none", "--from", begin, "--until", "2099-01-01").stdout
    assert "paused" not in node("status").stdout
    node("pause", "add", "--reason", "upgrade")
    assert "paused: all jobs until somebody ends it: upgrade, by " in node("status").stdout
    assert len(data(node("status", "--json"))["pauses"]) == 1
    assert ", paused until somebody ends it: upgrade, by " in node("job", "start", "hourly").stdout
    node("pause", "end")
    node("pause", "end", "--tag", "none")
    assert ", next run " in node("job", "start", "hourly").stdout


def test_a_span_that_has_begun_ends_after_its_begin(node):
    """What an hour is called at half past is no span of minus 23 hours."""
    begin, end = (f"{datetime.datetime.now() + datetime.timedelta(hours=hours):%H:%M:%S}" for hours in (-1, 1))
    pause = data(node("pause", "add", "--tag", "none", "--from", begin, "--until", end, "--json"))
    assert pause["until"] - pause["begins_at"] == 7_200_000, pause
    assert pause["begins_at"] / 1000 > time.time(), "the next one"
    node("pause", "end", "--tag", "none")
    job = data(node("job", "add", "--every", "1s", "--start", begin, "--end", end, "--json", "true"))
    assert job["end_time"] - job["start_time"] == 7200, job
    node("job", "delete", job["id"])
    node("log", "list", "--since", begin, "--until", end)
    node("audit", "--from", begin, "--to", end)


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_channel_lives_from_add_to_delete(node, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        secret = tmp_path / "secret"
        secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        url = f"http://127.0.0.1:{server.server_port}/T0PS3CRET"
        added = data(node("channel", "add", "cli-ops", "webhook", f"url={url}", f"secret=@{secret}", "--tags", "db",
                          "--json"))
        assert (added["name"], added["settings"]["secret"], added["tags"]) == ("cli-ops", "***", ["db"]), added
        listed = node("channel", "list").stdout
        assert "cli-ops" in listed and "T0PS3CRET" not in listed and "whsec" not in listed, listed
        tried = node("channel", "test", "cli-ops").stdout
        assert "204" in tried and "T0PS3CRET" not in tried, tried
        changed = data(node("channel", "update", "cli-ops", "secret=", "--stopped", "--json"))
        assert changed["settings"].keys() == {"url"}, changed
        assert data(node("channel", "deliveries", "cli-ops", "--json")) == []
        node("channel", "delete", "cli-ops")
        node("channel", "test", "cli-ops", expect=3)
        server.shutdown()


def test_a_job_whose_retries_run_into_its_next_fire_has_failed(node):
    messages = []

    class Keep(Hook):
        def do_POST(self):
            messages.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.rfile = io.BytesIO()
            super().do_POST()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keep) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        node("channel", "add", "cli-sync", "webhook", f"url=http://127.0.0.1:{server.server_port}/")
        node("job", "add", "--name", "sync", "--every", "3s", "--retries", "3", "--retry-delay", "5s", "--notify", "cli-sync",
             "--", "sh", "-c", "echo no route to host; exit 7")
        wait_until(lambda: messages, 30, "it is told")
        node("job", "stop", "sync")
        assert "attempt 2: skipped" in messages[0] and "attempt 1: failed with exit code 7" in messages[0], messages
        assert "no route to host" in messages[0], messages
        assert data(node("job", "show", "sync", "--json"))["last_state"] == "failed"
        first = data(node("log", "list", "--job", "sync", "--json"))["list"][-1]["scheduled_at"] // 1000
        why = node("why", "sync", first).stdout
        assert "failed after" in why and "with exit code 7 (attempt 1 of 4). It was not tried again: " in why, why
        node("job", "delete", "sync")
        node("channel", "delete", "cli-sync")
        server.shutdown()


def test_a_calendar_lives_from_add_to_delete(node, tmp_path):
    added = node("calendar", "add", "freeze", "--dates", "2099-12-20..2099-12-31", "--remark", "end of the year")
    assert "calendar freeze added; next: never" in added.stdout, added
    holidays = tmp_path / "holidays.ics"
    holidays.write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nDTEND:20261227\nRRULE:FREQ=YEARLY\nEND:VEVENT\n"
                        "END:VCALENDAR\n")
    node("calendar", "add", "holidays", "--ical", holidays)
    node("job", "add", "--name", "report", "--cron", "0 12 * * *", "--calendar", "workdays, !holidays", "--", "true")
    listed = node("calendar", "list").stdout
    for name in ("freeze", "holidays", "weekends", "workdays"):
        assert name in listed, listed
    assert "!report" in listed and "1 event" in listed and "1 events" not in listed, listed
    assert "12-25.." in node("calendar", "show", "holidays", "--tz", "Asia/Tokyo").stdout
    assert node("calendar", "show", "holidays", "--print-ical").stdout == holidays.read_text()
    fires = data(node("job", "show", "report", "--json"))["next"]
    assert all(datetime.date.fromisoformat(fire[:10]).weekday() < 5 for fire in fires), fires

    dry = node("calendar", "set", "freeze", "--dates", "mon..sun", "--dry-run")
    assert "would be changed" in dry.stdout, dry
    assert data(node("calendar", "show", "freeze", "--json"))["dates"] == "2099-12-20..2099-12-31"
    holidays.write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nRRULE:FREQ=HOURLY\nEND:VEVENT\nEND:VCALENDAR\n")
    refused = node("calendar", "set", "holidays", "--ical", holidays, expect=2)
    assert 'ical: line 4: RRULE: given "FREQ=HOURLY"; FREQ=DAILY' in refused.stderr, refused
    assert "did you mean freeze?" in node("job", "update", "report", "--calendar", "freez", expect=2).stderr
    assert "excluded by calendar" in node("job", "update", "report", "--cron", "0 12 * * sun", expect=2).stderr
    assert "used by report (job" in node("calendar", "delete", "holidays", expect=4).stderr

    node("job", "update", "report", "--calendar", "")
    assert "calendar holidays deleted" in node("calendar", "delete", "holidays").stdout
    assert "holidays" not in node("calendar", "list").stdout
    assert "there is no calendar" in node("calendar", "show", "holidays", expect=3).stderr
    node("job", "delete", "report")
    node("calendar", "delete", "freeze")
