"""Calendars, jitter, chains, what jobs require, shards and sticky jobs: whether fires ran, or did not, as these say.

What should have been follows from the jobs of the plan, the calendars that people set, the commands' own clocks and the
rows of the other jobs. Nobody changes these jobs here before they are stopped in the end.
"""
import collections
import itertools

import calendars
import naive_cron
from jobs import words_of

MS, SECOND = 1_000_000, 1_000_000_000
AHEAD = 3 * SECOND  # so long before a fire it may be decided that it does not start
GROSS = 3.0  # seconds; in calm times what may start has started by then
CLOCKS = 0.3  # seconds; all clocks are one machine's
STARTED = 0.002  # seconds; a command reads its clock when its node has read its own
STOPPING = 5 * SECOND  # what others make a job owe so soon before it is stopped may not have come
FEW = 20  # fires; fewer may have offsets that look alike
NO_RUN = {"skipped", "revoked"}


def both(one, other):
    """must, may or never, of two things that both have to be."""
    return "never" if "never" in (one, other) else "may" if "may" in (one, other) else "must"


def negated(verdict):
    return {"must": "never", "never": "must", "may": "may"}[verdict]


def runs_after(on, states):
    """Whether a job runs after others that ended so; see docs/chains.md."""
    ran = [state for state in states if state != "skipped"]
    if on == "success":
        return all(state == "success" for state in states)
    return any(state != "success" for state in ran) if on == "failure" else bool(ran)


def next_due(cron, second, step):
    """The next moment of the schedule, or with step -1 the one before."""
    second += step
    while not naive_cron.is_due(cron, second):
        second += step
    return second


class CalendarHistory:
    """What a calendar may have said at a moment. A call that was answered, with whatever words, is over; one that was not
    may still be done later, until the calendar was looked at."""

    def __init__(self, changes):
        self.changes = sorted(changes, key=lambda change: change["sent"])

    def at(self, moment):
        possible, open_ones = [], []
        for change in self.changes:
            text, outcome = change["version"], change["outcome"]
            if outcome == "seen" and moment > change["answered"]:
                possible, open_ones = [text], []
            elif outcome == "ok" and moment > change["answered"]:
                possible = [text]
            elif outcome == "seen" or moment <= change["sent"] - MS:
                continue
            elif outcome == "ok" or "status" in change:
                possible = [*possible, text]
            else:
                open_ones = [*open_ones, text]
        return possible + open_ones

    def covers(self, moment, second, ahead=0):
        """Whether it covers the second by what it said then, or a while before: must, may or never."""
        texts = {*self.at(moment), *(self.at(moment - ahead) if ahead else ())}
        answers = {calendars.covers(text, second) for text in texts - {None}}
        return "may" if len(answers) != 1 else "must" if answers.pop() else "never"


class PolicyJudge:
    """`judge` is the one of the whole run (judge.py), which has what is known of it, and is told what is wrong."""

    def __init__(self, judge):
        self.known = judge
        self.case = judge.case
        self.counts = collections.Counter()
        changes = collections.defaultdict(list)
        for change in self.case.changes:
            if change["what"] == "calendar" and change["outcome"] in ("ok", "unknown", "seen"):
                changes[change["calendar"]].append(change)
        self.calendars = {name: CalendarHistory(made) for name, made in changes.items()}
        self.excluded_ = {}

    def judge(self):
        for token in self.known.jobs:
            definition = self.known.definition(token)
            if definition.get("calendar"):
                self.calendars_are_kept(token)
            if definition.get("jitter"):
                self.starts_are_within_their_jitter(token, definition["jitter"])
            if definition.get("run_after"):
                self.runs_as_its_parents_ended(token)
            if definition.get("requires"):
                self.runs_if_what_it_requires_has_succeeded(token)
            if definition.get("spread") == "shards":
                self.each_fire_has_its_parts(token, definition["shards"])
            if definition.get("spread") == "sticky":
                self.stays_where_it_is(token)
        self.two_jobs_have_two_offsets()

    def figures(self):
        return dict(sorted(self.counts.items()))

    # Small things.

    def wrong(self, rule, words, token, at, rows=(), sightings=()):
        self.known.wrong(rule, words, token, at, rows, sightings)

    def fires_of(self, token):
        """The moments, in milliseconds, at which it has rows or runs by its schedule, or after its parents."""
        job, known = self.known.ids.get(token), self.known
        fires = {at for of, at in (*known.rows_of_fire, *known.sightings_of_fire) if of == job}
        return sorted(at for at in fires if at % 1000 == 0)

    def rows(self, token, at):
        return self.known.rows_of_fire.get((self.known.ids.get(token), at), [])

    def sightings(self, token, at):
        return self.known.sightings_of_fire.get((self.known.ids.get(token), at), [])

    def gaps(self, token, second):
        """The rows of several fires that stand for this one, too."""
        return [gap for gap in self.known.gaps.get(self.known.ids.get(token), ())
                if gap.scheduled_at <= second * 1000 <= gap.gap_end]

    def stopped(self, token):
        """The first moment at which the job may have been stopped."""
        return min((change["sent"] for change in self.known.histories[token].changes
                    if change["version"] is None or change["version"]["stop"]), default=self.case.marks["read"])

    # Calendars.

    def excluded(self, token, second, ahead=AHEAD):
        """Whether its calendars exclude the fire: must, may or never; "never" of a job without any. `ahead`: also by what
        they said a while before."""
        key = token, second, ahead
        if key not in self.excluded_:
            words = words_of(self.known.definition(token), "calendar")
            allowed = "must"
            for word in words:
                covered = self.calendars[word.lstrip("!")].covers(second * SECOND, second, ahead)
                allowed = both(allowed, negated(covered) if word.startswith("!") else covered)
            self.excluded_[key] = negated(allowed)
        return self.excluded_[key]

    def calendars_are_kept(self, token):
        dues = {second: due for (of, second), due in self.known.dues.items() if of == token}
        for second, due in dues.items():
            at = second * 1000
            rows, seen = self.rows(token, at), self.sightings(token, at)
            if self.excluded(token, second, 0) == "must" and any(sighting.attempt == 1 for sighting in seen):
                self.wrong("calendar", "ran although its calendars exclude it", token, at * MS, rows, seen)
            elif due == "must" and self.excluded(token, second) == "must":
                self.counts["fires excluded"] += 1
                said = {row.cause for row in (*rows, *self.gaps(token, second)) if row.state != "revoked"}
                if said and "calendar" not in said:
                    self.wrong("calendar", "its calendars exclude it, and its row does not say so", token, at * MS,
                               rows or self.gaps(token, second), seen)
        for row in self.case.rows:
            if row.cron_id != self.known.ids.get(token) or row.cause != "calendar":
                continue
            first, last = row.scheduled_at // 1000, (row.gap_end or row.scheduled_at) // 1000
            own = [second for second in range(first, last + 1) if dues.get(second) == "must"
                   and all(other is row for other in self.rows(token, second * 1000))]
            wrong = [second for second in own if self.excluded(token, second) == "never"]
            if wrong:
                self.wrong("calendar", f"the row says that its calendars exclude its fires, and that of {wrong[0]} they do"
                           " not", token, wrong[0] * SECOND, [row])

    # Jitter.

    def start_of(self, row):
        """In milliseconds."""
        return row.retry_at or row.scheduled_at

    def starts_are_within_their_jitter(self, token, jitter):
        offsets = []
        for at in self.fires_of(token):
            first = next((row for row in self.rows(token, at) if row.attempt == 1 and not row.is_gap), None)
            seen = self.sightings(token, at)
            if first is None:
                continue
            offset = self.start_of(first) - at
            if not 0 <= offset <= jitter * 1000:
                self.wrong("jitter", f"was to start {offset / 1000:.3f} s after its time, and its jitter is {jitter} s",
                           token, at * MS, [first], seen)
            early = [sighting for sighting in seen if sighting.began / 1e3 < self.start_of(first) - 1000 * STARTED]
            if early:
                self.wrong("jitter", f"started {(early[0].began / 1e3 - at) / 1000:.3f} s after its time, and was to start"
                           f" after {offset / 1000:.3f} s", token, at * MS, [first], seen)
            if seen:
                offsets.append(offset)
        self.counts["fires with jitter"] += len(offsets)
        # They are chosen at random: of this many, some are in each fourth of it.
        if len(offsets) >= FEW and max(offsets) - min(offsets) < jitter * 1000 / 4:
            self.wrong("jitter", f"all of its {len(offsets)} fires started from {min(offsets) / 1000:.3f} to"
                       f" {max(offsets) / 1000:.3f} s after their times", token, None)

    def two_jobs_have_two_offsets(self):
        """Of jobs with the same schedule and jitter."""
        alike = collections.defaultdict(list)
        for token, job in self.known.jobs.items():
            if job["definition"].get("jitter"):
                alike[job.get("cron"), job["definition"]["jitter"]].append(token)
        for tokens in alike.values():
            for one, other in itertools.combinations(tokens, 2):
                starts = [(self.rows(one, at)[0], self.rows(other, at)[0]) for at in self.fires_of(one)
                          if self.sightings(one, at) and self.sightings(other, at) and self.rows(one, at)
                          and self.rows(other, at)]
                if len(starts) >= FEW and all(self.start_of(first) == self.start_of(second) for first, second in starts):
                    self.wrong("jitter", f"starts each time when {other} does", one, None)

    # Chains.

    def end_of(self, token, second):
        """How the fire of a parent may have seemed to end, and when it was over, in milliseconds; None: there was none."""
        rows = self.rows(token, second * 1000)
        if not rows:
            gaps = self.gaps(token, second)
            return ({"skipped"}, gaps[0].ended_at or gaps[0].dispatch_time * 1000) if gaps else None
        if rows[-1].attempt == 1 and rows[-1].state == "revoked":
            return None
        # A further attempt that did not run follows one that failed.
        ran = [row for row in rows if row.attempt == 1 or row.state not in NO_RUN]
        over = max(row.ended_at or row.dispatch_time * 1000 for row in rows)
        states = {ran[-1].state}
        if ran[-1].run_server and self.known.was_out_of_reach(ran[-1].scheduled_at * MS, over * MS):
            states.add("lost")  # for a while: its node came back, and knew better
        return states, over

    def runs_as_its_parents_ended(self, token):
        definition, parents = self.known.definition(token), self.known.parents_of(token)
        on = definition.get("run_after_on", "success")
        added = max((change["answered"] for change in self.known.histories[token].changes if change["what"] == "add"),
                    default=self.case.marks["zero"])
        seconds = {second for of, second in self.known.dues if of == parents[0]}
        for second in sorted(seconds | {at // 1000 for at in self.fires_of(token)}):
            at, ms = second * SECOND, second * 1000
            rows, seen = self.rows(token, ms), self.sightings(token, ms)
            ends = [self.end_of(parent, second) for parent in parents]
            if None in ends:
                if seen or any(row.state != "revoked" for row in rows):
                    self.wrong("chain", "there is a fire of it, and not all jobs that it runs after have fired", token, at,
                               rows, seen)
                continue
            over = max(moment for _, moment in ends)
            if not rows:
                # The parents' rows of several fires may not stand for the same ones.
                is_sure = len(parents) == 1 or all(self.rows(parent, ms) for parent in parents)
                if not self.gaps(token, second) and is_sure and added < at and over * MS < self.stopped(token) - STOPPING:
                    self.wrong("chain", "the jobs that it runs after are over, and it has no row", token, at, (), seen)
                continue
            self.judge_child(token, on, at, rows[0], seen, [states for states, _ in ends])
            self.judge_start(token, at, over, parents, rows, seen)

    def judge_child(self, token, on, at, row, seen, ends):
        if row.state == "revoked":
            if not self.known.was_given_up(token, (row.ended_at or 0) * MS):
                self.wrong("chain", "is revoked, though no change took it back", token, at, [row], seen)
            return
        self.counts["fires after others"] += 1
        answers = {runs_after(on, states) for states in itertools.product(*ends)}
        said = " and ".join("/".join(sorted(states)) for states in ends)
        if row.cause in ("parent", "calendar") and not seen:
            if row.cause == "parent" and False not in answers:
                self.wrong("chain", f"did not run for its parents, which ended as {said}: it wants {on}", token, at, [row])
        elif True not in answers and row.cause != "paused":
            self.wrong("chain", f"was to run after its parents, which ended as {said}: it wants {on}", token, at, [row],
                       seen)

    def judge_start(self, token, at, over, parents, rows, seen):
        """After its parents, by the commands' clocks, and soon after them."""
        if not seen or self.known.was_out_of_reach(at, seen[0].began * 1000):
            return  # a run that counts as lost may go on
        began = seen[0].began * 1000
        ended = [sighting.ended * 1000 for parent in parents for sighting in self.sightings(parent, at // MS)
                 if sighting.ended is not None]
        if ended and began < max(ended):
            self.wrong("chain", f"started {(max(ended) - began) / SECOND:.3f} s before its parents had ended", token, at,
                       rows, seen)
        late = (began - over * MS) / SECOND
        if late > GROSS + self.known.lag(over * MS, began) and self.known.is_calm(over * MS, began):
            self.wrong("chain", f"started {late:.1f} s after its parents were over, in a calm time", token, at, rows, seen)

    # What jobs require.

    def last_attempts(self, token):
        """(when it was due, the row that says how it ended) of each fire of a required job, in milliseconds. Runs by hand
        are fires, too."""
        job, found = self.known.ids.get(token), []
        for (of, at), rows in self.known.rows_of_fire.items():
            ran = [row for row in rows if row.attempt == 1 or row.state not in NO_RUN]
            if of == job and ran and ran[-1].state != "revoked":
                found.append((ran[-1].gap_end or at, ran[-1]))
        return sorted(found, key=lambda fire: fire[0])

    def runs_if_what_it_requires_has_succeeded(self, token):
        definition = self.known.definition(token)
        wait = definition.get("requires_wait", 0)
        required = {name: self.last_attempts(self.known.named[name]) for name in words_of(definition, "requires")}
        for ms in self.fires_of(token):
            row = next((row for row in self.rows(token, ms) if row.attempt == 1), None)
            seen = [sighting for sighting in self.sightings(token, ms) if sighting.attempt == 1]
            at = ms * MS
            version = self.known.version(token, at)
            if row is None or row.is_gap or version is None or version["stop"]:
                continue
            since = 1000 * next_due(version["cron"], ms // 1000, -1)
            end = min(ms + 1000 * wait, 1000 * next_due(version["cron"], ms // 1000, 1))
            if seen:
                self.counts["fires that required others"] += 1
                decided = min(seen[0].began / 1000, end)
                for name, fires in required.items():
                    if not self.may_have_succeeded(fires, since, ms, decided):
                        self.wrong("requires", f"ran, and the last fire of {name} had not succeeded", token, at,
                                   [row, *(fire for due, fire in fires if since < due <= decided)], seen)
            elif row.cause in ("requires", "superseded"):
                self.counts["fires skipped for what they require"] += 1
                self.judge_skipped(token, row, required, since, ms, end)

    def may_have_succeeded(self, fires, since, due, decided):
        """Whether at some moment from `due` to `decided` the last fire after `since` was one that had succeeded."""
        # In other times the last one may not have been in the ledger yet.
        before = (due - 5000) * MS
        is_sure = self.known.is_calm(before, due * MS) and not self.known.lag(before, due * MS)
        blocks_until = due if is_sure else due - 1000 * CLOCKS
        return any(row.state == "success" and since < moment <= decided + 1000 * CLOCKS
                   and (row.ended_at or 0) <= decided + 1000 * CLOCKS
                   and not any(moment < other <= blocks_until for other, _ in fires)
                   for moment, row in fires)

    def judge_skipped(self, token, row, required, since, due, end):
        at, decided = due * MS, row.ended_at or row.dispatch_time * 1000
        if row.cause == "superseded" and end >= due + 1000 * self.known.definition(token).get("requires_wait", 0):
            self.wrong("requires", "its next fire is said to have ended its wait, which was over before that", token, at,
                       [row])
        if decided < end - 1000 * CLOCKS:
            self.wrong("requires", f"was skipped {(end - decided) / 1000:.1f} s before its wait was over", token, at, [row])
            return
        if not self.known.is_calm(since * MS, decided * MS):
            return
        # A node says how a run ended, the ledger has it, and a dispatcher asks: that takes a moment.
        known_by = end - 1000 * (GROSS + self.known.lag(since * MS, decided * MS))
        for fires in required.values():
            last = [(moment, fire) for moment, fire in fires if since < moment <= end]
            if not last or last[-1][1].state != "success" or (last[-1][1].ended_at or 0) > known_by:
                return
        self.wrong("requires", "was skipped, and all that it requires had succeeded in time", token, at, [row])

    # Shards.

    def each_fire_has_its_parts(self, token, shards):
        """Also what a person asks for. That no part starts twice is judged for all jobs alike."""
        job = self.known.ids.get(token)
        fires = {at for of, at in (*self.known.rows_of_fire, *self.known.sightings_of_fire) if of == job}
        for ms in sorted(fires):
            rows, seen = self.rows(token, ms), self.sightings(token, ms)
            if all(row.state == "skipped" and row.parts == 1 for row in rows) and rows and not seen:
                continue  # as a whole
            self.counts["fires with shards"] += 1
            wrong = {each.parts for each in (*rows, *seen)} - {shards}
            if wrong:
                self.wrong("shards", f"has {', '.join(map(str, sorted(wrong)))} parts instead of {shards}", token, ms * MS,
                           rows, seen)
            parts = {row.part for row in rows if row.attempt == 1}
            if parts != set(range(shards)):
                self.wrong("shards", f"has rows of the parts {sorted(parts)} of {shards}", token, ms * MS, rows, seen)
            strange = sorted({sighting.part for sighting in seen} - set(range(shards)))
            if strange:
                self.wrong("shards", f"ran as the parts {strange} of {shards}", token, ms * MS, rows, seen)

    # Sticky jobs.

    def stays_where_it_is(self, token):
        """At the same node whenever all of them are there."""
        seen = [sighting for sighting in self.known.sightings_of_token[token] if sighting.attempt == 1
                and self.known.is_calm(sighting.scheduled_at * MS, sighting.began * 1000)]
        self.counts["fires of sticky jobs"] += len(seen)
        nodes = collections.Counter(sighting.node for sighting in seen)
        if len(nodes) > 1:
            usual = nodes.most_common(1)[0][0]
            away = [sighting for sighting in seen if sighting.node != usual]
            self.wrong("where", f"is sticky, and ran on {', '.join(sorted(nodes))} though all nodes were there", token,
                       away[0].scheduled_at * MS, [self.known.rows[other.run] for other in away
                                                   if other.run in self.known.rows], away)
