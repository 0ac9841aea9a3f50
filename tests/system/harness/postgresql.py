"""
PostgreSQL as processes: a primary and standbys in folders of the tests' own, without a service of
the system. Each server is reached by a Unix socket in its folder, or at an address and port too.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness import programs
from harness.waiting import DEADLINE

SCHEMA = programs.SOURCE / "etc" / "postgresql.sql"
# A server that a test starts again belongs to its cluster, which outlives the test.
Popen = subprocess.Popen
PORT = 5432  # of a Unix socket, whose folder makes it one of its own

SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "wal_keep_size": "64MB",
    "min_wal_size": "32MB",
    "wal_retrieve_retry_interval": "100ms",
    "wal_receiver_timeout": "5s",
    "autovacuum": "off",
    "synchronous_standby_names": "''",
    # Standbys that were promoted before are followed.
    "recovery_target_timeline": "latest",
    "log_line_prefix": "'%m [%p] %a '",
}


def wait_until(condition, what):
    """As harness.waiting has it, but asking costs a process here."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what}: not seen within {DEADLINE} s"
        time.sleep(0.05)


def binaries():
    """The folder of initdb and postgres: Debian's, which is in nobody's PATH, or PATH's."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"),
                   key=lambda path: float(Path(path).parts[4]))
    if found:
        return Path(found[-1]).parent
    if shutil.which("postgres") is None:
        pytest.skip("PostgreSQL is not installed")
    return Path(shutil.which("postgres")).parent


def need():
    """Skip where there is no PostgreSQL, or a tcpackd without it."""
    binaries()
    probe = programs.run(programs.tcpackd(), "-c", "/dev/null", "-T", "-o", "journal.postgresql=x=y")
    if "without libpq" in probe.stderr:
        pytest.skip("tcpackd was built without libpq")


def wrap():
    """PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres").pw_name
    except KeyError:
        user = "nobody"
    return ["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"]


def owner():
    """Whose the folders must be: user and group."""
    command = wrap()
    return (pwd.getpwnam(command[2]).pw_uid, int(command[4])) if command else (-1, -1)


class Postgres:
    """One server: `postgres` in its data folder. `name` is its application_name as a standby."""

    def __init__(self, folder, name, settings=None, namespace=(), address=None):
        self.folder = Path(folder)
        self.name = name
        self.data = self.folder / "data"
        self.settings = {**SETTINGS, "unix_socket_directories": f"'{self.folder}'",
                         **(settings or {})}
        self.namespace = list(namespace)
        self.address = address  # (host, port), if it is reached over TCP
        self.process = None

    # Its life.

    def _run(self, program, *arguments):
        result = programs.run(*self.namespace, *wrap(), binaries() / program, *arguments, cwd="/")
        assert result.returncode == 0, result.stderr

    def create(self):
        """A new cluster, of which postgres is the superuser, and everybody on this machine is."""
        self._run("initdb", "--pgdata", self.data, "--username", "postgres", "--auth", "trust",
                  "--encoding", "UTF8", "--no-locale", "--no-sync")
        self._configure()
        return self

    def copy_of(self, primary):
        """A standby of a primary that runs."""
        self._run("pg_basebackup", "--pgdata", self.data, "--checkpoint", "fast", "--no-sync",
                  "--wal-method", "stream", "--dbname", primary.conninfo(user="postgres"))
        self._configure(of=primary)
        self.follow(primary)
        return self

    def renew(self, primary):
        """What it had is gone: as a standby of another one it begins anew."""
        shutil.rmtree(self.data)
        self.copy_of(primary).start()

    def _configure(self, of=None):
        # A copy has the settings of the original; only its address is its own.
        lines = {name: value for name, value in self.settings.items()
                 if of is None or name == "unix_socket_directories"}
        if self.address:
            lines.update(listen_addresses=f"'{self.address[0]}'", port=str(self.address[1]))
        if self.address and of is None:
            with open(self.data / "pg_hba.conf", "a", encoding="ascii") as file:
                file.write("host all all all trust\nhost replication all all trust\n")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())

    def follow(self, primary):
        """From the next start or reload on, be a standby of that server."""
        (self.data / "standby.signal").touch()
        os.chown(self.data / "standby.signal", *owner())
        self.set(primary_conninfo=f"{primary.conninfo(user='postgres', dbname=None)} "
                                  f"application_name={self.name}")

    def set(self, **settings):
        """Change the configuration; reload() makes it effective."""
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            for name, value in settings.items():
                file.write(f"{name} = '{value}'\n")

    def start(self, ready=True):
        command = [*self.namespace, *wrap(), str(binaries() / "postgres"), "-D", str(self.data)]
        with open(self.folder / "log", "ab") as log:
            self.process = Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 cwd="/", start_new_session=True)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        def accepts():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            return self.try_query("SELECT 1").returncode == 0
        wait_until(accepts, f"{self.name} accepts connections")

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def reload(self):
        """Make the configuration effective for sessions that begin from now on."""
        before = self.query("SELECT pg_conf_load_time()")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.query("SELECT pg_conf_load_time()") != before, "a reload")

    def stop(self):
        """End it, as pg_ctl stop does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)

    def processes(self):
        """The postmaster and its children."""
        result = programs.run("ps", "-o", "pid=", "--pid", self.process.pid, "--ppid",
                              self.process.pid)
        return [int(pid) for pid in result.stdout.split()]

    def signal_all(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As a crash of it: SIGKILL for all of its processes."""
        self.signal_all(signal.SIGSTOP)  # none begets another meanwhile
        self.signal_all(signal.SIGKILL)
        self.process.wait(DEADLINE)

    def pause(self):
        """It does nothing any more, and says nothing: as a machine that hangs."""
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def promote(self):
        """Make a primary of a standby."""
        assert self.query("SELECT pg_promote(true, 30)") == "t"

    # What is asked of it.

    def conninfo_of(self, key):
        return {"host": self.address[0] if self.address else self.folder, "port": self.port}[key]

    def conninfo(self, **options):
        host, port = self.address or (self.folder, PORT)
        options = {"host": host, "port": port, "dbname": "postgres", "user": "tcpackd", **options}
        return " ".join(f"{key}={value}" for key, value in options.items() if value is not None)

    def try_query(self, sql, dbname="postgres", user="postgres"):
        environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
        return programs.run(binaries() / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, "-d",
                            f"host={self.folder} port={self.port} dbname={dbname} user={user}",
                            env=environment)

    @property
    def port(self):
        return self.address[1] if self.address else PORT

    def query(self, sql, **options):
        """The rows, unaligned: `a|b` a line."""
        result = self.try_query(sql, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout.rstrip("\n")

    def run_file(self, path, dbname):
        result = programs.run(binaries() / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", path, "-d",
                              f"host={self.folder} port={self.port} dbname={dbname} user=postgres")
        assert result.returncode == 0, result.stderr

    def create_database(self, dbname):
        """A database that tcpackd can record into."""
        self.query(f"CREATE DATABASE {dbname}")
        self.run_file(SCHEMA, dbname)

    def empty(self, dbname):
        """As create_database() made it."""
        self.query("SET client_min_messages = warning; DROP SCHEMA IF EXISTS tcpack CASCADE",
                   dbname=dbname)
        self.run_file(SCHEMA, dbname)

    def wait_query(self, sql, expected, **options):
        wait_until(lambda: self.try_query(sql, **options).stdout.rstrip("\n") == expected,
                   f"{sql} is {expected}")

    def position(self):
        """How far a standby has received, or replayed, the primary's log: comparable as text."""
        return int(self.query("SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(),"
                              " pg_last_wal_replay_lsn()), '0/0')::bigint"))


class Cluster:
    """
    A primary, and standbys of it; as a context manager, ended at the end. Each on a machine of
    `network`, if there is one.
    """

    def __init__(self, standbys=0, settings=None, network=None):
        self.folder = Path(tempfile.mkdtemp(prefix="tcpack-pg-"))  # a short path, for sockets
        os.chown(self.folder, *owner())
        self.folder.chmod(0o755)
        self.count = 0
        self.servers = []
        self.settings = settings or {}
        self.network = network
        try:
            self.primary = self.add(None).create().start()
            for _ in range(standbys):
                self.add_standby()
        except BaseException:
            self.close()
            raise

    def add(self, name):
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        os.chown(folder, *owner())
        place = {}
        if self.network is not None:
            machine = self.network.machines[self.count - 1]
            place = {"namespace": machine.enter(), "address": (machine.address, 5432)}
        server = Postgres(folder, name or f"pg{self.count}", self.settings, **place)
        self.servers.append(server)
        return server

    def add_standby(self, of=None):
        standby = self.add(None).copy_of(of or self.primary).start()
        (of or self.primary).wait_query(
            f"SELECT state FROM pg_stat_replication WHERE application_name = '{standby.name}'",
            "streaming")
        return standby

    @property
    def standbys(self):
        return [server for server in self.servers if server is not self.primary and server.running]

    def require(self, names):
        """Let commits wait for standbys: a value of synchronous_standby_names."""
        self.primary.set(synchronous_standby_names=names)
        self.primary.reload()
        if names:
            self.primary.wait_query("SELECT count(*) > 0 FROM pg_stat_replication"
                                    " WHERE sync_state IN ('sync', 'quorum')", "t")

    def servers_of_string(self):
        """The part of a connection string that names all servers."""
        return (f"host={','.join(str(server.conninfo_of('host')) for server in self.servers)}"
                f" port={','.join(str(server.port) for server in self.servers)}")

    def replicate(self, names):
        """The same as require(), also for standbys that become the primary."""
        for server in self.servers:
            server.set(synchronous_standby_names=names)
            server.reload()
        self.require(names)

    def rebuild(self, names):
        """All others are standbys of the primary again."""
        for server in self.servers:
            if server is not self.primary:
                if server.running:
                    server.kill()
                server.renew(self.primary)
        self.replicate(names)

    def fail_over(self, how):
        """
        Lose the primary, by kill -9 (`kill`), because it hangs (`hang`), or because it is cut off from
        the others (`cut`), or what it sends to them (`mute`), or they to it (`deaf`); and promote a
        standby, as an operator must: first no standby may follow the old primary any more, then the
        one that has most becomes the primary. The old one, if it lives, is back then, alone, until it
        is replaced. In the end there are as many standbys as before.
        """
        old, standbys = self.primary, self.standbys
        machine = self.network.machines[self.servers.index(old)] if self.network else None
        if how == "kill":
            old.kill()
        elif how == "hang":
            old.pause()
        else:
            self.network.cut(machine, sends=how != "deaf", receives=how != "mute")
        for standby in standbys:
            standby.resume()
            standby.set(primary_conninfo="")
            standby.reload()
            standby.wait_query("SELECT count(*) FROM pg_stat_wal_receiver", "0")
        best = max(standbys, key=Postgres.position)
        best.promote()
        for standby in standbys:
            if standby is not best:
                standby.follow(best)
                standby.reload()
        if how != "kill":
            old.resume()
            if machine is not None:
                self.network.heal(machine)
            best.wait_query("SELECT count(*) > 0 FROM pg_stat_replication", "t")
            old.kill()
        self.primary = best
        old.renew(best)

    def close(self):
        for server in self.servers:
            if server.running:
                server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def rows(server, dbname, what="seq, peer, listener, id, number, encode(message, 'hex')"):
    """The records, in the order of SEQ, as lists of texts."""
    text = server.query(f"SELECT {what} FROM tcpack.records ORDER BY server, seq", dbname=dbname)
    return [line.split("|") for line in text.splitlines()]


def messages(server, dbname):
    return [bytes.fromhex(row[0]) for row in rows(server, dbname, "encode(message, 'hex')")]
