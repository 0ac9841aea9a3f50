"""
Why: `./bootstrap --deps` installs servers that only the tests need. A service that was not here
before must not run because of them: not at once, and not after the next boot, whether systemd runs
or this is a chroot from which an image will be made. So: bootstrap runs with an apt-get of the
test's own, which asks, as Debian's packages do, whether it may start a service. Also: an ordinary
user's PATH is enough for what the tests look for.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import programs

# Programs that bootstrap runs, in place of the system's. redis-server has been here before.
FAKES = {
    "dpkg-query": """
        case "$4" in redis-server) ;; *) grep -qx "$4" installed 2>/dev/null ;; esac &&
        echo 'install ok installed'""",
    "apt-cache": "",
    "apt-get": """
        case "$*" in *' --no-remove install '*) ;; *) exit 0 ;; esac
        for one in cron haproxy haproxy.service postgresql prometheus rsyslog.service \\
                redis-server redis-server.service ssh; do
            /usr/sbin/policy-rc.d "$one" start || echo "$one: $?" >>refused
        done
        cat /etc/postgresql-common/createcluster.conf >cluster
        shift 5 && printf '%s\\n' "$@" cron postgresql-common >installed""",
    "systemctl": 'echo "$*" >>systemctl.log',
    "autoreconf": "",
}


@pytest.fixture
def bootstrap(tmp_path):
    """Runs it and changes nothing of the system; returns the folder with the fakes' files."""
    programs.need_root()
    programs.need("unshare", "mount")
    shutil.copy(programs.SOURCE / "bootstrap", tmp_path)
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    for name, script in FAKES.items():
        (fakes / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (fakes / name).chmod(0o755)
    mounts = ("mount -t tmpfs none /usr/sbin && mount -t tmpfs none /etc && "
              'PATH=$1:$PATH && shift && "$@"; status=$?; ls /usr/sbin; exit $status')

    def run(argument):
        result = programs.run("unshare", "--mount", "sh", "-c", mounts, "sh", fakes,
                              "./bootstrap", argument, cwd=tmp_path)
        if result.returncode != 0 and "unshare" in result.stderr:
            pytest.skip(f"no mount namespaces here: {result.stderr}")
        assert result.returncode == 0, result.stderr
        assert result.stdout == ""  # nothing is left in /usr/sbin
        return tmp_path

    return run


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_new_services_neither_start_nor_will(bootstrap):
    folder = bootstrap("--deps")
    assert lines(folder / "refused") == [
        f"{service}: 101" for service in
        ("cron", "haproxy", "haproxy.service", "postgresql", "prometheus", "rsyslog.service")]
    assert sorted(lines(folder / "systemctl.log")) == [
        f"--quiet disable {service}" for service in
        ("cron", "haproxy", "postgresql", "prometheus", "rsyslog")]
    assert lines(folder / "cluster") == ["create_main_cluster = false"]


def test_what_building_needs_is_little(bootstrap):
    installed = lines(bootstrap("--deps=build") / "installed")
    assert {"gcc", "make", "libinih-dev", "autoconf"} <= set(installed)
    assert len(installed) < 12


def test_programs_are_found_in_an_ordinary_users_path():
    seen = subprocess.run([sys.executable, "-c", "import conftest, os; print(os.environ['PATH'])"],
                          cwd=Path(__file__).parent, env={**os.environ, "PATH": "/usr/bin:/bin"},
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "/usr/sbin" in seen.strip().split(":")
