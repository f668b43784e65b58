# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's end of a page that it shares with a daemon: the page is a file, events go over sockets (fakexen.c)."""
import ctypes
import mmap
import os
import select
import socket
import struct
import time


class Page:
    def __init__(self, folder, page, name, event, daemon="evtchn"):
        """FOLDER/page, which is made if it is not there; the daemon's events come to FOLDER/name, ours are the number `event`."""
        self.folder, self.event, self.daemon = folder, event, daemon
        with open(os.open("%s/%s" % (folder, page), os.O_RDWR | os.O_CREAT), "r+b") as f:
            f.truncate(4096)
            self.page = mmap.mmap(f.fileno(), 4096)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        name = "%s/%s" % (folder, name)
        if os.path.exists(name):
            os.unlink(name)
        self.socket.bind(name)

    def word(self, offset, value=None):
        """An index, read or written at once (struct.pack_into() would show a 0 in between)."""
        word = ctypes.c_uint32.from_buffer(self.page, offset)
        if value is not None:
            word.value = value & 0xffffffff
        return word.value

    def notify(self):
        notify(self.folder, self.event, self.daemon, self.socket)

    def wait(self, timeout=0.05):
        """True: an event came."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return False
        self.socket.recv(16)
        return True

    def close(self):
        self.socket.close()


def notify(folder, event, daemon="evtchn", by=None):
    """Lost if nobody is there, as with a closed port; a queue that is full is not Xen's."""
    s = by or socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    for _ in range(5000):
        try:
            s.sendto(struct.pack("<I", event), "%s/%s" % (folder, daemon))
        except BlockingIOError:
            time.sleep(0.001)
            continue
        except OSError:
            pass
        break
    if not by:
        s.close()
