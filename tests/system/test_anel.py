# SPDX-License-Identifier: GPL-2.0-or-later
"""The tool `anel` in Debian's dom0, beside xl and on Debian's store and console daemons: what either makes, both can handle."""
import json
import os
import re
import sys

import pytest

from machine import TOP
from guests import AnelGuest, Guest, all_back, free_mib, left_of, put_tool, wait_gone

GRUB = 'kernel="/usr/lib/grub-xen/grub-x86_64-xen.bin"'


def disk(host):
    return "format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + host.run("findfs LABEL=anel-guest").strip()


def test_anel_shows(anel):
    rows = json.loads(anel.run("anel list --json"))
    assert rows[0]["name"] == "Domain-0" and rows[0]["id"] == 0 and rows[0]["memory_mib"] == 1024
    assert re.search(r"^Domain-0 +0 +1024 +2 +running", anel.run("anel list"), re.M)
    info = json.loads(anel.run("anel info --json"))
    assert info["free_mib"] == free_mib(anel)
    assert info["cpus"] == 2 and info["hypervisor"].startswith("4.17")
    assert "(XEN)" in anel.run("anel dmesg")
    anel.run("anel debug-keys h")
    assert re.search(r"(?i)\(XEN\).*key", anel.run("anel dmesg | tail -60"))
    for wrong, why in (("pause nobody", "no domain called nobody"), ("destroy 0", "dom0 is not destroyed"),
                       ("explode", "no verb explode"), ("list --yaml", "no option --yaml"), ("create /none", "No such file")):
        rc, out = anel.try_run("anel " + wrong)
        assert rc not in (0, None) and why in out, (wrong, out)


def test_anel_disk_and_network(anel):
    """Its root behind blkback, a card behind netback, two vCPUs; then all is given back."""
    free = free_mib(anel)
    g = AnelGuest(anel, "both", memory=256, vcpus=2, disk=disk(anel), vif=True,
                  extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.0.0.45").create()
    domid = g.domid()
    row = g.row()
    assert row["mem"] == 256 and row["vcpus"] == 2
    assert g.run("nproc").strip() == "2"
    anel.run("ping -c 3 -i 0.5 -W 5 10.0.0.45", 60)
    g.run("dd if=/dev/urandom of=/root/blob bs=1M count=4 conv=fsync && echo 3 >/proc/sys/vm/drop_caches && sync", 90)
    assert anel.run("cat /sys/class/net/vif%d.0/master/uevent" % domid).count("INTERFACE=xenbr0") == 1
    assert re.search(r"^51712 ", anel.run("xl block-list both"), re.M)
    assert re.search(r"^0 ", anel.run("xl network-list both"), re.M)
    g.destroy()
    assert left_of(anel, domid) == []
    assert "vif%d.0" % domid not in anel.run("ls /sys/class/net")
    assert all_back(anel, free)


def test_anel_pause(anel):
    g = AnelGuest(anel, "still").create(ready=None, flags="-p")
    assert g.row()["state"] == "--p---" and g.row()["seconds"] == 0
    assert json.loads(anel.run("anel list --json still"))[0]["state"] == "paused"
    anel.run("anel unpause still")
    g.wait_console("here is a shell")
    anel.run("anel pause still")
    before = g.row()["seconds"]
    anel.run("sleep 1")
    assert g.row()["seconds"] == before and "p" in g.row()["state"]
    rc, out = anel.try_run("anel create " + g.config)
    assert rc == 1 and "already" in out
    g.destroy()
    wait_gone(anel)


def test_anel_and_xl(anel):
    """xl ends what anel began, with its devices, and the other way round."""
    free = free_mib(anel)
    g = AnelGuest(anel, "ours", disk=disk(anel), vif=True, extra="root=/dev/xvda init=/usr/lib/anel/init").create()
    first = g.domid()
    anel.run("xl destroy ours", 120)
    wait_gone(anel)
    g = Guest(anel, "theirs", disk=disk(anel), vif=True, extra="root=/dev/xvda init=/usr/lib/anel/init").create()
    second = g.domid()
    anel.run("anel destroy theirs", 120)
    wait_gone(anel)
    assert left_of(anel, first) + left_of(anel, second) == []
    assert all_back(anel, free)


def test_anel_pv_grub(anel):
    """GRUB asks for the disk itself, and has its p2m list inside its mapping."""
    g = AnelGuest(anel, "grub", memory=256, kernel=False, disk=disk(anel), options=[GRUB]).create(ready=None)
    g.wait_console(r"grub\.cfg is read by x86_64-xen", 60)
    g.wait_console(r"anel-initrd: started", 90)
    g.destroy()


def test_anel_kernel_kept(anel):
    """A kernel that is replaced under the same name is another kernel."""
    anel.run("cp /boot/vmlinuz /run/vmlinuz-copy")
    g = AnelGuest(anel, "kept", kernel=False, options=['kernel="/run/vmlinuz-copy"', 'ramdisk="/boot/guest-initrd"'])
    g.create(ready=None, flags="-p").destroy()
    anel.until("find /var/cache/anel/kernels -type f ! -name '.*' | wc -l", r"^[1-9]", 60)
    anel.run("cp /usr/lib/grub-xen/grub-x86_64-xen.bin /run/vmlinuz-copy")
    g.create(ready=None)
    g.wait_console(r"(?i)grub", 60)
    g.destroy()


def test_anel_refuses(anel):
    """Hostile or wrong kernels and devices: the reason is told, and nothing is left."""
    free, config = free_mib(anel), "/run/wrong.cfg"
    anel.run("head -c 3000000 /boot/vmlinuz >/run/short; head -c 100000 /dev/urandom >/run/noise")
    anel.run("cp /boot/vmlinuz /run/damaged; printf xxxxxxxx | dd of=/run/damaged bs=1 seek=4000000 conv=notrunc status=none")
    good = 'kernel="/boot/vmlinuz"'
    for lines, why in ((['kernel="/run/none"'], "No such file"), (['kernel="/run/short"'], "payload"),
                       (['kernel="/run/noise"'], "neither an ELF file nor a bzImage"),
                       (['kernel="/run/damaged"'], "do not unpack"), (['kernel="/usr/bin/xenstore-ls"'], "no Xen notes"),
                       ([good, "memory=48"], "MiB"), ([good, 'disk=["phy:/dev/none,xvda,w"]'], "/dev/none"),
                       ([good, 'disk=["phy:/dev/null,xvda,w"]'], "neither a block device nor"),
                       ([good, 'vif=["bridge=nobridge"]'], "no bridge nobridge"), ([good, "memory=100000"], "MiB more cannot be had")):
        anel.put(config, "\n".join(['name="wrong"', "memory=128"] + lines) + "\n")
        rc, out = anel.try_run("anel create " + config)
        assert rc == 1 and why in out, (lines, out)
        assert "wrong" not in anel.run("xl list")
    assert all_back(anel, free)


def test_anel_makes_room(anel):
    """A guest that has more than its memory= gives it back for a new one; one that asks for more than there is changes nothing."""
    free = free_mib(anel)
    large = AnelGuest(anel, "large", options=["maxmem=%d" % (free - 300)]).create()
    anel.run("anel mem-set large %dm" % (free - 300))
    anel.until("xl list large | awk 'END { print $3 }'", "^%d$" % (free - 300), 120)
    config = "/run/greedy.cfg"
    anel.put(config, 'name="greedy"\nkernel="/boot/vmlinuz"\nmemory=%d\n' % (free - 100))
    rc, out = anel.try_run("anel create " + config)
    assert rc == 1 and "MiB more cannot be had" in out
    assert large.row()["mem"] == free - 300 and "greedy" not in anel.run("xl list")
    second = AnelGuest(anel, "second", memory=500).create(flags="-p", ready=None)
    assert second.row()["mem"] == 500
    assert 192 <= large.row()["mem"] < free - 500
    assert large.run("echo it lives").strip() == "it lives"
    for g in (large, second):
        g.destroy()
    wait_gone(anel)
    # All of the memory had an owner for the first time: the hypervisor keeps a page of the M2P for each 2 MiB.
    assert free - 5 <= free_mib(anel) <= free


@pytest.fixture(scope="session")
def idle():
    """A guest's kernel that sleeps, in 32 MiB."""
    sys.path.append(os.path.join(TOP, "tests/guest"))
    import run
    with open(run.build("idle"), "rb") as f:
        return f.read()


def put_idle(host, idle, name):
    host.put("/run/idle", idle)
    host.put("/run/%s.cfg" % name, 'name="%s"\ntype="pv"\nkernel="/run/idle"\nmemory=32\n' % name)


@pytest.mark.full
def test_anel_hundred_guests(boot, idle):
    """A hundred guests at once, all running; then nothing of them is left."""
    host = put_tool(boot(mem="6G"))
    put_idle(host, idle, "first")
    host.run("anel create -q /run/first.cfg && anel destroy first")   # the folders of the store that stay
    wait_gone(host)
    free, nodes = free_mib(host), host.run("xenstore-ls -f | wc -l")
    for i in range(100):
        put_idle(host, idle, "many%d" % i)
    host.run("for i in $(seq 0 99); do anel create -q /run/many$i.cfg || exit 1; done", 600)
    rows = [r for r in json.loads(host.run("anel list --json")) if r["name"].startswith("many")]
    assert len({r["id"] for r in rows}) == 100 and all(r["memory_mib"] == 32 and r["state"] in ("running", "idle") for r in rows)
    host.run("for i in $(seq 0 99); do anel destroy many$i || exit 1; done", 600)
    wait_gone(host)
    assert all_back(host, free, 100 * 32)
    assert host.run("xenstore-ls -f | wc -l") == nodes


@pytest.mark.full
def test_anel_thousand_lives(anel, idle):
    """A thousand domains made and destroyed: no frame and no node is lost, and dom0's daemons hold no more descriptors."""
    def kept():
        return anel.run("xenstore-ls -f | wc -l; for p in $(pgrep 'xenstored|xenconsoled|anel-'); do ls /proc/$p/fd | wc -l; done")

    put_idle(anel, idle, "brief")
    life = "anel create -q /run/brief.cfg && anel destroy brief || exit 1"
    anel.run(life)
    wait_gone(anel)
    free, before = free_mib(anel), kept()
    for _ in range(10):
        anel.run("for i in $(seq 100); do %s; done" % life, 600)
    wait_gone(anel)
    assert all_back(anel, free)
    assert kept() == before


@pytest.mark.full
def test_anel_many_times(anel):
    """Nothing is lost in a hundred lives with devices."""
    free = free_mib(anel)
    g = AnelGuest(anel, "often", disk=disk(anel), vif=True)
    for i in range(100):
        g.create(ready=None, flags="-p" if i % 2 else "")
        g.destroy()
    assert len(anel.run("xenstore-ls /local/domain").split("often")) == 1
    assert all_back(anel, free)
