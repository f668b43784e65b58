# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's end of a console (a page in a file), and the client's (a pty)."""
import os
import select
import time
import tty

from page import Page

IN, OUT = 1024, 2048
IN_CONS, IN_PROD, OUT_CONS, OUT_PROD = 3072, 3076, 3080, 3084


def until(what, timeout=20):
    limit = time.monotonic() + timeout
    while not what():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


class Console(Page):
    def __init__(self, folder, domid, number, page):
        super().__init__(folder, page, "console%d.%d" % (domid, number), 0x10000 + 16 * domid + number, "consoles")

    def put(self, data):
        """As much as there is room for: how much."""
        prod = self.word(OUT_PROD)
        room = OUT - ((prod - self.word(OUT_CONS)) & 0xffffffff)
        assert 0 <= room <= OUT
        n = min(len(data), room)
        for i in range(0, n):
            self.page[IN + (prod + i) % OUT] = data[i]
        self.word(OUT_PROD, prod + n)
        if n:
            self.notify()
        return n

    def write(self, data, timeout=60):
        limit = time.monotonic() + timeout
        while data:
            data = data[self.put(data):]
            if data:
                assert time.monotonic() < limit, "the ring stays full"
                self.wait()

    def empty(self):
        return self.word(OUT_PROD) == self.word(OUT_CONS)

    def read(self):
        """What was typed."""
        cons, prod = self.word(IN_CONS), self.word(IN_PROD)
        assert (prod - cons) & 0xffffffff <= IN
        data = bytes(self.page[(cons + i) % IN] for i in range((prod - cons) & 0xffffffff))
        self.word(IN_CONS, prod)
        self.notify()
        return data


class Terminal:
    """Who has a pty open, as `xl console` has."""

    def __init__(self, path):
        self.fd, self.got, self.ended = os.open(path, os.O_RDWR | os.O_NOCTTY), b"", False
        tty.setraw(self.fd)

    def take(self, timeout=0.3):
        """Adds to .got what comes until nothing comes for so long."""
        while not self.ended and select.select([self.fd], [], [], timeout)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            self.ended = not data
            self.got += data
        return self.got

    def wait(self, text, timeout=20):
        return until(lambda: text in self.take(0), timeout)

    def type(self, data):
        os.write(self.fd, data)

    def close(self):
        os.close(self.fd)
