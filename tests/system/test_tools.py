# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's tools and ours over our store, console daemon and domd, which are killed while guests use them."""
import re

from guests import AnelGuest, Guest, left_of, wait_gone

PIDS = {"anel-stored": "/run/xenstore.pid", "anel-consoled": "/run/xenconsoled.pid", "anel-domd": "/run/anel-domd.pid"}
# Open until the guest's answer has come through it; a client reads from a terminal alone.
CONSOLE = ("rm -f /run/in; mkfifo /run/in; timeout 60 script -qfc '%s console theirs' /dev/null </run/in >/run/out 2>&1 & exec 3>/run/in; "
           "echo 'echo %s-$((40 + 2))' >&3; until grep -q %s-42 /run/out; do sleep 0.2; done; kill $!")


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
