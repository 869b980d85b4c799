"""What the program says without a cluster."""
import json
import subprocess

import pytest

from harness import BINARY, ROOT


def peercron(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)


def test_next_explains_the_expression_and_lists_fires():
    done = peercron("next", "0 30 2 * * 1-5", "-n", "3", "--tz", "Europe/Berlin", "--from", "2026-11-20T12:00:00Z")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "0 30 2 * * 1-5"
    assert "Europe/Berlin" in lines[1] and "02:30" in lines[1]
    assert lines[2:] == ["2026-11-23T02:30:00+01:00", "2026-11-24T02:30:00+01:00", "2026-11-25T02:30:00+01:00"]


def test_next_as_json():
    done = peercron("next", "0 0 * * *", "--json", "-n", "2", "--tz", "Europe/Berlin", "--from", "2026-11-20T12:00:00Z")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert list(answer) == ["expression", "description", "time_zone", "next"]
    assert answer["expression"] == "0 0 * * *"
    assert answer["time_zone"] == "Europe/Berlin"
    assert answer["description"]
    assert answer["next"] == ["2026-11-21T00:00:00+01:00", "2026-11-22T00:00:00+01:00"]


def test_next_lists_five_fires_from_now_on():
    done = peercron("next", "*/1 * * * * *", "--json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["next"]) == 5


@pytest.mark.parametrize("expression, words", [
    ("99 * * * * *", ["second", "99", "0-59"]),
    ("* * * *", ["4"]),
    ("0 0 0 1 1 * 2026 0", ["8"]),
    ("0 0 0 30 2 *", ["never"]),
    ("0 0 0 * foo *", ["month", "foo"]),
])
def test_next_of_a_bad_expression_exits_with_2_and_the_reason(expression, words):
    for arguments in (["next", expression], ["next", expression, "--json"]):
        done = peercron(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("arguments", [
    ["next", "@daily", "--tz", "Mars/Olympus"], ["next", "@daily", "--from", "someday"],
    ["next", "@daily", "-n", "0"], ["next"], ["no-such-command"], ["serve", "--no-such-option"], []])
def test_arguments_that_make_no_sense_exit_with_2(arguments):
    done = peercron(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr


def test_version_and_help():
    version = peercron("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("peercron ")
    help_text = peercron("--help").stdout
    assert all(command in help_text for command in ("serve", "check-config", "migrate", "next"))


def test_the_example_configuration_is_good_and_its_check_shows_no_secret(tmp_path):
    example = (ROOT / "config/peercron.toml").read_text()
    assert 'mysql_password = ""' in example
    file = tmp_path / "peercron.toml"
    file.write_text(example.replace('# mysql_password = ""', 'mysql_password = "a-password-nobody-sees"')
                    .replace('# mysql_user = ""', 'mysql_user = "somebody"'))
    done = peercron("check-config", file)
    assert done.returncode == 0, done
    assert "somebody" in done.stdout
    assert "a-password-nobody-sees" not in done.stdout + done.stderr


@pytest.mark.parametrize("text, line, key", [
    ('mysql_user = "cron"\nmysql_port = 70000\n', 2, "mysql_port"),
    ('mysql_user = "cron"\n\n[dispatch]\nlook_ahead = "2s"\n', 4, "dispatch.look_ahead"),
    ('mysql_user = "cron"\nlog_level = true\n', 2, "log_level"),
    ('bind_address = "0.0.0.0:9991"\n', 1, "bind_address"),
])
@pytest.mark.parametrize("command", [["check-config"], ["serve", "--config"]])
def test_a_wrong_configuration_exits_with_2_and_names_file_line_and_key(tmp_path, text, line, key, command):
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    done = peercron(*command, file)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"wrong.toml:{line}:" in done.stderr
    assert f"'{key}'" in done.stderr


def test_a_configuration_that_is_not_there_or_no_toml_exits_with_2(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text("mysql_user = \n")
    for file in (broken, tmp_path / "missing.toml"):
        done = peercron("serve", "--config", file)
        assert done.returncode == 2
        assert file.name in done.stderr
