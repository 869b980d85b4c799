"""What can go wrong, what is said then, and the exit status."""
import socket
import threading

import pytest

from command_line import NOBODY, check_golden, on_terminal, peercron, transcript
from fake_node import job, page
from harness import wait_until

# Each command with the call that is refused.
CALLS = {
    "job_add": (["job", "add", "--cron", "@daily", "--command", "date"], "POST /cron/add"),
    "job_list": (["job", "list"], "GET /cron/list"),
    "job_show": (["job", "show", 12], "GET /cron/12"),
    "job_history": (["job", "history", 12], "GET /cron/12/history"),
    "job_update": (["job", "update", 12, "--remark", "x"], "POST /cron/update"),
    "job_stop": (["job", "stop", 12], "POST /cron/stop/12"),
    "job_start": (["job", "start", 12], "POST /cron/start/12"),
    "job_delete": (["job", "delete", 12], "POST /cron/delete/12"),
    "job_run_now": (["job", "run-now", 12], "POST /cron/run/12"),
    "job_count": (["job", "count"], "GET /cron/count"),
    "job_clear": (["job", "clear", "--yes"], "POST /cron/clear"),
    "log_list": (["log", "list"], "GET /log/list"),
    "log_show": (["log", "show", 501], "GET /log/501"),
    "log_follow": (["log", "follow"], "GET /log/list"),
    "run_kill": (["run", "kill", 501], "POST /run/kill/501"),
    "run_retry": (["run", "retry", 501], "POST /run/retry/501"),
    "run_give_up": (["run", "give-up", 501], "POST /run/give-up/501"),
    "run_again": (["run", "again", 501], "POST /run/again/501"),
    "job_backfill": (["job", "backfill", 12, "--from", "1h"], "POST /cron/backfill/12"),
    "job_backfills": (["job", "backfills", 12], "GET /cron/12/backfills"),
    "job_stop_backfill": (["job", "stop-backfill", 7], "POST /cron/backfill/stop/7"),
    "lock_list": (["lock", "list"], "GET /lock/list"),
    "lock_set": (["lock", "set", "ftp", 4], "POST /lock/set"),
    "lock_delete": (["lock", "delete", "ftp"], "POST /lock/delete"),
    "node_list": (["node", "list"], "GET /node/list"),
    "status": (["status"], "GET /health"),
    "audit": (["audit"], "GET /audit"),
}
EXITS = {400: 2, 401: 5, 403: 5, 404: 3, 409: 4, 413: 2, 429: 6, 500: 1, 503: 6, 504: 6}


@pytest.fixture
def node(fake):
    fake.answers["GET /cron/count"] = {"total": 3, "enabled": 3, "stopped": 0}
    return fake


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", EXITS)
def test_a_refusal_is_passed_on_with_its_exit_status(node, name, status):
    arguments, call = CALLS[name]
    node.answers[call] = (status, f"the node says {status}")
    done = peercron(*arguments, url=node.url)
    assert (done.returncode, done.stdout) == (EXITS[status], "")
    assert done.stderr.startswith(f"peercron: the node says {status}")
    assert ("PEERCRON_TOKEN" in done.stderr) == (status == 401)


def test_a_search_that_takes_too_long_is_told_the_options_that_narrow_it(node):
    node.answers["GET /log/list"] = (504, "this takes the store too long; ask for less")
    done = peercron("log", "list", "--search", "needle", url=node.url)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == ("peercron: this takes the store too long; ask for less; "
                           "the options for that are --since, --until and --job\n")


@pytest.mark.parametrize("name", CALLS)
def test_nobody_there_is_said_with_what_to_do(name):
    done = peercron(*CALLS[name][0], url=NOBODY)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == (f"peercron: no node answers at {NOBODY} (connection refused): is it running? "
                           "`peercron serve` starts one, --url or PEERCRON_URL names another\n")


@pytest.mark.parametrize("name", ["job show", "job update", "job stop", "job start", "job delete", "job run-now",
                                  "log list --job", "log follow --job"])
def test_an_unknown_name_exits_with_3(node, name):
    node.answers["GET /cron/list"] = page([])
    more = ["--remark", "x"] if "update" in name else []
    done = peercron(*name.split(), "nobody", *more, url=node.url)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "peercron: there is no job named 'nobody'; `peercron job list` shows all\n"


def test_a_name_that_is_almost_one_is_answered_with_it(node):
    node.answers["GET /cron/list"] = lambda asked: page([]) if "name" in asked.query else page([job(), job(name="")])
    done = peercron("job", "show", "bakcup", url=node.url)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == ("peercron: there is no job named 'bakcup'; did you mean 'backup'? "
                           "`peercron job list` shows all\n")


def test_what_the_node_refuses_is_said_by_the_options(node):
    node.answers["POST /cron/add"] = (400, "cronSet: minute '99': 99 is out of range, with time_zone \"time_zone\"")
    done = peercron("job", "add", "--cron", "99 * * * *", "--command", "date", url=node.url)
    assert done.returncode == 2
    assert done.stderr == "peercron: --cron: minute '99': 99 is out of range, with --tz \"time_zone\"\n"
    node.answers["GET /log/list"] = (400, "limit: given 5000; 1 to 1000 is allowed")
    assert peercron("log", "list", "--limit", 5000, url=node.url).stderr.startswith("peercron: --limit: given 5000")


WRONG = {
    "nothing": [],
    "group_alone": ["job"],
    "unknown_command": ["job", "fly"],
    "unknown_command_like": ["job", "lsit"],
    "unknown_command_longer": ["job", "run", "backup"],
    "unknown_command_elsewhere": ["history", "backup"],
    "unknown_option": ["job", "list", "--colour"],
    "unknown_option_like": ["job", "list", "--serach", "x"],
    "unknown_option_elsewhere": ["job", "list", "--state", "failed"],
    "deleted_without_job": ["log", "list", "--deleted"],
    "add_without_schedule": ["job", "add", "--command", "date"],
    "add_without_command": ["job", "add", "--cron", "@daily"],
    "add_two_schedules": ["job", "add", "--cron", "@daily", "--every", "5s", "--command", "date"],
    "add_two_commands": ["job", "add", "--cron", "@daily", "--command", "date", "--", "date"],
    "add_options_of_command": ["job", "add", "--cron", "@daily", "backup.sh", "--all"],
    "add_bad_duration": ["job", "add", "--every", "often", "--command", "date"],
    "add_bad_moment": ["job", "add", "--at", "someday", "--command", "date"],
    "add_bad_limit": ["job", "add", "--cron", "@daily", "--limit", "few", "--command", "date"],
    "add_bad_overlap": ["job", "add", "--cron", "@daily", "--overlap", "wait", "--command", "date"],
    "add_replace_unnamed": ["job", "add", "--cron", "@daily", "--command", "date", "--replace"],
    "show_nothing": ["job", "show"],
    "update_nothing": ["job", "update", "12"],
    "clear_unasked": ["job", "clear"],
    "log_failed_and_state": ["log", "list", "--failed", "--state", "lost"],
    "log_bad_since": ["log", "list", "--since", "someday"],
    "audit_bad_from": ["audit", "--from", "someday"],
    "log_show_name": ["log", "show", "backup"],
    "follow_bad_since": ["log", "follow", "--since", "someday"],
    "run_kill_name": ["run", "kill", "backup"],
    "run_retry_name": ["run", "retry", "backup"],
    "url_no_url": ["job", "list", "--url", "ftp://x"],
    "ca_missing": ["job", "list", "--url", "https://x:1", "--ca", "/nonexistent/ca.pem"],
    "token_file_missing": ["job", "list", "--token-file", "/nonexistent/token"],
    "token_odd": ["job", "list", "--token", "two words"],
    "completion_of_what": ["completion", "tcsh"],
    "channel_name_as_setting": ["channel", "add", "ops", "webhook", "name=other"],
    "channel_flag_as_setting": ["channel", "update", "ops", "every_job=1"],
    "channel_setting_twice": ["channel", "add", "ops", "webhook", "url=http://a/", "url=http://b/"],
    "channel_setting_of_a_folder": ["channel", "add", "ops", "webhook", "url=@/tmp"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_exits_with_2_and_says_why(node, name):
    done = peercron(*WRONG[name], url=node.url)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert not [call for call in node.calls() if call.startswith("POST")]
    check_golden("usage/" + name, transcript(WRONG[name], done, node.url))


def test_a_bad_variable_is_named():
    done = peercron("job", "list", url="nonsense://")
    assert done.returncode == 2
    assert "PEERCRON_URL: 'nonsense://'" in done.stderr


def test_a_proxy_without_nodes_exits_with_6(node):
    node.answers["GET /cron/list"] = b"<html>502 Bad Gateway</html>"
    done = peercron("job", "list", url=node.url)
    assert done.returncode == 6
    assert "502 Bad Gateway" in done.stderr and "proxy" in done.stderr


def serve_bytes(answer):
    """The port of a server that sends this to its first caller, after a request or at once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
        listener.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_what_does_not_speak_http_is_not_taken_for_a_node():
    done = peercron("job", "list", url=serve_bytes(b"\x00\x01PEER greeting\r\n\r\n"))
    assert done.returncode == 1
    assert "does not speak HTTP" in done.stderr


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one():
    url = serve_bytes(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":200,"data":[')
    done = peercron("job", "list", url=url)
    assert (done.returncode, done.stdout) == (6, "")
    assert "broke before the answer was complete" in done.stderr


def test_a_change_whose_answer_is_lost_is_not_repeated_and_said_to_be_unknown(node):
    url = serve_bytes(b"HTTP/1.1 200 OK\r\n")
    done = peercron("job", "delete", 12, url=url)
    assert done.returncode == 6
    assert "it is not known whether the change was made" in done.stderr


def test_a_call_that_only_reads_is_repeated_when_the_kept_connection_was_closed(node):
    node.keeps_connections = False
    node.answers.update({"GET /cron/list": [job()], "GET /cron/12": job()})
    assert peercron("job", "show", "backup", url=node.url).returncode == 0
    assert node.calls() == ["GET /cron/list", "GET /cron/12"]


def test_a_change_does_not_go_to_a_connection_that_was_closed_meanwhile(node):
    node.keeps_connections = False
    node.answers["POST /cron/clear"] = {"deleted": 3}

    def type_after_a_while():
        wait_until(node.are_closed, 20, "the node closes the connection")
        return "3\n"

    status, _ = on_terminal("job", "clear", url=node.url, prompt="to go on: ", typed=type_after_a_while)
    assert (status, node.calls()) == (0, ["GET /cron/count", "POST /cron/clear"])


def test_clear_asks_for_the_number_on_a_terminal(node):
    node.answers["POST /cron/clear"] = {"deleted": 3}
    status, seen = on_terminal("job", "clear", url=node.url, typed="3\n")
    assert (status, node.calls()) == (0, ["GET /cron/count", "POST /cron/clear"])
    assert f"deletes all 3 jobs at {node.url}" in seen
    assert "3 jobs deleted" in seen


@pytest.mark.parametrize("typed", ["y\n", "\n", "33\n", "\x04"])
def test_clear_does_nothing_unless_the_number_is_typed(node, typed):
    status, seen = on_terminal("job", "clear", url=node.url, typed=typed)
    assert (status, node.calls()) == (1, ["GET /cron/count"])
    assert "nothing was deleted" in seen


def test_clear_is_told_when_the_number_has_changed_meanwhile(node):
    node.answers["POST /cron/clear"] = (409, "there are 4 jobs, not 3")
    done = peercron("job", "clear", "--yes", url=node.url)
    assert done.returncode == 4
    assert "there are 4 jobs" in done.stderr


def test_a_name_that_is_taken_exits_with_4(node):
    node.answers["POST /cron/add"] = (409, "name: \"backup\" is the name of job 7; replace=1 updates it")
    done = peercron("job", "add", "--name", "backup", "--every", "5s", "--command", "date", url=node.url)
    assert done.returncode == 4
    assert "job 7" in done.stderr


@pytest.mark.parametrize("arguments", [
    ["job", "delete"], ["job", "stop"], ["job", "update", "--no-mutex"], ["job", "run-now"], ["job", "show"],
    ["job", "history"], ["log", "list", "--job"], ["log", "follow", "--job"], ["audit", "--job"]])
def test_an_empty_job_is_no_job(node, arguments):
    node.answers.update({"GET /cron/list": [job(name="")]})
    done = peercron(*arguments, "", url=node.url)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert "the job is empty" in done.stderr
    assert node.calls() == []
