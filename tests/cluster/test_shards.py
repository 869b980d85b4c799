"""Fires that are several runs: each part runs once, with its number, and all of them are one fire."""
import pytest

from harness import PartWitness, next_second, wait_until


def parts_of(cluster, job):
    """(part, parts, attempt, state) of each row, and where each ran."""
    rows = cluster.sql("SELECT part, parts, attempt, state, run_server FROM log"
                       f" WHERE cron_id = {job} ORDER BY part, attempt")
    return [(int(row["part"]), int(row["parts"]), int(row["attempt"]), row["state"]) for row in rows], \
        [row["run_server"] for row in rows]


def wait_parts(cluster, job, expected):
    """The nodes of the rows, once they are like this."""
    wait_until(lambda: parts_of(cluster, job)[0] == expected, 60,
               lambda: f"{expected}, but {parts_of(cluster, job)}")
    return parts_of(cluster, job)[1]


def assert_one_success(cluster, job):
    """The fire counts once, and has succeeded; the job as /cron/list shows it."""
    def listed():
        [row] = [row for row in cluster.api("/cron/list?limit=100")["list"] if row["id"] == job]
        return row if row["last_state"] == "success" and row["run_num"] == 1 else None

    shown = wait_until(listed, 30, lambda: f"one success, but {cluster.api(f'/cron/{job}')}")
    report = cluster.api("/audit")
    assert report["totals"]["clean"], report
    return shown


@pytest.fixture(autouse=True)
def no_jobs(cluster):
    cluster.delete_all_jobs()


def test_a_fire_runs_each_part_once_and_on_several_nodes(cluster):
    witness = PartWitness(cluster)
    gate = cluster.witness_file()
    command = f"{witness.command}; while [ ! -e {gate} ]; do sleep 0.1; done"
    job = cluster.add_once(command, next_second(3), spread="shards", shards=4)
    nodes = wait_parts(cluster, job, [(part, 4, 1, "running") for part in range(4)])
    assert len(set(nodes)) > 1, f"all parts are at {nodes[0]}"
    gate.touch()
    assert wait_parts(cluster, job, [(part, 4, 1, "success") for part in range(4)]) == nodes
    assert witness.runs() == {(part, 4, 1, nodes[part]): 1 for part in range(4)}
    shown = assert_one_success(cluster, job)
    assert [tick["state"] for tick in shown["last_runs"]] == ["success"], shown


def test_a_part_that_fails_is_tried_again_alone(cluster):
    witness = PartWitness(cluster)
    command = f'{witness.command}; [ "$PEERCRON_SHARD" -ne 2 ] || [ "$PEERCRON_ATTEMPT" -ge 2 ]'
    job = cluster.add(command, start_time=next_second(3), run_limit=1, spread="shards", shards=4, retries=1, retry_delay=1)
    nodes = wait_parts(cluster, job, [(0, 4, 1, "success"), (1, 4, 1, "success"), (2, 4, 1, "failed"),
                                      (2, 4, 2, "success"), (3, 4, 1, "success")])
    assert witness.runs() == {(0, 4, 1, nodes[0]): 1, (1, 4, 1, nodes[1]): 1, (2, 4, 1, nodes[2]): 1,
                              (2, 4, 2, nodes[3]): 1, (3, 4, 1, nodes[4]): 1}
    assert_one_success(cluster, job)
