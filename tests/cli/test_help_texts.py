"""Every help text, word for word."""
import re

import pytest

from command_line import check_golden, peercron

COMMANDS = [
    "job", "job add", "job list", "job show", "job update", "job stop", "job start", "job delete", "job run-now",
    "job backfill", "job backfills", "job stop-backfill", "job history", "job count", "job clear", "log", "log list", "log show", "log follow", "run", "run follow", "run kill",
    "run retry", "run again", "run give-up", "lock", "lock list", "lock set", "lock delete", "calendar", "calendar list",
    "calendar show", "calendar add", "calendar set", "calendar delete", "account", "account list", "account add", "account set", "account delete",
    "account events", "token", "token list", "token add", "token delete", "node", "node list", "status", "why", "stats", "agenda", "audit", "import",
    "import crontab", "export", "apply", "next", "copy-store", "backup", "restore", "service", "service install",
    "service remove", "service start", "service stop", "service restart", "service status", "completion", "man",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_as_it_was_agreed_and_has_an_example(command):
    done = peercron(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  peercron {command}" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    check_golden("help/" + command.replace(" ", "_"), done.stdout)


def subcommands(text):
    found = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  ([a-z-]+)", found[1], re.M) if found else []


def test_no_command_of_the_client_is_left_out_here():
    for group in ("job", "log", "run", "node", "import", "service", "account", "token", "lock", "calendar"):
        there = {f"{group} {name}" for name in subcommands(peercron(group, "--help").stdout)}
        assert there == {command for command in COMMANDS if command.startswith(group + " ")}


def test_the_program_lists_all_commands_and_has_an_example():
    done = peercron("--help")
    assert "\nExamples:\n  peercron " in done.stdout
    there = subcommands(done.stdout)
    assert {command for command in COMMANDS if " " not in command} <= set(there)
