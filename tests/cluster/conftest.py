"""Fixtures: one cluster for all tests that do no harm, one of its own for each module that does; and
one node that is alone, against which the modules that say ALSO_SOLO = True run as well."""
import pytest

from harness import BINARY, running_cluster, running_solo


@pytest.fixture(scope="session")
def three_nodes():
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def one_node():
    with running_solo() as node:
        yield node


def pytest_generate_tests(metafunc):
    if "shared_cluster" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_SOLO", False):
        metafunc.parametrize("shared_cluster", ["three_nodes", "one_node"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def shared_cluster(request):
    return request.getfixturevalue(getattr(request, "param", "three_nodes"))


@pytest.fixture
def cluster(shared_cluster):
    """Nodes without jobs, shared with other tests: not to be harmed."""
    yield shared_cluster
    shared_cluster.delete_all_jobs()


@pytest.fixture(scope="module")
def own_cluster():
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def victim_cluster(own_cluster):
    """Three nodes without jobs, to be harmed; healed for the next test."""
    yield own_cluster
    own_cluster.make_whole()
    own_cluster.delete_all_jobs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keeps the logs of the clusters that a failed test used, and shows their ends."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    clusters = {id(value): value for value in item.funcargs.values() if hasattr(value, "keep_logs")}
    for cluster in clusters.values():
        kept = cluster.keep_logs(item.name)
        for log in sorted(kept.glob("node*.log")):
            end = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            report.sections.append((f"end of {log}", end))


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"there is no {BINARY}; bin/build makes it", returncode=2)
