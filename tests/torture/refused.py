"""Three nodes, one of which the others cannot connect to although it is alive: something on the way answers for it.

Jobs are due 20 times a second, and one that may run only once at a time. Nobody has died, so no run may be lost,
none may start twice, and the mutex may never be held twice, whatever the answer is: it proves nothing.
"""
import collections
import pathlib
import shutil
import sys
import tempfile
import time

import ledger
import network
import sandbox
import servers
import witness
from processes import wait_for

JOBS = 20
MUTEX = "m"
REFUSED = 4  # seconds
REST = 5


def run_of(nap, places):
    return {"nap": nap, "code": 0, "bytes": 0, "places": places, "deaf": False}


def add_jobs(cluster, folder):
    """Their ids."""
    runs = {f"j{number:02}": run_of(0, 0) for number in range(JOBS)} | {MUTEX: run_of(1.5, 1)}
    added = []
    for token, run in runs.items():
        form = {"cronSet": "*/1 * * * * *", "command": witness.command(folder, token, run), "remark": token,
                "is_mutex": int(run["places"] == 1)}
        status, envelope = cluster.nodes[0].call("POST", "/cron/add", form)
        if status != 200:
            raise sandbox.Failure(f"cannot add a job: {status} {envelope}")
        added.append(envelope["data"]["id"])
    return added


def refuse(cluster, victim, answer):
    """Whoever sends to the victim is refused, and then what it sends, too."""
    others = [node.name for node in cluster.nodes if node is not victim]
    for pairs in ([(other, victim.name) for other in others],
                  [pair for other in others for pair in ((other, victim.name), (victim.name, other))]):
        number = cluster.network.refuse(pairs, answer)
        time.sleep(REFUSED)
        cluster.network.accept(number)
        time.sleep(REST)


def perform(folder, binary):
    witness.install(folder)
    (folder / "work").mkdir()
    cluster = servers.Cluster(folder, folder / "work", 3, 1, binary, [])
    cluster.start()
    if not wait_for(lambda: cluster.dispatcher, 30):
        raise sandbox.Failure("nobody dispatches")
    ids = add_jobs(cluster, folder)
    time.sleep(REST)
    workers = [node for node in cluster.nodes if node is not cluster.dispatcher]
    for number, answer in enumerate(network.ANSWERS):
        refuse(cluster, workers[number % len(workers)], answer)
    for job in ids:
        cluster.nodes[0].call("POST", f"/cron/stop/{job}")
    time.sleep(REST)
    text = cluster.mariadb.query(ledger.DUMPS["log"])
    cluster.stopping.set()
    for name in cluster.stop():
        raise sandbox.Failure(f"{name} does not end")
    return judge(witness.read((folder / witness.LINES).read_text())[0], ledger.rows(text))


def judge(sightings, rows):
    """What was wrong, said; the exit status."""
    starts = collections.Counter((sighting.job, sighting.scheduled_at) for sighting in sightings)
    wrong = [f"fire {fire} started {count} times" for fire, count in starts.items() if count > 1]
    wrong += [f"a run of the mutex job began while another one was alive: {sighting}" for sighting in sightings
              if sighting.place == "full"]
    wrong += [f"nobody has died, and a run is lost: {row}" for row in rows if row.state == "lost"]
    for line in wrong:
        print(line)
    print(f"{len(starts)} fires have started, {len(wrong)} things were wrong")
    return 1 if wrong or len(starts) < JOBS * 2 * REFUSED * len(network.ANSWERS) else 0


def main(binary):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="refused-", dir=servers.ROOT / "build"))
    try:
        return sandbox.run_inside(lambda: perform(folder, binary))
    finally:
        # The kernel takes a moment to forget what was mounted inside.
        wait_for(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists(), 20)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
