"""The servers that a user would take instead of tcpackd to get lines into a file, each set up as its
manual advises for speed, and the lines that they are given."""

import contextlib
import glob
import os
import re
import shutil
import subprocess

import loads
from servers import BenchError, free_port, run

# `fast`: larger batches and a larger buffer than rsyslog has by default; a sync for each of them.
RSYSLOG_CONF = """\
global(workDirectory="{work}")
{queue}
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="write")
ruleset(name="write") {{ action(type="omfile" file="{output}" sync="{sync}" {buffer}) }}
"""
RSYSLOG_FAST = {
    "queue": 'main_queue(queue.type="fixedArray" queue.size="100000" queue.dequeueBatchSize="1000")',
    "buffer": 'ioBufferSize="256k"',
}

SYSLOG_NG_CONF = """\
@version: {version}
options {{ stats-freq(0); }};
source from_network {{
  network(ip("127.0.0.1") port({port}) transport("tcp") max-connections(1000)
          log-iw-size(1000000) log-fetch-limit(1000));
}};
destination to_file {{ file("{output}" fsync({sync}) flush-lines(1000) log-fifo-size(2000000)); }};
log {{ source(from_network); destination(to_file); flags(flow-control); }};
"""
SYSLOG_NG_PACKAGES = ("syslog-ng-core", "libivykis0", "libnet1")


def rsyslog(machine, output, sync, fast=True):
    """`fast` False: with the sizes that it has by default."""
    port = free_port()
    config = machine.path("rsyslog.conf")
    sizes = RSYSLOG_FAST if fast else {"queue": "", "buffer": ""}
    with open(config, "w", encoding="ascii") as file:
        file.write(
            RSYSLOG_CONF.format(
                port=port,
                output=output,
                sync="on" if sync else "off",
                work=machine.scratch,
                **sizes,
            )
        )
    command = ["rsyslogd", "-n", "-f", config, "-i", machine.path("rsyslog.pid")]
    return run(command, port, machine.scratch)


def unpack_syslog_ng(folder):
    """Debian's syslog-ng cannot be installed beside rsyslog: its packages are only unpacked."""
    print(f"syslog-ng is not installed: unpacking Debian's packages in {folder}", flush=True)
    os.makedirs(folder, exist_ok=True)
    try:
        # apt-get fetches as the user _apt where it may, so the folder's owner does not matter.
        subprocess.run(
            ["apt-get", "download", *SYSLOG_NG_PACKAGES],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
        for package in glob.glob(os.path.join(folder, "*.deb")):
            subprocess.run(["dpkg", "-x", package, folder], check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        raise BenchError("syslog-ng: not installed, apt-get download cannot fetch it") from None


def find_syslog_ng(machine, unpack=True):
    """The program, its options, and its environment: the installed one, or one that was unpacked at
    BENCH_SYSLOG_NG or in the folder of results."""
    installed = shutil.which("syslog-ng", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed:
        return installed, [], {}
    own = os.path.join(os.path.dirname(machine.scratch), "syslog-ng")
    folder = os.path.abspath(os.environ.get("BENCH_SYSLOG_NG", own))
    program = os.path.join(folder, "usr/sbin/syslog-ng")
    if not os.path.exists(program):
        if not unpack or "BENCH_SYSLOG_NG" in os.environ:
            raise BenchError(f"syslog-ng: not installed, no {program}")
        unpack_syslog_ng(folder)
    libraries = glob.glob(os.path.join(folder, "usr/lib/*-linux-*"))
    libraries.append(os.path.join(folder, "usr/lib/syslog-ng"))
    modules = glob.glob(os.path.join(folder, "usr/lib/syslog-ng/[0-9]*"))
    return program, ["--module-path", *modules], {"LD_LIBRARY_PATH": ":".join(libraries)}


def syslog_ng_says(what, program, options, environment):
    """The value of a line that `syslog-ng --version` prints."""
    done = subprocess.run(
        [program, *options, "--version"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(rf"^{what}: (\S+)", done.stdout, re.M)
    if found is None:
        raise BenchError(f"{program} --version: {(done.stderr or done.stdout).strip()}")
    return found[1]


def syslog_ng(machine, output, sync):
    program, options, environment = find_syslog_ng(machine)
    port = free_port()
    config = machine.path("syslog-ng.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(
            SYSLOG_NG_CONF.format(
                version=syslog_ng_says("Config version", program, options, environment),
                port=port,
                output=output,
                sync="yes" if sync else "no",
            )
        )
    command = [program, "-F", "--no-caps", "-f", config, *options]
    for option, name in (("-R", "persist"), ("-c", "control"), ("-p", "pid")):
        command += [option, machine.path(f"syslog-ng.{name}")]
    return run(command, port, machine.scratch, environment)


def socat(machine, output):
    port = free_port()
    command = ["socat", "-u", "-b", "262144", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"]
    return run([*command, f"OPEN:{output},creat,append"], port, machine.scratch)


def versions(machine):
    """(name, version) of each that is there, for the head of the table."""
    found = []
    for name, command in (("rsyslog", ["rsyslogd", "-v"]), ("socat", ["socat", "-V"])):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            version = re.search(r"rsyslogd\s+\S+|socat version \S+", text)
            if version:
                found.append((name, version[0]))
    with contextlib.suppress(BenchError, OSError):
        version = syslog_ng_says("Installer-Version", *find_syslog_ng(machine, unpack=False))
        found.append(("syslog-ng", f"syslog-ng {version}"))
    return found


def senders(machine, server, count, lines, output=None):
    """Seconds that `count` senders take for `lines` lines in all, until they are answered or, with
    `output`, until they are in that file."""
    command = [machine.program("senders"), str(server.port), str(count), str(lines)]
    return loads.figure_in(loads.run(command + ([output] if output else [])))


@contextlib.contextmanager
def bulk_sender(machine, server):
    """One that sends lines as fast as it can until the block ends. The small clients beside it wait
    for the server, not for a CPU that it has."""
    process = subprocess.Popen(
        [machine.program("senders"), str(server.port), "1", "1000000000"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.nice(10),
    )
    try:
        yield
        if process.poll() is not None:
            raise BenchError(process.stderr.read().decode(errors="replace").strip())
    finally:
        process.kill()
        process.communicate()
