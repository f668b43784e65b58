# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests out of a domain and into another by `anel`: files, by its own hand and xl's, and moves to the same host; failures at each step."""
import json
import os
import re
import time

import pytest

from guests import MOVE, AnelGuest, Guest, all_back, free_mib, left_of, wait_gone
from machine import PEER
from test_anel import disk
from test_migrate import WORK

pytestmark = pytest.mark.second
ROOT = "root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.0.0.46"
# Where a move may fail, and whether the guest is moved all the same.
STEPS = [("send.begin", False), ("send.round", False), ("send.suspend", False), ("send.memory", False), ("send.vcpus", False),
         ("send.have", False), ("send.go", False), ("send.gone", True), ("receive.config", False), ("receive.read", False),
         ("receive.pinned", False), ("receive.introduced", False), ("receive.have", False), ("receive.commit", False), ("receive.committed", False),
         ("receive.done", True), ("kill:receive.config", False), ("kill:receive.read", False), ("kill:receive.commit", False),
         ("kill:receive.committed", True), ("kill:receive.done", True), ("kill:send.round", False), ("kill:send.memory", False),
         ("kill:send.have", False), ("kill:send.go", False), ("kill:send.gone", True), ("kill:receive.up", True), ("kill:send.done", True)]
if PEER:    # no rounds without --live
    STEPS = [s for s in STEPS if not s[0].endswith(".round")]
ORDER = ("here: begins", "there: its domain is made, its devices wait", "here: it is suspended", "there: all of it has come",
         "here: it is given away", "there: it goes on", "there: network card 0: its bridge knows where it is", "here: nothing is left of it")
# A way to the receiver on which the guest waits, half sent, until it may go on.
STALL = "#!/bin/bash\nmkfifo /run/go\n{ head -c 3000000; touch /run/half; read x </run/go; exec cat; } <&0 | anel migrate-receive \"$@\"\n"
NOTHING = r"\A\s*\Z"
# Whoever saves maps the table of all frames, and what of it had no memory yet gets some for good: 8 bytes a frame.
TABLE_MIB = 6


@pytest.fixture
def room(anel):
    """A place for files."""
    anel.run("mount -t tmpfs -o size=400m save /mnt")
    yield anel
    anel.run("umount -l /mnt")


def same_guest(host, name):
    """The one domain of this name; no other is left over."""
    rows = json.loads(host.run("anel list --json"))
    assert sorted(r["name"] for r in rows if r["name"] != "shared") == sorted(["Domain-0", name]), rows
    return next(r for r in rows if r["name"] == name)


def memory_back(host, before):
    if getattr(host, "table_taken", False):
        return all_back(host, before)
    host.table_taken = True
    return before - TABLE_MIB - 1 <= free_mib(host) <= before


# Counts, and starts no program, which is slow on Debian's Xen. Without truncation: whoever reads always finds a number.
COUNT = "(n=0; while :; do n=$((n+1)); echo $n 1<>/tmp/n; done) >/dev/null 2>&1 & dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null"


def count(g):
    return int(g.run("for i in $(seq 100); do read -r n </tmp/n && break; done; echo $n", 60))   # it may just be written


def works_on(g, before):
    """Its work goes on, and nothing of it was wrong."""
    g.host.until("/usr/lib/anel/guest-run %s 'test $(cat /tmp/n) -gt %d && echo yes' 30" % (g.name, before), "yes", 60)
    assert "No such file" in g.run("cat /tmp/bad 2>&1; true")


def test_save_and_restore(room):
    """With two vCPUs, a disk and a card: into a file with -c, with -p, for good; and out of it."""
    free = free_mib(room)
    g = AnelGuest(room, "kept", vcpus=2, disk=disk(room), vif=True, extra=ROOT).create()
    sums = g.run("dd if=/dev/urandom of=/dev/shm/a bs=64k count=32 2>/dev/null; sha256sum /dev/shm/a", 60)
    first = g.domid()
    room.run("anel save -c kept /mnt/save", 180)
    assert g.domid() == first and g.run("sha256sum /dev/shm/a", 60) == sums
    room.run("anel save kept /mnt/save", 180)
    assert left_of(room, first) == [] and room.run("ls /mnt").split() == ["save"]
    # Pages of zeros are holes of the file.
    blocks, size = map(int, room.run("stat -c '%b %s' /mnt/save").split())
    assert blocks * 512 < size - (16 << 20)
    seen = json.loads(room.run("anel image --json /mnt/save", 120))
    assert seen["name"] == "kept" and seen["vcpus"] == 2
    room.run("anel restore -q /mnt/save", 180)
    assert g.domid() != first and g.run("sha256sum /dev/shm/a", 60) == sums and g.run("nproc").strip() == "2"
    room.run("ping -c 2 -W 10 10.0.0.46", 60)
    g.run("echo 3 >/proc/sys/vm/drop_caches; cat /bin/* >/dev/null", 60)
    rc, out = room.try_run("anel restore /mnt/save")
    assert rc == 1 and "already" in out
    g.destroy()
    wait_gone(room)
    rc, out = room.try_run("truncate -s -20 /mnt/save; anel restore /mnt/save 2>&1", 120)
    assert rc == 1 and "too early" in out
    assert same_nobody(room) and memory_back(room, free)


def same_nobody(host):
    return [r["name"] for r in json.loads(host.run("anel list --json")) if r["name"] not in ("shared", "Domain-0")] == []


def test_files_of_xl(room):
    """What anel saves xl restores, and the other way round."""
    g = AnelGuest(room, "both", vif=True, extra="anel.ip=10.0.0.46").create()
    g.run("echo mine >/tmp/mine")
    room.run("xl save both /mnt/save && anel restore -q /mnt/save", 240)
    assert g.run("cat /tmp/mine", 60).strip() == "mine"
    room.run("ping -c 2 -W 10 10.0.0.46", 60)
    room.run("anel save both /mnt/save && xl restore -e /mnt/save", 240)
    assert g.run("cat /tmp/mine", 60).strip() == "mine"
    room.run("ping -c 2 -W 10 10.0.0.46", 60)
    g.destroy()


@pytest.mark.anel
def test_live(anel):
    """A guest of two vCPUs that writes all the time is moved while it runs."""
    free = free_mib(anel)
    g = AnelGuest(anel, "moved", vcpus=2, vif=True, extra="anel.ip=10.0.0.46").create()
    g.run(WORK, 60)
    old, before = g.domid(), count(g)
    out = anel.run("anel migrate --live --verbose moved localhost 2>&1", 300)
    assert same_guest(anel, "moved")["id"] != old
    # Where the time went: in order, and the card's two ends last but for what is left here.
    times = re.findall(r"^ *([+-][0-9.]+) +[+-][0-9.]+  (.*)$", out, re.M)
    assert [t for t, _ in times] == sorted((t for t, _ in times), key=float), out
    said = [what for _, what in times]
    for a, b in zip(ORDER, ORDER[1:]):
        assert said.index(a) < said.index(b), out
    assert next(t for t, what in times if what == "here: it is suspended") == "+0.0000"
    works_on(g, before)
    anel.until("ping -c 1 -W 5 10.0.0.46 | grep -c '1 received'", r"^1$", 60)
    assert left_of(anel, old) == []
    g.destroy()
    wait_gone(anel)
    assert memory_back(anel, free)


@pytest.mark.skipif(not PEER and not os.environ.get("ANEL_FULL"), reason="only with --full")
def test_not_live(anel):
    """A guest that writes all the time is moved suspended. Debian's Xen does not follow its writes: there --live is refused, and it goes on."""
    free = free_mib(anel)
    g = AnelGuest(anel, "moved", vcpus=2, vif=True, extra="anel.ip=10.0.0.46").create()
    g.run(COUNT, 60)
    old, before, sums = g.domid(), count(g), g.run("sha256sum /tmp/a", 60)
    if PEER:
        rc, out = anel.try_run("anel migrate --live moved localhost 2>&1", 120)
        assert rc == 1 and "cannot follow the writes" in out and "without --live" in out, out
        assert same_guest(anel, "moved")["id"] == old
        works_on(g, before)
        before = count(g)
    anel.run("anel migrate moved localhost", 300)
    assert same_guest(anel, "moved")["id"] != old
    works_on(g, before)
    assert g.run("sha256sum /tmp/a", 60) == sums
    anel.until("ping -c 1 -W 5 10.0.0.46 | grep -c '1 received'", r"^1$", 60)
    assert left_of(anel, old) == []
    g.destroy()
    wait_gone(anel)
    assert memory_back(anel, free)


@pytest.mark.full
def test_name_is_held(anel):
    """While a guest comes, nobody else gets its name, though no domain has it."""
    g = AnelGuest(anel, "comes", vif=True, extra="anel.ip=10.0.0.46").create()
    other = Guest(anel, "other", memory=64)
    anel.run("sed -i s/other/comes/ " + other.config)
    anel.put("/run/stall", STALL)
    anel.run("chmod +x /run/stall; anel migrate -s '' comes /run/stall >/run/out 2>&1 & until test -e /run/half; do sleep 0.1; done", 120)
    anel.run("anel rename comes away")
    for command in "anel create %s" % other.config, "anel rename away comes":
        rc, out = anel.try_run(command + " 2>&1", 120)
        assert rc == 1 and "there is a domain comes already" in out, (command, out)
    assert "comes--incoming" in anel.run("anel list")
    anel.run("echo >/run/go; while pgrep -x anel >/dev/null; do sleep 0.1; done; cat /run/out; rm /run/half /run/go", 120)
    assert same_guest(anel, "comes")
    assert "yes" in g.run("echo yes", 60)
    g.destroy()


def fail_at(g, step, moved):
    old, before = g.domid(), count(g)
    # As to another host, with the shell as the way there, or as to this one.
    where = "-s '' %s 'anel migrate-receive'" if step.startswith(("kill:receive", "send.g")) else "%s localhost"
    start = time.monotonic()
    rc, out = g.host.try_run("ANEL_FAIL_AT=%s anel %s %s 2>&1" % (step, MOVE, where % g.name), 300)
    print(step, "%.0f s" % (time.monotonic() - start), rc, out)
    if step.startswith("kill:send"):
        assert rc not in (0, None), (step, rc, out)
        g.host.until("pgrep -x anel; true", NOTHING, 60)
    else:
        assert (rc == 0) == moved, (step, rc, out)
    assert (same_guest(g.host, g.name)["id"] != old) == moved, (step, out)
    works_on(g, before)


@pytest.mark.full
def test_failures(anel):
    """Whatever step fails, there is one guest and it works: the old one, or the new one if the hand-over was complete."""
    free = free_mib(anel)
    g = AnelGuest(anel, "only", vif=True, extra="anel.ip=10.0.0.46").create()
    g.run(COUNT if PEER else WORK, 60)
    for step, moved in STEPS:
        fail_at(g, step, moved)
    for step in ("send.begin", "send.suspend", "send.memory", "send.vcpus", "send.sync", "kill:send.memory"):
        before = count(g)
        rc, out = anel.try_run("ANEL_FAIL_AT=%s anel save only /run/only.save 2>&1" % step, 300)
        assert rc not in (0, None), (step, out)
        assert same_guest(anel, "only")
        works_on(g, before)
        assert anel.run("ls /run/only.save* 2>/dev/null; true") == "", step
    g.destroy()
    wait_gone(anel)
    assert memory_back(anel, free)


def test_refused(anel):
    """Whom one cannot save or move, and the reason."""
    g = Guest(anel, "held").create(ready=None, flags="-p")
    for command, why in (("save held /run/x", "paused"), ("migrate held localhost", "paused"), ("save Domain-0 /run/x", "dom0"),
                         ("migrate held", "to which host"), ("migrate -s false held nowhere", "did not begin"),
                         ("restore /none", "No such"), ("save nobody /run/x", "no domain called"),
                         ("save held /none/x", "No such"), ("migrate-receive --ask zz", "token")):
        rc, out = anel.try_run("anel " + command + " 2>&1", 120)
        assert rc == 1 and why in out, (command, out)
    assert anel.try_run("test -e /run/x")[0] and g.row()["state"][2] == "p"
    g.destroy()
