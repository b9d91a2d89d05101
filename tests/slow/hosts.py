"""Hosts of one's own: network namespaces on a bridge, which can be killed or cut off.

Nothing here reaches the machine's network, and nothing is left behind: a namespace lives as long
as the process that holds it, which ends with the tests, however they end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_PROGRAMS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
_MASK = "/24"


@dataclass
class Host:
    """A host with its address; `holder` is the process whose network namespace it is."""

    name: str
    address: str
    holder: subprocess.Popen[bytes]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        user: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program on the host; what it says is added to the log."""
        # Programs end with the tests, also where those are killed.
        dying = ("setpriv", "--pdeathsig", "KILL")
        as_user = () if user is None else (f"--reuid={user}", f"--regid={user}", "--init-groups")
        with log.open("ab") as said:
            process = subprocess.Popen(
                [*self._entered, *dying, *as_user, "--", *command],
                cwd=folder,
                env=dict(environment),
                stdout=said,
                stderr=said,
            )
        self.processes.append(process)
        return process

    def kill_everything(self) -> None:
        """End all its programs at once, without a word to them."""
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait(30)
        self.processes.clear()

    def run(self, *command: str) -> None:
        """Run a command on the host to its end."""
        subprocess.run([*self._entered, "--", *command], check=True)

    @property
    def _entered(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net")


class Network:
    """A switch with hosts at it; the switch is the host that the tests themselves are on."""

    def __init__(self, switch: Host, network: str) -> None:
        """Take over a switch; `network` is the beginning of all addresses."""
        self._network = network
        self.switch = switch
        self.hosts: list[Host] = []

    def add(self, name: str, number: int) -> Host:
        """Connect another host to the switch."""
        host = _hold(name, f"{self._network}.{number}")
        self.hosts.append(host)
        peer = ("peer", "name", "eth0", "netns", str(host.holder.pid))
        self.switch.run("ip", "link", "add", _port(host), "type", "veth", *peer)
        self.switch.run("ip", "link", "set", _port(host), "master", "switch", "up")
        host.run("ip", "address", "add", host.address + _MASK, "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        return host

    def cut_off(self, host: Host) -> None:
        """Drop whatever is sent to the host or by it; nobody is told."""
        self.switch.run("ip", "link", "set", _port(host), "down")

    def connect_again(self, host: Host) -> None:
        """Let the host be reached again."""
        self.switch.run("ip", "link", "set", _port(host), "up")

    def take_down(self) -> None:
        """End all programs and hosts."""
        for host in [*self.hosts, self.switch]:
            host.kill_everything()
            host.holder.kill()
            host.holder.communicate()


@contextlib.contextmanager
def network(network: str) -> Iterator[Network]:
    """Make a network for the length of the block, in which the calling thread is on the switch."""
    _require_rights()
    switch = _hold("switch", f"{network}.1")
    made = Network(switch, network)
    try:
        switch.run("ip", "link", "add", "switch", "type", "bridge", "forward_delay", "0")
        switch.run("ip", "address", "add", switch.address + _MASK, "dev", "switch")
        switch.run("ip", "link", "set", "switch", "up")
        with _inside(switch):
            yield made
    finally:
        made.take_down()


def _require_rights() -> None:
    assert os.geteuid() == 0, "Hosts are network namespaces, which only root can make."
    missing = {package for name, package in _PROGRAMS.items() if shutil.which(name) is None}
    assert not missing, f"Install Debian's {', '.join(sorted(missing))}: hosts are made with it."


def _hold(name: str, address: str) -> Host:
    # It reads until nobody can write any more: that is, until the tests have ended.
    holder = subprocess.Popen(["unshare", "--net", "--", "cat"], stdin=subprocess.PIPE)
    host = Host(name, address, holder)
    own, deadline = _namespace("self"), time.monotonic() + 30
    while _namespace(str(holder.pid)) == own:
        assert holder.poll() is None, "This machine lets nobody make a network namespace."
        assert time.monotonic() < deadline
        time.sleep(0.01)
    host.run("ip", "link", "set", "lo", "up")
    return host


def _namespace(process: str) -> str:
    return str(Path(f"/proc/{process}/ns/net").readlink())


def _port(host: Host) -> str:
    return f"to-{host.name}"


@contextlib.contextmanager
def _inside(host: Host) -> Iterator[None]:
    """Let the calling thread, and what it starts, be on the host."""
    with (
        Path("/proc/thread-self/ns/net").open() as home,
        Path(f"/proc/{host.holder.pid}/ns/net").open() as away,
    ):
        _enter(away.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
