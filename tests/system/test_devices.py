# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are more than a block device and a plain card: files, CDs, locked and limited cards."""
import json
import re

import pytest

from guests import MOVE, AnelGuest, all_back, free_mib, left_of, put_tool, wait_gone

FOLDER = "/var/tmp/disks"
OURS, THEIRS = "10.0.0.61", "10.0.0.62"
MAC = "00:16:3e:00:00:61"


def make_files(host):
    """Two disks and two CDs that are files."""
    host.run("mkdir -p %s; cd %s; truncate -s 16M a.img b.img; "
             "for i in 1 2; do (echo this is CD $i; head -c 4M /dev/zero) >$i.iso; done" % (FOLDER, FOLDER))


@pytest.fixture
def disks(anel):
    make_files(anel)
    yield anel
    anel.run("rm -r " + FOLDER)


def loops(host):
    """Loop devices of our files: the file's name, and whether I/O is direct."""
    out = host.run("cd /sys/block; for l in loop*; do [ -e $l/loop/backing_file ] && "
                   "echo $(cat $l/loop/backing_file $l/loop/dio $l/loop/autoclear); done; true")
    rows = [line.split() for line in out.splitlines() if line.startswith(FOLDER)]
    assert all(row[2] == "1" for row in rows), "one that would stay: %s" % rows
    return {row[0][len(FOLDER) + 1:]: row[1] == "1" for row in rows}


def until_loops(host, *names):
    host.until("cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c ^%s; true" % FOLDER, r"^%d$" % len(names))
    assert set(loops(host)) == set(names)


def refused(host, command, why):
    rc, out = host.try_run("anel " + command, 90)
    assert rc == 1 and why in out, (command, out)


def rows(host, command):
    return {r.get("vdev") or r["number"]: r for r in json.loads(host.run("anel %s --json" % command))}


def wait_disk(g, name, there=True):
    g.run("for i in $(seq 60); do [ %s -b /dev/%s ] && exit 0; sleep 0.25; done; exit 1" % ("" if there else "!", name))


def answers(host, address):
    return host.try_run("ip neigh flush dev xenbr0; ping -c 3 -i 0.3 -W 2 " + address, 30)[0] == 0


def until_answers(host, address):
    host.until("ip neigh flush dev xenbr0; ping -c 1 -W 2 %s | grep -c '1 received'" % address, r"^1$", 60)


def files(host, g):
    """Raw disks that are files, on their way and shared."""
    assert loops(host) == {"a.img": True}
    g.run("dd if=/proc/version of=/dev/xvda bs=512 count=1 conv=sync && sync")
    assert "Linux version" in host.run("head -c 100 %s/a.img" % FOLDER)
    refused(host, "block-attach files file:%s/a.img,xvdb,r" % FOLDER, "one guest alone")
    assert set(loops(host)) == {"a.img"} and set(rows(host, "block-list files")) == {"xvda", "xvdc"}
    host.run("anel block-attach files file:%s/b.img,xvdb,r" % FOLDER)
    wait_disk(g, "xvdb")
    assert "1" in g.run("cat /sys/block/xvdb/ro")
    until_loops(host, "a.img", "b.img")
    host.run("anel block-detach files xvdb", 60)
    until_loops(host, "a.img")


def discs(host, g):
    """A drive that is empty, has a CD, another, and none."""
    assert rows(host, "block-list files")["xvdc"]["target"] is None
    g.run("[ ! -b /dev/xvdc ]")
    for i in 1, 2:
        host.run("anel cd-insert files xvdc %s/%d.iso" % (FOLDER, i), 60)
        wait_disk(g, "xvdc")
        assert "this is CD %d" % i in g.run("head -n 1 /dev/xvdc; cat /sys/block/xvdc/ro")
        until_loops(host, "a.img", "%d.iso" % i)
    refused(host, "cd-insert files xvdc %s/3.iso" % FOLDER, "No such file")
    refused(host, "cd-insert files xvda %s/1.iso" % FOLDER, "no drive for CDs")
    host.run("anel cd-eject files xvdc", 60)
    wait_disk(g, "xvdc", False)
    until_loops(host, "a.img")
    assert rows(host, "block-list files")["xvdc"]["target"] is None


def card(host, g, domid):
    """As many queues as CPUs; the limit is netback's; only the card's own addresses pass."""
    assert host.run("ls /sys/class/net/vif%d.0/queues | grep -c ^rx" % domid).strip() == "2"
    assert host.run("xenstore-read /local/domain/0/backend/vif/%d/0/rate" % domid).strip() == "1250000,50000"
    assert host.run("cat /sys/class/net/vif%d.0/mtu" % domid).strip() == "1400"
    until_answers(host, OURS)
    g.run("ip addr add %s/24 dev eth0" % THEIRS)
    assert not answers(host, THEIRS)
    g.run("ip addr del %s/24 dev eth0; ip link set eth0 down; ip link set eth0 address 00:16:3e:00:00:62; "
          "ip link set eth0 up" % THEIRS)
    assert not answers(host, OURS)
    g.run("ip link set eth0 down; ip link set eth0 address %s; ip link set eth0 up" % MAC)
    until_answers(host, OURS)


def test_devices(disks):
    """One guest's life with all of them, the end by xl; nothing stays."""
    free = free_mib(disks)
    vif = 'vif=["mac=%s,ip=%s,rate=25MB/s,mtu=1400"]' % (MAC, OURS)
    g = AnelGuest(disks, "files", memory=128, vcpus=2, extra="anel.ip=" + OURS,
                  options=('disk=["file:%s/a.img,xvda,w", ",,xvdc,cdrom"]' % FOLDER, vif))
    g.create()
    domid = g.domid()
    files(disks, g)
    discs(disks, g)
    card(disks, g, domid)
    assert re.search(r"^51712 ", disks.run("xl block-list files"), re.M)
    disks.run("xl destroy files", 90)
    wait_gone(disks)
    assert left_of(disks, domid) == []
    until_loops(disks)
    assert all_back(disks, free)


@pytest.mark.full
def test_error_nodes(boot):
    """What back ends say of front ends that lie goes with the device, unplugged or with its guest. blkback of 6.1 warns of
    itself when it gives up such a front end, on any hypervisor: so in a dom0 that no other test looks at."""
    disks = put_tool(boot())
    make_files(disks)
    g = AnelGuest(disks, "liar", options=[
        'disk=["format=raw,vdev=xvda,access=rw,target=%s/a.img", "format=raw,vdev=xvdb,access=rw,target=%s/b.img"]' % (FOLDER, FOLDER)])
    g.create(ready=None, flags="-p")
    domid, errors = g.domid(), "xenstore-ls -f /local/domain/0/error | grep -o 'vbd/%d/[0-9]*/error = .*'; true"
    for disk in 51712, 51728:
        front = "/local/domain/%d/device/vbd/%d" % (domid, disk)
        disks.run("xenstore-write %s/ring-ref 99999 %s/event-channel 99 %s/state 3" % (front, front, front))
        disks.until(errors % domid, "^vbd/%d/%d/error = .*ring" % (domid, disk))
    disks.run("anel block-detach liar xvda --force")
    assert re.findall(r"vbd/%d/(\d+)/" % domid, disks.run(errors % domid)) == ["51728"]
    g.destroy()
    assert left_of(disks, domid) == [] and disks.run(errors % domid) == ""


@pytest.mark.full
def test_saved_devices(disks):
    """What a save and a move know of them."""
    g = AnelGuest(disks, "moved", memory=128, extra="anel.ip=" + OURS,
                  options=('disk=["file:%s/a.img,xvda,w", "%s/1.iso,,xvdc,cdrom", ",,xvdd,cdrom"]' % (FOLDER, FOLDER),
                           'vif=["mac=%s,ip=%s,rate=25MB/s"]' % (MAC, OURS)))
    g.create()
    other = AnelGuest(disks, "other", memory=128, disk="%s/a.img,,xvda,r" % FOLDER)
    refused(disks, "create " + other.config, "one guest alone")
    g.run("echo kept >/dev/xvda; sync")
    for command in "anel save moved /var/tmp/m; anel restore -q /var/tmp/m", "anel %s moved localhost" % MOVE:
        disks.run(command, 180)
        domid = g.domid()
        until_loops(disks, "a.img", "1.iso")
        assert "kept" in g.run("head -c 5 /dev/xvda")
        assert rows(disks, "block-list moved")["xvdd"]["target"] is None
        assert disks.run("xenstore-read /local/domain/0/backend/vif/%d/0/rate" % domid).strip() == "1250000,50000"
        until_answers(disks, OURS)
        g.run("ip addr add %s/24 dev eth0" % THEIRS)
        assert not answers(disks, THEIRS)
        g.run("ip addr del %s/24 dev eth0" % THEIRS)
    disks.run("rm /var/tmp/m")
    g.destroy()
    wait_gone(disks)
    until_loops(disks)


@pytest.mark.full
def test_killed(disks):
    """Whoever makes a disk is killed at any instant: what is left goes with the guest, and no loop device stays."""
    g = AnelGuest(disks, "killed", memory=128, disk="file:%s/a.img,xvda,w" % FOLDER)
    for i in range(30):
        disks.run("anel create -q -p %s & sleep 0.%02d; kill -9 $! 2>/dev/null; wait $!; true" % (g.config, 3 * i), 60)
        disks.run("xl list | awk 'NR>1 && $2>0 {print $2}' | while read d; do xl destroy $d; done", 120)
        wait_gone(disks)
        until_loops(disks)
    g.create(ready=None, flags="-p")
    until_loops(disks, "a.img")
    g.destroy()
    until_loops(disks)
