"""log_keep_day: what is old goes, and an audit knows where the ledger begins."""
from harness import now_ms, running_solo, wait_until

NEVER = "0 0 0 1 1 * 2199"
DAY = 86_400


def test_rows_older_than_log_keep_day_are_deleted_and_not_missed():
    with running_solo(["--set", "log_keep_day=30"]) as solo:
        job = solo.add("true", NEVER)
        solo.stop()
        now = now_ms() // 1000 - 60  # so that what is 30 days old is so by a minute
        # As if it had run each day for 40 days.
        values = ",".join(f"({job}, {now - age * DAY}, {(now - age * DAY) * 1000}, 1, 'success', '', '', '', 0, 0)"
                          for age in range(1, 41))
        solo.sql("INSERT INTO log (cron_id, time, scheduled_at, attempt, state, reason, output, run_server,"
                 f" use_time, epoch) VALUES {values}")
        solo.start()

        def ages():
            return sorted((now - row.scheduled_at // 1000) // DAY for row in solo.ledger([job]))

        wait_until(lambda: ages() == [*range(1, 30)], 30, lambda: f"old rows are gone, but {ages()}")
        assert solo.api("/log/list")["total"] == 29
        judged = solo.api(f"/audit?from={now - 60 * DAY}")["totals"]
        assert judged["from"] >= (now - 30 * DAY) * 1000, judged
        assert "retention: deleted 11 rows" in solo.log("node")
