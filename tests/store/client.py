# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of the store's protocol: over the socket, and as a guest over a ring page in a file (fakexen.c)."""
import socket
import struct

from page import Page

TYPES = dict(CONTROL=0, DIRECTORY=1, READ=2, GET_PERMS=3, WATCH=4, UNWATCH=5, START=6, END=7, INTRODUCE=8, RELEASE=9,
             DOMAIN_PATH=10, WRITE=11, MKDIR=12, RM=13, SET_PERMS=14, EVENT=15, ERROR=16, INTRODUCED=17, RESUME=18,
             SET_TARGET=19, RESET_WATCHES=21, DIRECTORY_PART=22)
NAMES = {v: k for k, v in TYPES.items()}
RING = 1024


class Error(Exception):
    pass


def strings(*words):
    return b"".join(w.encode() + b"\0" for w in words)


class Client:
    """Requests and replies; events gather in .events."""

    def __init__(self):
        self.events, self.next_id, self.rest = [], 1, b""

    def read_bytes(self, timeout):
        raise NotImplementedError

    def write_bytes(self, data):
        raise NotImplementedError

    def message(self, timeout=20):
        """(type, request, transaction, body), or None when nothing came in time."""
        while True:
            if len(self.rest) >= 16:
                kind, rid, tx, size = struct.unpack("<IIII", self.rest[:16])
                if len(self.rest) >= 16 + size:
                    body, self.rest = self.rest[16:16 + size], self.rest[16 + size:]
                    return NAMES.get(kind, kind), rid, tx, body
            data = self.read_bytes(timeout)
            if not data:
                return None
            self.rest += data

    def send(self, kind, body=b"", tx=0):
        rid, self.next_id = self.next_id, self.next_id + 1
        self.write_bytes(struct.pack("<IIII", TYPES.get(kind, kind), rid, tx, len(body)) + body)
        return rid

    def reply(self, rid, tx=0):
        """The body of the reply to the last request; there must be just that."""
        while True:
            m = self.message()
            if m is None:
                raise Error("no reply to request %d" % rid)
            if m[0] == "EVENT":
                self.events.append(tuple(m[3].decode().split("\0")[:2]))
                continue
            if m[1] != rid or m[2] != tx:
                raise AssertionError("a reply to %d in %d, not to %d in %d" % (m[1], m[2], rid, tx))
            if m[0] == "ERROR":
                raise Error(m[3].rstrip(b"\0").decode())
            return m[3]

    def ask(self, kind, body=b"", tx=0):
        return self.reply(self.send(kind, body, tx), tx)

    def read(self, path, tx=0):
        return self.ask("READ", strings(path), tx).decode()

    def write(self, path, value, tx=0):
        assert self.ask("WRITE", strings(path) + value.encode(), tx) == b"OK\0"

    def transaction(self, function):
        """Runs function(tx) until it commits; how often it had to."""
        tries = 0
        while True:
            tries += 1
            tx = int(self.ask("START", b"\0").rstrip(b"\0"))
            function(tx)
            try:
                self.ask("END", b"T\0", tx)
                return tries
            except Error as e:
                if str(e) != "EAGAIN":
                    raise

    def drain(self):
        """All events so far: what was on its way comes before the reply to a request."""
        while True:
            before = len(self.events)
            self.ask("DOMAIN_PATH", strings("0"))
            if len(self.events) == before:
                return self.events


class SocketClient(Client):
    def __init__(self, path):
        super().__init__()
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)

    def read_bytes(self, timeout):
        self.s.settimeout(timeout)
        try:
            data = self.s.recv(65536)
        except TimeoutError:
            return None
        if not data:
            raise ConnectionError("closed")
        return data

    def write_bytes(self, data):
        self.s.settimeout(20)
        self.s.sendall(data)

    def close(self):
        self.s.close()


class Guest(Client, Page):
    """A domain: its page in FOLDER/dom<id>. Indexes: request consumer 2048, producer 2052, response consumer 2056, producer
    2060; server features 2064, connection 2068, error 2072."""

    def __init__(self, folder, domid):
        Client.__init__(self)
        Page.__init__(self, folder, "dom%d" % domid, "guest%d" % domid, domid)
        self.domid = domid

    def write_bytes(self, data):
        while data:
            prod = self.word(2052)
            room = RING - ((prod - self.word(2048)) & 0xffffffff)
            if not room:
                self.wait(0.2)
                continue
            n = min(room, len(data), RING - prod % RING)
            self.page[prod % RING:prod % RING + n] = data[:n]
            self.word(2052, prod + n)
            data = data[n:]
            # As Linux: no event where the daemon has not taken all that was there before.
            if (self.word(2048) - prod) & 0xffffffff < 0x80000000:
                self.notify()

    def read_bytes(self, timeout):
        cons = self.word(2056)
        ready = (self.word(2060) - cons) & 0xffffffff
        assert ready <= RING, "the daemon's index is beyond the ring: %d" % ready
        if not ready:
            if not self.wait(timeout) and self.word(2060) == cons:
                return None
            return self.read_bytes(timeout) if self.word(2060) != cons else self.retry(timeout)
        n = min(ready, RING - cons % RING)
        data = self.page[1024 + cons % RING:1024 + cons % RING + n]
        self.word(2056, cons + n)
        # As Linux: no event but when the ring was full.
        if (self.word(2060) - cons) & 0xffffffff >= RING:
            self.notify()
        return bytes(data)

    def retry(self, timeout):
        """An event without data: the daemon has taken requests, or was started anew."""
        for _ in range(200):
            if self.word(2060) != self.word(2056):
                return self.read_bytes(timeout)
            if not self.wait(timeout):
                return None
        return None
