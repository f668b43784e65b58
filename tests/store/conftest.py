# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's daemon on this machine, with Xen's libraries replaced by files."""
import os
import socket
import sys
import tempfile

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(TOP, "harness")]

from built import built as build
from client import Guest, SocketClient, strings
from keeper import AnelKeep, Keeper
from page import notify

BUILD = os.path.join(TOP, "build")
DAEMON = os.path.join(BUILD, "daemons/stored/anel-stored")
KEEP = os.path.join(BUILD, "daemons/keep/anel-keep")
FAKEXEN = os.path.join(BUILD, "tests/store/libfakexen.so")


class Store:
    """A daemon and its world."""

    def __init__(self, folder, extra=(), keep=False):
        self.folder, self.clients = folder, []
        self.fake, self.socket = folder + "/xen", folder + "/socket"
        os.mkdir(self.fake)
        for name, text in (("dom0", "\0" * 4096), ("port", "1\n")):
            with open("%s/%s" % (self.fake, name), "w") as f:
                f.write(text)
        self.log = folder + "/log"
        command = [DAEMON, "--state", folder + "/state", "--socket", self.socket, *extra]
        env = {"FAKEXEN": self.fake, "LD_PRELOAD": FAKEXEN}
        self.keeper = AnelKeep(KEEP, command, folder, env, self.log) if keep else Keeper(command, folder, env, log=self.log)
        self.keeper.wait_ready()

    def client(self):
        c = SocketClient(self.socket)
        self.clients.append(c)
        return c

    def guest(self, domid, introduce=True):
        g = Guest(self.fake, domid)
        self.clients.append(g)
        if introduce:
            c = self.client()
            c.ask("INTRODUCE", strings(str(domid), "1", "2"))
            home = "/local/domain/%d" % domid
            c.ask("MKDIR", strings(home))
            c.ask("SET_PERMS", strings(home, "n%d" % domid))
        return g

    def domain_dies(self, domid):
        os.unlink("%s/dom%d" % (self.fake, domid))
        notify(self.fake, 0xffff)

    def check(self):
        assert self.client().ask("CONTROL", strings("check")) == b"OK\0"

    def control(self, words):
        """An answer of the control socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(self.folder + "/state/control")
            s.send(words.encode())
            answer = s.recv(8192)
        assert answer[0] == 0, answer
        return answer[1:].decode()

    def close(self):
        for c in self.clients:
            c.close()
        self.keeper.stop()
        with open(self.log, errors="replace") as f:
            print("end of the daemon's log:\n" + f.read()[-2000:])


@pytest.fixture(scope="session")
def built():
    build("daemons/stored/anel-stored", "daemons/keep/anel-keep", "tests/store/libfakexen.so")


@pytest.fixture
def store(built):
    with tempfile.TemporaryDirectory(prefix="anel-store-", dir="/dev/shm") as folder:
        s = Store(folder)
        yield s
        s.close()


@pytest.fixture(params=["like systemd", "anel-keep"])
def kept_store(built, request):
    """Under either of those who start it again."""
    with tempfile.TemporaryDirectory(prefix="anel-store-", dir="/dev/shm") as folder:
        s = Store(folder, keep=request.param == "anel-keep")
        yield s
        s.close()
