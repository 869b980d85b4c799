"""The service, as far as a machine without systemd shows it; tests/packages has the rest."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from command_line import BINARY, NOBODY, ROOT, environment, peercron

IS_BOOTED = pathlib.Path("/run/systemd/system").is_dir()


@pytest.fixture
def installed():
    """The program in a folder that everybody may use."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="peercron-service-"))
    folder.chmod(0o755)
    yield pathlib.Path(shutil.copy(BINARY, folder))
    shutil.rmtree(folder)


def run(program, *arguments):
    return subprocess.run([program, "service", *arguments], env=environment(NOBODY), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def test_install_shows_the_unit_of_the_repository_for_this_program(installed):
    done = run(installed, "install", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    unit = (ROOT / "config" / "peercron.service").read_text().replace("/usr/bin/peercron", str(installed))
    shown = "".join(f"    {line}\n" if line else "\n" for line in unit.splitlines())
    assert f"write /etc/systemd/system/peercron.service\n{shown}" in done.stdout
    assert done.stdout.endswith("run systemctl restart peercron.service\n")


def test_a_program_that_other_users_cannot_run_is_not_installed(installed):
    installed.parent.chmod(0o700)
    done = run(installed, "install", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"since {installed.parent} is closed to other users" in done.stderr


def test_remove_and_stop_show_their_commands():
    assert "run systemctl disable --now peercron.service\n" in peercron("service", "remove", "--dry-run").stdout
    done = peercron("service", "stop", "--dry-run")
    assert done.stdout == ("# stop the node: commands have [exec] drain_timeout to end\n"
                           "run systemctl stop peercron.service\n")


@pytest.mark.skipif(IS_BOOTED, reason="systemd runs here, and tests leave its services alone")
@pytest.mark.parametrize("command", ["install", "remove", "start", "stop", "restart", "status"])
def test_without_systemd_each_command_says_so_and_does_nothing(installed, command):
    done = run(installed, command)
    assert (done.returncode, done.stdout) == (6, "")
    assert "systemd does not run this machine" in done.stderr
    assert not os.path.exists("/etc/systemd/system/peercron.service")
