"""The API with a certificate of its own."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import warnings

import pytest

from harness import BINARY, HOST, WORK, Solo, free_base_port, wait_until


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def make_authority(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
            f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")


def make_certificate(folder, name, authority="ca", days=20):
    """A certificate for this address, and its key."""
    (folder / "names").write_text(f"subjectAltName=IP:{HOST}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
    openssl("x509", "-req", "-days", days, "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.pem", "-CAkey",
            folder / f"{authority}.key", "-CAcreateserial", "-extfile", folder / "names", "-out", folder / f"{name}.pem")


class HttpsNode(Solo):
    """The certificate is in api.pem and api.key of its folder."""

    def __init__(self, folder, port, options=()):
        super().__init__(folder, port, ("--set", f"tls.cert={folder}/api.pem", "--set", f"tls.key={folder}/api.key",
                                        *options))
        make_authority(folder, "ca")
        make_certificate(folder, "api")

    def context(self, **more):
        return ssl.create_default_context(cafile=self.folder / "ca.pem", **more)

    def ask(self, target, context=None, method="GET", body=None):
        connection = http.client.HTTPSConnection(HOST, self.base, timeout=20, context=context or self.context())
        with contextlib.closing(connection):
            connection.request(method, target, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def certificate(self):
        """Of the one that new connections get: its name."""
        with socket.create_connection((HOST, self.base), timeout=20) as plain:
            with self.context().wrap_socket(plain, server_hostname=HOST) as encrypted:
                return dict(pair[0] for pair in encrypted.getpeercert()["subject"])["commonName"]

    def wait_ready(self):
        def answers():
            assert self.process.poll() is None, self.log("node")[-2000:]
            with contextlib.suppress(OSError):
                return json.loads(self.ask("/health", self.ready_context)[1])["data"]["is_dispatcher"]

        wait_until(answers, 20, lambda: f"the node dispatches: {self.log('node')[-2000:]}")

    ready_context = None

    def reload(self):
        os.kill(self.pids()[0], signal.SIGHUP)


@contextlib.contextmanager
def https_node(options=()):
    with free_base_port() as port:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="t", dir=WORK))
        node = HttpsNode(folder, port, options)
        try:
            yield node
        finally:
            node.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def node():
    with https_node() as node:
        node.start()
        yield node


def cli(node, *arguments, ca="ca.pem"):
    return subprocess.run([str(BINARY), "--url", f"https://{HOST}:{node.base}", "--ca", str(node.folder / ca), *arguments],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_calls_and_streams_work_encrypted(node):
    assert cli(node, "job", "add", "--name", "hello", "--every", "1s", "--", "echo", "hello").returncode == 0
    listed = cli(node, "job", "list", "--json")
    assert [job["name"] for job in json.loads(listed.stdout)] == ["hello"], listed
    ran = cli(node, "job", "run-now", "hello", "--follow")
    assert ran.returncode == 0 and "hello" in ran.stdout, ran
    # A long answer, in many records, and a stream that the client ends.
    status, page = node.ask("/ui/")
    assert status == 200 and len(page) > 1000
    with socket.create_connection((HOST, node.base), timeout=20) as plain:
        with node.context().wrap_socket(plain, server_hostname=HOST) as stream:
            stream.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            seen = b""
            while b"data:" not in seen:
                part = stream.recv(4096)
                assert part, seen
                seen += part
    assert cli(node, "job", "delete", "hello").returncode == 0


def test_who_does_not_trust_the_node_is_told(node):
    make_authority(node.folder, "other")
    refused = cli(node, "status", ca="other.pem")
    assert refused.returncode != 0 and "its certificate is not trusted" in refused.stderr and "--ca" in refused.stderr
    garbage = cli(node, "status", ca="api.key")
    assert garbage.returncode == 2 and "has no certificates in PEM" in garbage.stderr


def test_a_plain_request_is_told_to_use_https(node):
    connection = http.client.HTTPConnection(HOST, node.base, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert answer.status == 400
        assert "https://" in json.loads(answer.read())["message"]
    plain = subprocess.run([str(BINARY), "status", "--url", f"http://{HOST}:{node.base}"], capture_output=True, text=True,
                           timeout=60)
    assert plain.returncode != 0 and "https://" in plain.stderr


def test_bytes_that_are_neither_harm_nobody(node):
    for start in (b"\x16\x03\x01\x00\x05hello", os.urandom(200), b"\x16"):
        with socket.create_connection((HOST, node.base), timeout=20) as stranger:
            stranger.sendall(start)
    with pytest.raises(ssl.SSLError):
        old = node.context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        node.ask("/health", old)
    assert node.ask("/health")[0] == 200


def test_a_new_certificate_is_used_after_a_reload_and_a_bad_one_is_not(node):
    def expiry():
        text = node.ask("/metrics")[1].decode()
        return float(re.search(r"^peercron_tls_certificate_expiry_timestamp_seconds (\S+)", text, re.M)[1])

    before = expiry()
    make_certificate(node.folder, "renewed", days=25)
    for kind in ("pem", "key"):
        shutil.copy(node.folder / f"renewed.{kind}", node.folder / f"api.{kind}")
    node.reload()
    wait_until(lambda: node.certificate() == "renewed", 20, "the new certificate")
    assert expiry() > before + 4 * 86400
    assert json.loads(node.ask("/health")[1])["data"]["certificate_expires_at"] == expiry() * 1000, "for the console"

    make_certificate(node.folder, "third", days=5)
    shutil.copy(node.folder / "third.pem", node.folder / "api.pem")  # without its key
    node.reload()
    wait_until(lambda: "is not the key of the certificate in" in node.log("node"), 20, "the log says what is wrong")
    assert "stays as it was" in node.log("node")
    assert node.certificate() == "renewed"

    shutil.copy(node.folder / "third.key", node.folder / "api.key")
    node.reload()
    wait_until(lambda: node.certificate() == "third", 20, "the third certificate")
    assert re.search(r"warn.*the certificate of the API expires at", node.log("node"), re.I)


def test_clients_need_a_certificate_when_they_are_asked_for_one():
    with https_node() as node:
        make_authority(node.folder, "people")
        make_certificate(node.folder, "person", "people")
        make_certificate(node.folder, "stranger", "ca")
        node.options = (*node.options, "--set", f"tls.client_ca={node.folder}/people.pem", "--set", "tls.min=1.3")
        node.ready_context = node.context()
        node.ready_context.load_cert_chain(node.folder / "person.pem", node.folder / "person.key")
        node.start()
        assert node.ask("/health", node.ready_context)[0] == 200
        stranger = node.context()
        stranger.load_cert_chain(node.folder / "stranger.pem", node.folder / "stranger.key")
        for context in (node.context(), stranger):
            with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                node.ask("/health", context)
        older = node.context()
        older.load_cert_chain(node.folder / "person.pem", node.folder / "person.key")
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, OSError)):
            node.ask("/health", older)


def test_a_node_without_its_key_does_not_start_and_says_why():
    with https_node() as node:
        shutil.copy(node.folder / "ca.key", node.folder / "api.key")
        done = subprocess.run(node.arguments(), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode != 0
        assert "is not the key of the certificate in" in done.stdout + done.stderr
