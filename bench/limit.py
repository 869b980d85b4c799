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
        """The best of several levels of concurrency, each tried some times: where a hypervisor shares the cores, they
        come and go. Call it before and after what is compared with it."""
        count, rounds = (400, 3) if quick else (800, 5)
        best = max((self.once(count, at_once) for at_once in (2, 4, 16, 64) * rounds), key=lambda run: run["per_s"])
        self.measured.append(best)
        return best

    @property
    def best(self):
        """The most that was measured, so that no pause of the machine flatters what is compared with it."""
        return max(self.measured, key=lambda run: run["per_s"])

    @property
    def per_second(self):
        return self.best["per_s"]

    @property
    def cpu_us(self):
        return self.best["cpu_us_each"]
