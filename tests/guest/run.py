#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the test kernels, boots each as dom0 of a hypervisor in QEMU, prints one line a case.

    run.py [--hypervisor PATH] [--peer] [--domu] [--bochs] [--jobs N] [-v] [name | name/case ...]

With --domu each suite runs in a domU that the test dom0 "builder" makes of it. With --bochs the machine is Bochs, not QEMU.

The last line is "N passed, N failed, N skipped"; the exit code is 0 only if nothing failed.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import time
import tomllib

import bochs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "guest"
LIB = HERE / "lib"

CFLAGS = ("-std=gnu17 -O1 -g -Wall -Wextra -Wno-unused-parameter -ffreestanding -fno-pic -fno-pie -mcmodel=kernel "
          "-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none "
          "-fno-omit-frame-pointer -fno-strict-aliasing -fno-builtin -fno-toplevel-reorder").split()
QEMU_CPU = "max,smap=off,smep=off,rdtscp=off,pku=off"
BOCHS_CPU = "corei7_haswell_4770"
NO_SUITE = ("lib", "builder", "idle")
DOM0_ONLY = ("start", "answers", "control", "devices", "dma", "pci", "hotplug", "hypfs", "efi", "domains", "flood", "fuzz", "hostile",
             "latency", "logdirty", "rotation", "sharing", "storm", "xsa_domains")     # "start" looks at what the hypervisor's own builder made
DEFAULTS = {"memory": "256M", "cpus": 2, "dom0_mem": "64M", "timeout": 60, "args": "", "xen_args": "", "modules": [],
            "qemu": "", "firmware": "bios", "machines": {"": ""}, "not_peer": []}


def sources(path):
    return sorted(p for p in path.iterdir() if p.suffix in (".c", ".S"))


def newest(paths):
    return max(p.stat().st_mtime for p in paths)


def run_tool(*command):
    subprocess.run([str(c) for c in command], check=True)


def compile_objects(folder, out, headers):
    """Compiles each stale source of folder into out; returns the objects."""
    out.mkdir(parents=True, exist_ok=True)
    objects = []
    for src in sources(folder):
        obj = out / (src.name + ".o")
        objects.append(obj)
        if not obj.exists() or obj.stat().st_mtime < max(src.stat().st_mtime, headers):
            run_tool("gcc", *CFLAGS, "-I", LIB, "-c", src, "-o", obj)
    return objects


def build(suite):
    """Builds one suite; returns the path of its ELF image."""
    headers = newest(list(LIB.glob("*.h")) + list((HERE / suite).glob("*.h")) + [LIB / "guest.lds"])
    lib = compile_objects(LIB, BUILD / "lib", headers)
    objs = compile_objects(HERE / suite, BUILD / suite, headers)
    lds = BUILD / "guest.lds"
    run_tool("gcc", "-E", "-P", "-x", "c", "-I", LIB, LIB / "guest.lds", "-o", lds)
    elf = BUILD / f"{suite}.elf"
    run_tool("ld", "-m", "elf_x86_64", "-nostdlib", "-static", "-z", "max-page-size=4096", "--no-warn-rwx-segments",
             "--build-id=none", "-T", lds, *lib, *objs, "-o", elf)
    return elf


def settings(suite):
    conf = dict(DEFAULTS)
    path = HERE / suite / "machine.toml"
    if path.exists():
        conf.update(tomllib.loads(path.read_text()))
    return conf


def modules(elf, conf, case, builder):
    """[(file, command line), ...]: dom0's kernel, then what it gets as its own modules."""
    if builder:
        return [(builder, f"child_case={case}" if case else ""), (elf, "")]
    return [(elf, conf["args"] + (f" case={case}" if case else ""))] + [(HERE / m, "") for m in conf["modules"]]


def command_line(conf):
    return f"console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem={conf['dom0_mem']} {conf['xen_args']}"


def make_iso(hypervisor, mods, conf):
    """GRUB, the hypervisor and its modules on a CD."""
    tree, iso = BUILD / "iso", BUILD / "test.iso"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "boot/grub").mkdir(parents=True)
    shutil.copy(hypervisor, tree / "boot/hypervisor")
    lines = ["multiboot2 /boot/hypervisor " + command_line(conf)]
    for i, (path, args) in enumerate(mods):
        shutil.copy(path, tree / f"boot/module{i}")
        lines.append(f"module2 /boot/module{i} {args}")
    (tree / "boot/grub/grub.cfg").write_text("\n".join(lines + ["boot", ""]))
    subprocess.run(["grub-mkrescue", "-quiet", "-o", iso, tree], check=True, stderr=subprocess.DEVNULL)
    return iso


def uefi_arguments(hypervisor, mods, conf):
    flash = "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_"
    return ["-drive", flash + "CODE.fd,unit=0", "-drive", flash + "VARS.fd,unit=1",
            "-cdrom", str(make_iso(hypervisor, mods, conf))]


def qemu_command(hypervisor, mods, conf, cpu):
    xen = command_line(conf)
    initrd = ",".join(f"{path} {args}".strip().replace(",", ",,") for path, args in mods)
    start = ["-kernel", str(hypervisor), "-append", xen, "-initrd", initrd]
    if conf["firmware"] == "uefi":
        start = uefi_arguments(hypervisor, mods, conf)
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-m", conf["memory"], "-smp", str(conf["cpus"]),
            "-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio", *start, *conf["qemu"].split()]


class Boot:
    """One boot of one suite: reads the serial line until the guest is done."""

    def __init__(self, verbose, log, prefix):
        self.verbose, self.log, self.prefix = verbose, log, prefix
        self.plan, self.results, self.why = [], {}, {}
        self.done = False

    def line(self, text):
        self.log.write(text + "\n")
        if self.verbose:
            print("    |", text, flush=True)
        m = re.search(self.prefix + r"@@(plan|case|why|done)(?: (.*))?$", text.rstrip("\r"))
        if not m:
            return
        kind, rest = m.group(1), m.group(2) or ""
        if kind == "plan":
            self.plan.append(rest.strip())
        elif kind == "why":
            case, _, reason = rest.partition(" ")
            self.why.setdefault(case, []).append(reason)
        elif kind == "case":
            word, case, story = (rest.split(" ", 2) + ["", ""])[:3]
            self.results[case] = (word, story)
        else:
            self.done = True

    def run(self, command, timeout):
        proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end, pending = time.monotonic() + timeout, b""
        try:
            while time.monotonic() < end:
                if not select.select([proc.stdout], [], [], 0.5)[0]:
                    continue
                data = os.read(proc.stdout.fileno(), 65536)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for raw in lines:
                    self.line(raw.decode(errors="replace").rstrip("\r"))
                if self.done:
                    end = min(end, time.monotonic() + 3)
            if pending:
                self.line(pending.decode(errors="replace"))
        finally:
            proc.kill()
            proc.wait()


def report(suite, boot, counts):
    if not boot.plan:
        print(f"error   {suite}: no test kernel spoke (see {BUILD / (suite + '.log')})")
        counts["error"] += 1
    for case in boot.plan:
        word, story = boot.results.get(case, ("error", "no result: the guest or the host stopped"))
        counts[word] += 1
        print(f"{word:7} {suite}/{case}: {story}")
        if word != "success":
            for reason in boot.why.get(case, []):
                print(f"            {reason}")
    sys.stdout.flush()


def boots_of(suite, conf, mods, opts):
    """One entry for each machine that a suite is booted on."""
    return [(f"{suite}@{machine}" if machine else suite, conf, mods, more)
            for machine, more in ({"": ""} if opts.bochs else conf["machines"]).items()
            if (not opts.machine or machine == opts.machine) and not (opts.peer and machine in conf["not_peer"])]


def boot_one(entry, hypervisor, prefix, opts):
    """Boots one entry and returns (its name, what was read)."""
    on, conf, mods, more = entry
    with open(BUILD / f"{on}.log", "w") as log:
        boot = Boot(opts.verbose, log, prefix)
        if opts.bochs:
            bochs.run(boot, BUILD / "bochs", hypervisor, command_line(conf), mods, conf, opts.cpu or BOCHS_CPU)
        else:
            command = qemu_command(hypervisor, mods, conf, opts.cpu or QEMU_CPU + (",phys-bits=42" if opts.memory else ""))
            boot.run(command + more.split(), conf["timeout"] * opts.jobs)
    return on, boot


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hypervisor", default=ROOT / "build" / "hypervisor" / "anel", type=pathlib.Path)
    parser.add_argument("--peer", action="store_true", help="Debian's Xen, from build/peer/xen")
    parser.add_argument("--domu", action="store_true", help="as domU, built by the suite \"builder\"")
    parser.add_argument("--bochs", action="store_true", help="in Bochs, whose CPU has PCID: some 20 times slower")
    parser.add_argument("--args", default="", help="more words for the test kernel's command line; seconds=N lengthens the time-out")
    parser.add_argument("--xen-args", default="", help="more words for the hypervisor's command line")
    parser.add_argument("--memory", help="the machine's memory, instead of each suite's own; what is not touched costs the host nothing")
    parser.add_argument("--cpu", help="QEMU's or Bochs's name of a CPU")
    parser.add_argument("--jobs", type=int, default=1, help="so many machines at once")
    parser.add_argument("--machine", help="only on this one of the machines that a suite has")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("names", nargs="*")
    opts = parser.parse_args()
    hypervisor = ROOT / "build" / "peer" / "xen" if opts.peer else opts.hypervisor
    names = opts.names or sorted(p.name for p in HERE.iterdir() if (p / "main.c").exists() and p.name not in NO_SUITE)
    if opts.domu and not opts.names:
        names = [n for n in names if n not in DOM0_ONLY]
    builder, prefix = (build("builder"), r"^U: ") if opts.domu else (None, "")
    if opts.bochs and bochs.missing():
        sys.exit(f"run.py: Bochs needs the packages {bochs.PACKAGES}")
    if opts.bochs:
        opts.jobs = 1
    todo = []
    counts = dict.fromkeys(("success", "skip", "failure", "error"), 0)
    for name in names:
        suite, _, case = name.strip("/").partition("/")
        try:
            elf, conf = build(suite), settings(suite)
        except subprocess.CalledProcessError:
            print(f"error   {suite}: cannot be built", flush=True)
            counts["error"] += 1
            continue
        conf["xen_args"] += " " + opts.xen_args
        # Of a word that is there twice, the first counts.
        conf["args"] = f"{opts.args} {conf['args']}".strip()
        conf["timeout"] += sum(int(w[8:]) for w in opts.args.split() if w.startswith("seconds="))
        if opts.memory:
            conf["memory"] = opts.memory
            conf["qemu"] += f" -object memory-backend-ram,id=ram,size={opts.memory},reserve=off -machine memory-backend=ram"
        todo += boots_of(suite, conf, modules(elf, conf, case, builder), opts)
    with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
        for on, boot in pool.map(lambda entry: boot_one(entry, hypervisor, prefix, opts), todo):
            report(on, boot, counts)
    failed = counts["failure"] + counts["error"]
    print(f"{counts['success']} passed, {failed} failed, {counts['skip']} skipped")
    return 1 if failed or not counts["success"] else 0


if __name__ == "__main__":
    if not shutil.which("qemu-system-x86_64"):
        sys.exit("run.py: qemu-system-x86_64 is not installed")
    sys.exit(main())
