# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a test kernel in Bochs, whose CPUs have what QEMU's software emulation has not: PCID and INVPCID. About 20 times slower.

The machine starts from a CD that GRUB lies on; the serial line goes to a file, which is read while it grows.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

SLOWER = 20
NEEDS = ("bochs", "grub-mkrescue", "script", "xorriso")
PACKAGES = "bochs bochs-term bochsbios vgabios bsdutils grub-pc-bin xorriso mtools"

GRUB = """serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
set gfxpayload=text
menuentry anel {{
multiboot /boot/hypervisor {xen}
{modules}
}}
"""

MACHINE = """plugin_ctrl: unmapped=1, biosdev=1, extfpuirq=1, parallel=0, serial=1
config_interface: textconfig
display_library: term
cpu: model={cpu}, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{folder}/cd.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/serial
clock: sync=none
log: {folder}/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def missing():
    return [n for n in NEEDS if not shutil.which(n)]


def make_cd(folder, hypervisor, xen, modules):
    """modules: [(path, command line), ...]"""
    tree = folder / "cd" / "boot"
    shutil.rmtree(folder, ignore_errors=True)
    (tree / "grub").mkdir(parents=True)
    shutil.copy(hypervisor, tree / "hypervisor")
    lines = []
    for i, (path, args) in enumerate(modules):
        shutil.copy(path, tree / f"module{i}")
        lines.append(f"module /boot/module{i} {args}")
    (tree / "grub" / "grub.cfg").write_text(GRUB.format(xen=xen, modules="\n".join(lines)))
    with open(folder / "mkrescue.log", "w") as log:
        subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", str(folder / "cd.iso"), str(folder / "cd")],
                       check=True, stdout=log, stderr=log)


def mebibytes(size):
    return int(size[:-1]) * {"M": 1, "G": 1024}[size[-1]]


def run(boot, folder, hypervisor, xen, modules, conf, cpu):
    """Feeds the serial line to boot.line until boot.done or the time is over."""
    folder = pathlib.Path(folder)
    make_cd(folder, hypervisor, xen, modules)
    (folder / "bochsrc").write_text(MACHINE.format(cpu=cpu, cpus=conf["cpus"], memory=mebibytes(conf["memory"]),
                                                   folder=folder))
    (folder / "continue").write_text("c\n")     # for the builds with a debugger
    serial = folder / "serial"
    serial.touch()
    with open(folder / "tty", "w") as tty:
        proc = subprocess.Popen(["script", "-qfec", f"bochs -q -rc {folder}/continue -f {folder}/bochsrc", "/dev/null"],
                                stdin=subprocess.DEVNULL, stdout=tty, stderr=tty, start_new_session=True,
                                env=dict(os.environ, TERM="xterm"))
        try:
            follow(boot, serial, proc, time.monotonic() + conf["timeout"] * SLOWER)
        finally:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()


def follow(boot, serial, proc, end):
    pending = b""
    with open(serial, "rb") as line:
        while time.monotonic() < end and not boot.done:
            data = line.read()
            if not data:
                if proc.poll() is not None:
                    break
                time.sleep(0.2)
                continue
            *lines, pending = (pending + data).split(b"\n")
            for raw in lines:
                boot.line(raw.decode(errors="replace").rstrip("\r"))
        boot.line(pending.decode(errors="replace"))
