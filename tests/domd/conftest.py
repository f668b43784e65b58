# SPDX-License-Identifier: GPL-2.0-or-later
"""The domains' daemon on this machine beside our store: the hypervisor is files (tests/store/fakexen.c), guests are what the test says."""
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(TOP, "harness"), os.path.join(TOP, "tests/store")]

from built import built as build
from client import Error, SocketClient, strings
from keeper import Keeper
from page import notify

BUILD = os.path.join(TOP, "build")
STORED = os.path.join(BUILD, "daemons/stored/anel-stored")
DOMD = os.path.join(BUILD, "tests/domd/anel-domd-test")
TOOL = os.path.join(BUILD, "tests/console/anel-dynamic")
FAKEXEN = os.path.join(BUILD, "tests/store/libfakexen.so")
KILLER = os.path.join(BUILD, "tests/domd/libkiller.so")
POWEROFF, REBOOT, SUSPEND, CRASH, WATCHDOG = range(5)


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


class Client:
    """Of abi/domd_proto.h."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(15)
        self.socket.connect(path)
        self.rest, self.events, self.last = b"", [], 0

    def line(self):
        while b"\n" not in self.rest:
            got = self.socket.recv(65536)
            if not got:
                raise ConnectionError("it hung up")
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def send(self, method, **members):
        self.last += 1
        self.socket.sendall(json.dumps(dict(members, id=self.last, method=method)).encode() + b"\n")
        return self.last

    def answer(self, number):
        while True:
            o = self.line()
            if "event" in o:
                self.events.append(o)
            elif o["id"] == number:
                if "error" in o:
                    raise Refused(o["error"]["message"])
                return o["result"]

    def ask(self, method, **members):
        return self.answer(self.send(method, **members))

    def event(self):
        while not self.events:
            o = self.line()
            if "event" in o:
                self.events.append(o)
        return self.events.pop(0)

    def close(self):
        self.socket.close()


class World:
    """The store's daemon, the domains', and domains."""

    def __init__(self, folder):
        self.folder, self.clients = folder, []
        self.fake, self.store_socket, self.socket = folder + "/xen", folder + "/store", folder + "/domd.socket"
        for d in (self.fake, folder + "/s", folder + "/d"):
            os.mkdir(d)
        for name, text in (("dom0", "\0" * 4096), ("port", "1\n"), ("handle0", "\0" * 16)):
            with open("%s/%s" % (self.fake, name), "w") as f:
                f.write(text)
        self.env = {"FAKEXEN": self.fake, "LD_PRELOAD": FAKEXEN, "XENSTORED_PATH": self.store_socket, "ANEL_DOMD_SOCKET": self.socket}
        self.stored = Keeper([STORED, "--state", folder + "/state", "--socket", self.store_socket], folder + "/s", self.env,
                             log=folder + "/stored.log")
        self.stored.wait_ready()
        self.store = SocketClient(self.store_socket)
        self.set_killer(0)
        env = dict(self.env, LD_PRELOAD=KILLER + ":" + FAKEXEN, KILLER=folder + "/killer")
        self.keeper = Keeper([DOMD, "--state", folder + "/domd", "--socket", self.socket], folder + "/d", env, log=folder + "/domd.log")
        self.keeper.wait_ready()

    def set_killer(self, step):
        """The daemon is killed before its step'th step from now; 0: never."""
        with open(self.folder + "/killer", "r+b" if os.path.exists(self.folder + "/killer") else "wb") as f:
            f.write(struct.pack("=II", 0, step))

    def steps(self):
        with open(self.folder + "/killer", "rb") as f:
            return struct.unpack("=II", f.read())[0]

    def client(self):
        """Once the daemon listens."""
        end = time.monotonic() + 10
        while True:
            try:
                c = Client(self.socket)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        self.clients.append(c)
        return c

    def guests(self):
        """By name; tries again if the daemon is killed meanwhile."""
        for _ in range(1000):
            try:
                c = self.client()
                self.clients.remove(c)
                with contextlib.closing(c):
                    return {g["name"]: g for g in c.ask("list")["guests"]}
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("the daemon does not answer:\n" + self.words()[-3000:])

    def settled(self):
        """The guests, once none is being worked on."""
        return until(lambda: (lambda g: all(x["phase"] in ("running", "preserved") for x in g.values()) and [g])(self.guests()))[0]

    def domains(self):
        """Number to (UUID, shut down, paused, name)."""
        out = {}
        for name in os.listdir(self.fake):
            if name.startswith("dom") and name != "dom0":
                n = int(name[3:])
                with open("%s/handle%d" % (self.fake, n), "rb") as f:
                    handle = str(uuid.UUID(bytes=f.read()))
                out[n] = (handle, os.path.exists("%s/shutdown%d" % (self.fake, n)), os.path.exists("%s/paused%d" % (self.fake, n)),
                          self.read("/local/domain/%d/name" % n))
        return out

    def ends(self, domid, reason):
        with open("%s/shutdown%d.new" % (self.fake, domid), "w") as f:
            f.write(str(reason))
        os.rename("%s/shutdown%d.new" % (self.fake, domid), "%s/shutdown%d" % (self.fake, domid))
        self.virq()

    def vanishes(self, domid):
        for name in ("shutdown", "handle", "dom"):
            if os.path.exists("%s/%s%d" % (self.fake, name, domid)):
                os.unlink("%s/%s%d" % (self.fake, name, domid))
        self.virq()

    def virq(self):
        """Whoever has it now; a socket without a reader is a store that starts anew."""
        while True:
            try:
                return notify(self.fake, 0xffff)
            except OSError:
                time.sleep(0.02)

    def read(self, path):
        try:
            return self.store.read(path)
        except Error:
            return None

    def children(self, path):
        try:
            return [n for n in self.store.ask("DIRECTORY", strings(path)).decode().split("\0") if n]
        except Error:
            return []

    def check(self):
        """What holds whenever nobody works: each guest has its one domain and its nodes, and there is nothing else."""
        guests, domains = self.settled(), self.domains()
        for g in guests.values():
            mine = [n for n, d in domains.items() if d[0] == g["uuid"]]
            assert mine == [g["domain"]], (g, domains)
            assert domains[mine[0]][3] == g["name"]
        names = [d[3] for d in domains.values()]
        assert len(names) == len(set(names)) and None not in names, domains
        assert {int(n) for n in self.children("/local/domain")} - {0} == set(domains)
        assert {int(n) for n in self.children("/libxl")} == set(domains)
        assert sorted(self.children("/vm")) == sorted(d[0] for d in domains.values()), domains
        assert sorted(n for n in os.listdir(self.folder + "/domd/guests") if n[0] != ".") == sorted(g["uuid"] for g in guests.values())
        return guests

    def anel(self, *words):
        p = subprocess.run([TOOL, *words], env=dict(os.environ, **self.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=60)
        return p.returncode, p.stdout

    def words(self):
        with open(self.folder + "/domd.log", errors="replace") as f:
            return f.read()

    def close(self):
        for c in self.clients:
            c.close()
        self.set_killer(0)
        self.store.close()
        self.keeper.stop()
        self.stored.stop()
        print("end of the daemon's log:\n" + self.words()[-4000:])


def config(name="demo", kernel="/k", **more):
    return dict({"c_info": {"type": "pv", "name": name}, "b_info": {"max_vcpus": 1, "max_memkb": 65536, "type.pv": {"kernel": kernel}}},
                **more)


@pytest.fixture(scope="session")
def built():
    build("daemons/stored/anel-stored", "tests/domd/anel-domd-test", "tests/domd/libkiller.so", "tests/console/anel-dynamic",
          "tests/store/libfakexen.so")


@pytest.fixture
def world(built):
    with tempfile.TemporaryDirectory(prefix="anel-domd-", dir="/dev/shm") as folder:
        w = World(folder)
        yield w
        w.close()
