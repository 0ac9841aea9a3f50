"""Machines as network namespaces on one wire, which can be cut for one of them. For root."""

import subprocess

from harness import programs
from harness.waiting import DEADLINE

Popen = subprocess.Popen  # a machine may outlive the test that asked for it


def run(*command):
    result = programs.run(*command)
    assert result.returncode == 0, f"{command}: {result.stderr}"


class Machine:
    """enter() goes before a command that is to run there; others reach it at `address`."""

    def __init__(self, address=None):
        self.address = address
        self.holder = Popen(["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 100000"],
                            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"\n", "no network namespace here"

    def enter(self):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def ip(self, *arguments):
        run(*self.enter(), "ip", *arguments)

    def close(self):
        self.holder.kill()
        self.holder.wait(DEADLINE)
        self.holder.stdout.close()


class Network:
    """Machines that reach each other, as a context manager."""

    def __init__(self, count):
        programs.need_root()
        programs.need("unshare", "nsenter", "ip")
        self.switch = Machine()
        self.switch.ip("link", "add", "wire", "type", "bridge")
        self.switch.ip("link", "set", "wire", "up")
        self.machines = [self._connect(number) for number in range(1, count + 1)]

    def _connect(self, number):
        machine = Machine(f"10.9.0.{number}")
        self.switch.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0",
                       "netns", str(machine.holder.pid))
        self.switch.ip("link", "set", f"port{number}", "master", "wire", "up")
        machine.ip("addr", "add", f"{machine.address}/24", "dev", "eth0")
        machine.ip("link", "set", "eth0", "up")
        return machine

    def cut(self, machine, sends=True, receives=True):
        """From now on, what it sends is lost, or what the others send to it, or both."""
        for other in self.machines:
            if other is not machine:
                if sends:
                    machine.ip("route", "add", "blackhole", f"{other.address}/32")
                if receives:
                    other.ip("route", "add", "blackhole", f"{machine.address}/32")

    def heal(self, machine):
        for other in self.machines:
            if other is not machine:
                for one, two in (machine, other), (other, machine):
                    programs.run(*one.enter(), "ip", "route", "del", "blackhole",
                                 f"{two.address}/32")

    def close(self):
        for machine in [*self.machines, self.switch]:
            machine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
