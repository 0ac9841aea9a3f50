"""
Why: an administrator pastes what the page shows, with its paths, ports and services, and often as
root. So the commands of each section of tcpackd(8) about operations run as they stand, on a machine
with systemd, and do what the section says.
"""

import re
import shutil

import pytest

from harness import programs
from harness.machine import Machine, install, page_commands
from harness.waiting import DEADLINE, wait_until


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def machine(tmp_path, installed):
    with Machine(tmp_path, installed) as one:
        yield one


def commands(title):
    """The displays of the section that are commands, and not a part of a file."""
    return [text for text in page_commands("tcpackd.8", title) if text[0] not in "[{"]


def part_of_file(title):
    shown, = [text for text in page_commands("tcpackd.8", title) if text[0] == "["]
    return shown


def without_comments(path):
    return re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def journal(machine, file="", options=""):
    """Its messages."""
    return machine.run(f"tcpack-journal {options} {file}").splitlines()


def test_as_a_service(machine):
    script, = commands("As a service")
    said = machine.run(script)
    assert "Active: active (running)" in said and 'Status: "since ' in said
    assert re.search(r"^ +1 .* 127\.0\.0\.1:\d+ +hello$", said, re.MULTILINE)


@pytest.mark.parametrize("settings, said", [
    ("prot = 1", r'tcpack\.ini:2: unknown key "prot" .*\(correct it, check it with tcpackd -t, '),
    ("host = 192.0.2.1", r"cannot listen on 192\.0\.2\.1:8001: .* \(this machine does not have "
     r"the address: set another host\)$"),
    ("port = 80", r"cannot listen on 127\.0\.0\.1:80: Permission denied \(a port below 1024 needs "
     r"root, or tcpackd\.socket\)$"),
    ("[journal]\nfile = /home/journal", r"cannot open journal /home/journal: .* \(the server may not "
     r"write there; as a service, it may in its own directory, .*\)$"),
    ("user = nobody", r"cannot set the groups of user nobody: .*\(set neither user nor group")])
def test_a_failed_service_says_what_to_do(machine, settings, said):
    machine.run("systemctl enable --now tcpackd")
    machine.run(f"echo '[server]\n{settings}' >/etc/tcpack.ini")
    assert machine.try_to_run("systemctl restart tcpackd").returncode != 0
    assert re.match(f"error: .*{said}", machine.status())


def test_a_socket_that_systemd_opens(machine):
    """It is reached at all addresses, and a restart refuses no connection."""
    script, = commands("A socket that systemd opens")
    example = programs.SOURCE / "etc" / "examples" / "socket-address.conf"
    assert without_comments(example) == part_of_file("A socket that systemd opens")
    machine.run("systemctl enable --now tcpackd")
    machine.run("ip address add 192.0.2.20/32 dev lo; printf '[server]\nport = 9\n' >/etc/tcpack.ini")
    machine.run(script)
    assert "host and port of [server] have no effect: the service manager opened" in machine.status()
    sender = machine.start(  # 75: its connection was closed before the reply
        "for number in $(seq 400); do until tcpack -q -c /dev/null -H 192.0.2.20 $number; "
        "do test $? = 75 || exit; done; done")
    for life in range(3):
        wait_until(lambda: len(journal(machine)) > 20 * (life + 1), "more messages")
        machine.run("systemctl restart tcpackd")
    assert sender.wait(2 * DEADLINE) == 0  # not 69: no connection was refused
    assert list(dict.fromkeys(journal(machine))) == [str(number) for number in range(1, 401)]
    machine.run(script)  # as after another address was set
    machine.run("tcpack -q -c /dev/null -H ::1 again")


def test_who_may_read_the_journal(machine):
    script, = commands("Who may read the journal")
    example = programs.SOURCE / "etc" / "examples" / "journal-readers.conf"
    assert without_comments(example) == part_of_file("Who may read the journal")
    machine.run("useradd alice; useradd bob; systemctl enable --now tcpackd; tcpack -q before")
    refused = machine.try_to_run("su alice -c tcpack-journal")
    assert refused.returncode == 66 and '(try as root; tcpackd(8), "Who may read' in refused.stderr
    machine.run(script)
    machine.run("tcpack -q after")
    rotate = commands("Rotation")[0]
    machine.run(f"{rotate}tcpack -q new")
    assert machine.run("su alice -c tcpack-journal") == "new\n"
    assert machine.run("su alice -c 'tcpack-journal /var/lib/tcpack/journal.1'") == "before\nafter\n"
    assert machine.try_to_run("su bob -c tcpack-journal").returncode == 66
    security = machine.run("systemd-analyze security --no-pager tcpackd | tail -n 1")
    assert float(re.search(r"tcpackd\.service: ([\d.]+) ", security)[1]) < 1.5


def test_several_on_one_machine(machine):
    script, = commands("Several on one machine")[:1]
    assert machine.run(script).splitlines() == ["server received you message.", "hello"]
    machine.run("tcpack -q -p 8001 other")
    assert journal(machine, "/var/lib/tcpack-one/journal") == ["other"]
    for name, other in ("one", "two"), ("two", "one"):  # they have the same user
        pid = machine.run(f"systemctl show -p MainPID --value tcpackd@{name}").strip()
        inside = f"nsenter -t {pid} -m setpriv --reuid tcpackd --regid tcpackd --clear-groups"
        machine.run(f"{inside} test -w /var/lib/tcpack-{name}/journal")
        assert machine.try_to_run(f"{inside} test -e /var/lib/tcpack-{other}/journal").returncode == 1


def test_rotation(machine):
    programs.need("logrotate")
    rotate, check = commands("Rotation")
    machine.run("systemctl enable --now tcpackd")
    for number in range(4):
        machine.run(f"tcpack -q {number}; {rotate}")
    machine.run("tcpack -q 4")
    names = machine.run("ls /var/lib/tcpack").split()
    assert names == ["journal", "journal.1", "journal.2.gz", "journal.3.gz", "journal.4.gz",
                     "journal.seq"]
    assert machine.run(check) == "5 records, SEQ 1 to 5, 0 findings\n"


def test_tls(machine):
    """HAProxy's example is for a machine of its own: here it has another port, and fewer descriptors."""
    programs.need("haproxy", "openssl", "socat")
    proxy, client = commands("TLS")
    copy = "cp /usr/local/share/doc/tcpack/examples/haproxy.cfg /etc/haproxy/haproxy.cfg\n"
    assert copy in proxy
    proxy = proxy.replace(copy, copy + "sed -i 's/bind :8001/bind :8000/; "
                          "s/maxconn 20000/maxconn 200/' /etc/haproxy/haproxy.cfg\n")
    machine.run("for last in 10 11 12; do ip address add 192.0.2.$last/32 dev lo; done\n"
                "echo 192.0.2.10 tcpack.example.com >>/etc/hosts; mkdir -p /etc/tcpack\n"
                "printf '[server]\nhost = 192.0.2.%s\nframing = line\nproxy_from = 127.0.0.0/8 "
                "192.0.2.0/24\nhealth_check = health check\n' 11 >/etc/tcpack/one.ini\n"
                "sed s/192.0.2.11/192.0.2.12/ /etc/tcpack/one.ini >/etc/tcpack/two.ini\n"
                "systemctl start tcpackd@one tcpackd@two")
    machine.run(proxy)
    assert machine.run(f"{client}kill $!") == "server received you message.\n"
    recorded = machine.run("tcpack-journal --long /var/lib/tcpack-*/journal").splitlines()
    assert len(recorded) == 1 and re.search(r" 192\.0\.2\.10:\d+ +hello$", recorded[0])


def test_shipping_to_rsyslog(machine):
    """By the two ways of the page: tcpack speaks RELP to it, and rsyslog reads the journal."""
    programs.need("rsyslogd")
    ours, listener, relp, theirs = commands("Shipping the journal")
    assert ours.startswith("tcpack-journal -f --id") and listener.startswith("module(")
    machine.run("systemctl start tcpackd; tcpack -q one; tcpack -q 'two \u00e9'; hostname gate\n"
                "mkdir -p /etc/rsyslog.d; ip address add 192.0.2.20/32 dev lo\n"
                "echo 127.0.0.1 elsewhere >>/etc/hosts")
    (machine.folder / "relp.conf").write_text(
        f'{listener}template(name="raw" type="string" string="%rawmsg%\\n")\n'
        'action(type="omfile" file="/tmp/relp" template="raw")\n')
    machine.start("rsyslogd -n -f /mnt/relp.conf -i /tmp/relp.pid")
    machine.start(relp)
    wait_until(lambda: "two" in machine.run("cat /tmp/relp || true"), "the records by RELP")
    received = machine.run("cat /tmp/relp").splitlines()
    records = machine.run("cat /var/lib/tcpack/journal").splitlines()
    assert received == [f"gate {record}" for record in records]
    machine.run("printf '[server]\nhost = 192.0.2.20\nframing = line\nacknowledge = no\n"
                "max_message = 8388608\n' >/tmp/other.ini; systemd-run --unit other -p "
                "StateDirectory=other tcpackd -c /tmp/other.ini")
    machine.run(theirs)
    wait_until(lambda: machine.run("tcpack-journal /var/lib/other/journal || true").splitlines() ==
               records, "the records from rsyslog")


PROMETHEUS = """[Service]
ExecStart=prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/tmp/data
ExecReload=kill -HUP $MAINPID
"""


def test_metrics(machine):
    """From an empty configuration of Prometheus, which runs, to the rules in it."""
    programs.need("curl", "prometheus")
    ours, theirs, script = page_commands("tcpackd.8", "Metrics")
    for name, text in (("tcpack.ini", ours), ("prometheus.yml", theirs),
                       ("prometheus.service", PROMETHEUS)):
        (machine.folder / name).write_text(text)
    machine.run("mkdir -p /etc/prometheus; echo '{}' >/etc/prometheus/prometheus.yml; "
                "cp /mnt/prometheus.service /run/systemd/system; cp /mnt/tcpack.ini /etc; "
                "systemctl daemon-reload; systemctl start prometheus tcpackd")
    wait_until(lambda: machine.try_to_run("curl -sf http://127.0.0.1:9090/-/ready").returncode == 0,
               "Prometheus")
    machine.run("cp /mnt/prometheus.yml /etc/prometheus")
    said = machine.run(script)
    assert "\ntcpackd_journal_failing 0\n" in said and said.count("SUCCESS") >= 2
    wait_until(lambda: "TcpackdNotRecording" in
               machine.run("curl -s http://127.0.0.1:9090/api/v1/rules"), "the rules")


def test_a_full_disk(machine):
    look, after = commands("A full disk")
    machine.run("mkdir -p /var/lib/private/tcpack /mnt/elsewhere; chmod 700 /var/lib/private; "
                "mount -t tmpfs -o size=300k tmpfs /var/lib/private/tcpack; "
                "systemctl enable --now tcpackd; tcpack -q first; "
                "head -c 200000 /dev/zero >/var/lib/tcpack/journal.1.gz")
    sender = machine.start("seq 3000 | sed 's/$/ some more text that fills the disk/' | "
                           "tcpack -q -r -t 15 -f line")
    wait_until(lambda: machine.status().startswith("NOT RECORDING"), "a full disk")
    said = machine.run(look.replace("status tcpackd", "status tcpackd || true"))
    assert "NOT RECORDING" in said and "100%" in said and "journal.1.gz" in said
    assert "No space left on device" in machine.run("journalctl -u tcpackd")
    shutil.rmtree(machine.folder / "elsewhere")
    move, check = after.splitlines()
    machine.run(move)
    assert sender.wait(10 * DEADLINE) == 0
    assert machine.run(check) == "3001 records, SEQ 1 to 3001, 0 findings\n"
    wait_until(lambda: "writing to the journal works again" in
               machine.run("journalctl -u tcpackd"), "the end of it in the log")


@pytest.mark.parametrize("way", ["backup", "shipped"])
def test_a_lost_disk(machine, way):
    """From a backup, and from the machine to which records were shipped: with other ones there."""
    backup, shipped, restore, missing = commands("A lost disk")
    machine.run("printf '[server]\nreply = recorded {seq}\nframing = octet\n' >/etc/tcpack.ini")
    machine.run("systemctl start tcpackd; printf 'a\nb\nc \xc3\xa9\n' | tcpack --json >receipts")
    if way == "backup":
        machine.run(backup)
    else:
        machine.run("printf '[server]\nport = 8002\nframing = octet\n' >/tmp/other.ini; systemd-run "
                    "--unit other -p StateDirectory=other tcpackd -c /tmp/other.ini")
        for name in "gate", "another":
            machine.run(f"tcpack-journal --id {name} | tcpack -q -r -f octet -p 8002")
    machine.run("for one in d e; do tcpack --json $one >>receipts; done")  # in neither of them
    records = machine.run("head -n 3 /var/lib/tcpack/journal")
    machine.run("systemctl stop tcpackd; rm -rf /var/lib/tcpack /var/lib/private/tcpack")
    if way == "shipped":
        machine.run(shipped.replace("}' |", "}' /var/lib/other/journal |"))
    restored = machine.run(restore)
    assert "3 records, SEQ 1 to 3, 0 findings" in restored
    assert machine.run("tcpack f") == "recorded 1000004\n"
    assert machine.run("head -n 3 /var/lib/tcpack/journal") == records
    assert machine.run("stat -L -c %U /var/lib/tcpack/journal") == "tcpackd\n"
    found = machine.try_to_run(missing)
    assert found.returncode == 1 and re.search(r"\b4\b.*\b5\b|\b5\b", found.stdout + found.stderr)


def test_moving_to_another_machine(machine):
    """The old one and the new one are one machine here; a client sends all the while."""
    old, new = commands("Moving to another machine")
    machine.run("systemctl enable --now tcpackd")
    machine.run(f"{commands('Rotation')[0]}tcpack -q before")
    machine.run("mkfifo /tmp/more")
    sender = machine.start("(seq 1000; cat /tmp/more) | tcpack -q -r -f line")
    wait_until(lambda: len(journal(machine)) > 100, "messages")
    machine.run(f"{old}seq 1001 2000 >/tmp/more")
    machine.run("rm -rf /var/lib/tcpack /var/lib/private/tcpack")
    machine.run(new)
    assert sender.wait(4 * DEADLINE) == 0
    messages = journal(machine)
    assert list(dict.fromkeys(messages)) == ["before", *map(str, range(1, 2001))]
    checked = machine.run("tcpack-journal --check")
    assert re.fullmatch(rf"{len(messages)} records, SEQ 1 to {len(messages)}, 0 findings\n", checked)


def test_upgrading(machine):
    """HUP keeps the old program, the restart runs the new one."""
    script, = commands("Upgrading")
    build = "./configure\nmake\nmake install\n"
    assert script.startswith(build)
    script = script.replace(build, "cp /usr/local/sbin/tcpackd /tmp/new; "
                            "mv /tmp/new /usr/local/sbin/tcpackd\n")
    running = "ls -l /proc/$(systemctl show -p MainPID --value tcpackd)/exe"
    machine.run("systemctl enable --now tcpackd; tcpack -q before")
    machine.run(script.split("tcpackd -t")[0] + "systemctl reload tcpackd")
    assert machine.run(running).endswith("(deleted)\n")
    machine.run(script)
    assert machine.run(running).endswith("/usr/local/sbin/tcpackd\n")
    machine.run("tcpack -q after")
    assert journal(machine) == ["before", "after"]
