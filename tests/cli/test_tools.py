"""The developers' programs bin/bench and bin/fuzz: what can be said of them without measuring or fuzzing anything."""
import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from command_line import BINARY, ROOT
from harness import wait_until


@pytest.fixture(scope="module")
def bench():
    """The module of bin/bench; it may set variables, and has neighbours that it imports by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEERCRON_BINARY", str(BINARY))
        patch.syspath_prepend(str(ROOT / "bench"))
        import bench
        yield bench


@pytest.fixture
def peers(bench):
    return bench.peers


def alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def program(folder, name, text):
    """A shell script, in a folder of its own."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def dkron(tmp_path):
    """A program with the name of one that part peers knows; it answers no call."""
    (tmp_path / "bin").mkdir()
    return program(tmp_path / "bin", "dkron", '[ "$1" != version ] || exec echo 3.2; exec sleep 600')


@pytest.mark.parametrize("name", ["release", "run"])
def test_a_fresh_clone_needs_no_library_of_the_tests_for_the_program(tmp_path, name):
    """bin/setup has not installed them then. Nothing is built here: a cmake that fails tells what it was asked for."""
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin" / name, tmp_path / "bin")
    for file in ("CMakeLists.txt", "CHANGELOG.md"):
        shutil.copy(ROOT / file, tmp_path)
    program(tmp_path / "bin", "setup", f'echo "$@" >{tmp_path}/installed')
    (tmp_path / "path").mkdir()
    program(tmp_path / "path", "cmake", f'echo "$@" >{tmp_path}/configured; exit 1')
    subprocess.run([tmp_path / "bin" / name], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                   env={**os.environ, "PATH": f"{tmp_path}/path:{os.environ['PATH']}"})
    assert (tmp_path / "installed").read_text().strip() in ("program", "package")
    assert "-DBUILD_TESTING=OFF" in (tmp_path / "configured").read_text()


def test_what_fills_the_shared_cluster_is_measured_after_everything_else(bench, monkeypatch):
    monkeypatch.setattr(bench.native, "parts", lambda _: sorted([*bench.NATIVE, "insight"]))
    chosen = [name for name, _ in bench.chosen_parts(bench.parse_arguments([]), None)]
    assert chosen == [*bench.NATIVE, *bench.PARTS]
    sources = {name: ROOT / "bench" / f"{name}.py" for name in bench.PARTS}
    fills = [name for name, source in sources.items() if source.exists() and "filled(bench)" in source.read_text()]
    assert chosen[-len(fills):] == fills == ["api", "console", "insight", "history"]


def test_every_part_of_the_program_in_cpp_is_listed(bench):
    [table] = re.findall(r"parts\{\n(.*?)\n    \};", (ROOT / "bench/main.cpp").read_text(), re.S)
    assert set(re.findall(r'\{"(\w+)"', table)) <= {*bench.NATIVE, *bench.PARTS}


def test_every_part_is_explained(bench):
    found = re.findall(r"^\*\*([a-z, ]+)\.\*\* ", (ROOT / "docs/performance.md").read_text(), re.M)
    assert sorted(name for names in found for name in names.split(", ")) == sorted({*bench.NATIVE, *bench.PARTS})


def test_programs_that_are_no_known_peers_are_refused(bench, dkron, tmp_path, capsys):
    assert bench.parse_arguments(["--peers", dkron]).peers == [dkron]
    (tmp_path / "not-dkron").write_text("no program")
    for given, problem in ((str(tmp_path / "cronie"), "its name says neither supercronic nor dkron"),
                           (str(tmp_path / "not-dkron"), "is not a program"), (str(tmp_path / "dkron-gone"), "is not a program")):
        with pytest.raises(SystemExit) as refused:
            bench.parse_arguments(["--peers", given])
        assert refused.value.code == 2
        assert problem in capsys.readouterr().err


def test_a_peer_that_does_not_come_up_leaves_nothing_behind(peers, dkron, tmp_path, monkeypatch):
    processes = []
    # Nodes of other tests may be there.
    before = own_groups()

    def give_up(*_):
        processes.extend(own_groups() - before)
        raise AssertionError("no leader")

    monkeypatch.setattr(peers, "wait_until", give_up)
    with pytest.raises(AssertionError, match="no leader"), contextlib.ExitStack() as ends:
        peers.Dkron(dkron, 3, tmp_path, ends)
    assert len(processes) == 3 and not any(map(alive, processes))


def own_groups():
    """The children of this process that lead a process group."""
    return {int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()
            and str(os.getpid()) == stat_field(entry, 1) and stat_field(entry, 2) == entry.name}


def stat_field(entry, number):
    """A field after the name in /proc/PID/stat: 1 is the parent, 2 the process group."""
    with contextlib.suppress(OSError):
        return (entry / "stat").read_text().rpartition(")")[2].split()[number]
    return ""


def test_the_death_of_a_single_peer_is_its_end(peers, dkron, tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "wait_until", lambda *_: "node0")
    with contextlib.ExitStack() as ends:
        scheduler = peers.Dkron(dkron, 1, tmp_path, ends)
        assert scheduler.title == "dkron 3.2, alone"
        scheduler.jobs = 10
        scheduler.kill_dispatcher()
        scheduler.processes[0].wait(30)
        scheduler.finish()


def test_a_program_that_does_not_say_its_version_has_none(bench, tmp_path):
    assert bench.machine.version_of([program(tmp_path, "hangs", "exec sleep 600")], seconds=0.2) == ""
    assert bench.machine.version_of([str(tmp_path / "is-not-there")]) == ""
    assert bench.machine.version_of([program(tmp_path, "says", "echo 1.2; echo more")]) == "1.2"


@pytest.fixture
def fuzz(tmp_path, monkeypatch):
    """The module of bin/fuzz, with folders of the test's own."""
    loader = importlib.machinery.SourceFileLoader("bin_fuzz", str(ROOT / "bin/fuzz"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bin_fuzz", loader))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "PROGRAMS", tmp_path)
    monkeypatch.setattr(module, "WORK", tmp_path / "work")
    return module


def test_fuzzers_that_were_not_built_are_told(fuzz):
    with pytest.raises(SystemExit, match="fuzz_time; without --no-build it would be built"):
        fuzz.main(["--no-build", "time"])


def test_an_interruption_ends_the_fuzzers_and_starts_no_more(fuzz, tmp_path):
    pids = tmp_path / "pids"
    for name in fuzz.names():
        program(tmp_path, f"fuzz_{name}", f"echo $$ >>{pids}; exec sleep 600")
    runner = (f"import importlib.machinery, pathlib, sys; sys.dont_write_bytecode = True\n"
              f"fuzz = importlib.machinery.SourceFileLoader('fuzz', {str(ROOT / 'bin/fuzz')!r}).load_module()\n"
              f"fuzz.PROGRAMS, fuzz.WORK = pathlib.Path({str(tmp_path)!r}), pathlib.Path({str(tmp_path / 'work')!r})\n"
              "fuzz.main(['--no-build'])\n")
    process = subprocess.Popen([sys.executable, "-c", runner], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == fuzz.AT_A_TIME, 30, "fuzzers run")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
    begun = [int(pid) for pid in pids.read_text().split()]
    assert len(begun) == fuzz.AT_A_TIME and not any(map(alive, begun))
