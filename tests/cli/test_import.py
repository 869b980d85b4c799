"""`import crontab` against a real node."""
import json

import pytest

from command_line import peercron

CRONTAB = """\
MAILTO=root
# nightly
5 3 * * * /usr/bin/true %some input
@reboot /usr/bin/start
99 * * * * /usr/bin/never
*/5 * * * * cd /tmp && /usr/bin/report
"""


@pytest.fixture
def crontab(tmp_path):
    file = tmp_path / "mine"
    file.write_text(CRONTAB)
    return file


def jobs(node_url):
    return json.loads(peercron("job", "list", "--json", url=node_url).stdout)


def mine(node_url):
    listed = jobs(node_url)
    listed = listed["list"] if isinstance(listed, dict) else listed
    return [job for job in listed if job["name"].startswith("crontab/mine/")]


def test_the_plan_is_shown_and_nothing_changed(node_url, crontab):
    done = peercron("import", "crontab", str(crontab), url=node_url)
    assert done.returncode == 0, done
    for words in ("5 3 * * *", "*/5 * * * *", "line 1: MAILTO", "line 4: @reboot", "line 5: '99 * * * *", "0-59",
                  "--yes adds 2 new jobs"):
        assert words in done.stdout, (words, done.stdout)
    assert mine(node_url) == []


def test_importing_twice_adds_once_and_what_is_gone_is_said(node_url, crontab):
    first = peercron("import", "crontab", str(crontab), "--yes", "--stopped", url=node_url)
    assert first.returncode == 1 and "; 2 not imported" in first.stdout, first
    assert "2 jobs added, 0 were there already" in first.stdout, first
    before = mine(node_url)
    assert [job["stop"] for job in before] == [True, True]
    assert [job["remark"] for job in before] == ["nightly", ""]
    again = peercron("import", "crontab", str(crontab), "--yes", url=node_url)
    assert "0 jobs added, 2 were there already" in again.stdout, again
    assert mine(node_url) == before

    crontab.write_text(CRONTAB.replace("*/5 *", "*/6 *"))
    changed = json.loads(peercron("import", "crontab", str(crontab), "--json", url=node_url).stdout)
    assert [job["new"] for job in changed["jobs"]] == [False, True]
    assert changed["gone"] == [before[1]["name"]] and changed["applied"] is False
    for job in before:
        assert peercron("job", "delete", str(job["id"]), url=node_url).returncode == 0


def test_standard_input_is_read(node_url):
    done = peercron("import", "crontab", "-", url=node_url, text="1 1 * * * /usr/bin/true\n")
    assert done.returncode == 0 and "/usr/bin/true" in done.stdout, done


@pytest.mark.parametrize("text", ["-\n", "-", "", "\n", "- -\n@"])
def test_a_crontab_that_says_nothing_ends_no_program(node_url, text):
    done = peercron("import", "crontab", "-", url=node_url, text=text)
    assert done.returncode == 0 and done.stdout.startswith("no jobs\n"), done


def test_nothing_that_could_be_taken_over_is_no_success(node_url):
    done = peercron("import", "crontab", "-", "--yes", url=node_url, text="99 * * * * x\n")
    assert done.returncode == 1 and "0 jobs added, 0 were there already; 1 not imported" in done.stdout, done
    done = peercron("import", "crontab", "-", "--yes", "--json", url=node_url, text="99 * * * * x\n")
    assert done.returncode == 1 and json.loads(done.stdout)["refused"] == 1, done
    assert peercron("import", "crontab", "-", "--yes", url=node_url, text="MAILTO=me\n").returncode == 0


def test_a_system_crontab_needs_to_be_called_one(node_url, crontab):
    crontab.write_text("1 1 * * * root touch /tmp/x\n")
    done = peercron("import", "crontab", str(crontab), url=node_url)
    assert done.returncode == 0 and "line 1: the command begins with 'root'" in done.stdout, done
    done = peercron("import", "crontab", str(crontab), "--yes", url=node_url)
    assert done.returncode == 2 and "--system" in done.stderr, done
    assert mine(node_url) == []
    done = peercron("import", "crontab", str(crontab), "--system", "--json", url=node_url)
    assert [job["command"].split()[-2:] for job in json.loads(done.stdout)["jobs"]][0][0].endswith("touch"), done


def test_two_crontabs_of_standard_input_are_told_apart(node_url):
    ann, ben = "1 1 * * * a\n2 2 * * * b\n", "1 1 * * * a\n"
    pipe = lambda text, *more: peercron("import", "crontab", "-", "--yes", "--stopped", *more, url=node_url, text=text)
    assert pipe(ann).returncode == 0
    assert "0 jobs added, 2 were there already" in pipe(ann).stdout
    done = pipe(ben)
    assert done.returncode == 2 and "nothing was added; give --source stdin" in done.stderr, done
    assert "1 job added, 0 were" in pipe(ben, "--source", "ben").stdout
    assert "2 jobs added, 2 were" in pipe(ann + "3 3 * * * c\n4 4 * * * d\n", "--source", "stdin").stdout
    assert pipe(ben, "--source", "a/b").returncode == 2
    listed = jobs(node_url)
    for job in listed["list"] if isinstance(listed, dict) else listed:
        if job["name"].startswith("crontab/"):
            assert peercron("job", "delete", str(job["id"]), url=node_url).returncode == 0


def test_a_file_that_is_missing_and_a_node_that_does_not_answer_are_said(node_url, crontab):
    done = peercron("import", "crontab", "/nonexistent", url=node_url)
    assert done.returncode == 2 and "/nonexistent cannot be read: No such file" in done.stderr, done
    done = peercron("import", "crontab", str(crontab), url="http://127.0.0.1:9")
    assert done.returncode == 6 and "127.0.0.1:9" in done.stderr, done
