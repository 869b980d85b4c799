"""What /openapi.json cannot say about the calls it describes, for schemathesis: the texts of two formats, and relations
between parameters, which the descriptions tell in words."""
import datetime

import schemathesis
from hypothesis import strategies

# None is due while the test runs.
schemathesis.openapi.format("cron", strategies.sampled_from(
    ["0 0 0 1 1 * 2199", "0 0 29 2 *", "@yearly", "@every 8760h", "0 30 8 1 1 ? 2190-2199"]))
schemathesis.openapi.format("retry_on", strategies.sampled_from(
    ["failed", "timeout", "0", "75", "255", "100-110", "!2", "!3-9"]))
schemathesis.openapi.format("time-zone", strategies.sampled_from(
    ["", "UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]))


def moment(value):
    """The Unix seconds of Unix seconds or RFC 3339; None when it is neither."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return datetime.datetime.fromisoformat(str(value).upper().replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def now():
    return datetime.datetime.now().timestamp()


def is_before(first, second):
    """Also when one of them is no moment, which then is what is tested."""
    first, second = moment(first), moment(second)
    return first is None or second is None or first < second


def is_good_query(path, query):
    # Empty is as if not given.
    if path == "/pause/list" and query.get("all") == "":
        return False
    if path == "/log/histogram" and query.get("by") and query.get("cron_id") not in (None, ""):
        return False
    if path == "/forecast/fires" and query.get("from") in (None, ""):
        return query.get("to") in (None, "") or is_before(now(), query["to"])
    if "from" not in query or path == "/run/{id}/output":
        return True
    if path == "/audit" and query.get("to") in (None, ""):
        return is_before(query["from"], now())
    if query.get("to") in (None, ""):
        return True
    return is_before(query["from"], query.get("to"))


# What a node refuses that lacks such a user, secret or control group.
OF_THE_NODE = ("run_as", "secrets", "memory_max", "cpu_max", "pids_max")


OF_DAEMONS = ("restart", "restart_delay", "restart_max_delay", "healthy_after", "start_limit")


def are_ascending(codes):
    """Whether each range of exit codes goes up; also when it is none, which then is what is tested."""
    words = codes.split(",") if isinstance(codes, str) else codes if isinstance(codes, list) else []
    bounds = [word.removeprefix("!").split("-") for word in words if isinstance(word, str)]
    return all(len(pair) != 2 or not pair[0].isdigit() or not pair[1].isdigit() or int(pair[0]) <= int(pair[1])
               for pair in bounds)


def is_good_body(body):
    # Null is as if not given, which a schema for forms cannot say.
    if None in body.values():
        return False
    if any(body.get(name) not in (None, "", [], 0, "0") for name in OF_THE_NODE):
        return False
    # Only channels that are there.
    if body.get("notify") not in (None, "", [], "none", ["none"]):
        return False
    # Both say the same: test_shards.py.
    if body.get("shards") not in (None, 1, "1") or body.get("spread") == "shards":
        return False
    # Whether a lock has as much as is asked for, no schema says.
    if body.get("locks") not in (None, "", []):
        return False
    # Which calendars there are, and what their texts may say: test_calendars.py.
    if body.get("calendar") not in (None, "", []) or body.get("dates") or body.get("ical"):
        return False
    # The kinds have fields of their own, and a URL is more than a pattern can say: test_http_jobs.py.
    if body.get("kind") not in (None, "command") or any(name.startswith("http_") or name in OF_DAEMONS for name in body):
        return False
    # Names of other jobs: test_chains.py.
    if body.get("run_after") not in (None, "", []) or body.get("requires") not in (None, "", []):
        return False
    if body.get("requires_wait") not in (None, 0, "0"):
        return False
    if not are_ascending(body.get("success_codes")) or not are_ascending(body.get("retry_on")):
        return False
    if "at" in body and not (is_before(now() + 3600, body["at"]) and is_before(body["at"], "2199-12-31T00:00:00Z")):
        return False
    end = body.get("end_time", 0)
    return moment(end) in (None, 0) or is_before(body.get("start_time", 0), end)


def is_good_pause(fields):
    """It ends later than it begins, and is not past."""
    begin, end = fields.get("from"), fields.get("until")
    # No moment, which a schema for forms cannot say.
    if "" in (begin, end):
        return False
    if begin not in (None, "") and not is_before(now() + 60, begin):
        return False
    return end in (None, "") or (is_before(now() + 60, end) and (begin in (None, "") or is_before(begin, end)))


def is_good(case):
    if case.operation.path == "/pause" and isinstance(case.body, dict) and not is_good_pause(case.body):
        return False
    if case.operation.path == "/cron/stop/{id}" and case.query and not is_good_pause(case.query):
        return False
    if isinstance(case.body, dict) and not is_good_body(case.body):
        return False
    # An empty reason is as if not given, and alone it changes nothing.
    if case.operation.path == "/cron/update" and isinstance(case.body, dict) and case.body.get("reason") == "":
        return False
    # Only those that the job declares.
    if case.operation.path == "/cron/run/{id}" and isinstance(case.body, dict) and case.body.get("inputs"):
        return False
    # A stream does not end while its run goes on: test_live_output.py.
    if case.operation.path == "/run/{id}/output" and case.query and case.query.get("follow"):
        return False
    return not case.query or is_good_query(case.operation.path, case.query)


@schemathesis.hook
def filter_case(context, case):
    return is_good(case)


@schemathesis.hook
def before_add_examples(context, examples):
    """They combine the examples of all fields, those of commands and of requests too."""
    examples[:] = [case for case in examples if is_good(case)]
