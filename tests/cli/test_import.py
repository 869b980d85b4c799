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
                  "--yes adds the 2 new jobs"):
        assert words in done.stdout, (words, done.stdout)
    assert mine(node_url) == []


def test_importing_twice_adds_once_and_what_is_gone_is_said(node_url, crontab):
    first = peercron("import", "crontab", str(crontab), "--yes", "--stopped", url=node_url)
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


def test_a_file_that_is_missing_and_a_node_that_does_not_answer_are_said(node_url, crontab):
    done = peercron("import", "crontab", "/nonexistent", url=node_url)
    assert done.returncode == 2 and "/nonexistent cannot be read: No such file" in done.stderr, done
    done = peercron("import", "crontab", str(crontab), url="http://127.0.0.1:9")
    assert done.returncode == 6 and "127.0.0.1:9" in done.stderr, done
