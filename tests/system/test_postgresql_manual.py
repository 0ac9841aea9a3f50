"""
Why: people paste what the manual shows. The commands of "A journal in PostgreSQL" run here, from the
installed package to the first acknowledged row, and its statements are asked of rows.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import postgresql, programs
from harness.client import Client
from harness.documents import displays, unescaped
from harness.postgresql import Postgres
from harness.waiting import DEADLINE

# They share a cluster: one process must run them all.
pytestmark = pytest.mark.xdist_group("postgresql")


def examples():
    text = (programs.SOURCE / "man" / "tcpackd.8.in").read_text(encoding="utf-8")
    section = text[text.index(".Ss A journal in PostgreSQL"):text.index(".Ss TLS")]
    return [unescaped(display) for display in displays(section)]


def statements(word):
    """Those of the example that has the word."""
    block, = [block for block in examples() if word in block]
    return [statement for statement in block.split(";") if statement.strip()]


@pytest.fixture
def lone():
    """A network of its own, and in it a PostgreSQL as Debian installs it: (enter, folder)."""
    postgresql.need()
    programs.need_root()
    programs.need("unshare", "nsenter", "ip", "su")
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 1000"],
                              stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"\n", "no network namespace here"
    enter = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    folder = Path(tempfile.mkdtemp(prefix="tcpack-pg-"))
    os.chown(folder, *postgresql.owner())
    folder.chmod(0o755)
    server = Postgres(folder, "debian", namespace=enter, address=("127.0.0.1", 5432)).create()
    (server.data / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    server.start()
    yield enter, folder
    server.kill()
    holder.kill()
    holder.wait()
    shutil.rmtree(folder)


def test_from_nothing_to_the_first_acknowledged_row(lone, tmp_path):
    enter, folder = lone
    commands, = [block for block in examples() if "apt install" in block]
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt").write_text("#!/bin/sh\n")  # it is installed, and runs
    (tools / "apt").chmod(0o755)
    for name, program in ("tcpackd", programs.tcpackd()), ("tcpack", programs.tcpack()):
        more = " -c /dev/null" if name == "tcpack" else ""
        (tools / name).write_text(f"#!/bin/sh\nexec {shlex.quote(program)}{more} \"$@\"\n")
        (tools / name).chmod(0o755)
    script = commands.replace("@docdir@/examples/postgresql.sql", shlex.quote(str(postgresql.SCHEMA)))
    script = f"set -e; cd {shlex.quote(str(tmp_path))}\n{script}\nkill $!; wait $!"
    path = f"{tools}:{postgresql.binaries()}:{os.environ['PATH']}"
    result = subprocess.run([*enter, "bash", "-c", script], capture_output=True, timeout=2 * DEADLINE,
                            env={**os.environ, "PATH": path, "PGHOST": str(folder)}, cwd="/")
    assert result.returncode == 0, result.stderr.decode()
    output = result.stdout.decode()
    assert "server received you message." in output
    rows = [line.split("|") for line in output.splitlines() if "127.0.0.1:" in line]
    assert len(rows) == 1 and rows[0][1].strip() == "1" and rows[0][8].strip() == "hello", output


def test_statements_of_the_manual(cluster, server):
    primary = cluster.primary
    primary.empty("tcpack")
    one = server({"server.framing": "line",
                  "journal.postgresql": primary.conninfo(dbname="tcpack", application_name="one")})

    def ask(statement):
        return primary.query(statement, dbname="tcpack").splitlines()

    with Client(one) as client:
        for line in (b"tracker-7 1 a", b"tracker-7 2 b", b"tracker-7 5 c", b"tracker-7 5 d",
                     b'tracker-8 1 {"speed": 130}', b'{"speed": 7}', b"no json"):
            client.say(line)
    hour, network, fast = statements("tracker-7")
    assert [row.split("|")[1:] for row in ask(hour)] == [["1", "a"], ["2", "b"], ["5", "c"], ["5", "d"]]
    assert len(ask(network.replace("192.0.2.0/24", "127.0.0.0/8"))) == 7 and not ask(network)
    assert [row.split("|")[1:] for row in ask(fast)] == [["tracker-8", "130"]]
    gaps, twice = statements("lag(number)")
    assert ask(gaps) == ["tracker-7|3|4"] and ask(twice) == ["tracker-7|5|2"]
    delete, = statements("DELETE")
    ask("UPDATE tcpack.records SET time = now() - interval '91 days' WHERE seq < 5")
    ask(delete)
    assert ask("SELECT count(*) FROM tcpack.records") == ["3"]
    one.stop()
    ask("UPDATE tcpack.records SET time = now() - interval '91 days'")
    ask(delete)
    one.start()
    with Client(one) as client:
        client.say(b"after a long silence")
    assert ask("SELECT seq FROM tcpack.records ORDER BY seq") == ["7", "8"]
