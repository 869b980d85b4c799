"""The texts of this torture's calendars, written and read: times in UTC from a begin to an end that does not belong to
it (docs/calendars.md). Shares nothing with the program, which reads more."""
import calendar
import functools
import time

FORM = "%Y-%m-%dT%H:%M:%S"


def text_of(spans):
    """`spans`: pairs of Unix seconds."""
    return ", ".join("..".join(time.strftime(FORM, time.gmtime(moment)) for moment in span) for span in spans)


@functools.cache
def spans_of(text):
    return [tuple(calendar.timegm(time.strptime(moment, FORM)) for moment in span.split(".."))
            for span in text.split(", ")]


def covers(text, second):
    return any(begin <= second < end for begin, end in spans_of(text))
