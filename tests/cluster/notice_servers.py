"""Where notices arrive in tests: a web server that keeps what it gets, and a real mail server (aiosmtpd)."""
import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from harness import HOST
from web_servers import free_port


class Message:
    """A request that the web server got."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def is_signed_with(self, key):
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{digest}" in self.headers["webhook-signature"].split(" ")


class WebWitness:
    """Answers every POST with `status`, after `gate` is open, and keeps it in `messages` before."""

    def __init__(self):
        self.messages = []
        self.gets = []
        self.status = 204
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.messages.append(Message(self.path, self.headers, body))
                outer.gate.wait(60)
                with contextlib.suppress(OSError):
                    self.send_response(outer.status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def do_GET(self):
                outer.gets.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server((HOST, 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path="/T0PS3CRET"):
        return f"http://{HOST}:{self.server.server_address[1]}{path}"

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def kinds(self, job):
        """Of the notices about a job, in the order in which they came."""
        return [message.json["data"]["kind"] for message in list(self.messages)
                if message.json["data"]["cron_id"] == job]

    def ids(self, job):
        return [message.json["data"]["id"] for message in list(self.messages)
                if message.json["data"]["cron_id"] == job]


@contextlib.contextmanager
def running_web_witness():
    witness = WebWitness()
    try:
        yield witness
    finally:
        witness.stop()


class MailWitness:
    """A mail server that wants STARTTLS and a login, and keeps what it gets in `mails`."""

    user, password = "cron", "pa55 word"

    def __init__(self, certificate, key):
        self.mails = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.controller = Controller(self, hostname=HOST, port=free_port(), tls_context=context, require_starttls=True,
                                     auth_required=True, authenticator=self.authenticate)
        self.controller.start()
        self.port = self.controller.port

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        is_known = isinstance(data, LoginPassword) and data.login == self.user.encode() \
            and data.password == self.password.encode()
        return AuthResult(success=is_known, handled=False)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail))
        return "250 taken"

    def stop(self):
        self.controller.stop()


@contextlib.contextmanager
def running_mail_witness(certificate, key):
    witness = MailWitness(certificate, key)
    try:
        yield witness
    finally:
        witness.stop()
