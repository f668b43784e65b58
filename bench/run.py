#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [ROW...]: Debian's Xen and Anel measured in turn in the same QEMU with the same dom0. ROW is a part of a row's name or a suite's.

Times come from machines as they are, counts of instructions from others that run with the plugin.
"""
import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TOP, "harness")]

import machine      # noqa: E402
import suites       # noqa: E402
import table        # noqa: E402
from rows import ROWS       # noqa: E402

OUT = os.path.join(TOP, "build/bench")
KERNELS = {"xen": os.path.join(TOP, "build/images/peer-xen"), "anel": os.path.join(TOP, "build/release/hypervisor/anel")}
MEMORY_GIB = 3
WORDS = {"xen": machine.PEER_WORDS, "anel": ""}     # without them a guest of Debian's Xen dies now and then amid a row
NO_POLLING = dict(WORDS, anel="idle_poll=0")     # of an idle CPU, which is no work, where instructions are counted
FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-std=gnu17"]


def newer(target, sources):
    return os.path.exists(target) and all(os.path.getmtime(target) > os.path.getmtime(s) for s in sources)


def sources(folder):
    return [os.path.join(HERE, folder, n) for n in sorted(os.listdir(os.path.join(HERE, folder)))]


def run_tool(*command):
    subprocess.run(command, check=True)


def compile_programs(output):
    run_tool("gcc", *FLAGS, "-static", "-D__XEN_TOOLS__", "-D__XEN_INTERFACE_VERSION__=0x00040f00", "-o", output,
             *(p for p in sources("programs") if p.endswith((".c", ".S"))))


def compile_all():
    """The plugins; and the disk with the programs: a tar archive."""
    os.makedirs(OUT, exist_ok=True)
    programs = os.path.join(OUT, "anel-bench")
    disk = os.path.join(OUT, "anel-bench.tar")
    if not newer(disk, sources("programs")):
        compile_programs(programs)
        with tarfile.open(disk, "w") as t:
            for path in (programs, os.path.join(HERE, "programs/compile.sh")):
                t.add(path, os.path.basename(path))
    for source in (s for s in sources("plugin") if s.endswith(".c")):
        plugin = os.path.join(OUT, os.path.basename(source).replace(".c", ".so"))
        if not newer(plugin, sources("plugin")):
            run_tool("gcc", *FLAGS, "-shared", "-fPIC", "-fvisibility=hidden", "-o", plugin, source)


def wanted(patterns):
    """The suites that have a row of the patterns."""
    if not patterns:
        return [name for name, _ in suites.ALL]
    chosen = {row.suite for row in ROWS for p in patterns if p.lower() in row.name.lower() or p == row.suite}
    if not chosen:
        sys.exit("no row has any of: " + " ".join(patterns))
    return [name for name, _ in suites.ALL if name in chosen]


def functions_of(side, name):
    """Arguments that make the plugin write what each of Anel's functions executed to build/bench/NAME.functions."""
    if side != "anel":
        return ""
    symbols = os.path.join(OUT, "symbols")
    with open(symbols, "w") as f:
        subprocess.run(["nm", "-n", KERNELS[side] + ".elf"], check=True, stdout=f)
    return ",symbols=%s,functions=%s" % (symbols, os.path.join(OUT, name + ".functions"))


def measure(side, number, chosen, samples, counted, cpus):
    """One boot of one side."""
    extra = ["-drive", "file=%s/anel-bench.tar,if=virtio,format=raw,readonly=on" % OUT]
    name = "%s-%s%d" % (side, "counts" if counted else "times", number)
    counts = os.path.join(OUT, name + ".counts") if counted else None
    if counted:
        extra += ["-plugin", "file=%s/count.so,out=%s%s" % (OUT, counts, functions_of(side, name))]
    host = machine.Machine(name, smp=cpus, mem="%dG" % MEMORY_GIB, cpu=machine.PEER_CPU, kernel=KERNELS[side],
                           kernel_args="quiet", append=(NO_POLLING if counted else WORDS)[side], extra=extra, boot_timeout=400)
    try:
        host.run("mkdir -p /run/bench && tar xf /dev/vdc -C /run/bench")
        run = suites.Run(side, host, samples, counts)
        run.ram_pages = MEMORY_GIB * 1024 * suites.PAGES
        for suite, function in suites.ALL:
            if suite in chosen:
                started = time.monotonic()
                try:
                    function(run)
                except machine.Failed as e:
                    # The rows stay without these samples, which the end of the table says.
                    samples.missing.append("%s, %s: %s" % (name, suite, str(e).splitlines()[0]))
                    traceback.print_exc()
                    host.try_run("xl list | awk 'NR>2 {print $2}' | xargs -rn1 xl destroy", 90)
                print("  %s %s: %d s" % (name, suite, time.monotonic() - started), flush=True)
    finally:
        host.close()


def save(path, samples, options):
    with open(path, "w") as f:
        json.dump({"rounds": options.rounds, "counted": options.counted, "cpus": options.cpus, "values": samples.values,
                   "counts": samples.counts, "missing": samples.missing}, f, indent=1)


def load(path):
    samples = table.Samples()
    with open(path) as f:
        data = json.load(f)
    samples.values, samples.counts, samples.missing = data["values"], data["counts"], data["missing"]
    return samples


def arguments():
    p = argparse.ArgumentParser(description=__doc__, prog="./dev bench")
    p.add_argument("rows", nargs="*", metavar="ROW")
    p.add_argument("--rounds", type=int, default=3, help="boots of each side for times (3)")
    p.add_argument("--counted", type=int, default=1, help="boots of each side for counts (1)")
    p.add_argument("--quick", action="store_true", help="one boot of each for times, one for counts")
    p.add_argument("--side", action="append", choices=table.SIDES, help="only this one")
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--json", metavar="FILE", help="write all samples")
    p.add_argument("--add", action="store_true", help="keep the samples that FILE has, and add to them")
    p.add_argument("--show", metavar="FILE", help="only print the table of samples written before")
    p.add_argument("--markdown", action="store_true")
    options = p.parse_args()
    if options.add and not options.json:
        p.error("--add needs --json")
    if options.quick:
        options.rounds = options.counted = 1
    return options


def main():
    options = arguments()
    if options.show:
        samples = load(options.show)
    else:
        samples = load(options.json) if options.add and os.path.exists(options.json) else table.Samples()
        chosen = wanted(options.rows)
        compile_all()
        os.environ.setdefault("ANEL_LOGS", os.path.join(OUT, "logs"))
        # What the snapshots of disks write goes to memory: the disk's pace is not what is measured.
        if os.path.isdir("/dev/shm"):
            os.environ["TMPDIR"] = tempfile.tempdir = "/dev/shm"
        counts = [name for name in chosen if name not in suites.UNCOUNTED]
        for counted, n, chosen in ((True, options.counted if counts else 0, counts), (False, options.rounds, chosen)):
            for i in range(n):
                for side in options.side or table.SIDES:
                    try:
                        measure(side, i, chosen, samples, counted, options.cpus)
                    except machine.Dead as e:
                        samples.missing.append("%s, boot %d: %s" % (side, i, e))
                        print(e, file=sys.stderr)
                    if options.json:
                        save(options.json, samples, options)
    print(table.markdown(samples) if options.markdown else table.plain(samples))
    for line in samples.missing:
        print("missing: " + line)
    return 1 if samples.missing else 0


if __name__ == "__main__":
    sys.exit(main())
