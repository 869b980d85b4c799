"""What a node does when the system gives it little, and what its commands get of the node's own."""
import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import sys
import time

from harness import HOST, due_seconds, let_pass, now_ms, running_cluster, running_solo, assert_each_fire_once, wait_until

NEVER = "0 0 0 1 1 * 2199"
MOST_WAKES = 16  # of all threads together, in a second; some eight are usual, of which the I/O thread has four
O_CLOEXEC = 0o2000000

# A program that runs another one as if the kernel had no close_range(2): system call 436 fails with ENOSYS.
WITHOUT_CLOSE_RANGE = """
import ctypes, os, struct, sys
load, equal, give = 0x20, 0x15, 0x06
code = [(load, 0, 0, 0), (equal, 0, 1, 436), (give, 0, 0, 0x00050000 | 38), (give, 0, 0, 0x7FFF0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"""


def run_now(solo, job):
    """The row of a run of this job when it has ended."""
    run = solo.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: solo.api(f"/log/{run}")["ended_at"], 30, "the run has ended")
    return solo.api(f"/log/{run}")


def shared_descriptors(pid):
    """What this process has open and every program that it starts would inherit."""
    found = []
    for file in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            flags = int(re.search(r"^flags:\s+(\d+)", file.read_text(), re.M)[1], 8)
            if int(file.name) > 2 and not flags & O_CLOEXEC:
                found.append(f"{file.name} -> {os.readlink(f'/proc/{pid}/fd/{file.name}')}")
    return found


def test_fires_wait_for_descriptors():
    with running_solo() as solo:
        job = solo.add("echo ran")
        added = now_ms()
        wait_until(lambda: solo.ledger([job]), 20, "it is planned")
        _, node = solo.pids()
        before = resource.prlimit(node, resource.RLIMIT_NOFILE)
        resource.prlimit(node, resource.RLIMIT_NOFILE, (10, before[1]))
        wait_until(lambda: "due fires wait until this is over" in solo.log("node"), 20, "a command cannot be started")
        let_pass(2)
        resource.prlimit(node, resource.RLIMIT_NOFILE, before)
        wait_until(lambda: [row.state for row in solo.ledger([job])].count("success") >= 4, 20, "what waited has run")
        stopped = now_ms()
        solo.stop_jobs([job])
        rows = [row for row in solo.wait_final([job]) if row.state != "revoked"]
        assert {row.state for row in rows} == {"success"}, rows
        assert_each_fire_once(rows, [job], due_seconds(added, stopped - 3000))


def test_slots_are_what_the_limit_of_descriptors_allows():
    options = ["--set", "exec.slots=200", "--set", "dispatch.start_deadline=2s"]
    with running_solo(options, wrapper=["prlimit", "--nofile=192:192"]) as solo:
        assert re.search(r"commands run at a time instead of 200 .*192 descriptors", solo.log("node"))
        jobs = [solo.add("sleep 2") for _ in range(60)]
        # More are due than there are slots.
        wait_until(lambda: "skipped" in {row.state for row in solo.ledger(jobs)}, 60, "some find no slot")
        solo.stop_jobs(jobs)
        states = {row.state for row in solo.wait_final(jobs)}
        assert states <= {"success", "skipped", "revoked"} and "success" in states, states


def test_commands_have_the_limit_that_the_node_was_started_with():
    with running_solo(wrapper=["prlimit", "--nofile=256:512"]) as solo:
        assert resource.prlimit(solo.pids()[1], resource.RLIMIT_NOFILE) == (512, 512)
        assert run_now(solo, solo.add("ulimit -Sn; ulimit -Hn", NEVER))["output"] == "256\n512\n"


def test_a_limit_of_the_size_of_files_is_a_full_disk():
    with running_solo(wrapper=["prlimit", "--fsize=1000000:"]) as solo:
        job = solo.add("head -c 100000 /dev/zero | tr '\\0' x")
        added = now_ms()
        warden, node = solo.pids()
        wait_until(lambda: re.search(r"(warning|error) .*(full|too large|I/O)", solo.log("node")), 60, "no room any more")
        let_pass(3)
        assert solo.pids() == (warden, node), "it lives"
        for pid in (warden, node):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        room = now_ms()
        wait_until(lambda: [row for row in solo.ledger([job]) if row.scheduled_at > room and row.state == "success"], 60,
                   "it goes on when there is room")
        solo.stop_jobs([job])
        rows = [row for row in solo.wait_final([job]) if row.state != "revoked"]
        assert_each_fire_once(rows, [job], due_seconds(added, room))
        assert solo.sql("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def test_a_node_outlives_the_reader_of_its_log():
    reading, writing = os.pipe()
    with running_solo(wrapper=["bash", "-c", f'exec "$@" 2>&{writing}', "bash"], pass_fds=[writing]) as solo:
        os.close(writing)
        os.close(reading)
        processes = solo.pids()
        os.kill(processes[1], signal.SIGHUP)  # which is worth a line
        row = run_now(solo, solo.add("kill -PIPE $$", NEVER))
        assert row["term_signal"] == signal.SIGPIPE, "a command is ended by it, as anywhere else"
        assert solo.pids() == processes


def test_a_command_may_die_of_its_file_limit():
    with running_solo() as solo:
        row = run_now(solo, solo.add("ulimit -f 1; exec head -c 100000 /dev/zero > /tmp/peercron-$$", NEVER))
        assert row["term_signal"] == signal.SIGXFSZ, row


def test_no_descriptor_is_for_commands(tmp_path):
    with running_solo(["--set", f"log.file={tmp_path}/log"]) as solo, \
            socket.create_connection((HOST, solo.base)) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert shared_descriptors(solo.pids()[1]) == []


def test_no_descriptor_of_a_cluster_node_is_for_commands():
    with running_cluster() as cluster:
        for k in cluster.nodes:
            cluster.api("/node/list", node=k)
        for k in cluster.nodes:
            warden = cluster.status()["processes"][f"node{k}"]["pid"]
            node = pathlib.Path(f"/proc/{warden}/task/{warden}/children").read_text().split()[0]
            assert shared_descriptors(node) == []


def test_commands_inherit_nothing_where_the_kernel_has_no_close_range():
    reading, writing = os.pipe()
    try:
        os.set_inheritable(writing, True)
        with running_solo(wrapper=[sys.executable, "-c", WITHOUT_CLOSE_RANGE], pass_fds=[writing]) as solo, \
                socket.create_connection((HOST, solo.base)):
            assert os.path.exists(f"/proc/{solo.pids()[1]}/fd/{writing}")
            row = run_now(solo, solo.add("ls /proc/self/fd", NEVER))
            assert row["output"] == "0\n1\n2\n3\n", "3 is ls's own"
    finally:
        os.close(reading)
        os.close(writing)


def test_the_memory_of_a_command_is_measured():
    with running_solo() as solo:
        row = run_now(solo, solo.add(f"{sys.executable} -c 'x = b\"1\" * 50_000_000'", NEVER))
        assert 50_000_000 < row["max_rss"] < 200_000_000, row


def test_two_signals_at_once_are_one():
    with running_solo() as solo:
        run = solo.call("POST", f"/cron/run/{solo.add('sleep 2; echo done', NEVER)}").json["data"]["id"]
        wait_until(lambda: solo.api(f"/log/{run}")["state"] == "running", 10, "the run starts")
        warden, node = solo.pids()
        # As timeout(1) does: to the process and to its group.
        for _ in range(3):
            os.kill(warden, signal.SIGTERM)
            os.kill(node, signal.SIGTERM)
            time.sleep(0.01)
        assert solo.process.wait(timeout=30) == 0, solo.log("node")[-2000:]
        solo.start()
        assert solo.api(f"/log/{run}")["output"] == "done\n"


def test_a_second_signal_ends_it_at_once():
    with running_solo() as solo:
        run = solo.call("POST", f"/cron/run/{solo.add('sleep 1000', NEVER)}").json["data"]["id"]
        wait_until(lambda: solo.api(f"/log/{run}")["state"] == "running", 10, "the run starts")
        solo.process.terminate()
        wait_until(lambda: "told to stop;" in solo.log("node"), 10, "it stops")
        let_pass(1.1)
        solo.process.terminate()
        assert solo.process.wait(timeout=20) == 1
        assert "told to stop a second time" in solo.log("node")


def wakes(pids):
    """How often the threads of these processes have gone to sleep until now."""
    count = 0
    for pid in pids:
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)[1])
    return count


def test_a_node_at_rest_seldom_wakes():
    with running_solo() as solo:
        solo.add("true", cron_set=NEVER)
        let_pass(8)  # what a new term looks for
        before, begun = wakes(solo.pids()), time.monotonic()
        let_pass(10)
        a_second = (wakes(solo.pids()) - before) / (time.monotonic() - begun)
        print(f"{a_second:.1f} wake-ups a second")
        assert a_second < MOST_WAKES, "something looks again and again"
