# SPDX-License-Identifier: GPL-2.0-or-later
"""The console daemon as a whole: logs, clients, floods, liars, and SIGKILL at any moment."""
import os
import random
import threading
import time

import pytest

from client import strings
from guest import Console, IN_CONS, IN_PROD, OUT_CONS, OUT_PROD, Terminal, until

KILLS = int(os.environ.get("ANEL_CONSOLE_KILLS", "200"))
LINE = "%08d a line of a guest's console, long enough to fill a ring soon\r\n"


def lines(first, n):
    return b"".join((LINE % i).encode() for i in range(first, first + n))


def test_log_and_client(world):
    """Output is logged; who comes gets what was and what comes; what is typed reaches the guest."""
    c = world.domain(5)
    c.write(b"before\r\n")
    assert until(lambda: world.log("guest-d5.log") == b"before\r\n"), world.words()
    t = Terminal(world.tty(5))
    assert t.wait(b"before\r\n")
    c.write(b"after\r\n")
    assert t.wait(b"after\r\n")
    t.type(b"hello\x03\r")
    got = b""
    assert until(lambda: c.word(IN_PROD) == 7)
    assert c.read() == b"hello\x03\r"
    t.close()
    # What is typed and left behind by a client that is gone at once comes too.
    t = Terminal(world.tty(5))
    t.type(b"x" * 1500)
    t.close()
    assert until(lambda: (c.word(IN_PROD) - c.word(IN_CONS)) & 0xffffffff == 1024)
    got = c.read()
    assert until(lambda: c.word(IN_PROD) - c.word(IN_CONS) == 1500 - 1024)
    assert got + c.read() == b"x" * 1500
    assert world.log("guest-d5.log") == b"before\r\nafter\r\n"


def test_history(world):
    """The last 32 KiB from the begin of a line, for each who comes; and no more of it for a second one beside the first."""
    c = world.domain(5)
    c.write(lines(0, 2000))
    assert until(c.empty)
    for _ in range(2):
        t = Terminal(world.tty(5))
        assert t.wait(lines(1999, 1))
        got = t.take()
        assert lines(0, 2000).endswith(got) and 32768 - 80 < len(got) <= 32768 and got[8:9] == b" "
        beside = os.open(world.tty(5), os.O_RDWR | os.O_NOCTTY)
        time.sleep(0.2)
        assert t.take() == got
        os.close(beside)
        c.write(b"more")
        assert t.wait(got + b"more")
        t.close()
        c.write(b"\r\n" + lines(0, 2000))
        assert until(c.empty)
    world.store.write("/local/domain/5/console/limit", "100")
    time.sleep(0.3)
    t = Terminal(world.tty(5))
    assert t.wait(lines(1999, 1))
    assert len(t.take()) <= 100
    t.close()


def test_client_does_not_read(world):
    """The guest does not wait for it; it gets the newest when it reads."""
    c = world.domain(5)
    t = Terminal(world.tty(5))
    c.write(lines(0, 6000))
    assert until(c.empty)
    assert until(lambda: world.log("guest-d5.log") == lines(0, 6000))
    assert t.wait(lines(5999, 1))
    assert len(t.got) < 200000
    t.close()


@pytest.mark.options("--log-size", "64", "--log-keep", "2", "--rate", "10000")
def test_rotation(world):
    c = world.domain(5)
    c.write(lines(0, 5000))
    assert until(c.empty)
    assert sorted(os.listdir(world.logs)) == ["guest-d5.log", "guest-d5.log.1", "guest-d5.log.2"]
    parts = [world.log("guest-d5.log" + end) for end in (".2", ".1", "")]
    assert all(len(p) < 68 << 10 for p in parts) and len(parts[0]) >= 64 << 10
    assert lines(0, 5000).endswith(b"".join(parts))


def test_log_moved(world):
    """logrotate's way: renamed, then SIGHUP; and removed without a word, then killed."""
    c = world.domain(5)
    log = world.logs + "/guest-d5.log"
    c.write(b"one\n")
    assert until(lambda: world.log("guest-d5.log") == b"one\n")
    os.rename(log, log + ".old")
    os.kill(world.keeper.pid, 1)
    assert until(lambda: os.path.exists(log))
    c.write(b"two\n")
    assert until(lambda: world.log("guest-d5.log") == b"two\n")
    os.unlink(log)
    world.keeper.kill()
    assert until(lambda: os.path.exists(log))
    c.write(b"three\n")
    assert until(lambda: world.log("guest-d5.log") == b"three\n")


@pytest.mark.options("--rate", "64")
def test_flood(world):
    """What a guest may write is bounded by time; its neighbour does not notice."""
    c, other = world.domain(5), world.domain(6)
    started, n = time.monotonic(), 0
    data = lines(0, 100)
    while time.monotonic() < started + 3:
        n += c.put(data)
        c.notify()
        if n % 7 == 0:
            other.write(b"still here\n", 5)
    spent = time.monotonic() - started
    assert n < 64 * 1024 * (spent + 1) + 4096
    assert n > 64 * 1024
    assert until(other.empty, 5)
    # Events alone count too, and what is in the ring comes in the end.
    assert until(c.empty, 60)


def test_liar(world):
    """Indexes of all kinds, changed at any moment: an honest neighbour is served, and the liar too once it is honest."""
    c, honest = world.domain(5), world.domain(6)
    t = Terminal(world.tty(5))
    rng, sent = random.Random(3), b""
    pid = world.keeper.pid
    odd = [0, 1, 1023, 1024, 2047, 2048, 2049, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffff800]
    for i in range(3000):
        c.word(rng.choice((IN_CONS, IN_PROD, OUT_CONS, OUT_PROD)), rng.choice(odd + [rng.getrandbits(32)]))
        c.notify()
        if i % 20 == 0:
            t.type(b"typed")
            t.take(0)
        if i % 100 == 0:
            sent += b"%d\n" % i
            honest.write(b"%d\n" % i)
    assert until(lambda: world.log("guest-d6.log") == sent)
    assert world.keeper.pid == pid and world.keeper.starts == 1
    for offset in (IN_CONS, IN_PROD, OUT_CONS, OUT_PROD):
        c.word(offset, 0)
    c.write(b"the truth\n")
    assert until(lambda: world.log("guest-d5.log").endswith(b"the truth\n"))
    assert " lied" in world.control("consoles").splitlines()[0] and "lied" not in world.control("consoles").splitlines()[1]
    assert "impossible" in world.words() and world.words().count("impossible") == 1
    t.close()


def test_by_frame(world):
    """A domain whose console is not granted."""
    c = world.domain(5, by_grant=False)
    c.write(b"by frame\n")
    assert until(lambda: world.log("guest-d5.log") == b"by frame\n"), world.words()


def test_further_consoles(world):
    """Each has a pty, a log and its back end's state; unplugged, they go, and the first one stays. A guest cannot make any."""
    c = world.domain(5)
    more = [world.further(5, n) for n in (1, 2)]
    terminals = [Terminal(world.tty(5, n)) for n in (0, 1, 2)]
    for i, console in enumerate([c] + more):
        console.write(b"from %d\n" % i)
        assert terminals[i].wait(b"from %d\n" % i)
        terminals[i].type(b"to %d" % i)
        assert until(lambda: console.word(IN_PROD) == 4)
        assert console.read() == b"to %d" % i
    assert world.log("guest-d5-1.log") == b"from 1\n" and world.log("guest-d5.log") == b"from 0\n"
    back = "/local/domain/0/backend/console/5/1/"
    assert until(lambda: world.read(back + "state") == "4")
    assert world.read(back + "tty") == world.tty(5, 1)
    world.store.ask("RM", b"/local/domain/0/backend/console/5/1\0")
    world.store.ask("RM", b"/local/domain/5/device/console/1\0")
    assert until(lambda: terminals[1].take(0) and terminals[1].ended)
    terminals[2].type(b"2")
    assert until(lambda: more[1].read() == b"2")
    for n in range(3, 200):
        world.store.write("/local/domain/5/device/console/%d/port" % n, "2003")
        world.store.write("/local/domain/5/device/console/%d/ring-ref" % n, "9")
    c.write(b"x")
    assert terminals[0].wait(b"x")
    assert world.read("/local/domain/5/device/console/3/tty") is None
    for t in terminals:
        t.close()


def test_another_ring(world):
    """A front end that begins anew with another page loses nothing of what is in it: what was read of the last page is no matter."""
    world.domain(5)
    first = world.further(5, 1)
    world.tty(5, 1)
    first.write(b"first\n")
    assert until(lambda: world.log("guest-d5-1.log") == b"first\n")
    second = Console(world.fake, 5, 1, "grant5.60")
    world.consoles.append(second)
    second.put(b"second, and longer\n")
    world.store.write("/local/domain/5/device/console/1/ring-ref", "60")
    assert until(lambda: second.empty())
    assert until(lambda: world.log("guest-d5-1.log") == b"first\nsecond, and longer\n"), world.log("guest-d5-1.log")


def test_not_ours(world):
    world.store.write("/local/domain/5/console/type", "ioemu")
    world.store.write("/local/domain/5/console/type", "ioemu")
    c = world.domain(6)
    c.write(b"x")
    assert until(c.empty)
    assert world.read("/local/domain/5/console/tty") is None


@pytest.mark.parametrize("name", ["../../x", "a/b", "x" * 200, "\x01", ".."])
def test_names(world, name):
    """No name leads out of the folder."""
    c = world.domain(5, name=name)
    c.write(b"x")
    assert until(c.empty)
    assert until(lambda: len(os.listdir(world.logs)) == 1)
    assert os.listdir(world.logs)[0].startswith("guest-")


def test_death(world):
    """The last words are logged and shown; nothing is kept of a dead domain."""
    c = world.domain(5)
    t = Terminal(world.tty(5))
    assert until(lambda: len(world.ptys()) == 1)
    c.put(b"")
    prod = c.word(OUT_PROD)
    for i, byte in enumerate(b"last words"):
        c.page[1024 + prod + i] = byte
    c.word(OUT_PROD, prod + 10)
    world.die(5)
    assert t.wait(b"last words")
    assert until(lambda: t.take(0) and t.ended)
    assert world.log("guest-d5.log") == b"last words"
    assert until(lambda: not world.ptys())
    t.close()


def test_gone_at_once(world):
    """A domain that is destroyed while its console is published: its folder does not come back."""
    world.domain(1)
    world.tty(1)
    for i in range(2, 152):
        world.domain(i)
        end = time.monotonic() + i % 30 / 10000
        while time.monotonic() < end:
            pass
        world.store.ask("RM", strings("/local/domain/%d" % i))
        world.die(i)
    # It has looked at all of them when it knows one that came later.
    world.domain(200)
    world.tty(200)
    assert until(lambda: len(world.ptys()) == 2)
    left = world.store.ask("DIRECTORY", strings("/local/domain"))
    assert set(left.split(b"\0")) - {b"", b"0"} == {b"1", b"200"}, left


def test_many(world):
    """Descriptors and memory of 100 domains are given back."""
    def descriptors():
        return len(os.listdir("/proc/%d/fd" % world.keeper.pid))

    def blocks():
        return os.stat(world.folder + "/console/consoles").st_blocks

    world.domain(1).write(b"x")
    world.tty(1)
    before, used = descriptors(), blocks()
    for i in range(2, 102):
        world.domain(i)
    for i in range(2, 102):
        world.tty(i)
    assert descriptors() == before + 200
    for i in range(2, 102):
        world.die(i)
    assert until(lambda: descriptors() == before), descriptors()
    assert until(lambda: blocks() <= used)


def test_dies_while_nobody_looks(world):
    """A domain that goes, and one that comes, while the daemon is dead."""
    world.domain(5)
    world.tty(5)
    assert until(lambda: len(world.ptys()) == 1)
    world.keeper.kill()
    world.die(5)
    c = world.domain(7)
    c.write(b"seven\n")
    assert until(lambda: world.log("guest-d7.log") == b"seven\n")
    assert until(lambda: len(world.ptys()) == 1)


def test_without_descriptor_store(world):
    """Nobody keeps the pty: there is a new one, and the store says where."""
    c = world.domain(5)
    t = Terminal(world.tty(5))
    c.write(b"first\n")
    assert t.wait(b"first\n")
    assert until(world.ptys)
    world.forget_ptys()
    world.keeper.ready.clear()
    world.keeper.kill()
    world.keeper.wait_ready()
    assert until(lambda: t.take(0) and t.ended)
    t.close()
    t = Terminal(world.tty(5))
    assert t.wait(b"first\n")
    c.write(b"second\n")
    assert t.wait(b"second\n")
    assert world.log("guest-d5.log") == b"first\nsecond\n"
    t.close()


def test_store_restarts(world):
    c = world.domain(5)
    world.tty(5)
    world.stored.kill()
    c.write(b"meanwhile\n")
    assert until(lambda: world.log("guest-d5.log") == b"meanwhile\n")
    other = world.domain(6)
    other.write(b"new\n")
    assert until(lambda: world.log("guest-d6.log") == b"new\n")
    assert world.keeper.starts == 1


def test_one_of_two_leaves_after_a_restart(world):
    """Nobody has counted them; who stays misses nothing."""
    c = world.domain(5)
    t = Terminal(world.tty(5))
    beside = os.open(world.tty(5), os.O_RDWR | os.O_NOCTTY)
    c.write(b"greeting")
    assert t.wait(b"greeting") and until(world.ptys)
    world.keeper.ready.clear()
    world.keeper.kill()
    world.keeper.wait_ready()
    c.write(lines(0, 150))
    assert until(c.empty)
    os.close(beside)
    time.sleep(0.2)
    assert t.wait(lines(149, 1))
    assert t.take() == b"greeting" + lines(0, 150)
    t.close()


@pytest.mark.options("--log", "hv")
def test_hypervisor_log(world):
    """What the hypervisor says, once, over a restart; guests' logs are not asked for."""
    def say(text):
        with open(world.fake + "/conring", "ab") as f:
            f.write(text)
        world.consoles[0].event, event = 0xfffe, world.consoles[0].event
        world.consoles[0].notify()
        world.consoles[0].event = event

    c = world.domain(5)
    c.write(b"x")
    said = b""
    for i in range(60):
        text = b"(XEN) %d %s\n" % (i, b"y" * (i * 13 % 900))
        said += text
        say(text)
        if i % 5 == 0:
            world.keeper.kill()
    assert until(lambda: world.log("hypervisor.log") == said)
    assert os.listdir(world.logs) == ["hypervisor.log"]


class Talker(threading.Thread):
    def __init__(self, console, stop):
        super().__init__(daemon=True)
        self.c, self.stop, self.sent, self.error = console, stop, b"", None

    def run(self):
        i = 0
        try:
            while not self.stop.is_set():
                data = lines(i, 20)
                i += 20
                self.sent += data
                self.c.write(data)
        except BaseException as e:      # seen by the test
            self.error = e


@pytest.mark.options("--log-size", "1000000", "--rate", "100000")
def test_killed_under_load(world):
    """SIGKILL at random moments: each byte is in the log once; a client that stays misses none, and no guest stays stuck."""
    stop = threading.Event()
    talkers = [Talker(world.domain(10 + i), stop) for i in range(3)]
    terminals = [Terminal(world.tty(10 + i)) for i in range(3)]
    first = world.tty(10)
    assert until(lambda: len(world.ptys()) == 3)
    for t in talkers:
        t.start()
    rng, typed = random.Random(5), 0
    for i in range(KILLS):
        limit = time.monotonic() + rng.uniform(0.005, 0.06)
        while time.monotonic() < limit:
            for t in terminals:
                t.take(0)
            time.sleep(0.001)
        starts = world.keeper.starts
        assert until(lambda: world.keeper.kill() or world.keeper.starts > starts)
        if i % 10 == 0:
            terminals[0].type(b"k")
            typed += 1
    # Wait for all that was said.
    stop.set()
    for t in talkers:
        t.join(60)
    assert [t.error for t in talkers if t.error] == []
    for i, t in enumerate(talkers):
        assert until(t.c.empty)
        assert until(lambda: len(world.log("guest-d%d.log" % (10 + i))) >= len(t.sent))
        assert world.log("guest-d%d.log" % (10 + i)) == t.sent
        assert terminals[i].wait(t.sent[-200:])
        assert not terminals[i].ended
    assert world.tty(10) == first
    assert until(lambda: talkers[0].c.word(IN_PROD) == typed)
    for t in terminals:
        t.close()


class Reader(threading.Thread):
    """A guest that reads what is typed."""

    def __init__(self, console):
        super().__init__(daemon=True)
        self.c, self.got, self.stop = console, b"", False

    def run(self):
        while not self.stop:
            self.c.wait(0.02)
            self.got += self.c.read()


def test_killed_while_typing(world):
    """SIGKILL under what two clients type: each byte comes to its guest, once, in order."""
    readers = [Reader(world.domain(5 + i)) for i in range(2)]
    terminals = [Terminal(world.tty(5 + i)) for i in range(2)]
    assert until(lambda: len(world.ptys()) == 2)
    typed, rng = [b"", b""], random.Random(7)
    for r in readers:
        r.start()
    for t in terminals:
        os.set_blocking(t.fd, False)
    for i in range(KILLS):
        limit = time.monotonic() + rng.uniform(0, 0.03)
        while time.monotonic() < limit:
            for n, t in enumerate(terminals):
                data = b"%d " % len(typed[n]) * rng.randrange(1, 300)
                try:
                    typed[n] += data[:os.write(t.fd, data)]
                except BlockingIOError:
                    time.sleep(0.001)
        starts = world.keeper.starts
        assert until(lambda: world.keeper.kill() or world.keeper.starts > starts)
    for n, r in enumerate(readers):
        assert until(lambda: len(r.got) >= len(typed[n])), (len(r.got), len(typed[n]))
        r.stop = True
        r.join()
        assert r.got == typed[n]
        terminals[n].close()


def test_killed_with_client(world):
    """Slow enough for the client to see all: each byte once, in order."""
    c = world.domain(5)
    t = Terminal(world.tty(5))
    assert until(world.ptys)
    sent = b""
    for i in range(40):
        data = lines(i * 5, 5)
        sent += data
        c.write(data)
        if i % 2:
            time.sleep(0.01)
        world.keeper.kill()
        t.take(0.02)
    assert t.wait(lines(199, 1))
    assert t.take() == sent
    assert world.log("guest-d5.log") == sent
    t.close()
