"""One node that is alone: what it keeps over restarts and kills, and what it refuses to start with."""
import contextlib
import fcntl
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess

import pytest

from harness import (BINARY, HOST, ROOT, Witness, assert_each_fire_once, assert_witnessed, due_seconds, let_pass, now_ms,
                     request, running_solo, wait_until)

NEVER = "0 0 0 1 1 * 2199"


@pytest.fixture
def solo():
    with running_solo() as node:
        yield node


def refusal(node, **other):
    """What a start says that must fail."""
    done = subprocess.run(node.arguments(**other), capture_output=True, text=True, timeout=30)
    assert done.returncode in (1, 2), done
    return done.stderr


def test_a_restart_keeps_jobs_rows_and_counters_and_begins_a_new_term(solo):
    job = solo.add("echo kept", name="kept")
    wait_until(lambda: solo.api(f"/cron/{job}")["run_num"] >= 2, 20, "two runs")
    epoch = solo.api("/node/list")["epoch"]
    solo.stop()
    assert solo.process.returncode == 0
    stopped = now_ms()
    let_pass(2)
    solo.start()
    assert solo.api("/cron/list?name=kept")["list"][0]["id"] == job
    wait_until(lambda: solo.api("/node/list")["epoch"] > epoch, 20, "a new term")
    started = now_ms()
    let_pass(2)
    solo.stop_jobs([job])
    rows = solo.wait_final([job])
    # What fell due meanwhile ran late: it is within the misfire window.
    first = min(row.scheduled_at for row in rows)
    assert_each_fire_once(rows, [job], due_seconds(first - 1, started))
    assert {row.state for row in rows if row.scheduled_at < started} == {"success"}, rows
    assert [row for row in rows if stopped < row.scheduled_at < started]


# A step is made for its own sake, or, when the table of jobs is read that often, as a rule before the table may change.
@pytest.mark.parametrize("poll_interval", ["100ms", "1m"])
def test_what_was_being_planned_when_it_was_stopped_still_runs(poll_interval):
    with running_solo(["--set", f"dispatch.poll_interval={poll_interval}"]) as solo:
        job = solo.add("echo planned")
        wait_until(lambda: solo.api(f"/cron/{job}")["run_num"] >= 1, 20, "a run")
        # Nobody can write while this holds the file's lock; there is a plan to be written each second.
        with contextlib.closing(sqlite3.connect(solo.folder / "data" / "peercron.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            known = database.execute("SELECT MAX(scheduled_at) FROM log").fetchone()[0]
            wait_until(lambda: b"\npeercron_steps_waiting 0\n" not in solo.call("GET", "/metrics").body, 20,
                       "the next fire is being planned")
            solo.process.terminate()
            wait_until(lambda: "told to stop" in solo.log("node"), 20, "it stops")
            database.execute("COMMIT")
        assert solo.process.wait(timeout=30) == 0, solo.log("node")[-2000:]
        rows = solo.ledger([job])
        assert max(row.scheduled_at for row in rows) > known and {row.state for row in rows} == {"success"}, rows


def test_a_disk_that_stays_busy_is_told_of_as_it_is_for_a_node_that_is_alone(solo):
    solo.add("echo busy")
    with contextlib.closing(sqlite3.connect(solo.folder / "data" / "peercron.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        begun = now_ms()
        wait_until(lambda: "the ledger cannot be written" in solo.log("node"), 60, "that is said")
        assert now_ms() - begun >= 3000, "a moment is nothing to be told of"
        database.execute("COMMIT")
    wait_until(lambda: "the ledger has caught up" in solo.log("node"), 30, "that it is over is said, too")
    assert "going on with each step in this node's journal" in solo.log("node")
    assert "at the nodes" not in solo.log("node")


def test_ctrl_c_lets_commands_end(solo):
    job = solo.add("sleep 2; echo done", NEVER)
    run = solo.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: solo.api(f"/log/{run}")["state"] == "running", 10, "the run starts")
    # As a terminal does: to the whole foreground group.
    os.killpg(solo.process.pid, signal.SIGINT)
    assert solo.process.wait(timeout=30) == 0, solo.log("node")[-2000:]
    solo.start()
    row = solo.api(f"/log/{run}")
    assert (row["state"], row["output"]) == ("success", "done\n"), row


def test_a_second_node_on_the_same_data_is_refused_and_names_the_first(solo):
    warden, node = solo.pids()
    text = refusal(solo, port=solo.base + 1)
    assert f"in use by process {node}" in text and "peercron.db" in text, text
    assert solo.api("/health")["store"] == "ok"


def test_a_port_that_is_taken_is_said(solo, tmp_path):
    text = refusal(solo, data=tmp_path / "other")
    assert f"{HOST}:{solo.base}" in text and "another program" in text, text


def test_a_data_folder_that_cannot_be_made_is_said(solo, tmp_path):
    (tmp_path / "file").write_text("")
    text = refusal(solo, data=tmp_path / "file" / "data")
    assert "cannot make the data folder" in text and "--data" in text, text


def test_a_file_that_is_no_database_is_said(solo, tmp_path):
    (tmp_path / "peercron.db").write_bytes(random.Random(1).randbytes(50000))
    text = refusal(solo, data=tmp_path, port=solo.base + 1)
    assert "cannot set up the SQLite database" in text and "not a database" in text, text


def test_a_database_that_was_cut_is_said(solo, tmp_path):
    job = solo.add("true", NEVER)
    for _ in range(300):
        solo.api("/cron/update", id=job, command="x" * 1000)
    solo.stop()
    whole = (solo.folder / "data" / "peercron.db").read_bytes()
    assert len(whole) > 100000
    (tmp_path / "peercron.db").write_bytes(whole[:20000])
    text = refusal(solo, data=tmp_path)
    assert "cannot set up the SQLite database" in text and "malformed" in text, text


def test_a_database_that_may_not_be_written_is_said(solo):
    solo.stop()
    file = str(solo.folder / "data" / "peercron.db")
    os.chmod(file, 0o444)
    arguments = solo.arguments()
    if os.geteuid() == 0:  # to whom file modes mean nothing
        arguments = ["unshare", "--mount", "sh", "-c",
                     'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', file, *arguments]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "it may not be written by this user" in done.stderr, done


def test_the_database_is_private(solo):
    for file in (solo.folder / "data").glob("peercron.db*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_an_empty_data_folder_is_refused(solo):
    done = subprocess.run([BINARY, "serve", "--data", ""], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "data_dir" in done.stderr, done


def test_pages_of_other_sites_cannot_call_it(solo):
    job = solo.add("true", NEVER)
    for host in ("evil.example", f"evil.example:{solo.base}"):
        answer = solo.call("GET", f"/cron/stop/{job}", headers={"Host": host})
        assert answer.status == 403 and "Host" in answer.json["message"], answer
    assert solo.call("GET", "/cron/list", headers={"Host": f"localhost:{solo.base}"}).status == 200


def test_rows_changed_by_hand_are_picked_up(solo):
    job = solo.add("echo api", NEVER)
    solo.sql("INSERT INTO cron (cron_set, command) VALUES ('* * * * * *', 'echo by hand')")
    wait_until(lambda: solo.api("/log/list?search=by+hand")["total"], 10, "the row added by hand fires")
    solo.sql(f"UPDATE cron SET cron_set = '* * * * * *', command = 'echo changed' WHERE id = {job}")
    wait_until(lambda: solo.api(f"/log/list?cron_id={job}&search=changed")["total"], 10, "the changed row fires")
    solo.sql("DELETE FROM cron")
    wait_until(lambda: not solo.api("/log/list?state=planned")["total"], 10, "no more fires")


def assert_away_for(solo, words):
    """Each place where a person looks says that the database is away, and why."""
    wait_until(lambda: solo.api("/health")["store"] == "away", 20, "that is noticed")
    text = solo.log("node")
    assert f" critical store: SQLite database {solo.folder / 'data' / 'peercron.db'}: it was {words}" in text, text[-2000:]
    assert solo.call("GET", "/health/ready").status == 503
    status = subprocess.run([BINARY, "status", "--url", f"http://{HOST}:{solo.base}"], capture_output=True, text=True,
                            timeout=30)
    assert status.returncode == 6 and f"peercron.db: it was {words}" in status.stdout + status.stderr, status
    answer = solo.call("POST", "/cron/add", {"cronSet": NEVER, "command": "true"})
    assert answer.status == 503, answer


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_database_that_is_deleted_while_jobs_fire_is_noticed_and_no_fire_is_lost(solo, is_restarted):
    witness = Witness(solo)
    data = solo.folder / "data"
    jobs = [solo.add(witness.command) for _ in range(3)]
    added = now_ms()
    wait_until(lambda: len(witness.runs()) >= 6, 20, "they fire")
    (data / "peercron.db").rename(data / "aside")  # what deletes it does, and it can be undone
    assert_away_for(solo, "deleted or moved away")
    assert not (data / "peercron.db").exists(), "no empty one is made in its place"
    runs = len(witness.runs())
    wait_until(lambda: len(witness.runs()) >= runs + 6, 20, "fires go on")
    if is_restarted:
        solo.stop()
        assert solo.process.returncode == 0, solo.log("node")[-2000:]
    (data / "aside").rename(data / "peercron.db")
    if is_restarted:
        solo.start()
    else:
        wait_until(lambda: solo.api("/health")["store"] == "ok", 20, "it is back")
        assert "peercron.db is in its place again" in solo.log("node")
    runs = len(witness.runs())
    wait_until(lambda: len(witness.runs()) >= runs + 6, 20, "they fire")
    stopped = now_ms()
    solo.stop_jobs(jobs)
    rows = solo.wait_final(jobs)
    assert_each_fire_once(rows, jobs, due_seconds(added, stopped - 3000))
    assert_witnessed([row for row in rows if row.state != "revoked"], witness)
    assert solo.sql("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def test_another_database_in_the_place_of_the_nodes_is_left_alone(solo):
    solo.add("true")
    file = solo.folder / "data" / "peercron.db"
    wait_until(lambda: solo.api("/log/list")["total"] >= 2, 20, "it fires")
    # As a person restores a backup who does not know `peercron restore`.
    done = subprocess.run([BINARY, "backup", "--data", file.parent, solo.folder / "backup.db"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done
    backup = (solo.folder / "backup.db").read_bytes()
    (solo.folder / "backup.db").rename(file)
    assert_away_for(solo, "replaced by another file")
    let_pass(3)
    assert file.read_bytes() == backup
    solo.stop()
    assert solo.process.returncode == 0 and file.read_bytes() == backup


def test_links_in_the_place_of_its_files_are_refused(solo, tmp_path):
    solo.stop()
    victim, aside = tmp_path / "victim", solo.folder / "aside"
    victim.write_text("precious")
    for name in ("peercron.db", "peercron.db-wal", "peercron.db-shm", "peercron.db.lock"):
        file = solo.folder / "data" / name
        if file.exists():
            file.rename(aside)
        file.symlink_to(victim)
        text = refusal(solo)
        assert name in text and "symbolic link" in text, text
        file.unlink()
        if aside.exists():
            aside.rename(file)
    journal, = [file for file in (solo.folder / "data").glob("journal-*") if file.suffix != ".lock"]
    journal.unlink()
    journal.symlink_to(victim)
    solo.start()
    assert solo.api("/health")["journal"] == "unavailable"
    assert f"{journal} is a symbolic link to {victim}" in solo.log("node")
    assert victim.read_text() == "precious"


def test_fifty_kills_lose_no_fire_and_double_none(solo):
    rounds = random.Random(1)
    witness = Witness(solo)
    jobs = [solo.add(witness.command) for _ in range(20)]
    added = now_ms()
    for _ in range(50):
        let_pass(rounds.uniform(0.05, 1.2))
        warden, node = solo.pids()
        solo.kill(rounds.choice([node, node, warden]))
        solo.start()
    let_pass(4)
    stopping = now_ms()  # one job after the other, which takes seconds
    solo.stop_jobs(jobs)
    rows = solo.wait_final(jobs)
    assert_each_fire_once(rows, jobs, due_seconds(added, stopping - 3000))
    rows = [row for row in rows if row.state != "revoked"]
    # Of what the node was about to start, or had started, when it was killed nobody knows how it ended.
    assert {row.state for row in rows} <= {"success", "lost", "failed", "killed"}, {row.state for row in rows}
    assert all(row.reason for row in rows if row.state == "lost")
    assert_witnessed(rows, witness, may_lack_success={"lost", "failed", "killed"})
    assert solo.sql("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def processes_named(name):
    """The living processes with this word in their command lines."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if name.encode() in words and "\nState:\tZ" not in (folder / "status").read_text():
                found.append(int(folder.name))
    return found


def test_background_children_can_write_after_their_command(solo, tmp_path):
    job = solo.add(f"(sleep 1; echo late; touch {tmp_path}/lived) & echo main", NEVER)
    run = solo.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: solo.api(f"/log/{run}")["state"] == "success", 10, "the run ends")
    wait_until((tmp_path / "lived").exists, 10, "its child has lived on")
    assert solo.api(f"/log/{run}")["output"] == "main\n"


# In every way out of a command's process group and session, also of commands that have ended.
@pytest.mark.parametrize("victims", ["warden", "node"])
def test_nothing_of_commands_is_left_when_a_process_is_killed(solo, tmp_path, victims):
    stays = tmp_path / "stays"
    stays.write_text(f"trap '' TERM; echo x >> {tmp_path}/up; while :; do sleep 0.1; done")
    begin = f"setsid sh {stays} & setsid -f sh {stays}; (setsid sh {stays} &)"
    over = solo.add(f"{begin}; sh {stays} & exit 0", NEVER)
    going_on = solo.add(f"{begin}; sh {stays}", NEVER)
    for job in (over, going_on):
        solo.call("POST", f"/cron/run/{job}")
    wait_until(lambda: len(processes_named(str(stays))) >= 8 and (tmp_path / "up").read_text() == 8 * "x\n", 20,
               lambda: f"eight processes, but {len(processes_named(str(stays)))}")
    warden, node = solo.pids()
    solo.kill(warden if victims == "warden" else node)
    wait_until(lambda: not processes_named(str(stays)), 20, lambda: f"all gone, but {processes_named(str(stays))}")


def test_commands_end_with_warden_and_node_when_both_are_killed(solo, tmp_path):
    name = f"{1000 + os.getpid()}.25"
    job = solo.add(f"sleep {name}", NEVER)
    solo.call("POST", f"/cron/run/{job}")
    wait_until(lambda: processes_named(name), 20, "the command runs")
    warden, node = solo.pids()
    os.kill(node, signal.SIGSTOP)  # so that it cannot end them itself
    os.kill(warden, signal.SIGKILL)
    os.kill(node, signal.SIGKILL)
    solo.process.wait(timeout=30)
    wait_until(lambda: not processes_named(name), 20, "the command is gone")


CONFIGURATION = """\
exec.slots = 3

[[http.tokens]]
name = "ann"
token = "the-token-of-ann-1"
role = "admin"
"""


def test_a_reload_takes_over_tokens_and_says_what_waits_for_a_restart(tmp_path):
    file = tmp_path / "peercron.toml"
    file.write_text("exec.slots = 3\n")
    with running_solo(["--config", str(file)]) as solo:
        def status(token):
            return request(solo.base, "GET", "/cron/list", headers={"Authorization": f"Bearer {token}"}).status

        def reload(words, text):
            file.write_text(text)
            already = solo.log("node").count(words)
            os.kill(solo.process.pid, signal.SIGHUP)
            wait_until(lambda: solo.log("node").count(words) > already, 20, lambda: f"{words}: {solo.log('node')[-2000:]}")

        assert "node: alone, because nothing of a cluster is configured" in solo.log("node")
        assert status("of nobody") == 200
        reload("token \"ann\" is new", CONFIGURATION)
        assert (status("the-token-of-ann-1"), status("the-token-of-ben-1")) == (200, 401)
        more = CONFIGURATION + CONFIGURATION[CONFIGURATION.index("\n[["):].replace("ann", "ben")
        reload("node: reloaded; the log was set up again, token \"ben\" is new", more)
        assert (status("the-token-of-ann-1"), status("the-token-of-ben-1")) == (200, 200)
        assert "take effect at the next start" not in solo.log("node")
        reload("the changes of exec.slots take effect at the next start",
               more.replace("slots = 3", "slots = 4").replace("of-ann-1", "of-ann-2"))
        assert "token \"ann\" has changed" in solo.log("node")
        assert (status("the-token-of-ann-1"), status("the-token-of-ann-2")) == (401, 200)
        reload("token \"ben\" is not valid any more", CONFIGURATION)
        assert (status("the-token-of-ann-1"), status("the-token-of-ben-1")) == (200, 401)
        # What makes no sense changes nothing.
        deep = '"q"' + ".a" * 100_000
        for wrong, words in [("nonsense", "cannot be read as TOML"), (f"[{deep}]", "may nest at most 100 deep"),
                             (f"x = {{{deep} = 1}}", "may nest at most 100 deep")]:
            reload(words, wrong)
            assert status("the-token-of-ann-1") == 200


LAST_BEFORE_THE_ALTERATION = 7


def make_older(solo):
    """Puts a database of the version before table log was altered in place of the node's, with a row."""
    path = solo.folder / "data" / "peercron.db"
    for file in path.parent.glob("peercron.db*"):
        file.unlink()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                         " applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)")
        for migration in sorted((ROOT / "sql" / "sqlite").glob("*.sql"))[:LAST_BEFORE_THE_ALTERATION]:
            database.executescript(migration.read_text())
            database.execute("INSERT INTO schema_migration (number, name) VALUES (?, ?)",
                             (int(migration.stem[:4]), migration.stem))
        database.execute("INSERT INTO log (cron_id, scheduled_at, time, state, reason)"
                         " VALUES (7, 1000, 1, 'skipped', 'mutex')")


def test_systemd_does_not_end_a_node_that_alters_a_large_table():
    name = f"peercron-test-{os.getpid()}"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind("\0" + name)
        manager.settimeout(30)
        with running_solo(wrapper=["env", f"NOTIFY_SOCKET=@{name}"]) as solo:
            assert manager.recv(1000) == b"READY=1\nSTATUS=running", "an empty table takes no time"
            solo.stop()
            while not manager.recv(1000).startswith(b"STOPPING=1"):
                pass
            make_older(solo)
            solo.start()
            told = manager.recv(1000).decode()
            assert told.startswith("EXTEND_TIMEOUT_USEC=") and "STATUS=altering the tables" in told
            while told.startswith("EXTEND_TIMEOUT_USEC="):  # another migration alters the ledger, too
                told = manager.recv(1000).decode()
            assert told == "READY=1\nSTATUS=running"
            assert "store: altering table log, about 1 rows" in solo.log("node")
            assert solo.sql("SELECT cause, part FROM log WHERE cron_id = 7") == [{"cause": "mutex", "part": "0"}]


def test_a_node_waits_for_a_process_that_alters_the_tables_and_can_be_stopped_then(solo):
    solo.stop()
    with (solo.folder / "data" / "peercron.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711 altering\n")
        lock.flush()

        def waits():
            return "process 4711 is altering the tables of" in solo.log("waiting")

        for _ in range(2):
            with (solo.folder / "logs" / "waiting.log").open("wb") as log:
                waiting = subprocess.Popen(solo.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            wait_until(waits, 30, lambda: f"it waits: {solo.log('waiting')}")
            waiting.terminate()
            waiting.wait(timeout=30)
    solo.start()
