"""The tutorial's second part: a cluster on this machine, of which one node is killed."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from harness import BINARY, HOST, ROOT, WORK, Cluster, assert_each_fire_once, due_seconds, free_base_port, let_pass, wait_until


@pytest.fixture
def place():
    """Where bin/cluster makes the cluster: a folder and ports of this test."""
    with free_base_port() as base:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="t", dir=WORK))
        cluster = Cluster(folder, base, nodes=3)
        try:
            yield cluster
        finally:
            with contextlib.suppress(AssertionError):
                cluster.run("down", "--wipe")
            shutil.rmtree(folder, ignore_errors=True)


def test_each_command_of_the_second_part_does_what_it_says(place, tmp_path):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "cluster"
    script.write_text(f"""#!/bin/sh
[ "$1" != up ] || set -- "$@" --base-port {place.base}
exec {ROOT}/bin/cluster "$@" --dir {place.folder}
""")
    script.chmod(0o755)

    def type_line(line):
        line = re.sub(r"^curl ", "curl -sSf --max-time 10 ", line).replace("localhost:10080", f"{HOST}:{place.nginx_port}")
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, env={**os.environ, "PEERCRON_BINARY": str(BINARY)})
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    lines = "".join(re.findall(r"(?ms)^```sh cluster\n(.*?)^```", (ROOT / "docs/tutorial.md").read_text())).splitlines()
    assert lines[0] == "bin/cluster up" and lines[-1] == "bin/cluster down --wipe" and "bin/cluster kill-node 1" in lines, lines
    jobs = []
    for line in lines[:-1]:
        said = type_line(line)
        if "/cron/add" in line:
            jobs.append(json.loads(said)["data"]["id"])
            wait_until(lambda: any(row.state == "success" for row in place.ledger(jobs)), 30, "it has run")
        elif "/node/list" in line:
            assert len(json.loads(said)["data"]["nodes"]) == 3, said
        elif "/log/list" in line:
            assert re.search(rf'"cron_id": ?{jobs[0]}\b', said), said
        elif "kill-node" in line:
            wait_until(lambda: place.dispatcher() not in ("", place.name(1)), 20, "another node dispatches")
            let_pass(3)
    [job] = jobs
    place.stop_jobs(jobs)
    rows = place.wait_final(jobs)
    moments = [row.scheduled_at for row in rows]
    assert_each_fire_once(rows, [job], due_seconds(min(moments) - 1, max(moments)))
    type_line(lines[-1])
    assert not (place.folder / "cluster.json").exists(), "nothing is left"
