"""Somebody is told when a job does not run as it should: docs/notices.md, kept to by the program."""
import json
import subprocess
import time

import pytest

from harness import BINARY, let_pass, now_ms, running_cluster, running_solo, wait_until
from notice_servers import running_mail_witness, running_web_witness
from web_servers import running_nginx

NEVER = "0 0 0 1 1 * 2199"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = bytes.fromhex("31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    """For its certificates."""
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def web():
    with running_web_witness() as witness:
        yield witness


PAGE = """#!/bin/sh
cat >> "$0.got"
echo "paged $PEERCRON_NOTICE for job $PEERCRON_JOB_ID"
test ! -e "$0.broken"
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A program that the node lets channels start."""
    program = tmp_path_factory.mktemp("programs") / "page"
    program.write_text(PAGE)
    program.chmod(0o700)
    return program


@pytest.fixture(scope="module")
def solo(nginx, page):
    with running_solo(["--set", f"http_client.ca_file={nginx.ca_file}", "--set", "dispatch.misfire_window=1s",
                       "--set", f"notify.commands={page}"]) as node:
        yield node


@pytest.fixture
def node(solo):
    yield solo
    solo.delete_all_jobs()
    for channel in solo.api("/channel/list"):
        assert solo.call("POST", f"/channel/delete/{channel['id']}").status == 200


def cli(node, *arguments, expect=0):
    done = subprocess.run([str(BINARY), *map(str, arguments), "--url", node.url], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == expect, done
    return done.stdout


def add_webhook(node, web, name="ops", **settings):
    return node.api("/channel/add", name=name, kind="webhook", url=web.url(), **settings)["id"]


def add_switch(node, tmp_path, **fields):
    """A job that fails while there is a file, and the file."""
    broken = tmp_path / "broken"
    fields = {"notify": "ops", **fields}
    job = node.api("/cron/add", cronSet=NEVER, command=f"echo doing it; test ! -e {broken}", **fields)["id"]
    return job, broken


def run(node, job):
    run = node.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: node.api(f"/log/{run}")["state"] not in ("planned", "running"), 20, "the run ends")
    return run


def test_one_message_when_a_job_begins_to_fail_and_one_when_it_is_well_again(node, web, tmp_path):
    add_webhook(node, web, secret=SECRET)
    job, broken = add_switch(node, tmp_path, name="backup")
    run(node, job)
    broken.touch()
    failed = [run(node, job) for _ in range(3)]
    wait_until(lambda: web.kinds(job), 20, "a message")
    broken.unlink()
    well = run(node, job)
    wait_until(lambda: len(web.kinds(job)) >= 2, 20, "a second message")
    let_pass(2)
    assert web.kinds(job) == ["failing", "recovered"]
    failing, recovered = web.messages
    assert failing.is_signed_with(KEY) and recovered.is_signed_with(KEY)
    assert failing.headers["webhook-id"] == failing.json["data"]["id"]
    data = failing.json["data"]
    assert (data["name"], data["run"]["id"], data["run"]["exit_code"]) == ("backup", failed[0], 1), data
    assert data["run"]["output"] == "doing it\n" and data["title"] == "backup is failing", data
    assert (recovered.json["data"]["run"]["id"], recovered.json["data"]["count"]) == (well, 3)
    [first, second] = reversed(json.loads(cli(node, "channel", "deliveries", "ops", "--json")))
    assert (first["state"], second["state"]) == ("sent", "sent") and first["notice"] == data["id"]


def test_a_missed_fire_is_told(solo, node, web):
    add_webhook(node, web, every_job=1)
    due = now_ms() // 1000 + 4
    job = node.add_once("true", due)
    node.stop()
    wait_until(lambda: now_ms() > (due + 4) * 1000, 30, "the moment is over")
    node.start()
    wait_until(lambda: web.kinds(job), 20, "a message")
    [message] = web.messages
    assert message.json["data"]["kind"] == "missed" and message.json["data"]["run"]["reason"].startswith("misfire")


def test_a_message_that_was_not_taken_is_sent_by_the_next_process_under_the_same_id(solo, node, web, tmp_path):
    web.gate.clear()
    add_webhook(node, web)
    job, broken = add_switch(node, tmp_path)
    broken.touch()
    run(node, job)
    wait_until(lambda: web.messages, 20, "the message is under way")
    node.kill(node.pids()[1])
    web.gate.set()
    node.start()
    wait_until(lambda: len(web.messages) >= 2, 30, "it is sent again")
    let_pass(2)
    assert len(web.ids(job)) == 2 and len(set(web.ids(job))) == 1, web.ids(job)


def test_a_channel_that_hangs_holds_up_neither_runs_nor_other_channels(node, web, tmp_path):
    with running_web_witness() as other:
        web.gate.clear()
        add_webhook(node, web, "hangs")
        add_webhook(node, other, "works")
        job, broken = add_switch(node, tmp_path, notify="hangs,works")
        broken.touch()
        run(node, job)
        wait_until(lambda: web.messages and other.messages, 20, "both are told")
        # While the first one hangs, runs are recorded and the other one is told.
        broken.unlink()
        run(node, job)
        wait_until(lambda: other.kinds(job) == ["failing", "recovered"], 20, "the other one is told")
        assert web.kinds(job) == ["failing"] and not web.gate.is_set()


def test_a_channel_that_refuses_is_said_and_one_that_is_away_is_tried_again(node, web, tmp_path):
    web.status = 503
    channel = add_webhook(node, web)
    job, broken = add_switch(node, tmp_path)
    broken.touch()
    run(node, job)

    def delivery():
        found = node.api(f"/channel/{channel}/deliveries")
        return found[0] if found else {"attempts": 0}
    wait_until(lambda: delivery()["attempts"] == 1, 20, "the first attempt")
    assert delivery()["state"] == "waiting" and "503" in delivery()["answer"] and delivery()["due_at"] > now_ms() - 20000
    web.status = 422
    wait_until(lambda: delivery()["state"] == "refused", 30, "the second attempt")
    assert len(set(web.ids(job))) == 1 and delivery()["attempts"] == 2
    assert "is refused by channel ops" in node.log("node")


def test_secrets_are_nowhere(node, web, tmp_path):
    url = web.url("/services/T0PS3CRET?token=hidden77")
    secret_file = tmp_path / "secret"
    secret_file.write_text("verys3cret\n")
    shown = cli(node, "channel", "add", "ops", "webhook", f"url={url}", f"secret=@{secret_file}", "--every-job")
    shown += cli(node, "channel", "list") + cli(node, "channel", "list", "--json") + cli(node, "channel", "test", "ops")
    web.status = 500
    shown += cli(node, "channel", "test", "ops", expect=1) + cli(node, "channel", "deliveries", "ops")
    web.server.shutdown()
    web.server.server_close()
    shown += cli(node, "channel", "test", "ops", expect=1)
    shown += cli(node, "export") + node.call("GET", "/metrics").body.decode() + node.log("node")
    for secret in ("T0PS3CRET", "hidden77", "verys3cret"):
        assert secret not in shown, shown
    assert "connection refused" in shown and "status 500" in shown, shown


def test_a_mail_arrives_by_starttls_and_a_login(node, nginx, tmp_path):
    with running_mail_witness(nginx.folder / "good.pem", nginx.folder / "good.key") as post:
        password = tmp_path / "password"
        password.write_text(post.password)
        settings = [f"server=localhost:{post.port}", "from=cron@example.com", f"user={post.user}"]
        cli(node, "channel", "add", "post", "mail", *settings, f"password=@{password}",
            "to=ops@example.com, boss@example.com")
        assert "the message was taken" in cli(node, "channel", "test", "post")
        job, broken = add_switch(node, tmp_path, name="sauber öäü", notify="post")
        broken.touch()
        run(node, job)
        wait_until(lambda: len(post.mails) == 2, 20, "a mail")
        sender, recipients, mail = post.mails[1]
        assert (sender, recipients) == ("cron@example.com", ["ops@example.com", "boss@example.com"])
        assert mail["subject"] == "sauber öäü is failing" and mail["auto-submitted"] == "auto-generated"
        assert "failed with exit code 1" in mail.get_content() and "doing it" in mail.get_content()

        cli(node, "channel", "update", "post", "password=wrong")
        assert "does not take the user's name and password" in cli(node, "channel", "test", "post", expect=1)
        cli(node, "channel", "update", "post", f"password=@{password}", "to=nobody@example.com")
        assert "no such user here" in cli(node, "channel", "test", "post", expect=1)
        cli(node, "channel", "update", "post", "tls=none")
        assert "the message was not taken" in cli(node, "channel", "test", "post", expect=1)
    assert "connection refused" in cli(node, "channel", "test", "post", expect=1)


def test_a_program_of_the_node_gets_notices_and_what_it_says_is_kept(node, page, tmp_path):
    got = page.with_name("page.got")
    channel = node.api("/channel/add", name="ops", kind="command", program=str(page))["id"]
    shown = cli(node, "channel", "test", "ops")
    assert f"{page}\nPEERCRON_CHANNEL=ops\n" in shown and "exit code 0\n\npaged test for job 0" in shown
    job, broken = add_switch(node, tmp_path, name='"; id; "')
    broken.touch()
    page.with_name("page.broken").touch()
    run(node, job)
    deliveries = wait_until(lambda: [one for one in node.api(f"/channel/{channel}/deliveries") if one["attempts"]], 20,
                            "an attempt")
    assert deliveries[0]["state"] == "waiting"
    assert deliveries[0]["answer"] == f"exit code 1: paged failing for job {job}\n"
    page.with_name("page.broken").unlink()
    wait_until(lambda: node.api(f"/channel/{channel}/deliveries")[0]["state"] == "sent", 60, "the next attempt")
    notices = [json.loads(line) for line in got.read_text().splitlines()]
    assert [one["type"] for one in notices] == ["job.test", "job.failing", "job.failing"]
    assert notices[1] == notices[2] and notices[1]["data"]["name"] == '"; id; "'


def test_a_channel_starts_no_program_that_the_node_does_not_allow(node):
    node.api("/channel/add", name="shell", kind="command", program="/bin/sh")
    assert "does not start /bin/sh: its [notify] commands allows" in cli(node, "channel", "test", "shell", expect=1)
    refused = node.call("POST", "/channel/add", {"name": "other", "kind": "command", "program": "sh"})
    assert refused.status == 400 and "program: given" in refused.json["message"]


def test_what_nobody_wants_to_know_is_not_told(node, web, tmp_path):
    add_webhook(node, web, every_job=1)
    job, broken = add_switch(node, tmp_path, notify="none")
    told, told_broken = job, broken
    other, _ = add_switch(node, tmp_path, notify="")
    told_broken.touch()
    run(node, told)
    run(node, other)
    wait_until(lambda: web.kinds(other) == ["failing"], 20, "the other job is told")
    assert web.kinds(job) == []


def test_the_last_attempt_decides_and_each_run_is_told_where_that_is_wanted(node, web, tmp_path):
    add_webhook(node, web)
    job, broken = add_switch(node, tmp_path, notify_on="failed,success", retries=1, retry_delay=1)
    run(node, job)
    broken.touch()
    run(node, job)
    wait_until(lambda: web.kinds(job) == ["success", "failed"], 30, "both are told")
    assert web.messages[1].json["data"]["run"]["attempt"] == 2


def test_a_watcher_outside_is_called_while_all_is_well():
    with running_web_witness() as watcher:
        with running_solo(["--set", f"notify.heartbeat_url={watcher.url('/beat/T0PS3CRET')}"]) as node:
            wait_until(lambda: watcher.gets == ["/beat/T0PS3CRET"], 20, "the watcher is called")
            assert "T0PS3CRET" not in node.log("node")


def test_a_success_that_is_expected_and_does_not_come_is_told(node, web, tmp_path):
    add_webhook(node, web)
    job, broken = add_switch(node, tmp_path, expect_every=3)
    wait_until(lambda: web.kinds(job) == ["silent"], 90, "it is silent")
    run(node, job)
    wait_until(lambda: web.kinds(job)[1:2] == ["recovered"], 20, "it is well again")


def test_a_success_that_a_tag_expects_by_a_time_of_the_day_and_that_does_not_come_is_told(web, tmp_path):
    config = tmp_path / "peercron.toml"
    by = time.strftime("%H:%M", time.gmtime(time.time() + 90))
    config.write_text(f'time_zone = "UTC"\n[[notify.tags]]\ntag = "nightly"\nexpect_by = "{by}"\n')
    with running_solo(["--config", str(config)]) as node:
        add_webhook(node, web)
        job, broken = add_switch(node, tmp_path, tags="db,nightly")
        others = [add_switch(node, tmp_path, tags="db")[0],
                  add_switch(node, tmp_path, tags="nightly", expect_by="none")[0],
                  add_switch(node, tmp_path, tags="nightly", notify="none")[0]]
        wait_until(lambda: web.kinds(job) == ["silent"], 150, "it is silent")
        assert web.messages[0].json["data"]["tags"] == ["db", "nightly"], web.messages[0].json
        run(node, job)
        wait_until(lambda: web.kinds(job)[1:2] == ["recovered"], 20, "it is well again")
        assert [web.kinds(other) for other in others] == [[], [], []]


def test_the_next_dispatcher_tells_what_the_last_one_did_not(victim_cluster, web, tmp_path):
    cluster = victim_cluster
    web.gate.clear()
    add_webhook(cluster, web)
    job, broken = add_switch(cluster, tmp_path, name="takeover")
    broken.touch()
    run(cluster, job)
    wait_until(lambda: web.messages, 20, "the message is under way")
    dispatcher = cluster.number(wait_until(cluster.dispatcher, 30, "a dispatcher"))
    cluster.run("kill-node", str(dispatcher))
    web.gate.set()
    wait_until(lambda: len(web.messages) >= 2, 60, "another node sends it")
    broken.unlink()
    cluster.make_whole()
    run(cluster, job)
    wait_until(lambda: web.kinds(job)[-1] == "recovered", 30, "it is well again")
    failing = [one for one in web.ids(job) if one.startswith("failing-")]
    assert len(failing) >= 2 and len(set(failing)) == 1 and len(set(web.ids(job))) == 2, web.ids(job)
    for channel in cluster.api("/channel/list"):
        cluster.call("POST", f"/channel/delete/{channel['id']}")


def test_a_node_that_is_gone_and_a_database_that_is_away_are_told_and_so_are_their_returns(web, monkeypatch):
    monkeypatch.setenv("PEERCRON_NOTIFY_CLUSTER_AFTER", "2s")
    with running_cluster(2) as cluster:
        add_webhook(cluster, web, every_job=1)

        def told(kind, node=""):
            """The messages about this, in the order in which they came: whether each tells the end."""
            found = {}
            for message in list(web.messages):
                data = message.json["data"]
                if kind in (data["kind"], *data["over"]) and data["node"] == node:
                    found[data["id"]] = data["kind"] == "recovered"
            return list(found.values())

        lost = wait_until(cluster.dispatcher, 30, "a dispatcher")
        cluster.run("kill-node", str(cluster.number(lost)))
        wait_until(lambda: told("node-gone", lost), 60, "the next dispatcher tells that the last one is gone")
        cluster.make_whole()
        wait_until(lambda: len(told("node-gone", lost)) == 2, 60, "and that it is back")
        cluster.run("kill-server", "mariadb")
        wait_until(lambda: told("store-away"), 60, "the dispatcher tells that the database is away, while it is")
        cluster.make_whole()
        wait_until(lambda: len(told("store-away")) == 2, 60, "and that it is back")
        stopped = next(name for name in cluster.names if name != wait_until(cluster.dispatcher, 30, "a dispatcher"))
        cluster.run("stop-node", str(cluster.number(stopped)))
        let_pass(5)
        cluster.make_whole()
        assert told("node-gone", lost) == [False, True] and told("store-away") == [False, True], web.messages
        assert not told("node-gone", stopped) or stopped == lost, "a node that is stopped in good order is not gone"
