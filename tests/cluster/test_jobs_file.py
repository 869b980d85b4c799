"""`serve --jobs FILE --log-output`: a node whose jobs are those of a file, as in a container."""
import json
import os
import signal
import subprocess

import pytest

from harness import BINARY, running_solo, wait_until

JOBS = """\
[job.hello]
every = "1s"
command = "echo hello; echo \\"to stderr\\" >&2"

[job.never]
cron_set = "0 0 0 1 1 * 2199"
command = "true"
"""


def names(solo):
    return sorted(job["name"] for job in solo.api("/cron/list"))


def objects(solo):
    """What the node has copied to standard output."""
    return [json.loads(line) for line in solo.log("node").splitlines() if line.startswith("{")]


def reload(solo, words):
    already = solo.log("node").count(words)
    os.kill(solo.process.pid, signal.SIGHUP)
    wait_until(lambda: solo.log("node").count(words) > already, 20, lambda: f"{words}: {solo.log('node')[-2000:]}")


def test_the_jobs_are_those_of_the_file_at_the_start_and_after_each_reload(tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text(JOBS)
    configuration = tmp_path / "peercron.toml"
    configuration.write_text('http.tokens = [{ name = "ann", token = "the-token-of-ann-1", role = "read" }]\n')
    with running_solo(["--jobs", str(file), "--config", str(configuration)]) as solo:
        def jobs():
            rows = solo.call("GET", "/cron/list", headers={"Authorization": "Bearer the-token-of-ann-1"}).json["data"]
            return {row["name"]: row for row in rows}

        wait_until(lambda: set(jobs()) == {"hello", "never"}, 20, "they are there")
        first = jobs()
        reload(solo, "0 jobs changed, 0 refused, 2 as they were")
        file.write_text(JOBS.replace("true", "false").replace("job.hello", "job.other"))
        reload(solo, "3 jobs changed, 0 refused, 0 as they were")
        second = jobs()
        assert set(second) == {"never", "other"}
        assert (second["never"]["id"], second["never"]["command"]) == (first["never"]["id"], "false")
        history = solo.call("GET", f"/cron/{second['never']['id']}/history",
                            headers={"Authorization": "Bearer the-token-of-ann-1"}).json["data"]["list"]
        assert {revision["who"] for revision in history} == {"jobs file"}


def test_of_a_crontab_only_the_jobs_that_came_from_it_are_its_own(tmp_path):
    file = tmp_path / "app"
    file.write_text("# every five minutes\n*/5 * * * * echo five\n")
    with running_solo(["--jobs", str(file)]) as solo:
        wait_until(lambda: len(names(solo)) == 1, 20, "it is there")
        assert names(solo)[0].startswith("crontab/app/")
        solo.add("true", "0 0 0 1 1 * 2199", name="by hand")
        file.write_text("1 * * * * echo one\n")
        reload(solo, "2 jobs changed, 0 refused, 0 as they were")
        jobs = {job["name"]: job["command"] for job in solo.api("/cron/list")}
        assert jobs.pop("by hand") == "true"
        assert list(jobs.values()) == ["echo one"]


def test_calendars_of_the_file_come_before_its_jobs_and_stay_when_they_are_gone_from_it(tmp_path):
    (tmp_path / "holidays.ics").write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20991225\nEND:VEVENT\nEND:VCALENDAR\n")
    file = tmp_path / "jobs.toml"
    text = JOBS + f"calendar = ['!freeze']\n[calendar.freeze]\ndates = 'fri'\n[calendar.days]\nical = '@{tmp_path}/holidays.ics'\n"
    file.write_text(text)
    with running_solo(["--jobs", str(file)]) as solo:
        def calendars():
            shown = [solo.api(f"/calendar/show?name={name}") for name in ("days", "freeze")]
            return [(row["dates"], row["events"], row["set_at"], row["set_by"].split()[0:2]) for row in shown]

        wait_until(lambda: "2 jobs changed, 0 refused" in solo.log("node"), 20, lambda: solo.log("node"))
        first = calendars()
        assert [row[:2] for row in first] == [("", 1), ("fri", 0)] and first[0][3] == ["jobs", "file"]
        reload(solo, "0 jobs changed, 0 refused, 2 as they were")
        assert calendars() == first
        file.write_text(text.replace("'fri'", "'sat'"))
        reload(solo, "0 jobs changed, 0 refused, 2 as they were")
        second = calendars()
        assert second[0] == first[0] and second[1][0] == "sat"
        file.write_text(JOBS)
        reload(solo, "1 job changed, 0 refused, 1 as they were")
        assert calendars() == second


def test_a_job_that_the_node_refuses_keeps_no_other_back(tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text(JOBS + "run_as = 'nobody'\n")
    with running_solo(["--jobs", str(file)]) as solo:
        wait_until(lambda: "1 job changed, 1 refused" in solo.log("node"), 20, lambda: solo.log("node"))
        assert "job 'never': " in solo.log("node") and names(solo) == ["hello"]


@pytest.mark.parametrize("text, words", [("", "it has no job"), ("[job.a]\ncomand = 'x'\n", "comand"), (None, "cannot be read")])
def test_with_a_mistake_no_node_starts_and_a_running_one_keeps_its_jobs(tmp_path, text, words):
    file = tmp_path / "jobs.toml"
    file.write_text(JOBS)
    with running_solo(["--jobs", str(file)]) as solo:
        wait_until(lambda: names(solo) == ["hello", "never"], 20, "they are there")
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        reload(solo, "nothing was changed, because the file has mistakes")
        assert words in solo.log("node") and names(solo) == ["hello", "never"]
    done = subprocess.run([BINARY, "serve", "--data", tmp_path / "data", "--jobs", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "cannot start: --jobs:" in done.stderr and words in done.stderr, done
    assert not (tmp_path / "data").exists()


def test_outputs_come_as_lines_of_json_while_the_command_runs(tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text(JOBS + "[job.slow]\nevery = '1s'\nis_mutex = true\ncommand = 'echo begun; sleep 30; echo ended'\n")
    with running_solo(["--jobs", str(file), "--log-output"]) as solo:
        wait_until(lambda: any(line.get("state") for line in objects(solo)), 20, "a run ends")
        wait_until(lambda: any(line.get("line") == "begun" for line in objects(solo)), 20, "a line of a run that goes on")
        assert not any(line["name"] == "slow" and line.get("state") for line in objects(solo))
        job = next(row["id"] for row in solo.api("/cron/list") if row["name"] == "hello")
        [end, *_] = [line for line in objects(solo) if line["name"] == "hello" and "state" in line]
        assert (end["job"], end["attempt"], end["state"], end["exit_code"]) == (job, 1, "success", 0)
        lines = [line["line"] for line in objects(solo) if line["scheduled_at"] == end["scheduled_at"] and
                 line["name"] == "hello" and "line" in line]
        assert lines == ["hello", "to stderr"]
