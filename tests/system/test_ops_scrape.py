"""
Why: figures that cannot be read when something is wrong are of no use, and a port for them must not
be a way to harm the server. So: a real Prometheus reads them, HTTP is answered as HTTP says, and
peers that do not behave cost nobody else anything. The page, the dashboard and the alert rules name
only figures that there are.
"""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from harness import programs
from harness.client import Client
from harness.server import Server, parse_address
from harness.tracing import finished, tracer
from harness.waiting import DEADLINE, wait_until

RULES = programs.SOURCE / "etc" / "prometheus" / "tcpackd.rules.yml"
LISTEN = {"server.framing": "line", "metrics.listen": "127.0.0.1:0"}
GET = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


def metrics_address(one):
    return parse_address(one.log.wait(r"metrics at http://(\S+)/metrics$")[1])[1]


def connected(one):
    connection = socket.create_connection(metrics_address(one), DEADLINE)
    connection.settimeout(DEADLINE)
    return connection


def response(file):
    """(status, {header: value}, body) of the next response; None at the end."""
    line = file.readline()
    if not line:
        return None
    headers = dict(header.decode().strip().split(": ", 1) for header in iter(file.readline, b"\r\n"))
    return int(line.split()[1]), headers, file.read(int(headers["Content-Length"]))


def fetch(one, path="/metrics", **options):
    host, port = metrics_address(one)
    request = urllib.request.Request(f"http://{host}:{port}{path}", **options)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_get_head_and_everything_else(server):
    one = server(LISTEN)
    with Client(one) as client:
        client.say(b"hello")
        status, text = fetch(one)
    assert status == 200 and "\ntcpackd_messages_total 1\n" in text
    assert '\ntcpackd_listener_messages_total{listener="server"} 1\n' in text
    assert "\ntcpackd_journal_commit_seconds_count 1\n" in text
    assert fetch(one, method="HEAD") == (200, "")
    assert fetch(one, "/")[0] == 404
    assert fetch(one, method="POST", data=b"hello")[0] == 405
    assert one.messages() == [b"hello"]


def test_one_connection_carries_many_requests(server):
    """One after another, all at once, and byte by byte."""
    one = server(LISTEN)
    with connected(one) as connection, connection.makefile("rb") as file:
        for _ in range(3):
            connection.sendall(GET)
            assert response(file)[0] == 200
        connection.sendall(5 * GET)
        assert [response(file)[0] for _ in range(5)] == 5 * [200]
        for byte in GET:
            connection.sendall(bytes([byte]))
        assert response(file)[0] == 200
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        status, headers, _ = response(file)
        assert (status, headers["Connection"]) == (404, "close") and response(file) is None


@pytest.mark.parametrize("sent, status", [
    (b"nonsense\r\n\r\n", 400), (b"GET /metrics HTTP/2.0\r\n\r\n", 400), (b"x" * 9000, 400),
    (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, 405)])
def test_what_is_no_request_ends_the_connection(server, sent, status):
    one = server(LISTEN)
    with connected(one) as connection, connection.makefile("rb") as file:
        connection.sendall(sent)
        assert response(file)[0] == status and response(file) is None
    assert fetch(one)[0] == 200


def test_silent_peers_keep_nobody_out(server):
    """More connections than there is room for: the one that is silent longest is closed."""
    one = server(LISTEN)
    before = one.descriptors()
    silent = [connected(one) for _ in range(50)]
    assert fetch(one)[0] == 200
    assert one.descriptors() - before <= 8
    with Client(one) as client:
        assert client.say(b"hello")
    for connection in silent:
        connection.close()
    wait_until(lambda: one.descriptors() <= before, "the closed connections")
    assert not one.spins()


def test_one_more_connection_closes_the_one_that_is_silent_longest(server):
    """Not a new one, whose request is on its way."""
    one = server(LISTEN)
    with contextlib.ExitStack() as stack:
        files = []
        for number in range(8):
            connection = stack.enter_context(connected(one))
            files.append((connection, stack.enter_context(connection.makefile("rb"))))
            if number < 7:
                connection.sendall(GET)
                assert response(files[-1][1])[0] == 200
        assert fetch(one)[0] == 200
        assert response(files[0][1]) is None
        for connection, file in files[1:]:
            connection.sendall(GET)
            assert response(file)[0] == 200


def test_every_address_has_the_same_port(server):
    one = server({**LISTEN, "metrics.listen": "*:0"})
    one.log.wait("wait for connection")
    ports = {match[1] for match in one.log.matches(r"metrics at http://.*:(\d+)/metrics$")}
    assert len(ports) == 1


def test_without_descriptors_it_pauses(server):
    """A listener stays ready while accept() fails: the server asked for it again and again."""
    one = server(LISTEN)
    highest = max(map(int, os.listdir(f"/proc/{one.pid}/fd")))
    limit = resource.prlimit(one.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (highest + 2, limit[1]))
    waiting = [connected(one) for _ in range(5)]
    assert not one.spins()
    for connection in waiting:
        connection.close()
    assert fetch(one)[0] == 200


def test_many_at_once_come_after_the_clients(tmp_path):
    """However many connect at once, a client waits for a few of them only."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = Server(tmp_path, LISTEN, wrap=tracer(trace, "trace=accept4,recvfrom"))
    with one, Client(one) as client:
        assert client.say(b"hello")
        one.send_signal(signal.SIGSTOP)
        wait_until(one.is_stopped, "the stop")
        many = [connected(one) for _ in range(100)]
        client.send(b"a client\n")
        one.send_signal(signal.SIGCONT)
        assert client.receive_until()
        assert fetch(one)[0] == 200
        for connection in many:
            connection.close()
    calls = finished(trace)
    answered = next(at for at, call in enumerate(calls) if "a client" in call)
    accepted = [call for call in calls[:answered] if re.search(r"accept4\(.*NULL.* = \d", call)]
    assert 1 <= len(accepted) <= 16


def test_many_requests_at_once_come_after_the_clients(tmp_path):
    """However many come on one connection, a client waits for one of them."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = Server(tmp_path, LISTEN, wrap=tracer(trace, "trace=sendto,recvfrom"))
    with one, Client(one) as client, connected(one) as connection:
        assert client.say(b"hello")
        one.send_signal(signal.SIGSTOP)
        wait_until(one.is_stopped, "the stop")
        connection.sendall(50 * GET)
        client.send(b"a client\n")
        one.send_signal(signal.SIGCONT)
        assert client.receive_until()
        with connection.makefile("rb") as file:
            assert [response(file)[0] for _ in range(50)] == 50 * [200]
    calls = finished(trace)
    answered = next(at for at, call in enumerate(calls) if "a client" in call)
    assert len([call for call in calls[:answered] if '"HTTP/1.1 200' in call]) <= 2


def test_a_peer_that_never_reads_costs_bounded_memory(server):
    one = server(LISTEN)
    with connected(one) as connection:
        connection.setblocking(False)
        sent = 0
        try:
            while sent < 100000000:
                sent += connection.send(1000 * GET)
        except BlockingIOError:
            pass
        assert sent < 100000000
        assert fetch(one)[0] == 200
        assert one.resident_bytes() < 64 * 1024 * 1024


def test_half_a_request_is_not_waited_for_after_the_stop(server):
    one = server(LISTEN)
    with connected(one) as connection:
        connection.sendall(GET[:20])
        one.stop()


def test_an_address_in_use(server, tmp_path):
    one = server(LISTEN)
    host, port = metrics_address(one)
    other = Server(tmp_path, {"metrics.listen": f"{host}:{port}"}).spawn()
    assert other.wait() == 69
    assert other.log.matches(rf"error: \[metrics\] listen = {host}:{port}: cannot listen on {host}:{port}:"
                             r" Address already in use \(by which program: ss -ltnp\)$")


@contextlib.contextmanager
def prometheus(one, folder, web):
    """A real one, with the alert rules: a function that asks its API for a path."""
    programs.need("prometheus")
    host, port = metrics_address(one)
    config = folder / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                      "scrape_configs:\n- job_name: tcpackd\n"
                      f"  static_configs:\n  - targets: ['{host}:{port}']\n"
                      f"rule_files: ['{RULES}']\n")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{web}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, **query):
        query = urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/{path}?{query}",
                                        timeout=DEADLINE) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {"result": [], "alerts": []}
    try:
        yield ask
    finally:
        process.kill()
        process.wait()


def test_a_real_prometheus_reads_them(server, tmp_path, free_port):
    one = server({**LISTEN, "listener alarms.port": 0})
    with prometheus(one, tmp_path, free_port) as ask:
        def value(query):
            result = ask("query", query=query)["result"]
            return float(result[0]["value"][1]) if result else None

        with Client(one.addresses[1]) as client:
            client.say(b"hello")
        # A scrape may take no longer than the second between two: on a slow machine, not each is whole.
        wanted = {'tcpackd_listener_messages_total{listener="alarms"}': 1, "up": 1,
                  "tcpackd_build_info": 1, "tcpackd_journal_failing": 0}
        wait_until(lambda: {query: value(query) for query in wanted} == wanted,
                   "the figures in Prometheus")


def test_a_real_prometheus_fires_the_alert(server, tmp_path, free_port):
    """From a disk that is full to the alert: the server's figures, the scrape and the rule."""
    one = server({**LISTEN, "journal.file": "/dev/full", "journal.sync": "no"})
    with prometheus(one, tmp_path, free_port) as ask:
        with Client(one) as client:
            client.send(b"hello\n")
            assert client.receive_all() == b""

        def firing():
            return [alert["labels"]["alertname"] for alert in ask("alerts")["alerts"]
                    if alert["state"] == "firing"]

        wait_until(lambda: firing() == ["TcpackdNotRecording"], "the alert", 2 * DEADLINE)


def names_of(text):
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def existing(one):
    with Client(one) as client:
        client.say(b"hello")
    return names_of(fetch(one)[1])


def test_every_figure_is_in_the_page(server):
    page = (programs.SOURCE / "man" / "tcpackd.8.in").read_text(encoding="utf-8")
    section = re.split(r"\n\.S[hs] ", page.split(".Ss Metrics\n")[1])[0]
    listed = re.findall(r"^\.It Ql (tcpackd_\w+)", section, re.MULTILINE)
    assert set(listed) == existing(server(LISTEN))


@pytest.mark.parametrize("file", ["grafana.json", "tcpackd.rules.yml"])
def test_the_dashboard_and_the_rules_use_figures_that_there_are(server, file):
    text = (programs.SOURCE / "etc" / "prometheus" / file).read_text(encoding="utf-8")
    if file.endswith(".json"):
        text = "\n".join(target["expr"] for panel in json.loads(text)["panels"]
                         for target in panel["targets"])
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\btcpackd_\w+", text)}
    assert len(used) > 4 and used <= existing(server(LISTEN))


def test_promtool_accepts_the_rules():
    programs.need("promtool")
    result = programs.run("promtool", "check", "rules", str(RULES))
    assert result.returncode == 0, result.stdout + result.stderr


# What fires each alert: a figure's values, one every 15 s, and when it must fire. N+MxK: K times M more.
COMMITS = "tcpackd_journal_commit_seconds_bucket"
FIRING = {
    "TcpackdDown": ({"up": "1 0x20"}, "3m"),
    "TcpackdNotRecording": ({"tcpackd_journal_failing": "0 0 1x20"}, "1m"),
    "TcpackdSlowCommits": ({f'{COMMITS}{{le="0.1"}}': "0x60", f'{COMMITS}{{le="1"}}': "0+9x60",
                            f'{COMMITS}{{le="+Inf"}}': "0+9x60"}, "14m"),
    "TcpackdConnectionsWait": ({"tcpackd_accept_pauses_total": "0 0 1x20"}, "2m"),
    "TcpackdReloadFailed": ({"tcpackd_reload_errors_total": "0 0 1x20"}, "2m"),
    "TcpackdLogLinesDropped": ({"tcpackd_log_lines_dropped_total": "0 0 7x20"}, "2m"),
    "TcpackdDatabaseUnstable": ({"tcpackd_journal_reconnects_total": "0 0 3x20"}, "2m"),
}
CALM = {
    "TcpackdDown": {"up": "1 0x6 1x20"},  # a restart
    "TcpackdNotRecording": {"tcpackd_journal_failing": "0x20", "tcpackd_journal_errors_total": "5x20"},
    "TcpackdSlowCommits": {f'{COMMITS}{{le="0.1"}}': "0+9x60", f'{COMMITS}{{le="1"}}': "0+9x60",
                           f'{COMMITS}{{le="+Inf"}}': "0+9x60"},
    "TcpackdConnectionsWait": {"tcpackd_accept_pauses_total": "4x20"},
    "TcpackdReloadFailed": {"tcpackd_reload_errors_total": "4x20"},
    "TcpackdLogLinesDropped": {"tcpackd_log_lines_dropped_total": "4x20"},
    "TcpackdDatabaseUnstable": {"tcpackd_journal_reconnects_total": "4x20"},
}


def alert_rules():
    """{alert: (severity, {annotation: text})}, for the instance `a`."""
    found = {}
    for block in RULES.read_text(encoding="utf-8").split("- alert: ")[1:]:
        texts = dict(re.findall(r'^ *(summary|description): "(.*)"$', block, re.MULTILINE))
        found[block.split()[0]] = (re.search(r"severity: (\w+)", block)[1], {
            name: text.replace("{{ $labels.instance }}", "a") for name, text in texts.items()})
    return found


def labelled(series):
    """The figure of the job tcpackd at the instance `a`."""
    name, brace, rest = series.partition("{")
    return name + '{job="tcpackd",instance="a"' + ("," + rest if brace else "}")


def expectation(alert, series, time, fires):
    severity, annotations = alert_rules()[alert]
    expected = [{"exp_labels": {"severity": severity, "job": "tcpackd", "instance": "a"},
                 "exp_annotations": annotations}]
    return {"interval": "15s",
            "input_series": [{"series": labelled(name), "values": values}
                             for name, values in series.items()],
            "alert_rule_test": [{"eval_time": time, "alertname": alert,
                                 "exp_alerts": expected if fires else []}]}


def test_every_alert_fires_when_it_should_and_only_then(tmp_path):
    programs.need("promtool")
    assert FIRING.keys() == CALM.keys() == alert_rules().keys()
    tests = [expectation(alert, series, time, True) for alert, (series, time) in FIRING.items()] + \
        [expectation(alert, series, FIRING[alert][1], False) for alert, series in CALM.items()]
    file = tmp_path / "alerts.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s",
                                "tests": tests}))
    result = programs.run("promtool", "test", "rules", str(file))
    assert result.returncode == 0, result.stdout + result.stderr
