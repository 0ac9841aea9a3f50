"""
The journal in PostgreSQL when something fails: nothing is acknowledged that is not committed, and on
the standbys that were asked for; the loop goes on meanwhile; one line says when it begins, one when
it is over.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness import postgresql
from harness.client import Client
from harness.disk import small_disk
from harness.numbered import NumberedLoad
from harness.postgresql import Postgres, messages, rows
from harness.server import Server, ini
from harness.waiting import wait_until

# They share a cluster: one process must run them all.
pytestmark = pytest.mark.xdist_group("postgresql")

BEGINS = "nothing is acknowledged and connections with messages are closed"
OVER = "^tcpackd: writing to the journal works again$"


@pytest.fixture
def primary(cluster):
    """The primary, with nothing recorded, whose commits do not wait for standbys."""
    cluster.primary.empty("tcpack")
    return cluster.primary


@pytest.fixture
def replicated(cluster, primary):
    """(the primary, a standby that its commits wait for)"""
    standby = cluster.standbys[0]
    cluster.require(f"FIRST 1 ({standby.name})")
    yield primary, standby
    standby.resume()
    cluster.require("")


def settings(primary, name="one", **keys):
    """commit_timeout is longer than any commit takes; where it must end one, a test has another."""
    return {"server.framing": "line", "server.reply": "{seq}", "server.health_check": "ping",
            "journal.commit_timeout": 30, "journal.postgresql":
            primary.conninfo(dbname="tcpack", application_name=name), **keys}


def reload(server, **keys):
    """Change keys of [journal]."""
    server.settings.update({f"journal.{key}": value for key, value in keys.items()})
    server.config.write_text(ini(server.settings))
    count = len(server.log.matches("the configuration was read again"))
    server.send_signal(signal.SIGHUP)
    server.log.wait("the configuration was read again", count + 1)


def figures(server):
    """{name: value} of its metrics file, written anew."""
    lines = len(server.log.matches("messages .* in .* commits"))
    server.send_signal(signal.SIGUSR1)
    server.log.wait("messages .* in .* commits", lines + 1)
    with open(server.settings["metrics.file"], encoding="ascii") as file:
        return dict(line.split() for line in file if not line.startswith("#"))


def wait_received(server, size):
    """Wait until it has read so many bytes of messages."""
    wait_until(lambda: figures(server)["tcpackd_received_bytes_total"] == str(size), f"{size} bytes read")


def say_until_recorded(server, message):
    """As a client that resends: connect and send until it is acknowledged; the reply."""
    replies = []

    def acknowledged():
        with Client(server) as client:
            client.send(message + b"\n")
            replies.append(first_reply(client))
            return replies[-1]

    wait_until(acknowledged, f"an acknowledgement of {message!r}")
    return replies[-1]


def first_reply(client):
    """One line, or b"" if the server closes without one."""
    data = b""
    try:
        while not data.endswith(b"\n"):
            more = client.socket.recv(1)
            if not more:
                return b""
            data += more
    except ConnectionResetError:
        return b""
    return data.strip()


def test_lost_session_is_replaced(primary, server, tmp_path):
    """Also while nobody sends anything: then the health check fails until it is back."""
    one = server(settings(primary, **{"metrics.file": tmp_path / "prom"}))
    with Client(one) as client:
        assert client.say(b"a") == b"1"
        primary.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name = 'one'")
        one.log.wait("not connected to PostgreSQL: .*terminating connection due to administrator "
                     f"command: {BEGINS} until it is connected again")
        one.log.wait(OVER)
        assert client.say(b"ping") == b"0"
        assert client.say(b"b") == b"2"
    assert len(one.log.matches("error|warning")) == 1, str(one.log)
    assert figures(one)["tcpackd_journal_reconnects_total"] == "1"
    assert messages(primary, "tcpack") == [b"a", b"b"]


def test_server_restarts(primary, server):
    """Nothing is acknowledged while it is away, and connections with messages are closed."""
    one = server(settings(primary))
    with Client(one) as client, Client(one) as quiet:
        assert client.say(b"a") == b"1"
        primary.stop()
        one.log.wait(BEGINS)
        client.send(b"b\n")
        assert client.receive_all() == b""
        quiet.send(b"ping\n")  # not answered, so that a balancer goes elsewhere
        with Client(one) as other:
            other.send(b"c\n")
            assert other.receive_all() == b""
        primary.start()
        one.log.wait(OVER)
        assert quiet.say(b"d") == b"2"
    assert messages(primary, "tcpack") == [b"a", b"d"]


def test_error_of_a_transaction(primary, server, tmp_path):
    """A full disk, as PostgreSQL reports one: the session stays, numbers are given again."""
    primary.query("CREATE FUNCTION tcpack.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                  " RAISE 'could not extend file: No space left' USING ERRCODE = 'disk_full'; END $$;"
                  "CREATE TRIGGER is_full BEFORE INSERT ON tcpack.records"
                  " FOR EACH ROW WHEN (NEW.message = 'full') EXECUTE FUNCTION tcpack.refuse()",
                  dbname="tcpack")
    one = server(settings(primary, **{"metrics.file": tmp_path / "prom"}))
    with Client(one) as client, Client(one) as victim:
        assert client.say(b"a") == b"1"
        for _ in range(3):
            with Client(one) as victim:
                victim.send(b"full\n")
                assert victim.receive_all() == b""
        with Client(one) as check:  # for a balancer
            check.send(b"ping\n")
            assert client.say(b"b") == b"2"
            one.log.wait(OVER)
            assert check.say(b"ping") == b"0"
    begins = one.log.matches(f"cannot record in PostgreSQL: .*No space left.*: {BEGINS}")
    assert len(begins) == 1, str(one.log)
    found = figures(one)
    assert found["tcpackd_journal_errors_total"] == "3"
    assert found["tcpackd_journal_burned_total"] == found["tcpackd_journal_reconnects_total"] == "0"
    assert rows(primary, "tcpack", "seq, message") == [["1", r"\x61"], ["2", r"\x62"]]


def test_servers_with_the_same_messages_do_not_wait_for_each_other(primary, server):
    """
    Clients went from one server to the other, which gets their messages in another order. The trigger
    holds a transaction before its second row, until both servers have begun.
    """
    primary.query("CREATE FUNCTION tcpack.hold() RETURNS trigger LANGUAGE plpgsql AS $$"
                  " DECLARE before text := current_setting('tcpack.before', true); BEGIN"
                  " IF before <> '' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;"
                  " PERFORM set_config('tcpack.before', 'a row', true); RETURN NEW; END $$;"
                  "CREATE TRIGGER hold BEFORE INSERT ON tcpack.records FOR EACH ROW"
                  " WHEN (NEW.number = 1) EXECUTE FUNCTION tcpack.hold()", dbname="tcpack")
    one, two = (server(settings(primary, name, **{"journal.commit_timeout": 30}))
                for name in ("one", "two"))
    holder = subprocess.Popen([postgresql.binaries() / "psql", "-qc", "SELECT pg_advisory_lock(1);"
                               "SELECT pg_sleep(1000)", primary.conninfo(user="postgres", dbname="tcpack")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND granted AND mode = 'ExclusiveLock'"
    try:
        primary.wait_query(f"SELECT count(*) {held} AND objsubid = 1 AND classid = 0", "1")
        with Client(one) as first, Client(two) as second:
            first.send(b"x 1 a\ny 1 a\n")
            second.send(b"y 1 a\nx 1 a\n")
            primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                               "2")
            primary.query(f"SELECT pg_terminate_backend(pid) {held}")
            assert first.receive_until() and second.receive_until()
    finally:
        holder.kill()
        holder.wait()
    assert sorted(messages(primary, "tcpack")) == [b"x 1 a", b"y 1 a"]


@pytest.mark.parametrize("full", ["table", "server"])
def test_disk_that_is_full(tmp_path, full):
    """
    For the table, each transaction is refused; for the server's log, too, PostgreSQL ends and has to
    be started again. What was acknowledged is there, once, and all goes on when there is room.
    """
    with tempfile.TemporaryDirectory(prefix="tcpack-pg-") as other, \
            small_disk(Path(other) / "disk", "256m" if full == "server" else "16m") as disk:
        folder = disk if full == "server" else Path(other)
        for each in disk, other:
            os.chown(each, *postgresql.owner())
            os.chmod(each, 0o755)
        primary = Postgres(folder, "primary").create().start()
        try:
            primary.create_database("tcpack")
            if full == "table":
                primary.query(f"CREATE TABLESPACE small LOCATION '{disk}'")
                primary.query("ALTER TABLE tcpack.records SET TABLESPACE small", dbname="tcpack")
            fill_up_and_make_room(tmp_path, primary, disk / "filler")
        finally:
            if primary.running:
                primary.kill()


def fill_up_and_make_room(tmp_path, primary, filler):
    with Server(tmp_path, settings(primary)) as one:
        with NumberedLoad(one.addresses, patience=2) as load:
            load.wait_more(10)
            with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(bytes(4096))
            one.log.wait(BEGINS)
            filler.unlink()
            before = load.acknowledged

            def goes_on():
                if not primary.running:
                    primary.start()
                return load.acknowledged > before + 100

            wait_until(goes_on, "acknowledgements when there is room")
        one.log.wait(OVER)
        assert "No space left on device" in (primary.folder / "log").read_text()
        load.check(primary, "tcpack")


def test_standby_that_is_gone(replicated, server, tmp_path):
    """
    A commit that waits for it is not acknowledged, and its numbers are not given again; while it
    waits, connections are accepted and signals obeyed. When the standby is back, all goes on.
    """
    primary, standby = replicated
    one = server(settings(primary, **{"journal.replicas": 1, "journal.commit_timeout": 5,
                                      "metrics.file": tmp_path / "prom"}))
    with Client(one) as client:
        assert client.say(b"a 1 x") == b"1"
        standby.pause()
        client.send(b"a 2 x\n")
        primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        accepted = len(one.log.matches("connected by"))
        with Client(one) as other:
            one.log.wait("connected by", accepted + 1)
            assert figures(one)["tcpackd_messages_total"] == "1"
            one.send_signal(signal.SIGHUP)
            assert client.receive_all() == b""
            other.send(b"a 3 x\n")
            assert other.receive_all() == b""
        one.log.wait("the configuration was read again")
        one.log.wait(f"cannot tell what PostgreSQL has recorded: .*no answer within "
                     f"commit_timeout = 5 s: {BEGINS}")
        standby.resume()
        number = int(say_until_recorded(one, b"a 2 x"))
    assert number > 2
    found = figures(one)
    assert int(found["tcpackd_journal_burned_total"]) >= 1
    assert sorted(messages(primary, "tcpack")) == [b"a 1 x", b"a 2 x"]
    one.log.wait(OVER)


def test_stop_while_a_commit_waits(replicated, tmp_path):
    """TERM ends it within commit_timeout; what was not acknowledged may be recorded."""
    primary, standby = replicated
    with Server(tmp_path, settings(primary, **{"journal.replicas": 1,
                                               "journal.commit_timeout": 4})) as one, \
            Client(one) as client:
        assert client.say(b"a") == b"1"
        standby.pause()
        client.send(b"b\n")
        primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        one.stop()
        assert client.receive_all() == b""


def test_stop_answers_what_a_commit_under_way_records(replicated, tmp_path):
    primary, standby = replicated
    with Server(tmp_path, settings(primary, **{"journal.replicas": 1})) as one, \
            Client(one) as client:
        standby.pause()
        client.send(b"b\n")
        primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        one.send_signal(signal.SIGTERM)
        standby.resume()
        assert client.receive_all() == b"1\n"
        assert one.wait() == 0


def test_wait_that_is_cancelled_is_no_acknowledgement(replicated, server, tmp_path):
    """
    The commit stands then, here alone. The message that is sent again has its row, and is
    acknowledged only when that row is on the standby, too: a transaction that writes nothing would
    not wait.
    """
    primary, standby = replicated
    one = server(settings(primary, **{"journal.replicas": 1, "metrics.file": tmp_path / "prom"}))
    with Client(one) as client, Client(one) as again:
        standby.pause()
        client.send(b"a 1 x\n")
        waiting = "FROM pg_stat_activity WHERE application_name = 'one' AND wait_event = 'SyncRep'"
        primary.wait_query(f"SELECT count(*) {waiting}", "1")
        primary.query(f"SELECT pg_cancel_backend(pid) {waiting}")
        assert client.receive_all() == b""
        one.log.wait("cannot tell what PostgreSQL has recorded: .*canceling wait for synchronous "
                     f"replication due to user request.*: {BEGINS}")
        assert messages(primary, "tcpack") == [b"a 1 x"]
        reload(one, commit_timeout=2)
        again.send(b"a 1 x\n")
        assert again.receive_all() == b""  # after commit_timeout
        reload(one, commit_timeout=30)
        assert figures(one)["tcpackd_journal_burned_total"] == "2"
        standby.resume()
        assert int(say_until_recorded(one, b"a 1 x")) > 2
    assert messages(primary, "tcpack") == [b"a 1 x"]
    standby.wait_query("SELECT count(*) FROM tcpack.records", "1", dbname="tcpack")


def test_standbys_that_are_let_go_while_a_commit_waits(replicated, server, cluster):
    """Who empties synchronous_standby_names ends the wait, without a warning."""
    primary, standby = replicated
    one = server(settings(primary, **{"journal.replicas": 1}))
    with Client(one) as client:
        assert client.say(b"a 1 x") == b"1"
        standby.pause()
        client.send(b"a 2 x\n")
        primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        primary.set(synchronous_standby_names="")
        primary.reload()
        assert client.receive_all() == b""
        one.log.wait("synchronous_standby_names has changed")
        one.log.wait("waits for 0 standbys, not for replicas = 1")
    standby.resume()
    cluster.require(f"FIRST 1 ({standby.name})")
    assert int(say_until_recorded(one, b"a 2 x")) > 2


def test_server_that_hangs(primary, server):
    """It neither answers nor ends the connection; when it goes on, so does tcpackd."""
    one = server(settings(primary, **{"journal.commit_timeout": 3}))
    with Client(one) as client:
        assert client.say(b"a 1 x") == b"1"
        primary.pause()
        try:
            client.send(b"a 2 x\n")
            assert client.receive_all() == b""
            one.log.wait("no answer within commit_timeout = 3 s")
            one.log.wait("not connected to PostgreSQL: .*no answer within commit_timeout = 3 s")
        finally:
            primary.resume()
        say_until_recorded(one, b"a 2 x")
    assert sorted(messages(primary, "tcpack")) == [b"a 1 x", b"a 2 x"]


def test_connections_wait_for_their_turn_without_spinning(replicated, server):
    """
    While a commit waits, a client's first messages are read for the next one; what it sends then
    stays in the kernel, and time-outs stand still.
    """
    primary, standby = replicated
    for environment in {}, {"TCPACKD_READINESS": "plain"}:
        one = server(settings(primary, **{"journal.replicas": 1, "server.idle_timeout": 3}),
                     environment=environment)
        standby.pause()
        with Client(one) as client, Client(one) as other, Client(one) as third:
            client.send(b"a\n")
            due = time.monotonic() + 3.2
            primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                               " AND wait_event = 'SyncRep'", "1")
            other.send(b"b\n")
            third.send(b"c\nd\n")
            assert not one.spins()
            client.send(b"e\n")
            third.send(b"f\n")
            assert not one.spins()
            wait_until(lambda: time.monotonic() > due, "idle_timeout")
            standby.resume()
            for each, count in (client, 2), (other, 1), (third, 3):
                assert all(each.receive_until() for _ in range(count))
            assert client.say(b"g") and other.say(b"h") and third.say(b"i")
        one.stop()


def test_clients_that_go_while_their_messages_wait(replicated, server, tmp_path):
    """One that is in a commit, and one that is in the next: both are recorded, others answered."""
    primary, standby = replicated
    one = server(settings(primary, **{"journal.replicas": 1, "metrics.file": tmp_path / "prom"}))
    with Client(one) as client, Client(one) as gone, Client(one) as later, Client(one) as reset:
        standby.pause()
        gone.send(b"a\n")
        primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        for number, each in enumerate((later, reset, client)):
            each.send(b"%c\n" % (ord("b") + number))
            wait_received(one, 4 + 2 * number)
        gone.reset()
        reset.reset()
        assert not one.spins()
        standby.resume()
        assert later.receive_until() and client.receive_until()
        assert client.say(b"e") == b"5"
    assert sorted(messages(primary, "tcpack")) == [b"a", b"b", b"c", b"d", b"e"]


def test_reload_under_load(primary, tmp_path):
    """It waits for a moment without a commit, which clients that never pause must not prevent."""
    with Server(tmp_path, settings(primary, **{"server.reply": "ok"})) as one, \
            NumberedLoad(one.addresses, clients=8) as load:
        load.wait_more(10)
        for turn in range(5):
            one.send_signal(signal.SIGHUP)
            one.log.wait("the configuration was read again", turn + 1)
            load.wait_more(10)
    load.check(primary, "tcpack")


def test_refused_batch_and_the_next_one(primary, server, tmp_path):
    """A batch is rolled back after the next one was read: that is recorded, under its numbers."""
    primary.query("CREATE FUNCTION tcpack.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                  " RAISE 'no' USING ERRCODE = 'disk_full'; END $$;"
                  "CREATE TRIGGER refuses BEFORE INSERT ON tcpack.records"
                  " FOR EACH ROW WHEN (NEW.message = 'bad') EXECUTE FUNCTION tcpack.refuse()",
                  dbname="tcpack")
    one = server(settings(primary, **{"metrics.file": tmp_path / "prom"}))
    with Client(one) as bad, Client(one) as good:
        primary.pause()
        try:
            bad.send(b"bad\n")
            wait_received(one, 4)
            good.send(b"good\n")
            wait_received(one, 9)
        finally:
            primary.resume()
        assert bad.receive_all() == b""
        assert good.receive_until() == b"2"
        assert good.say(b"more") == b"3"
    assert rows(primary, "tcpack", "seq, message") == [["2", r"\x676f6f64"], ["3", r"\x6d6f7265"]]


def test_schema_that_is_gone_comes_back(primary, server):
    one = server(settings(primary))
    with Client(one) as client:
        assert client.say(b"a") == b"1"
        primary.query("SET client_min_messages = warning; DROP SCHEMA tcpack CASCADE",
                      dbname="tcpack")
        client.send(b"b\n")
        assert client.receive_all() == b""
        one.log.wait('cannot record in PostgreSQL: .*"tcpack')
        primary.run_file(postgresql.SCHEMA, "tcpack")
        say_until_recorded(one, b"c")
    assert messages(primary, "tcpack") == [b"c"]


@pytest.mark.parametrize("kind", ["file", "database"])
def test_other_kind_of_journal_needs_a_restart(primary, tmp_path, kind):
    """What a reload cannot change is said, and recording goes on where it was."""
    file = {"server.framing": "line", "server.reply": "{seq}", "journal.file": tmp_path / "journal"}
    before, after = (file, settings(primary)) if kind == "file" else (settings(primary), file)
    with Server(tmp_path, before) as one, Client(one) as client:
        assert client.say(b"a") == b"1"
        one.settings = {"server.port": "0", **after}
        one.config.write_text(ini(one.settings))
        one.send_signal(signal.SIGHUP)
        one.log.wait("postgresql = .* needs a restart")
        one.log.wait("the configuration was read again")
        assert client.say(b"b") == b"2"
    recorded = (tmp_path / "journal").read_bytes() if kind == "file" else b""
    assert recorded.count(b"\n") == (2 if kind == "file" else 0)
    assert messages(primary, "tcpack") == ([] if kind == "file" else [b"a", b"b"])
