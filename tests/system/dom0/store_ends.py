# SPDX-License-Identifier: GPL-2.0-or-later
"""store_ends.py: in dom0 under systemd, each way in which the store's daemon ends: clients have their connections, watches and
transactions after it. Beside tests/store's client.py."""
import subprocess
import time

from client import SocketClient, strings

UNIT = "anel-stored"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def show(what):
    return int(output("systemctl", "show", "-P", what, UNIT))


def holder(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return f.read().strip()


def until(what):
    limit = time.monotonic() + 60
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.02)


def crowd(n):
    clients = [SocketClient("/run/xenstored/socket") for _ in range(n)]
    for i, c in enumerate(clients):
        c.write("/ends/%d" % i, "1")
        c.ask("WATCH", strings("/ends/%d" % i, "t"))
        c.tx = int(c.ask("START", b"\0").rstrip(b"\0"))
        c.write("/ends/tx", str(i), c.tx)
    return clients


def check(clients):
    for i, c in enumerate(clients):
        assert c.read("/ends/tx", c.tx) == str(i)
        c.ask("END", b"F\0", c.tx)
        before = len(c.drain())
        c.write("/ends/%d" % i, "2")
        assert c.drain()[before:] == [("/ends/%d" % i, "t")]
        c.s.close()


def ends():
    return {
        "killed": (False, lambda pid: output("kill", "-9", str(pid))),
        "restarted": (False, lambda pid: output("systemctl", "restart", UNIT)),
        "its holder killed, then it": (False, lambda pid: (output("kill", "-9", holder(pid)), until(lambda: holder(pid)),
                                                           output("kill", "-9", str(pid)))),
        "all its processes killed": (True, lambda pid: output("systemctl", "kill", "-s", "KILL", UNIT)),
    }


def main():
    for name, (long, end) in list(ends().items()) * 2:
        others = SocketClient("/run/xenstored/socket")
        others.write("/ends", "")
        pid, clients = show("MainPID"), crowd(10)
        if long:
            until(lambda: "clients of the last second 0\n" in output("anel-ctl", UNIT, "status"))
        end(pid)
        until(lambda: show("MainPID") not in (0, pid))
        check(clients)
        others.s.close()
        until(lambda: output("pgrep", "-xc", "stored-holder") == "1")
        print(name, "ok")


main()
