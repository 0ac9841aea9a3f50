"""
Why: a server that was started as root for its port must not stay it. So: what the running process
is, as the kernel sees it, is the user and group of the configuration, and what it made belongs to
them; where that fails, nothing is served.
"""

import grp
import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest

from harness import programs
from harness.client import Client
from harness.server import ini
from harness.waiting import DEADLINE


def identity(pid):
    """{"Uid": [...], "Gid": [...], "Groups": [...]} of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.rstrip("\n").split(":", 1) for line in file)
    return {name: [int(word) for word in fields[name].split()] for name in ("Uid", "Gid", "Groups")}


@pytest.fixture
def folder():
    """One that everybody may use; pytest's are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def test_user_and_group(server, folder):
    programs.need_root()
    nobody = pwd.getpwnam("nobody")
    one = server({"server.framing": "line", "server.user": "nobody", "server.group": "daemon",
                  "journal.file": folder / "journal", "listener local.host": folder / "socket"})
    group = grp.getgrnam("daemon").gr_gid
    now = identity(one.pid)
    assert now["Uid"] == [nobody.pw_uid] * 4 and now["Gid"] == [group] * 4
    assert 0 not in now["Groups"]
    for path in ("journal", "socket"):
        status = os.stat(folder / path)
        assert (status.st_uid, status.st_gid) == (nobody.pw_uid, group)
    with Client(one) as client:
        assert client.say(b"hello") == b"server received you message."


@pytest.mark.parametrize("user", ["nobody", pwd.getpwnam("nobody").pw_uid])
def test_groups_of_the_user(server, tmp_path, user):
    """Also of one that is named by number: it was without what its groups may read."""
    programs.need_root()
    programs.need("unshare", "mount")
    groups = tmp_path / "group"
    groups.write_text("root:x:0:\nextra:x:4711:nobody\n")
    apart = ["unshare", "--mount", "sh", "-c",
             f'mount --bind {groups} /etc/group && exec "$@"', "sh"]
    if programs.run(*apart, "true").returncode != 0:
        pytest.skip("no mounts of its own")
    one = server({"server.user": user}, wrap=apart)
    assert 4711 in identity(one.pid)["Groups"]


@pytest.mark.parametrize("settings, status, said", [
    ({"server.user": "no-such-user"}, 78, "there is no user no-such-user (user, group)"),
    ({"server.group": "no-such-group"}, 78, "there is no group no-such-group (user, group)"),
])
def test_unknown_names(tmp_path, settings, status, said):
    config = tmp_path / "one.ini"
    config.write_text(ini({"server.port": 0, **settings}))
    result = programs.run(programs.tcpackd(), "-c", config, timeout=DEADLINE)
    assert (result.returncode, result.stderr) == (status, f"tcpackd: error: {said}\n")


def test_without_root(folder):
    programs.need_root()  # to become somebody who may not
    programs.need("setpriv")
    config = folder / "one.ini"
    config.write_text(ini({"server.port": 0, "server.user": "daemon"}))
    program = shutil.copy(programs.tcpackd(), folder)
    result = programs.run("setpriv", "--reuid=nobody", "--clear-groups", program, "-c", config)
    assert result.returncode == 77
    assert result.stderr == \
        "tcpackd: error: cannot set the groups of user daemon: Operation not permitted\n"


def test_socket_that_cannot_be_given_is_named(folder):
    """The warning named no socket and, with a group alone, nobody."""
    programs.need_root()  # to become somebody who may not
    programs.need("setpriv")
    config = folder / "one.ini"
    config.write_text(ini({"server.host": folder / "socket", "server.group": "daemon"}))
    program = shutil.copy(programs.tcpackd(), folder)
    result = programs.run("setpriv", "--reuid=nobody", "--clear-groups", program, "-c", config)
    user, group = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid
    assert result.stderr.startswith(
        f"tcpackd: warning: cannot give the Unix socket {folder}/socket to user {user}, "
        f"group {group}: Operation not permitted\n")


def test_socket_that_will_stay_is_said(server, folder):
    """Whoever may bind in a directory as root may not remove from there as somebody else."""
    programs.need_root()
    closed, own = folder / "closed", folder / "own"
    closed.mkdir(mode=0o755)
    own.mkdir()
    shutil.chown(own, "nobody")
    one = server({"server.user": "nobody", "server.host": closed / "socket",
                  "listener own.host": own / "socket"})
    one.log.wait(f"warning: {closed}/socket cannot be removed .*: Permission denied")
    assert not one.log.matches(f"{own}/socket cannot")
    one.stop()
    assert (closed / "socket").exists() and not (own / "socket").exists()


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_groups_of_another_do_not_stay(server, folder, user):
    """Who is the user already, but in groups that are not its own."""
    programs.need_root()
    programs.need("setpriv")
    one = server({"server.user": user}, wrap=["setpriv", "--groups=4711"])
    assert 4711 not in identity(one.pid)["Groups"]


def test_groups_that_cannot_be_given_up(folder):
    programs.need_root()  # to become somebody who may not
    programs.need("setpriv")
    nobody = pwd.getpwnam("nobody")
    config = folder / "one.ini"
    config.write_text(ini({"server.port": 0, "server.user": "nobody"}))
    program = shutil.copy(programs.tcpackd(), folder)
    become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
    result = programs.run(*become, "--groups=4711", program, "-c", config, timeout=DEADLINE)
    assert result.returncode == 77
    assert result.stderr == \
        "tcpackd: error: cannot set the groups of user nobody: Operation not permitted\n"


def test_own_groups_are_nothing_to_give_up(server, folder):
    programs.need_root()
    programs.need("setpriv")
    nobody = pwd.getpwnam("nobody")
    program = shutil.copy(programs.tcpackd(), folder)
    become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
              f"--groups={nobody.pw_gid}"]
    config = folder / "one.ini"
    config.write_text(ini({"server.port": 0, "server.user": "nobody", "journal.file": "/nowhere/j"}))
    result = programs.run(*become, program, "-c", config, timeout=DEADLINE)
    assert result.returncode == 74  # which comes behind the user
