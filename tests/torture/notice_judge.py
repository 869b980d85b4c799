"""Which notices were to come, by the ledger, the jobs and the faults, and whether they did.

For single runs (notify_on = failed, success, skipped, lost) the rows say exactly which notices must come: one id each.
For what begins and ends (failing, recovered; nodes and the cluster) the judge checks that each end follows a beginning,
that each has a cause, and that what must have been noticed was.

A message that is still in the outbox is on its way: after a channel was away for long, it may take up to an hour.
"""
import collections

MS, SECOND = 1_000_000, 1_000_000_000
LOOKED_AT = 10 * SECOND  # after its end; by then, in a calm time, the rules have looked at a run
CLUSTER_AFTER = 5  # seconds; cluster_after of the nodes
SINGLE = ("failed", "success", "skipped", "lost")
NEVER_RAN = {"job-changed", "job-stopped", "job-deleted"}
# Nobody sees these two begin and end but the cluster itself, if it can.
UNSEEN = {"store-away", "no-dispatcher"}
# What may make a node, or the cluster, look so.
BEFORE = 45 * SECOND


class Message:
    """One arrival."""

    def __init__(self, line):
        self.at = line["at"]
        self.header = line["header"]
        body = line["message"] or {}
        self.type = body.get("type", "")
        data = body.get("data") or {}
        self.id = data.get("id", "")
        self.kind = data.get("kind", "")
        self.job = data.get("cron_id", 0)
        self.about = data.get("at", 0)  # milliseconds
        self.since = data.get("since")
        self.over = data.get("over") or []
        self.node = data.get("node", "")
        self.is_reminder = data.get("is_reminder", False)
        run = data.get("run")
        self.run = run and (self.job, run["scheduled_at"], run["attempt"], 0)  # none of these jobs has shards

    @property
    def content(self):
        """What must be the same, whoever sends it and however often."""
        return self.kind, self.job, self.about, self.run, tuple(self.over), self.node


def words_of(job):
    return job["definition"].get("notify_on", "failing,recovered,missed").split(",")


def is_tried_again(definition, row):
    """Whether a further attempt of the fire follows; None: this torture does not say."""
    at_least_once = definition.get("delivery") == "at_least_once"
    if row.state in ("failed", "timeout") and definition.get("retries"):
        return None if definition.get("retry_on") else row.attempt <= definition["retries"]
    if row.state in ("lost", "fenced") or row.state == "killed" and row.cause == "node-stopped":
        return at_least_once
    return False


def told_of(definition, row):
    """Which words tell this row: ({those that must}, {those that may})."""
    if row.cause == "paused" or row.state in ("revoked", "planned", "running"):
        return set(), {"lost"}
    if row.state == "success":
        return {"success"}, {"lost"}
    if row.state == "lost":
        return {"lost"}, {"failed"}
    if row.state == "skipped":
        # A node that comes back says what had become of a run that counted as lost meanwhile.
        may = {"lost"} if row.run_server else set()
        if row.attempt == 1:
            return {"skipped"}, may | ({"failed"} if row.cause in ("invalid", "refused") else set())
        return set(), may if row.cause in NEVER_RAN else may | {"failed"}
    if row.state == "killed" and row.cause == "on-request":
        return set(), {"lost"}
    again = is_tried_again(definition, row)
    return (set(), {"failed", "lost"}) if again is None else (set(), {"lost"}) if again else ({"failed"}, {"lost"})


class NoticeJudge:
    """`wrong(words, token, at)` is told what is not as it must be.

    @param told the jobs that want notices: token, id and definition.
    @param outbox rows of table notice_delivery: notice, state."""

    def __init__(self, case, told, wrong):
        self.case = case
        self.told = told
        self.wrong = wrong
        self.messages = [Message(line) for line in case.notices]
        self.by_id = collections.defaultdict(list)
        for message in self.messages:
            self.by_id[message.id].append(message)
        self.waiting = {row["notice"] for row in case.outbox if row["state"] == "waiting"}
        self.rows_of_job = collections.defaultdict(list)
        for row in case.rows:
            self.rows_of_job[row.cron_id].append(row)
        self.expected = 0
        self.looked_at = case.marks["stopping"] - LOOKED_AT

    def judge(self):
        self.each_message_is_one_of_the_outbox()
        self.an_id_is_of_one_thing()
        for job in self.told:
            self.single_runs(job)
            self.failing_and_well_again(job)
        known = {job["id"] for job in self.told}
        for message in self.first_of_each():
            if message.type.startswith("job.") and message.job not in known:
                self.wrong(f"{message.id} is of a job that wants no notices", "", message.about * MS)
        self.nodes_and_the_cluster()

    def first_of_each(self):
        return [messages[0] for messages in self.by_id.values()]

    def each_message_is_one_of_the_outbox(self):
        for message in self.messages:
            if not message.id or message.header != message.id:
                self.wrong(f"a message with the header {message.header!r} has the id {message.id!r}", "", message.at)
        for row in self.case.outbox:
            if row["state"] in ("refused", "expired"):
                self.wrong(f"{row['notice']} is {row['state']}", "", None)
            elif row["state"] == "sent" and row["notice"] not in self.by_id:
                self.wrong(f"{row['notice']} counts as sent, and has never come", "", None)

    def an_id_is_of_one_thing(self):
        ids = collections.defaultdict(set)
        for message in self.messages:
            first = self.by_id[message.id][0]
            if message.content != first.content:
                self.wrong(f"{message.id} stands for two things: {first.content} and {message.content}", "",
                           message.about * MS)
            if message.kind in SINGLE:
                ids[message.kind, message.run].add(message.id)
        for (kind, run), several in ids.items():
            if len(several) > 1:
                self.wrong(f"{kind} of run {run} has {len(several)} ids: {', '.join(sorted(several))}", "", run[1] * MS)

    def single_runs(self, job):
        words = set(words_of(job)) & set(SINGLE)
        must, may = {}, set()
        for row in self.rows_of_job[job["id"]]:
            surely, perhaps = told_of(job["definition"], row)
            ended = max(row.ended_at or 0, row.gap_end or 0, row.scheduled_at) * MS
            for word in (surely | perhaps) & words:
                name = f"{word}-{row.cron_id}-{row.scheduled_at}-{row.attempt}"
                if word in surely and ended < self.looked_at:
                    must[name] = row
                may.add(name)
        self.expected += len(must)
        for name, row in must.items():
            if name not in self.by_id and name not in self.waiting:
                self.wrong(f"{name} has not come, though row {row.id} is {row.state}", job["token"],
                           row.scheduled_at * MS)
        for message in self.first_of_each():
            if message.job == job["id"] and message.kind in SINGLE and message.id not in may:
                self.wrong(f"{message.id} has come, and nothing in the ledger says so", job["token"],
                           message.about * MS)

    def failing_and_well_again(self, job):
        if not {"failing", "recovered"} <= set(words_of(job)):
            return
        rows = {row.run: row for row in self.rows_of_job[job["id"]]}
        changes = sorted((message for message in self.first_of_each()
                          if message.job == job["id"] and message.kind in ("failing", "recovered", "flapping")
                          and not message.is_reminder), key=lambda message: message.about)
        on = False
        for message in changes:
            if message.kind == "flapping":
                return  # from here on it is told less
            row = rows.get(message.run)
            if message.kind == "failing":
                if on:
                    self.wrong(f"{message.id}: it was told before that the job fails", job["token"], message.about * MS)
                if row is None or row.state == "success" and not self.may_have_looked_lost(row, message.about * MS):
                    self.wrong(f"{message.id}: its run {message.run} has not failed", job["token"], message.about * MS)
                on = True
            elif "failing" in message.over:
                if not on:
                    self.wrong(f"{message.id}: nobody was told that the job fails", job["token"], message.about * MS)
                if row is None or row.state != "success":
                    self.wrong(f"{message.id}: its run {message.run} is no success", job["token"], message.about * MS)
                on = False
        if any(name.split("-")[:2] in (["failing", str(job["id"])], ["recovered", str(job["id"])])
               for name in self.waiting):
            return
        last = self.last_ends(job)
        self.expected += bool(last)
        if last == {"success"} and on:
            self.wrong("its last runs have succeeded, and nobody was told that it is well again", job["token"],
                       self.looked_at)
        if last == {"failed"} and not on:
            self.wrong("its last runs have failed, and nobody was told", job["token"], self.looked_at)

    def may_have_looked_lost(self, row, until):
        """Whether its node may have been out of reach before it said how the run had ended."""
        return any(fault["began"] <= until and fault["ended"] >= row.scheduled_at * MS - BEFORE
                   for fault in self.case.faults)

    def last_ends(self, job):
        """The states of the last three fires that ended in the quiet time."""
        ended = sorted((row.ended_at, row.state) for row in self.rows_of_job[job["id"]]
                       if row.ended_at and row.started_at and row.ended_at * MS < self.looked_at
                       and is_tried_again(job["definition"], row) is False)
        return {state for _, state in ended[-3:]} if len(ended) >= 3 else set()

    def nodes_and_the_cluster(self):
        by_subject = collections.defaultdict(list)
        for message in self.first_of_each():
            if message.type.startswith("cluster.") and not message.is_reminder:
                kind = message.over[0] if message.kind in ("recovered", "flapping") and message.over else message.kind
                by_subject[kind, message.node].append(message)
        for (kind, node), messages in by_subject.items():
            messages.sort(key=lambda message: (message.about, message.kind == "recovered"))
            self.alternate(kind, node, messages)
        self.expected += len(by_subject)
        self.long_deaths_are_told(by_subject)

    def alternate(self, kind, node, messages):
        on = None
        for message in messages:
            if message.kind == "flapping":
                return
            at = message.about * MS
            if message.kind == "recovered":
                if on is None and kind not in UNSEEN:
                    self.wrong(f"{message.id}: nobody was told that it began", "", at)
                on = None
                continue
            if on is not None and kind not in UNSEEN:
                self.wrong(f"{message.id}: it was told before, as {on.id}", "", at)
            on = message
            began = (message.since or message.about) * MS
            if not any(fault["began"] <= at and fault["ended"] >= began - BEFORE for fault in self.case.faults):
                self.wrong(f"{message.id}: nothing was done to the cluster at that time", "", began)
        is_on_its_way = any(name.startswith(f"recovered-{kind}-") for name in self.waiting)
        if on is not None and kind not in UNSEEN and not is_on_its_way:
            self.wrong(f"{on.id}: all is well, and nobody was told", "", on.about * MS)

    def long_deaths_are_told(self, by_subject):
        """A node that was dead for long, while nothing else was wrong."""
        for life in self.case.nodes:
            died = life["ended"]
            again = min((other["began"] for other in self.case.nodes
                         if other["node"] == life["node"] and died and other["began"] > died), default=None)
            if died is None or again is None or again - died < (CLUSTER_AFTER + 15) * SECOND:
                continue
            others = [fault for fault in self.case.faults
                      if fault["began"] <= again + 5 * SECOND and fault["ended"] >= died - BEFORE]
            if len(others) != 1 or not others[0]["kind"].startswith(("kill", "power-off")):
                continue
            self.expected += 1
            told = [message for message in by_subject["node-gone", life["node"]]
                    if message.kind == "node-gone" and died - 10 * SECOND <= message.since * MS <= again]
            is_on_its_way = any(name.startswith("node-gone-") for name in self.waiting)
            is_flapping = any(message.kind == "flapping" for message in by_subject["node-gone", life["node"]])
            if not told and not is_on_its_way and not is_flapping:
                self.wrong(f"{life['node']} was dead for {(again - died) / SECOND:.0f} s, and nobody was told", "", died)

    def figures(self):
        return {"expected": self.expected, "arrived": len(self.messages), "ids": len(self.by_id),
                "waiting": len(self.waiting)}
