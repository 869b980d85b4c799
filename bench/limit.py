"""The raw limit: the same command spawned, read and waited for by a minimal loop, on this machine, now."""
import json
import subprocess


class Limit:
    """Of one command."""

    def __init__(self, folder, words):
        self.program = folder / "spawn_limit"
        self.words = [str(word) for word in words]
        self.measured = {}  # by level of concurrency

    def once(self, count, at_once):
        done = subprocess.run([str(self.program), str(count), str(at_once), *self.words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{self.program}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def measure(self):
        """Several levels of concurrency, twice each, in a second or two."""
        for at_once in (4, 16, 64) * 2:
            self.measured.setdefault(at_once, []).append(self.once(300, at_once))

    def joined(self, other):
        """Of the time between two measurements."""
        joined = Limit(self.program.parent, self.words)
        joined.measured = {at_once: runs + other.measured[at_once] for at_once, runs in self.measured.items()}
        return joined

    @property
    def typical(self):
        """The median at the level of concurrency that is best: where a hypervisor shares the cores, neither a moment
        without them nor one with more than its share is what the machine can do."""
        medians = [sorted(runs, key=lambda run: run["per_s"])[len(runs) // 2] for runs in self.measured.values()]
        return max(medians, key=lambda run: run["per_s"])

    @property
    def per_second(self):
        return self.typical["per_s"]

    @property
    def cpu_us(self):
        return self.typical["cpu_us_each"]


def measured_limit(bench, words):
    limit = Limit(bench.programs, words)
    limit.measure()
    return limit
