"""What a run writes is seen at every node while it writes it; and what changes is told as it changes."""
import contextlib
import http.client
import json
import subprocess
import time

from harness import BINARY, HOST, let_pass, wait_until

ALSO_SOLO = True

NEVER = "0 0 0 1 1 * 2199"


class Event:
    def __init__(self, name, data, place):
        self.name = name
        self.data = data
        self.place = place

    def __repr__(self):
        return f"{self.place} {self.name} {str(self.data)[:200]}"


class Stream:
    """Server-sent events, read as they come. A stream that is silent for longer than a heartbeat allows fails."""

    def __init__(self, port, target, headers=None):
        self.connection = http.client.HTTPConnection(HOST, port, timeout=15)
        self.connection.request("GET", target, headers={"Accept": "text/event-stream", **(headers or {})})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.getheader("Content-Type") == "text/event-stream"
        self.place = 0

    def next(self):
        """The next event; None at the end of the stream."""
        name, data = "", None
        while True:
            line = self.answer.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            field, _, value = line.partition(": ")
            if field == "id":
                self.place = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif not line and data is not None:
                return Event(name, data, self.place)

    def wait(self, fits):
        """The first event that fits; those before it are passed over."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            event = self.next()
            assert event, "the stream has ended"
            if fits(event):
                return event
        raise AssertionError("no such event")

    def wait_text(self, wanted):
        """Reads until the output ends with this; all of it."""
        text = ""
        while not text.endswith(wanted):
            text += self.wait(lambda event: event.name == "output").data["text"]
        return text

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self.answer.close()
        self.connection.close()


@contextlib.contextmanager
def stream(cluster, target, node=None, headers=None):
    """At this node, or through nginx."""
    opened = Stream(cluster.nginx_port if node is None else cluster.http_port(node), target, headers)
    try:
        yield opened
    finally:
        opened.close()


def output_of(run):
    return f"/run/{run}/output"


def wait_running(cluster, run):
    wait_until(lambda: cluster.api(f"/log/{run}")["state"] == "running", 20, "it runs")
    return cluster.api(f"/log/{run}")


class Talker:
    """A run that says "one", and goes on when it is told to: then it says "two" and ends."""

    def __init__(self, cluster, last="echo two"):
        self.file = cluster.witness_file()
        job = cluster.add(f"echo one; while [ ! -e {self.file} ]; do sleep 0.05; done; {last}", NEVER)
        self.id = cluster.api(f"/cron/run/{job}", inputs="")["id"]
        self.row = wait_running(cluster, self.id)

    def go_on(self):
        self.file.touch()


def everywhere(cluster):
    """Each node, and nginx where there is one."""
    return [*cluster.nodes, *([None] if len(cluster.nodes) > 1 else [])]


def test_each_node_shows_what_a_run_has_written_by_now_and_how_it_ends(cluster):
    run = Talker(cluster)
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(stream(cluster, output_of(run.id), node)) for node in everywhere(cluster)]
        for reader in readers:
            assert reader.wait_text("one\n") == "one\n"
        for node in everywhere(cluster):
            answer = cluster.call("GET", output_of(run.id), node=node)
            assert (answer.status, answer.body) == (200, b"one\n"), answer
            assert (answer.headers["X-Peercron-State"], answer.headers["X-Peercron-Next"]) == ("running", "4")
        run.go_on()
        for reader in readers:
            assert reader.wait_text("two\n") == "two\n"
            end = reader.wait(lambda event: event.name == "end")
            assert (end.data["state"], end.data["exit_code"], end.data["output_bytes"]) == ("success", 0, 8), end
            assert reader.next() is None
    for node in everywhere(cluster):
        assert cluster.call("GET", output_of(run.id), node=node).body == b"one\ntwo\n"


def test_a_reader_begins_at_the_byte_it_asks_for(cluster):
    run = Talker(cluster)
    assert cluster.call("GET", f"{output_of(run.id)}?from=2").body == b"e\n"
    with stream(cluster, f"{output_of(run.id)}?from=1") as late, \
            stream(cluster, f"{output_of(run.id)}?from=0", headers={"Last-Event-ID": "4"}) as again:
        assert late.wait_text("e\n") == "ne\n"
        run.go_on()
        assert again.wait_text("two\n") == "two\n"
        assert late.wait_text("two\n") == "two\n"
    with stream(cluster, f"{output_of(run.id)}?from=5") as ended:
        assert [(event.name, event.data.get("text")) for event in ended.rest()] == [("output", "wo\n"), ("end", None)]


def test_a_run_is_watched_before_it_starts(cluster):
    job = cluster.add("echo here", NEVER, retries=1, retry_delay=1)
    failing = cluster.add("exit 3", NEVER, retries=1, retry_delay=3)
    cluster.api(f"/cron/run/{failing}", inputs="")
    waiting = wait_until(lambda: [row for row in cluster.api(f"/log/list?cron_id={failing}&state=planned")["list"]
                                  if row["attempt"] == 2], 20, "a retry waits")[0]
    with stream(cluster, output_of(waiting["id"])) as reader:
        assert reader.wait(lambda event: event.name == "end").data["exit_code"] == 3
    run = cluster.api(f"/cron/run/{job}", inputs="")["id"]
    with stream(cluster, output_of(run)) as reader:
        assert reader.wait_text("here\n") == "here\n"


def test_a_reader_that_does_not_read_holds_nothing_up_and_is_told_what_it_missed(cluster):
    size = 30_000_000
    job = cluster.add(f"yes | head -c {size}; echo the end", NEVER)
    run = cluster.api(f"/cron/run/{job}", inputs="")["id"]
    with stream(cluster, output_of(run), cluster.nodes[-1]) as slow:
        wait_until(lambda: cluster.api(f"/log/{run}")["state"] == "success", 60, "it has ended unread")
        events = slow.rest()
    assert events[-1].name == "end" and events[-1].data["output_bytes"] == size + 8, events[-1]
    assert any(event.name == "gap" for event in events), [event.name for event in events]
    place = 0
    for event in events[:-1]:
        assert event.data["from"] == place, (event, place)
        if event.name == "output":
            assert event.place == place + len(event.data["text"])
        place = event.place
    assert place == size + 8
    assert events[-2].data["text"].endswith("the end\n")


def streams_at(cluster, node):
    lines = cluster.call("GET", "/metrics", node=node).body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("peercron_http_streams "))


def test_a_reader_that_disappears_leaves_nothing_behind(cluster):
    run = Talker(cluster)
    node = cluster.nodes[-1]
    before = streams_at(cluster, node)
    with stream(cluster, output_of(run.id), node) as reader:
        reader.wait_text("one\n")
        assert streams_at(cluster, node) == before + 1
    wait_until(lambda: streams_at(cluster, node) <= before, 10, "its stream has ended")
    run.go_on()
    wait_until(lambda: cluster.api(f"/log/{run.id}")["state"] == "success", 20, "the run ends")


def test_the_command_line_follows_a_run_and_shows_one_that_goes_on(cluster):
    run = Talker(cluster, last="echo two; exit 3")
    shown = subprocess.run([BINARY, "log", "show", str(run.id), "--url", cluster.url, "--json"], capture_output=True,
                           text=True, timeout=30)
    assert json.loads(shown.stdout)["output"] == "one\n", shown
    with subprocess.Popen([BINARY, "run", "follow", str(run.id), "--url", cluster.url], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline() == "one\n"
        run.go_on()
        rest, said = follower.communicate(timeout=30)
    assert (rest, follower.returncode) == ("two\n", 10), said
    assert f"run {run.id}" in said and "exit 3" in said, said
    job = cluster.add("echo now", NEVER)
    done = subprocess.run([BINARY, "job", "run-now", str(job), "--follow", "--url", cluster.url], capture_output=True,
                          text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "now\n"), done


def test_each_node_tells_of_runs_and_jobs(cluster):
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(stream(cluster, "/events?topics=run,job", node)) for node in everywhere(cluster)]
        job = cluster.add("sleep 3", NEVER, name="told-of")
        run = cluster.api(f"/cron/run/{job}", inputs="")["id"]
        for reader in readers:
            states = []
            told_of_job = False
            while not told_of_job or states[-1:] != ["success"]:
                event = reader.wait(lambda event: event.data.get("id") == (run if event.name == "run" else job))
                if event.name == "run":
                    assert event.data["cron_id"] == job
                    states.append(event.data["state"])
                else:
                    assert event.data == {"id": job, "name": "told-of", "deleted": False}
                    told_of_job = True
            assert states[-2:] == ["running", "success"], states
        cluster.api(f"/cron/delete/{job}")
        for reader in readers:
            reader.wait(lambda event: event.data == {"id": job, "name": "", "deleted": True})


def run_elsewhere(cluster, not_at):
    """A talker whose node is another one."""
    while True:
        run = Talker(cluster)
        if run.row["run_server"] not in not_at:
            return run
        run.go_on()
        let_pass(0.2)


def test_a_change_of_the_dispatcher_is_not_noticed(victim_cluster):
    cluster = victim_cluster
    dispatcher = wait_until(cluster.dispatcher, 30, "a dispatcher")
    run = run_elsewhere(cluster, {dispatcher})
    reader_at = next(k for k in cluster.nodes if cluster.name(k) not in (dispatcher, run.row["run_server"]))
    with stream(cluster, output_of(run.id), reader_at) as reader:
        reader.wait_text("one\n")
        cluster.run("kill-node", str(cluster.number(dispatcher)))
        wait_until(lambda: cluster.dispatcher() not in ("", dispatcher), 30, "another dispatcher")
        run.go_on()
        assert reader.wait_text("two\n") == "two\n"
        assert reader.wait(lambda event: event.name == "end").data["state"] == "success"


def test_when_the_node_dies_the_end_is_the_ledgers_word(victim_cluster):
    cluster = victim_cluster
    dispatcher = wait_until(cluster.dispatcher, 30, "a dispatcher")
    run = run_elsewhere(cluster, {dispatcher})
    with stream(cluster, output_of(run.id), cluster.number(dispatcher)) as reader, \
            stream(cluster, "/events?topics=node", cluster.number(dispatcher)) as nodes:
        reader.wait_text("one\n")
        cluster.run("kill-node", str(cluster.number(run.row["run_server"])))
        assert reader.wait(lambda event: event.name == "end").data["state"] == "lost"
        nodes.wait(lambda event: event.data["name"] == run.row["run_server"] and not event.data.get("connected"))


def test_a_node_that_drains_says_goodbye_at_once(victim_cluster):
    cluster = victim_cluster
    run = Talker(cluster)
    at = cluster.number(run.row["run_server"])
    with stream(cluster, output_of(run.id), at) as reader, stream(cluster, "/events", at) as events:
        reader.wait_text("one\n")
        stopping = subprocess.Popen(cluster.command("stop-node", str(at)), stdout=subprocess.DEVNULL)
        assert reader.wait(lambda event: event.name == "bye").data == {}
        assert reader.next() is None
        events.wait(lambda event: event.name == "bye")
        assert stopping.poll() is None, "it has not waited for the command to end"
        refused = cluster.call("GET", "/events", node=at)
        assert refused.status == 503 and "stopping" in refused.json["message"], refused
        other = next(k for k in cluster.nodes if k != at)
        with stream(cluster, f"{output_of(run.id)}?from={reader.place}", other) as again:
            run.go_on()
            assert again.wait_text("two\n") == "two\n"
        stopping.wait(timeout=60)
