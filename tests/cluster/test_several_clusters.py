"""nginx/several.conf: several clusters behind one front, which tells them apart by the name that a caller uses."""
import contextlib
import os
import re
import subprocess

import pytest

from harness import BINARY, HOST, ROOT, free_base_port, request, running_solo
from web_servers import nginx_in

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
        stack.enter_context(nginx_in(tmp_path, "access_log off;\n" + text, port))
        yield port, nodes


def settings_for_nodes(file):
    """The server of the file that passes calls on to nodes, without what is the cluster's own: one statement on a line."""
    text = re.sub(r"(?m)^ *#.*\n|^ +|^\n", "", (ROOT / "nginx" / file).read_text())
    [server] = [server for server in re.findall(r"(?ms)^server \{$.*?(?=^server \{$|\Z)", text) if "proxy_pass" in server]
    server = re.sub(r"(?m)^server_name .*", "server_name NAMES;", server)
    server = re.sub(r"(?m)^proxy_pass .*", "proxy_pass NODES;", server)
    return re.sub(r'"message":"no .*? answers;', '"message":"NONE answers;', server).splitlines()


def test_both_files_have_the_same_settings_for_nodes():
    assert settings_for_nodes("several.conf") == settings_for_nodes("peercron.conf")


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


def typed(page, heading):
    """The lines of the blocks below a heading of a page of docs/."""
    section = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^    (.*)$", section)


def type_line(line, folder, *wrapper):
    """Into a shell in which `peercron` is this program; what it prints."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    if not (programs / "peercron").exists():
        (programs / "peercron").symlink_to(BINARY)
    done = subprocess.run([*wrapper, "sh", "-c", line], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env={"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder)})
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to name hosts for one command alone")
def test_the_command_line_reaches_each_cluster_by_its_name(front, tmp_path):
    port, nodes = front
    (tmp_path / "hosts").write_text("".join(f"{HOST} {name}\n" for name in NAMES))
    with_hosts = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', tmp_path / "hosts")
    for name, node in zip(NAMES, nodes):
        node.api("/cron/add", cronSet="0 0 3 * * *", command="true", name="job-of-" + name.partition(".")[0])
    listed = [type_line(line.replace(name, f"{name}:{port}"), tmp_path, *with_hosts)
              for name, line in zip(NAMES, typed("scale.md", "Several clusters side by side"), strict=True)]
    assert [re.findall(r"job-of-\w+", text) for text in listed] == [["job-of-orders"], ["job-of-reports"]], listed


def test_the_jobs_of_a_tag_move_to_another_cluster_as_the_page_says(front, tmp_path):
    _, nodes = front
    for name, tags in (("daily", "reports"), ("weekly", "reports,sales"), ("invoice", "orders")):
        nodes[0].api("/cron/add", cronSet="0 0 3 * * *", command="true", name=name, tags=tags)

    def names(node):
        return sorted(job["name"] for job in node.api("/cron/list"))

    listed = []
    lines = typed("scale.md", "What to do when a cluster becomes too large")
    for line in lines:
        for name, node in zip(NAMES, nodes):
            line = line.replace(f"http://{name}", node.url)
        type_line(line, tmp_path)
        listed.append([names(node) for node in nodes])
    everything, moved = ["daily", "invoice", "weekly"], ["daily", "weekly"]
    assert listed == [[everything, []], [everything, []], [everything, moved], [["invoice"], moved]]
    [pause] = nodes[0].api("/pause/list")
    assert pause["reason"] == "they move"
