"""`peercron service` on a machine that systemd runs, where test_package.py has just purged the package."""
import json

from bare_machine import checked


def test_the_program_installs_itself_as_a_service_where_there_is_no_package(machine, peercron, release):
    [file] = [file for file in release.folder.glob("peercron-*-linux-x86_64")]
    checked(machine.run("install", "-m", "755", machine.root.copy_in(file), "/usr/local/bin/peercron"))
    program = "/usr/local/bin/peercron"
    said = checked(machine.run(program, "service", "install"))
    assert "peercron runs since" in said and "it starts at each boot" in said
    unit = (machine.root.folder / "etc/systemd/system/peercron.service").read_text()
    assert "exec /usr/local/bin/peercron serve" in unit
    peercron("job", "add", "--name", "who", "--every", "1h", "--", "id", "-un")
    peercron("job", "run-now", "who", "--wait")
    assert "peercron is stopped" in checked(machine.run(program, "service", "stop"))
    assert machine.run(program, "service", "status").returncode == 6
    assert "peercron runs since" in checked(machine.run(program, "service", "restart"))
    assert [job["name"] for job in json.loads(peercron("job", "list", "--json"))] == ["who"]
    assert "left are the program, the user peercron" in checked(machine.run(program, "service", "remove"))
    assert machine.run(program, "service", "status").returncode == 3
    assert machine.run(program, "service", "start").returncode == 3
    assert not (machine.root.folder / "etc/systemd/system/peercron.service").exists()
    checked(machine.run("rm", program))
