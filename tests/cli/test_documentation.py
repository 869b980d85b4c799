"""Every command that README.md and docs/ show does what it says: it is typed into a shell, against a real node, page by
page, in the page's order. A page's commands are about jobs and runs that the page does not make: SETTING has them.
What cannot be typed here is in ELSEWHERE, with the test that does so."""
import functools
import json
import pathlib
import re
import subprocess

import pytest

from command_line import BINARY, ROOT, environment, peercron
from harness import running_solo, wait_until

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])

# The jobs that there are before a page's first command: name → options of `job add`.
NEVER = ("--cron", "0 0 1 1 *")
SETTING = {
    "api.md": {"backup": (*NEVER, "--", "true")},
    "calendars.md": {"report": ("--cron", "0 12 * * *", "--", "true")},
    "catching-up.md": {"report": (*NEVER, "--", "true")},
    "insight.md": {name: (*NEVER, "--tags", "nightly", "--", "true") for name in ("backup", "report", "etl", "tick")},
    "jitter.md": {"report": (*NEVER, "--", "true")},
    "live-output.md": {"backup": (*NEVER, "--", "echo", "saved")},
    "locks.md": {name: (*NEVER, "--", "true") for name in ("extract", "vacuum", "fetch", "mirror")},
    "notices.md": {"backup": (*NEVER, "--", "true")},
    "operate.md": {"backup": (*NEVER, "--", "true")},
    "when-not.md": {"backup": (*NEVER, "--tags", "db", "--", "true")},
}

# What a line that a person types begins with, after variables that are set for it.
PROGRAMS = ("apt", r"bin/\w+", "crontab", "curl", "docker", "install", "jq", "kubectl", "mysql", "mysqldump", "nginx", "openssl",
            "peercron", "podman", "promtool", "python3", "systemctl")

# A command that begins so, on this page: where it is typed.
ELSEWHERE = {
    ("access.md", "peercron"): "tests/cli/test_accounts.py: with the first account or token nobody else is let in",
    ("access.md", "curl --unix-socket"): "tests/cluster/test_access.py: the machine's own node",
    ("api.md", "python3 deploy.py"): "tests/cluster/test_contract.py",
    ("catching-up.md", "peercron job stop-backfill"): "tests/cluster/test_backfill.py: a new job has no fires of the past",
    ("encryption.md", "peercron status --url https"): "tests/cluster/test_https.py",
    ("commands.md", "peercron job add --cron '30 2 * * *' --name backup --run-as"): "tests/cluster/test_resources.py: root",
    ("commands.md", "mysql"): "tests/cluster/test_command_setup.py: a job's own program, and its secret",
    ("containers.md", "podman"): "tests/packages/test_container.py: no engine runs there, so its steps in a bare root",
    ("install.md", "apt install"): "tests/packages/test_package.py",
    ("install.md", "install -m"): "tests/packages/test_service.py",
    ("install.md", "systemctl"): "tests/packages/test_package.py",
    ("install.md", "mysql"): "tests/cluster/test_backup.py: a cluster",
    ("install.md", "PEERCRON_MYSQL_PASSWORD="): "tests/cluster/test_copy_store.py: a cluster",
    ("install.md", "peercron service"): "tests/cli/test_service.py, tests/packages/test_service.py",
    ("install.md", "peercron backup"): "tests/cluster/test_backup.py",
    ("install.md", "peercron restore"): "tests/cluster/test_backup.py",
    ("upgrade.md", "peercron backup"): "tests/cluster/test_backup.py",
    ("upgrade.md", "peercron restore"): "tests/cluster/test_backup.py",
    ("upgrade.md", "systemctl"): "tests/packages/test_package.py",
    ("moving.md", "crontab -l"): "tests/cli/test_import.py: this machine's own crontab",
    ("moving.md", "peercron import crontab /etc/crontab"): "tests/cli/test_import.py: this machine's own crontab",
    ("moving.md", "peercron serve"): "tests/cluster/test_jobs_file.py",
    ("moving.md", "jq"): "tests/cli/test_apply.py: a command of several lines",
    ("moving.md", "peercron apply jobs.toml"): "tests/cli/test_apply.py: another program's jobs",
    ("notices.md", "peercron channel test"): "tests/cluster/test_notices.py: what is sent leaves the machine",
    ("notices.md", "peercron channel add mail"): "tests/cluster/test_notices.py: a password in /root",
    ("notices.md", "peercron channel add bus"): "tests/cluster/test_amqp.py: a password in /root",
    ("notices.md", "peercron job update backup --notify"): "tests/cluster/test_notices.py: these channels",
    ("notices.md", "peercron channel add page"): "tests/cluster/test_notices.py: a program that the node allows",
    ("live-output.md", "curl -N 'http://node1:9990/events"): "tests/cluster/test_live_output.py: it does not end",
    ("scale.md", "peercron"): "tests/cluster/test_several_clusters.py: two clusters",
    ("tutorial.md", ""): "tests/packages/test_tutorial.py: on a machine of its own; tests/cluster/test_tutorial.py: a cluster",
    ("README.md", "apt install"): "tests/packages/test_tutorial.py",
}

# What does not end with 0 here, though the page is right.
FAILS = {
    "peercron job run-now backup --wait": 10,  # there is no /usr/local/bin/backup
}


def commands(page):
    """What the page shows as typed: the lines of its blocks that begin with a program, without comments."""
    text = page.read_text().replace("\\\n", " ")
    lines = re.findall(rf"^ *(?:\$ )?((?:sudo )?(?:[A-Z_]+=\S+ )*(?:{'|'.join(PROGRAMS)}) .*)$", text, re.M)
    inside = "\n".join(re.findall(r"^```[\w ]*\n(.*?)^```", text, re.M | re.S)) + "\n".join(re.findall(r"^    .*$", text, re.M))
    return [re.sub(r"  +#.*", "", line).strip() for line in lines if line in inside]


def elsewhere(page, line):
    return any(page.name == name and line.startswith(begin) for name, begin in ELSEWHERE)


def shown_pages():
    return [page for page in PAGES if any(not elsewhere(page, line) for line in commands(page))]


@pytest.fixture(scope="module")
def node():
    with running_solo() as solo:
        yield solo


@pytest.fixture
def shell(node, tmp_path):
    """Types a line into a shell in which `peercron` is this program."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "peercron").symlink_to(BINARY)
    (tmp_path / "holidays.ics").write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nEND:VCALENDAR\n")

    def call(line):
        more = environment(node.url)
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env={**more, "PATH": f"{programs}:{more['PATH']}", "U": node.url})

    return call


def prepare(node, page):
    """The page's jobs, a pause, a run that failed and waits for its retry, and one that runs. What the page writes for
    their ids, as a pattern → what they are here."""
    def call(*arguments):
        done = peercron(*arguments, url=node.url)
        assert done.returncode == 0, done
        return json.loads(done.stdout) if "--json" in arguments else None

    def run(name, state, *command):
        call("job", "add", "--name", name, *NEVER, "--retries", "3", "--retry-delay", "1h", "--", *command)
        row = call("job", "run-now", name, "--json")["id"]
        wait_until(lambda: call("log", "show", row, "--json")["state"] == state, 20, f"it is {state}")
        return row

    call("job", "clear", "--yes")
    jobs = [call("job", "add", "--name", name, "--json", *options)["id"]
            for name, options in SETTING.get(page.name, {}).items()]
    failed = ("failed", "sh", "-c", "echo failed; exit 3")
    if page.name == "retries.md":
        named = {r"(?<=give-up )6620493\b": run("it-failed-too", *failed), r"\b662049[34]\b": run("it-failed", *failed)}
    else:
        named = {r"\b662049[34]\b": run("it-ended", "success", "echo", "done")}
    if re.search(r"\b4711\b", page.read_text()):
        named[r"\b4711\b"] = run("it-runs", "running", "sleep", "60")
    if page.name == "api.md":
        named[r"((?<=/)|(?<=id=))1\b"] = jobs[0]
    if page.name == "when-not.md":
        named[r"(?<=end )12\b"] = call("pause", "add", "--tag", "of-the-setting", "--for", "1h", "--json")["id"]
    return named


@pytest.mark.parametrize("page", shown_pages(), ids=lambda page: page.name)
def test_each_command_of_the_page_works(node, shell, page):
    named = prepare(node, page)
    for line in commands(page):
        if elsewhere(page, line):
            continue
        typed = line
        for shown, real in named.items():
            typed = re.sub(shown, str(real), typed)
        typed = re.sub(r"^curl (?:-N )?", "curl -sSf --max-time 10 ", typed).replace("http://node1:9990", node.url)
        done = shell(typed)
        assert done.returncode == FAILS.get(line, 0), (line, typed, done.returncode, done.stdout, done.stderr)


def test_what_is_typed_elsewhere_is_shown_still_and_its_test_is_there():
    for (name, begin), where in ELSEWHERE.items():
        [page] = [page for page in PAGES if page.name == name]
        assert any(line.startswith(begin) for line in commands(page)), (name, begin)
        for file in re.findall(r"tests/\S+\.py", where):
            assert pathlib.Path(ROOT / file).exists(), file


@functools.cache
def help_of(*path):
    done = peercron(*path, "--help")
    assert done.returncode == 0, done
    return done.stdout


def subcommands(*path):
    return set(re.findall(r"^  ([a-z][a-z-]+)  ", help_of(*path).partition("Subcommands:")[2], re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_text_calls_a_command_is_one_and_has_these_options(page):
    """`peercron …` within a sentence; `a|b` are two of them."""
    for code in re.findall(r"`peercron ([^`]+)`", page.read_text()):
        words = code.split(" -- ")[0].split()
        path = []
        while len(path) < len(words) and subcommands(*path):
            names = words[len(path)].split("|")
            if not re.fullmatch("[a-z|-]+", words[len(path)]) or names[0].startswith("-"):
                break
            assert set(names) <= subcommands(*path), (code, names)
            path.append(names[0])
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", " ".join(words)):
            assert option in help_of(*path) + help_of(), (code, option)
