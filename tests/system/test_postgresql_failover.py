"""
A primary that is lost, and a standby in its place: each numbered message that was acknowledged is in
the surviving primary, once. Controls show that the checks find what is missing.
"""

import random
import signal

import pytest

from harness import mutant, postgresql, programs
from harness.client import Client
from harness.haproxy import HAProxy
from harness.network import Network
from harness.numbered import NumberedLoad
from harness.postgresql import Cluster, Postgres, messages
from harness.server import Server
from harness.waiting import wait_until

DATABASE = "tcpack"


# They share a cluster: one process must run them all.
pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def replicated(cluster):
    """A primary and two standbys, one of which a commit waits for, and nothing recorded."""
    cluster.primary.empty(DATABASE)
    cluster.replicate("ANY 1 (*)")
    yield cluster
    cluster.replicate("")


BALANCER = """
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
listen tcpack
    bind {front}
    balance leastconn
    option tcp-check
    tcp-check connect
    tcp-check send ping\\n
    tcp-check expect string server
    server one %s check inter 200ms rise 1 fall 1
    server two %s check inter 200ms rise 1 fall 1
"""


def settings(cluster, name, replicas=1, **keys):
    hosts = cluster.servers_of_string()
    return {"server.framing": "line", "log.level": "notice", "journal.commit_timeout": 2, "journal.replicas": replicas,
            "journal.postgresql": f"{hosts} dbname={DATABASE} user=tcpackd application_name={name}"
                                  " target_session_attrs=read-write", **keys}


def test_failovers(replicated, tmp_path, long):
    """
    The primary is killed or hangs, and the standby that has most is promoted; the old primary, back
    again, is alone and acknowledges nothing. Two servers, and clients that go from one to the other.
    """
    chance = random.Random(7)
    with Server(tmp_path, settings(replicated, "one")) as one, \
            Server(tmp_path, settings(replicated, "two")) as two, \
            NumberedLoad([one.addresses[0], two.addresses[0]], pause=0.01) as load:
        load.wait_more(20)
        for turn in range(200 if long else 1):
            replicated.fail_over(["kill", "hang"][turn % 2])
            load.wait_more(chance.randrange(1, 40))
    count = load.check(replicated.primary, DATABASE)
    print(f"{count} acknowledged, {sum(client.sends for client in load.clients)} sent")


@pytest.mark.long
def test_failovers_of_machines_that_are_cut_off(tmp_path):
    """
    The same on a network of machines; the servers and their clients are on one more, behind HAProxy,
    which asks the servers whether they can record.
    """
    postgresql.need()
    programs.need("haproxy")
    chance = random.Random(7)
    with Network(4) as network, Cluster(standbys=2, network=network) as cluster:
        cluster.primary.create_database(DATABASE)
        cluster.replicate("ANY 1 (*)")
        inside = network.machines[3].enter()
        servers = [Server(tmp_path, settings(cluster, name, **{
            "server.host": tmp_path / name, "server.health_check": "ping"}), wrap=inside)
            for name in ("one", "two")]
        with servers[0], servers[1], HAProxy(tmp_path, BALANCER % tuple(
                f"unix@{tmp_path / name}" for name in ("one", "two"))) as balancer, \
                NumberedLoad([balancer.addresses["front"]], pause=0.01) as load:
            load.wait_more(20)
            for _ in range(5):
                for how in "cut", "mute", "deaf", "kill", "hang":
                    cluster.fail_over(how)
                    load.wait_more(chance.randrange(1, 40))
        print(f"{load.check(cluster.primary, DATABASE)} acknowledged")


def test_server_that_is_killed_between_commit_and_reply(replicated, tmp_path):
    """Its client sends again, to another one: recorded once, and acknowledged."""
    primary, standbys = replicated.primary, replicated.standbys
    patient = {"journal.commit_timeout": 30}
    with Server(tmp_path, settings(replicated, "two", **patient)) as two:
        one = Server(tmp_path, settings(replicated, "one", **patient)).start()
        with Client(one) as client, Client(two) as other:
            for standby in standbys:
                standby.pause()
            client.send(b"dev 1 x\n")
            primary.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                               " AND wait_event = 'SyncRep'", "1")
            one.send_signal(signal.SIGSTOP)
            for standby in standbys:
                standby.resume()
            wait_until(lambda: messages(primary, DATABASE) == [b"dev 1 x"], "the commit")
            one.kill()
            assert client.receive_all() == b""
            other.say(b"dev 1 x")
    assert messages(primary, DATABASE) == [b"dev 1 x"]


@pytest.mark.long
def test_all_standbys_are_gone_and_back(replicated, tmp_path):
    """Acknowledging stops, whichever server is asked, and goes on with the first that is back."""
    with Server(tmp_path, settings(replicated, "one")) as one, \
            Server(tmp_path, settings(replicated, "two")) as two, \
            NumberedLoad([one.addresses[0], two.addresses[0]], pause=0.01) as load:
        load.wait_more(20)
        standbys = replicated.standbys
        for standby in standbys:
            standby.kill()
        for server in one, two:
            server.log.wait("nothing is acknowledged")
        acknowledged = load.acknowledged
        for server in one, two:
            server.log.wait("no answer within commit_timeout|another session records as")
        assert load.acknowledged == acknowledged
        standbys[0].start()
        load.wait_more(20)
    load.check(replicated.primary, DATABASE)
    standbys[1].start()


# ------------------------------------------------------------------------------------- controls

# What loses or doubles messages, and that the checks above say so.

ANSWERS_EARLY = {"answer_c": ("    answer_all(server, &server->committed);\n",
                              "    answer_all(server, &server->committed);\n"
                              "    answer_all(server, &server->committing);\n")}
GIVES_BACK = {
    "journal_c": ("if (result == JOURNAL_COMMITTED || result == JOURNAL_UNKNOWN || taken)",
                  "if (result == JOURNAL_COMMITTED)"),
    "postgresql_c": ("if (pgsession_last_seq(self->session) > *seq)", "if (*seq == 0)"),
}


def outlive_standbys(replicated, load, without):
    """
    The standbys are lost, then the primary; the standbys are back, and the one that has most takes its
    place.
    """
    old, standbys = replicated.primary, replicated.standbys
    with load:
        load.wait_more(5)
        for standby in standbys:
            standby.kill()
        if without:
            load.wait_more(20)
        else:
            old.wait_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'"
                           " AND wait_event = 'SyncRep'", "1")
        old.kill()
    for standby in standbys:
        standby.start()
    replicated.primary = max(standbys, key=Postgres.position)
    replicated.primary.promote()


@pytest.mark.long
@pytest.mark.parametrize("mistake", ["none", "answer before COMMIT", "synchronous_commit = local",
                                     "no synchronous_standby_names"])
def test_control_what_standbys_lack(replicated, tmp_path, monkeypatch, mistake):
    """replicas = 1 and the order of the steps are what keeps it from being acknowledged."""
    without = mistake.startswith(("synchronous_commit", "no "))
    environment = {}
    if mistake == "answer before COMMIT":
        monkeypatch.setenv("TCPACKD", mutant.tcpackd(tmp_path, **ANSWERS_EARLY))
    elif mistake == "synchronous_commit = local":
        environment["PGOPTIONS"] = "-c synchronous_commit=local"
    elif without:
        replicated.replicate("")
    try:
        with Server(tmp_path, settings(replicated, "one", replicas=0 if without else 1),
                    environment=environment) as one:
            load = NumberedLoad(one.addresses, pause=0.01, patience=1)
            outlive_standbys(replicated, load, without)
        if mistake == "none":
            load.check(replicated.primary, DATABASE)
        else:
            with pytest.raises(AssertionError, match="acknowledged are missing") as found:
                load.check(replicated.primary, DATABASE)
            print(f"{mistake}: {found.value}")
    finally:
        replicated.rebuild("ANY 1 (*)")


@pytest.mark.long
@pytest.mark.parametrize("mistake", ["none", "SEQs given back"])
def test_control_numbers_of_an_unknown_outcome(replicated, tmp_path, monkeypatch, mistake):
    """Given back, they are on two rows: the table's key is dropped here, which would refuse them."""
    primary, standbys = replicated.primary, replicated.standbys
    primary.query("ALTER TABLE tcpack.records DROP CONSTRAINT records_pkey", dbname=DATABASE)
    if mistake != "none":
        monkeypatch.setenv("TCPACKD", mutant.tcpackd(tmp_path, **GIVES_BACK))
    with Server(tmp_path, settings(replicated, "one")) as one, \
            NumberedLoad(one.addresses, pause=0.01) as load:
        load.wait_more(5)
        for standby in standbys:
            standby.pause()
        one.log.wait("cannot tell what PostgreSQL has recorded")
        for standby in standbys:
            standby.resume()
        load.wait_more(5)
    if mistake == "none":
        load.check(primary, DATABASE)
    else:
        with pytest.raises(AssertionError, match="is on two rows") as found:
            load.check(primary, DATABASE)
        print(f"{mistake}: {found.value}")


@pytest.mark.long
def test_control_a_second_row_is_found(replicated, tmp_path):
    replicated.primary.query("DROP INDEX tcpack.records_numbered;"
                             "CREATE UNIQUE INDEX records_numbered ON tcpack.records (id, number, digest,"
                          " seq) WHERE id IS NOT NULL", dbname=DATABASE)
    replicated.primary.query("INSERT INTO tcpack.records (server, seq, time, peer, id, number, message)"
                          " SELECT 'x', n, now(), 'unix', 'device-0', 1, 'x' FROM"
                          " generate_series(1, 2) n", dbname=DATABASE)
    with pytest.raises(AssertionError, match="is there twice"):
        NumberedLoad([]).check(replicated.primary, DATABASE)
