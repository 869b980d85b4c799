#!/usr/bin/python3
"""deploy.py URL [TOKEN-FILE]: what a deploy script does with peercron. It adds a job, or changes it if it is there; runs
it once; waits for its end; shows its output. The exit status is 0 if it was a success.

It needs nothing but Python. `GET /openapi.json` describes all calls; programs that make clients read it as well.
"""
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

FINAL = {"success", "failed", "timeout", "killed", "lost", "fenced", "skipped", "revoked"}


class Peercron:
    """A cluster, through any of its nodes or what stands in front of them."""

    def __init__(self, url, token=""):
        self.url = url.rstrip("/")
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, target, parameters=None):
        """What the answer has as `data`; a refusal becomes a RuntimeError that says why."""
        body = None if parameters is None else json.dumps(parameters).encode()
        asked = urllib.request.Request(self.url + target, data=body, method=method, headers=self.headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            raise RuntimeError(json.load(refusal)["message"]) from None

    def put_job(self, name, **fields):
        """The job of this name is as given; what is not given has its default."""
        return self.call("POST", "/cron/add", {"name": name, "replace": True, **fields})

    def run(self, job, seconds=300):
        """Runs it now; its row in the log, when it has ended."""
        row = self.call("POST", f"/cron/run/{job['id']}")
        limit = time.monotonic() + seconds
        while row["state"] not in FINAL:
            if time.monotonic() > limit:
                raise RuntimeError(f"run {row['id']} has not ended within {seconds} s")
            time.sleep(0.5)
            row = self.call("GET", f"/log/{row['id']}")
        return row


def main(url, token_file=None):
    peercron = Peercron(url, pathlib.Path(token_file).read_text().strip() if token_file else "")
    job = peercron.put_job("nightly-report", cronSet="0 30 2 * * *", command="echo 42 rows", timeout=600, tags="web")
    row = peercron.run(job)
    print(f"job {job['id']}, run {row['id']}: {row['state']} {row['reason']}\n{row['output']}", end="")
    return 0 if row["state"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
