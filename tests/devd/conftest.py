# SPDX-License-Identifier: GPL-2.0-or-later
"""The images' daemon on this machine with QEMU's storage daemon; the kernel's network block devices are this file (fake_nbd.c)."""
import array
import os
import signal
import socket
import struct
import sys
import tempfile
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(TOP, "harness"), os.path.join(TOP, "tests/store")]

from built import built as build
from keeper import Keeper

BUILD = os.path.join(TOP, "build")
DEVD = os.path.join(BUILD, "tests/devd/anel-devd-test")
GIVEN = os.path.join(BUILD, "daemons/devd/anel-given.so")


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.01)
    return what()


class Refused(Exception):
    pass


class Device:
    """A block device as the kernel has it: the link, over which NBD's requests go."""

    def __init__(self, index, size, link):
        self.index, self.size, self.link = index, size, link
        link.settimeout(20)

    def _ask(self, kind, at, length, data=b""):
        self.link.sendall(struct.pack(">IHHQQI", 0x25609513, 0, kind, 77, at, length) + data)
        magic, error, handle = struct.unpack(">IIQ", self._get(16))
        assert magic == 0x67446698 and handle == 77
        if error:
            raise OSError(error, "the image does not take it")
        return self._get(length) if kind == 0 else b""

    def _get(self, n):
        out = b""
        while len(out) < n:
            got = self.link.recv(n - len(out))
            if not got:
                raise ConnectionError("the link is dead")
            out += got
        return out

    def read(self, at, n):
        return self._ask(0, at, n)

    def write(self, at, data, flush=True):
        self._ask(1, at, len(data), data)
        if flush:
            self._ask(3, 0, 0)


class World:
    def __init__(self, folder, before=()):
        """before: a command that starts the daemon."""
        self.folder, self.clients, self.devices = folder, [], {}
        self.kernel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.kernel.bind(folder + "/kernel")
        self.kernel.settimeout(20)
        os.mkdir(folder + "/n")
        # Its processes are of other users where that is possible.
        self.uid = 1835008000 if os.geteuid() == 0 else 0
        self.keeper = Keeper([*before, DEVD, "--state", folder + "/s", "--socket", folder + "/socket", "--given", GIVEN,
                              "--uid", str(self.uid)], folder + "/n", {"FAKENBD": folder}, log=folder + "/log")
        assert self.keeper.ready.wait(20), self.words()

    def words(self):
        with open(self.folder + "/log", errors="replace") as f:
            return f.read()

    def client(self):
        c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        c.settimeout(30)
        until(lambda: c.connect_ex(self.folder + "/socket") == 0)
        self.clients.append(c)
        return c

    def ask(self, client, text, path=None, flags=os.O_RDWR):
        fds = [os.open(path, flags)] if path else []
        try:
            client.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        finally:
            for fd in fds:
                os.close(fd)
        answer = client.recv(512)
        if not answer:
            raise ConnectionError("it hung up")
        if answer[:1] != b"0":
            raise Refused(answer[1:].decode())
        return answer[1:].decode()

    def linked(self):
        """The next link that the kernel is given."""
        data, more, _, _ = self.kernel.recvmsg(64, socket.CMSG_SPACE(4))
        index, size, _ = struct.unpack("=QQQ", data)
        fd = array.array("i", more[0][2])[0]
        if index in self.devices:
            size = self.devices[index].size
        self.devices[index] = Device(index, size, socket.socket(fileno=fd))
        return self.devices[index]

    def open(self, path, kind="qcow2", access="w"):
        """A client and its device."""
        c = self.client()
        name = self.ask(c, "open %s %s" % (kind, access), path, os.O_RDWR if access == "w" else os.O_RDONLY)
        d = self.linked()
        assert name == "/dev/nbd%d" % d.index
        return c, d

    def release(self, device):
        """The kernel's last user has gone."""
        os.unlink("%s/nbd%d" % (self.folder, device.index))
        device.link.shutdown(socket.SHUT_RDWR)
        device.link.close()
        del self.devices[device.index]

    def connected(self):
        return {int(n[3:]) for n in os.listdir(self.folder) if n.startswith("nbd")}

    def users(self, index, pid=None):
        """Does the daemon have the device open?"""
        folder = "/proc/%d/fd" % (pid or self.keeper.pid)
        return sum(os.path.realpath(os.path.join(folder, fd)) == "%s/nbd%d" % (self.folder, index) for fd in os.listdir(folder))

    def processes(self):
        """QEMU's, by their preloaded library: number and user."""
        out = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
                if b"qemu-storage-daemon" not in words[0] or not self._of_ours(int(pid)):
                    continue
                out[int(pid)] = os.stat("/proc/" + pid).st_uid
            except OSError:
                continue
        return out

    def _of_ours(self, pid):
        """Its image is in our folder."""
        return any(name.startswith(self.folder) for name in self._files(pid))

    @staticmethod
    def _files(pid):
        folder = "/proc/%d/fd" % pid
        return [os.path.realpath(os.path.join(folder, fd)) for fd in os.listdir(folder)]

    def has(self, pid, path):
        return path in self._files(pid)

    def start_anew(self):
        starts = self.keeper.starts
        os.kill(self.keeper.pid, signal.SIGKILL)
        assert until(lambda: self.keeper.starts > starts)
        self.client()

    def close(self):
        for c in self.clients:
            c.close()
        self.keeper.stop()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.kernel.close()
        print("the daemon's log:\n" + self.words()[-4000:])


@pytest.fixture(scope="session")
def built():
    build("tests/devd/anel-devd-test", "daemons/devd/anel-given.so")


@pytest.fixture
def world(built):
    with tempfile.TemporaryDirectory(prefix="anel-devd-", dir="/var/tmp") as folder:
        w = World(folder)
        yield w
        w.close()
