"""People who change jobs through the API of any node, and what they know afterwards."""
import copy
import http.client
import math
import threading
import time

import calendars
import jobs
import ledger
import witness
from sandbox import Failure
from servers import Unreached

CALL_LIMIT = 15  # seconds; who gets no answer in so long knows nothing
OF_NO_JOB = {"pause", "calendar"}  # these change no job's definition, nor does "run"
LATEST = 253_402_300_799  # an open end, as the API has it


class People:
    """Carries out the plan's changes; each job's in their order, those of different jobs side by side."""

    def __init__(self, cluster, folder, plan, began):
        self.cluster = cluster
        self.folder = folder
        self.began = began  # seconds since 1970: moment 0 of the plan
        self.plan = plan
        self.jobs = {job["token"]: job for job in plan["jobs"]}
        self.versions = {}  # the last that was confirmed, by token
        self.ids = {}
        self.unknown = set()  # of these nobody knows how they are
        self.calendars = {}  # what they say, by name; None: nobody knows
        self.done = []  # what the judge gets
        self.notes = []
        self.lock = threading.Lock()

    # Definitions, as the judge and as the API have them.

    def first_version(self, job):
        definition = {key: value for key, value in job["definition"].items() if key != "stop"}
        return {"cron": job["cron"], "run": job["run"], "window": self.window(job["window"]),
                "stop": bool(job["definition"]["stop"]), "definition": definition}

    def window(self, offsets):
        """In Unix seconds."""
        return offsets and [math.ceil(self.began + offset) for offset in offsets]

    def command(self, token, run):
        command = witness.command(self.folder, token, run)
        return f"true && {command}" if self.jobs[token]["shell"] else command

    def form(self, token, version):
        begin, end = version["window"] or (0, 0)
        schedule = {"cronSet": version["cron"]} if version["cron"] else {}
        return {**schedule, "command": self.command(token, version["run"]), "remark": token,
                "start_time": begin, "end_time": end, "stop": int(version["stop"]), **version["definition"]}

    # Calls.

    def call(self, what, token, node, target, form=None, version=None):
        """One call, at this node or at the next one that can be reached; what came of it. `version` is the job's
        if the call is done."""
        record = {"what": what, "job": token, "sent": time.time_ns(), "version": copy.deepcopy(version)}
        nodes = self.cluster.nodes
        first = int(node * len(nodes))
        record["outcome"] = "unreached"
        for k in range(len(nodes)):
            at = nodes[(first + k) % len(nodes)]
            record["sent"] = time.time_ns()
            try:
                status, envelope = at.call("POST", target, form, CALL_LIMIT)
            except Unreached:
                continue
            except (OSError, http.client.HTTPException) as error:
                record.update(outcome="unknown", node=at.peer, message=f"{type(error).__name__}: {error}")
                break
            record.update(node=at.peer, status=status, message=envelope.get("message"),
                          outcome="ok" if status == 200 else "unknown" if status == 503 else "refused")
            if status == 200 and what not in OF_NO_JOB:
                record["id"] = envelope["data"]["cron_id" if what == "run" else "id"]
                if what == "run":
                    record["row"] = envelope["data"]["id"]
            break
        record["answered"] = time.time_ns()
        with self.lock:
            self.done.append(record)
            if record["outcome"] == "ok" and what not in OF_NO_JOB | {"run"}:
                self.versions[token] = version
                self.ids[token] = record["id"]
            elif record["outcome"] == "unknown" and what not in OF_NO_JOB | {"run"}:
                self.unknown.add(token)
            elif record["outcome"] == "refused":
                self.notes.append({"rule": "api", "at": record["sent"],
                                   "words": f"{what} of {token} was refused: {record['status']} {record['message']}"})
        return record

    def prepare(self):
        """What the jobs name: calendars, and limits of locks."""
        for name, limit in jobs.LIMITS.items() if "locks" in self.plan["policies"] else ():
            status, envelope = self.cluster.nodes[0].call("POST", "/lock/set", {"name": name, "limit": limit})
            if status != 200:
                raise Failure(f"cannot set the limit of a lock: {status} {envelope}")
        for name, spans in self.plan["calendars"].items():
            record = self.set_calendar("/calendar/add", {"name": name, "spans": spans, "job": "j00", "node": 0})
            if record["outcome"] != "ok":
                raise Failure(f"cannot add a calendar: {record.get('status')} {record.get('message')}")

    def set_calendar(self, target, planned):
        name = planned["name"]
        text = calendars.text_of([self.window(span) for span in planned["spans"]])
        record = self.call("calendar", planned["job"], planned["node"], target, {"name": name, "dates": text}, text)
        record["calendar"] = name
        # What nobody has confirmed may still be done after the next change.
        if record["outcome"] == "unknown":
            self.calendars[name] = None
        elif record["outcome"] == "ok" and self.calendars.get(name, text) is not None:
            self.calendars[name] = text
        return record

    def add(self, token, node):
        version = self.first_version(self.jobs[token])
        return self.call("add", token, node, "/cron/add", self.form(token, version), version)

    def pause(self, planned):
        """Of the jobs with the tag; it ends by itself."""
        until = math.ceil(self.began + planned["until"])
        form = {"tag": jobs.PAUSED, "until": until, "reason": "torture"}
        record = self.call("pause", planned["job"], planned["node"], "/pause", form)
        record["until"] = until

    def change(self, planned):
        """One of the plan's changes, unless the job's state is unknown or it is not there."""
        what, token, node = planned["what"], planned["job"], planned["node"]
        if what == "pause":
            self.pause(planned)
            return
        if what == "calendar":
            self.set_calendar("/calendar/set", planned)
            return
        if token in self.unknown:
            return
        if what == "add":
            self.add(token, node)
            return
        if self.versions.get(token) is None:
            return
        number, version = self.ids[token], self.versions[token]
        if what == "run":
            self.call("run", token, node, f"/cron/run/{number}")
        elif what == "delete":
            self.call("delete", token, node, f"/cron/delete/{number}")
        elif what in ("stop", "start"):
            self.call(what, token, node, f"/cron/{what}/{number}", version={**version, "stop": what == "stop"})
        else:
            change = dict(planned["set"])
            if "window" in change:
                change["window"] = self.window(change["window"])
            changed = jobs.changed(version, change)
            before, after = self.form(token, version), self.form(token, changed)
            form = {key: value for key, value in after.items() if value != before[key]}
            if form:
                self.call("update", token, node, "/cron/update", {"id": number, **form}, changed)

    def live(self, over):
        """Until the plan is done or `over` is set."""
        lanes = [[] for _ in range(6)]
        for planned in self.plan["changes"]:
            lanes[int(planned["job"][1:]) % len(lanes)].append(planned)
        threads = [threading.Thread(target=self.lane, args=(lane, over)) for lane in lanes]
        for thread in threads:
            thread.start()
        return threads

    def lane(self, plans, over):
        for planned in plans:
            if over.wait(max(0, self.began + planned["at"] - time.time())):
                return
            self.change(planned)

    # Looking.

    def look(self):
        """What the database says of every job: from here on nothing is unknown."""
        at = time.time_ns()
        text = self.cluster.mariadb.query(ledger.DUMPS["cron"])
        rows = {row["remark"]: row for row in ledger.parse(text)}
        for token in self.jobs:
            row = rows.get(token)
            version = row and self.version_of(token, row)
            if token in self.unknown:
                if row:
                    self.ids[token] = int(row["id"])
                self.versions[token] = version
            elif version != self.versions.get(token):
                self.notes.append({"rule": "definition", "at": at, "words": f"{token} is {version} in the database,"
                                   f" and was confirmed to be {self.versions.get(token)}"})
            self.done.append({"what": "look", "job": token, "sent": at, "answered": at, "outcome": "seen",
                              "version": version, "id": row and int(row["id"])})
        self.unknown.clear()
        self.look_at_calendars()

    def look_at_calendars(self):
        at = time.time_ns()
        rows = ledger.parse(self.cluster.mariadb.query(ledger.DUMPS["calendar"]))
        texts = {row["name"]: row["dates"] for row in rows if row["ended_at"] is None}
        for name, known in self.calendars.items():
            if known not in (None, texts.get(name)):
                self.notes.append({"rule": "definition", "at": at, "words": f"calendar {name} says {texts.get(name)} in the"
                                   f" database, and was confirmed to say {known}"})
            self.done.append({"what": "calendar", "job": "j00", "calendar": name, "sent": at, "answered": at,
                              "outcome": "seen", "version": texts.get(name)})

    def version_of(self, token, row):
        job = self.first_version(self.jobs[token])
        nap, code, size = row["command"].split(f" {token} ")[1].split()[:3]
        window = [int(row["start_time"]), int(row["end_time"]) or LATEST]
        number = float(nap) if "." in nap else int(nap)
        return {"cron": row["cron_set"] or None, "stop": row["stop"] == "1", "definition": job["definition"],
                "window": None if window == [0, LATEST] else window,
                "run": {**job["run"], "nap": number, "code": int(code), "bytes": int(size)}}

    def stop_all(self):
        """At the end. Nothing is wrong any more, so each call must succeed."""
        for token, version in self.versions.items():
            if version is None:
                continue
            record = self.call("stop", token, 0.5, f"/cron/stop/{self.ids[token]}", version={**version, "stop": True})
            if record["outcome"] != "ok":
                self.notes.append({"rule": "api", "at": record["sent"], "words": f"stop of {token} in the quiet time:"
                                   f" {record['outcome']}, {record.get('message')}"})
