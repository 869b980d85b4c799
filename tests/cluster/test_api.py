"""The HTTP API through nginx: the reference's own calls, and every bad input."""
import http.client
import json
import subprocess
import urllib.parse

import pytest

from harness import next_second, request, wait_until

ALSO_SOLO = True
JOB_FIELDS = {"id": int, "cron_set": str, "command": str, "remark": str, "stop": bool, "start_time": int,
              "end_time": int, "is_mutex": bool}
LOG_FIELDS = {"id": int, "cron_id": int, "time": int, "output": str, "use_time": int, "dispatch_server": str,
              "run_server": str}
LIVE = {"run_num", "last_run_at", "next_run_at", "state"}  # what a job has by itself
NEVER = "0 0 0 1 1 * 2099"  # a schedule that is good and not due
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NASTY = [
    "echo 'it''s' \"quoted\" `date` $HOME \\ %41 + & ; | < > # é 👍🏽 日本 \u202e",
    "'; DROP TABLE cron; -- ",
    "x', 0, 0); DELETE FROM log; -- ",
    "\" OR \"\"=\"",
    "%' OR '1'='1",
    "\\'; SELECT SLEEP(100); -- ",
    "<script>alert(1)</script>",
    "a\tb\nc\r\nd",
    "=1+1&command=date",
]


def curl(*arguments):
    """The answer to a call of curl, which must succeed as the reference's clients know it."""
    done = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", *arguments], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert list(envelope) == ["code", "data", "message"]
    assert (envelope["code"], envelope["message"]) == (200, "ok"), envelope
    data = envelope["data"]
    return [as_given(job) for job in data] if isinstance(data, list) else as_given(data)


def as_given(job):
    """A job without what changes by itself."""
    return {key: value for key, value in job.items() if key not in LIVE}


def assert_has_fields(row, fields):
    for name, kind in fields.items():
        assert type(row[name]) is kind, (name, row)


@pytest.fixture
def job(cluster):
    """A job that is never due."""
    return cluster.add("true", cron_set=NEVER, remark="as it was")


# The reference's calls, word for word but for the address.

def test_the_calls_of_the_reference(cluster):
    url = cluster.url
    added = curl(f"{url}/cron/add", "-X", "POST", "-d",
                 "cronSet=*/1 * * * * *&command=php -v&remark=&stop=0&start_time=0&end_time=0&is_mutex=1")
    assert_has_fields(added, JOB_FIELDS)
    job = added["id"]
    wanted = {"id": job, "cron_set": "*/1 * * * * *", "command": "php -v", "remark": "", "stop": False,
              "start_time": 0, "end_time": 0, "is_mutex": True}
    assert {name: added[name] for name in wanted} == wanted
    assert list(added)[:len(wanted)] == list(wanted)

    def listed():
        """The jobs of the list, as they are shown otherwise: it says more of each."""
        return [{name: row[name] for name in added} for row in curl(f"{url}/cron/list")]

    assert listed() == [added]
    assert curl(f"{url}/cron/stop/{job}") == {**added, "stop": True}
    assert listed() == [{**added, "stop": True}]
    assert curl(f"{url}/cron/start/{job}") == added
    updated = curl(f"{url}/cron/update", "-X", "POST", "-d",
                   f"id={job}&cronSet=*/1 * * * * *&command=php -v&remark=&stop=0&start_time=0&end_time=0&is_mutex=0")
    assert updated == {**added, "is_mutex": False}

    wait_until(lambda: curl(f"{url}/log/list?cron_id={job}")["total"], 15, "a row in the log")
    page = curl(f"{url}/log/list?limit=1")
    assert list(page) == ["list", "total"]
    assert page["total"] >= 1
    [row] = page["list"]
    assert_has_fields(row, LOG_FIELDS)
    assert list(row)[:len(LOG_FIELDS)] == list(LOG_FIELDS)
    assert row["dispatch_server"] in cluster.names and row["run_server"] in cluster.names
    assert row["time"] * 1000 == row["scheduled_at"]

    assert curl(f"{url}/cron/delete/{job}") == updated
    assert curl(f"{url}/cron/list") == []


def test_what_one_node_wrote_every_node_reads_at_once(cluster):
    for writer in cluster.nodes:
        job = cluster.add("true", cron_set=NEVER, node=writer)
        for reader in cluster.nodes:
            assert cluster.api(f"/cron/{job}", reader)["id"] == job
            cluster.api("/cron/update", writer, id=job, remark=f"for {reader}")
            assert cluster.api(f"/cron/{job}", reader)["remark"] == f"for {reader}"


def test_an_update_changes_only_what_is_given(cluster):
    job = cluster.add("true", cron_set=NEVER, remark="first", stop=1, start_time=5, end_time=4102444800, is_mutex=1,
                      time_zone="Europe/Berlin", timeout=7)
    before = cluster.api(f"/cron/{job}")
    assert (before["stop"], before["start_time"], before["end_time"], before["is_mutex"], before["time_zone"],
            before["timeout"]) == (True, 5, 4102444800, True, "Europe/Berlin", 7)
    for name, given, shown in [("remark", "second", "second"), ("stop", "0", False), ("command", "date", "date"),
                               ("start_time", "6", 6), ("end_time", "0", 0), ("is_mutex", "false", False),
                               ("time_zone", "", ""), ("timeout", "0", 0), ("delivery", "at_least_once", "at_least_once"),
                               ("misfire_policy", "skip", "skip"), ("overlap", "queue", "queue"),
                               ("max_concurrent", "10000", 10000), ("cronSet", "@yearly", "@yearly")]:
        cluster.api("/cron/update", id=job, **{name: given})
        column = "cron_set" if name == "cronSet" else name
        after = cluster.api(f"/cron/{job}")
        changed = {key for key in before if before[key] != after[key]} - {"next", "schedule_in_words", "zone"} - LIVE
        assert changed <= {column} and after[column] == shown
        before = after


def test_parameters_come_as_form_json_or_query(cluster):
    query = urllib.parse.urlencode({"cronSet": NEVER, "command": "echo query"})
    answers = [
        cluster.call("POST", "/cron/add", {"cronSet": NEVER, "command": "echo form", "is_mutex": 1}),
        cluster.call("POST", "/cron/add", body=json.dumps({"cronSet": NEVER, "command": "echo json", "is_mutex": True}),
                     headers={"Content-Type": "application/json; charset=utf-8"}),
        cluster.call("POST", "/cron/add", body=json.dumps({"cron_set": NEVER, "command": "echo json", "is_mutex": 1}),
                     headers=JSON),
        cluster.call("POST", f"/cron/add?{query}&is_mutex=1"),
    ]
    assert [answer.status for answer in answers] == [200] * 4, answers
    assert [answer.json["data"]["command"] for answer in answers] == ["echo form", "echo json", "echo json", "echo query"]
    assert all(answer.json["data"]["is_mutex"] is True for answer in answers)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_is_taken_for_anything_but_text(cluster, text):
    job = cluster.add(text, cron_set=NEVER, remark=text)
    by_json = cluster.call("POST", "/cron/add", body=json.dumps({"cronSet": NEVER, "command": text, "remark": text}),
                           headers=JSON)
    assert by_json.status == 200
    for shown in (cluster.api(f"/cron/{job}"), by_json.json["data"]):
        assert (shown["command"], shown["remark"]) == (text, text)
    assert [(row["command"], row["remark"]) for row in cluster.api("/cron/list")] == [(text, text)] * 2
    search = urllib.parse.urlencode({"search": text})
    assert [row["id"] for row in cluster.api(f"/cron/list?{search}")["list"]] == [job, by_json.json["data"]["id"]]
    assert cluster.api(f"/log/list?{search}")["list"] == []
    for name in ("dispatch_server", "run_server"):
        assert cluster.api(f"/log/list?{urllib.parse.urlencode({name: text})}")["total"] == 0


def test_a_command_with_quotes_and_emoji_runs_as_it_was_given(cluster):
    text = "it's \"👍🏽\" $5 \\ & é"
    job = cluster.add_once(f"cat <<'END'\n{text}\nEND", next_second(2))
    wait_until(lambda: cluster.ledger([job]), 15, "the row")
    [row] = cluster.wait_final([job])
    assert (row.state, row.output) == ("success", f"{text}\n")
    [shown] = cluster.api(f"/log/list?cron_id={job}")["list"]
    assert shown["output"] == f"{text}\n"


@pytest.mark.parametrize("cron_set", ["*/5 * * * *", "0 0 3 * * 1-5", "0 0 0 29 2 *", NEVER, "@hourly", "@every 90s",
                                      "H H(0-5) * * *", "0 0 12 L * ?", "5/15 * * * * MON#2"])
def test_a_good_expression_is_taken_and_its_next_fires_shown(cluster, cron_set):
    job = cluster.add("true", cron_set=cron_set, stop=0)
    shown = cluster.api(f"/cron/{job}")
    assert shown["cron_set"] == cron_set
    assert shown["next"] and not shown["schedule_error"]
    assert shown["next"] == sorted(shown["next"])


def test_five_fields_mean_second_zero(cluster):
    job = cluster.add("true", cron_set="* * * * *")
    assert all(time[17:19] == "00" for time in cluster.api(f"/cron/{job}")["next"])


# What is refused. Each: method, target, parameters or body, and what the answer says.

ADD = {"cronSet": NEVER, "command": "true"}
BAD_FORMS = {
    "no command": ({"cronSet": NEVER}, ["command"]),
    "no cronSet": ({"command": "true"}, ["cronSet"]),
    "nothing": ({}, ["command"]),
    "empty command": ({**ADD, "command": ""}, ["command", "empty"]),
    "blank command": ({**ADD, "command": " \t\n"}, ["command"]),
    "empty cronSet": ({**ADD, "cronSet": ""}, ["cronSet"]),
    "second 99": ({**ADD, "cronSet": "99 * * * * *"}, ["cronSet", "second", "99", "0-59"]),
    "month 13": ({**ADD, "cronSet": "0 0 0 1 13 *"}, ["cronSet", "month", "13"]),
    "word": ({**ADD, "cronSet": "0 0 0 * * FOO"}, ["cronSet", "weekday", "FOO"]),
    "step 0": ({**ADD, "cronSet": "*/0 * * * * *"}, ["cronSet", "second", "0"]),
    "four fields": ({**ADD, "cronSet": "* * * *"}, ["cronSet", "4"]),
    "eight fields": ({**ADD, "cronSet": "* * * * * * * *"}, ["cronSet", "8"]),
    "never": ({**ADD, "cronSet": "0 0 0 30 2 *"}, ["cronSet", "never"]),
    "stop 2": ({**ADD, "stop": "2"}, ["stop", "2"]),
    "is_mutex yes": ({**ADD, "is_mutex": "yes"}, ["is_mutex", "yes"]),
    "start_time -1": ({**ADD, "start_time": "-1"}, ["start_time", "-1"]),
    "start_time text": ({**ADD, "start_time": "tomorrow"}, ["start_time", "tomorrow"]),
    "start_time fraction": ({**ADD, "start_time": "1.5"}, ["start_time", "1.5"]),
    "end_time huge": ({**ADD, "end_time": "9" * 30}, ["end_time", "999"]),
    "empty window": ({**ADD, "start_time": "20", "end_time": "10"}, ["end_time", "20", "10"]),
    "timeout -1": ({**ADD, "timeout": "-1"}, ["timeout", "-1"]),
    "delivery": ({**ADD, "delivery": "exactly_once"}, ["delivery", "exactly_once", "at_most_once, at_least_once"]),
    "misfire_policy": ({**ADD, "misfire_policy": "all"}, ["misfire_policy", "run_all, run_latest, skip"]),
    "overlap": ({**ADD, "overlap": ""}, ["overlap", "allow, skip, queue, replace"]),
    "max_concurrent": ({**ADD, "max_concurrent": "10001"}, ["max_concurrent", "10001", "10000"]),
    "zone": ({**ADD, "time_zone": "Mars/Olympus"}, ["time_zone", "Mars/Olympus"]),
    "unknown parameter": ({**ADD, "comand": "true"}, ["comand"]),
    "long cronSet": ({**ADD, "cronSet": "0," * 200 + "0 * * * * *"}, ["cronSet"]),
    "long remark": ({**ADD, "remark": "x" * 2000}, ["remark", "2000"]),
    "long command": ({**ADD, "command": "x" * 70000}, ["command", "70000"]),
}
TARGETS = [
    ("GET", "/cron/stop/abc", 400, ["id", "abc"]),
    ("GET", "/cron/start/1x", 400, ["id", "1x"]),
    ("GET", "/cron/delete/1.0", 400, ["id", "1.0"]),
    ("GET", "/cron/delete/1%3BDROP%20TABLE%20cron", 400, ["id"]),
    ("GET", "/cron/delete/1%20OR%201=1", 400, ["id"]),
    ("GET", "/cron/abc", 400, ["id", "abc"]),
    ("GET", "/cron/stop/", 400, ["id"]),
    ("GET", "/cron/stop/987654321", 404, ["987654321"]),
    ("POST", "/cron/start/987654321", 404, ["987654321"]),
    ("GET", "/cron/delete/987654321", 404, ["987654321"]),
    ("GET", "/cron/987654321", 404, ["987654321"]),
    ("GET", "/cron/stop/0", 404, ["0"]),
    ("GET", "/cron/stop/-1", 404, ["-1"]),
    ("GET", "/cron/delete/" + "9" * 40, 404, ["999"]),
    ("GET", "/log/list?limit=-1", 400, ["limit", "-1", "1000"]),
    ("GET", "/log/list?limit=0", 400, ["limit", "0"]),
    ("GET", "/log/list?limit=100000", 400, ["limit", "100000", "1000"]),
    ("GET", "/log/list?limit=ten", 400, ["limit", "ten"]),
    ("GET", "/log/list?page=0", 400, ["page", "0"]),
    ("GET", "/log/list?page=-1", 400, ["page", "-1"]),
    ("GET", "/log/list?cron_id=abc", 400, ["id", "abc"]),
    ("GET", "/log/list?cron_id=1%20OR%201=1", 400, ["id"]),
    ("GET", "/log/list?state=done", 400, ["state", "done", "success"]),
    ("GET", "/log/list?from=yesterday", 400, ["from", "yesterday"]),
    ("GET", "/log/list?from=20&to=10", 400, ["to"]),
    ("GET", "/log/list?search=%zz", 400, ["%zz"]),
    ("GET", "/log/list?search=%ff", 400, ["search", "UTF-8"]),
    ("GET", "/log/list?search=%00", 400, ["search", "NUL"]),
    ("GET", "/cron/list?page=0", 400, ["page"]),
    ("GET", "/cron/list?limit=100000", 400, ["limit"]),
    ("GET", "/cronlist", 404, []),
    ("GET", "/cron", 404, ["/cron"]),
    ("GET", "/no/such/path", 404, ["/no/such/path"]),
    ("GET", "/cron/list/", 404, []),
    ("GET", "/cron/stop/1/2", 404, []),
    ("POST", "/cron/list", 405, ["GET"]),
    ("GET", "/cron/add?cronSet=@yearly&command=true", 405, ["POST"]),
    ("GET", "/cron/update?id=1", 405, ["POST"]),
    ("PUT", "/cron/update", 405, ["POST"]),
    ("DELETE", "/cron/delete/1", 405, []),
    ("PATCH", "/log/list", 405, ["GET"]),
    ("POST", "/node/list", 405, ["GET"]),
]
BODIES = {
    "broken JSON": ('{"cronSet": "@yearly", "command": ', JSON, 400, ["JSON"]),
    "text behind JSON": ('{"cronSet": "@yearly", "command": "true"} x', JSON, 400, ["JSON"]),
    "a list": ('["cronSet"]', JSON, 400, ["object"]),
    "a number": ("1", JSON, 400, ["object"]),
    "a command that is a number": ('{"cronSet": "@yearly", "command": 5}', JSON, 400, ["command"]),
    "a command that is a list": ('{"cronSet": "@yearly", "command": ["true"]}', JSON, 400, ["command"]),
    "a command of null": ('{"cronSet": "@yearly", "command": null}', JSON, 400, ["command"]),
    "a stop that is an object": ('{"cronSet": "@yearly", "command": "true", "stop": {}}', JSON, 400, ["stop"]),
    "deeply nested JSON": ("[" * 100_000, JSON, 400, ["JSON"]),
    "a JSON string with a NUL": ('{"cronSet": "@yearly", "command": "a\\u0000b"}', JSON, 400, ["command", "NUL"]),
    "half a surrogate": ('{"cronSet": "@yearly", "command": "\\ud83d"}', JSON, 400, []),
    "a NUL": ("cronSet=@yearly&command=a%00b", FORM, 400, ["command", "NUL"]),
    "no UTF-8": ("cronSet=@yearly&command=%ff%fe", FORM, 400, ["command", "UTF-8"]),
    "a bad escape": ("cronSet=@yearly&command=100%", FORM, 400, ["%25"]),
    "a parameter given twice": ("cronSet=@yearly&command=true&command=false", FORM, 400, ["command", "twice"]),
    "another type": ("cronSet=@yearly&command=true", {"Content-Type": "text/plain"}, 415, ["text/plain"]),
    "XML": ("<job/>", {"Content-Type": "application/xml"}, 415, ["application/xml"]),
    "a huge body": ("cronSet=@yearly&command=" + "x" * (2 << 20), FORM, 413, ["1048576"]),
}


@pytest.fixture(scope="module")
def standing_job(shared_cluster):
    """A job that no refused call may change."""
    job = shared_cluster.add("true", cron_set=NEVER, remark="as it was")
    yield job
    shared_cluster.delete_all_jobs()


def jobs_in(cluster):
    return cluster.sql("SELECT * FROM cron ORDER BY id")


def assert_refused(cluster, call, status, words):
    """The call is answered so, at every node and through nginx, and nothing is changed by it."""
    before = jobs_in(cluster)
    assert before
    for port in (cluster.nginx_port, cluster.http_port(2)):
        answer = call(port)
        assert answer.status == status, answer
        envelope = answer.json
        assert list(envelope) == ["code", "data", "message"]
        assert (envelope["code"], envelope["data"]) == (status, None)
        missing = [word for word in words if word not in envelope["message"]]
        assert envelope["message"] and not missing, (missing, envelope["message"])
    assert jobs_in(cluster) == before


@pytest.mark.parametrize("name", BAD_FORMS)
def test_a_bad_job_is_refused_with_field_and_reason(shared_cluster, standing_job, name):
    form, words = BAD_FORMS[name]
    body = urllib.parse.urlencode(form)
    assert_refused(shared_cluster, lambda port: request(port, "POST", "/cron/add", body, FORM), 400, words)
    if name not in ("no command", "no cronSet", "nothing"):
        # The other fields were good: an update refuses the bad one just so.
        body = urllib.parse.urlencode({"id": standing_job, **form})
        assert_refused(shared_cluster, lambda port: request(port, "POST", "/cron/update", body, FORM), 400, words)


@pytest.mark.parametrize("method, target, status, words", TARGETS, ids=[f"{m} {t[:40]}" for m, t, _, _ in TARGETS])
def test_a_call_that_makes_no_sense_is_refused(shared_cluster, standing_job, method, target, status, words):
    assert_refused(shared_cluster, lambda port: request(port, method, target), status, words)


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused(shared_cluster, standing_job, name):
    body, headers, status, words = BODIES[name]
    assert_refused(shared_cluster, lambda port: request(port, "POST", "/cron/add", body, headers), status, words)


@pytest.mark.parametrize("form, status, words", [
    ({}, 400, ["id"]),
    ({"id": "abc", "remark": "new"}, 400, ["id", "abc"]),
    ({"id": "987654321", "remark": "new"}, 404, ["987654321"]),
    ({"id": "1 OR 1=1", "remark": "new"}, 400, ["id"]),
])
def test_an_update_of_no_job_is_refused(shared_cluster, standing_job, form, status, words):
    body = urllib.parse.urlencode(form)
    assert_refused(shared_cluster, lambda port: request(port, "POST", "/cron/update", body, FORM), status, words)


def test_an_update_that_names_nothing_to_change_is_refused(shared_cluster, standing_job):
    body = f"id={standing_job}"
    assert_refused(shared_cluster, lambda port: request(port, "POST", "/cron/update", body, FORM), 400, ["nothing"])


def test_deleting_twice_finds_nothing_the_second_time(cluster, job):
    assert cluster.api(f"/cron/delete/{job}")["remark"] == "as it was"
    assert cluster.call("GET", f"/cron/delete/{job}").status == 404


def test_stopping_twice_is_fine(cluster, job):
    assert [cluster.api(f"/cron/stop/{job}")["stop"] for _ in range(2)] == [True, True]
    assert [cluster.api(f"/cron/start/{job}")["stop"] for _ in range(2)] == [False, False]


# Lists.

@pytest.fixture(scope="module")
def logged(shared_cluster):
    """The ids of jobs that have fired seven times between two seconds, in one way each."""
    start = next_second(3)
    window = {"start_time": start, "end_time": start + 7}
    jobs = {"good": shared_cluster.add("echo 100% of_it $PEERCRON_SCHEDULED_AT", **window),
            "bad": shared_cluster.add("echo wrong; exit 1", **window)}
    wait_until(lambda: len(shared_cluster.ledger(jobs.values())) == 14, 30, "14 rows")
    shared_cluster.wait_final(jobs.values())
    shared_cluster.delete_all_jobs()
    return {**jobs, "from": start, "to": start + 7}


def test_the_log_is_filtered_by_job_state_text_server_and_time(shared_cluster, logged):
    def listed(**query):
        page = shared_cluster.api("/log/list?" + urllib.parse.urlencode({"limit": 1000, **query}))
        assert page["total"] == len(page["list"]) or page["total"] > 1000
        return page["list"]

    good, bad = logged["good"], logged["bad"]
    rows = listed(cron_id=good)
    assert [row["scheduled_at"] for row in rows] == [1000 * s for s in range(logged["to"] - 1, logged["from"] - 1, -1)]
    assert {(row["state"], row["exit_code"], row["attempt"]) for row in rows} == {("success", 0, 1)}
    for row in rows:
        assert row["scheduled_at"] <= row["started_at"] <= row["ended_at"]
        assert row["term_signal"] is None and row["reason"] == "" and row["epoch"] >= 1
    assert {row["exit_code"] for row in listed(cron_id=bad)} == {1}
    assert len(listed(cron_id=good, state="success")) == 7
    assert listed(cron_id=good, state="failed") == []
    assert len(listed(cron_id=bad, state="failed")) == 7

    assert len(listed(search="100% of_it", cron_id=good)) == 7
    assert listed(search="100x of_it") == listed(search="100% of it") == []
    by_server = [listed(cron_id=good, run_server=name) for name in shared_cluster.names]
    assert sum(map(len, by_server)) == 7
    for name, of_server in zip(shared_cluster.names, by_server):
        assert {row["run_server"] for row in of_server} <= {name}
    dispatcher = rows[0]["dispatch_server"]
    assert len(listed(cron_id=good, dispatch_server=dispatcher)) == 7
    assert listed(cron_id=good, dispatch_server="10.1.2.3:9991") == []

    three = {"cron_id": good, "from": logged["from"] + 2, "to": logged["from"] + 5}
    assert [row["time"] for row in listed(**three)] == [logged["from"] + 4, logged["from"] + 3, logged["from"] + 2]
    assert listed(cron_id=987654321) == []


def test_pages_of_the_log_show_each_row_once(shared_cluster, logged):
    shown = []
    for number in range(1, 5):
        page = shared_cluster.api(f"/log/list?cron_id={logged['good']}&limit=2&page={number}")
        assert page["total"] == 7
        shown += [row["id"] for row in page["list"]]
    assert len(shown) == len(set(shown)) == 7 and shown == sorted(shown, reverse=True)
    assert shared_cluster.api(f"/log/list?cron_id={logged['good']}&limit=2&page=5") == {"list": [], "total": 7}


def test_planned_rows_are_shown_only_when_asked_for(cluster):
    job = cluster.add("true")
    wait_until(lambda: cluster.api(f"/log/list?cron_id={job}&state=planned")["list"], 15, "planned rows")
    assert "planned" not in {row["state"] for row in cluster.api(f"/log/list?cron_id={job}")["list"]}


def test_the_job_list_is_searched_and_paged(cluster):
    jobs = [cluster.add(f"echo {n}", cron_set=NEVER, remark="even_100%" if n % 2 == 0 else "odd") for n in range(7)]
    assert [row["id"] for row in cluster.api("/cron/list")] == jobs
    page = cluster.api("/cron/list?page=2&limit=3")
    assert ([row["id"] for row in page["list"]], page["total"]) == (jobs[3:6], 7)
    found = cluster.api("/cron/list?" + urllib.parse.urlencode({"search": "even_100%"}))
    assert ([row["id"] for row in found["list"]], found["total"]) == (jobs[::2], 4)
    assert cluster.api("/cron/list?search=evenx")["total"] == 0
    assert [row["id"] for row in cluster.api("/cron/list?search=echo+3")["list"]] == [jobs[3]]


def test_health_metrics_and_the_description_are_served_by_every_node(cluster):
    for k in cluster.nodes:
        health = cluster.api("/health", k)
        assert (health["node"], health["store"]) == (cluster.name(k), "ok")
        assert health["dispatcher"] == cluster.dispatcher()
        metrics = cluster.call("GET", "/metrics", node=k)
        assert metrics.status == 200 and b"# TYPE peercron_" in metrics.body
        description = cluster.call("GET", "/openapi.json", node=k).json
        assert description["openapi"].startswith("3.1")
        assert {"/cron/add", "/log/list", "/node/list"} <= set(description["paths"])


def test_a_connection_serves_several_requests_and_a_bad_one_does_not_disturb_the_next(cluster):

    connection = http.client.HTTPConnection("127.0.0.1", cluster.http_port(1), timeout=30)
    for target, status in [("/cron/list", 200), ("/cron/abc", 400), ("/no", 404), ("/node/list", 200)]:
        connection.request("GET", target)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (status, status)
    connection.close()
