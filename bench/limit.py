"""The raw limit: the same command spawned, read and waited for by a minimal loop, on this machine, now."""
import json
import subprocess


class Limit:
    """Of one command."""

    def __init__(self, folder, words):
        self.program = folder / "spawn_limit"
        self.words = [str(word) for word in words]
        self.measured = []

    def once(self, count, at_once):
        done = subprocess.run([str(self.program), str(count), str(at_once), *self.words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{self.program}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def measure(self, quick):
        """The best of several levels of concurrency; call it before and after what is compared with it."""
        count = 400 if quick else 1500
        best = max((self.once(count, at_once) for at_once in (2, 4, 16, 64)), key=lambda run: run["per_s"])
        self.measured.append(best)
        return best

    @property
    def per_second(self):
        """The mean of what was measured: this machine may be faster now than then."""
        return sum(run["per_s"] for run in self.measured) / len(self.measured)

    @property
    def cpu_us(self):
        return sum(run["cpu_us_each"] for run in self.measured) / len(self.measured)
