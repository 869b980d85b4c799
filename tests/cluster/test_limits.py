"""What many or greedy clients cost a node that is alone: descriptors, memory, time. Bounds are generous, and those of
memory are read from /proc."""
import contextlib
import json
import pathlib
import re
import resource
import socket
import sqlite3
import threading

import pytest

from harness import HOST, now_ms, request, running_solo, wait_until

NEVER = "0 0 0 1 1 * 2199"
MIB = 1 << 20


def memory(solo, kind):
    """What the node uses (VmRSS), or used at most (VmHWM), in bytes."""
    _, node = solo.pids()
    text = pathlib.Path(f"/proc/{node}/status").read_text()
    return int(re.search(rf"^{kind}:\s+(\d+) kB$", text, re.M)[1]) * 1024


def reset_peak(solo):
    _, node = solo.pids()
    pathlib.Path(f"/proc/{node}/clear_refs").write_text("5")


def metric(solo, name):
    text = solo.call("GET", "/metrics").body.decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def connect(solo, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(60)
    client.connect((HOST, solo.base))
    return client


@contextlib.contextmanager
def many_descriptors():
    """This process may have as many as it is allowed at most."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def insert_rows(solo, count, output):
    """Rows of a job that there is not, with this output."""
    with contextlib.closing(sqlite3.connect(solo.folder / "data" / "peercron.db", timeout=30)) as database:
        first = now_ms() // 1000 - count
        database.executemany(
            "INSERT INTO log (cron_id, scheduled_at, time, state, output_bytes, output) VALUES (4711, ?, ?, 'success', ?, ?)",
            (((first + k) * 1000, first + k, len(output), output) for k in range(count)))
        database.commit()


def test_idle_connections_do_not_starve_the_node():
    # The soft and the hard limit, so that the node cannot raise it.
    with many_descriptors(), running_solo(wrapper=["prlimit", "--nofile=1024:1024"]) as solo:
        job = solo.add("echo fired")
        idle = [connect(solo) for _ in range(1100)]
        try:
            begun = now_ms()
            wait_until(lambda: [row for row in solo.ledger([job]) if row.scheduled_at > begun + 3000], 30, "later fires")
            assert solo.api("/health")["store"] == "ok"
            _, node = solo.pids()
            assert len(list(pathlib.Path(f"/proc/{node}/fd").iterdir())) < 600
            solo.stop_jobs([job])
            rows = [row for row in solo.wait_final([job]) if row.state != "revoked"]
            assert {(row.state, row.output) for row in rows} == {("success", "fired\n")}, rows
            assert solo.log("node").count("cannot accept a connection") <= 1
        finally:
            for client in idle:
                client.close()


def test_a_list_of_long_outputs_takes_little_memory_and_gives_it_back():
    with running_solo() as solo:
        insert_rows(solo, 200, "x" * MIB)
        solo.api("/log/list?limit=1")
        before = memory(solo, "VmRSS")
        reset_peak(solo)
        lengths = []

        def ask(target):
            answer = solo.call("GET", target)
            assert answer.status == 200, answer
            lengths.append((target, len(answer.body)))

        for target in ("/log/list?limit=200", "/log/list?limit=100&full=1"):
            callers = [threading.Thread(target=ask, args=(target,)) for _ in range(4)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
        assert [size < 2 * MIB for _, size in lengths] == [True] * 4 + [False] * 4, lengths
        assert all(size > 100 * MIB for target, size in lengths if "full" in target)
        assert memory(solo, "VmHWM") - before < 96 * MIB
        wait_until(lambda: memory(solo, "VmRSS") - before < 32 * MIB, 10, lambda: f"{memory(solo, 'VmRSS') - before} bytes more")


def test_bodies_of_those_who_have_no_token_are_not_kept():
    with running_solo(["--set", "http.max_body=1MiB"]) as solo:
        solo.stop()
        config = solo.folder / "peercron.toml"
        config.write_text('[[http.tokens]]\nname = "root"\ntoken = "0123456789abcdef"\nrole = "admin"\n')
        solo.options = ["--config", str(config)]
        solo.start()
        before = memory(solo, "VmRSS")
        head = (f"POST /cron/add HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer wrong\r\nContent-Length: {MIB}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\n").encode()
        clients = [connect(solo) for _ in range(200)]
        for client in clients:
            client.sendall(head)
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 401", "it does not wait for the body"
            with contextlib.suppress(OSError):
                client.sendall(b"x" * (MIB - 1))
        assert memory(solo, "VmHWM") - before < 64 * MIB
        for client in clients:
            client.close()


def test_clients_that_do_not_read_are_dropped():
    with many_descriptors(), running_solo(["--set", "http.idle_timeout=2s"]) as solo:
        insert_rows(solo, 1000, "x" * 4000)
        solo.api("/log/list?limit=1")
        before = memory(solo, "VmRSS")
        clients = [connect(solo, receive_buffer=4096) for _ in range(500)]
        for page, client in enumerate(clients):
            # Each another page, so that none is read for all of them.
            client.sendall(f"GET /log/list?limit={1000 - page} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert solo.api("/health")["store"] == "ok"
        wait_until(lambda: metric(solo, "peercron_http_connections") < 5, 90,
                   lambda: f"all are dropped, but {metric(solo, 'peercron_http_connections')} are left")
        assert memory(solo, "VmHWM") - before < 320 * MIB
        for client in clients:
            client.close()


def insert_revisions(solo, job, count):
    with contextlib.closing(sqlite3.connect(solo.folder / "data" / "peercron.db", timeout=30)) as database:
        [[first]] = database.execute("SELECT definition_after FROM cron_revision WHERE cron_id = ?", (job,)).fetchall()
        text = first.replace("a remark", "x" * 1000)
        assert len(text) > 1000
        begun = now_ms() - 1000 * count
        database.executemany("INSERT INTO cron_revision (cron_id, effective_from, author, definition_before,"
                             " definition_after) VALUES (?, ?, 'somebody', ?, ?)",
                             ((job, begun + 1000 * k, text, text) for k in range(count)))
        database.commit()


def test_a_history_of_a_hundred_thousand_revisions_is_shown_page_by_page():
    with running_solo() as solo:
        job = solo.add("true", NEVER, remark="a remark")
        insert_revisions(solo, job, 100_000)
        before = memory(solo, "VmRSS")
        for page in (1, 50, 101):
            answer = solo.api(f"/cron/{job}/history?limit=1000&page={page}")
            assert answer["total"] >= 100_001
            assert len(answer["list"]) == 1000 if page < 101 else answer["list"]
        # Judged as far as so many revisions can be.
        assert solo.api(f"/audit?job={job}")["totals"]["jobs"] <= 1
        assert memory(solo, "VmHWM") - before < 64 * MIB


def test_an_audit_over_years_takes_little_memory():
    with running_solo() as solo:
        job = solo.add("true", "0 0 * * * *", remark="a remark")
        solo.add("true", "0 */5 * * * *")
        year = 365 * 86400
        begun = now_ms() // 1000 - 10 * year
        with contextlib.closing(sqlite3.connect(solo.folder / "data" / "peercron.db", timeout=30)) as database:
            database.execute("UPDATE cron_revision SET effective_from = ?", (1000 * begun,))
            # Every second day of its rows is missing.
            moments = [k for k in range(begun - begun % 3600 + 3600, begun + 10 * year, 3600) if k // 86400 % 2]
            database.executemany("INSERT INTO log (cron_id, scheduled_at, time, state) VALUES (?, ?, ?, 'success')",
                                 ((job, 1000 * moment, moment) for moment in moments))
            database.commit()
        before = memory(solo, "VmRSS")
        answer = json.loads(solo.call("GET", f"/audit?from={begun}").body)["data"]
        assert answer["totals"]["missing"] > 500_000, answer["totals"]
        assert answer["totals"]["due"] > 1_000_000
        assert len([found for found in answer["findings"] if found["kind"] == "missing"]) <= 1000
        assert memory(solo, "VmHWM") - before < 64 * MIB


def test_the_warden_is_small():
    with running_solo() as solo:
        warden, _ = solo.pids()
        text = pathlib.Path(f"/proc/{warden}/status").read_text()
        assert int(re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M)[1]) < 5120, text
