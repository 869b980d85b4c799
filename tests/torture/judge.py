"""Whether the promises held, from what was seen from outside: the changes that were asked for and when,
what the commands witnessed, and the rows of the ledger. In the style of Jepsen's checker of Chronos: what was due
is computed here, by a cron of its own.

A change counts from some moment between the call and its answer; a call with another answer than yes may have
been done, or be done at any later moment until the job was looked at. So a fire is due ("must"), not due ("never")
or either ("may").

Times are nanoseconds since 1970 unless a name says otherwise.
"""
import bisect
import calendar
import collections
import dataclasses
import math
import re
import time

import ledger
import naive_cron
from jobs import LIMITS, PAUSED, claims_of, fits, parents_of
from notice_judge import NoticeJudge
from policy_judge import PolicyJudge, both, negated

SECOND = 1_000_000_000
MS = 1_000_000

GROSS = 3.0  # seconds; a fire that is later is late
# How long before a fire, and after it, nothing may have been wrong for it to be in a calm time. A node that vanishes
# is given up after lease and margin (12 s), a session of Consul's dies after up to 20 s.
CALM_BEFORE, CALM_AFTER = 25 * SECOND, 5 * SECOND
AFTERMATH = 10 * SECOND  # for the promise of lateness: so long after its end a fault still counts
SILENCE = 5  # seconds; commands that were started so long before or after another one had as busy a machine
NEVER_TOLD = 30  # seconds: a node that knows how a run ended has recorded it by then
DRAIN = 10  # seconds; see servers.py
ENDED_BEFORE = 1.5  # seconds; nobody killed a command that had ended so long before
MOST_ATTEMPTS = 5  # of one fire, with delivery at_least_once; more if its retries allow more
RESTART_DELAY, RESTART_MAX_DELAY, HEALTHY_AFTER = 1, 60, 30  # seconds; of a daemon without its own
RETRY_DELAY, RETRY_MAX_DELAY = 10, 3600  # seconds; of a job without its own
SPREAD = 0.1  # of a delay, either way
CLOCKS = 0.3  # seconds; all clocks are one machine's
MISFIRE_WINDOW = 60  # seconds; of a job without its own
AHEAD = 3  # seconds; so long before a fire it may be decided that it does not start
MISFIRE = 3  # seconds; a fire that is planned so late is a misfire

KILLS = {"kill-dispatcher", "kill-worker", "kill-two", "kill-all", "kill-warden", "kill-with-warden", "power-off"}
PAUSES = {"pause-dispatcher", "pause-worker", "pause-all", "suspend"}
CUTS = {"cut", "cut-out", "cut-in", "cut-consul", "cut-mariadb", "cut-nodes", "lossy-link", "flapping-link",
        "slow-link", "narrow-link"}
STORE = {"mariadb-stop", "mariadb-kill", "mariadb-pause", "cut-mariadb"}
CONSUL = {"consul-stop", "consul-kill", "consul-pause"}
# "No fire later than its time plus 3 s", when nothing else is wrong. Those of PAUSES and CUTS only when the target
# was the dispatcher, and not for what was handed to the target itself: it is the target's own until proven dead. A
# dispatcher that is cut off from the other nodes only (cut-nodes) remains one, and what it has handed into the cut is
# those nodes' own in the same way.
ON_TIME = {"kill-dispatcher", "kill-worker", "rolling-restart", *CONSUL, *STORE}
ON_TIME_IF_DISPATCHER = {"pause-dispatcher", "suspend", "cut", "cut-out", "cut-in", "cut-consul"}
NOT_RUN = {"planned", "running", "skipped", "revoked"}
# Rows of several fires with these causes are no misfires, and may be there at once.
NO_MISFIRE = {"paused", "calendar", "parent"}
NO_CHANGES = {"run", "pause", "calendar"}  # calls that change no job's definition
LOSES = KILLS | PAUSES | CUTS | {"rolling-restart"}
# While these are at work, and until their aftermath is over, a daemon may have no node that could run it, or none that may
# be known to be free of it.
EXCUSES = PAUSES | CUTS | STORE | CONSUL | {"kill-all", "power-off"}
# Above this cut-off the nodes of a mutex job fence it; see config/peercron.toml, dispatch.lease.
LEASE = 10 * SECOND


@dataclasses.dataclass
class Case:
    """All that is known of a run."""
    jobs: list  # of the plan
    changes: list  # as they went: see Changes
    faults: list  # number, kind, targets (node or server names), began, ended, detail
    nodes: list  # the lives of node processes: node, began, ended (None: at the end alive), wanted
    dispatchers: list  # (at, node)
    marks: dict  # began, healed, quiet, stopped, read
    rows: list
    sightings: list
    odd: list = dataclasses.field(default_factory=list)  # lines of witnesses that make no sense
    notes: list = dataclasses.field(default_factory=list)  # what the script saw itself and holds for wrong
    lags: list = dataclasses.field(default_factory=list)  # (at, seconds): this machine stood still so long
    counters: dict = dataclasses.field(default_factory=dict)  # job → how many runs the database has counted
    audit: dict | None = None  # of `peercron audit` over the whole time: status, errors, and answer, its JSON
    notices: list = dataclasses.field(default_factory=list)  # as notice_witness has them
    outbox: list | None = None  # rows of notice_delivery; None: no notices were judged in this run


@dataclasses.dataclass
class Violation:
    rule: str
    words: str
    token: str = ""
    at: int | None = None
    rows: list = dataclasses.field(default_factory=list)
    sightings: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)


class History:
    """Which definitions a job may have had at a moment, by the changes that were asked for.

    A change is a dictionary: `sent`, `answered`, `version` (the definition from then on, None: there is no such
    job) and `outcome`: "ok", "unknown", or "seen" (the job was looked at at `answered`, and this is it)."""

    def __init__(self, changes):
        self.changes = sorted(changes, key=lambda change: change["sent"])

    def at(self, moment):
        """The versions possible for a fire that is due at this moment."""
        possible = [None]
        for change in self.changes:
            if change["outcome"] in ("ok", "seen") and moment > change["answered"]:
                possible = [change["version"]]
            elif change["outcome"] != "seen" and moment > change["sent"] - MS:
                possible = possible + [change["version"]]
            elif change["outcome"] != "seen":
                break
        return possible


def is_due(version, second):
    if version is None or version["stop"] or version["cron"] is None:
        return False
    begin, end = version["window"] or (0, math.inf)
    return begin <= second < end and naive_cron.is_due(version["cron"], second)


def window_of(version):
    """How late a fire of the job may start, in seconds."""
    window = version["definition"].get("misfire_window", MISFIRE_WINDOW)
    return window if window else math.inf


def verdict_of(versions, second):
    due = [is_due(version, second) for version in versions]
    return "must" if all(due) else "may" if any(due) else "never"


def names_end(words, row):
    """Whether the words that this torture's jobs have for it name this end."""
    words = [word for word in words.split(",") if word]
    left_out = {int(word[1:]) for word in words if word.startswith("!")}
    named = {word for word in words if not word.startswith("!")} or {"failed", "timeout"}
    return row.state in named and (row.state != "failed" or row.exit_code not in left_out)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class Judge:
    def __init__(self, case):
        self.case = case
        self.notices = None  # their judge
        self.violations = []
        self.histories = {}
        by_token = collections.defaultdict(list)
        for change in case.changes:
            if change["what"] not in NO_CHANGES and change["outcome"] in ("ok", "unknown", "seen"):
                by_token[change["job"]].append(change)
        for job in case.jobs:
            self.histories[job["token"]] = History(by_token[job["token"]])
        self.pauses = [change for change in case.changes if change["what"] == "pause" and "until" in change]
        self.ids = {}  # token → id
        for change in case.changes:
            if change.get("id"):
                self.ids[change["job"]] = change["id"]
        for sighting in case.sightings:
            self.ids.setdefault(sighting.token, sighting.job)
        self.tokens = {job: token for token, job in self.ids.items()}
        self.jobs = {job["token"]: job for job in case.jobs}
        self.named = {job["definition"]["name"]: job["token"] for job in case.jobs if "name" in job["definition"]}
        self.rows = {row.run: row for row in case.rows}
        self.rows_of_fire = collections.defaultdict(list)
        self.rows_of_part = collections.defaultdict(list)  # of a fire
        self.gaps = collections.defaultdict(list)
        for row in sorted(case.rows, key=lambda row: row.run):
            self.rows_of_fire[row.cron_id, row.scheduled_at].append(row)
            self.rows_of_part[row.cron_id, row.scheduled_at, row.part].append(row)
            if row.is_gap:
                self.gaps[row.cron_id].append(row)
        self.sightings_of_run = collections.defaultdict(list)
        self.sightings_of_fire = collections.defaultdict(list)
        self.sightings_of_part = collections.defaultdict(list)
        self.sightings_of_token = collections.defaultdict(list)
        for sighting in sorted(case.sightings, key=lambda sighting: sighting.began):
            self.sightings_of_run[sighting.run].append(sighting)
            self.sightings_of_fire[sighting.job, sighting.scheduled_at].append(sighting)
            self.sightings_of_part[sighting.job, sighting.scheduled_at, sighting.part].append(sighting)
            self.sightings_of_token[sighting.token].append(sighting)
        # Runs that take locks, and those that have waited and never begun, each with what it takes.
        self.holders = [(sighting, self.locks_of(sighting.token)) for sighting in case.sightings
                        if self.locks_of(sighting.token)]
        self.waiters = [(row, self.locks_of(self.token_of(row.cron_id))) for row in case.rows
                        if self.locks_of(self.token_of(row.cron_id)) and row.run not in self.sightings_of_run
                        and (row.ended_at or 0) - row.scheduled_at > 500]
        self.dues = {}  # (token, second) → must or may
        self.lags = sorted(case.lags)
        self.policies = PolicyJudge(self)

    def judge(self):
        self.find_dues()
        self.every_due_fire_has_its_row()
        self.no_row_without_a_due_fire()
        self.gaps_are_what_they_say()
        self.pauses_keep_fires_from_starting()
        self.runs_on_request()
        self.each_witness_has_its_row()
        self.one_start_per_fire()
        self.runs_are_where_they_may_be()
        self.rows_say_what_the_witness_says()
        self.not_more_at_once_than_may_be()
        self.a_lock_has_its_limit()
        self.one_waits_at_most()
        self.every_row_has_ended()
        self.states_have_a_cause()
        self.at_least_once()
        self.failures_are_tried_again()
        self.only_failures_are_tried_again()
        self.daemons_are_kept_alive()
        self.policies.judge()
        self.runs_are_counted()
        self.commands_are_those_of_their_version()
        self.on_time()
        self.the_audit_says_so_too()
        self.who_wants_to_know_is_told()
        for line in self.case.odd:
            self.wrong("witness", f"a line of the witness makes no sense: {line!r}")
        for note in self.case.notes:
            self.wrong(note["rule"], note["words"], at=note.get("at"))
        return self.violations

    # Small things.

    def is_daemon(self, token):
        return token in self.jobs and self.jobs[token]["definition"].get("kind") == "daemon"

    def definition(self, token):
        """What nobody changes of the job."""
        return self.jobs[token]["definition"] if token in self.jobs else {}

    def parents_of(self, token):
        """The tokens of the jobs that it runs after."""
        return [self.named[name] for name in parents_of(self.definition(token))]

    def planned_start(self, sighting):
        """When this run was to start, in milliseconds; None: that follows from how others ended."""
        definition = self.definition(sighting.token)
        if definition.get("run_after") or definition.get("requires"):
            return None
        row = self.rows.get(sighting.run)
        return row.retry_at if definition.get("jitter") and row and row.retry_at else sighting.scheduled_at

    def wrong(self, rule, words, token="", at=None, rows=(), sightings=()):
        """`at` is what the violation is about; the faults of that time are named with it."""
        faults = [] if at is None else self.faults_in(at - CALM_BEFORE, at + CALM_AFTER)
        self.violations.append(Violation(rule, words, token, at, list(rows), list(sightings), faults))

    def token_of(self, job):
        return self.tokens.get(job, "")

    def version(self, token, at):
        """The definition of the job when it is certain, else the latest possible one."""
        known = [version for version in self.histories[token].at(at) if version] if token in self.histories else []
        return known[-1] if known else None

    def faults_in(self, begin, end, kinds=None, target=None):
        """Those at work between these moments."""
        return [fault for fault in self.case.faults
                if fault["began"] <= end and fault["ended"] >= begin
                and (kinds is None or fault["kind"] in kinds)
                and (target is None or target in fault["targets"])]

    def is_calm(self, at, end=0):
        """Whether nothing was wrong then, or for all of that time."""
        return not self.faults_in(at - CALM_BEFORE, max(at, end) + CALM_AFTER)

    def was_out_of_reach(self, begin, end):
        """Whether a run of that time may have counted as lost, rightly or for a while."""
        return bool(self.faults_in(begin - CALM_BEFORE, end, LOSES))

    def lag(self, begin, end):
        """How long this machine stood still between the moments, at worst: nobody can be on time then."""
        first = bisect.bisect_left(self.lags, (begin, 0))
        last = bisect.bisect_right(self.lags, (end + SECOND, math.inf))
        return max((lag for _, lag in self.lags[first:last]), default=0.0)

    def dispatcher_at(self, at):
        known = [node for since, node in self.case.dispatchers if since <= at]
        return known[-1] if known else None

    def life(self, node, at):
        """The process of the node at this moment."""
        for life in self.case.nodes:
            if life["node"] == node and life["began"] <= at and (life["ended"] is None or at <= life["ended"]):
                return life
        return None

    # The rules.

    def find_dues(self):
        first, last = self.case.marks["began"] // SECOND, self.case.marks["read"] // SECOND
        for token, history in self.histories.items():
            parents = self.parents_of(token)
            if parents:
                # When its parents are due; which of these fires it has, PolicyJudge says.
                self.dues |= {(token, second): "may" for of, second in self.dues if of == parents[0]}
                continue
            for second in range(first, last + 1):
                verdict = verdict_of(history.at(second * SECOND), second)
                if verdict != "never":
                    self.dues[token, second] = verdict

    def every_due_fire_has_its_row(self):
        for (token, second), verdict in self.dues.items():
            if verdict != "must":
                continue
            job, at = self.ids.get(token), second * SECOND
            rows = self.rows_of_fire.get((job, second * 1000), [])
            covered = rows or [gap for gap in self.gaps[job] if gap.scheduled_at <= second * 1000 <= gap.gap_end
                               and gap.cause in ("misfire", "misfire-policy", "paused", "calendar")]
            witness = self.sightings_of_fire.get((job, second * 1000), [])
            if not covered and self.has_no_runs_left(token, job, at):
                continue
            if not covered:
                self.wrong("missing", "was due and has no row", token, at, (), witness)
            elif {row.state for row in rows} == {"revoked"} and \
                    not self.was_given_up(token, (rows[-1].ended_at or 0) * MS):
                self.wrong("revoked", "was due and is revoked, though no change took it back", token, at, rows, witness)

    def has_no_runs_left(self, token, job, at):
        """Whether as many of the job's runs were due before as it may have."""
        version = self.version(token, at)
        limit = version["definition"].get("run_limit", 0) if version else 0
        return limit and sum(row.scheduled_at * MS < at and row.state not in NOT_RUN
                             for row in self.case.rows if row.cron_id == job and row.stands_for_fire) >= limit

    def runs_are_counted(self):
        counted = collections.Counter(row.cron_id for row in self.case.rows
                                      if row.stands_for_fire and row.state not in NOT_RUN)
        for token, job in self.ids.items():
            versions = self.histories[token].at(self.case.marks["read"]) if token in self.histories else [None]
            if versions[-1] is None:
                continue  # deleted, or never there
            if job in self.case.counters and self.case.counters[job] != counted[job]:
                self.wrong("counter", f"{counted[job]} of its runs have ended, and run_num is"
                           f" {self.case.counters[job]}", token)
            limit = versions[-1]["definition"].get("run_limit", 0)
            planned = sum(row.cron_id == job and row.stands_for_fire and row.state not in NOT_RUN and not row.on_request
                          for row in self.case.rows)  # a person may ask for more
            if limit and planned > limit:
                self.wrong("limit", f"has run {planned} times by its schedule, and its run_limit is {limit}", token)

    def was_given_up(self, token, at):
        """Whether the job was stopped or deleted at this moment: what was due and had not started does not start."""
        return any(change["sent"] - MS <= at
                   and (change["outcome"] == "unknown" or at <= change["answered"] + 2 * SECOND)
                   and (change["version"] is None or change["version"]["stop"])
                   for change in self.histories[token].changes)

    def no_row_without_a_due_fire(self):
        for row in self.case.rows:
            token, at = self.token_of(row.cron_id), row.scheduled_at * MS
            if not token:
                self.wrong("stranger", f"a row of job {row.cron_id}, which nobody added", "", at, [row])
            elif row.on_request or row.is_gap and row.fires > 1:
                continue
            elif (token, row.scheduled_at // 1000) not in self.dues:
                if row.state != "revoked" and not self.was_skipped_ahead(token, row):
                    self.wrong("extra", "was not due and has a row", token, at, [row],
                               self.sightings_of_run.get(row.run, []))

    def was_skipped_ahead(self, token, row):
        """Whether it was decided before the job changed that the fire, due by then, would not start."""
        decided = row.dispatch_time * SECOND
        return row.state == "skipped" and decided < row.scheduled_at * MS and \
            all(self.was_due_at(decided, cause, row.scheduled_at // 1000) for cause in self.parents_of(token) or [token])

    def was_due_at(self, moment, token, second):
        """Whether the job was to fire then, by what it was at the moment or within the next second."""
        versions = [version for at in (moment, moment + SECOND) for version in self.histories[token].at(at)]
        return verdict_of(versions, second) != "never"

    def gaps_are_what_they_say(self):
        for job, gaps in self.gaps.items():
            token = self.token_of(job)
            for gap in gaps:
                first, last, at = gap.scheduled_at // 1000, gap.gap_end // 1000, gap.scheduled_at * MS
                own = [self.due_in(gap, token, second) for second in range(first, last + 1)
                       if self.rows_of_fire.get((job, second * 1000), [gap]) == [gap]]
                own = [verdict for verdict in own if verdict != "never"]
                fewest = own.count("must")
                if not fewest <= gap.fires <= len(own) and "at least" not in gap.reason:
                    self.wrong("gap", f"a row for {gap.fires} missed fires, but {fewest} to {len(own)} were due"
                               f" from {first} to {last}", token, at, [gap])
                if gap.cause in NO_MISFIRE:
                    continue
                version = self.version(token, at) or {"definition": {}}
                run_all = version["definition"].get("misfire_policy", "run_all") == "run_all"
                bound = window_of(version) if run_all else MISFIRE
                late = gap.dispatch_time - last
                if late < bound - 1 and not self.was_given_up(token, gap.dispatch_time * SECOND + SECOND):
                    self.wrong("gap", f"given up {late} s after the last fire; only from {bound} s on might it be",
                               token, at, [gap])

    def due_in(self, gap, token, second):
        """Whether the row has to count the fire: one is of what calendars exclude, or of what they do not."""
        due, excluded = self.dues.get((token, second), "never"), self.policies.excluded(token, second)
        if due == "never" and gap.cause in NO_MISFIRE and token in self.histories:
            # Which may have been decided before the job changed.
            ahead = verdict_of(self.histories[token].at((second - AHEAD) * SECOND), second)
            due = "never" if ahead == "never" else "may"
        if gap.cause in ("misfire", "misfire-policy"):
            return both(due, negated(excluded))
        return both(due, excluded) if gap.cause == "calendar" else due

    def in_pause(self, token, second):
        """Whether the job is in a pause then: must, may, or never."""
        if token not in self.jobs or self.jobs[token]["definition"].get("tags") != PAUSED:
            return "never"
        at, verdict = second * SECOND, "never"
        for pause in self.pauses:
            if second >= pause["until"] or pause["outcome"] not in ("ok", "unknown"):
                continue
            if pause["outcome"] == "ok" and at > pause["answered"]:
                return "must"
            if pause["outcome"] == "unknown" or at > pause["sent"] - MS:
                verdict = "may"
        return verdict

    def pauses_keep_fires_from_starting(self):
        for (job, scheduled_at), sightings in self.sightings_of_fire.items():
            token, second = sightings[0].token, scheduled_at // 1000
            if scheduled_at % 1000 == 0 and self.in_pause(token, second) == "must":
                self.wrong("paused", "ran in a pause", token, scheduled_at * MS,
                           self.rows_of_fire.get((job, scheduled_at), []), sightings)
        for row in self.case.rows:
            if row.cause != "paused":
                continue
            token, first = self.token_of(row.cron_id), row.scheduled_at // 1000
            last = (row.gap_end or row.scheduled_at) // 1000
            own = [second for second in range(first, last + 1) if (token, second) in self.dues]
            # What was due before a pause, and had not started, does not start in it.
            # By the millisecond: the pause may have begun in the same second.
            decided = max(row.ended_at or 0, row.dispatch_time * 1000) / 1000
            if any(self.in_pause(token, second) == "never" for second in own) and \
                    (row.is_gap or decided < first or self.in_pause(token, decided) == "never"):
                self.wrong("paused", "the row says that the job was paused, and it was not", token,
                           row.scheduled_at * MS, [row])

    def runs_on_request(self):
        asked = collections.defaultdict(list)
        for change in self.case.changes:
            if change["what"] == "run":
                asked[change["job"]].append(change)
        found = collections.defaultdict(list)
        for row in self.case.rows:
            if self.is_daemon(self.token_of(row.cron_id)):
                continue  # nobody asks for one
            if row.on_request and row.attempt == 1:
                found[self.token_of(row.cron_id)].append(row)
                if not row.requested_by:
                    self.wrong("unlike", "ran on request, and the row does not say on whose",
                               self.token_of(row.cron_id), row.scheduled_at * MS, [row])
            elif row.requested_by and not row.on_request and not self.parents_of(self.token_of(row.cron_id)):
                self.wrong("unlike", "a planned fire, and the row says that somebody asked for it",
                           self.token_of(row.cron_id), row.scheduled_at * MS, [row])
        for token in asked.keys() | found.keys():
            for change in asked[token]:
                if change["outcome"] == "ok" and not any(row.id == change["row"] for row in found[token]):
                    self.wrong("missing", f"a run on request was promised as row {change['row']}, which is not there",
                               token, change["answered"])
            possible = [change for change in asked[token] if change["outcome"] in ("ok", "unknown")]
            fires = sum(row.part == 0 for row in found[token])
            if fires > len(possible):
                self.wrong("extra", f"{len(possible)} runs on request were asked for, and there are {fires}", token,
                           found[token][0].scheduled_at * MS, found[token])

    def each_witness_has_its_row(self):
        for run, sightings in self.sightings_of_run.items():
            token, at = sightings[0].token, run[1] * MS
            row = self.rows.get(run)
            if row is None or row.is_gap and row.fires > 1:
                self.wrong("unrecorded", "ran and has no row", token, at, [row] if row else (), sightings)
            if run[1] % 1000 and (row is None or row.on_request):
                continue
            if (token, run[1] // 1000) not in self.dues:
                self.wrong("ran in vain", "ran and was not due: stopped, deleted, changed, or outside its window",
                           token, at, [row] if row else (), sightings)

    def one_start_per_fire(self):
        for (job, scheduled_at, part), sightings in self.sightings_of_part.items():
            if len(sightings) < 2:
                continue
            token, at = sightings[0].token, scheduled_at * MS
            rows = self.rows_of_part.get((job, scheduled_at, part), [])
            version = self.version(token, at) or {"definition": {}}
            if version["definition"].get("delivery") != "at_least_once" and not version["definition"].get("retries"):
                self.wrong("doubled", f"started {len(sightings)} times", token, at, rows, sightings)
            elif len({sighting.attempt for sighting in sightings}) < len(sightings):
                self.wrong("doubled", "an attempt was started twice", token, at, rows, sightings)

    def runs_are_where_they_may_be(self):
        """On nodes with the labels that the job wants."""
        for token in self.jobs:
            for sighting in self.sightings_of_token[token]:
                if not fits(self.definition(token), sighting.node):
                    self.wrong("where", f"ran on {sighting.node}, where it may not", token, sighting.scheduled_at * MS,
                               [self.rows[sighting.run]] if sighting.run in self.rows else (), [sighting])

    def rows_say_what_the_witness_says(self):
        for row in self.case.rows:
            token, at = self.token_of(row.cron_id), row.scheduled_at * MS
            seen = self.sightings_of_run.get(row.run, [])
            if row.state in ("success", "failed"):
                ended = [sighting for sighting in seen if sighting.ended is not None]
                if len(ended) != 1 or len(seen) != 1:
                    self.wrong("unproven", f"the row says {row.state}, and the witness saw {len(seen)} starts and"
                               f" {len(ended)} ends", token, at, [row], seen)
                elif (row.exit_code, row.state) != (ended[0].exit_code, "failed" if ended[0].exit_code else "success"):
                    self.wrong("unlike", f"the row says {row.state} with exit code {row.exit_code}, the command ended"
                               f" with {ended[0].exit_code}", token, at, [row], seen)
            elif row.state in ("timeout", "fenced", "killed") and seen and seen[-1].ended is not None \
                    and row.ended_at - seen[-1].ended / 1000 > ENDED_BEFORE * 1000 \
                    and not self.was_condemned(row, token, seen[-1].ended / 1000):
                self.wrong("unlike", f"the row says {row.state}, but it had ended by itself"
                           f" {row.ended_at / 1000 - seen[-1].ended / 1e6:.1f} s earlier", token, at, [row], seen)
            elif row.state in ("skipped", "revoked", "planned") and seen:
                self.wrong("unlike", f"the row says {row.state}, and it ran", token, at, [row], seen)
            elif row.state in ("timeout", "fenced", "killed") and row.started_at is not None and len(seen) != 1:
                # It may have been killed before it could say anything; then it did not run for long, or nobody on
                # that machine could.
                if row.ended_at - row.started_at > 1000 + self.longest_silence(row):
                    self.wrong("unproven", f"the row says {row.state} after a start, the witness saw {len(seen)}",
                               token, at, [row], seen)
            if seen and row.run_server and seen[-1].node != row.run_server and row.state not in ("lost", "running"):
                self.wrong("unlike", f"the row says that it ran on {row.run_server}, it did on {seen[-1].node}",
                           token, at, [row], seen)

    def longest_silence(self, row):
        """How long (ms) a command needed, at most, for its first word on this node, of those that were started at about
        the same time: when hundreds of fires are caught up with, it takes seconds."""
        waits = [sighting.began / 1000 - other.started_at for sighting in self.case.sightings
                 if sighting.node == row.run_server and abs(sighting.began / 1000 - row.started_at) <= SILENCE * 1000
                 and (other := self.rows.get(sighting.run)) and other.started_at is not None]
        return max(waits, default=0)

    def was_condemned(self, row, token, ended):
        """Whether it had been told to end when it did (milliseconds), though nobody was there to see it end."""
        if row.state == "timeout":
            version = self.version(token, row.scheduled_at * MS)
            return version and ended >= row.started_at + 1000 * version["definition"].get("timeout", 0)
        newer = re.match(r"replaced: by job \d+ at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", row.reason)
        return newer and ended >= 1000 * calendar.timegm(time.strptime(newer[1], "%Y-%m-%dT%H:%M:%S"))

    def commands_are_those_of_their_version(self):
        """A fire runs the command that its job had when it was due, or when it started, if that was late."""
        for sighting in self.case.sightings:
            if sighting.ended is None or sighting.token not in self.histories:
                continue
            history = self.histories[sighting.token]
            versions = [version for at in (sighting.scheduled_at * MS, sighting.began * 1000)
                        for version in history.at(at) if version]
            row = self.rows.get(sighting.run)
            at = sighting.scheduled_at * MS
            codes = {version["run"]["code"] for version in versions}
            codes |= {0} if any(version["run"].get("flaky") for version in versions) else set()
            if versions and sighting.exit_code not in codes:
                self.wrong("command", f"ran a command that ends with {sighting.exit_code}; the job had another then",
                           sighting.token, at, [row] if row else (), [sighting])
            if row is None or row.state not in ("success", "failed") or not versions:
                continue
            sizes = {version["run"]["bytes"] and version["run"]["bytes"] + 1 for version in versions}
            if row.output_bytes not in sizes:
                self.wrong("unlike", f"the row says that it wrote {row.output_bytes} bytes, it wrote"
                           f" {' or '.join(map(str, sizes))}", sighting.token, at, [row], [sighting])
            apart = abs(row.started_at / 1e3 - sighting.began / 1e6)
            suspended = self.faults_in(row.started_at * MS, sighting.began * 1000, {"suspend"}, sighting.node)
            if apart > GROSS + self.lag(row.started_at * MS, sighting.began * 1000) and not suspended:
                self.wrong("unlike", f"the row's start and the command's are {apart:.1f} s apart", sighting.token, at,
                           [row], [sighting])

    def not_more_at_once_than_may_be(self):
        for token, sightings in self.sightings_of_token.items():
            places = self.jobs[token]["run"]["places"] if token in self.jobs else 0
            if not places:
                continue
            for sighting in sightings:
                if sighting.place == "full":
                    alive = [other for other in sightings if other.began <= sighting.began and other is not sighting
                             and other.part == sighting.part and (other.ended is None or other.ended >= sighting.began)][-3:]
                    self.overlap(token, places, sighting, alive)
            # The same by the clocks, as far as the ends were written. Each part of a fire has a limit of its own.
            ends = collections.defaultdict(list)
            for sighting in sightings:
                alive = ends[sighting.part] = [other for other in ends[sighting.part] if other.ended > sighting.began]
                if len(alive) >= places and sighting.place != "full":
                    self.overlap(token, places, sighting, alive)
                if sighting.ended is not None:
                    alive.append(sighting)

    def locks_of(self, token):
        """How much a run takes of which locks."""
        return claims_of(self.definition(token))

    def is_limited(self, token):
        return self.jobs[token]["run"]["places"] > 0 or bool(self.locks_of(token))

    def a_lock_has_its_limit(self):
        """Over all jobs and nodes: by the kernel's locks, and by the clocks, as far as the ends were written."""
        holders = collections.defaultdict(list)
        for token, sightings in self.sightings_of_token.items():
            for lock, weight in self.locks_of(token).items():
                holders[lock] += [(sighting, weight) for sighting in sightings]
        for lock, runs in sorted(holders.items()):
            alive = []
            for sighting, weight in sorted(runs, key=lambda run: run[0].began):
                alive = [(other, taken) for other, taken in alive if other.ended is None or other.ended > sighting.began]
                known = [(other, taken) for other, taken in alive if other.ended is not None]
                found_full = sighting.place == f"no:{lock}"
                if found_full or sum(taken for _, taken in known) + weight > LIMITS.get(lock, 1):
                    holding = [other for other, _ in (alive[-3:] if found_full else known)]
                    rows = [self.rows[other.run] for other in (*holding, sighting) if other.run in self.rows]
                    self.wrong("lock", f"started while other runs held the lock {lock}, of whose limit it takes {weight}",
                               sighting.token, sighting.began * 1000, rows, (*holding, sighting))
                alive.append((sighting, weight))

    def overlap(self, token, places, sighting, alive):
        rows = [self.rows[other.run] for other in (*alive, sighting) if other.run in self.rows]
        self.wrong("overlap", f"started while as many of its runs were alive as there may be, {places}", token,
                   sighting.began * 1000, rows, (*alive, sighting))

    def one_waits_at_most(self):
        for token, sightings in self.sightings_of_token.items():
            version = self.jobs[token]["definition"] if token in self.jobs else {}
            if version.get("overlap") != "queue":
                continue
            waits = [sighting for sighting in sightings if sighting.lateness > 0.7 and sighting.attempt == 1
                     and self.is_calm(sighting.scheduled_at * MS)]
            for one, other in zip(waits, waits[1:]):
                both = one.began / 1e6 - other.scheduled_at / 1e3
                if both > 0.5 and other.scheduled_at > one.scheduled_at:
                    self.wrong("queue", f"waited together with the fire before it for {both:.1f} s; one may wait",
                               token, other.scheduled_at * MS, (), [one, other])

    def every_row_has_ended(self):
        for row in self.case.rows:
            if row.state not in ledger.FINAL:
                self.wrong("open", f"is still {row.state} after the quiet time", self.token_of(row.cron_id),
                           row.scheduled_at * MS, [row], self.sightings_of_run.get(row.run, []))

    def states_have_a_cause(self):
        for row in self.case.rows:
            token, at = self.token_of(row.cron_id), row.scheduled_at * MS
            why = self.objection(row, token, at) if token in self.jobs else ""
            if why:
                self.wrong("unexplained", f"the row says {row.state} ({row.reason or 'no reason'}), and {why}", token,
                           at, [row], self.sightings_of_run.get(row.run, []))

    def objection(self, row, token, at):
        """What speaks against the row's state; "" when nothing does."""
        version = self.version(token, at)
        definition = version["definition"] if version else self.jobs[token]["definition"]
        nap = self.longest_nap(token, at)
        ended = (row.ended_at or row.scheduled_at) * MS
        seen = self.sightings_of_run.get(row.run, [])
        if row.state == "lost":
            return self.objection_to_lost(row, max(at, (row.retry_at or 0) * MS), ended, seen)
        if row.state == "timeout":
            if not definition.get("timeout"):
                return "the job has no timeout"
            return "it ended earlier" if nap < definition["timeout"] else ""
        if row.state == "fenced":
            if not self.is_limited(token):
                return "the job may run any number of times at once"
            cause = [fault for fault in self.faults_in(at - CALM_BEFORE, ended) if fault["kind"] != "narrow-link"
                     and min(fault["ended"], ended) - fault["began"] > LEASE * 0.8]
            several = len(self.faults_in(ended - LEASE - 3 * SECOND, ended)) > 1
            return "" if cause or several else "nothing kept its node from the others for a lease"
        if row.state == "killed":
            if row.cause == "node-stopped":
                stops = self.faults_in(at, ended, {"rolling-restart", "kill-warden"})
                if not stops:
                    return "nobody stopped its node"
                if self.is_daemon(token):
                    return ""
                return "" if nap > DRAIN - 2 or any(f["kind"] == "kill-warden" for f in stops) else \
                    "it would have ended within the drain's time"
            if row.cause.startswith("replaced"):
                return "" if definition.get("overlap") == "replace" else "the job's overlap policy is another"
            if row.cause == "job-stopped" and self.is_daemon(token):
                return "" if self.was_given_up(token, ended) or self.version(token, ended) is None or \
                    self.version(token, ended)["stop"] else "nobody stopped the job"
            return "nobody ended it"
        if row.state == "failed" and not seen:
            return "its command never ran"
        if row.state == "skipped":
            return self.objection_to_skipped(row, token, at, definition)
        return ""

    def longest_nap(self, token, at):
        return max((version["run"]["nap"] for version in self.histories[token].at(at) if version), default=0)

    def objection_to_lost(self, row, at, ended, seen):
        if not self.was_out_of_reach(min(at, ended), ended):
            return "no node was down or out of reach"
        died = [life["ended"] for life in self.case.nodes if life["node"] == row.run_server and life["ended"]]
        if seen and seen[-1].ended is not None:
            finished = seen[-1].ended * 1000
            life = self.life(seen[-1].node, finished)
            told_by = finished + NEVER_TOLD * SECOND
            if life and (life["ended"] is None or life["ended"] > max(told_by, self.case.marks["healed"])):
                return f"its node {seen[-1].node} lives on and knows how it ended"
        if not seen and row.run_server:
            before = [moment for moment in died if moment < at - SECOND]
            if before:
                nearest = max(before)
                alone = [fault for fault in self.faults_in(nearest - CALM_BEFORE, at + CALM_AFTER)]
                if len(alone) == 1 and alone[0]["kind"] in ("kill-dispatcher", "kill-worker", "rolling-restart") \
                        and self.life(row.run_server, at) is None:
                    return (f"it was due {(at - nearest) / SECOND:.1f} s after its node died: it was known not to"
                            " have started and had to go to another one")
        return ""

    def objection_to_skipped(self, row, token, at, definition):
        # Jitter, and other jobs, may make it start later than it is due.
        end = (row.ended_at or row.scheduled_at) * MS
        calm = self.is_calm(at, end)
        limited = self.is_limited(token)
        if row.cause in ("calendar", "parent", "requires"):
            wanted = {"calendar": "calendar", "parent": "run_after", "requires": "requires"}[row.cause]
            return "" if definition.get(wanted) else f"the job has no {wanted}"  # the rest says PolicyJudge
        if row.cause == "lock":
            if not self.locks_of(token):
                return "the job has no locks"
            free = all(self.most_taken(lock, row, at, end) + weight <= LIMITS.get(lock, 1)
                       for lock, weight in self.locks_of(token).items())
            return "its locks were free" if free and calm else ""
        if row.cause in ("mutex", "overlap", "concurrency"):
            if not limited:
                return "the job may run any number of times at once"
            if definition.get("overlap") == "replace":
                return "the job replaces what runs" if calm else ""
            alive = [other for other in self.sightings_of_token[token]
                     if other.began * 1000 < end + 500 * MS and other.run != row.run
                     and (row.parts == 1 or other.part == row.part)
                     and (other.ended is None or other.ended * 1000 > at - 500 * MS)]
            return "" if alive or not calm else "no other run of the job was alive"
        if row.cause == "replaced":
            return "" if definition.get("overlap") == "replace" else "the job's overlap policy is another"
        if row.cause in ("misfire", "misfire-policy"):
            return "nothing kept anybody from planning or starting it" if calm else ""
        if row.cause in ("no-node", "node-isolated", "owner-unreachable"):
            if row.cause != "no-node" and not limited:
                return "the job may run any number of times at once"
            return "no node was out of reach" if calm else ""
        if row.cause == "paused":
            return ""  # see pauses_keep_fires_from_starting()
        if row.cause == "start-limit":
            return "" if definition.get("start_limit") else "the job has no start_limit"
        if row.cause == "superseded" and definition.get("requires_wait"):
            return ""
        if row.cause == "superseded":
            return "" if definition.get("retries") and row.attempt > 1 else "the job has no retries"
        return "there is no such cause here"

    def most_taken(self, lock, row, begin, end):
        """How much of the lock other runs held between these moments, or waited for, at most."""
        taken = 0
        for other, claims in self.holders:
            was_alive = other.began * 1000 < end + 500 * MS \
                and (other.ended is None or other.ended * 1000 > begin - 500 * MS)
            # One that waits may be the reason, too, and starts only later.
            has_waited = other.scheduled_at * MS <= end and other.began * 1000 > begin
            if other.run != row.run and (was_alive or has_waited):
                taken += claims.get(lock, 0)
        # Or never.
        return taken + sum(claims.get(lock, 0) for other, claims in self.waiters if other.run != row.run
                           and other.scheduled_at * MS <= end and other.ended_at * MS > begin)

    def at_least_once(self):
        for (job, scheduled_at, _), rows in self.rows_of_part.items():
            token, at = self.token_of(job), scheduled_at * MS
            last = rows[-1]
            if last.state not in ("lost", "fenced") and (last.state, last.cause) != ("killed", "node-stopped"):
                continue
            if token not in self.histories or (last.ended_at or 0) * MS > self.case.marks["stopped"] - 5 * SECOND:
                continue
            ended = last.ended_at or scheduled_at
            wanted = [version is not None and version["definition"].get("delivery") == "at_least_once"
                      and not version["stop"] and (ended - scheduled_at) / 1000 < window_of(version) - 5
                      for version in self.histories[token].at(ended * MS)]
            most = max([MOST_ATTEMPTS] + [version["definition"].get("retries", 0) + 1
                                          for version in self.histories[token].at(ended * MS) if version])
            if all(wanted) and last.attempt < most:
                self.wrong("once at least", f"its last attempt ended as {last.state}, and there is no further one",
                           token, at, rows, self.sightings_of_fire.get((job, scheduled_at), []))

    def retry_of(self, row):
        """When the attempt after this one is due, (earliest, latest) in milliseconds; None when there is none, or a
        change or the job's next fire may have come between."""
        token = self.token_of(row.cron_id)
        if token not in self.histories or row.state not in ("failed", "timeout") or row.ended_at is None:
            return None
        versions = self.histories[token].at(row.ended_at * MS)
        if len(versions) != 1 or versions[0] is None or versions[0]["stop"]:
            return None
        version, definition = versions[0], versions[0]["definition"]
        if row.attempt > definition.get("retries", 0) or not names_end(definition.get("retry_on", ""), row):
            return None
        first = definition.get("retry_delay", RETRY_DELAY)
        longest = max(first, definition.get("retry_max_delay", RETRY_MAX_DELAY))
        delay = 1000 * min(first * 2 ** (row.attempt - 1), longest)
        earliest, latest = row.ended_at + delay * (1 - SPREAD), row.ended_at + delay * (1 + SPREAD) + 1000 * CLOCKS
        later = self.histories[token].at(int(latest * MS) + 2 * SECOND)
        if later != [version] or any((token, second) in self.dues for second in
                                     range(row.scheduled_at // 1000 + 1, int(latest // 1000) + 2)):
            return None
        return earliest, latest

    def failures_are_tried_again(self):
        for row in self.case.rows:
            due = self.retry_of(row)
            if due is None or due[1] * MS > self.case.marks["stopped"] - 5 * SECOND:
                continue
            token, at = self.token_of(row.cron_id), int(due[0] * MS)
            run = (row.cron_id, row.scheduled_at, row.attempt + 1, row.part)
            next_row, seen = self.rows.get(run), self.sightings_of_run.get(run, [])
            if next_row is None:
                self.wrong("retry", f"attempt {row.attempt} is {row.state}, and there is no further one", token, at,
                           [row], self.sightings_of_run.get(row.run, []))
                continue
            if next_row.retry_at is not None and not due[0] - 1000 * CLOCKS <= next_row.retry_at <= due[1]:
                self.wrong("retry", f"its next attempt was planned for {(next_row.retry_at - due[0]) / 1000:.1f} s after"
                           " it was due", token, at, [row, next_row], seen)
            late = seen[0].began / 1e3 - due[1] if seen else 0
            if late > 1000 * (GROSS + self.lag(at, at + int(late * MS))) and self.is_calm(at):
                self.wrong("retry", f"tried again {late / 1000:.1f} s late in a calm time", token, at, [row, next_row],
                           seen)

    def only_failures_are_tried_again(self):
        for (job, scheduled_at, part), sightings in self.sightings_of_part.items():
            for one, other in zip(sightings, sightings[1:]):
                token, at = one.token, other.began * 1000
                version = self.version(token, at) or {"definition": {}}
                definition = version["definition"]
                if not definition.get("retries"):
                    continue  # see one_start_per_fire()
                rows = self.rows_of_part.get((job, scheduled_at, part), [])
                before = self.rows.get((job, scheduled_at, other.attempt - 1, part))
                if other.attempt <= one.attempt:
                    self.wrong("doubled", "an attempt was started again", token, at, rows, sightings)
                elif before is None or before.state in ("failed", "timeout"):
                    if one.attempt == other.attempt - 1 and one.ended is not None and before is not None:
                        first = definition.get("retry_delay", RETRY_DELAY)
                        longest = max(first, definition.get("retry_max_delay", RETRY_MAX_DELAY))
                        delay = min(first * 2 ** (one.attempt - 1), longest)
                        waited = (other.began - one.ended) / 1e6
                        if waited < delay * (1 - SPREAD) - CLOCKS:
                            self.wrong("retry", f"tried again after {waited:.1f} s instead of {delay} s", token, at, rows,
                                       sightings)
                elif definition.get("delivery") != "at_least_once":
                    self.wrong("retry", f"tried again although the attempt before it is {before.state}", token, at, rows,
                               sightings)

    # Daemons, which nobody changes here before they are stopped in the end. That no two of one are alive together is
    # not_more_at_once_than_may_be().

    def daemons_are_kept_alive(self):
        for token, sightings in self.sightings_of_token.items():
            if not self.is_daemon(token):
                continue
            definition = self.jobs[token]["definition"]
            failures = 0
            for one, other in zip(sightings, sightings[1:]):
                ended, by_itself = self.end_of_daemon(one)
                if ended is None:
                    continue
                if ended - one.began / 1e6 >= definition.get("healthy_after", HEALTHY_AFTER):
                    failures = 0
                elif by_itself:
                    failures += 1
                delay = self.restart_delay(definition, failures) if by_itself else 0
                self.judge_restart(token, one, other, delay, other.began / 1e6 - ended)
                if by_itself and failures >= definition.get("start_limit", math.inf):
                    self.wrong("daemon", f"started again after {failures} failures in a row", token, other.began * 1000,
                               self.rows_of_daemon(one, other), [one, other])
        for token, job in self.ids.items():
            if self.is_daemon(token):
                self.judge_last_start(token, job)

    def end_of_daemon(self, sighting):
        """(when it ended in seconds, whether by itself); (None, _): nobody knows."""
        row = self.rows.get(sighting.run)
        by_itself = sighting.ended is not None and row is not None and row.state in ("success", "failed")
        if sighting.ended is not None:
            return sighting.ended / 1e6, by_itself
        # A node that was stopped says when it went on, not when its warden ended the command; and that a run is lost is
        # found out later than it was.
        if row is None or not row.ended_at or row.state == "fenced":
            return None, False
        if row.state == "lost":
            life = self.life(sighting.node, int(sighting.began * 1000))
            return (life["ended"] / SECOND if life and life["ended"] else None), False
        return row.ended_at / 1000, False

    def restart_delay(self, definition, failures):
        first = definition.get("restart_delay", RESTART_DELAY)
        longest = max(first, definition.get("restart_max_delay", RESTART_MAX_DELAY))
        return min(first * 2 ** max(0, failures - 1), longest)

    def rows_of_daemon(self, *sightings):
        return [self.rows[sighting.run] for sighting in sightings if sighting.run in self.rows]

    def judge_restart(self, token, one, other, delay, waited):
        at = other.began * 1000
        if waited < delay - CLOCKS:
            self.wrong("daemon", f"started again after {waited:.1f} s instead of {delay} s", token, at,
                       self.rows_of_daemon(one, other), [one, other])
        late = waited - delay
        begun = at - int(late * SECOND)
        if late > GROSS + self.lag(begun, at) and self.is_calm(begun):
            self.wrong("daemon", f"was down for {late:.1f} s longer than it had to be, in a calm time", token, begun,
                       self.rows_of_daemon(one, other), [one, other])

    def share_alive(self, token, excused=False):
        """The share of the seconds, from its first start to the stop of all jobs, in which it was seen alive; with
        `excused` of those in which a node could have run it."""
        sightings = self.sightings_of_token[token]
        if not sightings:
            return 0.0
        last = self.case.marks["stopped"] / SECOND
        lives = [(sighting.began / 1e6, self.end_of_daemon(sighting)[0] or last) for sighting in sightings]
        seconds = [second for second in range(math.ceil(lives[0][0]), math.floor(last))
                   if not (excused and self.faults_in(second * SECOND - AFTERMATH, second * SECOND, EXCUSES))]
        alive = sum(any(began <= second < ended for began, ended in lives) for second in seconds)
        return alive / max(1, len(seconds))

    def judge_last_start(self, token, job):
        """In the quiet time before all jobs are stopped it is up, in back-off, or given up."""
        stopped = self.case.marks["stopped"]
        rows = sorted((row for row in self.case.rows if row.cron_id == job and row.state != "revoked"),
                      key=lambda row: row.scheduled_at)
        sightings = self.sightings_of_token[token]
        definition = self.jobs[token]["definition"]
        if rows and rows[-1].cause == "start-limit":
            if rows[-1].reason.split()[1:2] != [str(definition.get("start_limit"))]:
                self.wrong("daemon", "given up after another number of failures than its start_limit", token,
                           rows[-1].scheduled_at * MS, rows[-3:], sightings[-3:])
            return
        ended = self.end_of_daemon(sightings[-1])[0] if sightings else self.case.marks["began"] / SECOND
        longest = self.restart_delay(definition, 32)
        if ended is not None and stopped / SECOND - ended > longest + GROSS and self.is_calm(stopped):
            self.wrong("daemon", f"was down for {stopped / SECOND - ended:.1f} s when all jobs were stopped", token, stopped,
                       rows[-2:], sightings[-2:])

    def on_time(self):
        for sightings in self.sightings_of_part.values():
            first = sightings[0]
            row = self.rows.get(first.run)
            start = self.planned_start(first)
            if first.attempt != 1 or first.scheduled_at % 1000 or start is None:
                continue
            at, lateness = start * MS, first.began / 1e6 - start / 1e3
            if lateness < -0.002:
                self.wrong("early", f"started {-lateness:.3f} s before its time", first.token, at, [row] if row else (),
                           [first])
            if lateness <= GROSS + self.lag(at, first.began * 1000):
                continue
            definition = self.definition(first.token)
            if definition.get("overlap") in ("queue", "replace") or self.has_one_node(definition):
                continue
            # Nobody could plan what a change made due while the database had not answered it.
            if verdict_of(self.histories[first.token].at(first.scheduled_at * MS), first.scheduled_at // 1000) == "may":
                continue
            why = self.why_it_had_to_be_on_time(first, at)
            if why:
                self.wrong("late", f"started {lateness:.1f} s late, though {why}", first.token, at,
                           [row] if row else (), [first])

    def has_one_node(self, definition):
        """Whether its fires wait while one node is away."""
        return sum(fits(definition, node) for node in {life["node"] for life in self.case.nodes}) < 2

    def why_it_had_to_be_on_time(self, sighting, at):
        """By the table of promises; "" when it did not have to."""
        faults = self.faults_in(at - AFTERMATH, sighting.began * 1000)
        if not faults:
            return "nothing was wrong" if self.is_calm(at) or at > self.case.marks["quiet"] else ""
        if self.faults_in(at - CALM_BEFORE, at - AFTERMATH, STORE | {"kill-all", "pause-all"}):
            return ""
        # Another one of Consul's may have left no dispatcher, so that the plan ended before this fault did.
        if any(fault not in faults for fault in self.faults_in(at - CALM_BEFORE, at - AFTERMATH, CONSUL)):
            return ""
        for fault in faults:
            if fault["kind"] in ON_TIME:
                continue
            own = sighting.node in fault["targets"]
            dispatched = self.dispatcher_at(fault["began"]) in fault["targets"]
            if fault["kind"] not in ON_TIME_IF_DISPATCHER or own or not dispatched:
                return ""
        if len(faults) > 1:
            return ""
        return f"a {faults[0]['kind']} delays no fire by more than {GROSS:.0f} s"

    def the_audit_says_so_too(self):
        """`peercron audit` is what people have instead of this judge: it ends with 0, and has looked at everything."""
        if self.case.audit is None:
            return
        answer = self.case.audit["answer"]
        if answer is None:
            self.wrong("audit", f"peercron audit ended with {self.case.audit['status']}: {self.case.audit['errors']}")
            return
        totals = answer["totals"]
        # Of what is missed the rows say so themselves, and are judged.
        findings = [finding for finding in answer["findings"] if finding["kind"] != "missed"]
        for finding in findings:
            job, scheduled_at = finding["cron_id"], finding["scheduled_at"]
            self.wrong("audit", f"peercron audit says {finding['kind']}: {finding['what']}", self.token_of(job),
                       scheduled_at * MS, self.rows_of_fire.get((job, scheduled_at), []),
                       self.sightings_of_fire.get((job, scheduled_at), []))
        if self.case.audit["status"] != 0 and not answer["findings"]:
            self.wrong("audit", f"peercron audit ended with {self.case.audit['status']}, and found nothing; its totals"
                       f" are {totals}")
        # What it could not judge is counted as well, and rows of what may have been due are the most that there can be.
        must = list(self.dues.values()).count("must")
        seen = totals["due"] + totals["unjudged_fires"] + totals["unjudged_rows"]
        if seen < must or totals["due"] > len(self.dues):
            self.wrong("audit", f"peercron audit says that {totals['due']} fires were due and has not judged"
                       f" {totals['unjudged_fires']} fires and {totals['unjudged_rows']} rows; {must} to"
                       f" {len(self.dues)} were due")

    def who_wants_to_know_is_told(self):
        """See notice_judge.py."""
        if self.case.outbox is None:
            return
        told = [{"token": token, "id": self.ids[token], "definition": job["definition"]}
                for token, job in self.jobs.items() if job["definition"].get("notify") and token in self.ids]
        self.notices = NoticeJudge(self.case, told, lambda words, token, at: self.wrong("notice", words, token, at))
        self.notices.judge()

    # Figures.

    def figures(self):
        states = collections.Counter(row.state for row in self.case.rows)
        causes = collections.Counter(f"{row.state}: {row.cause}" for row in self.case.rows
                                     if row.reason and row.state != "success")
        late = collections.defaultdict(list)
        for sightings in self.sightings_of_part.values():
            first = sightings[0]
            definition, start = self.definition(first.token), self.planned_start(first)
            if first.attempt != 1 or first.scheduled_at % 1000 or definition.get("overlap") in ("queue", "replace"):
                continue
            if start is None or self.has_one_node(definition):
                continue
            at, lateness = start * MS, first.began / 1e6 - start / 1e3
            late["all"].append(lateness)
            if self.is_calm(at):
                late["calm times"].append(lateness)
            if at > self.case.marks["quiet"]:
                late["the quiet time at the end"].append(lateness)
            active = self.faults_in(at - AFTERMATH, at)
            if len(active) == 1:
                late[active[0]["kind"] + " alone"].append(lateness)
        verdicts = collections.Counter(self.dues.values())
        return {
            "due": {"must": verdicts["must"], "may": verdicts["may"]},
            "audit": self.case.audit and self.case.audit["answer"] and self.case.audit["answer"]["totals"],
            "rows": len(self.case.rows),
            "witnessed": len(self.case.sightings),
            "states": dict(states),
            "causes": dict(causes),
            "lateness": {name: {"fires": len(values), "p50": percentile(values, 0.5), "p99": percentile(values, 0.99),
                                "max": max(values)} for name, values in sorted(late.items())},
            "daemons": {token: {"label": self.jobs[token]["kind"], "alive": round(self.share_alive(token), 4),
                                "alive_when_possible": round(self.share_alive(token, excused=True), 4)}
                        for token in self.jobs if self.is_daemon(token)},
            "longest_lag": max((lag for _, lag in self.lags), default=0.0),
            "faults": dict(collections.Counter(fault["kind"] for fault in self.case.faults)),
            "policies": self.policies.figures(),
            "notices": self.notices and self.notices.figures(),
        }
