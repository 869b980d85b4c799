"""--wait and log follow: what comes while the command runs."""
import json
import select
import signal
import time

import pytest

from command_line import peercron, start
from fake_node import Text, events, job, open_run, page, run, running_fake_node


def one_after_another(*answers):
    """The answers in turn, the last one again and again."""
    left = list(answers)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def test_run_now_waits_and_gives_the_output_alone(fake):
    fake.answers["POST /cron/run/12"] = open_run(id=502, state="planned")
    fake.answers["GET /log/502"] = one_after_another(open_run(id=502, state="planned"), open_run(id=502), run(id=502))
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert (done.returncode, done.stdout) == (0, "saved 3 files\n")
    assert done.stderr == "peercron: run 502 of job 12: success after 1.23s (exit 0)\n"


@pytest.mark.parametrize("row, outcome", [
    (run(state="failed", exit_code=3), "failed after 1.23s (exit 3)"),
    (run(state="timeout", exit_code=None, term_signal=15, reason="longer than 1 s"),
     "timeout after 1.23s (longer than 1 s, SIGTERM)"),
    (run(state="skipped", started_at=None, exit_code=None, reason="mutex: run 7 is alive", output=""),
     "skipped (mutex: run 7 is alive)"),
])
def test_a_run_without_success_exits_with_10(fake, row, outcome):
    fake.answers["POST /cron/run/12"] = open_run(id=501)
    fake.answers["GET /log/501"] = row
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert (done.returncode, done.stdout) == (10, row["output"])
    assert done.stderr == f"peercron: run 501 of job 12: {outcome}\n"
    assert peercron("job", "run-now", 12, "--wait", "--json", url=fake.url).returncode == 10


def test_a_kill_that_is_waited_for_is_done_when_the_run_was_killed(fake):
    fake.answers["POST /run/kill/501"] = open_run()
    fake.answers["GET /log/501"] = one_after_another(
        open_run(), run(state="killed", exit_code=None, term_signal=15, reason="killed: by ann"))
    done = peercron("run", "kill", 501, "--wait", url=fake.url)
    assert done.returncode == 0
    assert done.stdout == "run 501 of job 12: killed after 1.23s (killed: by ann, SIGTERM)\n"


def test_a_kill_that_came_too_late_exits_with_10(fake):
    fake.answers["POST /run/kill/501"] = open_run()
    fake.answers["GET /log/501"] = run()
    assert peercron("run", "kill", 501, "--wait", url=fake.url).returncode == 10


def test_a_run_is_waited_for_through_a_pause_of_the_node(fake):
    fake.answers["POST /cron/run/12"] = open_run(id=501)
    fake.answers["GET /log/501"] = one_after_another((503, "the store is away"), (503, "the store is away"), run())
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert done.returncode == 0
    assert done.stderr.count("the store is away; waiting for it") == 1


def test_run_follow_prints_what_comes_and_goes_on_where_it_was(fake):
    fake.answers["GET /run/501/output"] = one_after_another(
        events(("output", {"from": 0, "text": "one\n"}), ("bye", {})),
        (503, "this node is stopping"),
        events(("gap", {"from": 101, "to": 150}), ("output", {"from": 150, "text": "two\n"}), ("end", {"state": "failed"})))
    fake.answers["GET /log/501"] = run(state="failed", exit_code=3)
    done = peercron("run", "follow", 501, url=fake.url)
    assert (done.returncode, done.stdout) == (10, "one\ntwo\n"), done
    assert done.stderr == ("peercron: this node is stopping; waiting for it\n"
                           "peercron: 49 bytes of the output are not kept, and left out\n"
                           "peercron: run 501 of job 12: failed after 1.23s (exit 3)\n")
    asked = [asked.query for asked in fake.asked if asked.path == "/run/501/output"]
    assert [query["from"] for query in asked] == ["0", "101", "101"], asked


def test_run_now_follows_and_ends_with_the_outcome(fake):
    fake.answers["POST /cron/run/12"] = open_run(id=501, state="planned")
    fake.answers["GET /run/501/output"] = events(("output", {"from": 0, "text": "saved\n"}), ("end", {"state": "success"}))
    fake.answers["GET /log/501"] = run()
    done = peercron("job", "run-now", 12, "--follow", url=fake.url)
    assert (done.returncode, done.stdout) == (0, "saved\n")
    assert done.stderr == "peercron: run 501 of job 12: success after 1.23s (exit 0)\n"
    assert peercron("job", "run-now", 12, "--follow", "--json", url=fake.url).returncode == 2


def parts_of_a_fire(fake, last_state):
    """Job 12 has three shards: runs 501 to 503, of which the first two succeed."""
    def part(number, row=run, **changes):
        return row(id=501 + number, part=number, parts=3, output=f"part {number}\n", **changes)

    fake.answers["POST /cron/run/12"] = part(0, open_run, state="planned")
    # One has started meanwhile; the other rows of that second are of other fires, and of a retry.
    fake.answers["GET /log/list"] = Ledger(
        part(0, open_run), part(1, open_run, state="planned"), part(2, open_run, state="planned"),
        part(2, scheduled_at=1795219200007) | {"id": 498}, part(2, scheduled_at=1795219200008) | {"id": 504},
        part(1, attempt=2, state="failed") | {"id": 505})
    fake.answers["GET /log/501"] = part(0)
    fake.answers["GET /log/502"] = one_after_another(part(1, open_run), part(1))
    fake.answers["GET /log/503"] = part(2, state=last_state, exit_code=0 if last_state == "success" else 3)


@pytest.mark.parametrize("state, exit_code, status", [("success", 0, 0), ("failed", 3, 10)])
def test_run_now_waits_for_all_parts_of_a_fire(fake, state, exit_code, status):
    parts_of_a_fire(fake, state)
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert (done.returncode, done.stdout) == (status, "part 0\npart 1\npart 2\n"), done
    assert done.stderr == ("peercron: run 501 of job 12, part 0 of 3: success after 1.23s (exit 0)\n"
                           "peercron: run 502 of job 12, part 1 of 3: success after 1.23s (exit 0)\n"
                           f"peercron: run 503 of job 12, part 2 of 3: {state} after 1.23s (exit {exit_code})\n")
    done = peercron("job", "run-now", 12, "--wait", "--json", url=fake.url)
    assert (done.returncode, json.loads(done.stdout)["id"]) == (status, 503 if status else 501)


def test_run_now_follows_the_first_part_and_waits_for_the_others(fake):
    parts_of_a_fire(fake, "failed")
    fake.answers["GET /run/501/output"] = events(("output", {"from": 0, "text": "saved\n"}), ("end", {"state": "success"}))
    done = peercron("job", "run-now", 12, "--follow", url=fake.url)
    assert (done.returncode, done.stdout) == (10, "saved\n"), done
    assert "run 503 of job 12, part 2 of 3: failed" in done.stderr


def test_more_parts_than_one_answer_has_rows_are_waited_for(fake):
    parts = 1003  # a node gives 1,000 at most
    rows = [run(id=501 + number, part=number, parts=parts, output=f"{number}\n") for number in range(parts)]
    rows[-1]["id"] = 7  # its node reported it before the plan was stored
    fake.answers["POST /cron/run/12"] = rows[0]
    fake.answers["GET /log/list"] = Ledger(*rows)
    for row in rows:
        fake.answers[f"GET /log/{row['id']}"] = row
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert (done.returncode, done.stdout.split()) == (0, [str(number) for number in range(parts)])
    lists = [asked.query for asked in fake.asked if asked.path == "/log/list"]
    assert [query["after_id"] for query in lists] == ["0", "1499"], lists


def test_a_part_that_is_not_in_the_log_is_missed(fake):
    parts_of_a_fire(fake, "success")
    fake.answers["GET /log/list"] = page([])
    done = peercron("job", "run-now", 12, "--wait", url=fake.url)
    assert done.returncode == 1, done
    assert "run 501 is one of 3 parts of a fire, of which 0 are in the log" in done.stderr


def test_what_a_node_refuses_ends_the_following(fake):
    fake.answers["GET /run/501/output"] = (404, "there is no row with the id 501 in the log")
    done = peercron("run", "follow", 501, url=fake.url)
    assert (done.returncode, done.stdout) == (3, ""), done
    assert "no row with the id 501" in done.stderr


def test_log_show_has_what_a_running_run_has_written_by_now(fake):
    fake.answers["GET /log/501"] = open_run()
    fake.answers["GET /run/501/output"] = Text("half of it\n")
    done = peercron("log", "show", 501, "--json", url=fake.url)
    assert json.loads(done.stdout)["output"] == "half of it\n"
    fake.answers["GET /run/501/output"] = (503, "its node does not answer")
    done = peercron("log", "show", 501, "--json", url=fake.url)
    assert (done.returncode, json.loads(done.stdout)["output"]) == (0, "")
    assert done.stderr == "peercron: its node does not answer\n"


class Ledger:
    """The rows behind /log/list, as a node answers from them."""

    def __init__(self, *rows):
        self.rows = list(rows)

    def put(self, row):
        self.rows = [row if old["id"] == row["id"] else old for old in self.rows]
        if row not in self.rows:
            self.rows.append(row)

    def __call__(self, asked):
        query = asked.query
        rows = sorted(self.rows, key=lambda row: -row["id"])
        if "cron_id" in query:
            rows = [row for row in rows if row["cron_id"] == int(query["cron_id"])]
        if "from" in query:
            rows = [row for row in rows if row["scheduled_at"] >= int(query["from"]) * 1000]
        if "ids" in query:
            wanted = set(map(int, query["ids"].split(",")))
            rows = [row for row in rows if row["id"] in wanted]
        elif "after_id" in query:
            rows = [row for row in reversed(rows) if row["id"] > int(query["after_id"])]
        elif "state" in query:
            rows = [row for row in rows if row["state"] == query["state"]]
        else:
            rows = [row for row in rows if row["state"] != "planned"]
        limit = int(query.get("limit", 50))
        begin = (int(query.get("page", 1)) - 1) * limit
        return page(rows[begin:begin + limit], len(rows))


@pytest.fixture
def ledger(fake):
    fake.answers["GET /log/list"] = Ledger(run(id=1), open_run(id=2), open_run(id=3, state="planned"), run(id=4))
    return fake.answers["GET /log/list"]


@pytest.fixture
def follow(fake):
    started = []

    def begin(*arguments):
        started.append(start("log", "follow", *arguments, url=fake.url))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def next_line(stream):
    """The next line, when there is one soon."""
    ready, _, _ = select.select([stream], [], [], 20)
    assert ready, "no line within 20 s"
    return stream.readline()


def wait_for_poll(fake):
    """Until everything that was there before has been looked at twice."""
    seen = len([asked for asked in fake.asked if "after_id" in asked.query])
    limit = time.monotonic() + 20
    while len([asked for asked in fake.asked if "after_id" in asked.query]) < seen + 2:
        assert time.monotonic() < limit, fake.asked[-5:]
        time.sleep(0.02)


def end(process, number=signal.SIGINT):
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def ids(out):
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_follow_prints_each_row_once_when_it_has_ended(fake, ledger, follow):
    process = follow("--json")
    wait_for_poll(fake)
    ledger.put(run(id=5))
    ledger.put(open_run(id=6, state="planned"))
    wait_for_poll(fake)
    ledger.put(run(id=2))
    ledger.put(open_run(id=6))
    wait_for_poll(fake)
    ledger.put(run(id=3, state="revoked"))
    ledger.put(run(id=6, state="failed", exit_code=1))
    wait_for_poll(fake)
    status, out, err = end(process)
    assert (status, err) == (0, "")
    assert ids(out) == [5, 2, 3, 6]


def test_follow_since_shows_first_what_has_ended_the_oldest_first(fake, ledger, follow):
    process = follow("--json", "--since", "2026-11-21T00:00:00Z")
    wait_for_poll(fake)
    status, out, _ = end(process)
    assert (status, ids(out)) == (0, [1, 4])


def test_follow_may_be_of_one_job_and_of_failures(fake, ledger, follow):
    fake.answers["GET /cron/list"] = [job()]
    process = follow("--json", "--job", "backup", "--failed")
    wait_for_poll(fake)
    ledger.put(run(id=7))
    ledger.put(run(id=8, cron_id=99, state="failed"))
    ledger.put(run(id=9, state="timeout"))
    wait_for_poll(fake)
    status, out, _ = end(process)
    assert (status, ids(out)) == (0, [9])


TITLES = "SCHEDULED            JOB                  STATE      TOOK EXIT    NODE, REASON OR OUTPUT\n"


def test_follow_is_ended_by_sigterm_as_well(fake, ledger, follow):
    process = follow()
    wait_for_poll(fake)
    assert end(process, signal.SIGTERM) == (0, TITLES, "")


def test_follow_prints_lines_for_people(fake, ledger, follow):
    fake.answers["GET /cron/12"] = job()
    process = follow()
    wait_for_poll(fake)
    ledger.put(run(id=5))
    ledger.put(run(id=6, state="skipped", reason="mutex: run 5 is alive", started_at=None, exit_code=None, output="",
                   run_server=""))
    wait_for_poll(fake)
    _, out, _ = end(process)
    assert out == TITLES + (
        "2026-11-21 01:00:00  12 backup            success   1.23s 0       127.0.0.1:9993  saved 3 files\n"
        "2026-11-21 01:00:00  12 backup            skipped                 mutex: run 5 is alive\n")


def test_follow_survives_a_restart_of_the_node_and_misses_nothing(fake, ledger, follow):
    process = follow("--json")
    wait_for_poll(fake)
    fake.stop()
    complaint = next_line(process.stderr)
    assert "no node answers" in complaint and complaint.endswith("; waiting for it\n")
    ledger.put(run(id=5))
    ledger.put(run(id=2))
    with running_fake_node(fake.port) as again:
        again.answers["GET /log/list"] = ledger
        assert next_line(process.stderr) == "peercron: the node answers again\n"
        wait_for_poll(again)
        status, out, err = end(process)
    assert (status, sorted(ids(out)), err) == (0, [2, 5], "")


def test_follow_ends_when_the_node_refuses(fake, ledger, follow):
    process = follow()
    wait_for_poll(fake)
    fake.answers["GET /log/list"] = (401, "the token is not known")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 5
    assert "the token is not known" in err
