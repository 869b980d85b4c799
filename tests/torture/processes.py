"""Processes, known by their id and the time at which they began, so that no signal goes astray."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time


def stat_of(pid):
    """State, parent and start time (in clock ticks since boot) of a process; None when there is none."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return {"state": fields[0], "parent": int(fields[1]), "started": int(fields[19])}


def is_alive(pid, started):
    now = stat_of(pid)
    return now is not None and now["started"] == started and now["state"] not in "ZX"


def everybody():
    """All living processes: (pid, parent, start time)."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        stat = stat_of(entry.name) if entry.name.isdigit() else None
        if stat is not None and stat["state"] not in "ZX":
            found.append((int(entry.name), stat["parent"], stat["started"]))
    return found


def family_of(pid):
    """The process and all its descendants: (pid, start time), parents first."""
    everyone = everybody()
    family = [(child, started) for child, _, started in everyone if child == pid]
    for member, _ in family:  # grows while it is walked
        family += [(child, started) for child, parent, started in everyone if parent == member]
    return family


def send(pid, started, number):
    """Signals the process, if it still is the one that was meant. Whether it was."""
    if not is_alive(pid, started):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def wait_for(condition, seconds, interval=0.05):
    """Polls until `condition()` is true; its value, or the last false one after `seconds`."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > limit:
            return value
        time.sleep(interval)


class Program:
    """A long-running program on a host of the network, started again and again."""

    def __init__(self, name, host, folder, log):
        self.name = name
        self.host = host
        self.folder = folder
        self.log = log
        self.process = None
        self.held = threading.Lock()  # by the fault that has it down

    def start(self, command):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PEERCRON_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.host.command(command), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, pass_fds=(self.host.namespace,))

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def family(self):
        return family_of(self.pid) if self.runs() else []

    def signal(self, number):
        if self.runs():
            self.process.send_signal(number)

    def signal_family(self, number):
        for member in self.family():
            send(*member, number)

    def wait(self, seconds):
        """Whether it has ended in time."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def destroy(self):
        """SIGKILL to it and all that it started."""
        for _ in range(50):
            family = self.family()
            if not family:
                break
            for member in family:
                send(*member, signal.SIGKILL)
            self.wait(0.1)
