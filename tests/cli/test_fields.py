"""Every field of a job, as the API describes it, through API, command line, job file and history."""
import json
import urllib.error
import urllib.request

import pytest

from test_a_real_node import data, node  # noqa: F401


# A node that is alone saves no job with them if it lacks the user, the secret or the control group.
OF_THE_NODE = ("run_as", "secrets", "memory_max", "cpu_max", "pids_max")


def described(url):
    with urllib.request.urlopen(url + "/openapi.json") as answer:
        schemas = json.load(answer)["components"]["schemas"]
    return {name: schema for name, schema in schemas["JobFields"]["properties"].items()
            if name not in ("at", "after", "every", *OF_THE_NODE)}


def sample(name, schema, number):
    """A value that no other field has."""
    if "$ref" in schema:
        return True
    if "enum" in schema:
        return schema["enum"][-1]
    if "anyOf" in schema and schema["anyOf"][0]["items"].get("format") == "retry_on":
        return ["timeout", str(number), "!2"]
    if "anyOf" in schema:
        return schema["anyOf"][0]["items"].get("examples", [f"{name} {number}", "grüße"])
    if "examples" in schema:
        return schema["examples"][0]
    if "integer" in schema["type"]:
        return 4_000_000_000 + number if "Unix seconds" in schema["description"] else min(10 + number, schema["maximum"])
    return {"cron": f"0 {number} 3 * * *", "time-zone": "Asia/Tokyo"}.get(schema.get("format"), f"{name} it's \"{number}\"")


def call(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as refusal:
        raise AssertionError(refusal.read().decode()) from None


def definition(row, fields):
    return {"cron_set" if name == "cronSet" else name: row["cron_set" if name == "cronSet" else name] for name in fields}


# What jobs of other kinds have not.
OF_COMMANDS = ("command", "env", "work_dir", "umask", "stdin", "nice", "success_codes", "stop_signal", "kill_grace", "inputs",
               "weight")
OF_DAEMONS = ("restart", "restart_delay", "restart_max_delay", "healthy_after", "start_limit")
NOT_OF_DAEMONS = ("cronSet", "time_zone", "timeout", "run_limit", "delivery", "misfire_policy", "misfire_window", "overlap",
                  "is_mutex", "max_concurrent", "retries", "retry_delay", "retry_max_delay", "retry_on", "inputs",
                   "slow_after", "expect_every", "expect_by", "run_after_on", "locks", "jitter", "late_goal", "calendar",
                  "shards")


def has(kind, name):
    """Whether a job of this kind, with a schedule, has the field."""
    if name in ("run_after", "requires", "requires_wait"):
        return False
    if name in OF_DAEMONS or kind == "daemon":
        return kind == "daemon" and name not in NOT_OF_DAEMONS and not name.startswith("http_")
    return name not in OF_COMMANDS if kind == "http" else not name.startswith("http_")


@pytest.mark.parametrize("kind", ["command", "http", "daemon"])
def test_each_field_survives_export_and_apply_and_stands_in_the_history(node, tmp_path, kind):  # noqa: F811
    fields = {name: schema for name, schema in described(node.url).items() if has(kind, name)}
    wanted = {name: sample(name, schema, number) for number, (name, schema) in enumerate(fields.items())}
    wanted["kind"] = kind
    # As many shards as the others have belong to one spread.
    wanted["spread"] = "sticky" if kind == "daemon" else "shards"
    node("channel", "add", *wanted["notify"], "webhook", "url=http://127.0.0.1:9/")
    added = call(node.url, "/cron/add", wanted)
    assert definition(added, fields) == {"cron_set" if name == "cronSet" else name: value
                                         for name, value in wanted.items()}
    file = tmp_path / "jobs.toml"
    file.write_text(node("export").stdout)
    assert "0 changed" in node("apply", file, "--dry-run").stdout
    shown = node("job", "show", added["id"]).stdout
    for value in (wanted["remark"], wanted["tags"][0], "on_failure" if kind == "daemon" else wanted["overlap"], "stopped"):
        assert value in shown
    assert (wanted["http_url"] if kind == "http" else wanted["command"]) in node("job", "list").stdout

    node("job", "delete", added["id"])
    assert "1 added" in node("apply", file).stdout
    again = data(node("job", "list", "--json"))[0]
    assert definition(again, fields) == definition(added, fields)

    name, default = ("restart", "always") if kind == "daemon" else ("delivery", "at_most_once")
    call(node.url, "/cron/update", {"id": again["id"], "stop": False, "tags": [], name: default})
    history = data(node("job", "history", again["id"], "--json"))["list"]
    assert definition(history[-1]["after"], fields) == definition(added, fields)
    changed = {name for name in definition(again, fields) if history[0]["before"][name] != history[0]["after"][name]}
    assert changed == {"stop", "tags", name}
    node("job", "delete", again["id"])
    node("channel", "delete", *wanted["notify"])


def test_jobs_are_found_by_their_tags(node):  # noqa: F811
    def add(name, *tags):
        node("job", "add", "--name", name, "--every", "1h", "--tags", ",".join(tags), "--", "true")

    add("one", "db", "nightly")
    add("two", "db")
    add("three", "database")
    add("four")

    def found(*options):
        return node("job", "list", "--quiet", *options).stdout.split()

    assert found("--tag", "db") == ["one", "two"]
    assert found("--tag", "db", "--tag", "nightly") == ["one"]
    assert found("--tag", "DB") == []
    assert found("--tag", "data") == []
    assert "[job.one]" in node("export", "--tag", "nightly").stdout
    assert "[job.two]" not in node("export", "--tag", "nightly").stdout
    node("job", "update", "two", "--tags", "")
    assert found("--tag", "db") == ["one"]
    refused = node("job", "update", "two", "--tags", "x" * 65, expect=2)
    assert "--tags: given 65 characters; at most 64 are allowed" in refused.stderr
