# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb of Debian's xl that the hypervisor has a part in, on one shared host.

Each test makes its own guest or takes `guest`, which lives as long as tests leave it healthy."""
import json
import re

import pytest

import machine
from guests import Guest, all_back, free_mib, wait_gone
from machine import Failed


def test_info(host):
    out = host.run("xl info")
    info = dict(re.findall(r"^(\w+)\s*: (.*)$", out, re.M))
    assert info["host"] == "dom0"
    assert info["machine"] == "x86_64"
    assert info["nr_cpus"] == "2"
    assert (info["xen_major"], info["xen_minor"]) == ("4", "17")
    assert 3000 <= int(info["total_memory"]) <= 3072
    # dom0 has 1 GiB; a host of 3 GiB may keep at most 64 MiB for itself.
    assert int(info["total_memory"]) - 1024 - int(info["free_memory"]) <= 64
    assert int(info["cpu_mhz"].split(".")[0]) > 100
    assert info["virt_caps"].startswith("pv")
    assert "xen-3.0-x86_64" in info["xen_caps"].split()
    assert info["xen_scheduler"] == "credit2"
    assert info["virt_caps"] and info["xen_pagesize"] == "4096"
    assert info["xen_extra"].strip().endswith("-anel") or machine.PEER


def test_info_numa(host):
    out = host.run("xl info -n")
    assert re.search(r"^cpu_topology\s*:", out, re.M)
    assert re.search(r"^\s+1:\s+\d+\s+\d+\s+0\s*$", out, re.M)
    assert re.search(r"^numa_info\s*:", out, re.M)


def test_dmesg(host):
    out = host.run("xl dmesg")
    assert "(XEN)" in out
    assert ("Anel" in out) or machine.PEER
    # Reading with -c empties the ring for the next reader.
    host.run("xl dmesg -c")
    assert len(host.run("xl dmesg")) < len(out)


def test_debug_keys(host):
    before = len(host.log())
    host.run("xl debug-keys h")
    host.wait_log(r"(?i)\(XEN\).*key", 20, before)


def test_list_dom0(host):
    row = host.run("xl list").splitlines()[1].split()
    assert row[:3] == ["Domain-0", "0", "1024"]
    assert row[3] == "2" and row[4].startswith("r")
    domains = json.loads(host.run("xl list -l"))
    assert domains[0]["domid"] == 0


def test_xentop(host, guest):
    out = host.run("xentop -b -i 2 -d 1 | tail -n +2")
    rows = [line.split() for line in out.splitlines()]
    assert [r for r in rows if r[0] == "Domain-0"] and [r for r in rows if r[0] == guest.name]
    # Seconds of processor time grow for a domain that runs.
    mine = [int(r[2]) for r in rows if r[0] == "Domain-0"]
    assert mine[-1] >= mine[0] > 0


def test_uptime(host, guest):
    assert guest.name in host.run("xl uptime")


def test_create_list_destroy(host):
    before = free_mib(host)
    g = Guest(host, "life").create()
    row = g.row()
    assert row["domid"] > 0 and row["vcpus"] == 1
    assert 190 <= row["mem"] <= 192
    assert re.match(r"^[rb-][b-]", row["state"])
    assert free_mib(host) <= before - 192
    assert g.run("cat /sys/hypervisor/type /sys/hypervisor/guest_type").split() == ["xen", "PV"]
    g.destroy()
    wait_gone(host)
    assert "life" not in host.run("xl list")
    assert all_back(host, before)


def test_create_refused(host):
    """More memory than the host has, a bad kernel: an error, and nothing is left behind."""
    before = free_mib(host)
    with pytest.raises(Failed):
        Guest(host, "huge", memory=8192).create(ready=None)
    host.run("head -c 100000 /dev/urandom >/run/nokernel")
    with pytest.raises(Failed):
        Guest(host, "bad", kernel=False, options=['kernel="/run/nokernel"']).create(ready=None)
    wait_gone(host)
    assert all_back(host, before)


def test_console(host, guest):
    """xl console itself, in both directions."""
    out = host.try_run("(sleep 2; echo 'echo con''sole-answers'; sleep 4) | timeout 20 script -qfc 'xl console %s' /dev/null"
                       % guest.name, 40)[1]
    assert "console-answers" in out


def test_pause_unpause(host, guest):
    host.run("xl pause " + guest.name)
    assert "p" in guest.row()["state"]
    used = guest.row()["seconds"]
    with pytest.raises(Failed):
        guest.run("true", 4)
    assert guest.row()["seconds"] == used
    host.run("xl unpause " + guest.name)
    assert "p" not in guest.row()["state"]
    guest.run("true")


def test_mem_set(host, guest):
    before = free_mib(host)
    total = int(guest.run("awk '/MemTotal/ {print $2}' /proc/meminfo"))
    host.run("xl mem-set %s 128m" % guest.name)
    host.until("xl list %s | awk 'NR==2 {print $3}'" % guest.name, r"^128$")
    assert free_mib(host) >= before + 63
    assert int(guest.run("awk '/MemTotal/ {print $2}' /proc/meminfo")) <= total - 60 * 1024
    host.run("xl mem-set %s 192m" % guest.name)
    host.until("xl list %s | awk 'NR==2 {print $3}'" % guest.name, r"^19[12]$")
    assert abs(free_mib(host) - before) <= 1
    # The memory that came back is memory.
    guest.run("dd if=/dev/zero of=/tmp/fill bs=1M count=40; rm /tmp/fill")


def test_mem_max(host, guest):
    host.run("xl mem-max %s 256m" % guest.name)
    domain = json.loads(host.run("xl list -l " + guest.name))
    assert domain


def test_vcpu_set(host):
    g = Guest(host, "smp", vcpus=1, options=["maxvcpus=2"]).create()
    assert g.run("nproc").strip() == "1"
    host.run("xl vcpu-set smp 2")
    g.run("sleep 1; [ $(cat /sys/devices/system/cpu/cpu1/online) = 1 ] || echo 1 >/sys/devices/system/cpu/cpu1/online")
    assert g.run("nproc").strip() == "2"
    g.run("taskset 2 sh -c 'for i in 1 2 3; do :; done'")
    host.until("xl vcpu-list smp | awk '$3==1 {print $5}'", r"^[rb-]{2}")
    host.run("xl vcpu-set smp 1")
    host.until("xl list smp | awk 'NR==2 {print $4}'", r"^1$")
    assert g.run("nproc").strip() == "1"
    host.run("xl vcpu-set smp 2")
    g.run("sleep 1; [ $(cat /sys/devices/system/cpu/cpu1/online) = 1 ] || echo 1 >/sys/devices/system/cpu/cpu1/online")
    assert g.run("nproc").strip() == "2"


def test_vcpu_pin(host, guest):
    for cpu in ("1", "0"):
        host.run("xl vcpu-pin %s 0 %s" % (guest.name, cpu))
        guest.run("true")
        row = host.run("xl vcpu-list " + guest.name).splitlines()[1].split()
        assert row[3] == cpu and row[6] == cpu
    host.run("xl vcpu-pin %s 0 all 1" % guest.name)
    row = host.run("xl vcpu-list " + guest.name).splitlines()[1].split()
    assert row[6:9] == ["all", "/", "1"]
    assert host.try_run("xl vcpu-pin %s 0 77" % guest.name)[0] != 0
    host.run("xl vcpu-pin %s 0 all all" % guest.name)


def test_sched_credit2(host, guest):
    out = host.run("xl sched-credit2")
    assert re.search(r"^Domain-0\s+0\s+256\s+0$", out, re.M)
    host.run("xl sched-credit2 -d %s -w 512 -c 50" % guest.name)
    assert re.search(r"^%s\s+\d+\s+512\s+50$" % guest.name, host.run("xl sched-credit2 -d " + guest.name), re.M)
    assert host.try_run("xl sched-credit2 -d %s -w 70000" % guest.name)[0] != 0
    host.run("xl sched-credit2 -d %s -w 256 -c 0" % guest.name)
    assert "ratelimit" in host.run("xl sched-credit2 -s")


def test_cap_is_kept(host, guest):
    """A cap of 25% of a processor holds a busy guest to that."""
    guest.run("(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/busy")
    host.run("xl sched-credit2 -d %s -c 25" % guest.name)
    t0 = guest.row()["seconds"]
    a = float(host.run("cut -d' ' -f1 /proc/uptime; sleep 10").split()[0])
    t1 = guest.row()["seconds"]
    b = float(host.run("cut -d' ' -f1 /proc/uptime"))
    host.run("xl sched-credit2 -d %s -c 0" % guest.name)
    guest.run("kill $(cat /tmp/busy)")
    assert 0.1 <= (t1 - t0) / (b - a) <= 0.35


def test_cpupool(host):
    out = host.run("xl cpupool-list")
    assert re.search(r"^Pool-0\s+2\s+credit2\s+y\s+[12]$", out, re.M)
    host.run("xl cpupool-cpu-remove Pool-0 1")
    assert re.search(r"^Pool-0\s+1\s", host.run("xl cpupool-list"), re.M)
    host.run("xl cpupool-create 'name=\"second\"' 'cpus=[\"1\"]'")
    assert re.search(r"^second\s+1\s", host.run("xl cpupool-list"), re.M)
    g = Guest(host, "pooled").create()
    host.run("xl cpupool-migrate pooled second")
    g.run("true")
    assert host.run("xl vcpu-list pooled").splitlines()[1].split()[3] == "1"
    host.run("xl cpupool-migrate pooled Pool-0")
    g.run("true")
    assert host.run("xl vcpu-list pooled").splitlines()[1].split()[3] == "0"
    g.destroy()
    wait_gone(host)
    host.run("xl cpupool-destroy second")
    host.run("xl cpupool-cpu-add Pool-0 1")
    assert re.search(r"^Pool-0\s+2\s", host.run("xl cpupool-list"), re.M)


def test_sysrq(host, guest):
    host.run("xl sysrq %s h" % guest.name)
    guest.wait_console(r"sysrq: HELP", 20)


def test_trigger_nmi(host, guest):
    """The guest's kernel takes the NMI, finds no reason for it and says so."""
    count = "awk '/^ *NMI:/ {print $2}' /proc/interrupts"
    before = int(guest.run(count))
    host.run("xl trigger %s nmi 0" % guest.name)
    guest.run("for i in $(seq 40); do [ $(%s) -gt %d ] && break; sleep 0.5; done" % (count, before), 60)
    assert int(guest.run(count)) == before + 1
    guest.wait_console(r"NMI received for unknown reason", 20)


def test_dump_core(host, guest):
    host.run("mount -t tmpfs -o size=400m core /mnt; xl dump-core %s /mnt/core" % guest.name, 120)
    try:
        sections = host.run("readelf -SW /mnt/core")
        for name in (".note.Xen", ".xen_prstatus", ".xen_shared_info", ".xen_pages", ".xen_p2m"):
            assert name in sections
        assert int(host.run("stat -c %s /mnt/core")) > 190 << 20
        # The dump holds the guest's memory: the banner of its kernel among it.
        assert int(host.run("grep -ac 'Linux version 6' /mnt/core; true")) > 0
    finally:
        host.run("umount /mnt")
    guest.run("true")


def test_block_attach_detach(host, guest):
    host.run("truncate -s 16M /tmp/d.img; losetup /dev/loop5 /tmp/d.img")
    try:
        host.run("xl block-attach %s phy:/dev/loop5 xvdb w" % guest.name, 90)
        host.until("xl block-list " + guest.name, r"^51728\s+0\s+\d+\s+4", 30)
        guest.run("dd if=/proc/version of=/dev/xvdb bs=512 count=1 conv=sync && sync", 60)
        guest.run("grep -q xvdb /proc/partitions")
        host.run("xl block-detach %s xvdb" % guest.name, 90)
        guest.run("! grep -q xvdb /proc/partitions")
        assert "Linux version" in host.run("head -c 100 /tmp/d.img")
    finally:
        host.try_run("losetup -d /dev/loop5")


def test_network_attach_detach(host, guest):
    host.run("xl network-attach %s bridge=xenbr0 mac=00:16:3e:00:00:22" % guest.name, 90)
    guest.run("for i in $(seq 20); do [ -e /sys/class/net/eth0 ] && break; sleep 0.5; done; "
              "ip addr add 10.0.0.22/24 dev eth0; ip link set eth0 up", 40)
    host.run("ping -c 5 -i 0.3 -W 5 10.0.0.22", 60)
    guest.run("ping -c 3 -s 8000 10.0.0.1", 60)
    assert "00:16:3e:00:00:22" in host.run("xl network-list " + guest.name)
    host.run("xl network-detach %s 0" % guest.name, 90)
    guest.run("for i in $(seq 20); do [ -e /sys/class/net/eth0 ] || break; sleep 0.5; done; "
              "[ ! -e /sys/class/net/eth0 ]", 40)


def test_rename(host, guest):
    host.run("xl rename %s other" % guest.name)
    assert "other" in host.run("xl list")
    host.run("xl rename other %s" % guest.name)


def test_save_restore(host):
    g = Guest(host, "saved", vif=True, extra="anel.ip=10.0.0.33").create()
    g.run("echo token >/tmp/token; (while :; do date +%s >/tmp/now; mv /tmp/now /tmp/clock; sleep 1; done) >/dev/null 2>&1 &")
    old = g.domid()
    host.run("mount -t tmpfs -o size=400m save /mnt; xl save saved /mnt/save", 180)
    try:
        assert "saved" not in host.run("xl list")
        wait_gone(host)
        host.run("xl restore /mnt/save", 180)
    finally:
        host.run("umount -l /mnt")
    assert g.domid() > old
    assert g.run("cat /tmp/token", 60).strip() == "token"
    before = g.run("cat /tmp/clock")
    g.run("sleep 3")
    assert int(g.run("cat /tmp/clock")) > int(before)
    # Its clock has gone on to the present.
    before, clock, after = (int(where.run("date +%s")) for where in (host, g, host))
    assert before - 3 <= clock <= after + 3
    host.run("ping -c 3 -i 0.5 -W 5 10.0.0.33", 60)


def test_save_checkpoint(host, guest):
    """save -c goes on with the same domain."""
    domid = guest.domid()
    host.run("mount -t tmpfs -o size=400m save /mnt; xl save -c %s /mnt/save" % guest.name, 180)
    host.run("umount -l /mnt")
    assert guest.domid() == domid
    guest.run("true", 60)


def test_reboot(host):
    g = Guest(host, "again").create()
    old = g.domid()
    host.run("xl reboot again", 60)
    host.until("xl domid again", r"^(?!%d$)\d+$" % old, 90)
    host.until("grep -c 'here is a shell' /var/log/xen/console/guest-again.log", r"^2$", 90)
    g.run("true")


def test_shutdown(host):
    before = free_mib(host)
    Guest(host, "down").create()
    host.run("xl shutdown -w down", 120)
    wait_gone(host)
    assert all_back(host, before)


def test_crash(host):
    """A guest's panic ends that guest, with the reason known."""
    g = Guest(host, "crash", options=['on_crash="preserve"']).create()
    host.try_run("/usr/lib/anel/guest-run crash 'echo c >/proc/sysrq-trigger' 5")
    host.until("xl list crash", r"\s[-r]*[-b]*[-p]*-?c", 60)
    g.wait_console("sysrq triggered crash", 30)
    g.destroy()


def test_pv_grub(host):
    disk = host.run("findfs LABEL=anel-guest").strip()
    g = Guest(host, "grub", memory=256, kernel=False, disk="format=raw,vdev=xvda,access=ro,backendtype=phy,target=" + disk,
              options=['kernel="/usr/lib/grub-xen/grub-x86_64-xen.bin"'])
    g.create(ready=None)
    g.wait_console(r"grub\.cfg is read by x86_64-xen", 60)
    g.wait_console(r"anel-initrd: started", 90)


def test_disk_and_network(host):
    """A guest with its root behind blkback and a card behind netback: what they carry is right."""
    disk = host.run("findfs LABEL=anel-guest").strip()
    g = Guest(host, "full", memory=256, extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.0.0.44",
              disk="format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + disk, vif=True).create()
    host.run("ping -c 3 -i 0.5 -W 5 10.0.0.44", 60)
    g.run("dd if=/dev/urandom of=/root/blob bs=1M count=16 conv=fsync", 90)
    g.run("md5sum /root/blob >/root/sum; echo 3 >/proc/sys/vm/drop_caches; md5sum -c /root/sum", 90)
    g.run("iperf3 -s -D", 30)
    out = host.run("iperf3 -c 10.0.0.44 -t 3 -J", 60)
    assert json.loads(out)["end"]["sum_received"]["bits_per_second"] > 1e6
    g.run("iperf3 -c 10.0.0.1 -t 1; true", 30)


@pytest.fixture
def guest(host):
    """One guest for many tests; made again when it is gone or does not answer."""
    g = getattr(host, "shared_guest", None)
    if g:
        try:
            g.run("true", 10)
            return g
        except Failed:
            host.try_run("xl destroy shared")
            wait_gone(host)
    host.shared_guest = Guest(host, "shared").create()
    return host.shared_guest
