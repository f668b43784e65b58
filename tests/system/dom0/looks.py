# SPDX-License-Identifier: GPL-2.0-or-later
"""What kills.py looks at, without a new process for each look: the hypervisor's list (frames.c as a library), the store over one
connection that is kept, anel-domd's control socket. Beside tests/store's client.py, in dom0."""
import ctypes
import socket
import time

from client import Error, SocketClient, strings

SOCKET = "/run/xenstored/socket"
PATIENCE = 120      # for what is still going on; generous
STATES = ("running", "paused", "shut down", "dying")
MANY = 64           # requests on their way at once; their replies fit what the kernel keeps for a socket


class Wrong(Exception):
    pass


def until(what, seconds=PATIENCE):
    """Repeats what() until it says nothing; else that is what is wrong."""
    end = time.monotonic() + seconds
    while True:
        wrong = what()
        if not wrong:
            return
        if time.monotonic() > end:
            raise Wrong(wrong)
        time.sleep(0.05)


class Store:
    """One connection; made again if the daemon's death cut it, and what was asked is asked again."""

    def __init__(self):
        self.client = None

    def do(self, ask):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if not self.client:
                    self.client = SocketClient(SOCKET)
                return ask(self.client)
            except OSError as e:
                if self.client:
                    self.client.close()
                self.client = None
                if time.monotonic() > end:
                    raise Wrong("the store: %s" % e) from None
            time.sleep(0.05)

    def read(self, path):
        """None where there is no such node."""
        return self.do(lambda c: answer(c, c.send("READ", strings(path))))

    def write(self, path, value):
        self.do(lambda c: c.write(path, value))

    def all(self):
        """Each node's value by its path."""
        return self.do(everything)


def answer(c, rid):
    """None where there is no such node; all else that is no answer is as if the connection were cut."""
    try:
        return c.reply(rid).decode()
    except Error as e:
        if str(e) == "ENOENT":
            return None
        raise ConnectionError(str(e)) from None


def everything(c):
    nodes, level = {}, ["/"]
    while level:
        below = []
        for i in range(0, len(level), MANY):
            asked = [(p, c.send("READ", strings(p)), c.send("DIRECTORY", strings(p))) for p in level[i:i + MANY]]
            for path, value, names in asked:
                value, names = answer(c, value), answer(c, names)
                if value is not None:
                    nodes[path] = value
                below += [path.rstrip("/") + "/" + n for n in (names or "").split("\0") if n]
        level = below
    return nodes


class Host:
    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.store = Store()

    def frames(self):
        """That are free."""
        pages = ctypes.c_ulong()
        if self.lib.frames_free(ctypes.byref(pages)):
            raise Wrong("the hypervisor does not tell its free frames")
        return pages.value

    def domains(self):
        """(id, state) of each domain but dom0."""
        ids, states = (ctypes.c_uint * 64)(), (ctypes.c_uint * 64)()
        n = self.lib.frames_domains(ids, states, 64)
        if n < 0:
            raise Wrong("the hypervisor does not tell its domains")
        return [(ids[i], STATES[states[i]]) for i in range(n) if ids[i]]


def cared_for():
    """The domains that are anel-domd's."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        s.settimeout(60)
        s.connect("/run/anel-domd/control")
        s.send(b"guests")
        answer = s.recv(4096).decode()
    except OSError as e:
        raise Wrong("anel-domd does not tell its guests: %s" % e) from None
    finally:
        s.close()
    if answer[:1] != "\0":
        raise Wrong("anel-domd does not tell its guests: %r" % answer)
    return sorted(int(line.split()[1]) for line in answer[1:].splitlines() if line.strip())


class World:
    """What there is: one look at the hypervisor's list, and one at the whole store if somebody asks for it."""

    def __init__(self, host):
        self.store = host.store
        self.rows = [{"id": i, "state": s, "name": self.store.read("/local/domain/%d/name" % i)} for i, s in host.domains()]
        self.whole = None

    @property
    def nodes(self):
        if self.whole is None:
            self.whole = self.store.all()
        return self.whole

    def value(self, path):
        return self.store.read(path) if self.whole is None else self.whole.get(path)

    def guest(self, name):
        found = [r for r in self.rows if r["name"] == name]
        return found[0] if len(found) == 1 else None

    def node(self, domid, path):
        return self.value("/local/domain/%d/%s" % (domid, path))

    def of(self, name, path):
        """A node of a guest's; words that no node has, if there is no such guest."""
        g = self.guest(name)
        return self.node(g["id"], path) if g else "no guest %s: %s" % (name, self.rows)

    def children(self, path):
        """Of a folder, each with something in it or a value."""
        return {p[len(path) + 1:].split("/")[0] for p in self.nodes if p.startswith(path + "/")}
