"""Nodes show each other certificates: brought in while the cluster works, required, renewed, and refused."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from harness import BINARY, let_pass, request, running_cluster, wait_until
from test_encryption import accepted, connected, fires_run_everywhere
from test_https import make_authority, make_certificate


@pytest.fixture(scope="module")
def cluster():
    with running_cluster(3) as cluster:
        for name in ("ca", "other"):
            make_authority(cluster.folder, name)
        for k in cluster.nodes:
            make_certificate(cluster.folder, f"peer{k}")
        yield cluster


def restart(cluster, k, encrypt, authority="ca"):
    """`authority`: None for a node without a certificate."""
    config = cluster.config_file(k)
    text = re.sub(r"^(encrypt|cert|key|ca) = .*\n", "", config.read_text(), flags=re.M)
    keys = f'encrypt = "{encrypt}"\n'
    if authority:
        own = cluster.folder / f"peer{k}"
        keys += f'cert = "{own}.pem"\nkey = "{own}.key"\nca = "{cluster.folder}/{authority}.pem"\n'
    config.write_text(text.replace("[cluster]\n", "[cluster]\n" + keys))
    cluster.run("stop-node", str(k))
    cluster.run("start-node", str(k))


def wait_connected(cluster, names):
    wait_until(lambda: connected(cluster) == set(names), 30, lambda: f"{names} are connected, not {connected(cluster)}")


def expiry(cluster, k):
    text = request(cluster.http_port(k), "GET", "/metrics").body.decode()
    return float(re.search(r"^peercron_peer_certificate_expiry_timestamp_seconds (\S+)", text, re.M)[1])


def reload(cluster, k):
    os.kill(json.loads((cluster.folder / "run" / f"node{k}.json").read_text())["pid"], signal.SIGHUP)


def others_than_the_dispatcher(cluster):
    return [k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher()]


def test_certificates_come_while_the_cluster_works_and_then_are_required(cluster):
    for k in cluster.nodes:
        restart(cluster, k, "prefer")
        wait_connected(cluster, cluster.names)
        fires_run_everywhere(cluster, cluster.nodes)
    assert any("is encrypted without a certificate" in cluster.log(f"node{k}") for k in cluster.nodes)
    for k in cluster.nodes:
        restart(cluster, k, "require")
        wait_connected(cluster, cluster.names)
    fires_run_everywhere(cluster, cluster.nodes)
    assert all(accepted(cluster, k, "certificate") > 0 for k in others_than_the_dispatcher(cluster))
    assert all(accepted(cluster, k, "tls") == accepted(cluster, k, "none") == 0 for k in cluster.nodes)


def test_a_node_without_one_is_refused_and_both_say_what_to_do(cluster):
    odd, *others = [*others_than_the_dispatcher(cluster), cluster.number(cluster.dispatcher())]
    restart(cluster, odd, "prefer", authority=None)
    wait_until(lambda: "has no certificate, and here" in "".join(cluster.log(f"node{k}") for k in others), 30,
               "the dispatcher says why it does not connect")
    let_pass(1)
    assert connected(cluster, others[0]) == {cluster.name(k) for k in others}
    fires_run_everywhere(cluster, others)
    assert "requires a certificate: set [cluster] cert, key and ca here" in cluster.log(f"node{odd}")
    restart(cluster, odd, "require")
    wait_connected(cluster, cluster.names)


def test_a_node_with_one_of_another_authority_is_refused(cluster):
    odd, *others = [*others_than_the_dispatcher(cluster), cluster.number(cluster.dispatcher())]
    make_certificate(cluster.folder, f"peer{odd}", "other")
    restart(cluster, odd, "require", authority="other")
    wait_until(lambda: "shows a certificate that is not trusted here" in "".join(cluster.log(f"node{k}") for k in others), 30,
               "the dispatcher says why it does not connect")
    let_pass(1)
    assert connected(cluster, others[0]) == {cluster.name(k) for k in others}
    make_certificate(cluster.folder, f"peer{odd}")
    restart(cluster, odd, "require")
    wait_connected(cluster, cluster.names)


def test_a_node_with_one_that_others_would_refuse_does_not_start_and_says_why(cluster):
    make_certificate(cluster.folder, "stranger", "other")
    make_certificate(cluster.folder, "expired", days=-1)
    odd = others_than_the_dispatcher(cluster)[0]
    cluster.run("stop-node", str(odd))
    for bad, why in (("stranger", "peers that trust"), ("expired", "certificate has expired")):
        done = subprocess.run([str(BINARY), "serve", "--config", cluster.config_file(odd), "--set",
                               f"cluster.cert={cluster.folder}/{bad}.pem", "--set", f"cluster.key={cluster.folder}/{bad}.key"],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              cwd=cluster.config_file(odd).parent)
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert "cannot start" in said and why in said and f"{bad}.pem" in said, said
    cluster.run("start-node", str(odd))
    wait_connected(cluster, cluster.names)


def test_a_new_one_is_used_after_a_reload_and_a_bad_one_is_not(cluster):
    node = cluster.number(cluster.dispatcher())
    before = expiry(cluster, node)
    assert json.loads(request(cluster.http_port(node), "GET", "/health").body)["data"]["certificate_expires_at"] == before * 1000
    make_certificate(cluster.folder, "renewed", days=25)
    for kind in ("pem", "key"):
        shutil.copy(cluster.folder / f"renewed.{kind}", cluster.folder / f"peer{node}.{kind}")
    reload(cluster, node)
    wait_until(lambda: expiry(cluster, node) > before + 4 * 86400, 20, "the new certificate")
    assert "the certificate of the peer port was read again" in cluster.log(f"node{node}")

    shutil.copy(cluster.folder / "stranger.pem", cluster.folder / f"peer{node}.pem")
    shutil.copy(cluster.folder / "stranger.key", cluster.folder / f"peer{node}.key")
    reload(cluster, node)
    wait_until(lambda: "the certificate of the peer port stays as it was" in cluster.log(f"node{node}"), 20, "the log says so")
    assert "peers that trust" in cluster.log(f"node{node}")

    # It goes on with the one that is good, in new connections, too.
    odd = others_than_the_dispatcher(cluster)[0]
    restart(cluster, odd, "require")
    wait_connected(cluster, cluster.names)
    for kind in ("pem", "key"):
        shutil.copy(cluster.folder / f"renewed.{kind}", cluster.folder / f"peer{node}.{kind}")


def test_the_death_of_a_node_is_told_with_its_certificate(cluster):
    """By its warden, at once: longer silence is not proof of a death."""
    victim = others_than_the_dispatcher(cluster)[0]
    cluster.run("kill-node", str(victim))
    wait_until(lambda: any("reports its warden" in cluster.log(f"node{k}") for k in cluster.nodes if k != victim), 20,
               "a node hears of the death")
    cluster.run("start-node", str(victim))
    wait_connected(cluster, cluster.names)
