"""`export` and `apply` against a real node: jobs as a file under version control."""
import json
import re
import subprocess
import time

import pytest

from command_line import BINARY, ROOT, check_golden, environment, peercron, transcript
from conftest import running_solo

FILE = """\
[job.backup]
cron_set = "0 0 3 * * *"
command = '''
cd /srv
tar cf "it's.tar" .
'''
timeout = "1h30m"
is_mutex = true
start_time = 2027-01-01T08:00:00+01:00

[job."a ticker/1"]
every = "90s"
command = "echo hi"
misfire_window = 0
delivery = "at_least_once"
misfire_policy = "run_latest"
overlap = "queue"
max_concurrent = 2

[job.once]
at = 2127-01-01T00:00:00Z
command = "echo once"
stop = true
run_limit = 3
time_zone = "Europe/Berlin"
remark = "späßchen"
"""


@pytest.fixture
def solo():
    with running_solo() as node:
        yield node


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text(FILE)
    return file


def jobs(solo):
    return {job["name"]: job for job in solo.api("/cron/list")}


def apply(solo, *arguments, **more):
    return peercron("apply", *arguments, url=solo.url, **more)


def test_a_journey(solo, file):
    texts = []

    def step(*arguments):
        done = peercron(*arguments, url=solo.url)
        texts.append(transcript([str(part).replace(str(file), "jobs.toml") for part in arguments], done, solo.url))
        return done

    step("apply", file, "--dry-run")
    assert jobs(solo) == {}
    step("apply", file)
    first = jobs(solo)
    assert set(first) == {"backup", "a ticker/1", "once"}
    assert (first["once"]["cron_set"], first["once"]["stop"]) == ("@at 2127-01-01T00:00:00Z", True)
    assert first["backup"]["start_time"] == 1798786800
    step("apply", file)
    assert jobs(solo) == first

    file.write_text(FILE.replace("1h30m", "90m").replace("cf", "czf").replace("90s", "2m")
                    .replace("[job.once]", "[job.later]"))
    step("apply", file, "--dry-run", "--prune")
    assert jobs(solo) == first
    step("apply", file)
    step("apply", file, "--prune")
    assert set(jobs(solo)) == {"backup", "a ticker/1", "later"}
    assert jobs(solo)["backup"]["id"] == first["backup"]["id"]
    step("export")
    check_golden("answers/apply", "\n".join(texts))


def test_what_is_exported_is_what_is_applied(solo, file, tmp_path):
    assert apply(solo, file).returncode == 0
    exported = peercron("export", url=solo.url)
    assert (exported.returncode, exported.stderr) == (0, "")
    again = apply(solo, "-", "--json", text=exported.stdout)
    assert json.loads(again.stdout) == {"changes": [], "unchanged": 3, "not_in_file": [], "channels": [],
                                        "calendars": [], "applied": True}
    before = {name: {**job, "id": 0} for name, job in jobs(solo).items()}
    with running_solo() as other:
        assert apply(other, "-", text=exported.stdout).returncode == 0
        after = {name: {**job, "id": 0} for name, job in jobs(other).items()}
        # What a person decides; when it runs next is the same, or was while the clock went on.
        for job in (*before.values(), *after.values()):
            job.pop("next_run_at")
        assert after == before


def test_a_command_that_runs_goes_on_and_a_stopped_job_stays_stopped(solo, tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text('[job.slow]\ncron_set = "0 0 0 1 1 * 2199"\ncommand = "sleep 3; echo done"\n')
    assert apply(solo, file).returncode == 0
    job = jobs(solo)["slow"]["id"]
    run = solo.call("POST", f"/cron/run/{job}").json["data"]["id"]
    while solo.api(f"/log/{run}")["state"] == "planned":
        time.sleep(0.05)
    file.write_text('[job.slow]\nevery = "1h"\ncommand = "echo other"\n')
    assert "cron_set        0 0 0 1 1 * 2199 → @every 3600s" in apply(solo, file).stdout
    solo.api(f"/cron/stop/{job}")
    assert "0 added, 0 changed, 0 deleted, 1 unchanged" in apply(solo, file).stdout
    assert jobs(solo)["slow"]["stop"] is True
    while solo.api(f"/log/{run}")["state"] == "running":
        time.sleep(0.05)
    row = solo.api(f"/log/{run}")
    assert (row["state"], row["output"]) == ("success", "done\n")


def test_jobs_without_a_name_are_named_and_never_touched(solo, file):
    job = solo.add("echo unnamed", "@daily")
    exported = peercron("export", url=solo.url)
    assert exported.returncode == 0
    assert "[job" not in exported.stdout
    assert exported.stderr == (f"peercron: job {job} has no name, so it is not in the file; give it one with "
                               f"`peercron job update {job} --name NAME`\n")
    assert apply(solo, file, "--prune").returncode == 0
    assert {job["id"] for job in solo.api("/cron/list")} >= {job}


def test_a_change_that_fails_ends_it_and_the_same_command_goes_on(fake, tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text("".join(f'[job.{name}]\nevery = 3600\ncommand = "a"\n' for name in "abc"))
    fake.answers.update({"GET /cron/list": []})
    refused = peercron("apply", file, url=fake.url)
    assert refused.returncode == 3, refused
    assert "peercron: job 'a': " in refused.stderr
    assert refused.stderr.endswith("\n0 of 3 changes were made; correct this and run the same command again for the others\n")


def test_a_token_with_tags_applies_its_own_jobs_and_changes_nothing_when_the_file_has_others(solo, tmp_path):
    solo.api("/cron/add", name="theirs", cronSet="@daily", command="true", tags="db")
    owner = peercron("token", "add", "root", "--role", "owner", url=solo.url).stdout.strip()
    secret = peercron("token", "add", "ci", "--role", "admin", "--tags", "web", url=solo.url, PEERCRON_TOKEN=owner).stdout.strip()
    file = tmp_path / "web.toml"

    def apply_as_ci(text, *arguments):
        file.write_text(text)
        return peercron("apply", str(file), *arguments, url=solo.url, PEERCRON_TOKEN=secret)

    own = '[job.a]\ncron_set = "@daily"\ncommand = "true"\ntags = ["web", "x"]\n'
    refused = apply_as_ci(own + '[job.b]\ncron_set = "@daily"\ncommand = "true"\n[job.c]\ncron_set = "@daily"\n'
                          'command = "true"\ntags = ["webshop"]\n')
    assert refused.returncode == 5 and refused.stdout == "", refused
    assert "nothing was changed: ci is limited to jobs that have one of the tags web" in refused.stderr
    assert refused.stderr.rstrip().endswith("have none of them: b, c")
    done = apply_as_ci(own, "--prune")
    assert done.returncode == 0 and "1 added, 0 changed, 0 deleted" in done.stdout, done
    taken = apply_as_ci(own + '[job.theirs]\ncron_set = "@daily"\ncommand = "id"\ntags = ["web"]\n')
    assert taken.returncode == 4 and "theirs" in taken.stderr, taken
    done = apply_as_ci('[job.z]\ncron_set = "@daily"\ncommand = "true"\ntags = ["web"]\n', "--prune")
    assert "1 added, 0 changed, 1 deleted" in done.stdout, done
    listed = json.loads(peercron("job", "list", "--json", url=solo.url, PEERCRON_TOKEN=owner).stdout)
    assert sorted(job["name"] for job in listed) == ["theirs", "z"]


def test_bad_files_change_nothing(solo, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[job.good]\nevery = 5\ncommand = "a"\n[job.bad]\ncron_set = "99 * * * * *"\ncomand = "a"\n')
    done = apply(solo, file)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("peercron: nothing was changed, because the file has mistakes:\n")
    for words in (":4:1: job 'bad': the command is missing", ":5:12: job 'bad': second '99'", ":6:10: job 'bad': unknown key"):
        assert words in done.stderr, done.stderr
    assert jobs(solo) == {}
    empty = apply(solo, "-", "--prune", text="")
    assert empty.returncode == 2 and "`peercron job clear`" in empty.stderr
    missing = apply(solo, tmp_path / "missing.toml")
    assert missing.returncode == 2 and "No such file or directory" in missing.stderr


def test_next_says_how_many_other_jobs_fire_in_the_same_second(solo):
    for _ in range(12):
        solo.add("true", "0 0 3 * * *")
    solo.add("true", "0 0 3 * * *", stop=1)
    done = peercron("next", "0 0 3 * * *", "-n", "2", "--from", "2030-01-01T00:00:00Z", "--url", solo.url)
    assert done.returncode == 0
    assert done.stdout.endswith("2030-01-01T03:00:00+00:00\n2030-01-02T03:00:00+00:00\n")
    assert f"note: 12 other jobs of {solo.url} fire at 2030-01-01T03:00:00Z, in the same second" in done.stderr
    alone = peercron("next", "5 0 3 * * *", "--url", solo.url)
    assert (alone.returncode, alone.stderr) == (0, "")
    one = peercron("next", "0 0 3 * * *", "--job-id", "1", "--url", solo.url)
    assert "note: 11 other jobs" in one.stderr


def test_next_knows_the_zone_of_the_other_jobs():
    with running_solo(("--set", "time_zone=Europe/Berlin")) as node:
        for _ in range(10):
            node.add("true", "0 0 3 * * *")
        done = peercron("next", "7 0 2 1 1 *", "-n", "1", "--from", "2030-01-01T01:00:00Z", "--url", node.url)
        assert "note" not in done.stderr
        done = peercron("next", "0 0 2 1 1 ?", "-n", "1", "--from", "2030-01-01T00:00:00Z", "--url", node.url)
        assert f"note: 10 other jobs of {node.url} fire at 2030-01-01T02:00:00Z" in done.stderr


def test_next_needs_no_node():
    done = peercron("next", "5 30 4 * * *", "-n", "1", "--from", "2030-01-01T00:00:00Z", PEERCRON_URL="")
    assert (done.returncode, done.stderr) == (0, "")
    away = peercron("next", "5 30 4 * * *", "-n", "1", "--from", "2030-01-01T00:00:00Z")
    assert (away.returncode, away.stdout) == (0, done.stdout)
    assert away.stderr.startswith("peercron: note: not compared with other jobs: no node answers")


def test_channels_are_applied_before_the_jobs_that_name_them(solo, tmp_path):
    secret = tmp_path / "url"
    secret.write_text("https://example.com/hook/T0PS3CRET\n")
    file = tmp_path / "jobs.toml"
    text = f"""
[channel.ops]
kind = "webhook"
url = "@{secret}"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
tags = ["db"]

[job.backup]
cron_set = "0 0 3 * * *"
command = "true"
notify = ["ops"]
"""
    file.write_text(text)
    done = apply(solo, file, "--dry-run")
    assert done.returncode == 0 and "+ channel ops" in done.stdout and "T0PS3CRET" not in done.stdout, done
    assert solo.api("/channel/list") == []
    done = apply(solo, file)
    assert done.returncode == 0, done
    [channel] = solo.api("/channel/list")
    assert (channel["name"], channel["tags"], channel["every_job"]) == ("ops", ["db"], False), channel
    assert set(channel["settings"]) == {"url", "secret"}, channel
    assert jobs(solo)["backup"]["notify"] == ["ops"]

    file.write_text(text.replace('secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\ntags = ["db"]', "every_job = true"))
    done = apply(solo, file)
    assert done.returncode == 0 and "~ channel ops" in done.stdout and "1 unchanged" in done.stdout, done
    [changed] = solo.api("/channel/list")
    assert (changed["id"], changed["tags"], changed["every_job"], set(changed["settings"])) == \
        (channel["id"], [], True, {"url"}), changed

    secret.unlink()
    done = apply(solo, file)
    assert (done.returncode, done.stdout) == (2, "") and "channel 'ops': url" in done.stderr, done


def test_a_job_that_names_no_channel_of_the_node_is_refused(solo, file):
    file.write_text('[job.a]\nevery = "1h"\ncommand = "true"\nnotify = ["opps"]\n')
    done = apply(solo, file)
    assert done.returncode != 0 and "notify: given \"opps\", and there is no such channel" in done.stderr, done


HOLIDAYS = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:a \"day\"\\, off\r\nDTSTART:20991225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

CALENDARS = """\
[job.report]
cron_set = "0 0 12 * * *"
command = "true"
calendar = ["workdays", "!freeze", "!holidays"]

[calendar.freeze]
dates = '''
12-20..01-06  # end of the year
2099-07-01
'''
remark = "quiet"

[calendar.holidays]
ical = "@HERE/holidays.ics"
"""


def calendars(solo):
    """What the node's own ones say, and since when."""
    names = [row["name"] for row in solo.api("/calendar/list") if not row["built_in"]]
    shown = {name: solo.api(f"/calendar/show?name={name}") for name in names}
    return {name: tuple(row[key] for key in ("dates", "ical", "remark", "set_at")) for name, row in shown.items()}


@pytest.fixture
def calendar_file(tmp_path):
    (tmp_path / "holidays.ics").write_bytes(HOLIDAYS.encode())
    file = tmp_path / "jobs.toml"
    file.write_text(CALENDARS.replace("HERE", str(tmp_path)))
    return file


def test_calendars_are_applied_before_the_jobs_that_name_them(solo, calendar_file):
    solo.api("/calendar/add", name="of-others", dates="fri")
    texts = []

    def step(*arguments):
        done = apply(solo, calendar_file, *arguments)
        texts.append(transcript(["apply", "jobs.toml", *arguments], done, solo.url))

    step("--dry-run")
    assert set(calendars(solo)) == {"of-others"} and jobs(solo) == {}
    step()
    first = calendars(solo)
    assert set(first) == {"of-others", "freeze", "holidays"}
    assert first["freeze"][:3] == ("12-20..01-06  # end of the year\n2099-07-01\n", "", "quiet")
    assert first["holidays"][:3] == ("", HOLIDAYS, "")
    assert jobs(solo)["report"]["calendar"] == ["workdays", "!freeze", "!holidays"]
    step()
    assert calendars(solo) == first, "what is unchanged gets no new version"

    calendar_file.write_text(calendar_file.read_text().replace("2099-07-01", "2099-07-02").replace('remark = "quiet"', ""))
    step("--dry-run", "--json")
    assert calendars(solo) == first
    step("--prune")
    second = calendars(solo)
    assert second["freeze"][:3] == ("12-20..01-06  # end of the year\n2099-07-02\n", "", "")
    assert (second["holidays"], second["of-others"]) == (first["holidays"], first["of-others"]), "--prune deletes no calendar"
    check_golden("answers/apply_calendars", "\n".join(texts))


def test_an_export_has_the_calendars_and_makes_them_again(solo, calendar_file):
    solo.api("/calendar/add", name="of-nobody", dates="")
    solo.api("/calendar/add", name="both", dates="12-24", ical=HOLIDAYS, remark="späßchen")
    assert apply(solo, calendar_file).returncode == 0
    exported = peercron("export", url=solo.url)
    assert (exported.returncode, exported.stderr) == (0, "") and "workdays]" not in exported.stdout, exported
    before = calendars(solo)
    again = json.loads(apply(solo, "-", "--json", text=exported.stdout).stdout)
    assert (again["changes"], again["calendars"]) == ([], []) and calendars(solo) == before
    with running_solo() as other:
        assert apply(other, "-", text=exported.stdout).returncode == 0
        after = calendars(other)
        plain = {name: tuple(text.replace("\r\n", "\n") for text in row[:3]) for name, row in before.items()}
        assert {name: row[:3] for name, row in after.items()} == plain
        assert jobs(other)["report"]["calendar"] == jobs(solo)["report"]["calendar"]
        assert peercron("export", url=other.url).stdout == exported.stdout
        assert "0 added, 0 changed, 0 deleted, 1 unchanged" in apply(other, "-", text=exported.stdout).stdout
        assert calendars(other) == after


def test_a_part_of_the_jobs_is_exported_with_the_calendars_that_it_names(solo, calendar_file):
    assert apply(solo, calendar_file).returncode == 0
    solo.add("true", "@daily", name="tagged", tags="db", calendar="weekends, !freeze")
    solo.add("true", "@daily", name="other", tags="web", calendar="weekends")
    exported = peercron("export", "--tag", "db", url=solo.url).stdout
    assert re.findall(r"(?m)^\[(.*)\]$", exported) == ["job.tagged", "calendar.freeze"]
    exported = peercron("export", "--tag", "web", url=solo.url).stdout
    assert re.findall(r"(?m)^\[(.*)\]$", exported) == ["job.other"]


def test_a_token_with_tags_exports_its_jobs_and_is_told_that_the_calendars_are_missing(solo, calendar_file):
    assert apply(solo, calendar_file).returncode == 0
    solo.add("true", "@daily", name="plain", tags="web")
    solo.add("true", "@daily", name="frozen", tags="db", calendar="!freeze")
    owner = peercron("token", "add", "root", "--role", "owner", url=solo.url).stdout.strip()

    def limited_to(tag):
        return peercron("token", "add", tag, "--role", "admin", "--tags", tag, url=solo.url, PEERCRON_TOKEN=owner).stdout.strip()

    web = peercron("export", url=solo.url, PEERCRON_TOKEN=limited_to("web"))
    assert web.returncode == 0 and "[job.plain]" in web.stdout and web.stderr == "", web
    token = limited_to("db")
    db = peercron("export", url=solo.url, PEERCRON_TOKEN=token)
    assert db.returncode == 0 and "[job.frozen]" in db.stdout and "[calendar" not in db.stdout, db
    assert "these calendars are not in the file: freeze (\"db\" is limited to jobs with the tags db" in db.stderr, db
    calendar_file.write_text('[job.new]\nevery = "1h"\ncommand = "true"\ntags = ["db"]\n[calendar.freeze]\ndates = "fri"\n')
    refused = peercron("apply", calendar_file, url=solo.url, PEERCRON_TOKEN=token)
    assert refused.returncode == 5 and "nothing was changed: the calendars of the file" in refused.stderr, refused


def test_mistakes_in_calendars_change_nothing_and_are_told_with_the_others(solo, calendar_file):
    bad = calendar_file.read_text().replace("2099-07-01", "2099-07-32").replace("holidays.ics", "gone.ics").replace(
        "cron_set", "cronset")
    calendar_file.write_text(bad + '[calendar.weekends]\ndates = "fri"\n[calendar.good]\ndates = "fri"\ndate = "fri"\n')
    done = apply(solo, calendar_file)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("peercron: nothing was changed, because the file has mistakes:\n")
    for words in (":2:11: job 'report': unknown key 'cronset'", ":7:9: calendar 'freeze': key 'dates': line 2: given \"2099-07-32\"",
                  ":14:8: calendar 'holidays': key 'ical': ", "gone.ics cannot be read: No such file",
                  ":15:1: calendar 'weekends': it is always there (sat..sun), and cannot be changed",
                  ":19:8: calendar 'good': unknown key 'date'; allowed are dates, ical and remark"):
        assert words in done.stderr, done.stderr
    assert calendars(solo) == {} and jobs(solo) == {}


def test_a_node_that_knows_no_calendars_is_exported_all_the_same(fake):
    fake.answers.update({"GET /cron/list": []})
    done = peercron("export", url=fake.url)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("# The jobs"), done


DKRON = [
    {"name": "extract", "schedule": "0 0 2 * * *", "timezone": "Europe/Berlin", "executor": "shell",
     "executor_config": {"command": "echo \"it's\" > /srv/out"}, "concurrency": "forbid", "retries": 2, "parent_job": ""},
    {"name": "every hour", "schedule": "@every 1h", "timezone": "", "executor": "shell",
     "executor_config": {"command": "true"}, "concurrency": "allow", "retries": 0},
    {"name": "load", "schedule": "@manually", "executor": "shell", "executor_config": {"command": "load"},
     "parent_job": "extract"},
    {"name": "ping", "schedule": "@hourly", "executor": "http", "executor_config": {"url": "http://example.com"}},
]


def test_jobs_of_dkron_become_a_file_as_the_page_says(solo, tmp_path):
    section = (ROOT / "docs/moving.md").read_text().partition("\n## From dkron\n")[2].partition("\n## ")[0]
    [block] = re.findall(r"(?ms)^```sh\n(.*?)^```", section)
    (tmp_path / "dkron-jobs.json").write_text(json.dumps(DKRON))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "peercron").symlink_to(BINARY)
    caller = environment(solo.url)
    done = subprocess.run(["sh", "-ec", block], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env={**caller, "PATH": f"{tmp_path}/bin:{caller['PATH']}"})
    assert done.returncode == 0 and jobs(solo) == {}, done
    assert apply(solo, tmp_path / "jobs.toml").returncode == 0
    made = jobs(solo)
    assert set(made) == {"extract", "every hour", "load"}
    assert all(job["stop"] for job in made.values())
    extract = made["extract"]
    assert [extract[field] for field in ("cron_set", "time_zone", "command", "is_mutex", "retries")] == [
        "0 0 2 * * *", "Europe/Berlin", DKRON[0]["executor_config"]["command"], True, 2]
    assert made["every hour"]["cron_set"] == "@every 1h"
    assert made["load"]["run_after"] == ["extract"]
