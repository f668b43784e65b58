# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines with an IOMMU: dom0's devices reach dom0's memory and what it is granted, and drivers notice nothing of it."""
import collections
import hashlib
import os
import re

import pytest

import machine
from guests import Guest
from test_boot import healthy, network, storage

UNITS = {"VT-d": ("-machine", "q35", "-device", "intel-iommu"),
         "AMD-Vi": ("-machine", "q35", "-device", "amd-iommu")}


@pytest.mark.parametrize("unit", UNITS)
def test_dom0_confined(boot, unit):
    """dom0's disk and network, and a guest's disk: the back end has the device write into the guest's own pages."""
    m = boot(disk="nvme", net="e1000e", append="iommu=verbose dom0-iommu=strict", extra=UNITS[unit])
    healthy(m, 2)
    assert "IOMMU: %s: 1 unit" % unit in m.log()
    storage(m, "nvme")
    network(m, "e1000e")
    g = Guest(m, "dma", extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.0.0.55", vif=True,
              disk="format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/nvme1n1").create()
    m.run("ping -c 3 -W 5 10.0.0.55", 60)
    g.run("dd if=/dev/urandom of=/blob bs=1M count=4 conv=fsync status=none; md5sum /blob >/sum; "
          "echo 3 >/proc/sys/vm/drop_caches; md5sum -c /sum", 90)
    g.destroy()
    assert m.log().count("blocked") == 0


# --- devices given to guests by xl ---

NVME, AHCI, CARD = ("0000:00:%02x.0" % slot for slot in (8, 9, 10))
MODULES = "nvme ahci sd_mod e1000e"
MIB = 8


def devices(tmp_path):
    """QEMU's words for the three, the disks' files."""
    disks = {name: tmp_path / name for name in ("nvme", "ahci")}
    words = ["-device", "ich9-ahci,id=given,addr=9", "-device", "ide-hd,drive=ahci,bus=given.0",
             "-device", "nvme,serial=given,drive=nvme,addr=8", "-netdev", "user,id=given", "-device", "e1000e,netdev=given,addr=a"]
    for name, disk in disks.items():
        disk.write_bytes(os.urandom(MIB << 20))
        words += ["-drive", "id=%s,if=none,format=raw,file=%s" % (name, disk)]
    return words, disks


def md5(disk):
    return hashlib.md5(disk.read_bytes()).hexdigest()


def put_drivers(m):
    """/run/pci-initrd: the guests' initrd, and in /pci what the stock kernel needs for these devices, in the order of loading."""
    m.run(r"""set -e; mkdir -p /run/pci/pci; cd /run/pci; n=100
        for ko in $(modprobe -a --ignore-install --show-depends xen-pcifront %s | awk '$1 == "insmod" {print $2}'); do
            [ -e pci/*-${ko##*/} ] || cp $ko pci/$n-${ko##*/}; n=$((n + 1))
        done
        (cat /boot/guest-initrd; find pci | cpio -o -H newc --quiet | gzip -1) >/run/pci-initrd""" % MODULES, 60)


def guest(m, name, *options):
    g = Guest(m, name, memory=256, ramdisk="/run/pci-initrd", options=options).create()
    g.run("for ko in /pci/*; do insmod $ko || exit 1; done", 60)
    return g


def whole(run, disk, content):
    """The disk has that content for the system that run() runs in, read by the device anew."""
    run("until [ -b %s ]; do sleep 0.2; done" % disk, 60)
    assert content in run("echo 3 >/proc/sys/vm/drop_caches; dd if=%s bs=1M count=%d 2>/dev/null | md5sum" % (disk, MIB), 60)


def rewrite(run, disk):
    """New content, written by the device; its sum."""
    run("dd if=/dev/urandom of=/blob bs=1M count=%d 2>/dev/null; dd if=/blob of=%s bs=1M conv=fsync 2>/dev/null" % (MIB, disk), 60)
    # A guest's kernel may have a word on the console meanwhile.
    return re.search(r"[0-9a-f]{32}", run("md5sum </blob; rm /blob", 60)).group()


def answers(run):
    """QEMU's gateway answers by the given card, once its link is up."""
    run("until ping -c 1 -W 2 10.0.2.2; do :; done", 60)


def interrupts(g):
    """How many interrupts of devices have come to the guest, by their kind."""
    count = collections.Counter()
    for n, kind in re.findall(r"^ *\d+: +(\d+) +xen-pirq +-(\S+)", g.run("cat /proc/interrupts"), re.M):
        count[kind] += int(n)
    return count


@pytest.mark.full
@pytest.mark.parametrize("unit", UNITS)
def test_pci_attach(boot, tmp_path, unit):
    """An NVMe disk goes by xl from dom0 to a running PV guest and back; a SATA disk and a network card to one that has them from
    its start until it is destroyed. Each owner reads what the last one wrote."""
    if machine.PEER and unit == "AMD-Vi":
        pytest.skip("Debian's Xen ends its own dom0 on QEMU's AMD unit before it runs")
    words, disks = devices(tmp_path)
    m = boot(append="iommu=verbose dom0-iommu=strict", extra=(*UNITS[unit], *words))
    put_drivers(m)
    m.run("modprobe xen-pciback")
    whole(m.run, "/dev/nvme0n1", md5(disks["nvme"]))
    whole(m.run, "/dev/sda", md5(disks["ahci"]))
    for device in (NVME, AHCI, CARD):
        m.run("xl pci-assignable-add " + device)
    assert m.run("xl pci-assignable-list").split() == [NVME, AHCI, CARD]
    assert m.run("ls /dev").split().count("nvme0n1") == 0

    g = guest(m, "attached", 'passthrough="enabled"', "e820_host=1")
    m.run("xl pci-attach attached " + NVME, 90)
    assert NVME in m.run("xl pci-list attached")
    assert m.try_run("xl pci-assignable-remove " + NVME)[0] != 0
    whole(g.run, "/dev/nvme0n1", md5(disks["nvme"]))
    written = rewrite(g.run, "/dev/nvme0n1")
    # Linux 6.1 asks for MSI-X a second time without having ended the first, is refused, and goes on with the line.
    assert interrupts(g)["pcifront"] > 0
    m.run("xl pci-detach attached " + NVME, 90)
    g.run("while [ -b /dev/nvme0n1 ]; do sleep 0.2; done", 60)
    assert NVME not in m.run("xl pci-list attached")
    m.run("xl pci-assignable-remove -r " + NVME)
    whole(m.run, "/dev/nvme0n1", written)
    assert md5(disks["nvme"]) == written
    assert rewrite(m.run, "/dev/nvme0n1") == md5(disks["nvme"])
    g.destroy()

    g = guest(m, "given", 'pci=["%s", "%s"]' % (AHCI, CARD))
    whole(g.run, "/dev/sda", md5(disks["ahci"]))
    written = rewrite(g.run, "/dev/sda")
    assert interrupts(g)["pcifront-msi"] > 0
    g.run("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up")
    answers(g.run)
    assert interrupts(g)["pcifront-msi-x"] > 0
    g.destroy()
    m.run("xl pci-assignable-remove -r " + AHCI)
    whole(m.run, "/dev/sda", written)
    assert md5(disks["ahci"]) == written
    m.run("xl pci-assignable-remove -r " + CARD)
    m.run("until ip addr add 10.0.2.15/24 dev eth0; do sleep 0.2; done; ip link set eth0 up", 60)
    answers(m.run)
    # A disk whose owner was destroyed may still look for commands, and finds nothing.
    assert re.findall(r"IOMMU: device .* of d\d+: .*", m.log()) == []
