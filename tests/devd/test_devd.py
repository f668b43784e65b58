# SPDX-License-Identifier: GPL-2.0-or-later
"""anel-devd makes block devices of images, with a process for each that has no right to its file, and loses none when killed."""
import os
import random
import signal
import socket
import stat
import subprocess
import time

import pytest

from conftest import Refused, World, until
from formats import dynamic_vhd, qcow2, vhd

UNSHARE = ["/usr/bin/unshare", "-m"]


def test_formats(world):
    """What one process writes the next one reads, in the file's own format; the process's user may not open the file."""
    for path, kind in ((qcow2(world.folder + "/a.qcow2"), "qcow2"), (vhd(world.folder + "/a.vhd"), "vhd"),
                       (dynamic_vhd(world.folder + "/b.vhd"), "vhd")):
        os.chmod(path, 0o600)
        c, d = world.open(path, kind)
        assert d.size == 8 << 20 and d.read(1 << 20, 4096) == bytes(4096)
        d.write(1 << 20, b"anel" * 1024)
        uid, = world.processes().values()
        assert uid == world.uid or not world.uid
        c.close()
        world.release(d)
        assert until(lambda: not world.processes())
        c, d = world.open(path, kind, "r")
        assert d.read(1 << 20, 4096) == b"anel" * 1024
        with pytest.raises(OSError):
            d.write(0, bytes(512))
        c.close()
        world.release(d)
        assert until(lambda: not world.processes())
    assert until(lambda: world.keeper.fds == {})


def test_refusals(world):
    c = world.client()
    good = qcow2(world.folder + "/good")
    with open(world.folder + "/noise", "wb") as f:
        f.write(os.urandom(1 << 20))
    for name, image, size in (("tables", qcow2, 3 << 16), ("counts", qcow2, 65536), ("blocks", dynamic_vhd, 1536)):
        os.truncate(image("%s/%s" % (world.folder, name)), size)
    for text, path, why in (("open raw w", good, "no such format"), ("open qcow2", good, "a request is"),
                            ("open qcow2 w", None, "a request is"),
                            ("open qcow2 w x", good, "a request is"), ("explode", good, "a request is"),
                            ("open qcow2 w", world.folder, "regular file"), ("open qcow2 r", good, "not open for that access"),
                            ("open qcow2 w", world.folder + "/noise", "no qcow2 image"),
                            ("open vhd w", world.folder + "/noise", "QEMU"),
                            ("open qcow2 w", world.folder + "/tables", "cut short"), ("open qcow2 w", world.folder + "/counts", "cut short"),
                            ("open vhd w", world.folder + "/blocks", "cut short"),
                            ("open qcow2 w", qcow2(world.folder + "/backed", backing=112), "a difference"),
                            ("open qcow2 w", qcow2(world.folder + "/apart", features=4), "in another file"),
                            ("open qcow2 w", qcow2(world.folder + "/unknown", features=1 << 40), "QEMU")):
        with pytest.raises(Refused, match=why):
            world.ask(c, text, path, os.O_RDONLY if path == world.folder else os.O_RDWR)
    assert world.processes() == {} and world.connected() == set() and until(lambda: world.keeper.fds == {})
    # Two may not write to one image; that is seen by QEMU's locks.
    first, d = world.open(good)
    with pytest.raises(Refused, match="lock"):
        world.ask(c, "open qcow2 w", good)
    assert len(world.processes()) == 1
    d.write(0, b"x" * 512)


@pytest.mark.skipif(subprocess.run(UNSHARE + ["true"], stderr=subprocess.DEVNULL).returncode, reason="no right to mount: a /dev/null of its own")
def test_no_locks(built, tmp_path):
    """QEMU finds out on /dev/null whether there are locks. Where it may not open that, an image is refused, not served without them."""
    null = str(tmp_path / "null")
    os.mknod(null, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    w = World(str(tmp_path), UNSHARE + ["sh", "-c", 'mount --bind "$0" /dev/null && exec "$@"', null])
    try:
        with pytest.raises(Refused, match="/dev/null"):
            w.ask(w.client(), "open qcow2 w", qcow2(w.folder + "/good"))
    finally:
        w.close()


def test_clients_device(world):
    """A device has its client as a user while that is connected, and no longer."""
    c, d = world.open(qcow2(world.folder + "/a"))
    assert world.users(d.index) == 1 and os.path.exists("%s/passing%d" % (world.folder, d.index))
    c.close()
    assert until(lambda: world.users(d.index) == 0)
    d.write(0, b"x" * 512)
    # A client that is gone before its answer.
    c = world.client()
    world.clients.remove(c)
    fd = os.open(qcow2(world.folder + "/b"), os.O_RDWR)
    socket.send_fds(c, [b"open qcow2 w"], [fd])
    c.close()
    os.close(fd)
    e = world.linked()
    assert until(lambda: world.users(e.index) == 0)


def test_process_dies(world):
    """It is started again and the device goes on; one that dies again and again is given up."""
    c, d = world.open(qcow2(world.folder + "/a"))
    d.write(4096, b"kept" * 128)
    for i in range(3):
        # A guest that goes on believes in all that was answered, flushed or not.
        d.write((i + 1) << 20, b"said" * 128, flush=False)
        pid, = world.processes()
        os.kill(pid, signal.SIGKILL)
        d = world.linked()
        assert d.read(4096, 512) == b"kept" * 128
        assert d.read((i + 1) << 20, 512) == b"said" * 128
    other = world.client()
    assert world.ask(other, "serves %d" % d.index) == "yes"
    while world.connected():
        for pid in world.processes():
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    assert until(lambda: world.keeper.fds == {} and not world.processes())
    assert "is broken" in world.words()
    assert world.ask(other, "serves %d" % d.index) == "no"
    other.close()


def test_daemon_dies(world):
    """Its disks go on meanwhile; the successor mends, releases and takes more."""
    images = [qcow2("%s/%d" % (world.folder, i)) for i in range(3)]
    opened = [world.open(path) for path in images]
    before = world.processes()
    world.start_anew()
    for i, (_, d) in enumerate(opened):
        d.write(0, b"%d" % i * 512)
    assert world.processes() == before
    # One whose process dies, and one that is released, while nobody looks.
    os.kill(world.keeper.pid, signal.SIGSTOP)
    os.kill(next(p for p in before if world.has(p, images[0])), signal.SIGKILL)
    world.release(opened[1][1])
    world.start_anew()
    d = world.linked()
    assert d.index == opened[0][1].index and d.read(0, 512) == b"0" * 512
    assert until(lambda: len(world.processes()) == 2)
    assert opened[2][1].read(0, 512) == b"2" * 512
    world.open(images[1])[1].read(0, 512)


def test_killed_anywhere(world):
    """Killed at random while images are opened: each is a device that works, or nothing."""
    chance = random.Random(7)
    path = qcow2(world.folder + "/a")
    for i in range(25):
        c = world.client()
        fd = os.open(path, os.O_RDWR)
        socket.send_fds(c, [b"open qcow2 w"], [fd])
        os.close(fd)
        time.sleep(chance.random() * 0.25)
        world.start_anew()
        world.kernel.setblocking(False)
        while True:
            try:
                d = world.linked()
            except BlockingIOError:
                break
        world.kernel.settimeout(20)
        # Without its client it has no user: the kernel lets go.
        for index in world.connected():
            world.release(world.devices[index])
        assert until(lambda: not world.processes() and world.keeper.fds == {}), (i, world.keeper.fds, world.processes())
        assert world.connected() == set()
    c, d = world.open(path)
    d.write(0, b"x" * 512)
