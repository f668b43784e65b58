# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's tools and ours over our store, console daemon and domd, which are killed while guests use them."""
import re

import pytest

from guests import AnelGuest, Guest, left_of, put_tool, wait_gone

PIDS = {"anel-stored": "/run/xenstore.pid", "anel-consoled": "/run/xenconsoled.pid", "anel-domd": "/run/anel-domd.pid"}
# Open until the guest's answer has come through it and the client has ended: script(1) types ^D at its input's end, at which a guest's
# shell, its init, ends. A client reads from a terminal alone.
CONSOLE = ("rm -f /run/in; mkfifo /run/in; timeout 60 script -qfc '%s console theirs' /dev/null </run/in >/run/out 2>&1 & exec 3>/run/in; "
           "echo 'echo %s-$((40 + 2))' >&3; until grep -q %s-42 /run/out; do sleep 0.2; done; kill $!; wait $!; true")


def daemons(host):
    """Pids of our daemons; there are no others' beside them."""
    pids = {}
    for name, path in PIDS.items():
        host.until("cat /proc/$(cat %s)/comm" % path, "^%s$" % name)
        pids[name] = host.run("cat " + path).strip()
    assert host.try_run("pgrep -x 'xenstored|oxenstored|xenconsoled'")[0] == 1
    return pids


def names(host):
    return sorted(line.split()[0] for line in host.run("xl list").splitlines()[1:])


def wait_gone_but(host, name):
    host.until("xl list | tail -n +2 | grep -vc -e '^Domain-0 ' -e '^%s '; true" % name, "^0$", 60)


def test_debians_tools(ours):
    """A guest of xl beside one of ours; xenstore-ls, xentop and either side's list see both."""
    daemons(ours)
    mine = AnelGuest(ours, "mine", memory=96).create()
    theirs = Guest(ours, "theirs", memory=96).create()
    assert names(ours) == ["Domain-0", "mine", "theirs"]
    for g in (mine, theirs):
        assert g.run("echo $((6 * 7))").strip() == "42"
        assert '"%s"' % g.name in ours.run("xenstore-ls /local/domain/%d" % g.domid())
        assert re.search(r"^ *%s " % g.name, ours.run("xentop -b -i 1"), re.M)
        assert g.name in ours.run("anel list")
    # Either console client: what is typed comes back from the guest's shell.
    for client in ("xl", "anel"):
        ours.run(CONSOLE % (client, client, client))
    gone = mine.domid(), theirs.domid()
    ours.run("anel destroy theirs; xl destroy mine", 90)
    wait_gone(ours)
    assert [n for d in gone for n in left_of(ours, d)] == []


def test_killed(ours):
    """Each daemon killed again and again while a guest writes, another answers, and one more is made: nothing is lost."""
    old = daemons(ours)
    writer = AnelGuest(ours, "writer", memory=96).create()
    ours.run("xenstore-write /tool/anel-test before")
    writer.run("(for i in $(seq 400); do echo line-$i-; usleep 20000; done; echo all-written) >/dev/hvc0 2>&1 &")
    ours.run("(for i in $(seq 8); do for p in %s; do sleep 0.4; kill -9 $(cat $p); done; done; echo >/run/killed) "
             ">/dev/null 2>&1 &" % " ".join(PIDS.values()))
    made = AnelGuest(ours, "made", memory=96).create()
    made.run("true")
    ours.until("ls /run/killed", "^/run/killed$")
    new = daemons(ours)
    assert all(new[name] != old[name] for name in PIDS)
    # Each line once, in order, in the log.
    text = writer.wait_console(r"^all-written\r?$")
    lines = re.findall(r"line-(\d+)-\r?$", text, re.M)
    assert lines == [str(i) for i in range(1, 401)]
    assert ours.run("xenstore-read /tool/anel-test").strip() == "before"
    assert names(ours) == ["Domain-0", "made", "writer"]
    for g in (writer, made):
        assert g.run("echo $((6 * 7))").strip() == "42"
    phases = ours.run("anel-ctl anel-domd guests").split("\n")
    assert sorted(p.split()[0] for p in phases if p) == ["made", "writer"] and all(" running" in p for p in phases if p)
    gone = writer.domid(), made.domid()
    ours.run("xenstore-write /local/domain/%d/control/shutdown poweroff" % gone[1])
    writer.destroy()
    wait_gone(ours)
    assert [n for d in gone for n in left_of(ours, d)] == []
    ours.until("ls /run/anel-domd/guests | wc -l", "^0$")


UNITS = ("anel-stored", "anel-consoled", "anel-domd", "anel-devd")


def main_pid(host, unit, before=0):
    """Of a unit that serves, and is not the process from before."""
    return host.until("systemctl is-active %s; systemctl show -P MainPID %s" % (unit, unit), r"\Aactive\n(?!(0|%s)$)\d+$" % before, 60).split()[1]


@pytest.mark.full
def test_killed_under_systemd(boot):
    """dom0 as it is installed: each daemon killed, then all at once; systemd starts them again, and neither guests nor verbs notice."""
    host = put_tool(boot(init="systemd", tools="anel", boot_timeout=300))
    host.run("qemu-img create -q -f qcow2 /var/tmp/a.qcow2 32M")
    pids = {unit: main_pid(host, unit) for unit in UNITS}
    g = AnelGuest(host, "stays", disk="format=qcow2,vdev=xvda,access=rw,target=/var/tmp/a.qcow2", vif=True, extra="anel.ip=10.0.0.58").create()
    domid, written = g.domid(), 0
    g.run("(i=0; while [ ! -e /stop ]; do i=$((i + 1)); echo line-$i-; usleep 50000; done; echo all-$i-written) >/dev/hvc0 2>&1 &")
    host.run("(ping -i 0.5 10.0.0.58 >/run/ping.log; echo ended >>/run/ping.log) </dev/null >/dev/null 2>&1 &")
    for victims in [(unit,) for unit in UNITS] * 2 + [UNITS] * 2:
        host.run("kill -9 " + " ".join(pids[unit] for unit in victims))
        # Not waited for: who comes meanwhile waits.
        assert [line.split()[0] for line in host.run("anel list").splitlines()[1:]] == ["Domain-0", "stays"]
        written += 1
        g.run("dd if=/dev/zero bs=512 count=1 2>/dev/null | tr '\\0' %d | dd of=/dev/xvda seek=%d conv=fsync 2>/dev/null"
              % (written % 10, written), 90)
        for unit in victims:
            pids[unit] = main_pid(host, unit, pids[unit])
        brief = AnelGuest(host, "brief", memory=96).create()
        assert brief.run("echo $((6 * 7))").strip() == "42"
        gone = brief.domid()
        brief.destroy()
        wait_gone_but(host, "stays")
        assert left_of(host, gone) == []
    host.run(CONSOLE.replace("theirs", "stays") % ("anel", "anel", "anel"), 90)
    g.run("touch /stop")
    # Each line once, in order; what was typed stands between them.
    text = g.wait_console(r"all-\d+-written\r?$")
    last = int(re.search(r"all-(\d+)-written", text).group(1))
    assert re.findall(r"line-(\d+)-\r?$", text, re.M) == [str(i + 1) for i in range(last)]
    host.run("pkill -INT -x ping")
    assert " 0% packet loss" in host.until("cat /run/ping.log", "^ended", 20)
    assert g.run("for i in $(seq %d); do dd if=/dev/xvda bs=512 skip=$i count=1 2>/dev/null | head -c 1; done" % written).strip() == "".join(
        str(i % 10) for i in range(1, written + 1))
    assert host.run("anel-ctl anel-domd guests").split()[0] == "stays"
    g.destroy()
    wait_gone(host)
    assert left_of(host, domid) == []
    host.until("pgrep -c qemu-storage-da; ls /run/anel-domd/guests | wc -l", r"^0\n0$", 60)
    assert host.run("systemctl --failed --no-legend --plain") == ""
