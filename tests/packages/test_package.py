"""The Debian package in the hands of apt, dpkg and systemd."""
import hashlib
import json
import re

from bare_machine import ROOT, WORK, checked, run, wait_until


def install(machine, package):
    checked(machine.run("dpkg", "-i", machine.root.copy_in(package)))


def what_is_left(run_there):
    """The files that are peercron's by their name; the packages that were copied there are in /root."""
    return checked(run_there("find", "/", "-xdev", "-path", "/root", "-prune", "-o", "-iname", "*peercron*", "-print"))


def is_active(machine):
    return machine.run("systemctl", "is-active", "peercron").stdout.strip() == "active"


def test_two_releases_of_a_commit_are_the_same_bytes(release):
    again = WORK / "again"
    checked(run(ROOT / "bin" / "release", again, seconds=900))
    first, second = [{file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
                     for folder in (release.folder, again)]
    assert first == second
    assert len(first) == 6
    sums = dict(line.split("  ")[::-1] for line in (again / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: digest for name, digest in first.items() if name != "SHA256SUMS"}


def test_lintian_finds_nothing(release):
    done = run("lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", release.package)
    assert (done.returncode, done.stdout) == (0, ""), done


def test_the_list_of_what_is_inside_names_what_the_package_needs(release):
    [file] = release.folder.glob("*.spdx.json")
    document = json.loads(file.read_text())
    packages = {package["SPDXID"]: package for package in document["packages"]}
    depends = checked(run("dpkg-deb", "--field", release.package, "Depends"))
    named = {word for word in re.findall(r"(\S+) ?(?:\([^)]*\))?(?:, |\n)", depends) if word.startswith("lib")}
    needed = {name for name in named if run("dpkg-query", "--status", name).returncode == 0}  # the others are virtual
    loaded = {packages[relation["relatedSpdxElement"]]["name"] for relation in document["relationships"]
              if relation["relationshipType"] == "DYNAMIC_LINK"}
    assert len(needed) > 5 and needed <= loaded
    built_with = {packages[relation["spdxElementId"]]["name"] for relation in document["relationships"]
                  if relation["relationshipType"] == "BUILD_DEPENDENCY_OF"}
    assert {"libcli11-dev", "libssl-dev"} <= built_with
    linked_in = {packages[relation["relatedSpdxElement"]]["name"] for relation in document["relationships"]
                 if relation["relationshipType"] == "STATIC_LINK"}
    assert {"libboost1.81-dev", "libspdlog-dev", "libtomlplusplus-dev"} <= linked_in


def test_the_package_asks_for_no_library_that_a_later_release_has_under_another_name(release):
    depends = checked(run("dpkg-deb", "--field", release.package, "Depends"))
    libraries = {word for word in re.findall(r"(\S+) ?(?:\([^)]*\))?(?:, |\n)", depends) if word.startswith("lib")}
    assert libraries <= {"libc6", "libcrypt1", "libcurl4", "libgcc-s1", "libmariadb3", "librabbitmq4", "libsqlite3-0",
                         "libssl3", "libstdc++6", "zlib1g"}, depends


def test_the_package_has_what_the_pages_say_it_has(release):
    listed = checked(run("dpkg-deb", "--contents", release.package)).splitlines()
    inside = {line.split()[5].removeprefix(".").rstrip("/") for line in listed}
    pages = "\n".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    named = set(re.findall(r"/usr/(?:bin|share)/[\w./-]*peercron[\w./-]*\w", pages))
    assert {"/usr/share/doc/peercron/examples", "/usr/share/doc/peercron/linked-in.gz"} <= named <= inside, named - inside
    examples = {path.rpartition("/")[2] for path in inside if path.startswith("/usr/share/doc/peercron/examples/")}
    assert {"deploy.py", "hardened.conf", "run-as.conf", "nginx.conf", "nginx-several.conf", "grafana", "prometheus"} <= examples
    assert {"/usr/share/man/man1/peercron.1.gz", "/usr/share/bash-completion/completions/peercron",
            "/usr/share/zsh/vendor-completions/_peercron", "/usr/lib/sysusers.d/peercron.conf",
            "/usr/lib/tmpfiles.d/peercron.conf", "/lib/systemd/system/peercron.service"} <= inside


# One journey, in this order: later tests take the machine as the earlier ones leave it.

def test_apt_installs_it_where_no_service_manager_runs_and_purges_it(installed_root):
    root = installed_root
    assert checked(root.run("peercron", "--version")).startswith("peercron ")
    assert "PEERCRON" in checked(root.run("zcat", "/usr/share/man/man1/peercron.1.gz"))
    checked(root.run("apt-get", "purge", "-y", "peercron"))
    assert what_is_left(root.run) == ""
    assert "peercron" not in (root.folder / "etc/passwd").read_text()


def test_it_starts_alone_on_loopback_right_after_the_installation(machine, peercron, release):
    install(machine, release.package)
    wait_until(lambda: is_active(machine), 30, lambda: machine.run("journalctl", "-u", "peercron").stdout)
    assert machine.run("systemctl", "is-enabled", "peercron").stdout == "enabled\n"
    listening = checked(machine.run("sh", "-c", "cat /proc/net/tcp /proc/net/tcp6"))
    # 0A is LISTEN, 0100007F is 127.0.0.1.
    ours = re.findall(r"^ *\d+: ([0-9A-F]+):2706 \S+ 0A", listening, re.M)
    assert ours == ["0100007F"], listening
    owner = checked(machine.run("stat", "-c", "%U %a", "/var/lib/peercron"))
    assert owner == "peercron 750\n"
    assert peercron("status", "--json")


def test_a_job_runs_as_the_user_of_the_package(peercron):
    peercron("job", "add", "--name", "who", "--every", "1h", "--", "sh", "-c", "id -un; pwd")
    assert peercron("job", "run-now", "who", "--wait")
    rows = json.loads(peercron("log", "list", "--job", "who", "--json"))["list"]
    assert rows[0]["output"] == "peercron\n/var/lib/peercron\n"


def test_the_unit_and_its_drop_ins_are_what_systemd_understands(machine, peercron):
    for drop_in in ("", "hardened.conf", "run-as.conf"):
        folder = "/etc/systemd/system/peercron.service.d"
        checked(machine.run("sh", "-c", f"rm -rf {folder} && mkdir {folder}"))
        if drop_in:
            checked(machine.run("cp", f"/usr/share/doc/peercron/examples/{drop_in}", folder))
        done = machine.run("systemd-analyze", "verify", "--man=no", "peercron.service")
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done
        checked(machine.run("systemctl", "daemon-reload"))
        checked(machine.run("systemctl", "restart", "peercron"))
        assert peercron("job", "run-now", "who", "--wait")
        owner = json.loads(peercron("log", "list", "--job", "who", "--json"))["list"][0]["output"].split()[0]
        assert owner == ("root" if drop_in == "run-as.conf" else "peercron")
    checked(machine.run("systemctl", "reload", "peercron"))
    journal = ("journalctl", "--identifier", "peercron")
    wait_until(lambda: "node: reloaded" in machine.run(*journal).stdout, 20, lambda: machine.run(*journal).stdout)
    checked(machine.run("rm", "-r", "/etc/systemd/system/peercron.service.d"))
    checked(machine.run("systemctl", "daemon-reload"))
    checked(machine.run("systemctl", "restart", "peercron"))


def test_an_upgrade_keeps_the_results_of_running_commands(machine, peercron, release):
    peercron("job", "add", "--name", "long", "--every", "1h", "--", "sh", "-c", "echo begun; sleep 4; echo ended")
    peercron("job", "run-now", "long")
    running = ("log", "list", "--job", "long", "--state", "running", "--json")
    wait_until(lambda: json.loads(peercron(*running))["total"] == 1, 20, "it runs")
    configuration = machine.root.folder / "etc/peercron/peercron.toml"
    configuration.write_text(configuration.read_text() + 'log_level = "debug"\n')
    install(machine, release.newer)
    wait_until(lambda: is_active(machine), 30, "the new node runs")
    [row] = json.loads(peercron("log", "list", "--job", "long", "--json"))["list"]
    assert (row["state"], row["output"]) == ("success", "begun\nended\n"), row
    assert configuration.read_text().endswith('log_level = "debug"\n')
    assert peercron("audit")


def test_what_an_administrator_has_disabled_stays_so(machine, release):
    checked(machine.run("systemctl", "disable", "--now", "peercron"))
    install(machine, release.newer)
    assert machine.run("systemctl", "is-enabled", "peercron").stdout == "disabled\n"
    checked(machine.run("systemctl", "enable", "--now", "peercron"))


def test_remove_keeps_jobs_and_configuration_for_the_next_installation(machine, peercron, release):
    checked(machine.run("dpkg", "--remove", "peercron"))
    assert not is_active(machine)
    assert checked(machine.run("find", "/proc", "-maxdepth", "1", "-user", "peercron")) == ""
    assert (machine.root.folder / "var/lib/peercron/peercron.db").exists()
    assert (machine.root.folder / "etc/peercron/peercron.toml").exists()
    install(machine, release.newer)
    wait_until(lambda: is_active(machine), 30, "it runs again")
    assert {job["name"] for job in json.loads(peercron("job", "list", "--json"))} == {"who", "long"}


def test_purge_keeps_nothing(machine):
    checked(machine.run("sh", "-c", "mkdir -p /etc/peercron && echo secret > /etc/peercron/peercron.env"))
    checked(machine.run("dpkg", "--purge", "peercron"))
    assert machine.run("systemctl", "is-active", "peercron").stdout.strip() == "inactive"
    assert what_is_left(machine.run) == ""
    assert "peercron" not in (machine.root.folder / "etc/passwd").read_text()
