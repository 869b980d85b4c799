"""What each command asks the node, and what it makes of the answer."""
import json
import subprocess

import pytest

from command_line import BINARY, check_golden, environment, on_terminal, peercron, transcript
from fake_node import HEALTH, NODES, job, open_run, page, run

JOBS = [job(), job(id=7, name="", command="echo 'grüße'\ndate", stop=True, next_run_at=None),
        job(id=13, name="once", cron_set="@at 2026-11-21T00:00:00Z", time_zone="Asia/Tokyo", run_num=1,
            last_run_at=1795219200000, next_run_at=None, state="done"),
        job(id=110, name="日本", cron_set="@every 5s", command="true", run_num=3, run_limit=10,
            last_run_at=1795219200000)]
BAD_RUNS = {
    "failed": run(id=498, state="failed", exit_code=3, output="no space left on device\n"),
    "timeout": run(id=499, state="timeout", exit_code=None, term_signal=15, output="", reason="longer than 60 s"),
    "killed": run(id=497, state="killed", exit_code=None, term_signal=9, output="", reason="killed: by ann"),
}


MISSED = run(id=500, cron_id=12, state="skipped", reason="misfire: missed while no node was planning", started_at=None,
             exit_code=None, output="", run_server="", fires=98, gap_end=1795219298000)
LOST = run(id=496, cron_id=7, state="lost", reason="node-died: 127.0.0.1:9993 died", exit_code=None, output="")


def bad_runs(asked):
    if asked.query.get("missed"):
        return page([MISSED] if asked.query.get("state") == "skipped" else [MISSED, LOST])
    row = BAD_RUNS.get(asked.query["state"])
    return page([row] if row else [])


def log_list(asked):
    if "state" in asked.query or "missed" in asked.query:
        return bad_runs(asked)
    return page([open_run(id=503), run(),
                 run(id=500, state="skipped", reason="misfire", started_at=None, exit_code=None, output="",
                     run_server="", fires=98, gap_end=1795219298000)], total=125784)


TOTALS = {
    "clean": True, "asked_from": 1795132800000, "asked_to": 1795219205000, "from": 1795132800000, "to": 1795219200000,
    "planned_through": 1795219207000, "unplanned": False, "jobs": 3, "unknown_jobs": 0, "due": 12345, "rows": 12346,
    "requested": 1, "missing": 0, "extra": 0, "doubled": 0, "late": 0, "never_ended": 0, "missed": 0,
    "unjudged_fires": 0, "unjudged_rows": 0, "outcomes": [{"state": "success", "reason": "", "fires": 12336},
                                     {"state": "skipped", "reason": "mutex", "fires": 10}]}


def finding(kind, **changes):
    return {"kind": kind, "cron_id": 12, "scheduled_at": 1795219100000, "until": 1795219100000, "fires": 1, "attempt": 1,
            "state": None, "started_at": None, "what": "it was due and has no row", **changes}


NOT_CLEAN = {
    "findings": [finding("missing", until=1795219160000, fires=7, what="7 fires were due and have no rows"),
                 finding("late", cron_id=110, state="success", started_at=1795219104200, what="started 4.20 s late"),
                 finding("never_ended", state="planned", what="still planned 3600 s after its time"),
                 finding("missed", state="skipped", fires=4, until=1795219160000, what="skipped: misfire: fell due")],
    "totals": {**TOTALS, "clean": False, "from": 1795133000000, "unplanned": True, "unknown_jobs": 1, "missing": 7,
               "late": 2001, "never_ended": 1, "missed": 4, "unjudged_fires": 1, "unjudged_rows": 2}}


def lock_run(**changes):
    return {"id": 812, "cron_id": 12, "job": "backup", "scheduled_at": 1795219200000, "attempt": 1, "weight": 1,
            "run_server": "127.0.0.1:9991", "started_at": 1795219200004, **changes}


def lock(**changes):
    return {"name": "db", "limit": 1, "is_set": False, "set_by": "", "set_at": None, "jobs": 2, "taken": 1,
            "owners": [lock_run(weight=changes.get("taken", 1))],
            "waiting": [lock_run(id=813, cron_id=7, job="", started_at=None)], **changes}


def backfill(**changes):
    return {"id": 7, "cron_id": 12, "from": 1795132800000, "to": 1795219200000, "only": "missing", "parallel": 2,
            "asked_by": "ops at 10.0.0.3", "asked_at": 1795219300000, "state": "running", "why": "", "ended_at": None,
            "fires": 3, "begun": 0, "open": 0, "first_fires": [1795132800000, 1795136400000, 1795140000000], **changes}


ANSWERS = {
    "GET /cron/list": lambda asked: ([job()] if asked.query.get("name") == "backup" else
                                     page(JOBS[:1], 3) if asked.query else JOBS),
    "GET /cron/12/history": {"list": [
        {"id": 9, "cron_id": 12, "action": "delete", "effective_from": 1795219300000, "who": "ops", "from": "10.0.0.7",
         "before": job(), "after": None},
        {"id": 8, "cron_id": 12, "action": "update", "effective_from": 1795219200000, "who": "", "from": "",
         "before": job(remark="x", timeout=0), "after": job(remark="", timeout=5400, cron_set="@daily", overlap="skip")},
        {"id": 7, "cron_id": 12, "action": "add", "effective_from": 1795219100000, "who": "anonymous", "from": "127.0.0.1",
         "before": None, "after": job()}], "total": 4},
    "GET /cron/12": {**job(is_mutex=True, timeout=5400, time_zone="Europe/Berlin", start_time=1795219200,
                           misfire_window=0, run_num=2, remark="nightly",
                           delivery="at_least_once", misfire_policy="run_latest", overlap="queue", max_concurrent=2),
                     "next": ["2026-11-21T01:00:05+01:00", "2026-11-21T01:00:10+01:00"], "schedule_error": None},
    "GET /cron/count": {"total": 3, "enabled": 2, "stopped": 1},
    "POST /cron/add": job(),
    "POST /cron/update": job(cron_set="0 0 4 * * *", next_run_at=1795230000000),
    "POST /cron/stop/12": job(stop=True, next_run_at=None),
    "POST /cron/start/12": job(),
    "POST /cron/delete/12": job(),
    "POST /cron/clear": {"deleted": 3},
    "POST /cron/run/12": open_run(id=502, state="planned", started_at=None, requested_by="ann"),
    "GET /log/list": log_list,
    "GET /log/501": run(requested_by="ann at 127.0.0.1"),
    "GET /log/502": run(id=502),
    "POST /run/kill/501": open_run(),
    "POST /run/retry/501": open_run(id=503, state="planned", started_at=None, attempt=2, retry_at=1795219210000),
    "POST /run/give-up/501": open_run(id=503, state="killed", started_at=None, attempt=2, retry_at=1795219210000),
    "POST /run/again/501": open_run(id=503, state="planned", started_at=None, attempt=2),
    "POST /cron/backfill/12": lambda asked: backfill(id=None if asked.body["dry_run"] else 7),
    "POST /cron/backfill/stop/7": backfill(state="stopped", why="by ops at 10.0.0.3", begun=1),
    "GET /cron/12/backfills": [backfill(begun=1, open=1), backfill(id=3, state="stopped", why="by ops at 10.0.0.3")],
    "GET /lock/list": [lock(), lock(name="ftp", limit=4, is_set=True, taken=2, waiting=[])],
    "POST /lock/set": lock(name="ftp", limit=4, is_set=True, taken=2),
    "POST /lock/delete": lock(),
    "GET /node/list": NODES,
    "GET /audit": {"findings": [], "totals": TOTALS},
    "GET /health": HEALTH,
}

COMMANDS = {
    "job_add": ["job", "add", "--name", "backup", "--cron", "*/5 * * * * *", "--", "backup.sh", "--all"],
    "job_add_replace": ["job", "add", "--name", "backup", "--every", "5s", "--command", "backup.sh", "--replace"],
    "job_list": ["job", "list"],
    "job_list_page": ["job", "list", "--search", "back", "--limit", 1],
    "job_list_quiet": ["job", "list", "--quiet"],
    "job_show": ["job", "show", "backup"],
    "job_update": ["job", "update", "backup", "--cron", "0 0 4 * * *"],
    "job_stop": ["job", "stop", 12],
    "job_start": ["job", "start", "backup"],
    "job_delete": ["job", "delete", "backup"],
    "job_run_now": ["job", "run-now", "backup"],
    "job_run_now_wait": ["job", "run-now", "backup", "--wait"],
    "job_count": ["job", "count"],
    "job_clear": ["job", "clear", "--yes"],
    "log_list": ["log", "list", "--job", "backup"],
    "log_list_failed": ["log", "list", "--failed"],
    "log_list_missed": ["log", "list", "--missed"],
    "log_show": ["log", "show", 501],
    "run_kill": ["run", "kill", 501],
    "run_retry": ["run", "retry", 501],
    "run_give_up": ["run", "give-up", 501],
    "run_again": ["run", "again", 501],
    "job_backfill": ["job", "backfill", 12, "--from", "2026-11-20", "--to", "2026-11-21", "--parallel", 2],
    "job_backfill_dry_run": ["job", "backfill", 12, "--from", "2026-11-20", "--dry-run"],
    "job_backfills": ["job", "backfills", 12],
    "job_stop_backfill": ["job", "stop-backfill", 7],
    "lock_list": ["lock", "list"],
    "lock_set": ["lock", "set", "ftp", 4],
    "lock_delete": ["lock", "delete", "db"],
    "node_list": ["node", "list"],
    "job_history": ["job", "history", 12],
    "status": ["status"],
    "audit": ["audit"],
}


@pytest.fixture
def node(fake):
    fake.answers.update(ANSWERS)
    return fake


def test_options_may_stand_before_the_command(node):
    for words in (["--json", "job", "list"], ["job", "--json", "list"], ["--url", node.url, "--json", "job", "list"]):
        assert peercron(*words, url=node.url).stdout == peercron("job", "list", "--json", url=node.url).stdout != ""


def test_a_deleted_job_is_found_by_the_name_that_it_had(node):
    gone = [{"id": 31, "cron_id": 9, "action": "delete", "before": job(id=9), "after": None},
            {"id": 30, "cron_id": 5, "action": "delete", "before": job(id=5), "after": None}]
    node.answers["GET /cron/list"] = lambda asked: page([job(name="other")] if asked.query.get("name") == "other" else [])
    node.answers["GET /cron/deleted"] = lambda asked: page(gone if asked.query["name"] in ("backup", "other") else [])
    node.answers["GET /cron/9/history"] = page(gone[:1])
    node.answers["GET /log/list"] = lambda asked: page([run(cron_id=int(asked.query["cron_id"]))])
    done = peercron("job", "history", "backup", url=node.url)
    assert done.returncode == 0 and "delete" in done.stdout, done
    assert done.stderr == ("peercron: 2 deleted jobs had the name 'backup'; this is the newest; "
                           "all their ids: 9, 5\n")
    done = peercron("log", "list", "--job", "backup", url=node.url)
    assert done.returncode == 0 and "  9 backup  " in done.stdout, done
    # The job that has the name now comes first.
    assert "  12 backup  " in peercron("log", "list", "--job", "other", url=node.url).stdout
    assert "  9 backup  " in peercron("log", "list", "--job", "other", "--deleted", url=node.url).stdout
    done = peercron("log", "list", "--job", "third", "--deleted", url=node.url)
    assert (done.returncode, done.stderr) == (3, "peercron: there is no deleted job named 'third'\n")
    # Only what is past is looked for so.
    assert peercron("job", "show", "backup", url=node.url).returncode == 3


def test_names_that_stand_in_the_runs_are_not_asked_for(node):
    node.answers["GET /log/list"] = page([run(cron_id=9, name="nightly"), run(cron_id=10, name="")])
    done = peercron("log", "list", url=node.url)
    assert done.returncode == 0 and "  9 nightly  " in done.stdout, done
    assert node.calls() == ["GET /log/list"]


def test_the_nodes_column_stands_where_nodes_differ(node):
    node.answers["GET /log/list"] = page([run(), run(id=502)])
    assert "NODE" not in peercron("log", "list", url=node.url).stdout
    node.answers["GET /log/list"] = page([run(), run(id=502, run_server="10.0.0.9:9991")])
    assert "NODE" in peercron("log", "list", url=node.url).stdout


def fire(**changes):
    return {"cron_id": 12, "name": "backup", "at": 1795219200000, "usual_time": 4096, "excluded": None, **changes}


def test_the_agenda_says_which_fires_are_skipped_and_why(node):
    node.answers["GET /forecast/fires"] = page([fire(), fire(at=1795219205000, excluded="calendar: in freeze"),
                                                fire(cron_id=7, name="", at=1795219210000, excluded="paused: by ops")])
    head, runs, excluded, paused = peercron("agenda", url=node.url).stdout.splitlines()
    assert head.endswith("SKIPPED"), head
    assert "backup" in runs and "freeze" not in runs and "paused" not in runs
    assert "backup" in excluded and excluded.endswith("calendar: in freeze")
    assert paused.split()[2:] == ["7", "4.09s", "paused:", "by", "ops"], paused
    node.answers["GET /forecast/fires"] = page([fire()])
    assert "SKIPPED" not in peercron("agenda", url=node.url).stdout


def test_what_is_likely_not_meant_is_noted_when_a_job_is_added(node):
    node.answers["POST /cron/add"] = lambda asked: job(cron_set=asked.body["cronSet"] if "cronSet" in asked.body
                                                       else f"@every {asked.body['every']}s",
                                                       time_zone=asked.body.get("time_zone", ""))
    done = peercron("job", "add", "--every", "1d", "--tz", "Europe/Berlin", "--", "true", url=node.url)
    assert "peercron: note: intervals count from 1970-01-01T00:00:00Z" in done.stderr, done
    done = peercron("job", "add", "--cron", "0 0 12 ? * 2-6 *", "--", "true", url=node.url)
    assert "Quartz counts from 1 = SUN, where it means MON-FRI" in done.stderr, done
    assert peercron("job", "add", "--cron", "0 0 12 * * 2-6", "--", "true", url=node.url).stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_people_get_text(node, name):
    done = peercron(*COMMANDS[name], url=node.url)
    assert done.returncode == 0, done
    check_golden("answers/" + name, transcript(COMMANDS[name], done, node.url))


@pytest.mark.parametrize("name", [name for name in COMMANDS if not name.endswith("quiet")])
def test_programs_get_one_json_document(node, name):
    done = peercron(*COMMANDS[name][:2 if COMMANDS[name][1:] else 1], "--json", *COMMANDS[name][2:], url=node.url)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.count("\n") == 1
    json.loads(done.stdout)


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_audit_that_finds_something_exits_with_11(node, form):
    node.answers["GET /audit"] = NOT_CLEAN
    command = ["audit", "--json"] if form == "json" else ["audit"]
    done = peercron(*command, url=node.url)
    assert done.returncode == 11, done
    if form == "json":
        assert json.loads(done.stdout) == NOT_CLEAN and done.stderr == ""
    else:
        check_golden("answers/audit_not_clean", transcript(command, done, node.url))


def test_an_audit_hands_its_arguments_on(node):
    done = peercron("audit", "--job", "backup", "--from", "2026-11-21T00:00:00Z", "--to", 1795219300, "--late", "500ms",
                    url=node.url)
    assert done.returncode == 0, done
    assert node.asked[-1].query == {"job": "12", "from": "1795219200", "to": "1795219300", "late": "500ms"}


def test_an_answer_of_a_node_that_cannot_audit_is_no_clean_one(node):
    node.answers["GET /audit"] = {}
    done = peercron("audit", url=node.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no totals" in done.stderr


def test_the_json_is_the_data_of_the_answer(node):
    assert json.loads(peercron("job", "list", "--json", url=node.url).stdout) == JOBS
    assert json.loads(peercron("node", "list", "--json", url=node.url).stdout) == NODES
    assert json.loads(peercron("log", "show", 501, "--json", url=node.url).stdout) == ANSWERS["GET /log/501"]
    status = json.loads(peercron("status", "--json", url=node.url).stdout)
    assert status["health"] == HEALTH and status["nodes"] == NODES
    assert [row["id"] for row in status["failed"]["list"]] == [499, 498, 497]
    assert status["missed"] == {"list": [MISSED, LOST], "total": 2}


def test_the_status_says_what_is_known_while_the_store_is_away(node):
    for call in ("GET /cron/count", "GET /log/list"):
        node.answers[call] = (503, "the store is away")
    node.answers["GET /health"] = {**HEALTH, "store": "away"}
    node.answers["GET /node/list"] = {**NODES, "store_away_since": 1795219200000, "store_trouble": "cannot connect: refused"}
    done = peercron("status", url=node.url)
    assert done.returncode == 6, done
    check_golden("answers/status_store_away", transcript(["status"], done, node.url))
    done = peercron("status", "--json", url=node.url)
    status = json.loads(done.stdout)
    assert done.returncode == 6 and status["jobs"] is None and status["missed"] is None
    assert status["nodes"]["store_trouble"] == "cannot connect: refused"


def test_a_node_that_has_left_reads_stopped(node):
    gone = {"name": "127.0.0.1:9997", "http_address": "", "version": "0.1.0", "passing": False, "is_dispatcher": False,
            "connected": False, "slots": None, "running": None, "held": None, "queued": None, "draining": True,
            "clock_offset_ms": None}
    node.answers["GET /node/list"] = {**NODES, "nodes": [gone]}
    assert "stopped" in peercron("node", "list", url=node.url).stdout
    node.answers["GET /node/list"] = {**NODES, "nodes": [{**gone, "connected": True}]}
    assert "draining" in peercron("node", "list", url=node.url).stdout
    node.answers["GET /node/list"] = {**NODES, "nodes": [{**gone, "draining": False}]}
    assert "failing" in peercron("node", "list", url=node.url).stdout


@pytest.mark.parametrize("arguments, path, body", [
    (["job", "add", "--cron", "* * * * *", "--command", "date"], "/cron/add", {"cronSet": "* * * * *", "command": "date"}),
    (["job", "add", "--every", "1h30m", "--limit", "3", "--mutex", "--stopped", "--", "sh", "-c", "[ -f x ]"], "/cron/add",
     {"every": "5400", "command": "sh -c '[ -f x ]'", "run_limit": 3, "is_mutex": True, "stop": True}),
    (["job", "add", "--at", "2027-01-01T00:00:00Z", "--tz", "Asia/Tokyo", "--", "list", "next", "--help", "--", "[a]"],
     "/cron/add", {"at": "2027-01-01T00:00:00Z", "command": "list next --help -- '[a]'", "time_zone": "Asia/Tokyo"}),
    (["job", "add", "--after", "90s", "--start", "2026-11-21 01:00", "--end", "none", "--misfire-window", "2m", "date"],
     "/cron/add", {"after": "90", "command": "date", "start_time": 1795219200, "end_time": 0, "misfire_window": "120"}),
    (["job", "add", "--cron", "@daily", "--delivery", "at_least_once", "--misfire-policy", "run_latest", "--overlap", "queue",
      "--max-concurrent", "3", "date"], "/cron/add",
     {"cronSet": "@daily", "command": "date", "delivery": "at_least_once", "misfire_policy": "run_latest",
      "overlap": "queue", "max_concurrent": 3}),
    (["job", "update", "12", "--misfire-window", "until_next"], "/cron/update", {"misfire_window": "until_next", "id": "12"}),
    (["job", "update", "12", "--overlap", "allow", "--max-concurrent", "0"], "/cron/update",
     {"overlap": "allow", "max_concurrent": 0, "id": "12"}),
    (["job", "add", "--name", "x y", "--replace", "--cron", "@daily", "--timeout", "1h", "--command", "[date]"], "/cron/add",
     {"cronSet": "@daily", "command": "[date]", "name": "x y", "timeout": "3600", "replace": True}),
    (["job", "update", "12", "--name", "", "--no-mutex", "--remark", "new"], "/cron/update",
     {"name": "", "remark": "new", "is_mutex": False, "id": "12"}),
    (["job", "update", "backup", "--", "a", "b c"], "/cron/update", {"command": "a 'b c'", "id": "12"}),
    (["job", "clear", "--yes"], "/cron/clear", {"confirm": 3}),
    (["job", "stop", "backup"], "/cron/stop/12", {}),
])
def test_arguments_become_parameters(node, arguments, path, body):
    done = peercron(*arguments, url=node.url)
    assert done.returncode == 0, done
    last = node.asked[-1]
    assert (last.method, last.path, last.body) == ("POST", path, body)


def test_log_list_hands_its_filters_on(node):
    done = peercron("log", "list", "--job", 12, "--search", "a&b", "--node", "127.0.0.1:9991", "--since",
                    "2026-11-21T00:00:00Z", "--until", "2026-11-21 02:00", "--page", 2, "--limit", 10, url=node.url)
    assert done.returncode == 0, done
    assert node.asked[0].query == {"cron_id": "12", "search": "a&b", "run_server": "127.0.0.1:9991", "page": "2",
                                    "from": "1795219200", "to": "1795222800", "limit": "10"}


def test_whole_outputs_are_asked_for_with_full(node):
    peercron("log", "list", "--json", url=node.url)
    assert "full" not in node.asked[-1].query
    peercron("log", "list", "--full", "--json", url=node.url)
    assert node.asked[-1].query["full"] == "1"


def test_jobs_may_have_the_names_of_commands(node):
    node.answers["GET /cron/list"] = [job(id=9, name="stop")]
    node.answers["POST /cron/delete/9"] = job(id=9, name="stop")
    assert peercron("job", "delete", "stop", url=node.url).returncode == 0


def test_a_name_is_never_taken_for_another(node):
    """A node that does not know the parameter answers with all jobs."""
    node.answers["GET /cron/list"] = JOBS
    assert peercron("job", "delete", "back", url=node.url).returncode == 3
    assert node.calls() == ["GET /cron/list"] * 2  # the second for what was likely meant


def test_status_warns_of_a_journal_that_takes_nothing(node):
    node.answers["GET /health"] = {**HEALTH, "journal": "failing"}
    assert "its journal is failing: results that wait" in peercron("status", url=node.url).stdout
    node.answers["GET /health"] = {**HEALTH, "clock": "a clock was 60 s ahead until noon"}
    assert "its clock: a clock was 60 s ahead until noon" in peercron("status", url=node.url).stdout
    node.answers["GET /health"] = {**HEALTH, "journal": "off"}
    assert "journal" not in peercron("status", url=node.url).stdout


def test_one_connection_does_for_all_calls(node):
    peercron("status", url=node.url)
    assert len(node.asked) > 3
    assert len({asked.connection for asked in node.asked}) == 1


@pytest.mark.parametrize("way", ["option", "file", "variable"])
def test_the_token_is_sent(node, tmp_path, way):
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    arguments = {"option": ["--token", "s3cret"], "file": ["--token-file", file], "variable": []}[way]
    more = {"PEERCRON_TOKEN": "s3cret" if way == "variable" else "another"}
    assert peercron("job", "count", *arguments, url=node.url, **more).returncode == 0
    assert node.asked[-1].token == "Bearer s3cret"


def test_no_token_is_sent_when_there_is_none(node):
    peercron("job", "count", url=node.url)
    assert node.asked[-1].token is None


def test_nothing_to_show_is_said_aside(node):
    node.answers["GET /cron/list"] = []
    node.answers["GET /log/list"] = page([])
    for arguments in (["job", "list"], ["log", "list"]):
        done = peercron(*arguments, url=node.url)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.startswith("peercron: ")


def test_a_terminal_gets_a_table_that_fits_with_colours(node):
    node.answers["GET /cron/list"] = [job(command="x" * 300)]
    status, seen = on_terminal("job", "list", url=node.url, columns=90)
    assert status == 0
    assert "\033[32menabled\033[0m" in seen
    plain = seen.replace("\033[1m", "").replace("\033[32m", "").replace("\033[0m", "")
    assert max(map(len, plain.splitlines())) == 90
    assert "x…" in plain


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(node, variables):
    _, seen = on_terminal("job", "list", url=node.url, **variables)
    assert "enabled" in seen and "\033" not in seen


def test_output_cannot_talk_to_the_terminal_but_reaches_a_pipe_as_it_is(node):
    node.answers["GET /log/501"] = run(output="\033[2Jgone\n")
    _, seen = on_terminal("log", "show", 501, url=node.url, NO_COLOR="1")
    assert "^[[2Jgone" in seen and "\033" not in seen
    assert "\033[2Jgone\n" in peercron("log", "show", 501, url=node.url).stdout


def test_output_that_cannot_be_written_is_a_failure(node):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "job", "list"], env=environment(node.url), stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "standard output could not be written" in done.stderr


def test_rows_of_a_fire_that_is_several_runs_say_which_part_they_are(fake):
    fake.answers["GET /log/list"] = page([run(id=9, part=2, parts=8), run(id=8, part=0, parts=1)])
    listed = peercron("log", "list", url=fake.url).stdout.splitlines()
    assert ", part 2 " in listed[1] and "part" not in listed[2], listed
