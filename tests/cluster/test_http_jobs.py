"""Jobs of kind http, against an nginx and a server that misbehaves: docs/http-jobs.md, kept to by the program."""
import os
import socket
import urllib.parse

import pytest

from harness import let_pass, now_ms, running_cluster, running_solo, wait_until
from web_servers import HOST, free_port, running_nginx, running_strange_server

NEVER = "0 0 0 1 1 * 2199"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="module")
def strange():
    with running_strange_server() as server:
        yield server


@pytest.fixture(scope="module")
def solo(nginx):
    with running_solo(["--set", f"http_client.ca_file={nginx.ca_file}"]) as node:
        yield node


def add(node, url, cron=NEVER, **fields):
    return node.api("/cron/add", cronSet=cron, http_url=url, **fields)["id"]


def begin(node, job):
    answer = node.call("POST", f"/cron/run/{job}")
    assert answer.status == 200, answer
    return answer.json["data"]["id"]


def wait_end(node, run, seconds=30):
    def ended():
        row = node.api(f"/log/{run}")
        return row if row["state"] not in ("planned", "running") else None
    wait_until(lambda: ended() is not None, seconds, "the run ends")
    return ended()


def run(node, url, **fields):
    """The row of one run of a job that never fires by itself."""
    return wait_end(node, begin(node, add(node, url, **fields)))


def failure_of(node, url, **fields):
    row = run(node, url, **fields)
    assert row["state"] == "failed", row
    return row["reason"]


def refusal_of(node, **fields):
    answer = node.call("POST", "/cron/add", {"cronSet": NEVER, **fields})
    assert answer.status == 400, answer
    return answer.json["message"]


def test_an_answer_makes_a_row_of_its_status_its_times_its_headers_and_its_body(solo, nginx):
    row = run(solo, nginx.url("/health"))
    assert (row["state"], row["http_status"], row["exit_code"], row["reason"]) == ("success", 200, None, ""), row
    lines = row["output"].split("\n")
    assert lines[0].startswith(f"HTTP/1.1 200 from {HOST}:{nginx.port} in 0."), row
    assert lines[1] == "HTTP/1.1 200 OK" and "Content-Type: text/plain" in lines, row
    assert row["output"].endswith(f"\n\nfine at {HOST}\n"), row
    assert row["started_at"] and row["ended_at"] >= row["started_at"] and row["max_rss"] == 0


def test_what_is_sent_is_what_the_job_says_with_its_placeholders_filled(solo, strange):
    job = add(solo, strange.url("/ok?job={{job}}&attempt={{attempt}}"), http_body='{"at": "{{ scheduled_at }}"}',
              http_headers="Content-Type: application/json\nX-Job: {{job}}\nX-List: a, b")
    row = wait_end(solo, begin(solo, job))
    assert row["state"] == "success", row
    sent = strange.requests[-1]
    assert sent.startswith(f"POST /ok?job={job}&attempt=1 HTTP/1.1\r\n"), sent
    assert f"\r\nX-Job: {job}\r\n" in sent and "\r\nX-List: a, b\r\n" in sent, sent
    assert "\r\nContent-Type: application/json\r\n" in sent and "\r\nUser-Agent: peercron/" in sent, sent
    assert f"\r\nIdempotency-Key: peercron-{job}-{row['scheduled_at']}\r\n" in sent, sent
    at = sent.partition('\r\n\r\n{"at": "')[2]
    assert len(at) == len('2026-11-21T00:00:00.000Z"}') and at.endswith('Z"}'), sent


@pytest.mark.parametrize("expect, state", [("", "failed"), ("500-599", "success"), ("200,503", "success"),
                                           ("200-299", "failed")])
def test_success_is_the_status_that_the_job_expects(solo, strange, expect, state):
    row = run(solo, strange.url("/status?is=503%20Too%20Busy"), http_expect=expect)
    assert (row["state"], row["http_status"]) == (state, 503), row
    if state == "failed":
        assert row["reason"] == "the answer was 503 Too Busy; expected was 200-299"


def test_success_is_the_text_that_the_job_expects(solo, strange):
    assert run(solo, strange.url("/ok?text=all%20is%20well"), http_expect_text="is well")["state"] == "success"
    assert failure_of(solo, strange.url("/ok"), http_expect_text="is well") == \
        'the answer does not have the text "is well"'


def test_a_certificate_is_checked_unless_the_job_says_otherwise(solo, nginx):
    good = run(solo, nginx.tls_url())
    assert (good["state"], good["http_status"]) == ("success", 200), good
    assert good["output"].startswith("HTTP/2 200 from ") and good["output"].endswith("secure by HTTP/2.0\n"), good
    other = f"https://localhost:{nginx.other_port}/"
    assert failure_of(solo, other).startswith("the certificate of localhost is not valid: "), other
    assert run(solo, other, http_verify=0)["state"] == "success"


def test_a_certificate_of_an_authority_that_nobody_knows_is_not_valid(nginx):
    with running_solo() as node:
        assert failure_of(node, nginx.tls_url()).startswith(
            "the certificate of localhost is not valid: unable to get local issuer certificate")


def test_requests_share_connections(solo, nginx):
    job = add(solo, nginx.url("/shared"))
    for _ in range(5):
        assert wait_end(solo, begin(solo, job))["state"] == "success"
    connections = {line[3] for line in nginx.log() if line[1] == "/shared"}
    assert len(connections) == 1, connections


def test_redirects_are_followed_as_far_as_the_job_says(solo, nginx, strange):
    row = run(solo, nginx.url("/moved"))
    assert (row["state"], row["http_status"]) == ("success", 200), row
    assert f", after 1 redirect to {nginx.url('/')}\n" in row["output"], row
    row = run(solo, nginx.url("/moved"), http_redirects=0)
    assert (row["state"], row["http_status"], row["reason"]) == \
        ("failed", 302, "the answer was 302 Moved Temporarily; expected was 200-299"), row
    assert failure_of(solo, strange.url("/circle"), http_redirects=2).startswith("more than 2 redirects, the last to ")


@pytest.mark.parametrize("to, why", [
    ("file:///etc/passwd", 'redirected, but the URL "file:///etc/passwd" is neither of http nor of https'),
    ("ftp://127.0.0.1/x", 'redirected, but the URL "ftp://127.0.0.1/x" is neither of http nor of https'),
    ("http://169.254.169.254/latest/meta-data", "connections to 169.254.169.254 are forbidden ([http_client] deny)"),
    ("http://[::ffff:a9fe:a9fe]/", "are forbidden ([http_client] deny)"),
    ("http://0xa9fea9fe/", "are forbidden ([http_client] deny)"),
    ("http://[fe80::1]/", "are forbidden ([http_client] deny)"),
])
def test_a_redirect_leads_to_no_file_and_to_no_machine_that_is_forbidden(solo, strange, to, why):
    reason = failure_of(solo, strange.url("/redirect?to=" + urllib.parse.quote(to)))
    assert reason.endswith(why), reason


def test_what_goes_wrong_is_said(solo, strange):
    nobody = free_port()
    assert failure_of(solo, f"http://{HOST}:{nobody}/") == f"connection refused by {HOST}:{nobody}"
    peer = f"{HOST}:{strange.port}"
    assert failure_of(solo, strange.url("/hangup")) == f"{peer} closed the connection without an answer"
    cut = run(solo, strange.url("/cut"))
    assert cut["reason"] == f"{peer} closed the connection in the middle of the answer, after 9 bytes of its body", cut
    assert cut["http_status"] == 200 and cut["output"].endswith("only this"), cut
    assert "does not speak HTTP" in failure_of(solo, strange.url("/ssh"))
    assert failure_of(solo, strange.url("/headers")) == "the headers of the answer are longer than 65536 bytes"
    assert failure_of(solo, "http://nobody.invalid/").startswith("could not resolve host nobody.invalid: ")


def test_a_body_without_an_end_ends_the_run_and_not_the_node(solo, strange):
    row = run(solo, strange.url("/body"))
    assert (row["state"], row["reason"]) == ("failed", "the body of the answer is longer than 16777216 bytes"), row
    assert "bytes left out" in row["output"] and len(row["output"]) < 2_000_000


@pytest.mark.parametrize("path, where", [("/never", "waiting for the answer of {}"),
                                         ("/drip", "receiving the answer of {}, ")])
def test_a_run_is_ended_at_its_timeout(solo, strange, path, where):
    row = run(solo, strange.url(path), timeout=2)
    assert row["state"] == "timeout", row
    assert row["reason"].startswith("ran longer than its timeout of 2 s, " + where.format(f"{HOST}:{strange.port}")), row
    assert 1900 < row["use_time"] < 4000, row


def test_a_machine_that_does_not_answer_is_given_up_after_five_seconds(solo):
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        # Its queue is full with these: what comes next hangs.
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex((HOST, port))
            assert failure_of(solo, f"http://{HOST}:{port}/") == f"no connection to {HOST}:{port} within 5 s"
        finally:
            for one in waiting:
                one.close()


def test_a_person_ends_a_run_at_once(solo, strange):
    run_id = begin(solo, add(solo, strange.url("/never"), timeout=60))
    wait_until(lambda: solo.api(f"/log/{run_id}")["state"] == "running", 20, "it runs")
    begun = now_ms()
    assert solo.call("POST", f"/run/kill/{run_id}").status == 200
    row = wait_end(solo, run_id)
    assert row["state"] == "killed" and row["reason"].startswith("on-request: "), row
    assert now_ms() - begun < 3000


def test_a_limit_of_runs_holds_for_requests(solo, strange):
    job = add(solo, strange.url("/slow?seconds=2"), is_mutex=1)
    first = begin(solo, job)
    second = begin(solo, job)
    assert wait_end(solo, second)["cause"] == "mutex"
    assert wait_end(solo, first)["state"] == "success"


def test_requests_have_slots_of_their_own(strange):
    with running_solo(["--set", "exec.slots=1", "--set", "exec.http_slots=2"]) as node:
        blocking = node.add("sleep 30", NEVER)
        begin(node, blocking)
        slow = [begin(node, add(node, strange.url("/slow?seconds=3"))) for _ in range(2)]
        third = begin(node, add(node, strange.url("/ok")))
        wait_until(lambda: node.api(f"/log/{slow[1]}")["state"] == "running", 20, "both run beside the command")
        assert node.api(f"/log/{third}")["state"] == "planned", "there is no third slot"
        assert wait_end(node, third)["state"] == "success"
        assert [wait_end(node, one)["state"] for one in slow] == ["success", "success"]


def test_a_drain_waits_for_requests(strange):
    with running_solo() as node:
        job = add(node, strange.url("/slow?seconds=2"))
        run_id = begin(node, job)
        wait_until(lambda: node.api(f"/log/{run_id}")["state"] == "running", 20, "it runs")
        node.stop()
        assert node.process.returncode == 0
        assert [row.state for row in node.ledger([job])] == ["success"]


def test_a_request_whose_node_was_killed_is_lost_or_sent_again_with_the_same_key(strange):
    with running_solo() as node:
        once = add(node, strange.url("/never?once"))
        again = add(node, strange.url("/slow?seconds=3&again"), delivery="at_least_once")
        runs = [begin(node, job) for job in (once, again)]
        wait_until(lambda: all(node.api(f"/log/{run}")["state"] == "running" for run in runs), 20, "both run")
        node.kill(node.pids()[1])
        node.start()
        assert wait_end(node, runs[0])["state"] == "lost"
        wait_until(lambda: [row.state for row in node.ledger([again])] == ["lost", "success"], 30, "it runs again")
        keys = [line for text in strange.requests if "&again" in text for line in text.split("\r\n")
                if line.startswith("Idempotency-Key: ")]
        assert len(keys) == 2 and len(set(keys)) == 1, keys


def test_a_proxy_is_the_configured_one_only(nginx, strange):
    environment = dict(os.environ)
    os.environ["http_proxy"] = f"http://{HOST}:{free_port()}"
    try:
        options = ["--set", f"http_client.proxy=http://{HOST}:{nginx.port}", "--set", f"http_client.no_proxy=[\"{HOST}\"]"]
        with running_solo(options) as node:
            row = run(node, "http://far.example/by-proxy")
            assert row["state"] == "success" and row["output"].endswith("fine at far.example\n"), row
            assert run(node, strange.url("/ok"))["state"] == "success", "not by the proxy, nor by the variable's"
    finally:
        os.environ.clear()
        os.environ.update(environment)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a resolv.conf of its own")
def test_a_dns_server_that_hangs_delays_nobody_else(strange, tmp_path):
    settings = tmp_path / "resolv.conf"
    settings.write_text("nameserver 127.0.0.77\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.77", 53))
        wrapper = ["unshare", "-m", "sh", "-c", f'mount --bind {settings} /etc/resolv.conf && exec "$@"', "sh"]
        with running_solo(wrapper=wrapper) as node:
            hanging = [add(node, f"http://host{number}.example.com/", "* * * * * *") for number in range(5)]
            job = add(node, strange.url("/ok"), "* * * * * *")
            command = node.add("true")
            let_pass(8)
            node.stop_jobs([*hanging, job, command])
            rows = [row for row in node.wait_final([job, command]) if row.state != "revoked"]
            late = max(row.started_at - row.scheduled_at for row in rows)
            assert {row.state for row in rows} == {"success"} and len(rows) >= 12, rows
            assert max(row.use_time for row in rows) < 1000 and late < 1000, (late, rows)
            stuck = [row for row in node.wait_final(hanging) if row.state != "revoked"]
            assert stuck and {row.state for row in stuck} == {"failed"}, stuck
            assert all("could not resolve host host" in row.reason and "no DNS server has answered" in row.reason
                       for row in stuck), stuck[0]


def test_what_makes_no_sense_is_refused_in_words(solo):
    url = "http://example.com/"
    for fields, words in [
            ({"http_url": url, "command": "true"}, "http_url: given for a job of kind command"),
            ({"kind": "http", "http_url": url, "command": "true"}, "command: a job of kind http has no command"),
            ({"kind": "http"}, "http_url: missing; a job of kind http needs it"),
            ({"kind": "command"}, "command: missing"),
            ({"kind": "daemons", "http_url": url}, 'kind: given "daemons"; one of command, http'),
            ({"http_url": "example.com/x"}, "http_url: given"),
            ({"http_url": "file:///etc/passwd"}, "http_url: given"),
            ({"http_url": "http://me:secret@example.com/"}, "without a user name or a password in it"),
            ({"http_url": "http://example.com/a b"}, "http_url: given"),
            ({"http_url": url + "{{nothing}}"}, 'http_url: given "{{nothing}}"; {{job}}, {{scheduled_at}},'),
            ({"http_url": url, "http_body": "{{secret.KEY}}"}, "http_body: given"),
            ({"http_url": url, "http_method": "BREW"}, 'http_method: given "BREW"; one of auto, GET'),
            ({"http_url": url, "http_method": "GET", "http_body": "x"}, "http_body: given together with http_method GET"),
            ({"http_url": url, "http_headers": "no colon"}, "http_headers: given"),
            ({"http_url": url, "http_headers": "A: b\rc: d"}, "http_headers: given"),
            ({"http_url": url, "http_headers": "Content-Length: 5"}, "http_headers: given"),
            ({"http_url": url, "http_body": "x" * 70_000}, "http_body: given 70000 bytes; at most 65535 are allowed"),
            ({"http_url": url, "http_expect": "99"}, "a status from 100 to 599, or a range"),
            ({"http_url": url, "http_expect": "300-200"}, "http_expect: given"),
            ({"http_url": url, "http_redirects": 21}, "http_redirects: given"),
            ({"http_url": url, "env": "A=b"}, "env: given for a job of kind http, which has none"),
            ({"command": "true", "http_verify": 0}, "http_verify: given for a job of kind command")]:
        message = refusal_of(solo, **fields)
        assert words in message, (fields, message)


def test_a_job_becomes_a_request_and_a_command_again(solo, nginx):
    job = solo.add("true", NEVER)
    change = {"id": job, "kind": "http", "command": "", "http_url": nginx.url()}
    assert solo.api("/cron/update", **change)["kind"] == "http"
    assert wait_end(solo, begin(solo, job))["http_status"] == 200
    half = solo.call("POST", "/cron/update", {"id": job, "kind": "command", "command": "true"})
    assert half.status == 400 and "the job has http_url, which a job of kind command has not" in half.json["message"], half
    solo.api("/cron/update", id=job, kind="command", command="true", http_url="")
    assert wait_end(solo, begin(solo, job))["exit_code"] == 0


def test_a_cluster_sends_each_request_once(nginx):
    with running_cluster() as cluster:
        job = add(cluster, nginx.url("/cluster?at={{scheduled_at}}"), "* * * * * *")
        let_pass(6)
        cluster.stop_jobs([job])
        rows = [row for row in cluster.wait_final([job]) if row.state != "revoked"]
        assert len(rows) >= 6 and {row.state for row in rows} == {"success"}, rows
        keys = [line[5] for line in nginx.log() if line[1] == "/cluster"]
        assert len(keys) == len(set(keys)) == len(rows), (len(keys), len(rows))
        assert {int(row["http_status"]) for row in cluster.sql(
            f"SELECT http_status FROM log WHERE cron_id = {job} AND state = 'success'")} == {200}
