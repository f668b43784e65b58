# SPDX-License-Identifier: GPL-2.0-or-later
"""`anel migrate` to another host, by ssh: two machines whose bridges are one network and which have one disk in common."""
import json
import os
import re
import subprocess

import pytest

from guests import AnelGuest, free_mib, put_tool
from machine import IMAGES, Machine
from test_anel_migrate import memory_back, works_on

pytestmark = [pytest.mark.anel, pytest.mark.full]
# Writes a file again and again and compares it; counts its rounds. All by one process: programs that are started again and again leave
# QEMU so much translated code of one page that zeroing that page takes it seconds.
WORK = ("mkfifo /tmp/never; (exec 9<>/tmp/never; n=0; x=$(seq 9000); while :; do read -t 0.05 -u 9; echo \"$x\" >/tmp/b; "
        "read -r -d '' y </tmp/b; [ \"$x\" = \"$y\" ] || echo bad >>/tmp/bad; n=$((n+1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &")
A, B, IP = "10.0.0.1", "10.0.0.2", "10.0.0.50"


def pair_options(folder, other):
    """One network card, and a third disk that both write to."""
    net = "stream,id=n,addr.type=unix,addr.path=%s/net,server=%s" % (folder, "off" if other else "on")
    return {"mem": "1100M", "dom0_mem": "512M", "tools": "anel", "wait": False, "extra": (
        "-netdev", net, "-device", "virtio-net-pci,netdev=n,mac=52:54:00:00:00:0%d" % (2 if other else 1),
        "-drive", "file=%s/shared.img,format=raw,file.locking=off,if=virtio" % folder)}


def join(host, other):
    """Its card on the bridge; the one's root may come to the other's by ssh."""
    host.run("ip addr flush dev xenbr0; ip addr add %s/24 dev xenbr0; ip link set eth0 master xenbr0; ip link set eth0 up" % (
        B if other else A))
    host.run("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; mkdir -p /run/sshd /root/.ssh; chmod 700 /root/.ssh;"
             "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; /usr/sbin/sshd", 120)
    put_tool(host)


def trust(host, other, address):
    host.run("cat >>/root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys", stdin=other.run("cat /root/.ssh/id_ed25519.pub"))
    key = " ".join(other.run("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    host.run("cat >>/root/.ssh/known_hosts", stdin="%s %s\n" % (address, key))


@pytest.fixture(scope="module")
def pair(hosts, our_hosts, tmp_path_factory):
    hosts.release()
    our_hosts.release()
    folder, made = tmp_path_factory.mktemp("pair"), []
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", os.path.join(IMAGES, "guest.img"), str(folder / "shared.img")], check=True)
    try:
        for other in (False, True):
            made.append(Machine("pair-%s" % "ab"[other], **pair_options(folder, other)))
        for other, m in enumerate(made):
            m.wait_ready()
            join(m, other)
        trust(made[0], made[1], B)
        trust(made[1], made[0], A)
        made[0].run("ping -c 1 -W 20 %s" % B, 60)
        yield made
    finally:
        for m in made:
            m.close()


@pytest.fixture
def clean(pair):
    """Both hosts, with nothing on them afterwards."""
    yield pair
    for m in pair:
        if m.alive():
            m.try_run("ip link set eth0 up; for n in $(xl list | awk 'NR>1 && $2>0 {print $2}'); do anel destroy $n; done", 120)
            found = re.search(r"(?i)^.*(BUG:|Oops|Kernel panic|PANIC|ASSERT|soft lockup).*$", m.log(), re.M)
            assert not found, found.group(0)


def guest(host, name, **options):
    return AnelGuest(host, name, vif=True, disk="format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vdc",
                     extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=" + IP, **options)


def rows(host):
    return {r["name"]: r for r in json.loads(host.run("anel list --json")) if r["id"]}


def count(g):
    return int(g.run("until read -r n </tmp/n; do :; done; echo $n", 60))


def only_on(g, host, other):
    """The guest is on that host, it alone and in anel-domd's care, and nothing is on the other."""
    g.host = host
    host.until("anel list | awk 'NR>1 && $2>0 {print $1}' | paste -sd,", "^%s$" % g.name, 120)
    other.until("anel list | awk 'NR>1 && $2>0 {print $1}' | paste -sd,", r"^$", 120)
    rows = [r for r in json.loads(host.run("anel list --json")) if r["id"]]
    assert len(rows) == 1 and rows[0]["name"] == g.name and rows[0]["state"] in ("running", "idle"), rows
    host.until("anel-ctl anel-domd guests", r"%s.*\b%d\b" % (g.name, rows[0]["id"]), 60)
    other.until("ls /run/anel-domd/guests | wc -l", r"^0$", 60)
    for m, domid in ((host, rows[0]["id"]), (other, 0)):
        m.until("xenstore-ls -f | grep -E '^(/local/domain/|/libxl/|/local/domain/0/backend/[a-z]+/)[0-9]+ ' | "
                "grep -vE '/(0|%d) ' | head -3" % domid, r"^$", 60)


def test_to_another_host(clean):
    """A guest that works and answers pings goes to the other host while it runs, with its disk and card, and comes back."""
    a, b = clean
    free = free_mib(a), free_mib(b)
    g = guest(a, "tour", vcpus=2).create()
    g.run(WORK, 60)
    g.run("echo kept >/root/mine; sync", 60)
    for here, there, address in ((a, b, B), (b, a, A)):
        before = count(g)
        here.run("(ping -i 0.2 %s >/run/pings 2>&1 & echo $! >/run/pinger); until grep -q 'bytes from' /run/pings; do sleep 0.1; done" % IP)
        here.run("anel migrate --live tour %s" % address, 300)
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
