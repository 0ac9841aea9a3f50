"""
The journal in PostgreSQL: what is recorded, that it is recorded once, and what tcpackd refuses to
start with. A real server in a folder of its own.
"""

import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import threading
from pathlib import Path

import pytest

from harness import postgresql, programs
from harness.client import Client
from harness.postgresql import Postgres, messages, rows
from harness.server import Server, ini

# They share a cluster: one process must run them all.
pytestmark = pytest.mark.xdist_group("postgresql")

LINES = {"server.framing": "line", "server.reply": "{seq}", "journal.commit_timeout": 30}


@pytest.fixture
def database(cluster):
    """(the server, the name of a database in which nothing is recorded yet)"""
    cluster.primary.empty("tcpack")
    return cluster.primary, "tcpack"


def settings(database, name="one", **options):
    primary, dbname = database
    return {**LINES, "journal.postgresql":
            primary.conninfo(dbname=dbname, application_name=name, **options)}


def test_records_are_rows(database, server):
    one = server({**settings(database), "listener other.port": "0", "listener other.framing": "nul"})
    lines = [b"plain", b"", "ümlaut \\ \"'{},".encode(), b"\xff\xfe\x01", b"NULL",
             b"tracker-1 7 position", b"tracker-1 007 is not numbered"]
    with Client(one) as client:
        assert [client.say(line) for line in lines] == [b"%d" % n for n in range(1, 8)]
        peer = client.peer
    with Client(one.addresses[1]) as other:
        other.send(b"two\nlines\0")
        assert other.receive_until(b"\0") == b"8"
        other_peer = other.peer
    found = rows(*database)
    assert [row[5] for row in found] == [line.hex() for line in [*lines, b"two\nlines"]]
    assert [row[0] for row in found] == [str(n) for n in range(1, 9)]
    assert {row[1] for row in found[:7]} == {peer} and found[7][1] == other_peer
    assert [row[2] for row in found] == [""] * 7 + ["other"]
    assert [row[3:5] for row in found] == [["", ""]] * 5 + [["tracker-1", "7"]] + [["", ""]] * 2


def test_many_messages_in_one_commit(database, server):
    """Arrays with NULLs and without, and more rows than a round's; SEQ and order are the sender's."""
    one = server(settings(database))
    lines = [b"dev %d %s" % (n, b"x" * (n % 50)) if n % 3 else b"line %d" % n
             for n in range(1, 5001)]
    with Client(one) as client:
        client.send(b"\n".join(lines) + b"\n")
        assert [int(client.receive_until()) for _ in lines] == list(range(1, 5001))
    assert messages(*database) == lines


def test_numbers_go_on_after_a_restart(database, server, tmp_path):
    with Server(tmp_path, settings(database)) as one, Client(one) as client:
        assert client.say(b"a") == b"1"
    with Server(tmp_path, settings(database, name="other")) as one, Client(one) as client:
        assert client.say(b"b") == b"1"
    with Server(tmp_path, settings(database)) as one, Client(one) as client:
        assert client.say(b"c") == b"2"
    assert rows(*database, "server, seq") == [["one", "1"], ["one", "2"], ["other", "1"]]


def test_the_last_number(database, server):
    primary, dbname = database
    last = 2**63 - 1
    primary.query("INSERT INTO tcpack.records (server, seq, time, peer, message)"
                  f" VALUES ('one', {last - 1}, now(), 'unix', 'x')", dbname=dbname)
    one = server(settings(database))
    with Client(one) as client:
        assert client.say(b"y") == b"%d" % last
        client.send(b"z\n")
        assert client.receive_all() == b""
    one.log.wait("no SEQ is left")
    assert messages(*database) == [b"x", b"y"]


def test_a_resend_is_recorded_once_whichever_server_takes_it(database, server):
    one, two = server(settings(database)), server(settings(database, name="two"))
    with Client(one) as first, Client(two) as second:
        assert first.say(b"dev 1 x") and second.say(b"dev 1 x") and first.say(b"dev 1 x")
        assert second.say(b"dev 1 another text under the same number")
        first.send(b"dev 2 y\ndev 2 y\n")  # twice in one batch
        assert first.receive_until() and first.receive_until()
        assert first.say(b"same") and first.say(b"same")  # not numbered: two messages
    assert sorted(messages(*database)) == [
        b"dev 1 another text under the same number", b"dev 1 x", b"dev 2 y", b"same", b"same"]


def test_view_shows_text_json_and_address(database, server):
    one = server({**settings(database), "listener v6.host": "::1", "listener v6.port": "0"})
    with Client(one) as client, Client(one.addresses[1]) as other:
        client.say(b'{"speed": 7}')
        client.say(b'tracker 5 {"speed": 8}')
        client.say(b'{"no json": }')
        client.say(b"\xff\x01")
        other.say(b"6")
    primary, dbname = database
    text = primary.query("SELECT address, id, number, text, json->>'speed' FROM tcpack.messages"
                         " ORDER BY seq", dbname=dbname)
    assert text.splitlines() == ['127.0.0.1|||{"speed": 7}|7', '127.0.0.1|tracker|5|{"speed": 8}|8',
                                 '127.0.0.1|||{"no json": }|', r"127.0.0.1|||\377" + "\x01|",
                                 "::1|||6|"]


def test_role_cannot_read_or_change_what_is_recorded(database, server):
    primary, dbname = database
    with Client(server(settings(database))) as client:
        client.say(b"secret")
    for sql in ("SELECT message FROM tcpack.records", "SELECT * FROM tcpack.messages",
                "DELETE FROM tcpack.records", "UPDATE tcpack.records SET seq = 9",
                "TRUNCATE tcpack.records", "CREATE TABLE tcpack.x ()"):
        result = primary.try_query(sql, dbname=dbname, user="tcpackd")
        assert "permission denied" in result.stderr, sql


def test_schema_can_be_made_again(database, server):
    primary, dbname = database
    with Client(server(settings(database))) as client:
        client.say(b"kept")
    primary.run_file(postgresql.SCHEMA, dbname)
    assert messages(*database) == [b"kept"]


# ------------------------------------------------------------------------------------- refusals

def refusal(tmp_path, wanted, arguments=(), environment=None, wrap=()):
    """(exit status, last line of the log) of a tcpackd that must not start, and of its -t."""
    one = Server(tmp_path, wanted, arguments=arguments, environment=environment, wrap=wrap).spawn()
    return one.wait(), one.log.lines[-1]


@pytest.mark.parametrize("wanted, said", [
    ({"journal.file": "journal"}, "postgresql and file exclude each other"),
    ({"server.max_message": "268435457"}, r"max_message can be up to 268435456 there; in \[server\]"),
    ({"journal.postgresql": "password=secret"}, "no password here"),
    ({"journal.postgresql": "postgresql://me:secret@db/tcpack"}, "no password here"),
    ({"journal.postgresql": "host=db sslpassword = secret"}, "no password here"),
    ({"journal.postgresql": "host=db Password=secret"}, "no password here"),
    ({"journal.postgresql": "host=db passwd=secret"}, "no password here"),
    ({"journal.postgresql": "postgresql://me@db/x?pwd=secret"}, "no password here"),
    ({"journal.replicas": "101"}, "out of range"),
    ({"journal.commit_timeout": "0"}, "out of range"),
])
def test_configuration_is_refused(tmp_path, wanted, said):
    postgresql.need()
    status, line = refusal(tmp_path, {"journal.postgresql": "dbname=tcpack", **wanted})
    assert status == 78 and re.search(said, line) and "secret" not in line, line


def test_password_on_the_command_line_is_not_repeated(tmp_path):
    postgresql.need()
    for key in ("password", "PASSWORD", "passwort"):
        for option in ("-t", "-T", "-q"):
            result = programs.run(programs.tcpackd(), "-c", "/dev/null", option, "-o",
                                  f"journal.postgresql=host=db {key}=secret")
            assert result.returncode == 78 and "secret" not in result.stdout + result.stderr


def test_configuration_is_printed_and_read_back(tmp_path):
    postgresql.need()
    wanted = {"journal.postgresql": "host=a,b target_session_attrs=read-write", "journal.replicas": 1}
    config = tmp_path / "tcpack.ini"
    config.write_text(ini(wanted))
    state = {"STATE_DIRECTORY": str(tmp_path), "PATH": "/"}
    printed = programs.run(programs.tcpackd(), "-c", config, "-T", env=state).stdout
    config.write_text(printed)
    again = programs.run(programs.tcpackd(), "-c", config, "-T", env=state)
    assert again.stdout == printed and "file = -" in printed, again.stderr


@pytest.mark.parametrize("change, said", [
    ("DROP SCHEMA tcpack CASCADE",
     r'relation "tcpack.records" does not exist \(postgresql.sql makes the table\)'),
    ("REVOKE INSERT ON tcpack.records FROM tcpackd",
     "permission denied for table records.*postgresql.sql"),
    ("REVOKE SELECT ON tcpack.records FROM tcpackd",
     "permission denied for table records.*postgresql.sql"),
    ("DROP INDEX tcpack.records_numbered", "ON CONFLICT.*postgresql.sql"),
    ("ALTER TABLE tcpack.records SET UNLOGGED", "tcpack.records is not logged"),
    ("ALTER TABLE tcpack.records DROP CONSTRAINT records_pkey", "ON CONFLICT.*postgresql.sql"),
    ("ALTER TABLE tcpack.records ADD site text NOT NULL", 'null value in column "site"[^(]*\\(Failing'),
    ("DROP VIEW tcpack.messages; ALTER TABLE tcpack.records ALTER seq TYPE integer",
     "out of range"),
    ("DROP VIEW tcpack.messages; ALTER TABLE tcpack.records ALTER peer TYPE varchar(15)",
     "value too long"),
    ("ALTER TABLE tcpack.records ENABLE ROW LEVEL SECURITY", "row-level security policy"),
    ("ALTER DATABASE tcpack SET default_transaction_read_only = on",
     "default_transaction_read_only = on: nothing can be recorded"),
    ("CREATE FUNCTION tcpack.warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
     " RAISE WARNING 'odd'; RETURN NEW; END $$; CREATE TRIGGER warn BEFORE INSERT ON tcpack.records"
     " FOR EACH ROW EXECUTE FUNCTION tcpack.warn()", "port [0-9]+: odd$"),
])
def test_database_is_refused(database, tmp_path, change, said):
    primary, dbname = database
    primary.query(change, dbname=dbname)
    for arguments in ([], ["-t"]):
        status, line = refusal(tmp_path, settings(database), arguments)
        assert status == 69 and re.search("cannot use PostgreSQL as journal: .*" + said, line), line
    primary.query("ALTER DATABASE tcpack RESET ALL", dbname="postgres")


def test_examination_leaves_nothing(database, server, tmp_path):
    """It inserts rows and takes them back."""
    one = server(settings(database))
    check = Server(tmp_path, settings(database, "two"), arguments=["-t"]).spawn()
    assert check.wait() == 0, str(check.log)
    with Client(one) as client:
        assert client.say(b"x") == b"1"
    assert messages(*database) == [b"x"]


def test_stop_while_it_connects_at_the_start(tmp_path):
    """To a server that does not answer: TERM need not wait for commit_timeout, HUP does not end it."""
    postgresql.need()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        one = Server(tmp_path, {"journal.postgresql": f"host=127.0.0.1 port={port}",
                                "journal.commit_timeout": 3600}).spawn()
        connection, _ = listener.accept()
        with connection:
            one.send_signal(signal.SIGHUP)
            one.send_signal(signal.SIGTERM)
            assert one.wait() == 0
    assert "cannot use PostgreSQL as journal: told to stop while connecting" in one.log.lines[-1]


# synchronous_standby_names, synchronous_commit, and what tcpackd says of them with replicas = 2.
REPLICAS = [
    ("2 (*)", "on", None),
    ("ANY 3 (a, b, c)", "remote_apply", None),
    ("", "on", "synchronous_standby_names = '': a commit waits for 0 standbys, not for replicas"),
    ("a, b", "on", "waits for 1 standbys, not for replicas = 2"),
    ("ANY 1 (a, b)", "on", "waits for 1 standbys"),
    ("FIRST 1 (a, b)", "remote_apply", "waits for 1 standbys"),
    ("1 (a, b)", "on", "waits for 1 standbys"),
    ("any 2(a, b)", "local", "synchronous_commit = local: a commit does not wait for the disks"),
    ("2 (*)", "remote_write", "synchronous_commit = remote_write"),
    ("2 (*)", "off", "synchronous_commit = off"),
]


def test_replicas_must_be_possible(database, tmp_path):
    """With -t, which commits nothing: there are no standbys at all. Nor does it matter what the role
    takes backslashes for."""
    primary, _ = database
    try:
        for names, commits, said in REPLICAS:
            primary.set(synchronous_standby_names=names)
            primary.reload()
            status, line = refusal(tmp_path, {**settings(database), "journal.replicas": 2}, ["-t"],
                                   {"PGOPTIONS": f"-c synchronous_commit={commits}"
                                                 " -c standard_conforming_strings=off"})
            assert status == (69 if said else 0) and (said or "is valid") in line, line
    finally:
        primary.set(synchronous_standby_names="")
        primary.reload()


def test_two_servers_of_one_name_are_refused(database, server, tmp_path):
    one = server(settings(database))
    status, line = refusal(tmp_path, settings(database))
    assert status == 69 and "another session records as one" in line
    check = Server(tmp_path, settings(database), arguments=["-t"]).spawn()
    assert check.wait() == 0, str(check.log)  # the configuration is good
    one.stop()
    with Server(tmp_path, settings(database)):
        pass


def test_unreachable_servers_are_named(database, tmp_path):
    primary, dbname = database
    text = f"host=/nowhere,{primary.folder} port=1,5432 dbname={dbname} user=not_there"
    status, line = refusal(tmp_path, {"journal.postgresql": text})
    assert status == 69
    assert re.search('"/nowhere/.s.PGSQL.1" failed: No such file.*; .*"not_there" does not exist', line)


def test_names_of_hosts_are_looked_up_at_the_start_only(tmp_path, free_port):
    """A name server that does not answer would hold up everything when the connection is lost."""
    programs.need("unshare", "mount", "setpriv")
    programs.need_root()
    names = tmp_path / "hosts"
    names.write_text("127.0.0.1 first.test second.test\n")
    address = "127.0.0.1", free_port
    wrap = ["unshare", "--mount", "sh", "-c", f'mount --bind {names} /etc/hosts && exec "$@"', "sh"]
    folder = Path(tempfile.mkdtemp(prefix="tcpack-pg-"))
    os.chown(folder, *postgresql.owner())
    primary = Postgres(folder, "primary", address=address).create().start()
    try:
        primary.create_database("tcpack")
        text = f"host=first.test,second.test port={address[1]} dbname=tcpack user=tcpackd application_name=one"
        keys = {"server.framing": "line", "server.reply": "{seq}", "journal.postgresql": text}
        with Server(tmp_path, keys, wrap=wrap) as one, Client(one) as client:
            assert client.say(b"a") == b"1"
            names.write_text("")
            primary.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE application_name = 'one'")
            one.log.wait("writing to the journal works again")
            assert client.say(b"b") == b"2"
        status, line = refusal(tmp_path, keys, wrap=wrap)
        assert status == 69
        assert 'cannot use PostgreSQL as journal: cannot look up host "first.test": ' in line
    finally:
        primary.kill()
        shutil.rmtree(folder)


def test_passwords_come_from_libpq(cluster, database, tmp_path):
    """A wrong one is said to be wrong, and none is ever seen."""
    primary, dbname = database
    hba = primary.data / "pg_hba.conf"
    before = hba.read_text()
    primary.query("ALTER ROLE tcpackd PASSWORD 'right-horse'")
    try:
        hba.write_text("local all tcpackd scram-sha-256\n" + before)
        primary.reload()
        good, bad = tmp_path / "good", tmp_path / "bad"
        good.write_text(f"*:*:{dbname}:tcpackd:right-horse\n")
        bad.write_text("*:*:*:*:wrong-horse\n")
        for file in good, bad:
            file.chmod(0o600)
        status, line = refusal(tmp_path, settings(database), environment={"PGPASSFILE": str(bad)})
        assert status == 69 and "password authentication failed" in line and "horse" not in line
        with Server(tmp_path, settings(database), environment={"PGPASSFILE": str(good)}) as one, \
                Client(one) as client:
            assert client.say(b"x") == b"1"
            with open(f"/proc/{one.pid}/cmdline", encoding="utf-8") as file:
                assert "horse" not in file.read()
        assert "horse" not in str(one.log)
    finally:
        hba.write_text(before)
        primary.reload()


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def test_old_server_is_refused(tmp_path):
    """One that says it is 10.1: a few bytes of the protocol."""
    postgresql.need()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            while struct.unpack("!II", (begin := connection.recv(8)))[1] != 196608:
                connection.sendall(b"N")  # no TLS, no GSSAPI
            connection.recv(struct.unpack("!I", begin[:4])[0])
            connection.sendall(message(b"R", struct.pack("!I", 0)) +
                               message(b"S", b"server_version\x0010.1\0") +
                               message(b"K", struct.pack("!II", 1, 1)) + message(b"Z", b"I"))
            connection.recv(100)

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    status, line = refusal(tmp_path, {"journal.postgresql": f"host=127.0.0.1 port={port} user=x"})
    thread.join()
    listener.close()
    assert status == 69 and "it is PostgreSQL 10.1; tcpackd needs 11 or later" in line
