"""A node's HTTP API as a script: answers what a test says, and remembers what it was asked."""
import contextlib
import http.server
import json
import socket
import threading
import urllib.parse


class Asked:
    """A request that came."""

    def __init__(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        self.method = handler.command
        self.path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.body = json.loads(body) if body else None
        self.token = handler.headers.get("Authorization")
        self.connection = handler.client_address[1]

    def __repr__(self):
        return f"{self.method} {self.path} {self.query} {self.body}"


class Text:
    """An answer that is no JSON: an output, or events."""

    def __init__(self, body, content_type="text/plain; charset=utf-8"):
        self.body = body.encode()
        self.content_type = content_type


def events(*pairs):
    """A stream of (name, data) that has ended; the ids count on from 100."""
    return Text("retry: 1000\n\n" + "".join(f"id: {100 + i}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
                                           for i, (name, data) in enumerate(pairs)), "text/event-stream")


class FakeNode:
    """`answers` maps "GET /cron/list" to the data of a success, to a (status, message), to a Text or to a
    function that gets the Asked and returns one of these. What is not there is answered with 404."""

    def __init__(self, port=0):
        self.answers = {}
        self.asked = []
        self.connections = []
        self.keeps_connections = True
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else 40 ms for each answer: its head and its body are two writes

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self, body)
                node.asked.append(asked)
                answer = node.answers.get(f"{asked.method} {asked.path}", (404, f"there is no {asked.path}"))
                if callable(answer):
                    answer = answer(asked)
                node.send(self, answer)
                if not node.keeps_connections:  # without a word, as after an idle time
                    self.close_connection = True

            do_GET = do_POST = answer

            def setup(self):
                super().setup()
                node.connections.append(self.connection)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @staticmethod
    def send(handler, answer):
        content_type = "application/json"
        if isinstance(answer, bytes):  # as it is
            status, body, content_type = 502, answer, "text/html"
        elif isinstance(answer, Text):
            status, body, content_type = 200, answer.body, answer.content_type
        elif isinstance(answer, tuple):
            status, message = answer
            body = json.dumps({"code": status, "data": None, "message": message}).encode()
        else:
            status = 200
            body = json.dumps({"code": 200, "data": answer, "message": "ok"}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def are_closed(self):
        """Whether no connection is open from here."""
        return all(connection.fileno() == -1 for connection in self.connections)

    def calls(self):
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def stop(self):
        """As a process ends: nobody listens, and the connections are cut."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.thread.join()


@contextlib.contextmanager
def running_fake_node(port=0):
    node = FakeNode(port)
    try:
        yield node
    finally:
        node.stop()


def job(**changes):
    """A job as the API shows it."""
    return {"id": 12, "cron_set": "*/5 * * * * *", "command": "backup.sh --all", "remark": "", "stop": False,
            "start_time": 0, "end_time": 0, "is_mutex": False, "time_zone": "", "timeout": 0, "name": "backup",
            "run_limit": 0, "misfire_window": None, "delivery": "at_most_once", "misfire_policy": "run_all",
            "overlap": "allow", "max_concurrent": 0, "run_num": 0, "last_run_at": None,
            "next_run_at": 1795219205000, "state": "enabled", **changes}


def run(**changes):
    """A ledger row as the API shows it."""
    return {"id": 501, "cron_id": 12, "time": 1795219200, "output": "saved 3 files\n", "use_time": 1234,
            "dispatch_server": "127.0.0.1:9991", "run_server": "127.0.0.1:9993", "dispatch_time": 1795219198,
            "scheduled_at": 1795219200000, "started_at": 1795219200001, "ended_at": 1795219201235,
            "state": "success", "reason": "", "exit_code": 0, "term_signal": None, "attempt": 1, "epoch": 17,
            "requested_by": "", "cpu_time": 310, "max_rss": 5242880, "output_bytes": 14, **changes}


def open_run(**changes):
    return run(**{"state": "running", "ended_at": None, "exit_code": None, "output": "", "use_time": 0,
                  "output_bytes": 0, **changes})


def page(rows, total=None):
    return {"list": rows, "total": len(rows) if total is None else total}


NODES = {"nodes": [
    {"name": "127.0.0.1:9991", "http_address": "127.0.0.1:9990", "version": "0.1.0", "passing": True,
     "is_dispatcher": True, "connected": True, "slots": 128, "running": 3, "held": 12, "queued": 0,
     "draining": False, "clock_offset_ms": 0},
    {"name": "127.0.0.1:9993", "http_address": "127.0.0.1:9992", "version": "0.1.0", "passing": True,
     "is_dispatcher": False, "connected": True, "slots": 128, "running": 0, "held": 0, "queued": 0,
     "draining": True, "clock_offset_ms": -2},
    {"name": "127.0.0.1:9995", "http_address": "127.0.0.1:9994", "version": "", "passing": False,
     "is_dispatcher": False, "connected": False, "slots": None, "running": None, "held": None, "queued": None,
     "draining": None, "clock_offset_ms": None}],
    "dispatcher": "127.0.0.1:9991", "epoch": 17}
HEALTH = {"node": "127.0.0.1:9991", "version": "0.1.0", "dispatcher": "127.0.0.1:9991", "is_dispatcher": True,
          "epoch": 17, "store": "ok", "journal": "ok", "clock": "ok", "time_zone": "UTC"}
