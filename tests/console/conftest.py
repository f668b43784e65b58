# SPDX-License-Identifier: GPL-2.0-or-later
"""The console daemon on this machine beside our store, with Xen's libraries replaced by files (tests/store/fakexen.c)."""
import getpass
import os
import socket
import sys
import tempfile

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(TOP, "harness"), os.path.join(TOP, "tests/store"), os.path.dirname(os.path.abspath(__file__))]

from built import built as build
from client import Error, SocketClient, strings
from guest import Console, until
from keeper import Keeper
from page import notify

BUILD = os.path.join(TOP, "build")
STORED = os.path.join(BUILD, "daemons/stored/anel-stored")
CONSOLED = os.path.join(BUILD, "daemons/consoled/anel-consoled")
FAKEXEN = os.path.join(BUILD, "tests/store/libfakexen.so")


class World:
    """The store's daemon, the console's, and domains."""

    def __init__(self, folder, options):
        self.folder, self.consoles, self.domids = folder, [], set()
        self.fake, self.logs, self.socket = folder + "/xen", folder + "/logs", folder + "/socket"
        for d in (self.fake, self.logs, folder + "/s", folder + "/c"):
            os.mkdir(d)
        for name, text in (("dom0", "\0" * 4096), ("port", "1\n")):
            with open("%s/%s" % (self.fake, name), "w") as f:
                f.write(text)
        env = {"FAKEXEN": self.fake, "LD_PRELOAD": FAKEXEN, "XENSTORED_PATH": self.socket}
        self.stored = Keeper([STORED, "--state", folder + "/state", "--socket", self.socket], folder + "/s", env,
                             log=folder + "/stored.log")
        self.stored.wait_ready()
        self.store = SocketClient(self.socket)
        self.keeper = Keeper([CONSOLED, "--state", folder + "/console", "--log-dir", self.logs, "--user", getpass.getuser(), *options],
                             folder + "/c", dict(env, FAKEXEN_EVTCHN="consoles"), log=folder + "/consoled.log")
        try:
            self.keeper.wait_ready()
        except RuntimeError:
            self.stored.stop()
            raise

    def domain(self, domid, by_grant=True, name=None):
        """A domain with its first console."""
        base = "/local/domain/%d" % domid
        with open("%s/dom%d" % (self.fake, domid), "wb") as f:
            f.truncate(4096)
        c = Console(self.fake, domid, 0, "grant%d.0" % domid if by_grant else "frame%d.77" % domid)
        self.consoles.append(c)
        self.store.write(base + "/name", name or "d%d" % domid)
        for node, value in (("type", "xenconsoled"), ("limit", "1048576"), ("ring-ref", "77"), ("port", "2000")):
            self.store.write("%s/console/%s" % (base, node), value)
        self.store.ask("INTRODUCE", strings(str(domid), "1", "2"))
        self.domids.add(domid)
        return c

    def further(self, domid, number):
        """What a toolstack and a front end write of one more console."""
        front = "/local/domain/%d/device/console/%d" % (domid, number)
        back = "/local/domain/0/backend/console/%d/%d" % (domid, number)
        c = Console(self.fake, domid, number, "grant%d.%d" % (domid, 50 + number))
        self.consoles.append(c)
        self.store.write(back + "/frontend", front)
        self.store.write(back + "/state", "1")
        for node, value in (("type", "xenconsoled"), ("ring-ref", str(50 + number)), ("port", str(2000 + number))):
            self.store.write("%s/%s" % (front, node), value)
        return c

    def die(self, domid):
        os.unlink("%s/dom%d" % (self.fake, domid))
        notify(self.fake, 0xffff)

    def read(self, path):
        try:
            return self.store.read(path)
        except Error:
            return None

    def tty(self, domid, number=0):
        """Its pty's path, when there is one."""
        path = "/local/domain/%d/" % domid + ("device/console/%d/tty" % number if number else "console/tty")
        assert until(lambda: self.read(path)), "no tty; the daemon's log:\n" + self.words()
        return self.read(path)

    def ptys(self):
        """Names of those that are kept."""
        return [name for name in list(self.keeper.fds) if name != "typed"]

    def forget_ptys(self):
        for name in self.ptys():
            for fd in self.keeper.fds.pop(name):
                os.close(fd)

    def log(self, name):
        try:
            with open("%s/%s" % (self.logs, name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def control(self, words):
        """An answer of the control socket."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(self.folder + "/console/control")
        s.send(words.encode())
        answer = s.recv(8192)
        s.close()
        assert answer[0] == 0, answer
        return answer[1:].decode()

    def words(self):
        with open(self.folder + "/consoled.log", errors="replace") as f:
            return f.read()[-3000:]

    def close(self):
        for c in self.consoles:
            c.close()
        self.store.close()
        self.keeper.stop()
        self.stored.stop()
        print("end of the daemon's log:\n" + self.words())


@pytest.fixture(scope="session")
def built():
    build("daemons/stored/anel-stored", "daemons/consoled/anel-consoled", "tests/store/libfakexen.so", "tests/console/anel-dynamic")


@pytest.fixture
def world(request, built):
    """Of a test that is marked options(...) the daemon gets these."""
    mark = request.node.get_closest_marker("options")
    with tempfile.TemporaryDirectory(prefix="anel-console-", dir="/dev/shm") as folder:
        w = World(folder, mark.args if mark else ())
        yield w
        w.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "options(...): of the daemon")
