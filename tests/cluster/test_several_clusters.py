"""nginx/several.conf: several clusters behind one front, which tells them apart by the name that a caller uses."""
import contextlib
import os
import re
import signal
import subprocess

import pytest

from harness import HOST, ROOT, free_base_port, request, running_solo, wait_until

NAMES = ("orders.cron.example", "reports.cron.example")


@pytest.fixture
def front(tmp_path):
    """Two nodes, each alone, and the port of an nginx in front of them."""
    with contextlib.ExitStack() as stack:
        # Without tokens a node takes no calls to a name: a web page could send them.
        nodes = [stack.enter_context(running_solo(["--set", "http.allow_anonymous=true"])) for _ in NAMES]
        port = stack.enter_context(free_base_port())
        text = (ROOT / "nginx/several.conf").read_text().replace("listen 80", f"listen {HOST}:{port}")
        for k, node in enumerate(nodes, 1):
            text, found = re.subn(rf"(    server 10\.0\.{k}\.\d+:9990 .*\n)+", f"    server {HOST}:{node.base} max_fails=0;\n", text)
            assert found == 1
        (tmp_path / "several.conf").write_text(text)
        user = "user root;\n" if os.geteuid() == 0 else ""
        paths = "".join(f"    {kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (tmp_path / "nginx.conf").write_text(
            f"{user}daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\n"
            f"http {{\n    access_log off;\n{paths}    include {tmp_path}/several.conf;\n}}\n")
        nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"],
                                 stdin=subprocess.DEVNULL)
        stack.callback(lambda: (nginx.send_signal(signal.SIGTERM), nginx.wait(timeout=30)))

        def answers():
            with contextlib.suppress(OSError):
                return request(port, "GET", "/health").status == 404

        wait_until(answers, 20, lambda: (tmp_path / "log").read_text())
        yield port, nodes


def test_a_name_leads_to_its_own_cluster(front):
    port, nodes = front
    for name, node in zip(NAMES, nodes):
        node.api("/cron/add", cronSet="0 0 3 * * *", command="true", name=f"a job of {name}")
    for name in NAMES:
        listed = request(port, "GET", "/cron/list", headers={"Host": name}).json["data"]
        assert [job["name"] for job in listed] == [f"a job of {name}"]
    stranger = request(port, "GET", "/cron/list", headers={"Host": "cron.example"})
    assert stranger.status == 404 and "no peercron cluster has this name" in stranger.json["message"]


def test_a_cluster_without_nodes_says_so_and_leaves_the_other_alone(front):
    port, nodes = front
    nodes[0].stop()
    gone = request(port, "GET", "/cron/list", headers={"Host": NAMES[0]})
    assert gone.status == 503 and "no node of this peercron cluster answers" in gone.json["message"]
    assert request(port, "GET", "/cron/list", headers={"Host": NAMES[1]}).status == 200
