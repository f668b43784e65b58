# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has the clients' sockets when the daemon is killed: its holder, and a second later whoever starts it too."""
import os
import random
import signal
import struct
import time

import pytest

from client import strings
from test_daemon import until

HALF = struct.pack("<IIII", 2, 99, 0, 3) + b"/a\0"


def holder(store):
    with open("/proc/%d/task/%d/children" % ((store.keeper.pid,) * 2)) as f:
        return int(f.read() or "0")


def crowd(store, n=20):
    """Clients in the middle of things: each has a watch, a transaction, and sent half a request."""
    clients = [store.client() for _ in range(n)]
    for i, c in enumerate(clients):
        c.write("/a", "1")
        c.ask("WATCH", strings("/w%d" % i, "t"))
        c.tx = int(c.ask("START", b"\0").rstrip(b"\0"))
        c.write("/a", "2", c.tx)
        c.s.sendall(HALF[:9])
    return clients


def check(store, clients):
    """They have what they had."""
    for i, c in enumerate(clients):
        c.s.sendall(HALF[9:])
        while (m := c.message())[0] == "EVENT":
            c.events.append(tuple(m[3].decode().split("\0")[:2]))
        assert m == ("READ", 99, 0, b"1")
        assert c.read("/a", c.tx) == "2"
        c.ask("END", b"F\0", c.tx)
        c.write("/w%d" % i, "x")
        c.read("/a")
        assert c.drain() == [("/w%d" % i, "t")] * 2
    store.check()


def kill(store, number=signal.SIGKILL):
    assert until(store.keeper.ready.is_set)
    store.keeper.ready.clear()
    os.kill(store.keeper.pid, number)
    store.keeper.wait_ready()


def handed_on(store):
    return sum(name.startswith("c") for name in list(store.keeper.fds))


def test_killed(store):
    """The holder alone has them; again and again, and while the daemon starts."""
    store.keeper.refuse = "c"
    rng = random.Random(7)
    for _ in range(5):
        clients = crowd(store)
        kill(store)
        for _ in range(20):
            store.keeper.ready.clear()
            store.keeper.kill()
            time.sleep(rng.uniform(0, 0.02))
        check(store, clients)
        for c in clients:
            c.close()
    assert handed_on(store) == 0
    assert until(lambda: store.client().ask("CONTROL", strings("check")) == b"OK\0")


def test_holder_killed(store):
    """There is another."""
    store.keeper.refuse = "c"
    clients, first = crowd(store), holder(store)
    os.kill(first, signal.SIGKILL)
    assert until(lambda: holder(store) not in (0, first))
    kill(store)
    check(store, clients)


def test_both_killed(store):
    """Those that were there for a second are not lost."""
    clients = crowd(store)
    assert until(lambda: handed_on(store) == len(clients))
    os.kill(store.keeper.pid, signal.SIGSTOP)
    os.kill(holder(store), signal.SIGKILL)
    kill(store)
    check(store, clients)


def test_ended(store):
    """As by `systemctl restart`: the clients stay, and the holder goes."""
    clients, first = crowd(store), holder(store)
    kill(store, signal.SIGTERM)
    assert until(lambda: not os.path.exists("/proc/%d" % first))
    check(store, clients)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_starts_it_again(store, number):
    """Clients hear that it is over, and no process is left."""
    clients, last = crowd(store, 3), holder(store)
    pid = store.keeper.pid
    store.keeper.restart = False
    os.kill(pid, number)
    assert until(lambda: store.keeper.pid == 0)
    store.keeper.drop()
    for c in clients:
        with pytest.raises((ConnectionError, OSError)):
            c.message()
    assert until(lambda: not os.path.exists("/proc/%d" % last))
