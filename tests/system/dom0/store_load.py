# SPDX-License-Identifier: GPL-2.0-or-later
"""store_load.py KILLS: clients at work while the store's daemon is killed as often, at random moments. Exit code 0: each request had its
one reply, each write its one event, and no commit was lost or done twice. Beside tests/store's client.py, in dom0."""
import os
import random
import signal
import sys
import threading
import time

from client import SocketClient

SOCKET, PID = "/run/xenstored/socket", "/run/xenstore.pid"
CLIENTS = 6


class Worker(threading.Thread):
    """Writes its own node and reads it back; adds to a number that all share; counts events on its neighbour's node."""

    def __init__(self, me, stop):
        super().__init__(daemon=True)
        self.c, self.me, self.stop = SocketClient(SOCKET), me, stop
        self.writes = self.commits = 0
        self.error = None
        self.c.write("/load/%d" % me, "")

    def add(self, tx):
        self.c.write("/load/n", str(int(self.c.read("/load/n", tx)) + 1), tx)

    def run(self):
        try:
            rng = random.Random(self.me)
            while not self.stop.is_set():
                self.writes += 1
                value = "%d %s" % (self.writes, "x" * rng.randint(0, 1200))
                self.c.write("/load/%d" % self.me, value)
                assert self.c.read("/load/%d" % self.me) == value, "a write is lost"
                if rng.random() < 0.2:
                    self.c.transaction(self.add)
                    self.commits += 1
        except BaseException as e:
            self.error = e


def kill_it(times):
    """Each time another process."""
    last, rng = None, random.Random(times)
    for _ in range(times):
        while True:
            with open(PID) as f:
                pid = f.read().strip()
            if pid and pid != last:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(int(pid), signal.SIGKILL)
        last = pid


def main(kills):
    dom0, stop = SocketClient(SOCKET), threading.Event()
    dom0.write("/load/n", "0")
    workers = [Worker(i, stop) for i in range(CLIENTS)]
    for w in workers:
        w.c.ask("WATCH", b"/load/%d\0n\0" % ((w.me + 1) % CLIENTS))
    for w in workers:
        w.start()
    kill_it(kills)
    time.sleep(0.5)
    stop.set()
    for w in workers:
        w.join(60)
        assert not w.is_alive(), "no reply to %d" % w.me
    assert [w.error for w in workers if w.error] == []
    for w in workers:
        events = len(w.c.drain())
        # One at once when the watch was set, then one a write.
        assert events == 1 + workers[(w.me + 1) % CLIENTS].writes, (w.me, events)
    assert int(dom0.read("/load/n")) == sum(w.commits for w in workers)
    dom0.ask("RM", b"/load\0")
    print("%d writes, %d commits, %d kills" % (sum(w.writes for w in workers), sum(w.commits for w in workers), kills))


main(int(sys.argv[1]))
