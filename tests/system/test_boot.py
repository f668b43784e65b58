# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines of many shapes: does dom0 come up on each, with all of its CPUs and devices, and end cleanly?"""
import re

import pytest

import machine
from guests import AnelGuest, Guest

NO_SMAP = "max,smap=off,smep=off"
# What Debian's Xen cannot have under QEMU 7.2 (see machine.PEER_CPU) is left to the default there.
SMAP = None if machine.PEER else "max,smap=on,smep=on"


def healthy(m, cpus, dom0_mem=(1024,)):
    info = dict(re.findall(r"^(\w+)\s*: (.*)$", m.run("xl info"), re.M))
    assert info["nr_cpus"] == str(cpus)
    row = m.run("xl list 0").splitlines()[1].split()
    assert int(row[2]) in dom0_mem and row[3] == str(cpus)
    assert m.run("nproc").strip() == str(cpus)
    # Every CPU of dom0 really runs.
    m.run("for c in $(seq 0 %d); do taskset -c $c true || exit 1; done" % (cpus - 1), 120)
    assert m.run("cat /sys/hypervisor/type").strip() == "xen"
    return info


def storage(m, module):
    m.run("grep -q '^%s ' /proc/modules" % module)
    m.run("dd if=/dev/urandom of=/root/blob bs=1M count=8 conv=fsync status=none; md5sum /root/blob >/root/sum; "
          "echo 3 >/proc/sys/vm/drop_caches; md5sum -c /root/sum", 90)


def network(m, module):
    """A card under QEMU's user network: its gateway answers to ARP and ping."""
    m.run("grep -q '^%s ' /proc/modules || modprobe %s" % (module, module))
    m.run("d=$(ls /sys/class/net | grep -v -e lo -e xenbr0 | head -1); ip addr add 10.0.2.15/24 dev $d; "
          "ip link set $d up; sleep 3; ping -c 3 -W 5 10.0.2.2", 60)


def test_one_cpu(boot):
    m = boot(smp=1)
    healthy(m, 1)
    assert m.power_off() == 0


def test_four_cpus_systemd_ahci_e1000e(boot):
    """What an installed machine looks like: systemd, SATA, a wired card; and it reboots."""
    m = boot(smp=4, mem="4G", init="systemd", disk="ahci", net="e1000e", cpu=SMAP, reboots=True, boot_timeout=300)
    healthy(m, 4)
    storage(m, "ahci")
    network(m, "e1000e")
    m.until("systemctl is-system-running", r"running|degraded", 120)
    assert m.run("systemctl is-active xen").strip() == "active"
    assert m.run("systemctl --failed --no-legend --plain | awk '{print $1}'").split() == []
    mark = len(m.log())
    m.run("systemctl reboot >/dev/null 2>&1 &")
    m.wait_log(r"Linux version|mapping kernel|anel-initrd: started", 180, mark)


def test_nvme_virtio_net_smap_off(boot):
    m = boot(disk="nvme", net="virtio-net-pci", cpu=NO_SMAP if not machine.PEER else None)
    healthy(m, 2)
    storage(m, "nvme")
    network(m, "virtio_net")
    assert m.power_off() == 0


def test_small_memory(boot):
    """512 MiB are enough for the hypervisor and a small dom0, and it may ask for more than there is (Debian's Xen does not start then)."""
    m = boot(mem="512M", dom0_mem="384M" if machine.PEER else "1G")
    info = healthy(m, 2, range(384, 512))
    assert int(info["total_memory"]) <= 512
    assert m.power_off() == 0


def efi_services(m):
    """dom0 knows the firmware, reads and writes its variables; the clock is the machine's."""
    assert re.search(r"efi: EFI v2\.\d+ by ", m.run("dmesg"))
    m.run("modprobe efivarfs; mkdir -p /run/vars && mount -t efivarfs none /run/vars")
    names = m.run("ls /run/vars").split()
    assert "BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c" in names and len(names) > 10
    mine = "/run/vars/AnelTest-12345678-1234-1234-1234-123456789abc"
    m.run(r"printf '\007\000\000\000hello' >%s" % mine)
    assert m.run("tail -c 5 %s" % mine) == "hello"
    m.run("chattr -i %s && rm %s && test ! -e %s" % (mine, mine, mine))
    assert m.run("cat /sys/firmware/efi/fw_platform_size").strip() == "64"


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_grub(boot, firmware):
    """GRUB from the ISO, multiboot 2."""
    store = ["-drive", "if=pflash,unit=1,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS.fd"]
    m = boot(firmware=firmware, boot_timeout=240, extra=store if firmware == "uefi" else ())
    healthy(m, 2)
    if firmware == "uefi" and not machine.PEER:	# GRUB 2.06 ends the boot services, which Xen takes for a BIOS
        efi_services(m)
    assert m.power_off() == 0


@pytest.mark.full
@pytest.mark.anel
@pytest.mark.parametrize("choice", ["anel", "debian"])
def test_iso(boot, tmp_path, choice):
    """What ./dev iso makes, dom0's root on it: the menu starts our tools by itself, and the second entry Debian's."""
    words = "console=hvc0 root=live anel.agent"
    machine.make_iso(str(tmp_path / "iso"), "console=com1 com1=115200,8n1 dom0_mem=1G,max:1G", words)
    m = boot(firmware="bios", iso=str(tmp_path / "iso"), disk="none", boot_timeout=600, wait=False)
    if choice == "debian":
        m.wait_log("with Debian's xenstored")
        m.type(b"\x1b[B\r")
    m.wait_ready(600)
    assert "anel.tools=" + choice in m.run("cat /proc/cmdline").split()
    running = m.run("ps -e -o comm= | grep -xE 'anel-(stored|consoled|domd|devd)|xenstored|xenconsoled' | sort").split()
    assert running == {"anel": ["anel-consoled", "anel-devd", "anel-domd", "anel-stored"], "debian": ["xenconsoled", "xenstored"]}[choice]
    # Debian's xenconsoled keeps no log unless it is told to.
    g = (AnelGuest if choice == "anel" else Guest)(m, "live").create(ready=None)
    m.until("/usr/lib/anel/guest-run live 'echo $((6 * 7))' 20", "^42$", 120)
    g.destroy()


@pytest.mark.full
@pytest.mark.parametrize("cpus", [8, 64])
def test_many_cpus(boot, cpus):
    m = boot(smp=cpus, mem="6G", dom0_mem="2G", boot_timeout=1200)
    healthy(m, cpus, (2048,))
    assert m.power_off(300) == 0


@pytest.mark.full
@pytest.mark.anel
def test_255_cpus(boot):
    """The hypervisor starts all; dom0 has 4 vCPUs."""
    m = boot(smp=255, mem="4G", append="dom0_max_vcpus=4", boot_timeout=1800, extra=["-machine", "q35"])
    assert re.search(r"^nr_cpus\s*: 255$", m.run("xl info", 300), re.M)


@pytest.mark.full
@pytest.mark.anel
@pytest.mark.parametrize("gib", [512, 1024])
def test_big_memory(boot, gib):
    """Sparse: QEMU reserves nothing of it."""
    size = "%dG" % gib
    m = boot(mem=size, boot_timeout=600, cpu="max,phys-bits=42",
             extra=["-object", "memory-backend-ram,id=ram,size=%s,reserve=off" % size, "-machine", "memory-backend=ram"])
    info = healthy(m, 2)
    assert int(info["total_memory"]) >= (gib - 1) * 1024
    assert m.power_off() == 0


@pytest.mark.full
@pytest.mark.anel
def test_numa(boot):
    m = boot(smp=4, mem="4G", extra=["-object", "memory-backend-ram,id=n0,size=2G", "-object",
                                     "memory-backend-ram,id=n1,size=2G", "-numa", "node,memdev=n0,cpus=0-1",
                                     "-numa", "node,memdev=n1,cpus=2-3"])
    out = m.run("xl info -n")
    assert re.search(r"^nr_nodes\s*: 2$", out, re.M)
    assert re.search(r"^\s+3:\s+\d+\s+\d+\s+1\s*$", out, re.M)


@pytest.mark.full
def test_next_debian_kernel(boot):
    """dom0 and a guest on the kernel of Debian 13."""
    m = boot(next_kernel=True, boot_timeout=300)
    assert m.run("uname -r").startswith("6.12")
    healthy(m, 2)
    g = Guest(m, "next", vif=True, extra="anel.ip=10.0.0.66").create()
    assert g.run("uname -r").startswith("6.12")
    m.run("ping -c 3 -W 5 10.0.0.66")
    g.destroy()
    assert m.power_off() == 0
