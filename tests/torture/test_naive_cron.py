"""The judge's own cron knows when a job is due."""
import calendar

import pytest

from naive_cron import is_due


def second(text):
    year, month, day, hour, minute, sec = (int(text[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16),
                                                                       (17, 19)))
    return calendar.timegm((year, month, day, hour, minute, sec))


@pytest.mark.parametrize("expression, due, not_due", [
    ("*/1 * * * * *", "2026-11-21T10:11:12", None),
    ("*/7 * * * * *", "2026-11-21T10:11:56", "2026-11-21T10:11:57"),
    ("0,7,13 * * * * *", "2026-11-21T10:11:13", "2026-11-21T10:11:14"),
    ("5/10 * * * * *", "2026-11-21T10:11:55", "2026-11-21T10:11:50"),
    ("1-59/4 * * * * *", "2026-11-21T10:11:57", "2026-11-21T10:11:56"),
    ("0 */5 10-12 * * *", "2026-11-21T12:55:00", "2026-11-21T13:00:00"),
    ("0 0 0 * FEB *", "2026-02-28T00:00:00", "2026-03-01T00:00:00"),
    ("0 0 22-4 * * *", "2026-11-21T03:00:00", "2026-11-21T05:00:00"),
    ("0 0 22-4/2 * * *", "2026-11-21T02:00:00", "2026-11-21T03:00:00"),
    ("0 0 0 * NOV-FEB *", "2026-12-21T00:00:00", "2026-10-21T00:00:00"),
    ("0 0 0 * * FRI-MON", "2026-11-22T00:00:00", "2026-11-24T00:00:00"),
    ("0 0 0 * * 5-1/2", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),  # 2026-11-22 is a Sunday
    ("0 0 0 * * SAT", "2026-11-21T00:00:00", "2026-11-22T00:00:00"),
    ("0 0 0 * * 7", "2026-11-22T00:00:00", "2026-11-21T00:00:00"),
    ("0 0 0 1 * SUN", "2026-11-22T00:00:00", "2026-11-21T00:00:00"),  # either day
    ("0 0 0 */1 * SUN", "2026-11-22T00:00:00", "2026-11-01T00:00:01"),
    ("0 0 0 */2 * SUN", "2026-11-15T00:00:00", "2026-11-22T00:00:00"),  # both days
])
def test_an_expression_names_the_seconds_that_its_fields_name(expression, due, not_due):
    assert is_due(expression, second(due))
    assert not_due is None or not is_due(expression, second(not_due))
