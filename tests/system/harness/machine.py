"""
A machine on which tcpack is installed and systemd runs: namespaces of its own on top of this
machine's files, to which it writes nothing. For the commands of a page, as an administrator pastes
them: with their paths, ports and services.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import programs
from harness.waiting import DEADLINE, wait_until

BUILD = Path(os.environ.get("TCPACK_BUILDDIR") or programs.SOURCE)
SYSTEMD = "/lib/systemd/systemd"

# What systemd finds. Settings of the kernel belong to the machine below: they cannot be written, and
# what would try is masked.
BOOT = r"""
set -e
folder=$1 installed=$2 version=$3 new=$1/new
mount --make-rprivate /
mkdir "$folder/memory" "$new"
mount -t tmpfs tmpfs "$folder/memory"
cp -a "$installed" "$folder/memory/upper"
chmod 755 "$folder/memory/upper"
mkdir "$folder/memory/work"
mount -t overlay -o "lowerdir=/,upperdir=$folder/memory/upper,workdir=$folder/memory/work" \
    overlay "$new"
mount -t proc proc "$new/proc"
mount --bind "$new/proc/sys" "$new/proc/sys"
mount -o remount,ro,bind "$new/proc/sys"
mount -t tmpfs tmpfs "$new/dev"
for device in null zero full random urandom tty; do
    touch "$new/dev/$device"
    mount --bind "/dev/$device" "$new/dev/$device"
done
mkdir "$new/dev/shm" "$new/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$new/dev/pts"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
mount -t tmpfs tmpfs "$new/run"
mount -t tmpfs tmpfs "$new/tmp"
mount -t tmpfs tmpfs "$new/sys"
mkdir -p "$new/sys/fs/cgroup"
if [ "$version" = 2 ]; then
    mount -t cgroup2 cgroup "$new/sys/fs/cgroup"
else
    mount -t tmpfs tmpfs "$new/sys/fs/cgroup"
    mkdir "$new/sys/fs/cgroup/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$new/sys/fs/cgroup/systemd"
    mount -o remount,ro "$new/sys/fs/cgroup"
fi
mount -o remount,ro "$new/sys"
mount --bind "$folder" "$new/mnt"
cd "$new/etc/systemd/system"
rm -rf ./*.wants
for unit in systemd-sysctl.service systemd-binfmt.service systemd-modules-load.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket \
    systemd-udevd-kernel.socket systemd-remount-fs.service systemd-tmpfiles-setup-dev.service \
    systemd-update-utmp.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-kernel-config.mount dev-hugepages.mount dev-mqueue.mount \
    sys-fs-fuse-connections.mount; do
    ln -sf /dev/null "$unit"
done
echo >"$new/etc/machine-id"
rm -rf "$new"/etc/tcpack* "$new"/var/lib/tcpack* "$new"/var/lib/private/tcpack*
cp "$installed/etc/tcpack.ini" "$new/etc/tcpack.ini"
ip link set lo up
cd "$new"
mkdir -p old
pivot_root . old
umount -l /old
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target --log-target=null
"""


def install(folder):
    """make install into `folder`, which stands for /."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    done = subprocess.run(["make", "install", f"DESTDIR={folder}"], cwd=BUILD, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if not any(folder.glob("usr/**/systemd/system/tcpackd.service")) or \
            not (folder / "etc/tcpack.ini").exists():
        pytest.skip("this machine has no units where systemd looks: the prefix is another one")
    if programs.is_sanitized():
        pytest.skip("this machine can run no sanitizer in a unit: the units forbid what it needs")
    return folder


def control_group():
    """A new folder of systemd's control groups, and the version of their interface."""
    for root, version in (Path("/sys/fs/cgroup/systemd"), "1"), (Path("/sys/fs/cgroup"), "2"):
        if (root / "cgroup.procs").exists():
            group = root / f"tcpack-{os.getpid()}"
            group.mkdir(exist_ok=True)
            return group, version
    raise OSError("there are no control groups")


def remove_groups(group):
    """Once their processes have ended."""
    for folder in sorted(group.rglob("*/"), reverse=True):
        folder.rmdir()
    group.rmdir()


class Machine:
    """As a context manager: booted, then switched off. /mnt there is `folder`."""

    def __init__(self, folder, installed):
        programs.need_root()
        programs.need("unshare", "nsenter", "setpriv", "ip", "systemctl")
        self.folder, self.installed = folder, installed
        self.process = self.group = None

    def __enter__(self):
        try:
            self.group, version = control_group()
        except OSError as error:
            pytest.skip(f"this machine lets no systemd have a control group: {error}")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",  # it ends with the tests, however they end
             "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.group,
             "unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork",
             "--kill-child", "bash", "-c", BOOT, "boot", self.folder, self.installed, version],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_until(self._has_booted, "systemd", 30)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, AssertionError):  # nothing of tcpack's has run yet
                pytest.skip("this machine lets no systemd boot in namespaces: not up in time")
            raise
        return self

    def _init(self):
        """The process that is number 1 there, or None."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = path.read_text(encoding="ascii").split() if path.exists() else []
        return children[0] if children else None

    def _has_booted(self):
        if self.process.poll() is not None:
            pytest.skip("this machine lets no systemd run in namespaces: "
                        + self.process.stderr.read().decode().strip())
        init = self._init()
        if init is None or os.readlink(f"/proc/{init}/exe") != os.path.realpath(SYSTEMD):
            return False
        return self.try_to_run("systemctl is-system-running").stdout in ("running\n", "degraded\n")

    def command(self, script):
        return ["nsenter", "-t", self._init(), "-m", "-p", "-n", "-u", "-i", "-C", "env", "-i",
                "LC_ALL=C.UTF-8", "HOME=/root",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "bash", "-c", f"cd /root; {script}"]

    def try_to_run(self, script):
        """The result has returncode, stdout and stderr as text."""
        return programs.run(*self.command(script))

    def run(self, script):
        """What the commands print; each of them must succeed."""
        result = self.try_to_run(f"set -e -o pipefail; {script}")
        assert result.returncode == 0, f"{script}\n{result.stdout}{result.stderr}"
        return result.stdout

    def start(self, script):
        """A process that runs it meanwhile, at most until the machine is switched off."""
        return subprocess.Popen(self.command(script), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def status(self, unit="tcpackd"):
        """What the server says of itself, in systemctl status."""
        return self.run(f"systemctl show -p StatusText --value {unit}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=DEADLINE)
        wait_until(lambda: not any(path.read_text() for path in self.group.rglob("cgroup.procs")),
                   "the end of the machine's processes")
        remove_groups(self.group)


def page_commands(page, title):
    """
    The commands of a subsection, as a reader sees them: its literal displays and its lines .Dl, one
    after the other. `page` is the built one, in which paths are filled in.
    """
    text = (BUILD / "man" / page).read_text(encoding="utf-8")
    section = re.split(rf"^\.S[sh] {re.escape(title)}\n", text, flags=re.MULTILINE)[1]
    section = re.split(r"^\.S[sh] ", section, flags=re.MULTILINE)[0]
    shown = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$|^\.Dl ([^\n]*\n)", section,
                       re.DOTALL | re.MULTILINE)
    return [(display or line).replace("\\&", "").replace("\\(dq", '"').replace("\\e", "\\")
            for display, line in shown]
