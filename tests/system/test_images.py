# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose disks are images in a format, or LVM volumes: QEMU's processes and anel-devd die while they are used, and images are broken."""
import json
import re

import pytest

from guests import AnelGuest, all_back, free_mib, left_of, wait_gone

FOLDER = "/var/tmp"
QCOW2, VHD = FOLDER + "/disk.qcow2", FOLDER + "/disk.vhd"
BLOCKS = 8	# of 64 KiB, in one piece that is written


@pytest.fixture
def images(ours):
    """The machine; afterwards neither a process nor a block device of an image is there."""
    ours.run("qemu-img create -q -f qcow2 %s 32M && qemu-img create -q -f vpc %s 32M" % (QCOW2, VHD))
    yield ours
    ours.try_run("for g in images broken busy; do anel destroy $g; done", 100)
    print("anel-devd said:\n" + ours.try_run("cat /var/log/anel-devd.log")[1])
    nothing_left(ours)
    ours.run("rm -f %s %s" % (QCOW2, VHD))


def nothing_left(host):
    host.until("pgrep -xc qemu-storage-da; ls /sys/block/nbd*/pid 2>/dev/null | wc -l; anel-ctl anel-devd disks | wc -l", r"^0\n0\n0$", 60)


def disks(*files):
    return 'disk=[%s]' % ",".join('"format=%s,vdev=xvd%s,access=rw,target=%s"' % (kind, letter, path)
                                  for letter, (kind, path) in zip("abc", files))


def write(guest, piece, names):
    """The same random piece on each disk; returns its sum."""
    return guest.run("dd if=/dev/urandom of=/piece bs=64k count=%d 2>/dev/null; for d in %s; do dd if=/piece of=/dev/$d bs=64k "
                     "seek=%d conv=fsync 2>/dev/null || exit 1; done; md5sum </piece" % (BLOCKS, names, piece * BLOCKS), 100).split()[0]


def sums(host_or_guest, pieces, paths):
    """Of the first pieces: for each a list with the sum of it on each disk."""
    out = host_or_guest.run("echo 3 >/proc/sys/vm/drop_caches; for i in $(seq 0 %d %d); do for d in %s; do "
                            "dd if=$d bs=64k skip=$i count=%d 2>/dev/null | md5sum; done; done"
                            % (BLOCKS, (pieces - 1) * BLOCKS, " ".join(paths), BLOCKS), 100)
    found = re.findall(r"[0-9a-f]{32}", out)
    return [found[i:i + len(paths)] for i in range(0, len(found), len(paths))]


def processes(host, n):
    """QEMU's, which have no rights of their own."""
    pids = host.until("pgrep -x qemu-storage-da", r"\A(\d+\n){%d}\Z" % n).split()
    status = host.run("cat %s" % " ".join("/proc/%s/status" % p for p in pids))
    users = [int(u) for u in re.findall(r"^Uid:\t(\d+)\t", status, re.M)]
    assert len(set(users)) == n and min(users) >= 1835008000
    assert set(re.findall(r"^Cap(?:Prm|Eff):\t(\w+)", status, re.M)) == {"0" * 16}
    return pids


def kill_devd(host):
    old = host.run("cat /run/anel-devd.pid").strip()
    host.run("kill -9 " + old)
    return old


def volume(host):
    """A logical volume on a file, in place of a physical disk."""
    host.run("truncate -s 64M /var/tmp/pv && losetup -f /var/tmp/pv && d=$(losetup -nO NAME -j /var/tmp/pv) && vgcreate -qq guests $d && "
             "lvcreate -qq -Wn -n first -L 16M guests")
    return "/dev/guests/first"


def test_images(images):
    """What a guest writes to a qcow2 image, a VHD image and a logical volume is there, also after the processes between have been killed."""
    lv = volume(images)
    g = AnelGuest(images, "images", options=[disks(("qcow2", QCOW2), ("vhd", VHD), ("raw", lv))]).create()
    domid = g.domid()
    names, paths = "xvda xvdb xvdc", ["/dev/xvda", "/dev/xvdb", "/dev/xvdc"]
    wrote = [write(g, 0, names)]
    old = processes(images, 2)
    images.run("kill -9 " + " ".join(old))
    wrote.append(write(g, 1, names))
    new = processes(images, 2)
    assert not set(old) & set(new)
    devd = kill_devd(images)
    wrote.append(write(g, 2, names))
    assert images.until("cat /run/anel-devd.pid", r"^(?!%s$)\d+$" % devd)
    # Its successor knows them.
    assert processes(images, 2) == new
    images.until("anel-ctl anel-devd disks", r"^/dev/nbd\d+ qcow2 w$")
    images.run("kill -9 " + new[0])
    wrote.append(write(g, 3, names))
    assert sums(g, 4, paths) == [[w] * 3 for w in wrote]
    g.destroy()
    nothing_left(images)
    assert left_of(images, domid) == []
    # In the formats' files, as QEMU's tools read them.
    images.run("qemu-img check -q %s" % QCOW2)
    images.run("cd %s && qemu-img convert -f qcow2 -O raw disk.qcow2 a && qemu-img convert -f vpc -O raw disk.vhd b" % FOLDER)
    assert sums(images, 4, [FOLDER + "/a", FOLDER + "/b", lv]) == [[w] * 3 for w in wrote]
    # LVM looks at nothing that dom0 has not made a volume of: a copy of one, as a guest could have it on its disk, is none.
    assert images.run("cp /var/tmp/pv /var/tmp/copy; losetup -f /var/tmp/copy; pvs --noheadings -o vg_name 2>&1").split() == ["guests"]
    images.run("vgremove -qqf guests; losetup -D; rm /var/tmp/pv /var/tmp/copy /var/tmp/a /var/tmp/b; : >/etc/lvm/devices/system.devices")


@pytest.mark.full
def test_images_broken(images):
    """What is no image, or half of one, is refused with the reason before anything is made."""
    free, nodes = free_mib(images), images.run("xenstore-ls -f | wc -l")
    images.run("cd %s && head -c 60 disk.qcow2 >short && head -c 4096 disk.qcow2 >half && cp disk.qcow2 wrong && "
               "printf '\\377' | dd of=wrong bs=1 seek=20 conv=notrunc status=none && head -c 100 disk.vhd >short.vhd && "
               "head -c 1M /dev/urandom >noise && qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 backed" % FOLDER)
    for kind, name, why in (("qcow2", "short", "no qcow2 image"), ("qcow2", "half", "cut short"),
                            ("qcow2", "wrong", "QEMU does not serve it"), ("vhd", "short.vhd", "QEMU does not serve it"),
                            ("qcow2", "noise", "no qcow2 image"), ("vhd", "noise", "QEMU does not serve it"),
                            ("qcow2", "backed", "a difference to another file"), ("qcow2", "none", "No such file")):
        g = AnelGuest(images, "broken", options=[disks(("qcow2", QCOW2), (kind, "%s/%s" % (FOLDER, name)))])
        rc, out = images.try_run("anel create " + g.config)
        assert rc == 1 and why in out and "disk xvdb" in out and len(out.strip().splitlines()) == 1, (name, rc, out)
        nothing_left(images)
    assert images.run("xl list | wc -l").strip() == "2"
    assert images.run("xenstore-ls -f | wc -l") == nodes and all_back(images, free)
    images.run("cd %s && rm short half wrong short.vhd noise backed" % FOLDER)


def health(host):
    return [d["health"] for d in json.loads(host.run("anel block-list --json images"))]


@pytest.mark.full
def test_images_given_up(images):
    """A process that dies at once each time: its disk is marked as broken and answers with errors, the guest and its other disk live."""
    g = AnelGuest(images, "images", options=[disks(("qcow2", QCOW2), ("vhd", VHD))]).create()
    write(g, 0, "xvda xvdb")
    assert health(images) == ["ok", "ok"]
    images.run("while anel-ctl anel-devd disks | grep -q qcow2; do pkill -9 -xf '[^ ]*qemu-storage-daemon.*qcow2.*'; sleep 0.2; done", 120)
    assert health(images) == ["broken", "ok"]
    g.run("! dd if=/dev/urandom of=/dev/xvda bs=64k count=1 conv=fsync 2>/dev/null")
    assert g.run("dd if=/dev/urandom of=/dev/xvdb bs=64k count=1 conv=fsync 2>/dev/null && echo written").strip() == "written"
    g.destroy()
    wait_gone(images)


@pytest.mark.full
def test_images_killed(images):
    """The processes and the daemon are killed again and again while a guest writes: what it was told is written stays; then it reboots."""
    g = AnelGuest(images, "busy", options=[disks(("qcow2", QCOW2), ("vhd", VHD))]).create()
    # Numbered blocks, each noted once the disk has it.
    g.run("(for i in $(seq 200); do for d in xvda xvdb; do printf '%-512s' block-$i- | dd of=/dev/$d bs=512 seek=$((i * 200)) conv=fsync "
          "2>/dev/null && echo $d-$i- >>/noted; done; done; echo all >>/noted) >/dev/null 2>&1 &")
    for i in range(6):
        images.run("sleep 1.5; kill -9 $(pgrep -x qemu-storage-da | sed -n %dp)" % (i % 2 + 1))
        kill_devd(images)
        images.until("anel-ctl anel-devd disks | wc -l", "^2$", 60)
    for _ in range(60):
        noted = g.run("tail -n 1 /noted; wc -l </noted", 60).split()
        if noted[0] == "all":
            break
        images.run("sleep 3")
    # A kill in the middle of a request costs 30 seconds, and none is lost.
    assert noted == ["all", "401"]
    first = g.domid()
    images.run("xenstore-write /local/domain/%d/control/shutdown reboot" % first)
    images.until("anel domid busy", r"^(?!%d$)\d+$" % first, 120)
    images.until("grep -c 'here is a shell' /var/log/xen/console/guest-busy.log", "^2$", 120)
    assert len(processes(images, 2)) == 2
    for disk in "xvda", "xvdb":
        text = g.run("for i in $(seq 200); do dd if=/dev/%s bs=512 skip=$((i * 200)) count=1 2>/dev/null | tr -d ' '; done" % disk, 120)
        assert re.findall(r"block-(\d+)-", text) == [str(i) for i in range(1, 201)]
    g.destroy()
    wait_gone(images)
