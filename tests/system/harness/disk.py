"""Disks of the tests' own, for root: a small one that gets full, one whose power can be cut."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

import pytest

from harness import programs
from harness.waiting import wait_until

CLONE_NEWNS = 0x00020000


def own_mounts():
    """From now on this process's mounts are its own, and end with it."""
    programs.need_root()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        pytest.skip("no mount namespace: " + os.strerror(ctypes.get_errno()))
    private = programs.run("mount", "--make-rprivate", "/")
    if private.returncode != 0:  # in a chroot, / is no mount point
        pytest.skip("mounts cannot be made private here: " + private.stderr.splitlines()[0])


def mount(*arguments):
    result = programs.run("mount", *arguments)
    if result.returncode != 0:
        pytest.skip("cannot mount: " + result.stderr.strip())


def unmount(folder):
    """Wait until nobody uses it any more: a killed process's files close a moment later."""
    for _ in range(1000):
        if programs.run("umount", folder).returncode == 0:
            return
        time.sleep(0.01)
    raise AssertionError(f"{folder} stays in use")


@contextlib.contextmanager
def small_disk(folder, size):
    """A tmpfs of that size."""
    own_mounts()
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Disk:
    """An ext4 file system in a file, on a loop device."""

    def __init__(self, folder):
        own_mounts()
        programs.need("mkfs.ext4")
        self.image = folder / "disk.image"
        self.kept = folder / "disk.kept"  # what the power cut left of it
        self.path = folder / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", str(self.image)], check=True)
        self.mount()

    def mount(self):
        mount("-o", "loop", self.image, self.path)

    def cut_power(self, server):
        """
        The server ends, and of the disk what has reached it is kept. A process that is stopped is
        in no system call: what it was told is written was written then. (To shut the file system
        down under it, by EXT4_IOC_SHUTDOWN, makes an fdatasync() that is under way return 0.)
        """
        server.send_signal(signal.SIGSTOP)
        wait_until(server.is_stopped, "the server stops")
        subprocess.run(["cp", "--sparse=always", str(self.image), str(self.kept)], check=True)
        server.kill()

    def restart(self):
        """The machine comes up again: what the disk had is what there is."""
        unmount(self.path)
        self.kept.replace(self.image)
        self.mount()

    def remove(self):
        unmount(self.path)
        self.image.unlink()


@contextlib.contextmanager
def power_disk(folder):
    disk = Disk(folder)
    try:
        yield disk
    finally:
        disk.remove()
