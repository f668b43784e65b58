# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of `anel` on the life of a guest, with Debian's tools as the second opinion."""
import json
import os
import re

import pytest

from guests import AnelGuest, all_back, free_mib, left_of, wait_gone

pytestmark = [pytest.mark.second, pytest.mark.full]


def rows(host, command):
    return json.loads(host.run("anel %s --json" % command))


def refused(host, *pairs):
    for wrong, why in pairs:
        rc, out = host.try_run("anel " + wrong)
        assert rc == 1 and why in out, (wrong, out)


def small(host, name, *options, **more):
    return AnelGuest(host, name, memory=128, options=options, **more)


def vcpus(host, g):
    for cpus, shown in (("1", "1"), ("0", "0")):
        host.run("anel vcpu-pin %s 0 %s" % (g.name, cpus))
        g.run("true")
        assert rows(host, "vcpu-list " + g.name)[0]["hard_affinity"] == shown
        assert rows(host, "vcpu-list " + g.name)[0]["cpu"] == int(cpus)
    host.run("anel vcpu-pin %s all all 1" % g.name)
    assert {(r["hard_affinity"], r["soft_affinity"]) for r in rows(host, "vcpu-list " + g.name)} == {("all", "1")}
    assert host.run("xl vcpu-list " + g.name).splitlines()[1].split()[6:9] == ["all", "/", "1"]
    host.run("anel vcpu-pin %s 0 - all" % g.name)
    refused(host, ("vcpu-pin %s 0 77" % g.name, "no CPU 77"), ("vcpu-pin %s 2 0" % g.name, "not between 0 and 1"),
            ("vcpu-set %s 3" % g.name, "the host has 2 CPUs"), ("vcpu-set -i %s 3" % g.name, "1 to 2 vCPUs"))
    online = "sleep 1; [ $(cat /sys/devices/system/cpu/cpu1/online) = 1 ] || echo 1 >/sys/devices/system/cpu/cpu1/online; nproc"
    host.run("anel vcpu-set %s 2" % g.name)
    assert g.run(online).split()[-1] == "2"     # the kernel may say something of the CPU before it
    host.run("anel vcpu-set %s 1" % g.name)
    host.until("anel list %s" % g.name, r"^%s +\d+ +\d+ +1 " % g.name)
    assert [r["state"] == "offline" for r in rows(host, "vcpu-list " + g.name)] == [False, True]


def shares(host, g):
    share = {r["name"]: (r["weight"], r["cap"]) for r in rows(host, "sched-credit2")}
    assert share["Domain-0"] == (256, 0) and share[g.name] == (512, 75)     # as its configuration says
    host.run("anel sched-credit2 -d %s -w 300 -c 0" % g.name)
    assert re.search(r"^%s\s+\d+\s+300\s+0$" % g.name, host.run("xl sched-credit2 -d " + g.name), re.M)
    refused(host, ("sched-credit2 -d %s -w 70000" % g.name, "65535"))
    assert "%d" % rows(host, "sched-credit2 -s")["ratelimit_us"] in host.run("xl sched-credit2 -s")


def memory(host, g):
    total = "awk '/MemTotal/ {print $2}' /proc/meminfo"
    before, first = free_mib(host), int(g.run(total))
    host.run("anel mem-set %s 96m" % g.name)
    host.until("anel list " + g.name, r"^%s +\d+ +96 " % g.name)
    assert free_mib(host) >= before + 31
    host.run("anel mem-set %s 160m" % g.name)      # more than at its start
    host.until("anel list " + g.name, r"^%s +\d+ +1(59|60) " % g.name)
    assert int(g.run(total)) >= first + (30 << 10)
    refused(host, ("mem-set %s 200m" % g.name, "at most 192 MiB"), ("mem-max %s 100m" % g.name, "160 MiB now"),
            ("mem-set 0 64m", "dom0 dies"))
    host.run("anel mem-max %s 170m" % g.name)
    limit = host.run("xenstore-read /local/domain/%d/memory/static-max" % g.domid()).strip()
    host.run("xl mem-max %s 172m" % g.name)
    assert limit == str(170 << 10)


def kernel_is_told(host, g):
    host.run("anel sysrq %s h" % g.name)
    g.wait_console(r"sysrq: HELP", 20)
    count = "awk '/^ *NMI:/ {print $2}' /proc/interrupts"
    before = int(g.run(count))
    host.run("anel trigger %s nmi 0" % g.name)
    assert int(g.run("for i in $(seq 40); do [ $(%s) -gt %d ] && break; sleep 0.5; done; %s" % (count, before, count), 60)) == before + 1
    refused(host, ("trigger %s nmi 7" % g.name, "no vCPU 7"))


def names(host, g):
    domid = g.domid()
    host.run("anel rename %s other" % g.name)
    assert host.run("anel domid other").split() == [str(domid)] and host.run("xl domid other").split() == [str(domid)]
    assert host.run("anel domname %d" % domid).split() == ["other"]
    up = {r["name"]: r["seconds"] for r in rows(host, "uptime")}
    assert 0 <= up["other"] < 600 and up["Domain-0"] >= up["other"]
    host.run("anel rename other " + g.name)


def core(host, g):
    """The same, section by section, as Debian's tool writes of the paused guest."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dom0/sections.py"), "rb") as f:
        host.put("/run/sections.py", f.read())
    host.run("mount -t tmpfs -o size=400m core /mnt; anel pause %s" % g.name)
    try:
        host.run("anel dump-core %s /mnt/ours" % g.name, 120)
        ours = json.loads(host.run("python3 /run/sections.py /mnt/ours", 120))
        assert int(host.run("grep -ac 'Linux version 6' /mnt/ours; true")) > 0
        host.run("rm /mnt/ours; xl dump-core %s /mnt/theirs" % g.name, 120)
        theirs = json.loads(host.run("python3 /run/sections.py /mnt/theirs", 120))
        # Between the two, a page may change that the guest shares: times that it was run or waited, its rings.
        for sections in (ours, theirs):
            del sections[".xen_pages"]["digest"]
        assert ours == theirs
        rc, out = host.try_run("anel dump-core %s /dev/null" % g.name)
        assert rc == 1 and "is no file" in out
    finally:
        host.run("umount /mnt; anel unpause %s" % g.name)
    refused(host, ("dump-core 0 /run/core", "no PV guest"))


def test_life_running(anel):
    """One guest, asked for everything that does not end it."""
    g = small(anel, "life", "maxvcpus=2", "maxmem=192", 'cpus="0"', 'cpus_soft=["0", "1"]', "cpu_weight=512", "cap=75").create()
    first = rows(anel, "vcpu-list life")
    assert [(r["hard_affinity"], r["soft_affinity"]) for r in first] == [("0", "0"), ("0", "1")]
    shares(anel, g)
    vcpus(anel, g)
    memory(anel, g)
    kernel_is_told(anel, g)
    names(anel, g)
    lines = [json.loads(line) for line in anel.run("anel top -b -d 0.5 -i 2 --json").splitlines()]
    assert len(lines) == 2 and all({d["name"] for d in line["domains"]} == {"Domain-0", "life"} for line in lines)
    assert all(0 < d["cpu_percent"] <= 210 for line in lines for d in line["domains"] if d["id"] == 0)
    assert re.search(r"^life +\d+ ", anel.run("anel top -b -d 0.2 -i 1"), re.M)
    core(anel, g)
    g.run("true")
    g.destroy()


def test_life_devices(anel):
    """Disks and cards come and go while the guest runs; what they carry is counted."""
    free = free_mib(anel)
    g = small(anel, "plug", extra="anel.ip=10.0.0.46", vif=True).create()
    domid = g.domid()
    anel.run("truncate -s 16M /tmp/d.img; losetup /dev/loop6 /tmp/d.img")
    try:
        anel.run("anel block-attach plug phy:/dev/loop6 xvdb w", 90)
        anel.until("xl block-list plug", r"^51728\s+0\s+\d+\s+4", 30)
        assert rows(anel, "block-list plug")[0]["target"] == "/dev/loop6"
        g.run("for i in $(seq 20); do [ -b /dev/xvdb ] && break; sleep 0.5; done; "
              "dd if=/dev/zero of=/dev/xvdb bs=64k count=16; dd if=/proc/version of=/dev/xvdb bs=512 count=1 conv=sync && sync", 60)
        refused(anel, ("block-attach plug phy:/dev/loop6 xvdb w", "already"))
        anel.run("anel network-attach plug bridge=xenbr0 mac=00:16:3e:00:00:47", 90)
        cards = {r["number"]: r["mac"] for r in rows(anel, "network-list plug")}
        assert cards[1] == "00:16:3e:00:00:47" and len(cards) == 2
        g.run("for i in $(seq 20); do [ -e /sys/class/net/eth1 ] && break; sleep 0.5; done; "
              "ip addr add 10.0.0.47/32 dev eth1; ip link set eth1 up", 40)
        anel.run("ping -c 3 -i 0.3 -W 5 10.0.0.46", 60)
        used = next(d for d in json.loads(anel.run("anel top --json -d 0.2 -i 1"))["domains"] if d["name"] == "plug")
        assert used["disk_written_bytes"] >= 1 << 20 and used["network_sent_bytes"] > 100
        anel.run("anel network-detach plug 00:16:3e:00:00:47", 90)
        anel.run("anel block-detach plug xvdb", 90)
        g.run("! grep -q xvdb /proc/partitions")
        assert "Linux version" in anel.run("head -c 100 /tmp/d.img")
        anel.run("anel block-attach plug phy:/dev/loop6 xvdc r", 90)
        anel.run("anel block-detach --force plug xvdc", 90)
        assert rows(anel, "block-list plug") == []
    finally:
        anel.try_run("anel destroy plug", 90)
        anel.run("losetup -d /dev/loop6")
    wait_gone(anel)
    assert left_of(anel, domid) == []
    assert all_back(anel, free)


def test_life_ends(anel):
    """A guest that is asked to power off, or to start anew, is down when shutdown -w returns."""
    g = small(anel, "ends").create()
    refused(anel, ("shutdown -F ends", "button"))
    anel.run("anel shutdown -w ends", 120)
    assert rows(anel, "list ends")[0]["state"] == "shut down"
    refused(anel, ("sysrq ends h", "anel destroy"), ("shutdown ends", "shut down already"))
    g.destroy()
    # Settings on the command line count last; a pause is no end.
    anel.run("anel create -q -p %s memory=96 'name=\"ends2\"'" % g.config)
    row, = rows(anel, "list ends2")
    assert row["memory_mib"] == 96 and row["state"] == "paused"
    anel.run("anel unpause ends2")
    anel.until("anel list ends2", r" (idle|running) ")
    g.name = "ends2"
    g.wait_console("here is a shell")
    anel.run("anel reboot ends2")
    anel.until("anel list ends2", " shut down ", 60)
    anel.run("anel destroy ends2")
    wait_gone(anel)


def test_manual_and_completion(anel):
    """What dom0's image has of it beside the tool."""
    page = anel.run("MANWIDTH=100 man anel | cat")
    assert re.search(r"^ +anel vcpu-pin ", page, re.M) and "on_watchdog" in page
    words = anel.run("bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader anel; COMP_WORDS=(anel pause Dom); "
                     "COMP_CWORD=2; _anel; echo ${COMPREPLY[@]}'")
    assert words.split() == ["Domain-0"]
