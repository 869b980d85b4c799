"""The examples for containers, without an engine: the steps of the Containerfile in a bare root, and what the compose file
says."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import yaml

from bare_machine import ROOT, BareRoot, checked, run, wait_until

FOLDER = ROOT / "packaging" / "container"


def last_stage():
    """The instructions of the image itself, each with its text."""
    text = re.sub(r"(?m)^#.*\n", "", (FOLDER / "Containerfile").read_text()).replace("\\\n", " ")
    return [line.split(None, 1) for line in re.split(r"(?m)^FROM .*\n", text)[-1].splitlines() if line]


class Container:
    """A root in which the image's program is the first process, in namespaces of its own, as an engine starts it."""

    def __init__(self, root, settings, *arguments):
        self.log = root.folder.with_suffix(".console")
        self.user, self.group = settings["USER"].split(":")
        self.health = json.loads(settings["HEALTHCHECK"].partition(" CMD ")[2])
        # Engines take the home from /etc/passwd.
        self.environment = ["env", "-i", "HOME=/data", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        inside = ('ip link set lo up && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&'
                  ' exec chroot --userspec="$1" "$0" env --chdir="$2" "${@:3}"')
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "bash", "-c", inside, root.folder,
                 settings["USER"], settings["WORKDIR"], *self.environment, *json.loads(settings["ENTRYPOINT"]), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def first_process(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else None

    def said(self):
        return self.log.read_text(errors="replace")

    def run(self, *command):
        return run("nsenter", "--target", self.first_process(), "--mount", "--pid", "--net", "--root", "--wd",
                   "--setgid", self.group, "--setuid", self.user, *self.environment, *command)

    def is_healthy(self):
        assert self.process.poll() is None, self.said()
        return self.first_process() and self.run(*self.health).returncode == 0

    def stop(self):
        """As an engine does; the exit status."""
        os.kill(int(self.first_process()), signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def running(root, settings, *arguments):
    container = Container(root, settings, *arguments)
    try:
        wait_until(container.is_healthy, 30, container.said)
        yield container
    finally:
        if container.process.poll() is None:
            os.killpg(container.process.pid, signal.SIGKILL)
            container.process.wait(timeout=30)


def test_the_steps_of_the_containerfile_make_an_image_in_which_a_node_runs(release):
    root = BareRoot("bookworm", "container")
    root.make()
    checked(root.run("dpkg", "--purge", "systemd-sysv", "systemd"))  # an image has neither
    settings = {}
    for instruction, text in last_stage():
        if instruction == "RUN":
            checked(root.run("sh", "-c", text))
        elif instruction == "COPY":
            assert text == "--from=build /dist/peercron_*.deb /tmp/"
            root.copy_in(release.package, "tmp")
        else:
            settings[instruction] = text
    assert settings.keys() == {"USER", "WORKDIR", "VOLUME", "EXPOSE", "ENTRYPOINT", "STOPSIGNAL", "HEALTHCHECK"}
    assert not list((root.folder / "tmp").iterdir())

    [add] = re.findall(r"^    podman exec cron (.*)$", (ROOT / "docs/containers.md").read_text(), re.M)
    with running(root, settings) as container:
        wait_until(lambda: container.run("peercron", "job", "list").returncode == 0, 30, container.said)
        checked(container.run("sh", "-c", add))
        wait_until(lambda: "success" in container.run("peercron", "log", "list", "--job", "hello").stdout, 30, container.said)
        assert container.stop() == 0, container.said()
    assert (root.folder / "data/peercron.db").stat().st_uid == 10001

    (root.folder / "etc/crontab.app").write_text("0 3 * * * echo from the file\n")
    with running(root, settings, "--jobs", "/etc/crontab.app", "--log-output") as container:
        wait_until(lambda: "crontab.app" in container.run("peercron", "job", "list").stdout, 30, container.said)
        names = [job["name"] for job in json.loads(checked(container.run("peercron", "job", "list", "--json")))]
        [name] = [name for name in names if "crontab.app" in name]
        checked(container.run("peercron", "job", "run-now", name))
        wait_until(lambda: '"line":"from the file"' in container.said(), 30, container.said)
        assert container.stop() == 0, container.said()


def test_what_belongs_to_this_machine_is_not_copied_into_the_image():
    """A build folder that was configured elsewhere would end the image's build."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    left_out = {line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"}
    assert left_out == ignored


def test_the_nodes_of_the_compose_file_are_those_of_one_cluster():
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    secrets = {"SECRET": "f" * 64, "DATABASE_PASSWORD": "a password"}
    addresses = {name: service["networks"]["cluster"]["ipv4_address"] for name, service in compose["services"].items()}
    names = []
    for name in ("node1", "node2", "node3"):
        variables = {key: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: secrets[found[1]], value)
                     for key, value in compose["services"][name]["environment"].items()}
        done = run(ROOT / "build/release/peercron", "check-config", env={"PATH": os.environ["PATH"], **variables})
        assert done.returncode == 0 and done.stdout.startswith("# in a cluster"), done
        assert done.stderr == "", "no variable is without a meaning"
        assert variables["PEERCRON_BIND_ADDRESS"] == addresses[name] + ":9991"
        names.append(addresses[name])
        assert variables["PEERCRON_MYSQL_HOST"] == addresses["database"]
        assert variables["PEERCRON_CONSUL_ADDRESS"] == addresses["consul"] + ":8500"
        assert addresses["nginx"] in variables["PEERCRON_HTTP_TRUSTED_PROXIES"]
    [mounted] = compose["services"]["nginx"]["volumes"]
    nginx = (FOLDER / mounted.split(":")[0]).resolve()
    assert re.findall(r"server (\S+):9990", nginx.read_text()) == names
