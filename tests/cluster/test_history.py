"""Who changed a job, when and what: through the API, and by hand in the database."""
import pytest

from harness import let_pass, wait_until

ALSO_SOLO = True
NEVER = "0 0 0 1 1 * 2199"


def history(cluster, job, node=None):
    return cluster.api(f"/cron/{job}/history", node)["list"]


def test_changes_of_all_kinds_are_there_in_their_order(cluster):
    job = cluster.add("echo 1", NEVER, remark="first")
    cluster.api("/cron/update", cluster.nodes[-1], id=job, command="echo '2' \"世界\"")
    cluster.api(f"/cron/stop/{job}")
    cluster.sql(f"UPDATE cron SET remark = 'by hand' WHERE id = {job}")
    wait_until(lambda: history(cluster, job)[0]["who"] == "", 10, "the change by hand is noticed")
    cluster.api(f"/cron/delete/{job}")

    for node in cluster.nodes:
        found = history(cluster, job, node)
        assert [(row["action"], row["who"]) for row in found] == [
            ("delete", "anonymous"), ("update", ""), ("stop", "anonymous"), ("update", "anonymous"),
            ("add", "anonymous")], found
        assert {row["from"] for row in found} == {"127.0.0.1", ""}
        moments = [row["effective_from"] for row in found]
        assert moments == sorted(moments, reverse=True)
        for newer, older in zip(found, found[1:]):
            assert newer["before"] == older["after"]
        assert found[0]["after"] is None and found[-1]["before"] is None
        assert found[1]["after"]["remark"] == "by hand"
        assert found[2]["after"]["command"] == "echo '2' \"世界\""


def test_rows_that_come_and_go_by_hand_are_noted(cluster):
    cluster.sql(f"INSERT INTO cron (cron_set, command, remark) VALUES ('{NEVER}', 'true', 'by hand')")
    [row] = cluster.sql("SELECT id FROM cron WHERE remark = 'by hand'")
    job = int(row["id"])
    added = wait_until(lambda: cluster.call("GET", f"/cron/{job}/history").status == 200 and history(cluster, job), 10,
                       "the new row is noticed")
    assert [(row["action"], row["who"]) for row in added] == [("add", "")]
    cluster.sql(f"DELETE FROM cron WHERE id = {job}")
    wait_until(lambda: len(history(cluster, job)) == 2, 10, "the deletion is noticed")
    assert history(cluster, job)[0]["action"] == "delete"


def test_what_was_changed_while_nobody_dispatched_is_noted(victim_cluster):
    cluster = victim_cluster
    job = cluster.add("true", NEVER)
    gone = cluster.add("true", NEVER)
    for node in cluster.nodes:
        cluster.run("stop-node", str(node))
    cluster.sql(f"UPDATE cron SET command = 'false' WHERE id = {job}")
    cluster.sql(f"DELETE FROM cron WHERE id = {gone}")
    for node in cluster.nodes:
        cluster.run("start-node", str(node))
    cluster.wait_ready()
    wait_until(lambda: len(history(cluster, job)) == 2 and len(history(cluster, gone)) == 2, 15, "both are noted")
    let_pass(2)
    assert [row["after"] and row["after"]["command"] for row in history(cluster, job)] == ["false", "true"]
    assert [row["action"] for row in history(cluster, gone)] == ["delete", "add"]


@pytest.mark.parametrize("target, status", [
    ("/cron/999999/history", 404), ("/cron/x/history", 400), ("/cron/1/history?limit=0", 400),
    ("/cron/1/history?page=0", 400)])
def test_bad_calls(cluster, target, status):
    answer = cluster.call("GET", target)
    assert answer.status == status and answer.json["message"], answer
