"""As whom and with what a command runs, at a node that is alone: docs/commands.md, kept to by the program."""
import os
import pathlib
import pwd

import pytest

from harness import let_pass, running_solo, wait_until

NEVER = "0 0 0 1 1 * 2199"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only a node of root runs commands as others")


@pytest.fixture(scope="module")
def solo(tmp_path_factory):
    with running_solo(["--set", "exec.run_as=nobody"]) as node:
        yield node


def post(node, target):
    answer = node.call("POST", target)
    assert answer.status == 200, f"{target}: {answer}"
    return answer.json["data"]


def run_now(node, command, **fields):
    """The row of one run of a job that never fires by itself."""
    job = node.add(command, NEVER, **fields)
    return wait_final(node, post(node, f"/cron/run/{job}")["id"])


def run_now_again(node, job):
    return wait_final(node, post(node, f"/cron/run/{job}")["id"])


def wait_final(node, run):
    def ended():
        row = node.api(f"/log/{run}")
        return row if row["state"] not in ("planned", "running") else None
    wait_until(lambda: ended() is not None, 30, "the run ends")
    return ended()


def test_a_command_has_its_variables_folder_mask_input_and_niceness(solo, tmp_path):
    row = run_now(solo, "pwd; umask; cat; nice; echo $GREETING", work_dir=str(tmp_path), umask="027", stdin="two\nlines\n",
                  nice=3, env="GREETING=it's me, \"you\"")
    assert row["state"] == "success", row
    assert row["output"] == f"{tmp_path}\n0027\ntwo\nlines\n{min(os.nice(0) + 3, 19)}\nit's me, \"you\"\n"


def test_success_is_what_the_job_calls_so(solo):
    assert run_now(solo, "exit 3", success_codes="0,3,10-19")["state"] == "success"
    assert run_now(solo, "exit 4", success_codes="0,3,10-19")["state"] == "failed"


def test_a_run_is_asked_to_end_by_its_signal_and_has_its_grace(solo):
    stubborn = "trap 'sleep 1; echo cleaned up; exit 0' USR2; trap '' TERM; while :; do sleep 0.1; done"
    row = run_now(solo, stubborn, stop_signal="SIGUSR2", kill_grace=20, timeout=1)
    assert (row["state"], row["exit_code"]) == ("timeout", 0), row
    assert row["output"].endswith("cleaned up\n"), "the shell may first say how its sleep ended"
    deaf = "trap '' USR2 TERM; while :; do sleep 0.1; done"
    row = run_now(solo, deaf, stop_signal="SIGUSR2", kill_grace=1, timeout=1)
    assert (row["state"], row["term_signal"]) == ("timeout", 9), row
    assert row["use_time"] < 4500, "the node's own grace is 5 s"


def test_a_person_that_ends_a_run_does_so_by_its_signal(solo):
    job = solo.add("trap 'echo asked; exit 7' HUP; while :; do sleep 0.1; done", NEVER, stop_signal="SIGHUP")
    run = post(solo, f"/cron/run/{job}")["id"]
    wait_until(lambda: solo.api(f"/log/{run}")["state"] == "running", 20, "it runs")
    let_pass(0.5)  # until the shell has set its trap
    post(solo, f"/run/kill/{run}")
    row = wait_final(solo, run)
    assert (row["state"], row["exit_code"]) == ("killed", 7), row
    assert row["output"].endswith("asked\n"), "the shell may first say how its sleep ended"


@needs_root
def test_a_command_runs_as_another_user(solo):
    nobody = pwd.getpwnam("nobody")
    row = run_now(solo, "id -u; echo $USER $LOGNAME $HOME $SHELL; umask; touch /root/x 2>&1", run_as="nobody")
    lines = row["output"].splitlines()
    assert lines[:3] == [str(nobody.pw_uid), f"nobody nobody {nobody.pw_dir} {nobody.pw_shell}", "0022"], row
    assert "Permission denied" in lines[3] and row["state"] == "failed"


@needs_root
def test_a_command_of_another_user_ends_with_a_timeout_and_with_the_node():
    with running_solo(["--set", "exec.run_as=nobody"]) as node:
        assert run_now(node, "sleep 60", run_as="nobody", timeout=1)["state"] == "timeout"
        job = node.add("echo $$; exec sleep 1000", NEVER, run_as="nobody")
        run = post(node, f"/cron/run/{job}")["id"]
        wait_until(lambda: node.api(f"/log/{run}")["state"] == "running", 20, "it runs")
        sleeper = [entry for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()
                   and (entry / "cmdline").exists() and b"sleep\x001000" in (entry / "cmdline").read_bytes()
                   and entry.stat().st_uid == pwd.getpwnam("nobody").pw_uid]
        assert len(sleeper) == 1, sleeper
        node.kill(node.pids()[1])
        wait_until(lambda: not sleeper[0].exists(), 20, "the warden ends it")


def test_what_the_node_cannot_do_is_refused_when_it_is_saved(solo):
    def refused(**fields):
        answer = solo.call("POST", "/cron/add", {"command": "id", "cronSet": NEVER, **fields})
        assert answer.status == 400, answer
        return answer.json["message"]
    jobs = solo.api("/cron/count")["total"]
    assert "this node runs nothing as daemon; its [exec] run_as allows nobody" in refused(run_as="daemon")
    assert refused(env="A").startswith('env: given "A"; NAME=value')
    assert refused(work_dir="here").startswith("work_dir: ")
    assert refused(stop_signal="SIGNONE").startswith("stop_signal: ")
    assert refused(nice=-21).startswith("nice: ")
    assert refused(success_codes="1000").startswith("success_codes: ")
    assert refused(umask="9").startswith("umask: ")
    assert refused(kill_grace="soon").startswith("kill_grace: ")
    assert solo.api("/cron/count")["total"] == jobs


def test_a_run_by_hand_sets_inputs_and_nothing_else(solo):
    job = solo.add("echo $PEERCRON_INPUT_DAY $PEERCRON_INPUT_LEVEL", NEVER, inputs="DAY=today\nLEVEL:some|all")
    assert wait_final(solo, post(solo, f"/cron/run/{job}")["id"])["output"] == "today some\n"
    run = solo.api(f"/cron/run/{job}", inputs="LEVEL=all\nDAY=2026-11-21")
    row = wait_final(solo, run["id"])
    assert row["output"] == "2026-11-21 all\n", row
    assert row["requested_by"].endswith(' {"LEVEL":"all","DAY":"2026-11-21"}')
    for form in ({"inputs": "LEVEL=none"}, {"inputs": "OTHER=1"}, {"DAY": "1"}):
        assert solo.call("POST", f"/cron/run/{job}", form).status == 400
    assert len(solo.ledger([job])) == 2


def test_secrets_are_files_for_the_run_and_stars_for_everybody_else(tmp_path):
    (tmp_path / "db").write_text("hunter2\n")
    with running_solo(["--set", f"secrets.dir={tmp_path}"]) as node:
        row = run_now(node, "cd $PEERCRON_SECRETS_DIR; pwd; stat -c %a . db; wc -c < db; echo it is $(cat db)", secrets="db")
        folder, *rest = row["output"].splitlines()
        assert rest == ["500", "400", "7", "it is ***"], row
        assert not pathlib.Path(folder).exists()
        answer = node.call("POST", "/cron/add", {"command": "id", "cronSet": NEVER, "secrets": "db,other"})
        assert answer.status == 400 and answer.json["message"].startswith("secrets: other cannot be read"), answer
        (tmp_path / "db").unlink()
        row = run_now_again(node, row["cron_id"])
        assert (row["state"], row["cause"]) == ("failed", "refused"), row
        shown = [node.call("GET", target).body for target in ("/cron/list", f"/log/{row['id']}", "/log/list", "/metrics")]
        assert b"hunter2" not in b"".join(shown) + node.log("node").encode()
        assert not node.sql("SELECT id FROM log WHERE output LIKE '%hunter2%'")


def test_a_node_that_cannot_limit_does_not_run_unlimited(solo):
    for limit in ({"memory_max": "64MiB"}, {"cpu_max": 50}, {"pids_max": 10}):
        answer = solo.call("POST", "/cron/add", {"command": "echo ran", "cronSet": NEVER, **limit})
        (field,) = limit
        if answer.status == 200:  # this machine gave the node a control group
            assert wait_final(solo, post(solo, f"/cron/run/{answer.json['data']['id']}")["id"])["output"] == "ran\n"
        else:
            assert answer.json["message"].startswith(f"{field}: this node cannot limit it: "), answer
            solo.sql(f"INSERT INTO cron (cron_set, command, {field}) VALUES ('{NEVER}', 'echo ran', 10000000)")
            job = solo.sql("SELECT MAX(id) AS id FROM cron")[0]["id"]
            wait_until(lambda: solo.call("POST", f"/cron/run/{job}").status == 200, 20, "the node knows the job")
            rows = solo.wait_final([int(job)])
            assert {(row.state, row.output) for row in rows} == {("failed", "")}, rows
            assert rows[0].reason.startswith(f"refused: {field}: "), rows


def test_what_only_a_run_can_tell_stands_in_its_row(solo):
    row = run_now(solo, "id", work_dir="/no/such/folder")
    assert (row["state"], row["cause"], row["started_at"]) == ("failed", "refused", None)
    assert row["reason"] == "refused: cannot start id: chdir to /no/such/folder: No such file or directory"


def test_only_programs_from_the_folders_run(tmp_path):
    program = tmp_path / "backup"
    program.write_text("#!/bin/sh\necho backed up $1\n")
    program.chmod(0o755)
    with running_solo(["--set", f"exec.command_dirs={tmp_path}"]) as node:
        assert run_now(node, f"{program} home")["output"] == "backed up home\n"
        assert run_now(node, "backup etc")["output"] == "backed up etc\n"
        for command in ("id", "/bin/id", "backup; id", "backup $(id)", f"{tmp_path}/../../bin/id"):
            answer = node.call("POST", "/cron/add", {"command": command, "cronSet": NEVER})
            assert answer.status == 400 and "this node runs only programs from" in answer.json["message"], answer
        # By hand, past the API.
        node.sql(f"INSERT INTO cron (cron_set, command) VALUES ('{NEVER}', 'id')")
        job = node.sql("SELECT MAX(id) AS id FROM cron")[0]["id"]
        wait_until(lambda: node.call("POST", f"/cron/run/{job}").status == 200, 20, "the node knows the job")
        rows = node.wait_final([int(job)])
        assert {row.state for row in rows} == {"failed"} and rows[0].reason.startswith("refused: command: "), rows
