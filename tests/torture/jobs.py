"""Jobs of every kind, and the changes that people make to them meanwhile: all chosen by the seed."""
import copy

RUN = {"nap": 0, "code": 0, "bytes": 0, "places": 0, "deaf": False, "flaky": False, "claims": ()}
ONCE_A_MINUTE_AT_LEAST = (
    "*/1 * * * * *", "*/2 * * * * *", "*/3 * * * * *", "*/5 * * * * *", "*/7 * * * * *", "1-59/4 * * * * *",
    "0,7,13,21,34,55 * * * * *", "0-9,30-39 * * * * *", "*/6 0-29,30-59 * * * *", "5/10 */1 0-23 * 1-12 *",
    "*/4 * * 1-15,16-31 JAN-JUN,JUL-DEC *", "3-57/9 0-58/2,1-59/2 */1 * * 0-7", "*/8 * 0-11,12-23 */1 * SUN-SAT")
# The parameters that say how many runs there may be, and what to do where "exactly once" cannot be had.
POLICIES = ("delivery", "misfire_policy", "overlap", "max_concurrent", "retries", "restart", "run_on", "locks", "notify",
            "calendar", "jitter", "run_after", "requires", "shards")
EACH_RUN = "failed,success,skipped,lost"
# Who wants to know what: by the jobs' kinds, of which nobody changes any.
TOLD = {"failing": "failing,recovered", "flaky, superseded": "failing,recovered", "slow": EACH_RUN, "timeout": EACH_RUN,
        "slower than a drain": EACH_RUN, "mutex, longer than its period": "failed,skipped,lost", "mutex, long": EACH_RUN,
        "at least once, slow": EACH_RUN, "misfires skipped": "skipped,failed", "flaky, tried again": EACH_RUN,
        "queued, usually alone": EACH_RUN, "short misfire window": "skipped,lost,failing,recovered"}
SPARED = "10.77.0.11"  # node1's address (servers.py), where some jobs may not run
FOR_EVER = 100_000  # seconds
DAEMONS = 3  # that never end by themselves
PAUSED = "paused"  # a tag
LIMITS = {"pool": 2}  # of locks; any other lock has room for one run
# Calendars, which people set again and again: one whose times jobs are not in, and one whose times they must be in.
FROZEN, SHIFT = "frozen", "shift"
KNOWN_FOR = 240  # seconds that a calendar's text says something about
NO_END = 86_400 * 30  # seconds; so late a job that must be in a calendar has a fire still, as each has to have


def places_of(definition):
    """How many runs of the job there may be at a time; 0 = any number."""
    if definition.get("is_mutex") or definition.get("kind") == "daemon":
        return 1
    limit = definition.get("max_concurrent", 0)
    return limit or (1 if definition.get("overlap", "allow") != "allow" else 0)


def words_of(definition, field):
    return [word for word in definition.get(field, "").split(",") if word]


def claims_of(definition):
    """Lock → how much of it a run of the job takes."""
    claims = [word.partition(":") for word in words_of(definition, "locks")]
    return {name: int(weight or 1) for name, _, weight in claims}


def parents_of(definition):
    """The names of the jobs that it runs after."""
    return words_of(definition, "run_after")


def side_of(node):
    """The label that a node has in its configuration."""
    return "odd" if int(node.rpartition(":")[0].rpartition(".")[2]) % 2 else "even"


def fits(definition, node):
    """Whether the job may run there."""
    labels = {f"address={node.rpartition(':')[0]}", side_of(node)}
    return all(word[1:] not in labels if word.startswith("!") else word in labels
               for word in words_of(definition, "run_on"))


class Generator:
    def __init__(self, random, seconds, policies, daemon_count):
        self.random = random
        self.seconds = seconds
        self.policies = policies
        self.daemon_count = daemon_count
        self.jobs = []

    def add(self, label, cron, run=None, window=None, shell=False, **definition):
        """`cron`: None for a daemon."""
        definition.setdefault("stop", 0)
        claims = [f"{name}:{weight}:{LIMITS.get(name, 1)}" for name, weight in claims_of(definition).items()]
        run = {**RUN, **(run or {}), "places": places_of(definition), "claims": claims}
        self.jobs.append({"token": f"j{len(self.jobs) + 1:02}", "kind": label, "cron": cron, "run": run,
                          "window": window, "shell": shell, "definition": definition})
        return self.jobs[-1]

    def usual(self):
        """One job of each kind at least."""
        random, add = self.random, self.add
        every = "*/1 * * * * *"
        add("every second", every)
        add("every second through a shell", every, shell=True)
        for n in (2, 3, 5, 7):
            add(f"every {n} s", f"*/{n} * * * * *")
        for cron in random.sample(ONCE_A_MINUTE_AT_LEAST[5:], 4):
            add("lists and ranges", cron)
        for _ in range(2):
            begin = random.uniform(3, self.seconds * 0.5)
            add("window", random.choice(ONCE_A_MINUTE_AT_LEAST[:3]),
                window=[begin, begin + random.uniform(10, self.seconds * 0.5)])
        add("mutex, shorter than its period", "*/3 * * * * *", {"nap": 1}, is_mutex=1)
        add("mutex, longer than its period", "*/2 * * * * *", {"nap": random.choice((3, 5))}, is_mutex=1)
        add("mutex, about its period", every, {"nap": 0.9}, is_mutex=1)
        add("mutex, deaf to SIGTERM", "*/3 * * * * *", {"nap": 4, "deaf": True}, is_mutex=1)
        add("mutex, long", "*/5 * * * * *", {"nap": 18}, is_mutex=1)
        add("slow", "*/4 * * * * *", {"nap": random.choice((2, 3, 5, 8))})
        add("slower than a drain", "*/20 * * * * *", {"nap": 14})
        add("failing", "*/4 * * * * *", {"code": random.randint(1, 99)})
        add("timeout", "*/6 * * * * *", {"nap": 30}, timeout=2)
        add("timeout, deaf to SIGTERM", "*/15 * * * * *", {"nap": 30, "deaf": True}, timeout=1)
        add("timeout that it keeps", "*/3 * * * * *", {"nap": 1}, timeout=30)
        add("loud", "*/5 * * * * *", {"bytes": 100_000})
        add("stopped", every, stop=1)
        add("limited runs", "*/3 * * * * *", run_limit=random.randint(5, 30))
        add("short misfire window", "*/2 * * * * *", misfire_window=random.choice((3, 6)))

    def with_policies(self):
        random, add, known = self.random, self.add, self.policies
        every = "*/1 * * * * *"
        if "delivery" in known:
            add("at least once", "*/2 * * * * *", {"nap": 1}, delivery="at_least_once")
            add("at least once, slow", "*/5 * * * * *", {"nap": 7}, delivery="at_least_once")
            add("at least once, mutex", "*/4 * * * * *", {"nap": 6}, delivery="at_least_once", is_mutex=1)
        if "misfire_policy" in known:
            add("misfires skipped", every, misfire_policy="skip")
            add("latest misfire", every, misfire_policy="run_latest")
            add("latest misfire, slow", "*/3 * * * * *", {"nap": 2}, misfire_policy="run_latest")
        if "overlap" in known:
            add("queued", "*/2 * * * * *", {"nap": 3}, overlap="queue")
            add("queued, usually alone", "*/5 * * * * *", {"nap": 2}, overlap="queue")
            add("replaced", "*/4 * * * * *", {"nap": random.choice((6, 9))}, overlap="replace")
            add("replaced, deaf to SIGTERM", "*/10 * * * * *", {"nap": 13, "deaf": True}, overlap="replace")
            add("skipped", "*/2 * * * * *", {"nap": 3}, overlap="skip")
        if "max_concurrent" in known:
            add("two at a time", every, {"nap": 3}, max_concurrent=2, **self.overlap("skip"))
            add("two at a time, queued", every, {"nap": 2.5}, max_concurrent=2, **self.overlap("queue"))

        if "retries" in known:
            code = random.randint(1, 99)
            add("flaky, tried again", "*/20 * * * * *", {"code": code, "flaky": True}, retries=2, retry_delay=3)
            add("flaky, soon", "*/10 * * * * *", {"code": code, "flaky": True, "nap": 1}, retries=3, retry_delay=1)
            add("flaky, not this code", "*/15 * * * * *", {"code": code, "flaky": True}, retries=2, retry_delay=2,
                retry_on=f"failed,!{code}")
            add("flaky, mutex", "*/30 * * * * *", {"code": code, "flaky": True, "nap": 2}, retries=4, retry_delay=2,
                retry_max_delay=6, is_mutex=1)
            add("flaky, superseded", "*/8 * * * * *", {"code": code, "flaky": True}, retries=3, retry_delay=7)
            add("timeout, tried again", "*/25 * * * * *", {"nap": 30}, timeout=1, retries=1, retry_delay=4,
                retry_on="timeout")
            if "delivery" in known:
                add("flaky, at least once", "*/20 * * * * *", {"code": code, "flaky": True, "nap": 2},
                    delivery="at_least_once", retries=3, retry_delay=2)

        if "restart" in known:
            self.daemons()
        if "run_on" in known:
            self.elsewhere()
        add("paused now and then", every, tags=PAUSED)
        add("paused now and then, mutex", "*/3 * * * * *", {"nap": 2}, is_mutex=1, tags=PAUSED)
        if "locks" in known:
            add("lock", "*/3 * * * * *", {"nap": random.choice((1, 2))}, locks="db")
            add("lock, queued", "*/4 * * * * *", {"nap": 2}, locks="db", overlap="queue")
            add("two locks", "*/5 * * * * *", {"nap": 1}, locks="db,ftp")
            add("the other lock, deaf to SIGTERM", "*/7 * * * * *", {"nap": 4, "deaf": True}, locks="ftp")
            add("lock and mutex", "*/6 * * * * *", {"nap": 3}, locks="ftp", is_mutex=1)
            add("lock for two", "*/4 * * * * *", {"nap": 2}, locks="pool")
            add("lock for two, queued", "*/5 * * * * *", {"nap": 3}, locks="pool", overlap="queue")
            add("lock for two, deaf to SIGTERM", "*/7 * * * * *", {"nap": 4, "deaf": True}, locks="pool")
            add("lock for two, all of it", "*/9 * * * * *", {"nap": 1}, locks="pool:2", overlap="queue")
        if "calendar" in known:
            self.with_calendars()
        if "jitter" in known:
            add("jitter", "*/5 * * * * *", jitter=4)
            add("jitter, the same times", "*/5 * * * * *", jitter=4)
            add("jitter, longer than its period", "*/10 * * * * *", {"nap": 2}, jitter=14, delivery="at_least_once")
            add("jitter, mutex", "*/4 * * * * *", {"nap": 1}, jitter=3, is_mutex=1)
        if "run_after" in known:
            self.chains()
        if "requires" in known:
            self.demanding()
        if "shards" in known:
            code = random.randint(1, 99)
            add("shards", "*/10 * * * * *", {"nap": 1}, spread="shards", shards=4)
            add("shards, flaky", "*/20 * * * * *", {"code": code, "flaky": True}, spread="shards", shards=3, retries=1,
                retry_delay=2)
            add("shards, mutex, at least once", "*/8 * * * * *", {"nap": random.choice((3, 9))}, spread="shards", shards=2,
                is_mutex=1, delivery="at_least_once")

    def with_calendars(self):
        add = self.add
        add("not in a calendar", "*/2 * * * * *", calendar=f"!{FROZEN}")
        add("in a calendar", "*/3 * * * * *", {"nap": 1}, calendar=SHIFT)
        add("two calendars, mutex", "*/3 * * * * *", {"nap": 2}, calendar=f"{SHIFT},!{FROZEN}", is_mutex=1)
        if "jitter" in self.policies:
            add("not in a calendar, jitter", "*/5 * * * * *", calendar=f"!{FROZEN}", jitter=4)
        if "run_after" in self.policies:
            add("not in a calendar, parent", "*/5 * * * * *", name="market", calendar=f"!{FROZEN}")
            add("after the end of one with a calendar", None, run_after="market", run_after_on="end")

    def chains(self):
        """Parents that fail by their scheduled times, and what runs after them."""
        random = self.random

        def after(label, parents, on, run=None, **definition):
            self.add(f"after {label}", None, run, run_after=parents, run_after_on=on, **definition)

        def parent(name, **definition):
            run = {"code": random.randint(1, 99), "flaky": True, "nap": random.choice((0, 2))}
            self.add("parent", "*/10 * * * * *", run, name=name, **definition)

        parent("extract")
        parent("fetch", retries=1, retry_delay=1)
        after("a success", "extract", "success", {"nap": 1}, name="load")
        after("a failure", "extract", "failure")
        after("the end", "fetch", "end", delivery="at_least_once")
        after("both succeeded", "extract,fetch", "success")
        after("one of two failed", "extract,fetch", "failure", {"nap": 1})
        after("the end of two", "extract,fetch", "end")
        after("a success after a success", "load", "success")

    def demanding(self):
        """Jobs that fail by their scheduled times, and what requires them."""
        random = self.random
        for name, cron, more in (("nightly", "*/10", {}), ("ledger", "4/10", {"retries": 1, "retry_delay": 1})):
            self.add("required", f"{cron} * * * * *", {"code": random.randint(1, 99), "flaky": True, "nap": 1}, name=name,
                     **more)
        self.add("requires", "7/10 * * * * *", requires="nightly")
        self.add("requires, and waits", "*/20 * * * * *", requires="nightly", requires_wait=7)
        self.add("requires, and waits until its next fire", "6/10 * * * * *", requires="ledger", requires_wait=15)
        self.add("requires two", "8/20 * * * * *", {"nap": 1}, requires="nightly,ledger", requires_wait=4)

    def elsewhere(self):
        """Jobs that may not run on node1; it is their dispatcher all the same."""
        def add(label, cron, run=None, **definition):
            self.add(f"not on node1{label}", cron, run, run_on=f"!address={SPARED}", **definition)

        code = self.random.randint(1, 99)
        self.add("only on odd nodes", "*/6 * * * * *", {"nap": 1}, run_on="odd")
        self.add("only on node2", "*/9 * * * * *", run_on="address=10.77.0.12")
        self.add("sticky", "*/4 * * * * *", spread="sticky")
        add("", "*/2 * * * * *", {"nap": 1})
        add(", sticky", "*/3 * * * * *", spread="sticky")
        add(", mutex", "*/4 * * * * *", {"nap": 2}, is_mutex=1)
        add(", at least once", "*/5 * * * * *", {"nap": 3}, delivery="at_least_once")
        add(", flaky", "*/20 * * * * *", {"code": code, "flaky": True}, retries=2, retry_delay=3)
        add(", daemon", None, {"nap": FOR_EVER}, kind="daemon")

    def daemons(self):
        random, code = self.random, self.random.randint(1, 99)

        def add(label, run, **definition):
            self.add(label, None, run, kind="daemon", **definition)

        for _ in range(self.daemon_count):
            add("daemon", {"nap": FOR_EVER})
        add("daemon, deaf to SIGTERM", {"nap": FOR_EVER, "deaf": True}, kill_grace=1)
        add("daemon that ends", {"nap": random.choice((7, 12)), "code": code}, healthy_after=5)
        add("daemon that succeeds", {"nap": 3}, restart_delay=2, restart_max_delay=2)
        add("daemon that fails", {"code": code}, restart_delay=2, restart_max_delay=16)
        add("daemon that is given up", {"code": code, "nap": 1}, start_limit=4, restart_max_delay=3)

    def overlap(self, policy):
        return {"overlap": policy} if "overlap" in self.policies else {}

    def changeable(self, count, late):
        """Jobs that people change; the last of them are added only meanwhile."""
        made = []
        for k in range(count):
            run = self.random.choice(({}, {"nap": 1}, {"nap": 2}))
            mutex = {"is_mutex": 1} if self.random.random() < 0.25 else {}
            made.append(self.add("changed meanwhile", self.random.choice(ONCE_A_MINUTE_AT_LEAST), run, **mutex))
            made[-1]["late"] = k >= count - late
        return made

    def changes(self, jobs):
        """What is called when at which node; in order of time."""
        calls = []
        for job in jobs:
            self.life_of(job, calls)
        # What runs after others does so after a run by hand as well, which nobody judges.
        parents = {name for job in self.jobs for name in parents_of(job["definition"])}
        for job in self.jobs:
            is_alone = job["cron"] and job["definition"].get("name") not in parents
            if not job.get("late") and is_alone and self.random.random() < 0.5:
                calls.append(self.call(self.random.uniform(5, self.seconds), "run", job["token"]))
        calls += self.pauses()
        if "calendar" in self.policies:
            calls += self.calendar_changes()
        return sorted(calls, key=lambda call: call["at"])

    def pauses(self):
        """Of the jobs with the tag; each ends by itself."""
        calls, at = [], self.random.uniform(5, 20)
        while at < self.seconds:
            until = at + self.random.uniform(2, 25)
            calls.append(self.call(at, "pause", "j00", until=until))
            at = until + self.random.expovariate(1 / 15)
        return calls

    def calendar_changes(self):
        calls, at = [], self.random.uniform(5, 30)
        while at < self.seconds:
            name = self.random.choice((FROZEN, SHIFT))
            calls.append(self.call(at, "calendar", "j00", name=name, spans=self.spans(name, at)))
            at += 5 + self.random.expovariate(1 / 20)
        return calls

    def spans(self, name, at):
        """Times, as offsets, that the calendar covers from then on."""
        spans, begin = [], at + self.random.uniform(-5, 5)
        while begin < at + KNOWN_FOR:
            end = begin + self.random.uniform(2, 15)
            spans.append([round(begin, 3), round(end, 3)])
            begin = end + self.random.uniform(4, 15)
        return spans + ([[NO_END, NO_END + 3600]] if name == SHIFT else [])

    def call(self, at, what, token, **more):
        return {"at": round(at, 3), "what": what, "job": token, "node": self.random.random(), **more}

    def life_of(self, job, calls):
        random, at = self.random, self.random.uniform(2, 15)
        stopped, token = False, job["token"]
        if job["late"]:
            at = random.uniform(2, self.seconds * 0.8)
            calls.append(self.call(at, "add", token))
            at += random.expovariate(1 / 8) + 1
        while at < self.seconds:
            what = random.choice(("update", "update", "start" if stopped else "stop", "run"))
            if random.random() < 0.06:
                calls.append(self.call(at, "delete", token))
                return
            more = {"set": self.update(at)} if what == "update" else {}
            calls.append(self.call(at, what, token, **more))
            if what in ("start", "stop"):
                stopped = what == "stop"
            at += random.expovariate(1 / 9) + 0.3

    def update(self, at):
        """What an update changes."""
        random = self.random
        what = random.choice(("cron", "cron", "run", "window", "open"))
        if what == "cron":
            return {"cron": random.choice(ONCE_A_MINUTE_AT_LEAST)}
        if what == "run":
            return {"run": {"nap": random.choice((0, 1, 2)), "code": random.choice((0, 0, 7))}}
        if what == "open":
            return {"window": None}
        begin = at + random.uniform(-5, 5)
        return {"window": [begin, begin + random.uniform(5, 40)]}


def generate(random, seconds, policies, daemon_count=DAEMONS):
    """(jobs, calendars, changes); `daemon_count` of the jobs are daemons that never end by themselves, and calendars are
    what they say at first, by name."""
    generator = Generator(random, seconds, policies, daemon_count)
    generator.usual()
    generator.with_policies()
    if "notify" in policies:
        for job in generator.jobs:
            if job["kind"] in TOLD:
                job["definition"].update(notify="witness", notify_on=TOLD[job["kind"]])
    changed = generator.changeable(random.randint(5, 8), late=2)
    changes = generator.changes(changed)
    calendars = {name: generator.spans(name, 0) for name in (FROZEN, SHIFT)} if "calendar" in policies else {}
    return generator.jobs, calendars, changes


def changed(version, change):
    """The version of a job after an update."""
    version = copy.deepcopy(version)
    for key, value in change.items():
        if key == "run":
            version["run"].update(value)
        else:
            version[key] = value
    return version
