"""Completion in real shells, and the manual in the real formatter."""
import os
import shlex
import subprocess

import pytest

from command_line import BINARY, environment, peercron
from fake_node import job


def script(shell):
    done = peercron("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def complete_in_bash(tmp_path, *words, url="http://127.0.0.1:1"):
    """What bash would offer for the last of these words."""
    file = tmp_path / "completion.bash"
    file.write_text(script("bash"))
    lines = [f"source {shlex.quote(str(file))}", f"COMP_WORDS=(peercron {shlex.join(words)})",
             f"COMP_CWORD={len(words)}", "_peercron", 'printf "%s\\n" "${COMPREPLY[@]}"']
    variables = environment(url, PATH=f"{BINARY.parent}:{os.environ['PATH']}")
    done = subprocess.run(["bash", "--norc", "-euc", "\n".join(lines)], env=variables, cwd=tmp_path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or not done.stderr, done
    assert done.stderr == "", done
    return set(done.stdout.split("\n")) - {""}


def test_bash_completes_commands_options_and_values(tmp_path):
    assert {"job", "log", "run", "node", "status", "serve"} <= complete_in_bash(tmp_path, "")
    assert complete_in_bash(tmp_path, "job", "st") == {"stop", "start", "stop-backfill"}
    assert complete_in_bash(tmp_path, "log", "list", "--sta") == {"--state"}
    assert complete_in_bash(tmp_path, "log", "list", "--state", "s") == {"success", "skipped"}
    assert complete_in_bash(tmp_path, "log", "list", "--state", "=", "s") == {"success", "skipped"}
    assert complete_in_bash(tmp_path, "completion", "") == {"bash", "zsh"}
    assert complete_in_bash(tmp_path, "job", "add", "--overlap", "") == {"allow", "skip", "queue", "replace"}
    assert complete_in_bash(tmp_path, "job", "update", "--misfire-policy", "run") == {"run_all", "run_latest"}
    assert complete_in_bash(tmp_path, "job", "add", "--delivery", "") == {"at_most_once", "at_least_once"}
    assert complete_in_bash(tmp_path, "account", "add", "ada", "--role", "") == {"read", "operate", "admin", "owner"}
    assert complete_in_bash(tmp_path, "account", "set", "ada", "--sso", "o") == {"on", "off"}
    assert complete_in_bash(tmp_path, "log", "list", "--unusual", "s") == {"slow", "silent"}
    assert complete_in_bash(tmp_path, "job", "backfill", "a", "--only", "") == {"missing", "failed", "all"}
    (tmp_path / "token.txt").touch()
    assert complete_in_bash(tmp_path, "job", "list", "--token-file", "tok") == {"token.txt"}
    assert complete_in_bash(tmp_path, "job", "add", "--cron", "") == set()
    # The value of an option is not a command.
    assert complete_in_bash(tmp_path, "log", "--job", "job", "f") == {"follow"}


def test_bash_completes_the_names_of_jobs_and_runs_none(tmp_path, fake):
    fake.answers["GET /cron/list"] = {"list": [job(name="nightly backup"), job(name="$(touch hacked)"),
                                               job(id=7, name=""), job(name="now")], "total": 4}
    assert complete_in_bash(tmp_path, "job", "stop", "n", url=fake.url) == {r"nightly\ backup", "now"}
    assert complete_in_bash(tmp_path, "log", "list", "--job", "", url=fake.url) == {
        r"nightly\ backup", "now", "7", r"\$\(touch\ hacked\)"}
    assert not (tmp_path / "hacked").exists()


CALENDARS = [{"name": name} for name in ("freeze", "workdays", "$(touch hacked)")]


def test_shells_complete_the_names_of_calendars_and_run_none(tmp_path, fake):
    fake.answers["GET /calendar/list"] = CALENDARS
    assert peercron("calendar", "list", "--quiet", url=fake.url).stdout == "freeze\nworkdays\n$(touch hacked)\n"
    assert complete_in_bash(tmp_path, "calendar", "show", "f", url=fake.url) == {"freeze"}
    assert r"\$\(touch\ hacked\)" in complete_in_bash(tmp_path, "calendar", "delete", "", url=fake.url)
    assert complete_in_zsh(tmp_path, "calendar set w", url=fake.url) == {"workdays"}
    assert not (tmp_path / "hacked").exists()


def test_bash_completion_is_silent_when_no_node_answers(tmp_path):
    assert complete_in_bash(tmp_path, "job", "stop", "") == set()


# An interactive zsh in a terminal of its own; what would be offered goes to a file.
ZSH_SHELL = r"""
autoload -Uz compinit && compinit -u -D
source completion.zsh
compadd() {
    local -a found
    builtin compadd -O found "$@"
    (( $#found )) && print -rl -- $found >> matches
    builtin compadd "$@"
}
probe() {
    _main_complete
    compstate[insert]= compstate[list]=
    print -r -- THE-END
}
zle -C probe complete-word probe
bindkey '^X' probe
PS1=
print -r -- SET-UP
"""
ZSH_DRIVER = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'source ./shell.zsh'
zpty -r shell seen '*SET-UP*'
zpty -w -n shell "peercron $1"$'\x18'
zpty -r shell seen '*THE-END*'
zpty -d shell
"""


def complete_in_zsh(tmp_path, line, url="http://127.0.0.1:1"):
    """What zsh would offer at the end of this line."""
    (tmp_path / "completion.zsh").write_text(script("zsh"))
    (tmp_path / "shell.zsh").write_text(ZSH_SHELL)
    matches = tmp_path / "matches"
    matches.write_text("")
    variables = environment(url, PATH=f"{BINARY.parent}:{os.environ['PATH']}")
    done = subprocess.run(["zsh", "-f", "-c", ZSH_DRIVER, "zsh", line], env=variables, cwd=tmp_path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return set(matches.read_text().splitlines())


def test_zsh_completes_commands_options_values_and_jobs(tmp_path, fake):
    fake.answers["GET /cron/list"] = {"list": [job(name="nightly"), job(name="$(touch hacked)")], "total": 2}
    assert {"job", "log", "run", "node", "status", "serve"} <= complete_in_zsh(tmp_path, "")
    assert complete_in_zsh(tmp_path, "job st") == {"start", "stop", "stop-backfill"}
    assert "--state" in complete_in_zsh(tmp_path, "log list --st")
    assert complete_in_zsh(tmp_path, "log list --state s") == {"success", "skipped"}
    assert complete_in_zsh(tmp_path, "job add --overlap ") == {"allow", "skip", "queue", "replace"}
    assert complete_in_zsh(tmp_path, "job stop n", url=fake.url) == {"nightly"}
    assert not (tmp_path / "hacked").exists()


def test_the_manual_is_formatted_without_a_warning():
    page = peercron("man").stdout
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    read = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert (read.returncode, read.stderr) == (0, "")
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "COMMON OPTIONS", "EXIT STATUS", "ENVIRONMENT",
                    "FILES", "EXAMPLES", "SEE ALSO"):
        assert f"\n{heading}\n" in read.stdout
    assert "peercron job add --every 5s --limit 3 -- echo 'three times'" in read.stdout


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 5, 6, 10])
def test_the_manual_tells_every_exit_status(status):
    assert f"\n\\fB{status}\\fR\n" in peercron("man").stdout
