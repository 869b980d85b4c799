"""Channels of kind amqp, with a real RabbitMQ: docs/notices.md, kept to by the program."""
import json

import pytest

from harness import running_solo, wait_until
from rabbitmq_server import PASSWORD, USER, running_rabbitmq
from web_servers import free_port, running_nginx

NEVER = "0 0 0 1 1 * 2199"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="module")
def broker(tmp_path_factory, certificates):
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq"), certificates) as server:
        server.declare("ops", "cron.#", "notices")
        yield server


@pytest.fixture(scope="module")
def node(certificates):
    with running_solo(["--set", f"http_client.ca_file={certificates.ca_file}"]) as solo:
        yield solo


def add(node, broker, name, **settings):
    settings = {"server": f"localhost:{broker.tls_port}", "user": USER, "password": PASSWORD, "exchange": "ops",
                "routing_key": "cron.notices", **settings}
    return node.api("/channel/add", name=name, kind="amqp", **settings)["id"]


def report_of_test(node, channel):
    return node.call("POST", f"/channel/test/{channel}").json["data"]


def run(node, job):
    return node.call("POST", f"/cron/run/{job}").json["data"]["id"]


def test_every_end_of_a_run_is_in_the_queue(node, broker):
    add(node, broker, "bus")
    plain = add(node, broker, "plain", server=f"127.0.0.1:{broker.port}", tls="none", exchange="",
                routing_key="notices")
    job = node.api("/cron/add", cronSet=NEVER, name="backup", command="echo done; exit $PEERCRON_INPUT_CODE",
                   inputs="CODE=0", notify="bus", notify_on="success,failed")["id"]
    good = run(node, job)
    wait_until(lambda: node.api(f"/log/{good}")["state"] == "success", 60, "a success")
    bad = node.call("POST", f"/cron/run/{job}", {"inputs": "CODE=3"}).json["data"]["id"]
    messages = []
    wait_until(lambda: messages.extend(broker.take("notices")) or len(messages) >= 2, 60, lambda: f"two: {messages}")
    assert [properties.type for properties, _ in messages] == ["job.success", "job.failed"]
    for (properties, body), row in zip(messages, (good, bad)):
        data = json.loads(body)["data"]
        assert data["run"]["id"] == row and data["run"]["output"] == "done\n"
        assert properties.message_id == data["id"] and properties.timestamp == data["at"] // 1000
        assert properties.delivery_mode == 2 and properties.content_type == "application/json"
    report = report_of_test(node, plain)
    assert report["sent"] and report["answer"] == "confirmed by the broker", report
    assert [properties.type for properties, _ in broker.take("notices")] == ["job.test"]


def test_what_no_queue_takes_is_not_sent(node, broker):
    report = report_of_test(node, add(node, broker, "lost", routing_key="other"))
    assert not report["sent"]
    assert report["problem"] == 'no queue takes it from exchange "ops" with routing key "other" (NO_ROUTE)'


def test_the_broker_s_refusals_are_said_and_its_password_is_not(node, broker):
    report = report_of_test(node, add(node, broker, "nowhere", exchange="no-such"))
    assert not report["sent"] and "NOT_FOUND - no exchange 'no-such'" in report["problem"], report
    report = report_of_test(node, add(node, broker, "stranger", password="wr0ngwr0ng"))
    assert not report["sent"] and "ACCESS_REFUSED" in report["problem"], report
    assert "wr0ngwr0ng" not in json.dumps(report) + json.dumps(node.api("/channel/list"))


def test_a_certificate_is_checked_and_a_broker_that_is_away_is_said(node, broker):
    report = report_of_test(node, add(node, broker, "other-name", server=f"127.0.0.1:{broker.tls_port}"))
    assert not report["sent"] and "verif" in report["problem"].lower(), report
    report = report_of_test(node, add(node, broker, "away", server=f"127.0.0.1:{free_port()}", tls="none"))
    assert not report["sent"] and "cannot connect to 127.0.0.1:" in report["problem"], report
