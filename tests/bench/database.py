"""PostgreSQL for the bench: a cluster of its own in a temporary folder, without a service of the
system; and what puts messages into it beside tcpackd."""

import atexit
import contextlib
import glob
import os
import pwd
import resource
import shutil
import subprocess
import tempfile
import time

import loads
from rows import Figure, Load
from servers import CPUS, BenchError, free_port, read, run, stop

SCHEMA = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "postgresql.sql")
CONNECTIONS_MOST = 600
OMPGSQL = "/usr/lib/*/rsyslog/ompgsql.so"
START_SECONDS = 60

# As many rows as are there in one transaction, up to 1,000.
RSYSLOG_CONF = """\
global(workDirectory="{work}")
module(load="imtcp")
module(load="ompgsql")
template(name="insert" type="list" option.stdsql="on") {{
    constant(value="INSERT INTO public.rsyslog (peer, message) VALUES ('")
    property(name="fromhost-ip") constant(value="', '") property(name="rawmsg") constant(value="')")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="write")
ruleset(name="write" queue.type="LinkedList" queue.dequeueBatchSize="1000" queue.size="200000") {{
    action(type="ompgsql" conninfo="{conninfo}" template="insert")
}}
"""


def binaries():
    """The folder of postgres and initdb, or None."""
    found = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: float(path.split("/")[4])
    )
    path = found[-1] if found else shutil.which("postgres")
    return path and os.path.dirname(path)


def need(tcpackd):
    if binaries() is None:
        raise BenchError("PostgreSQL: not installed (Debian: postgresql)")
    command = [tcpackd, "-c", os.devnull, "-T", "-o", "journal.postgresql=x=y"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    if "without libpq" in said:
        raise BenchError("tcpackd was built without libpq")


def everywhere():
    """On all CPUs: client, server and database are three."""
    os.sched_setaffinity(0, CPUS)


def command_output(command, seconds=loads.LOAD_SECONDS, user=()):
    done = subprocess.run(
        [*user, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd="/",
        preexec_fn=everywhere,
    )
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Database:
    """A running PostgreSQL with tcpack's table, on the disk where the bench writes."""

    def __init__(self, machine, folder, pid):
        self.machine = machine
        self.folder = folder
        self.pid = pid

    def conninfo(self, name="bench"):
        return f"host={self.folder} dbname=tcpack user=tcpackd application_name={name}"

    def query(self, sql, dbname="tcpack"):
        psql = [f"{binaries()}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder]
        return command_output([*psql, "-U", "postgres", "-d", dbname, "-c", sql]).strip()

    def empty(self):
        """Each measurement begins with empty tables and nothing on its way to the disk."""
        self.query("TRUNCATE tcpack.records, public.rsyslog")
        self.query("CHECKPOINT")

    def count(self, table):
        return int(self.query(f"SELECT count(*) FROM {table}"))

    def cpu_us(self):
        """CPU time that its processes have used, also those that have ended; and the programs that
        were run to their end here."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        ticks = sum(map(int, fields_of(self.pid)[11:15]))
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            for child in file.read().split():
                with contextlib.suppress(OSError):
                    ticks += sum(map(int, fields_of(child)[11:13]))
        return ticks * 1e6 / os.sysconf("SC_CLK_TCK") + (ended.ru_utime + ended.ru_stime) * 1e6

    # What puts messages into it: each returns messages a second, and what CPU time clients, server
    # and PostgreSQL take for a message, in microseconds.

    def insert(self, rows, count):
        """The bare libpq loop, with so many rows in a transaction."""
        self.empty()
        before = self.cpu_us()
        command = [self.machine.program("insert"), self.conninfo(), "rows", str(rows), str(count)]
        result = loads.figure_in(command_output(command))
        return [result, (self.cpu_us() - before) / count]

    def pgbench(self, clients, count):
        """One INSERT a transaction, from as many sessions. Not with a limit of time: they connect one
        after the other within it, and the first one waits for the last."""
        self.empty()
        script = os.path.join(self.folder, "insert.sql")
        with open(script, "w", encoding="ascii") as file:
            file.write(
                "INSERT INTO tcpack.records (server, seq, time, peer, message) VALUES"
                " (:client_id, nextval('public.numbers'), now(), '127.0.0.1:10000', 'PING');\n"
            )
        command = [f"{binaries()}/pgbench", "-n", "-M", "prepared", "-f", script]
        command += ["-c", str(clients), "-j", str(min(clients, len(CPUS))), "-t", str(count // clients)]
        output = command_output([*command, "-h", self.folder, "-U", "postgres", "tcpack"])
        return [loads.figure_in(output, r"^tps = ([0-9.]+)")]

    def ask(self, server, clients, count):
        """Clients that wait for each reply; all they sent must be rows."""
        before = self.cpu_us() + server.cpu_ns() / 1e3
        numbers = [str(server.port), str(clients), str(count)]
        result = loads.figure_in(command_output([self.machine.program("ask"), *numbers]))
        used = self.cpu_us() + server.cpu_ns() / 1e3 - before
        if self.count("tcpack.records") != count:
            raise BenchError(f"{count} acknowledged, {self.count('tcpack.records')} recorded")
        return [result, used / count]

    def tcpackd(self, clients, count):
        self.empty()
        journal = f'-\npostgresql = "{self.conninfo(name="tcpackd")}"'
        with self.machine.tcpackd(journal=journal) as server:
            everywhere_now(server)
            return self.ask(server, clients, count)

    def serve(self, clients, count):
        """The bare loop, fed by the same clients."""
        self.empty()
        port = free_port()
        command = [self.machine.program("insert"), self.conninfo(), "serve", str(port)]
        with run(command, port, self.machine.scratch) as server:
            everywhere_now(server)
            return self.ask(server, clients, count)

    def tcpack(self, path, count):
        """The lines of a file through tcpack and tcpackd."""
        self.empty()
        journal = f'-\npostgresql = "{self.conninfo(name="tcpackd")}"'
        with self.machine.tcpackd(journal=journal) as server:
            everywhere_now(server)
            seconds = loads.tcpack_lines(self.machine, server, path)
        if self.count("tcpack.records") != count:
            raise BenchError(f"{count} acknowledged, {self.count('tcpack.records')} recorded")
        return count / seconds

    def rsyslog(self, path, count):
        """The same through logger and rsyslogd, until all of them are rows. Its package is not among
        those of ./bootstrap --deps: it makes every rsyslogd of the machine write to a database."""
        if not glob.glob(OMPGSQL):
            raise BenchError("ompgsql.so: not installed (Debian: rsyslog-pgsql, which also configures "
                             "the rsyslogd of this machine)")
        self.empty()
        port = free_port()
        config = self.machine.path("ompgsql.conf")
        with open(config, "w", encoding="ascii") as file:
            conninfo = f"postgresql:///tcpack?host={self.folder}&user=postgres"
            file.write(RSYSLOG_CONF.format(port=port, conninfo=conninfo, work=self.machine.scratch))
        command = ["rsyslogd", "-n", "-f", config, "-i", self.machine.path("ompgsql.pid")]
        with run(command, port, self.machine.scratch) as server:
            everywhere_now(server)
            start = time.monotonic()
            loads.logger(server, path)
            while self.count("public.rsyslog") < count:
                if time.monotonic() > start + loads.LOAD_SECONDS:
                    raise BenchError(f"rsyslog: not all recorded after {loads.LOAD_SECONDS} s")
                time.sleep(0.05)
            return count / (time.monotonic() - start)


def fields_of(pid):
    """Of /proc/PID/stat, after the name of the program."""
    return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()


def everywhere_now(server):
    os.sched_setaffinity(server.pid, CPUS)


def user_of_postgres():
    """How to become the user that PostgreSQL runs as, which must not be root: (command, uid, gid)."""
    if os.geteuid() != 0:
        return [], -1, -1
    for name in "postgres", "nobody":
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            numbers = ["--reuid", name, "--regid", str(user.pw_gid), "--clear-groups"]
            return ["setpriv", *numbers], user.pw_uid, user.pw_gid
    raise BenchError("neither a user postgres nor nobody: PostgreSQL refuses to run as root")


@contextlib.contextmanager
def database(machine):
    folder = tempfile.mkdtemp(prefix="tcpack-pg-")
    process = None
    user, uid, gid = user_of_postgres()
    os.chown(folder, uid, gid)
    os.chmod(folder, 0o755)
    data = os.path.join(folder, "data")
    try:
        initdb = [f"{binaries()}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command_output([*initdb, "--no-locale"], user=user)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": folder,
            "max_connections": CONNECTIONS_MOST,
            "max_wal_size": "4GB",
        }
        command = [*user, f"{binaries()}/postgres", "-D", data]
        command += [word for pair in settings.items() for word in ("-c", "%s=%s" % pair)]
        with open(os.path.join(folder, "log"), "wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                preexec_fn=everywhere,
            )
        running = Database(machine, folder, process.pid)
        wait_ready(running, process)
        running.query("CREATE DATABASE tcpack", dbname="postgres")
        psql = [f"{binaries()}/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", folder, "-U", "postgres"]
        command_output([*psql, "-d", "tcpack", "-f", SCHEMA])
        running.query("CREATE SEQUENCE public.numbers; CREATE TABLE public.rsyslog (at bigserial, "
                      "time timestamptz DEFAULT now(), peer text, message text)")
        yield running
    finally:
        if process is not None:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def wait_ready(running, process):
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            running.query("SELECT 1", dbname="postgres")
            return
        except BenchError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"PostgreSQL does not start: {error}") from None
            time.sleep(0.05)


class DatabaseLoads:
    """`quick`: a fraction of the messages. They share a PostgreSQL, which ends with the bench."""

    def __init__(self, machine, quick):
        self.machine = machine
        self.quick = quick
        self.shared = None

    def all(self):
        return [self.clients(1, 5000), self.clients(50, 100_000), self.clients(500, 200_000), self.file()]

    def count(self, messages):
        return messages // 5 if self.quick else messages

    def database(self):
        if self.shared is None:
            need(self.machine.tcpackd_path)
            stack = contextlib.ExitStack()
            atexit.register(stack.close)
            self.shared = stack.enter_context(database(self.machine))
        return self.shared

    def clients(self, clients, messages):
        """Clients that wait for each reply, beside as many rows in each transaction of a loop that
        has no clients."""
        count = self.count(messages)
        title = f"{clients} client{'s' if clients > 1 else ''}, acknowledged when PostgreSQL has it"
        name = f"postgresql-{clients}"
        figures = [
            Figure(name, title, "messages/s", "libpq, no clients", at_least=0.7),
            Figure(f"{name}-cpu", "CPU time of clients, server and PostgreSQL for it", "us/message"),
        ]
        contenders = {
            "tcpackd": lambda: self.database().tcpackd(clients, count),
            "libpq, no clients": lambda: self.database().insert(clients, count),
            "libpq, the same clients": lambda: self.database().serve(clients, count),
            "pgbench, an INSERT each": lambda: self.database().pgbench(clients, count // 4),
        }
        return Load(name, figures, contenders, swings=True)

    def file(self):
        """Lines of a file, until they are rows."""
        count = self.count(200_000)
        path = self.machine.path("database-lines")

        def measure(how):
            with open(path, "wb") as file:
                file.writelines(b"%092d\n" % number for number in range(count))
            try:
                return [how(self.database())(path, count)]
            finally:
                os.unlink(path)

        figure = Figure(
            "postgresql-file", f"{count:,} lines of 92 bytes into PostgreSQL", "lines/s", times=True
        )
        contenders = {
            "tcpackd": lambda: measure(lambda database: database.tcpack),
            "rsyslog, ompgsql": lambda: measure(lambda database: database.rsyslog),
        }
        return Load(figure.name, [figure], contenders)
