"""Whatever a command does, its row tells the truth."""
import pytest

from harness import next_second, wait_until

ALSO_SOLO = True

KILL_GRACE = 5  # seconds, as in config/peercron.toml

COMMANDS = {
    "quiet": "true",
    "both outputs": "echo to stdout; echo to stderr >&2",
    "no input": "cat; echo end of input",
    "words": "printf %s\\n one",
    "not found": "no-such-program-anywhere --option",
    "not found by the shell": "no-such-program-anywhere | cat; no-such-program-anywhere",
    "not executable": "/etc/passwd",
    "a folder": "/tmp",
    "exit 3": "exit 3",
    "killed": "kill -9 $$",
    "segfault": "kill -SEGV $$",
    "long output": "echo first line; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last line",
    "invalid UTF-8": r"printf 'a\377b\303(c\360\237\221d\n'",
    "NUL": r"printf 'before\000after\n'",
    "emoji": "echo \"it's 👍 \\\"quoted\\\"\"",
    "background": "sleep 1000 & echo started",
    "background, closed": "sleep 1000 > /dev/null 2>&1 & echo started",
    "environment": "env",
}
WITH_TIMEOUT = {
    "timeout": "echo begun; sleep 60",
    "timeout of a program": "sleep 60",
    "stubborn": "trap '' TERM; echo begun; while :; do sleep 1; done",
    "stubborn child": "(trap '' TERM; sleep 60) & wait",
    "in time": "sleep 0.2; echo done",
}


@pytest.fixture(scope="module")
def rows(shared_cluster):
    """The only row of each command; they all run at the same second."""
    second = next_second(4)
    jobs = {name: shared_cluster.add_once(command, second) for name, command in COMMANDS.items()}
    jobs |= {name: shared_cluster.add_once(command, second, timeout=1) for name, command in WITH_TIMEOUT.items()}
    found = {}

    def all_there():
        found.update({row.cron_id: row for row in shared_cluster.wait_final(jobs.values())})
        return len(found) == len(jobs)

    wait_until(all_there, 60, "a row of each command")
    shared_cluster.delete_all_jobs()
    by_name = {name: found[job] for name, job in jobs.items()}
    assert all(row.started_at >= row.scheduled_at for row in by_name.values())
    return by_name


def outcome(row):
    assert row.ended_at >= row.started_at
    assert abs(row.use_time - (row.ended_at - row.started_at)) <= 1000
    return row.state, row.exit_code, row.term_signal


def test_a_command_without_output_succeeds(rows):
    assert outcome(rows["quiet"]) == ("success", 0, None)
    assert (rows["quiet"].output, rows["quiet"].output_bytes, rows["quiet"].reason) == ("", 0, "")


def test_both_outputs_are_kept_in_the_order_of_writing(rows):
    assert outcome(rows["both outputs"]) == ("success", 0, None)
    assert rows["both outputs"].output == "to stdout\nto stderr\n"


def test_standard_input_is_empty(rows):
    assert outcome(rows["no input"]) == ("success", 0, None)
    assert rows["no input"].output == "end of input\n"


@pytest.mark.parametrize("name", ["not found", "not found by the shell"])
def test_a_program_that_is_not_found_fails_with_127(rows, name):
    assert outcome(rows[name]) == ("failed", 127, None)
    assert "no-such-program-anywhere" in rows[name].output
    assert "not found" in rows[name].output


@pytest.mark.parametrize("name", ["not executable", "a folder"])
def test_what_is_no_program_fails_with_126(rows, name):
    assert outcome(rows[name]) == ("failed", 126, None)
    assert COMMANDS[name] in rows[name].output


def test_another_exit_code_than_0_is_a_failure(rows):
    assert outcome(rows["exit 3"]) == ("failed", 3, None)


def test_a_command_that_a_signal_ended_says_which(rows):
    assert outcome(rows["killed"]) == ("failed", None, 9)
    assert outcome(rows["segfault"]) == ("failed", None, 11)


def test_of_ten_megabytes_head_and_tail_are_kept_and_the_cut_is_marked(rows):
    row = rows["long output"]
    assert outcome(row) == ("success", 0, None)
    assert row.output_bytes == len("first line\n") + 10_000_000 + len("\nlast line\n")
    assert row.output.startswith("first line\nxxx")
    assert row.output.endswith("xxx\nlast line\n")
    head, mark, tail = row.output.split("\n[…")[0], row.output.count("bytes left out"), row.output.split("…]\n")[-1]
    assert mark == 1
    left_out = int(row.output.split("[… ")[1].split()[0])
    assert len(head) + len(tail) + left_out == row.output_bytes
    assert 1_000_000 <= len(row.output.encode()) <= (1 << 20) + 100


def test_invalid_utf8_is_replaced_and_the_rest_kept(rows):
    assert outcome(rows["invalid UTF-8"]) == ("success", 0, None)
    assert rows["invalid UTF-8"].output == "a\ufffdb\ufffd(c\ufffdd\n"


def test_a_nul_neither_ends_nor_spoils_the_output(rows):
    assert outcome(rows["NUL"]) == ("success", 0, None)
    assert rows["NUL"].output == "before\ufffdafter\n"
    assert rows["NUL"].output_bytes == len("before\0after\n")


def test_quotes_and_emoji_reach_the_command_and_come_back(rows):
    assert outcome(rows["emoji"]) == ("success", 0, None)
    assert rows["emoji"].output == 'it\'s 👍 "quoted"\n'


@pytest.mark.parametrize("name", ["background", "background, closed"])
def test_a_child_in_the_background_does_not_keep_the_run_alive(rows, name):
    assert outcome(rows[name]) == ("success", 0, None)
    assert rows[name].output == "started\n"
    assert rows[name].use_time < 60_000  # the child sleeps for 1000 s


@pytest.mark.parametrize("name", ["timeout", "timeout of a program"])
def test_a_command_that_runs_too_long_is_ended(rows, name):
    row = rows[name]
    assert outcome(row) == ("timeout", None, 15)
    assert 1000 <= row.use_time < 50_000
    assert row.output == ("begun\n" if name == "timeout" else "")
    assert "timeout" in row.reason and "1 s" in row.reason


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(rows):
    row = rows["stubborn"]
    assert outcome(row) == ("timeout", None, 9)
    assert 1000 * (1 + KILL_GRACE) <= row.use_time < 50_000
    assert row.output == "begun\n"


def test_a_child_that_ignores_sigterm_is_killed_with_its_group(rows):
    row = rows["stubborn child"]
    assert outcome(row)[0] == "timeout"
    assert 1000 * (1 + KILL_GRACE) <= row.use_time < 50_000


def test_a_command_that_ends_in_time_is_left_alone(rows):
    assert outcome(rows["in time"]) == ("success", 0, None)
    assert rows["in time"].output == "done\n"


def test_the_environment_names_the_run_and_no_secret(rows, shared_cluster):
    row = rows["environment"]
    variables = dict(line.split("=", 1) for line in row.output.splitlines() if "=" in line)
    assert variables["PEERCRON_JOB_ID"] == str(row.cron_id)
    assert variables["PEERCRON_SCHEDULED_AT_MS"] == str(row.scheduled_at)
    assert variables["PEERCRON_ATTEMPT"] == "1"
    assert variables["PEERCRON_NODE"] == row.run_server
    assert variables["PEERCRON_EPOCH"] == str(row.epoch)
    assert shared_cluster.secret not in row.output
