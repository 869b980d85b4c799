"""The program for any Linux, in the roots of an older and a newer release than the one on which it was made; it logs in as
MySQL 8 wants it by default, without a plugin of that release."""
import shutil
import sys

import pytest

from bare_machine import ROOT, WORK, checked, debian_mirror, run

sys.path.insert(0, str(ROOT / "tests" / "cluster"))
from mysql_server import is_proof, password_given_by  # noqa: E402

# A node with nothing but the program, a job each second, and its first success.
SCRIPT = r"""
set -e
cd /tmp
/root/peercron serve --data /tmp/data --set http_bind_address=127.0.0.1:19990 --set http.anonymous=owner >log 2>&1 &
node=$!
export PEERCRON_URL=http://127.0.0.1:19990
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    /root/peercron status >/dev/null 2>&1 && break
    sleep 1
done
/root/peercron job add --name hello --cron "* * * * * *" -- echo hello from here || { cat log; exit 1; }
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    /root/peercron log list --state success | grep -q hello && break
    sleep 1
done
/root/peercron log list --state success
kill $node
wait $node || { cat log; exit 1; }
"""


@pytest.fixture(scope="module")
def program(release):
    [found] = [file for file in release.folder.glob("peercron-*-linux-x86_64")]
    return found


@pytest.fixture(params=["bullseye", "trixie"])
def root(request):
    """What debootstrap unpacks at first: the smallest set of packages, none of them configured."""
    archive = WORK / f"{request.param}-unpacked.tar"
    folder = WORK / f"unpacked-{request.param}"
    shutil.rmtree(folder, ignore_errors=True)
    if archive.exists():
        folder.mkdir(parents=True)
        checked(run("tar", "--extract", "--file", archive, "--directory", folder, "--numeric-owner"))
    else:
        WORK.mkdir(parents=True, exist_ok=True)
        checked(run("debootstrap", "--foreign", "--variant=minbase", request.param, folder,
                    debian_mirror(), seconds=600))
        shutil.rmtree(folder / "var/cache/apt/archives")
        if (folder / "proc").is_symlink():  # to this machine's
            (folder / "proc").unlink()
            (folder / "proc").mkdir()
        checked(run("tar", "--create", "--file", archive, "--directory", folder, "--numeric-owner", "."))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_it_runs_jobs_in_older_and_newer_releases_and_logs_in_to_mysql(program, root, tmp_path):
    shutil.copy(program, root / "root" / "peercron")
    outside = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" sh -c "$1"'
    said = checked(run("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c",
                       f"ip link set lo up; {outside}", root, SCRIPT, seconds=120))
    assert "hello" in said and "success" in said, said
    user, proof, password = password_given_by(
        ["chroot", root, "/root/peercron", "migrate", "--set", "mode=cluster", "--set", "mysql_host=127.0.0.1",
         "--set", "mysql_user=ops", "--set", "mysql_port="], tmp_path)
    assert (user, password) == ("ops", "it's \"secret\"\0") and is_proof(proof, "it's \"secret\"")


def test_it_loads_nothing_but_libc(program):
    loaded = {line.split()[0] for line in checked(run("ldd", program)).splitlines()}
    allowed = {"linux-vdso.so.1", "/lib64/ld-linux-x86-64.so.2"} | {f"lib{name}" for name in (
        "c.so.6", "m.so.6", "dl.so.2", "pthread.so.0")}
    assert loaded <= allowed, loaded


def test_it_says_whose_code_is_in_it(program):
    text = program.with_name(f"{program.name}-licences.txt").read_text()
    for name in ("boost", "mariadb", "openssl", "curl", "spdlog"):
        assert name in text.lower(), name
