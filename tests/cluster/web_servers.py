"""Servers for jobs of kind http: a real nginx with TLS, and one that misbehaves as asked."""
import contextlib
import os
import pathlib
import shutil
import socket
import socketserver
import subprocess
import threading
import time
import urllib.parse

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"


NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@contextlib.contextmanager
def nginx_in(folder, http, port):
    """An nginx with this text in its block http, ready at the port; its files, `nginx.err` among them, are in the folder."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"{user}worker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.err;\n"
        f"events {{ worker_connections 8192; }}\nhttp {{\n{paths}{http}\n}}\n")
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "nginx.err", "-g", "daemon off;"],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
                break
            assert process.poll() is None and time.monotonic() < limit, (folder / "nginx.err").read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


class Nginx:
    """Plain HTTP at one port, HTTP/2 over TLS at another, with a certificate for `localhost` by an authority of its own
    (`ca_file`), and one for another name at a third. The first is a proxy for absolute URLs as well."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port, self.tls_port, self.other_port = free_port(), free_port(), free_port()
        self.ca_file = self.folder / "ca.pem"

    def url(self, path="/"):
        return f"http://{HOST}:{self.port}{path}"

    def tls_url(self, path="/", host="localhost"):
        return f"https://{host}:{self.tls_port}{path}"

    def make_certificates(self):
        at = self.folder
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-keyout", at / "ca.key", "-out", self.ca_file)
        for file, name in ("good", "localhost"), ("other", "other.example"):
            run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", at / f"{file}.key",
                "-out", at / f"{file}.csr")
            (at / f"{file}.ext").write_text(f"subjectAltName=DNS:{name}\n")
            run("openssl", "x509", "-req", "-in", at / f"{file}.csr", "-CA", self.ca_file, "-CAkey", at / "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", at / f"{file}.ext", "-out", at / f"{file}.pem")

    def http(self):
        return f"""
    log_format told '$request_method $uri $server_protocol $connection $status "$http_idempotency_key" "$http_host"';
    access_log {self.folder}/access.log told;
    keepalive_requests 1000000;
    ssl_certificate {self.folder}/good.pem;
    ssl_certificate_key {self.folder}/good.key;
    default_type text/plain;
    server {{
        listen {HOST}:{self.port} backlog=4096;
        location / {{ return 200 "fine at $host\\n"; }}
        location = /quiet {{ access_log off; return 200 "fine\\n"; }}
        location = /moved {{ return 302 /; }}
        location = /teapot {{ return 418; }}
    }}
    server {{
        listen {HOST}:{self.tls_port} ssl http2 backlog=4096;
        location / {{ return 200 "secure by $server_protocol\\n"; }}
    }}
    server {{
        listen {HOST}:{self.other_port} ssl;
        ssl_certificate {self.folder}/other.pem;
        ssl_certificate_key {self.folder}/other.key;
        location / {{ return 200 "other\\n"; }}
    }}"""

    def log(self):
        """[method, path, protocol, connection, status, …] of each request."""
        return [line.split() for line in (self.folder / "access.log").read_text().splitlines()]


@contextlib.contextmanager
def running_nginx(folder):
    nginx = Nginx(folder)
    nginx.make_certificates()
    with nginx_in(nginx.folder, nginx.http(), nginx.port):
        yield nginx


class StrangeServer:
    """A server that misbehaves: what it does is in the path of the request. `requests` has the texts of all."""

    def __init__(self):
        self.requests = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    outer.answer(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 1024

        self.server = Server((HOST, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path="/"):
        return f"http://{HOST}:{self.port}{path}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(65536)
            if not more:
                return
            text += more
        head, _, body = text.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append((head + b"\r\n\r\n" + body).decode())
        path, _, query = head.split(b" ")[1].decode().partition("?")
        given = dict(urllib.parse.parse_qsl(query))
        getattr(self, "do_" + path.strip("/").split("/")[0])(connection, given)

    @staticmethod
    def send(connection, body, status="200 OK", *headers):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body.encode())

    def do_ok(self, connection, given):
        self.send(connection, given.get("text", "ok\n"))

    def do_status(self, connection, given):
        self.send(connection, "sorry\n", given["is"])

    def do_slow(self, connection, given):
        time.sleep(float(given["seconds"]))
        self.send(connection, "at last\n")

    def do_never(self, connection, given):
        connection.recv(1)  # until the client goes

    def do_drip(self, connection, given):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(1)

    def do_cut(self, connection, given):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")

    def do_hangup(self, connection, given):
        pass

    def do_redirect(self, connection, given):
        self.send(connection, "", "302 Found", "Location: " + given["to"])

    def do_circle(self, connection, given):
        self.send(connection, "", "302 Found", "Location: /circle")

    def do_headers(self, connection, given):
        self.send(connection, "", "200 OK", *(f"X-{number}: {'x' * 1000}" for number in range(100)))

    def do_body(self, connection, given):
        """Without an end, in chunks."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"y" * 0x10000 + b"\r\n"
        while True:
            connection.sendall(chunk)

    def do_ssh(self, connection, given):
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@contextlib.contextmanager
def running_strange_server():
    server = StrangeServer()
    try:
        yield server
    finally:
        server.stop()
