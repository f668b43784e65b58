# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a whole: many clients and guests, killed under load, flooded, lied to."""
import fcntl
import os
import random
import signal
import socket
import struct
import termios
import threading
import time

import pytest

from client import Error, SocketClient, strings

KILLS = int(os.environ.get("ANEL_STORE_KILLS", "100"))
DOOM_EVERY, DOOM_SPARE = 1024, 65536     # daemons/stored/server_conn.c
HELD_NODES = 9000


def test_many_clients(store):
    clients = [store.client() for _ in range(300)]
    for i, c in enumerate(clients):
        c.write("/many/%d" % i, str(i))
    for i, c in enumerate(clients):
        assert c.read("/many/%d" % (299 - i)) == str(299 - i)
    for c in clients[::2]:
        c.close()
    c = store.client()
    assert c.read("/many/7") == "7"
    store.check()


def test_pipelined(store):
    """Requests in any pieces, replies in their order."""
    c = store.client()
    data = b"".join(struct.pack("<IIII", 11, i, 0, len(b)) + b for i in range(500) for b in [strings("/p/%d" % i) + b"x" * (i * 5)])
    rng = random.Random(1)
    sender = threading.Thread(target=send_in_pieces, args=(c, data, rng))
    sender.start()
    assert [c.message()[1] for _ in range(500)] == list(range(500))
    sender.join()


def send_in_pieces(c, data, rng):
    while data:
        n = rng.randint(1, 3000)
        c.s.sendall(data[:n])
        data = data[n:]


@pytest.mark.parametrize("requests", [1, 384, 1000])
def test_end_behind_requests(store, requests):
    """A client that ends its stream at once is answered in full and let go, with its buffer (7680 bytes) just full too."""
    data = b"".join(struct.pack("<IIII", 2, i, 0, 4) + b"/xx\0" for i in range(requests))
    for _ in range(20):
        c = store.client()
        c.write_bytes(data)
        c.s.shutdown(socket.SHUT_WR)
        assert [c.message()[1] for _ in range(requests)] == list(range(requests))
        with pytest.raises(ConnectionError):
            c.read_bytes(20)


def test_too_long_a_message(store):
    c = store.client()
    c.s.sendall(struct.pack("<IIII", 2, 1, 0, 4097))
    with pytest.raises(ConnectionError):
        c.message()
    assert store.client().ask("DIRECTORY", strings("/"))


def test_guest(store):
    g = store.guest(5)
    dom0 = store.client()
    g.write("data/a", "1" * 1500)
    assert g.read("data/a") == "1" * 1500
    assert dom0.read("/local/domain/5/data/a") == "1" * 1500
    with pytest.raises(Error, match="EACCES"):
        g.write("/tool/x", "1")
    g.ask("WATCH", strings("data", "token"))
    dom0.write("/local/domain/5/data/b", "2")
    assert g.drain() == [("data", "token"), ("data/b", "token")]
    dom0.ask("WATCH", strings("@releaseDomain", "gone"))
    store.domain_dies(5)
    assert until(lambda: dom0.drain() == [("@releaseDomain", "gone")] * 2)
    with pytest.raises(Error, match="ENOENT"):
        dom0.read("/local/domain/5")
    store.check()


def test_guest_breaks_its_ring(store):
    """It is dead to us, says why, and may reconnect; others notice nothing."""
    g, other = store.guest(5), store.guest(6)
    g.word(2052, g.word(2048) + 5000)
    g.notify()
    other.write("x", "1")
    assert until(lambda: g.word(2072) == 2), "no error in the page"
    g.rest = b""
    g.word(2068, 1)
    g.notify()
    assert until(lambda: g.word(2068) == 0), "not connected again"
    g.write("x", "1")
    g.write_bytes(struct.pack("<IIII", 2, 1, 0, 70000))
    assert until(lambda: g.word(2072) == 3)
    assert other.read("x") == "1"
    store.check()


def until(what, timeout=30):
    limit = time.monotonic() + timeout
    while not what():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


def test_guest_does_not_read(store):
    """Events for who does not read cost no memory; one a watch comes in the end."""
    g, dom0 = store.guest(5), store.client()
    for i in range(20):
        g.ask("WATCH", strings("w%d" % i, "t"))
    pid = store.keeper.pid
    before = memory(pid)
    for _ in range(100):
        for i in range(20):
            dom0.write("/local/domain/5/w%d/with/a/long/path/below" % i, "v")
    assert memory(pid) - before < 4 << 20
    last = {}
    for path, token in g.drain():
        last[path.split("/")[0]] = token
    assert len(last) == 20
    g.write("after", "1")


def memory(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * 4096


def start(c):
    return int(c.ask("START", b"\0").rstrip(b"\0"))


def nodes(c):
    return int(c.ask("CONTROL", strings("memreport")).split()[1].rstrip(b"\0"))


def write_many(c, n):
    for first in range(0, n, 100):
        bodies = [strings("/held/%d" % i) + b"x" for i in range(first, min(first + 100, n))]
        c.s.sendall(b"".join(struct.pack("<IIII", 11, 1, 0, len(b)) + b for b in bodies))
        for _ in bodies:
            assert c.message()[0] == "WRITE"


def test_guest_holds_transactions_open(store):
    """They are so many, what they hold of the past is bounded however much others write, they hinder nobody, and go with the guest."""
    g, dom0 = store.guest(5), store.client()
    g.write("mine", "0")
    write_many(dom0, HELD_NODES)
    present, most, held = nodes(dom0), 0, []
    for n in range(12):
        if n < 10:
            held.append(start(g))
            assert g.read("mine", held[n]) == "0"
            g.write("theirs/%d" % n, "x" * 1000, held[n])
        write_many(dom0, HELD_NODES)
        most = max(most, nodes(dom0))
        assert dom0.transaction(lambda tx: dom0.write("/held/1", dom0.read("/held/2", tx), tx)) == 1
    with pytest.raises(Error, match="ENOSPC"):
        while True:
            start(g)
    assert DOOM_SPARE < most < 2 * present + DOOM_SPARE + DOOM_EVERY, "%d nodes, and %d are there" % (most, present)
    with pytest.raises(Error, match="EAGAIN"):
        g.ask("END", b"T\0", held[0])
    store.domain_dies(5)
    assert until(lambda: nodes(dom0) <= present), "%d nodes, and %d are there" % (nodes(dom0), present)
    store.check()


def test_client_leaves_as_a_domain_dies(store):
    """Both are seen at once, the death first: the client is gone when its own news comes."""
    store.guest(5)
    for i in range(10):
        store.guest(6 + i)
        clients = [store.client() for _ in range(20)]
        for c in clients:
            c.ask("WATCH", strings("@releaseDomain", "gone"))
        os.kill(store.keeper.pid, signal.SIGSTOP)
        store.domain_dies(6 + i)
        for c in clients:
            c.close()
        os.kill(store.keeper.pid, signal.SIGCONT)
        store.check()
    assert store.keeper.starts == 1


def test_introduced_again(store):
    g = store.guest(5)
    g.ask("WATCH", strings("x", "t"))
    store.client().ask("INTRODUCE", strings("5", "1", "3"))
    g.events, g.rest = [], b""
    g.write("x", "1")
    assert g.drain() == []


def test_introduced_again_in_vain(store):
    """A port that cannot be bound, a page that cannot be mapped: the domain keeps the ring that it has. Then by the same port, and
    by another."""
    g, page = store.guest(5), store.fake + "/dom5"
    g.ask("WATCH", strings("x", "t"))
    g.drain()

    def refused(why, *words):
        with pytest.raises(Error, match=why):
            store.client().ask("INTRODUCE", strings(*words))
        g.events = []
        g.write("x", "1")
        assert g.drain() == [("x", "t")]

    refused("EINVAL", "5", "1", "4096")
    os.rename(page, page + ".away")
    os.mkdir(page)
    refused("ENOENT", "5", "1", "2")
    refused("ENOENT", "5", "1", "3")
    os.rmdir(page)
    os.rename(page + ".away", page)
    for port in "2", "3", "3", "2":
        store.client().ask("INTRODUCE", strings("5", "1", port))
        g.events, g.rest = [], b""
        g.write("x", "1")
        assert g.drain() == []
        g.ask("WATCH", strings("x", "t"))
    g.drain()
    refused("EINVAL", "5", "1", "4096")
    store.check()


def test_restart_keeps_all(store):
    """A kill between any two requests: values, watches, transactions and half a message are there afterwards."""
    c, g = store.client(), store.guest(5)
    c.write("/a", "1")
    c.ask("WATCH", strings("/a", "t"))
    g.ask("WATCH", strings("/local/domain/5/b", "u"))
    tx = start(c)
    c.write("/a", "2", tx)
    whole = struct.pack("<IIII", 2, 99, 0, 3) + b"/a\0"
    c.s.sendall(whole[:9])
    time.sleep(0.1)
    store.keeper.ready.clear()
    store.keeper.kill()
    store.keeper.wait_ready()
    c.s.sendall(whole[9:])
    while (m := c.message())[0] == "EVENT":
        pass
    assert m == ("READ", 99, 0, b"1")
    assert c.read("/a", tx) == "2"
    c.ask("END", b"T\0", tx)
    assert c.read("/a") == "2"
    assert ("/a", "t") in c.events
    c.write("/local/domain/5/b", "x")
    assert g.drain()[-1] == ("/local/domain/5/b", "u")


HABIT = 16      # daemons/stored/server_io.c


def unread(c):
    """Bytes that are in the client's way to the daemon, as the kernel counts memory."""
    return struct.unpack("i", fcntl.ioctl(c.s, termios.TIOCOUTQ, b"0000"))[0]


def waiting(store):
    """A client that has waited for each reply for so long that its requests are executed in the socket, and stay there."""
    c = store.client()
    c.write("/a", "1")
    for _ in range(HABIT):
        assert c.read("/a") == "1"
    assert unread(c)
    return c


def test_requests_stay(store):
    """Executed once each, whenever the daemon is killed; and not for ever in the way of new ones."""
    clients = [waiting(store) for _ in range(40)]
    for n, c in enumerate(clients):
        for _ in range(n):
            c.read("/a")
    for i in range(5):
        store.keeper.ready.clear()
        store.keeper.kill()
        store.keeper.wait_ready()
        for n, c in enumerate(clients):
            for _ in range(HABIT + 1 + n % 7 if i % 2 else 1):
                assert c.read("/a") == "1"
    assert until(lambda: not any(unread(c) for c in clients))
    for c in clients:
        assert c.read("/a") == "1"
    store.check()


def test_socket_of_least_room(store):
    """What stays in it must not be in the way of the next request for ever."""
    c = store.client()
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for i in range(2 * HABIT):
        c.write("/a", str(i))


@pytest.mark.parametrize("requests", [1, 384, 1000])
def test_end_behind_requests_that_stay(store, requests):
    data = b"".join(struct.pack("<IIII", 2, i, 0, 3) + b"/a\0" for i in range(requests))
    for _ in range(20):
        c = waiting(store)
        c.write_bytes(data)
        c.s.shutdown(socket.SHUT_WR)
        assert [c.message()[1] for _ in range(requests)] == list(range(requests))
        with pytest.raises(ConnectionError, match="closed"):
            c.read_bytes(20)


def test_pieces_behind_requests_that_stay(store):
    c, rng = waiting(store), random.Random(1)
    for i in range(100):
        body = strings("/a") + b"x" * rng.choice([0, 1, 100, 470, 493, 494, 2000, 4000])
        data = struct.pack("<IIII", 11, i, 0, len(body)) + body
        times = rng.randint(1, 2)
        send_in_pieces(c, data * times, rng)
        assert [c.message()[1] for _ in range(times)] == [i] * times
        for _ in range(rng.randint(0, 2 * HABIT)):
            c.ask("DIRECTORY", strings("/"))


@pytest.mark.parametrize("floods", [1, 8])
def test_flood(store, floods):
    """Clients that flood and one that does not, all with requests that wait: its next is served after two of each of them at most.
    How much that slows it is measured by bench/store.py."""
    def writes(c, path, n):
        body = strings(path) + b"x"
        c.s.sendall((struct.pack("<IIII", 11, 1, 0, len(body)) + body) * n)

    watcher, victim, *others = (store.client() for _ in range(2 + floods))
    watcher.ask("WATCH", strings("/flood", "t"))
    os.kill(store.keeper.pid, signal.SIGSTOP)
    for c in others:
        writes(c, "/flood/a", 1600)
    writes(victim, "/flood/b", 100)
    os.kill(store.keeper.pid, signal.SIGCONT)
    watcher.message()       # the watch's own
    order = [watcher.message()[3].decode().split("\0")[0] for _ in range(1600 * floods + 100)]
    assert order.count("/flood/b") == 100 and order.count("/flood/a") == 1600 * floods
    mine = [-1] + [i for i, path in enumerate(order) if path == "/flood/b"]
    gaps = [next - this - 1 for this, next in zip(mine, mine[1:])]
    # When it was stopped it may have known of one of them already, whose turn comes before the others are looked at.
    assert gaps[0] <= 2 * floods + 2 and max(gaps[1:]) <= 2 * floods, gaps


def test_clients_come_and_go(store):
    """Each comes, asks and leaves: alone, beside ones that ask nothing, in pieces or much, and beside one that floods."""
    rng = random.Random(3)

    def come_and_go(n):
        for i in range(n):
            c = SocketClient(store.socket)
            send_in_pieces(c, struct.pack("<IIII", 2, i, 0, 2) + b"/\0", rng)
            assert c.message()[1] == i
            for _ in range(rng.choice([0, 0, 0, 20])):
                c.read("/")
            c.close()

    come_and_go(100)
    silent = [store.client() for _ in range(10)]
    come_and_go(100)
    stop = threading.Event()

    def flood():
        c, body = SocketClient(store.socket), strings("/flood") + b"x"
        while not stop.is_set():
            c.s.sendall((struct.pack("<IIII", 11, 1, 0, len(body)) + body) * 200)
            for _ in range(200):
                c.message()

    flooder = threading.Thread(target=flood, daemon=True)
    flooder.start()
    come_and_go(100)
    stop.set()
    flooder.join(20)
    for c in silent:
        assert c.read("/") == ""
    store.check()
    assert until(lambda: store.control("status").startswith("clients %d\n" % len(store.clients)))


class Worker(threading.Thread):
    """Writes its own node and reads it back; adds to a number that all share; counts events on its neighbour's node."""

    def __init__(self, client, base, me, neighbour, shared, stop):
        super().__init__(daemon=True)
        self.c, self.base, self.me, self.neighbour, self.shared, self.stop = client, base, me, neighbour, shared, stop
        self.writes = self.commits = 0
        self.error = None

    def add(self, tx):
        self.c.write(self.shared, str(int(self.c.read(self.shared, tx)) + 1), tx)

    def run(self):
        try:
            rng = random.Random(self.me)
            while not self.stop.is_set():
                self.writes += 1
                value = "%d %s" % (self.writes, "x" * rng.randint(0, 1200))
                self.c.write("%s/%s" % (self.base, self.me), value)
                assert self.c.read("%s/%s" % (self.base, self.me)) == value, "a write is lost"
                if rng.random() < 0.2:
                    self.c.transaction(self.add)
                    self.commits += 1
        except BaseException as e:      # seen by the test
            self.error = e


def test_killed_under_load(kept_store):
    """SIGKILL at random moments: each request gets its one reply, each write its one event, no commit is lost or done twice."""
    store = kept_store
    dom0 = store.client()
    dom0.write("/shared/n", "0")
    dom0.ask("SET_PERMS", strings("/shared/n", "b0"))
    stop, workers = threading.Event(), []
    for i in range(6):
        workers.append(Worker(store.client(), "/kill", "s%d" % i, "s%d" % ((i + 1) % 6), "/shared/n", stop))
    for i in range(3):
        workers.append(Worker(store.guest(10 + i), "/kill", "g%d" % i, "g%d" % ((i + 1) % 3), "/shared/n", stop))
    for w in workers:
        dom0.write("/kill/" + w.me, "")
        dom0.ask("SET_PERMS", strings("/kill/" + w.me, "b0"))
    for w in workers:
        w.c.ask("WATCH", strings("/kill/" + w.neighbour, "n"))
    for w in workers:
        w.start()
    rng, kills = random.Random(5), 0
    # Some kills hit a process that is about to start: the more, the busier the machine.
    while (kills < KILLS or store.keeper.starts <= KILLS / 2) and not any(w.error for w in workers):
        time.sleep(rng.uniform(0.005, 0.06))
        store.keeper.kill()
        kills += 1
    time.sleep(0.3)
    stop.set()
    for w in workers:
        w.join(60)
    assert [w.error for w in workers if w.error] == []
    assert not any(w.is_alive() for w in workers)
    by_name = {w.me: w for w in workers}
    for w in workers:
        # One at once when the watch was set, then one a write.
        assert len(w.c.drain()) == 1 + by_name[w.neighbour].writes, w.me
    assert int(dom0.read("/shared/n")) == sum(w.commits for w in workers)
    store.check()


def test_killed_while_clients_come(kept_store):
    """Connections that are made meanwhile are served, or closed before they were answered."""
    store = kept_store
    stop, errors = threading.Event(), []

    def come_and_go(me):
        n = 0
        while not stop.is_set():
            n += 1
            try:
                c = SocketClient(store.socket)
            except OSError as e:
                errors.append(e)
                return
            try:
                c.write("/come/%d" % me, str(n))
                answered = True
            except (ConnectionError, OSError):
                answered = False
            if answered and c.read("/come/%d" % me) != str(n):
                errors.append("a write is lost")
            c.close()

    threads = [threading.Thread(target=come_and_go, args=(i,), daemon=True) for i in range(4)]
    for t in threads:
        t.start()
    for _ in range(30):
        time.sleep(0.05)
        store.keeper.kill()
    stop.set()
    for t in threads:
        t.join(30)
    assert errors == [] and not any(t.is_alive() for t in threads)
    store.check()
