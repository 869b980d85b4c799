"""All nodes are restarted, one after the other, as for an upgrade: no fire is late, lost or doubled."""
import json
import os
import signal
import socket
import subprocess

import pytest

from harness import BINARY, let_pass, now_ms, running_cluster, wait_until


@pytest.fixture(scope="module")
def pair():
    with running_cluster(2) as cluster:
        yield cluster


@pytest.mark.parametrize("first", ["the dispatcher", "the other"])
def test_a_restart_of_one_node_after_the_other_leaves_a_clean_ledger(pair, first):
    for _ in range(10):
        pair.add("true")
    let_pass(6)  # what is near a change of its job is not judged
    begun = now_ms() // 1000
    dispatcher = pair.number(pair.dispatcher())
    other = 3 - dispatcher
    # The second one is told to stop when the first one has only just been started.
    for node in (dispatcher, other) if first == "the dispatcher" else (other, dispatcher):
        pair.run("stop-node", str(node))
        pair.run("start-node", str(node))
    wait_until(lambda: len([node for node in pair.node_list()["nodes"] if node["connected"]]) == 2, 30, "both are back")
    let_pass(3)
    ended = now_ms() // 1000
    wait_until(lambda: now_ms() // 1000 > ended + 6, 30, "it can be judged")
    done = subprocess.run([str(BINARY), "audit", "--url", pair.url, "--json", "--from", str(begun), "--to", str(ended)],
                          capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["findings"] == [], found
    assert found["totals"]["due"] >= 10 * (ended - begun - 1), found
    pair.delete_all_jobs()


def test_a_dispatcher_goes_on_until_the_node_before_it_is_back(pair):
    """A node that starts slowly is not back when the next one is told to stop: then fires were late."""
    dispatcher = pair.dispatcher()
    last, before = pair.number(dispatcher), 3 - pair.number(dispatcher)
    process = json.loads((pair.folder / "run" / f"node{last}.json").read_text())["pid"]
    pair.run("stop-node", str(before))
    # It registers when it has its port, and waits for that.
    with socket.create_server(("127.0.0.1", pair.peer_port(before))):
        pair.run("start-node", str(before))
        os.kill(process, signal.SIGTERM)
        wait_until(lambda: "told to stop" in pair.log(f"node{last}").rpartition("node: running")[2], 10, "it stops")
    wait_until(lambda: pair.dispatcher() == pair.name(before), 10, "the other one dispatches")
    since = pair.log(f"node{last}").rpartition("told to stop")[2]
    connected, gone = since.find(f"dispatch: {pair.name(before)} is connected"), since.find("this node resigns")
    assert -1 < connected < gone, since
    pair.run("stop-node", str(last))
    pair.run("start-node", str(last))
