"""Which seconds a cron expression names, the slow and obvious way: each field is spelled out, and each
second is asked. Shares nothing with src/schedule, on purpose.

What is understood: six fields `second minute hour day month weekday` of `*`, values, ranges (22-4 among
them), steps, lists and English names, in UTC.
"""
import functools
import time

FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
NAMES = {name: number for names, first in (("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1),
                                           ("SUN MON TUE WED THU FRI SAT", 0))
         for number, name in enumerate(names.split(), first)}


def number(text):
    return NAMES[text.upper()] if text.upper() in NAMES else int(text)


def values_of(field, low, high):
    """All values that the field names, spelled out."""
    values = set()
    for element in field.split(","):
        span, _, step = element.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = map(number, span.split("-"))
        else:
            first = number(span)
            last = high if step else first
        if first > last:  # it goes on at the field's beginning; 7 is no weekday of its own then
            end = 6 if high == 7 else high
            span = [*range(first, end + 1), *range(low, last + 1)]
            values |= set(span[::int(step or 1)])
        else:
            values |= set(range(first, last + 1, int(step or 1)))
    return values


@functools.lru_cache(maxsize=None)
def spelled_out(expression):
    fields = expression.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"{expression!r}: six fields are understood here")
    values = [values_of(field, low, high) for field, (_, low, high) in zip(fields, FIELDS)]
    values[5] = {value % 7 for value in values[5]}  # 7 is Sunday, too
    either_day = not fields[3].startswith("*") and not fields[5].startswith("*")
    return values, either_day


def is_due(expression, second):
    """Whether the expression names this Unix second."""
    (seconds, minutes, hours, days, months, weekdays), either_day = spelled_out(expression)
    t = time.gmtime(second)
    by_day, by_weekday = t.tm_mday in days, (t.tm_wday + 1) % 7 in weekdays
    is_day = (by_day or by_weekday) if either_day else (by_day and by_weekday)
    return t.tm_sec in seconds and t.tm_min in minutes and t.tm_hour in hours and t.tm_mon in months and is_day
