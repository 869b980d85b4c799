"""backup and restore of a lone node, and of a cluster's database as docs/install.md says."""
import os
import re
import sqlite3
import stat
import subprocess

import pytest

from harness import BINARY, ROOT, running_solo, wait_until

NEVER = "0 0 0 1 1 * 2199"


@pytest.fixture
def solo():
    with running_solo() as node:
        yield node


def run(command, solo, *arguments):
    return subprocess.run([BINARY, command, "--data", str(solo.folder / "data"), *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, umask=0)


def names(solo):
    return sorted(job["name"] for job in solo.api("/cron/list"))


def test_a_restore_brings_the_backup_back_and_nothing_newer(solo, tmp_path):
    solo.add("echo kept", NEVER, name="kept")
    backup = tmp_path / "backup.db"
    done = run("backup", solo, backup)
    assert done.returncode == 0 and "1 job, 0 rows of the ledger" in done.stdout, done
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["backup.db"], "one file, and nothing beside it"
    assert solo.api("/health")["store"] == "ok"

    solo.add("echo newer", NEVER, name="newer")
    running = run("restore", solo, backup)
    assert running.returncode == 1 and "is in use by process" in running.stderr, running
    solo.kill(solo.pids()[1])
    data = solo.folder / "data"
    assert (data / "peercron.db-wal").stat().st_size > 0, "what is newer is in the log only"

    done = run("restore", solo, backup)
    assert done.returncode == 0 and "1 job, 0 rows" in done.stdout, done
    assert stat.S_IMODE((data / "peercron.db").stat().st_mode) == 0o600
    assert not (data / "peercron.db-wal").exists() and not (data / "peercron.db-shm").exists()
    [kept] = data.glob("peercron.db.before-restore-*Z")
    assert f"the old database is kept as {kept}" in done.stdout
    with sqlite3.connect(kept) as database:
        assert database.execute("SELECT COUNT(*) FROM cron").fetchone() == (2,), "with all that was in its log"
    solo.start()
    assert names(solo) == ["kept"]


def test_a_backup_while_runs_are_recorded_is_whole(solo, tmp_path):
    job = solo.add("echo run")
    wait_until(lambda: solo.api(f"/cron/{job}")["run_num"] >= 1, 20, "a run")
    for number in range(5):
        assert run("backup", solo, tmp_path / f"{number}.db").returncode == 0
        with sqlite3.connect(tmp_path / f"{number}.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("SELECT COUNT(*) FROM log").fetchone()[0] >= 1


def test_a_backup_replaces_nothing_unless_told_to(solo, tmp_path):
    file = tmp_path / "backup.db"
    file.write_text("precious")
    done = run("backup", solo, file)
    assert done.returncode == 1 and "it exists already; --force replaces it" in done.stderr, done
    assert file.read_text() == "precious"
    assert run("backup", solo, file, "--force").returncode == 0
    assert file.read_bytes().startswith(b"SQLite format 3")
    itself = run("backup", solo, solo.folder / "data" / "peercron.db", "--force")
    assert itself.returncode == 1 and "the database itself" in itself.stderr, itself


def test_what_cannot_be_restored_changes_nothing(solo, tmp_path):
    solo.add("echo kept", NEVER, name="kept")
    good = tmp_path / "good.db"
    assert run("backup", solo, good).returncode == 0
    solo.stop()
    before = (solo.folder / "data" / "peercron.db").read_bytes()
    (tmp_path / "text").write_text("no database\n" * 1000)
    (tmp_path / "cut").write_bytes(good.read_bytes()[:-8192])
    with sqlite3.connect(tmp_path / "other") as database:
        database.execute("CREATE TABLE other (id INTEGER)")
    (tmp_path / "newer").write_bytes(good.read_bytes())
    with sqlite3.connect(tmp_path / "newer") as database:
        database.execute("INSERT INTO schema_migration (number, name) VALUES (777, 'from_the_future')")
    for file, why in (("text", "not a database"), ("cut", "malformed"), ("other", "not a database of peercron"),
                      ("newer", "newer than this program"), ("missing", "no such file")):
        done = run("restore", solo, tmp_path / file)
        assert done.returncode == 1 and why in done.stderr and str(tmp_path / file) in done.stderr, (file, done)
    assert (solo.folder / "data" / "peercron.db").read_bytes() == before
    assert not list((solo.folder / "data").glob("*.part-*")) and not list((solo.folder / "data").glob("*before*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_restores_belongs_to_the_owner_of_the_folder(solo, tmp_path):
    backup = tmp_path / "backup.db"
    assert run("backup", solo, backup).returncode == 0
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 12345, 12346)
    done = subprocess.run([BINARY, "restore", "--data", data, backup], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    owners = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in data.iterdir()}
    assert owners == {"peercron.db": (12345, 12346), "peercron.db.lock": (12345, 12346)}


def test_a_dump_brings_the_database_of_a_cluster_back_and_nothing_newer(victim_cluster, tmp_path):
    cluster = victim_cluster
    lines = re.findall(r"(?m)^    (mysql.*)$", (ROOT / "docs/install.md").read_text())

    def type_line(line):
        """With this cluster's server and user, and the dump in a folder of this test."""
        for shown, name in (("mysqldump", "mariadb-dump"), ("mysql", "mariadb")):
            line = re.sub(f"^{shown} ", f"{name} --defaults-file={cluster.folder}/my.cnf ", line)
        line = line.replace("/backup", str(tmp_path))
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (line, done)

    job = cluster.add("echo kept", name="kept")
    wait_until(lambda: any(row.state == "success" for row in cluster.ledger([job])), 30, "it has run")
    cluster.stop_jobs([job])
    before = cluster.wait_final([job])
    dump, load = lines
    type_line(dump)
    cluster.add("echo newer", NEVER, name="newer")

    for k in cluster.nodes:
        cluster.run("stop-node", str(k))
    cluster.sql("DROP DATABASE cron; CREATE DATABASE cron")
    type_line(load)
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    assert names(cluster) == ["kept"]
    assert cluster.ledger([job]) == before
    cluster.api(f"/cron/start/{job}")
    wait_until(lambda: any(row.state == "success" for row in cluster.ledger([job])[len(before):]), 30, "it runs again")


def test_the_database_of_a_cluster_has_its_own_tools(tmp_path):
    for command in ("backup", "restore"):
        done = subprocess.run([BINARY, command, "--set", "mode=cluster", tmp_path / "file"], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 1 and "in MySQL, database cron" in done.stderr and "docs/install.md" in done.stderr, done
