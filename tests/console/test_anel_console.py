# SPDX-License-Identifier: GPL-2.0-or-later
"""`anel console` on a terminal of its own, against the daemon."""
import os
import pty
import subprocess
import termios

import pytest

from conftest import BUILD, FAKEXEN
from guest import IN_PROD, Terminal, until

TOOL = os.path.join(BUILD, "tests/console/anel-dynamic")


class Anel(Terminal):
    """The tool on a terminal; .got is what the terminal shows."""

    def __init__(self, world, *words):
        self.fd, slave = pty.openpty()
        self.got, self.ended = b"", False
        self.before = termios.tcgetattr(slave)
        env = dict(os.environ, FAKEXEN=world.fake, LD_PRELOAD=FAKEXEN, XENSTORED_PATH=world.socket)
        self.process = subprocess.Popen([TOOL, "console", *words], stdin=slave, stdout=slave, stderr=slave, env=env)
        self.slave = slave

    def end(self):
        """Its exit code; the terminal is as it was."""
        code = self.process.wait(20)
        assert termios.tcgetattr(self.slave) == self.before
        self.take(0.1)
        os.close(self.slave)
        os.close(self.fd)
        return code


def test_session(world):
    """History, what comes, what is typed: all but Ctrl-] goes to the guest."""
    c = world.domain(5)
    c.write(b"before\r\n")
    a = Anel(world, "d5")
    assert a.wait(b"before")
    c.write(b"after")
    assert a.wait(b"after")
    a.type(b"\x03\x1a\x04ls\r")
    assert until(lambda: c.word(IN_PROD) == 6)
    assert c.read() == b"\x03\x1a\x04ls\r"
    a.type(b"last\x1dnot this")
    assert a.end() == 0
    assert until(lambda: c.read() == b"last")


def test_further_console(world):
    world.domain(5)
    c = world.further(5, 2)
    world.tty(5, 2)
    # The guest's word for where it is does not count.
    world.store.write("/local/domain/5/device/console/2/tty", "/dev/tty")
    a = Anel(world, "-n", "2", "5")
    c.write(b"second")
    assert a.wait(b"second")
    a.type(b"\x1d")
    assert a.end() == 0


def test_end_of_domain(world):
    c = world.domain(5)
    a = Anel(world, "5")
    c.write(b"words")
    assert a.wait(b"words")
    world.die(5)
    assert a.end() == 0
    assert b"domain 5 has ended" in a.got


def test_daemon_without_descriptor_store(world):
    """Its pty is gone, and it takes the new one."""
    c = world.domain(5)
    a = Anel(world, "5")
    c.write(b"words")
    assert a.wait(b"words")
    assert until(world.ptys)
    world.forget_ptys()
    world.keeper.kill()
    c.write(b"more")
    assert a.wait(b"more")
    a.type(b"x")
    assert until(lambda: c.read() == b"x")
    a.type(b"\x1d")
    assert a.end() == 0


def test_signal(world):
    """The terminal is put right before the tool ends."""
    c = world.domain(5)
    a = Anel(world, "5")
    c.write(b"words")
    assert a.wait(b"words")
    a.process.terminate()
    assert a.end() == 0


@pytest.mark.parametrize("words, why", [((), b"which domain"), (("nobody",), b"no domain called nobody"), (("-n", "x", "d5"), b"-n wants"),
                                        (("d5", "d5"), b"too many"), (("77",), b"no domain 77")])
def test_wrong(world, words, why):
    world.domain(5)
    a = Anel(world, *words)
    assert a.end() == 1
    assert why in a.got


def test_no_terminal(world):
    """In a pipe: what is said until nothing comes any more."""
    c = world.domain(5)
    c.write(b"all of it")
    world.tty(5)
    env = dict(os.environ, FAKEXEN=world.fake, LD_PRELOAD=FAKEXEN, XENSTORED_PATH=world.socket)
    out = subprocess.run([TOOL, "console", "d5"], stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=30)
    assert out.stdout == b"all of it" and out.stderr == b"" and out.returncode == 0
    out = subprocess.run([TOOL, "console", "d5"], input=b"typed", capture_output=True, env=env, timeout=30)
    assert c.read() == b"typed"
