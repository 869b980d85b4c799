"""The tutorial's first part, typed by someone new, on a machine that has nothing but the package."""
from bare_machine import checked, wait_until
from test_docs import commands
from test_package import install, is_active


def test_each_command_of_the_tutorial_does_what_it_says(machine, release):
    typed = commands("docs/tutorial.md")
    assert typed[0] == "apt install ./peercron_*.deb" and len(typed) > 15
    install(machine, release.package)
    wait_until(lambda: is_active(machine), 30, lambda: machine.run("journalctl", "-u", "peercron").stdout)
    begun = False
    for line in typed[1:]:
        if line == "peercron log list --job hello --limit 3":
            wait_until(lambda: "success" in machine.run("peercron", "log", "list", "--job", "hello").stdout, 30, "hello ran")
        # Ctrl-C ends it.
        ended_by_hand = line.startswith("peercron log follow")
        done = machine.run("timeout", "--signal=INT", "8" if ended_by_hand else "60", "sh", "-c", f"cd /root && {line}")
        fails = line == "peercron job run-now backup --wait" and not begun  # the first time: there is no such program
        begun = begun or fails
        assert done.returncode == (124 if ended_by_hand else 10 if fails else 0), (line, done)
        if ended_by_hand:
            assert "hello" in done.stdout, done
        if line == "peercron log list --failed":
            assert "backup" in done.stdout and "failed" in done.stdout, done
    assert "backup" in checked(machine.run("cat", "/root/jobs.toml"))
    checked(machine.run("dpkg", "--purge", "peercron"))
