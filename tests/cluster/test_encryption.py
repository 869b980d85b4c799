"""Nodes encrypt what they say to each other, and a rolling upgrade from nodes that cannot goes through."""
import re

import pytest

from harness import let_pass, request, running_cluster, wait_until


@pytest.fixture(scope="module")
def cluster():
    with running_cluster(3) as cluster:
        yield cluster


def restart(cluster, k, encrypt):
    config = cluster.config_file(k)
    text = re.sub(r"^encrypt = .*\n", "", config.read_text(), flags=re.M)
    config.write_text(text.replace("[cluster]\n", f'[cluster]\nencrypt = "{encrypt}"\n'))
    cluster.run("stop-node", str(k))
    cluster.run("start-node", str(k))


def accepted(cluster, k, encryption):
    text = request(cluster.http_port(k), "GET", "/metrics").body.decode()
    found = re.search(rf'peercron_peer_connections_accepted_total{{encryption="{encryption}"}} (\d+)', text)
    return int(found[1])


def connected(cluster, node=None):
    return {one["name"] for one in cluster.node_list(node)["nodes"] if one["connected"]}


def fires_run_everywhere(cluster, nodes):
    """Jobs of each second run at all of these nodes; every row is a success. Only these are asked."""
    jobs = [cluster.add("true", node=nodes[0]) for _ in range(9)]
    names = {cluster.name(k) for k in nodes}
    wait_until(lambda: {row.run_server for row in cluster.ledger(jobs) if row.state == "success"} >= names, 30,
               lambda: f"runs at {names}")
    for job in jobs:
        cluster.api(f"/cron/stop/{job}", node=nodes[0])
    rows = cluster.wait_final(jobs)
    assert {row.state for row in rows} <= {"success", "revoked"}, rows
    assert {row.run_server for row in rows if row.run_server} <= names
    return rows


def test_nodes_encrypt_without_being_told(cluster):
    fires_run_everywhere(cluster, cluster.nodes)
    others = [k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher()]
    assert all(accepted(cluster, k, "tls") > 0 for k in others)
    assert all(accepted(cluster, k, "none") == 0 for k in cluster.nodes)


def test_an_older_node_works_beside_new_ones_until_they_require_encryption(cluster):
    names = set(cluster.names)
    old, *new = [k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher()] + [
        cluster.number(cluster.dispatcher())]
    restart(cluster, old, "off")
    wait_until(lambda: connected(cluster) == names, 30, lambda: f"all are connected, not {connected(cluster)}")
    fires_run_everywhere(cluster, cluster.nodes)
    assert accepted(cluster, old, "none") > 0 and accepted(cluster, old, "tls") == 0

    # An old node that dispatches speaks to new ones as it can.
    for k in new:
        cluster.run("stop-node", str(k))
    wait_until(lambda: cluster.dispatcher() == cluster.name(old), 30, "the old one dispatches")
    for k in new:
        cluster.run("start-node", str(k))
    wait_until(lambda: connected(cluster) == names, 30, lambda: f"all are connected, not {connected(cluster)}")
    fires_run_everywhere(cluster, cluster.nodes)
    assert all(accepted(cluster, k, "none") > 0 for k in new)
    assert "is not encrypted" in cluster.log(f"node{new[0]}")

    # Now the others require it: nothing runs at the old one, which says what to do.
    for k in new:
        restart(cluster, k, "require")
    cluster.run("stop-node", str(old))
    wait_until(lambda: cluster.dispatcher() in {cluster.name(k) for k in new}, 30, "a new one dispatches")
    cluster.run("start-node", str(old))
    wait_until(lambda: 'set encrypt = "prefer" there' in "".join(cluster.log(f"node{k}") for k in new), 30,
               "the dispatcher says why it does not connect")
    let_pass(1)
    assert connected(cluster, new[0]) == {cluster.name(k) for k in new}
    fires_run_everywhere(cluster, new)
    assert 'requires encryption, and here [cluster] encrypt = "off"' in cluster.log(f"node{old}")

    restart(cluster, old, "prefer")
    wait_until(lambda: connected(cluster) == names, 30, lambda: f"all are connected, not {connected(cluster)}")
    fires_run_everywhere(cluster, cluster.nodes)
    assert accepted(cluster, old, "none") == 0
    cluster.delete_all_jobs()


def test_the_death_of_a_node_is_told_encrypted(cluster):
    """By its warden, at once: longer silence is not proof of a death."""
    for k in cluster.nodes:
        restart(cluster, k, "require")
    wait_until(lambda: connected(cluster) == set(cluster.names), 30, "all are connected")
    victim = next(k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher())
    cluster.run("kill-node", str(victim))
    wait_until(lambda: any("reports its warden" in cluster.log(f"node{k}") for k in cluster.nodes if k != victim), 20,
               "a node hears of the death")
    cluster.run("start-node", str(victim))
    wait_until(lambda: connected(cluster) == set(cluster.names), 30, "it is back")
