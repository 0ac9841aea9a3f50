"""Options and fixtures of the system tests: real processes and real sockets on loopback."""

import os
import resource
import signal
import socket
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("harness")

from harness import postgresql  # noqa: E402
from harness.server import Server  # noqa: E402
from harness.waiting import DEADLINE  # noqa: E402

sys.dont_write_bytecode = True  # `make distcheck` runs with a source folder that cannot be written

# Clients by the thousand need descriptors of their own, in this process.
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

# Debian leaves servers, mkfs and ip out of an ordinary user's PATH.
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"

# Who runs the tests may ignore or block signals (nohup, a job in the background), and be a service:
# nothing of that is the programs'. What is caught here is at its default in them.
for number in signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1:
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
for name in list(os.environ):
    if name in ("NOTIFY_SOCKET", "TCPACKD_READINESS", "JOURNAL_STREAM", "STATE_DIRECTORY") \
            or name.startswith(("LISTEN_", "WATCHDOG_")):
        del os.environ[name]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long versions: make check-long")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs with --long only")
    # The short run takes the same examples each time; the long one looks for new ones.
    settings.register_profile("tcpack", database=None, deadline=None, print_blob=True,
                              derandomize=not config.getoption("--long"),
                              suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                     HealthCheck.too_slow])
    settings.load_profile("tcpack")


def pytest_collection_modifyitems(config, items):
    # Several jobs are given many neighbours at once: where these take long, as the cases of one test
    # do, the others would have nothing to do in the end. So each 40th test comes first, and so on.
    if hasattr(config, "workerinput"):
        items[:] = [item for first in range(40) for item in items[first::40]]
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="long: make check-long runs it"))


@pytest.fixture(scope="session")
def long(request):
    """Whether the long version was asked for."""
    return request.config.getoption("--long")


def not_counted(command, options):
    """
    For make coverage: a program whose system calls fail here would spoil the counts of the others
    as it adds its own. Its counts go elsewhere.
    """
    if "GCOV_ERROR_FILE" in os.environ and command[0] in ("prlimit", "strace"):
        options["env"] = {**(options.get("env") or os.environ),
                          "GCOV_PREFIX": os.environ["GCOV_ERROR_FILE"] + ".not-counted"}


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    """What a test, failing, leaves behind of the processes that it started is killed."""
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **options):
            not_counted(arguments[0], options)
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(DEADLINE)


@pytest.fixture(scope="session")
def cluster():
    """PostgreSQL: a primary with a database "tcpack", and two standbys. Tests put it back in order."""
    postgresql.need()
    with postgresql.Cluster(standbys=2) as one:
        one.primary.create_database("tcpack")
        yield one


@pytest.fixture
def free_port():
    """
    A port of 127.0.0.1 where nothing listens, for a server that starts later or again. While the
    test runs, the kernel chooses it for nobody: it is bound here, without listening. SO_REUSEADDR,
    which servers have, lets them bind it too.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """A factory: server({"section.key": value}, ...) starts one; all are stopped at the end."""
    servers = []

    def start(settings=None, **options):
        servers.append(Server(tmp_path, settings, **options))
        return servers[-1].start()

    yield start
    failures = []
    for one in servers:
        print(f"{one.name} said:\n{one.log}")
        try:
            if one.running:
                one.stop()
        except Exception as failure:
            one.kill()
            failures.append(failure)
    if failures:
        raise failures[0]
