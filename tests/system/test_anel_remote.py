# SPDX-License-Identifier: GPL-2.0-or-later
"""`anel migrate` to another host, by ssh: two machines whose bridges are one network and which have one disk in common. Whatever goes
wrong on the way or on either side, there is one guest that runs."""
import json
import re
import shlex
import time

import pytest

from guests import MOVE, AnelGuest, Guest, free_mib
from pair import DISK, A, B, Pair
from test_anel_migrate import NOTHING, memory_back, works_on

pytestmark = pytest.mark.full
# Writes a file again and again and compares it; counts its rounds. All by one process: programs that are started again and again leave
# QEMU so much translated code of one page that zeroing that page takes it seconds.
WORK = ("mkfifo /tmp/never; (exec 9<>/tmp/never; n=0; x=$(seq 400); while :; do read -t 0.05 -u 9; echo \"$x\" >/tmp/b; "
        "read -r -d '' y </tmp/b; [ \"$x\" = \"$y\" ] || echo bad >>/tmp/bad; n=$((n+1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &")
IP = "10.0.0.50"
# relay ANSWER ACT BYTES ACT HOST COMMAND...: ssh, and two acts of the shell: instead of passing on the receiver's ANSWER, and after so
# many bytes for it. A question about a token goes straight through.
RELAY = r"""#!/bin/bash
answer=$1 instead=$2 bytes=$3 then=$4
shift 4
ssh="ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=2 -o ServerAliveCountMax=4"
case "$*" in *--ask*) exec $ssh "$@" ;; esac
mkfifo /run/to.$$ /run/from.$$
$ssh "$@" </run/to.$$ >/run/from.$$ &
pid=$!
{ head -c "$bytes"; eval "$then" </dev/null; exec cat; } <&0 >/run/to.$$ &
while read -r line; do
    if [ "$line" = "$answer" ]; then eval "$instead" </dev/null; else echo "$line"; fi
done </run/from.$$
rm -f /run/to.$$ /run/from.$$
"""


@pytest.fixture(scope="module")
def pair(hosts, our_hosts, tmp_path_factory):
    hosts.release()
    our_hosts.release()
    made = Pair(str(tmp_path_factory.mktemp("pair")))
    try:
        for m in made.hosts:
            m.put("/usr/local/bin/relay", RELAY)
            m.run("chmod +x /usr/local/bin/relay")
        yield made.hosts
    finally:
        made.close()


@pytest.fixture
def clean(pair):
    """Both hosts, with nothing on them afterwards."""
    yield pair
    for m in pair:
        if m.alive():
            m.try_run("ip link set eth0 up; for n in $(xl list | awk 'NR>1 && $2>0 {print $2}'); do anel destroy $n; done", 120)
            found = re.search(r"(?i)^.*(BUG:|Oops|Kernel panic|PANIC|ASSERT|soft lockup).*$", m.log(), re.M)
            assert not found, found.group(0)


def guest(host, name, disk=False, **options):
    where = "root=/dev/xvda init=/usr/lib/anel/init " if disk else ""
    return AnelGuest(host, name, vif=True, extra=where + "anel.ip=" + IP, **options, disk=
                     "format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + DISK if disk else None)


def count(g):
    return int(g.run("until read -r n </tmp/n; do :; done 2>/dev/null; echo $n", 60))


def only_on(g, host, other):
    """The guest is on that host, it alone and in anel-domd's care, and nothing is on the other."""
    g.host = host
    host.until("anel list | awk 'NR>1 && $2>0 {print $1}' | paste -sd,", "^%s$" % g.name, 120)
    other.until("anel list | awk 'NR>1 && $2>0 {print $1}' | paste -sd,", NOTHING, 120)
    rows = [r for r in json.loads(host.run("anel list --json")) if r["id"]]
    assert len(rows) == 1 and rows[0]["name"] == g.name and rows[0]["state"] in ("running", "idle"), rows
    host.until("anel-ctl anel-domd guests", r"%s.*\b%d\b" % (g.name, rows[0]["id"]), 60)
    other.until("ls /run/anel-domd/guests | wc -l", r"^0$", 60)
    for m, domid in ((host, rows[0]["id"]), (other, 0)):
        m.until("xenstore-ls -f | grep -E '^(/local/domain/|/libxl/|/local/domain/0/backend/[a-z]+/)[0-9]+ ' | "
                "grep -vE '/(0|%d) ' | head -3" % domid, NOTHING, 60)


def test_to_another_host(clean):
    """A guest that works and answers pings goes to the other host, on Anel while it runs, with its disk and card, and comes back."""
    a, b = clean
    free = free_mib(a), free_mib(b)
    g = guest(a, "tour", disk=True, vcpus=2).create()
    g.run(WORK, 60)
    g.run("echo kept >/root/mine; sync", 60)
    for here, there, address in ((a, b, B), (b, a, A)):
        before = count(g)
        here.run("(ping -i 0.2 %s >/run/pings 2>&1 & echo $! >/run/pinger); until grep -q 'bytes from' /run/pings; do sleep 0.1; done" % IP)
        here.run("anel %s tour %s" % (MOVE, address), 300)
        only_on(g, there, here)
        works_on(g, before)
        # Both networks know where it is now.
        for m in clean:
            m.until("ping -c 1 -W 5 %s | grep -c '1 received'" % IP, r"^1$", 60)
        here.run("kill -INT $(cat /run/pinger); while kill -0 $(cat /run/pinger) 2>/dev/null; do sleep 0.1; done")
        print("pings: " + here.run("tail -3 /run/pings"))
        assert g.run("echo 3 >/proc/sys/vm/drop_caches; cat /root/mine", 60).strip() == "kept"
        g.run("echo kept >/root/mine; dd if=/dev/urandom of=/root/blob bs=64k count=16 conv=fsync 2>/dev/null", 90)
    g.destroy()
    for m, was in zip(clean, free):
        m.until("anel list | wc -l", r"^2$", 60)
        assert memory_back(m, was)


def relay(there, answer="-", instead="", size=0, then=""):
    """A way to the other host on which something happens."""
    words = [shlex.quote(str(w)) for w in (answer, instead, size, then)]
    return "-s '' only " + shlex.quote("relay %s %s anel migrate-receive" % (" ".join(words), there))


def both_ways(clean, g):
    """Where the guest is, where it is not, and the latter's address."""
    here = g.host
    return (here, clean[1], B) if here is clean[0] else (here, clean[0], A)


def move(clean, g, words, moved, said="", env="", rc=None):
    """`anel migrate` by these words of the address; afterwards the guest runs where it should, and works."""
    here, there, to = both_ways(clean, g)
    before, start = count(g), time.monotonic()
    got, out = here.try_run("%s anel %s %s 2>&1" % (env, MOVE, words(to)), 300)
    print(words(to), "%.0f s" % (time.monotonic() - start), got, out)
    assert (got == 0) == (moved if rc is None else rc == 0) and re.search(said, out), (words(to), got, out)
    if "eth0 down" in words(to):    # the receiver, who hears nothing, gives up by itself
        there.until("anel list | awk 'NR>1 && $2>0 {print $1}'", NOTHING, 150)
        here.run("ip link set eth0 up")
    if "kill:send" in env:          # somebody is left, who asks the other host
        here.until("pgrep -x anel; true", NOTHING, 150)
    only_on(g, *((there, here) if moved else (here, there)))
    works_on(g, before)


SSH = "ssh -o BatchMode=yes %s "
KILL_DOMD = "kill -9 $(cat /run/anel-domd.pid)"
LOST = "the link to the other side is lost"


def test_failures_before(clean):
    """What fails before the other host has all of the guest leaves it here."""
    g = guest(clean[0], "only", memory=128).create()
    g.run(WORK, 60)
    move(clean, g, lambda to: relay(to, size=3000000, then="kill -9 $pid"), False, LOST)
    move(clean, g, lambda to: relay(to, size=3000000, then=SSH % to + "pkill -9 -x anel"), False, LOST)
    move(clean, g, lambda to: relay(to, size=3000000, then="ip link set eth0 down"), False, LOST)
    move(clean, g, lambda to: "only 10.0.0.99", False, "did not begin")
    move(clean, g, lambda to: "-s '' only '%s none'" % (SSH % to), False, "did not begin")
    move(clean, g, lambda to: "only " + to, False, env="ANEL_FAIL_AT=kill:send.memory", rc=1)


@pytest.mark.anel
def test_failures_at_hand_over(clean):
    """The guest is the other host's if that has taken it, whoever could not say so, and stays here if not."""
    g = guest(clean[0], "only", memory=128).create()
    g.run(WORK, 60)
    move(clean, g, lambda to: relay(to, "have", SSH % to + "pkill -9 -x anel; echo have"), False, LOST)
    for step, moved in (("receive.have", False), ("kill:receive.commit", False), ("kill:receive.committed", True),
                        ("kill:receive.done", True)):
        move(clean, g, lambda to: "-s '' only '%s env ANEL_FAIL_AT=%s anel migrate-receive'" % (SSH % to, step), moved,
             "" if moved else LOST + "|failed at step receive.have")
    move(clean, g, lambda to: relay(to, "done", "exit"), True)
    move(clean, g, lambda to: "only " + to, True, env="ANEL_FAIL_AT=kill:send.gone", rc=1)


@pytest.mark.anel
def test_failures_beside(clean):
    """anel-domd of either side is killed on the way. And: the other host has the guest, and nobody here can know."""
    g = guest(clean[0], "only", memory=128).create()
    g.run(WORK, 60)
    move(clean, g, lambda to: relay(to, size=3000000, then=KILL_DOMD), True)
    move(clean, g, lambda to: relay(to, "have", SSH % to + shlex.quote(KILL_DOMD) + "; echo have"), True)
    move(clean, g, lambda to: relay(to, "done", SSH % to + shlex.quote(KILL_DOMD) + "; echo done"), True)
    here, there, to = both_ways(clean, g)
    before = count(g)
    rc, out = here.try_run("anel %s %s 2>&1" % (MOVE, relay(to, "done", "ip link set eth0 down; exit")), 300)
    assert rc == 1 and "is not known" in out and "anel destroy" in out, out
    assert "only--moved" in here.run("anel list")
    here.run("ip link set eth0 up; anel destroy only--moved", 60)
    only_on(g, there, here)
    works_on(g, before)


def test_refused_there(clean):
    """The other host cannot take the guest and says why; it goes on here."""
    here, there = clean
    g = guest(here, "only", disk=True).create()
    g.run(WORK, 60)

    def refused(why, words="only " + B):
        rc, out = here.try_run("anel %s %s 2>&1" % (MOVE, words), 200)
        assert rc == 1 and re.search("the other side: .*" + why, out), out

    other = AnelGuest(there, "only", memory=96).create(ready=None, flags="-p")
    refused("there is a domain only already")
    other.destroy()
    other = Guest(there, "only", memory=96)
    refused("there is a domain only already", relay(B, size=3000000, then=SSH % B + "xl create -q -p %s </dev/null" % other.config))
    other.destroy()
    other = AnelGuest(there, "big", memory=free_mib(there) - 100).create(ready=None, flags="-p")
    refused("the host has not got 192 MiB")
    other.destroy()
    there.run("mv /dev/vdc /dev/away")
    refused("/dev/vdc.*No such file")
    there.run("mv /dev/away /dev/vdc; ip link set xenbr0 down; ip link set xenbr0 name away; ip link set away up")
    refused("xenbr0")
    there.run("ip link set away down; ip link set away name xenbr0; ip link set xenbr0 up")
    move(clean, g, lambda to: "only " + to, True)
