#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The first process of a user-mode Linux whose root is this machine's: anel-devd with a real kernel's network block devices."""
import array
import ctypes
import glob
import os
import random
import signal
import socket
import subprocess
import sys
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.append(os.path.join(TOP, "tests/devd"))

from formats import qcow2

DAEMONS = os.path.join(TOP, "build/daemons")
FOLDER, LOG, PID = "/run/disks", "/run/devd.log", "/run/devd.pid"
FINIT_MODULE, POWER_OFF = 313, 0x4321fedc
libc = ctypes.CDLL(None, use_errno=True)


def sh(command, timeout=90):
    return subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, timeout=timeout, text=True,
                          errors="replace").stdout


def until(what):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError("never came")


def processes():
    out = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                if b"qemu-storage" in f.read().split(b"\0")[0]:
                    out.append(int(path.split("/")[2]))
        except OSError:
            pass
    return out


def devices():
    return glob.glob("/sys/block/nbd*/pid")


def nothing_left():
    until(lambda: not processes() and not devices())


def kill_daemon():
    """It may be between two lives."""
    try:
        with open(PID) as f:
            os.kill(int(f.read()), signal.SIGKILL)
    except (OSError, ValueError):
        pass


def ask(path):
    """A client that has asked for the image."""
    def connect():
        c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return c if c.connect_ex("/run/anel-devd/socket") == 0 else None

    c = until(connect)
    fd = os.open(path, os.O_RDWR)
    c.sendmsg([b"open qcow2 w"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)
    return c


def opened(path):
    c = ask(path)
    answer = c.recv(512).decode()
    assert answer.startswith("0/dev/nbd"), answer
    return c, answer[1:]


def write(device, block, text):
    """Onto the image, and read from there again."""
    sh("printf '%s' | dd of=%s bs=512 seek=%d conv=sync,fsync 2>&1; echo 3 >/proc/sys/vm/drop_caches" % (text, device, block))
    assert sh("dd if=%s bs=512 skip=%d count=1 2>/dev/null" % (device, block)).startswith(text)


def users():
    """A device lives as long as somebody has it; QEMU's process and the daemon may die meanwhile."""
    c, device = opened(FOLDER + "/0")
    write(device, 0, "first")
    with open("/proc/%d/status" % processes()[0]) as f:
        assert "Uid:\t1835008000\t1835008000" in f.read()
    user = os.open(device, os.O_RDWR)
    c.close()
    time.sleep(1)
    os.kill(processes()[0], signal.SIGKILL)
    write(device, 8, "second")
    kill_daemon()
    os.kill(processes()[0], signal.SIGKILL)
    write(device, 16, "third")
    load = subprocess.Popen("dd if=/dev/zero of=%s bs=64k seek=16 count=100 oflag=direct 2>/dev/null" % device, shell=True)
    os.kill(until(processes)[0], signal.SIGKILL)
    assert load.wait(120) == 0
    assert sh("head -c 5 " + device) == "first"
    os.close(user)
    nothing_left()


def clients():
    """A device whose client is all that it has goes with the daemon."""
    c, device = opened(FOLDER + "/0")
    assert sh("head -c 5 " + device) == "first"
    assert not glob.glob("/sys/block/nbd*/nbd*p*")
    kill_daemon()
    nothing_left()
    c.close()


def killed():
    chance = random.Random(3)
    for _ in range(12):
        c = ask(FOLDER + "/1")
        time.sleep(chance.random() * 0.3)
        kill_daemon()
        c.close()
        nothing_left()
    c, device = opened(FOLDER + "/1")
    write(device, 0, "works")
    c.close()
    nothing_left()


def given_up():
    """Its users get errors, and live."""
    c, device = opened(FOLDER + "/2")
    user = os.open(device, os.O_RDWR)

    def broken():
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        with open(LOG) as f:
            return "is broken" in f.read()

    until(broken)
    try:
        os.pwrite(user, bytes(512), 0)
        os.fsync(user)
        raise AssertionError("no error")
    except OSError:
        pass
    os.close(user)
    c.close()
    nothing_left()


def main():
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    for kind, where in ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"):
        sh("mount -t %s none %s" % (kind, where))
    fd = os.open(glob.glob("/usr/lib/uml/modules/*/kernel/drivers/block/nbd.ko")[0], os.O_RDONLY)
    assert libc.syscall(FINIT_MODULE, fd, b"nbds_max=0 max_part=0", 0) == 0
    os.mkdir(FOLDER)
    for i in range(3):
        qcow2("%s/%d" % (FOLDER, i))
    sh("%s/keep/anel-keep %s/devd/anel-devd --given %s/devd/anel-given.so --pid-file %s </dev/null >>%s 2>&1"
       % (DAEMONS, DAEMONS, DAEMONS, PID, LOG))
    for part in users, clients, killed, given_up:
        part()
        print("right:", part.__name__, flush=True)


try:
    main()
except BaseException:
    traceback.print_exc()
    print(sh("tail -n 20 %s; dmesg | tail -n 20" % LOG))
sys.stdout.flush()
libc.reboot(POWER_OFF)
