"""A bare Debian: a root that debootstrap makes, and a machine that boots it.

The machine is systemd-nspawn's: systemd is its first process, in namespaces of its own, without a network but its
loopback. Needs root.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "test" / "packages"


def wait_until(predicate, seconds, what):
    """Polls until the predicate is true; returns its value."""
    limit = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)
    return value


def run(*command, seconds=300, **more):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, **more)


def checked(done):
    assert done.returncode == 0, f"{done.args} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def debian_mirror():
    """Of this machine, as apt understands its sources."""
    listed = checked(run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"))
    return next(line.split()[0] for line in listed.splitlines() if line.split()[1:] == ["bookworm", "main"])


class BareRoot:
    """A folder with nothing but the smallest set of packages of a release of Debian."""

    def __init__(self, release, name=""):
        self.release = release
        self.folder = WORK / f"root-{name or release}"

    def make(self):
        """Keeps what it has downloaded and unpacked for the next time, in an archive."""
        archive = WORK / f"{self.release}.tar"
        shutil.rmtree(self.folder, ignore_errors=True)
        if archive.exists():
            self.folder.mkdir(parents=True)
            checked(run("tar", "--extract", "--file", archive, "--directory", self.folder, "--numeric-owner"))
            return
        # systemd comes with the root: that of a real machine is there before any other package.
        # debootstrap mounts this machine's /proc there: in namespaces of its own, which end with it in any case.
        checked(run("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                    "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,ca-certificates", self.release,
                    self.folder, debian_mirror(), seconds=600))
        # The packages' files need not survive a power failure.
        (self.folder / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        checked(self.run("apt-get", "clean"))
        checked(run("tar", "--create", "--file", f"{archive}.new", "--directory", self.folder, "--numeric-owner", "."))
        pathlib.Path(f"{archive}.new").rename(archive)

    def run(self, *command, seconds=300, **more):
        """In the root, with this machine's network: for apt. Whatever it leaves behind ends with it."""
        script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, self.folder, *command,
                   seconds=seconds, env={"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
                   **more)

    def copy_in(self, file, folder="root"):
        """The file's path in the root."""
        shutil.copy(file, self.folder / folder)
        return f"/{folder}/{pathlib.Path(file).name}"


class Machine:
    """A booted root."""

    def __init__(self, root):
        self.root = root
        self.log = root.folder.with_suffix(".console")
        self.process = None
        self.leader = None

    def boot(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={self.root.folder}", f"--machine=peercron-test-{os.getpid()}",
                 "--boot", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--timezone=off",
                 "--console=pipe"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.leader = wait_until(self.find_leader, 30, self.console)
        # What is degraded is of no interest here, only that the boot is over.
        wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 60, self.console)

    def find_leader(self):
        assert self.process.poll() is None, self.console()
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next((int(child) for child in children
                     if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd"), None)

    def console(self):
        return self.log.read_text(errors="replace")[-4000:]

    def run(self, *command, seconds=120):
        """As root, in the machine."""
        return run("nsenter", "--target", self.leader, "--all", "env", "-i", "LC_ALL=C.UTF-8",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                   "DEBIAN_FRONTEND=noninteractive", *command, seconds=seconds)

    def shut_down(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)  # nspawn asks the first process to power off
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=90)
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
