"""Fixtures: the release as bin/release makes it, a bare root, and a machine that boots a copy of it."""
import os
import types

import pytest

from bare_machine import ROOT, WORK, BareRoot, Machine, checked, run


RELEASES = ("bookworm", "trixie")


def pytest_addoption(parser):
    parser.addoption("--all-releases", action="store_true",
                     help=f"the package in each of {', '.join(RELEASES)}, not only in the first: minutes more")


def pytest_generate_tests(metafunc):
    if "installed_root" in metafunc.fixturenames:
        releases = RELEASES if metafunc.config.getoption("--all-releases") else RELEASES[:1]
        metafunc.parametrize("installed_root", releases, indirect=True, scope="session")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="bare roots need root"))


@pytest.fixture(scope="session")
def release():
    """The files of a release, and a package of a later version."""
    folder = WORK / "dist"
    checked(run(ROOT / "bin" / "release", folder, seconds=900))
    [package] = folder.glob("*.deb")
    unpacked = WORK / "newer"
    checked(run("rm", "-rf", unpacked))
    checked(run("dpkg-deb", "--raw-extract", package, unpacked))
    control = unpacked / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 1:"))
    newer = checked(run("dpkg-deb", "--build", "-Znone", unpacked, WORK)).split("'")[3]
    return types.SimpleNamespace(folder=folder, package=package, newer=newer)


@pytest.fixture(scope="session")
def installed_root(request, release):
    """A bare root with the package, as apt installs it."""
    WORK.mkdir(parents=True, exist_ok=True)
    root = BareRoot(request.param)
    root.make()
    checked(root.run("apt-get", "update"))
    checked(root.run("apt-get", "install", "-y", "--no-install-recommends", root.copy_in(release.package)))
    return root


@pytest.fixture(scope="session")
def machine(installed_root):
    """Booted, and without the package, but with all that it depends on."""
    checked(installed_root.run("dpkg", "--purge", "peercron"))
    booted = Machine(installed_root)
    booted.boot()
    yield booted
    booted.shut_down()


@pytest.fixture
def peercron(machine):
    def call(*arguments, expect=0):
        done = machine.run("peercron", *arguments)
        assert done.returncode == expect, done
        return done.stdout
    return call
