"""What Prometheus and Grafana are given to watch peercron with: config/prometheus and config/grafana."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from harness import ROOT, running_solo, wait_until

ALERTS = ROOT / "config/prometheus/alerts.yml"
DASHBOARD = ROOT / "config/grafana/peercron.json"
NAMES = re.compile(r"\b(?:peercron|process)_[a-z_]+")


def promtool(*arguments):
    program = shutil.which("promtool") or ROOT / "build/tools/promtool"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries():
    """Everything that the dashboard asks for, with Grafana's variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    return [query.replace("$job", "peercron").replace("$__rate_interval", "5m") for query in found]


@pytest.fixture(scope="module")
def metrics(three_nodes, with_jobs):
    """The names of all series that the nodes of a cluster have, and those of single jobs."""
    names = set()
    for k in three_nodes.nodes:
        names |= names_in(three_nodes.call("GET", "/metrics", node=k))
    return names | names_in(with_jobs.call("GET", "/metrics/jobs"))


def names_in(answer):
    lines = answer.body.decode().splitlines()
    return {line.split("{")[0].split(" ")[0] for line in lines if line[:1] not in ("", "#")}


@pytest.fixture(scope="module")
def with_jobs():
    """A node that tells of single jobs, and has one that has run."""
    with running_solo(["--set", "metrics.jobs=10"]) as node:
        job = node.api("/cron/add", cronSet="0 0 0 1 1 * 2199", command="true", name="backup")["id"]
        node.call("POST", f"/cron/run/{job}")
        wait_until(lambda: node.api("/cron/list")[0]["last_state"] == "success", 60, "it has run")
        yield node


def test_each_alert_fires_when_it_must_and_only_then():
    promtool("test", "rules", str(pathlib.Path(__file__).with_name("alerts_test.yml")))


def test_the_test_of_the_alerts_leaves_none_out():
    text = pathlib.Path(__file__).with_name("alerts_test.yml").read_text()
    for rule in alerts():
        assert text.count(rule["alert"]) >= 2, f"{rule['alert']} is not tested both ways"


def test_the_dashboard_asks_what_prometheus_understands(tmp_path):
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries())]
    assert len(rules) > 20
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_alerts_and_dashboard_know_only_metrics_that_there_are(metrics):
    asked = {name for text in [*queries(), *(rule["expr"] for rule in alerts())] for name in NAMES.findall(text)}
    assert len(asked) > 20
    assert asked <= metrics, sorted(asked - metrics)


def test_a_job_is_told_with_its_name(with_jobs):
    text = with_jobs.call("GET", "/metrics/jobs").body.decode()
    job = with_jobs.api("/cron/list")[0]["id"]
    assert f'\npeercron_job_successes_total{{cron_id="{job}",name="backup"}} 1\n' in text
    assert "\npeercron_jobs_left_out 0\n" in text


def test_each_alert_is_explained():
    page = (ROOT / "docs/monitoring.md").read_text()
    assert [rule["alert"] for rule in alerts() if f"`{rule['alert']}`" not in page] == []
