"""The receiver of notices: a web server on a host of its own. It keeps every message that it gets; sometimes it refuses
one, and sometimes it takes one and does not answer."""
import http.server
import json
import socket
import socketserver
import threading
import time

import network

LINES = "notices.jsonl"
PORT = 80
# One of this many messages is refused, or taken without an answer; a channel then pauses for 10 s.
REFUSED, UNSAID = 97, 61


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a node that was killed, or cut off, meanwhile


class NoticeWitness:
    """`folder` gets the messages, a line each, in the order in which they came."""

    def __init__(self, host, folder):
        self.host = host
        self.lines = (folder / LINES).open("a", buffering=1)
        self.lock = threading.Lock()
        self.count = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                number = outer.keep(self.headers.get("webhook-id"), body)
                if number % UNSAID == UNSAID - 1:
                    self.close_connection = True
                    return
                self.send_response(503 if number % REFUSED == REFUSED - 1 else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = Server((host.address, PORT), Handler, bind_and_activate=False)
        self.server.socket.close()
        with network.visiting(host.namespace):
            self.server.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.socket.bind((host.address, PORT))
        self.server.server_name, self.server.server_port = host.address, PORT
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://{self.host.address}/notices"

    def keep(self, header, body):
        """The number of this message. The server has not answered it yet."""
        try:
            message = json.loads(body)
        except ValueError:
            message = None
        with self.lock:
            self.count += 1
            self.lines.write(json.dumps({"at": time.time_ns(), "header": header, "message": message}) + "\n")
            return self.count

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.lines.close()


def read(text):
    return [json.loads(line) for line in text.splitlines()]
