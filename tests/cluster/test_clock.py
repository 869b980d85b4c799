"""Clocks that are wrong: the real program, whose wall clock a preloaded library (Debian's faketime) sets; its steady
clock and everybody else's go on as they are."""
import json
import pathlib
import subprocess

import pytest

from harness import BINARY, Witness, let_pass, now_ms, request, running_cluster, running_solo, wait_until

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
DAY = 86_400_000


class WrongClock:
    """The environment of a process whose clock is off by what was last set, in seconds."""

    def __init__(self, file):
        self.file = file
        self.set("+0")
        self.environment = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        written = self.file.with_suffix(".new")
        written.write_text(offset + "\n")
        written.rename(self.file)


@pytest.fixture
def wrong_clock(tmp_path, monkeypatch):
    assert LIBRARY, "faketime is missing: bin/setup installs it"
    clock = WrongClock(tmp_path / "offset")
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    return clock


def fires(witness):
    """Of each run: its scheduled time, and the true one."""
    return [tuple(map(int, line.split())) for line in witness.read_text().splitlines()]


@pytest.mark.parametrize("while_it_runs", [True, False], ids=["running", "stopped"])
def test_a_node_that_was_a_day_ahead_fires_again_within_seconds(wrong_clock, tmp_path, while_it_runs):
    witness = tmp_path / "witness"
    witness.touch()
    wrong_clock.set("+86400")
    with running_solo() as solo:
        job = solo.add(f'echo "$PEERCRON_SCHEDULED_AT_MS $(env -u LD_PRELOAD date +%s%3N)" >> {witness}')
        wait_until(lambda: len(fires(witness)) >= 3, 30, "it fires by its wrong clock")
        assert fires(witness)[-1][0] > now_ms() + DAY / 2
        if not while_it_runs:
            solo.stop()
        wrong_clock.set("+0")
        set_right = now_ms()
        if not while_it_runs:
            solo.start()

        def fires_again():
            return [due for due, ran in fires(witness) if set_right < due <= ran < due + 3_000]

        wait_until(lambda: len(fires_again()) >= 3, 30, lambda: f"it fires by the true clock: {solo.log('node')[-3000:]}")
        assert min(fires_again()) < set_right + 20_000
        solo.stop_jobs([job])
        wait_until(lambda: solo.sql("SELECT 1 FROM log WHERE state IN ('planned', 'running')") == [], 20, "all ended")

        # No row stands for a moment to come, nothing ran twice, and every run has its row.
        rows = solo.sql("SELECT scheduled_at, started_at, state, requested_by FROM log WHERE state = 'success'")
        assert all(int(row["scheduled_at"]) < now_ms() + 3_000 for row in rows), rows
        by_wrong_clock = [row for row in rows if row["requested_by"] == "a clock that was ahead"]
        assert by_wrong_clock and all(int(row["scheduled_at"]) < min(fires_again()) for row in by_wrong_clock)
        runs = fires(witness)
        assert len({due for due, _ in runs}) == len(runs) == len(rows)

        # It is said.
        assert "a clock had been 86" in solo.log("node")
        assert "ahead until" in solo.api("/health")["clock"]
        assert b"peercron_clock_steps_total 1" in bytes(request(solo.base, "GET", "/metrics").body)
        done = subprocess.run([str(BINARY), "audit", "--url", solo.url, "--json", "--from", "1h"], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 11, done
        totals = json.loads(done.stdout)["totals"]
        assert totals["clock_ahead"] == 1 and not totals["clean"], done.stdout
        assert totals["doubled"] == 0 and totals["extra"] == 0, done.stdout


def start_with(cluster, clock, k):
    """Starts a node whose clock that is, and no other process: not every program bears the library."""
    wrapper = cluster.folder / "peercron-by-that-clock"
    settings = "".join(f"export {name}='{value}'\n" for name, value in clock.environment.items())
    wrapper.write_text(f'#!/bin/sh\n{settings}exec {BINARY} "$@"\n')
    wrapper.chmod(0o755)
    file = cluster.folder / "cluster.json"
    before = file.read_text()
    file.write_text(json.dumps({**json.loads(before), "binary": str(wrapper)}))
    try:
        cluster.run("start-node", k)
    finally:
        file.write_text(before)


def test_a_dispatcher_that_is_an_hour_ahead_plans_by_the_databases_clock(tmp_path):
    assert LIBRARY, "faketime is missing: bin/setup installs it"
    clock = WrongClock(tmp_path / "offset")
    with running_cluster() as cluster:
        others = [2, 3]
        for k in cluster.nodes:
            cluster.run("stop-node", str(k))
        start_with(cluster, clock, "1")
        wait_until(lambda: cluster.dispatcher() == cluster.name(1), 60, "node 1 dispatches")
        for k in others:
            cluster.run("start-node", str(k))
        cluster.wait_ready()
        witness = Witness(cluster)
        job = cluster.add(witness.command, node=2)
        wait_until(lambda: len(witness.runs()) >= 3, 30, "it fires")

        clock.set("+3600")
        set_ahead = now_ms()
        wait_until(lambda: "planning by the database's" in cluster.api("/health", node=1)["clock"], 30, "it is said")
        let_pass(6)
        newest = int(cluster.sql("SELECT MAX(scheduled_at) AS newest FROM log")[0]["newest"])
        assert set_ahead < newest < now_ms() + 3_000
        assert cluster.dispatcher() == cluster.name(1)

        clock.set("+0")
        wait_until(lambda: cluster.api("/health", node=1)["clock"] == "ok", 30, "it agrees again")
        let_pass(4)
        end = now_ms()
        let_pass(3)
        cluster.stop_jobs([job])
        rows = cluster.wait_final([job])
        assert all(row.scheduled_at < now_ms() + 3_000 for row in rows)
        assert not [row for row in rows if row.state == "skipped" and "misfire" in row.reason], rows
        # Every second fired at its time, and once.
        ran = {row.scheduled_at: row for row in rows if row.state == "success"}
        missed = [second for second in range((set_ahead // 1000 + 1) * 1000, end, 1000) if second not in ran]
        assert not missed, (missed, cluster.log("node1")[-3000:])
        assert all(row.started_at - row.scheduled_at < 3_000 for row in rows
                   if row.state == "success" and row.run_server != cluster.name(1)), rows
        runs = [run for run in witness.runs() if run[0] == job]
        assert len(runs) == len(set(runs)), "nothing ran twice"


def test_a_job_that_is_added_at_a_node_that_is_an_hour_ahead_counts_from_now(tmp_path):
    assert LIBRARY, "faketime is missing: bin/setup installs it"
    clock = WrongClock(tmp_path / "offset")
    with running_cluster() as cluster:
        ahead = next(k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher())
        cluster.run("stop-node", str(ahead))
        clock.set("+3600")
        start_with(cluster, clock, str(ahead))
        cluster.wait_ready()
        wait_until(lambda: "ahead of the dispatcher's" in cluster.api("/health", node=ahead)["clock"], 30, "it is said")
        witness = Witness(cluster)
        added = now_ms()
        job = cluster.add(witness.command, node=ahead)
        wait_until(lambda: len(witness.runs()) >= 3, 30, "it fires")
        assert min(at for _, at in witness.runs()) < added + 10_000
        cluster.stop_jobs([job])
        rows = cluster.wait_final([job])
        assert all(row.scheduled_at < now_ms() + 3_000 for row in rows)
        assert cluster.name(ahead) not in {row.run_server for row in rows}
        effective = cluster.sql(f"SELECT MAX(effective_from) AS latest FROM cron_revision WHERE cron_id = {job}")
        assert int(effective[0]["latest"]) < now_ms() + 3_000
