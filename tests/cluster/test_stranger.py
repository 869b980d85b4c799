"""Whoever comes to a peer port without the cluster secret gets nothing run and harms nobody; nor does a peer that
knows it and has gone mad."""
import contextlib
import hashlib
import hmac
import os
import socket
import struct

import pytest

from harness import (HOST, Witness, assert_each_fire_once, assert_witnessed, due_seconds, let_pass, now_ms,
                     wait_until)

# The peer protocol, as src/wire/greeting.hpp and peer.proto describe it.
MAGIC = b"peercron"


def frame(payload):
    return struct.pack(">I", len(payload)) + payload


def varint(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def hello():
    return MAGIC + field(1, 1) + field(2, 1) + field(3, os.urandom(32))


def digest(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def receive_frame(connection):
    """The next frame's payload; None when the connection ends first."""
    with contextlib.suppress(ConnectionError):
        header = connection.recv(4, socket.MSG_WAITALL)
        if len(header) == 4:
            length = struct.unpack(">I", header)[0]
            return connection.recv(length, socket.MSG_WAITALL) if length else b""
    return None


def greet(connection, secret):
    """Greets as a node that knows this secret; the node's proof, or None when it gives none."""
    mine = hello()
    connection.sendall(frame(mine))
    theirs = receive_frame(connection)
    assert theirs is not None and theirs.startswith(MAGIC)
    transcript = frame(mine) + frame(theirs)
    identity = field(1, b"127.0.0.1:1") + field(2, b"0.0.0")
    key = digest(secret.encode(), b"peercron: key of proofs")
    proof = digest(key, b"client", transcript, identity) + identity
    connection.sendall(frame(proof))
    answer = receive_frame(connection)
    if not answer:
        return None
    transcript += frame(proof)
    assert hmac.compare_digest(answer[:32], digest(key, b"server", transcript, answer[32:]))
    return transcript + frame(answer)


def run_order(command):
    """Envelope{RunOrders{RunOrder}} for a command to be run now, by the newest dispatcher of all."""
    moment = now_ms()
    order = (field(1, field(1, 1) + field(2, moment) + field(3, 1)) + field(2, command.encode()) +
             field(5, moment) + field(6, moment + 60_000) + field(7, 2**62) + field(8, b"127.0.0.1:1"))
    return field(3, field(1, order))


def sealed(secret, transcript, payload):
    """The first frame after the greeting of a client."""
    session = digest(secret.encode(), b"peercron: key of a session", transcript)
    key = digest(session, b"client")
    return frame(payload + digest(key, bytes(8), payload)[:16])


def orders(command):
    """The order as a stranger might send it, with and without some code behind it."""
    return frame(run_order(command)) + frame(run_order(command) + os.urandom(16))


def ends(connection):
    """Whether the node ends the connection."""
    connection.settimeout(30)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.fixture(scope="module", autouse=True)
def fires(shared_cluster):
    """Jobs that fire each second during all tests of this module, and must not notice anything."""
    cluster = shared_cluster
    witness = Witness(cluster)
    jobs = [cluster.add(witness.command) for _ in range(6)]
    added = now_ms()
    yield
    let_pass(4)
    epochs = {row.epoch for row in cluster.ledger(jobs)}
    stopped = now_ms()
    cluster.stop_jobs(jobs)
    rows = cluster.wait_final(jobs)
    cluster.delete_all_jobs()
    assert_each_fire_once(rows, jobs, due_seconds(added, stopped - 3000))
    assert {row.state for row in rows} <= {"success", "revoked"}
    assert {row.state for row in rows if row.scheduled_at < stopped - 3000} == {"success"}
    assert_witnessed(rows, witness)
    assert len(epochs) == 1, "the dispatcher changed"
    state = cluster.node_list()
    assert all(node["passing"] and node["connected"] for node in state["nodes"]), state


@pytest.fixture(scope="module")
def touched(shared_cluster, fires):
    """A file that the strangers' commands would make; it must not be there in the end."""
    file = shared_cluster.witness_file()
    yield file
    assert not file.exists()


@pytest.fixture
def cluster(shared_cluster):
    """Unlike that of other modules, keeps its jobs from test to test."""
    return shared_cluster


def connect(cluster, k=1):
    return socket.create_connection((HOST, cluster.peer_port(k)), timeout=30)


def test_with_the_secret_the_greeting_of_these_tests_succeeds(cluster):
    """So that the others fail for want of the secret, and for nothing else."""
    with connect(cluster) as connection:
        assert greet(connection, cluster.secret) is not None


def test_a_wrong_secret_gets_nothing_run(cluster, touched):
    for k in cluster.nodes:
        for secret in ("", "x" * 64, cluster.secret[:-1], cluster.secret.upper()):
            with connect(cluster, k) as connection:
                assert greet(connection, secret) is None
                with contextlib.suppress(ConnectionError):
                    connection.sendall(orders(f"touch {touched}"))
                assert ends(connection)


def test_the_right_secret_without_a_right_code_on_each_frame_gets_nothing_run(cluster, touched):
    with connect(cluster) as connection:
        assert greet(connection, cluster.secret) is not None
        connection.sendall(orders(f"touch {touched}"))
        assert ends(connection)


def test_a_peer_with_the_secret_that_dispatches_in_an_impossible_epoch_is_cut_off(cluster):
    # Believed, no node would obey anybody else; the fires of this module go on in the epoch that they had.
    for k in cluster.nodes:
        for epoch in (2**64 - 1, 2**48 + 1, 2**47):
            with connect(cluster, k) as connection:
                transcript = greet(connection, cluster.secret)
                connection.sendall(sealed(cluster.secret, transcript,
                                          field(1, field(1, epoch) + field(2, b"127.0.0.1:1"))))
                assert ends(connection)


def test_no_greeting_gets_nothing_run(cluster, touched):
    for k in cluster.nodes:
        for behind in (b"", frame(hello()), frame(b"")):
            with connect(cluster, k) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(behind + orders(f"touch {touched}"))
                assert ends(connection)


NONSENSE = {
    "random bytes": os.urandom(100_000),
    "4 GB announced": b"\xff\xff\xff\xff" + b"x" * 10_000,
    "2 GB announced": b"\x7f\xff\xff\xff" + b"x" * 10_000,
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "empty frames": frame(b"") * 1000,
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_cut_off(cluster, name):
    sent = NONSENSE[name]
    for k in cluster.nodes:
        with connect(cluster, k) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
            assert ends(connection), name


def test_two_hundred_strangers_at_once_harm_nobody(cluster, touched):
    sent = [b"", b"\x00\x00", frame(hello())[:20], frame(hello()), b"\xff\xff\xff\xff", os.urandom(1000),
            orders(f"touch {touched}")]
    with contextlib.ExitStack() as stack:
        strangers = []
        for turn in range(200):
            with contextlib.suppress(ConnectionError):
                stranger = stack.enter_context(connect(cluster, turn % 3 + 1))
                strangers.append(stranger)
                stranger.sendall(sent[turn % len(sent)])
        let_pass(2)
        for stranger in strangers:
            assert ends(stranger)
    with connect(cluster) as connection:
        wait_until(lambda: greet(connection, cluster.secret), 30, "a node that knows the secret is let in")
