"""HAProxy as a process, with sockets that are given to it: no fixed port."""

import socket
import subprocess

from harness import programs
from harness.waiting import DEADLINE, wait_until


class HAProxy:
    """
    `text` is its configuration, in which {NAME} stands for a listening socket of that name
    (`bind {front}`): front is reached at self.addresses["front"]. As a context manager.
    """

    STATISTICS = """
listen statistics
    bind {statistics}
    mode http
    stats enable
    stats uri /
"""

    def __init__(self, folder, text, names=("front",), wrap=()):
        self.sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
        self.addresses = {name: (socket.AF_INET, one.getsockname())
                          for name, one in self.sockets.items()}
        binds = {name: f"fd@{one.fileno()}" for name, one in self.sockets.items()}
        self.statistics = folder / "haproxy-statistics"
        self.config = folder / "haproxy.cfg"
        self.config.write_text((text + self.STATISTICS).format(
            statistics=f"unix@{self.statistics}", **binds))
        self.wrap = list(wrap)
        self.process = None

    def __enter__(self):
        descriptors = [one.fileno() for one in self.sockets.values()]
        self.process = subprocess.Popen(
            [*self.wrap, "haproxy", "-db", "-f", str(self.config)], pass_fds=descriptors)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)
        for one in self.sockets.values():
            one.close()

    def status(self, backend, name):
        """(status, result of the last check) of a server, as `UP`, `L7OK`; None while unknown."""
        result = programs.run("curl", "-s", "--unix-socket", self.statistics, "http://x/;csv")
        for line in result.stdout.splitlines():
            fields = line.split(",")
            if fields[:2] == [backend, name]:
                return fields[17], fields[36]
        return None

    def wait(self, backend, name, status, check=None):
        """Wait until HAProxy sees a server so."""
        def seen():
            assert self.process.poll() is None, "HAProxy ended"
            now = self.status(backend, name)
            return now is not None and now[0] == status and check in (None, now[1])
        wait_until(seen, f"{backend}/{name} {status}")
