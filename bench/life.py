#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""life.py [--rounds N] [--guests N] [--json FILE]: guests made and ended by xl over Debian's daemons and by anel over ours, on Anel.

Each has a dom0 of its own, booted in turn. "cold" is the first guest after a boot, for which the kernel is unpacked; the others find
it kept. Memory is what the daemons and tools that stay in dom0 have, each shared page divided by those who share it (PSS).
"""
import argparse
import json
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TOP, "harness")]

import guests
import machine
import run
import table

BENCH = "/run/bench/anel-bench"
SIDES = ("xl", "anel")
TOOLS = {"xl": "debian", "anel": "anel"}
STAY = r"(xenstored|xenconsoled|xl|anel-.*|anel)"
# Name, unit, anel to xl at most.
ROWS = (("create, cold", "s", 0.5), ("create", "s", 0.5), ("create: first line", "s", 1.0), ("destroy", "s", 1.0),
        ("create with disk and card", "s", 0.3), ("the same: first line", "s", 1.0), ("the same: destroy", "s", 1.0),
        ("many guests, each", "s", 0.5), ("dom0's memory, no guest", "KiB", 1.0), ("dom0's memory, a guest", "KiB", 0.5))


class Side:
    def __init__(self, tool, host, samples):
        self.tool, self.host, self.samples = tool, host, samples

    def add(self, row, value):
        self.samples.setdefault((row, self.tool), []).append(value)

    def timed(self, command, timeout=300):
        """Seconds by name of what anel-bench reports."""
        out = self.host.run("%s %s" % (BENCH, command), timeout)
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return {r["row"]: r["seconds"] / r["n"] for r in rows}

    def life(self, guest, create, first, destroy):
        """Made until its first line is there, and ended."""
        log = guests.LOG % guest.name
        self.host.run(": >%s" % log)
        t = self.timed("create 67 %s 'Linux version' %s create -q %s" % (log, self.tool, guest.config))
        if create:
            self.add(create, t["create"])
        if first:
            self.add(first, t["first line"])
        t = self.timed("run destroy 66 %s destroy %s" % (self.tool, guest.name))
        if destroy:
            self.add(destroy, t["destroy"])
        guests.wait_gone(self.host)

    def memory(self):
        """KiB of those who stay."""
        out = self.host.run("for p in $(pgrep -x '%s'); do awk '/^Pss:/ { print $2 }' /proc/$p/smaps_rollup; done" % STAY)
        return sum(map(int, out.split()))

    def many(self, n):
        """Without devices and never run, so that what is measured is the tools. xl cannot build the kernel in 64 MiB."""
        before = self.memory()
        self.add("dom0's memory, no guest", before)
        list_ = [guests.Guest(self.host, "many%d" % i, memory=96) for i in range(n)]
        script = "; ".join("%s create -q -p %s" % (self.tool, g.config) for g in list_)
        self.host.put("/run/many", "set -e; " + script + "\n")
        self.add("many guests, each", self.timed("run many 68 sh /run/many", 60 * n)["many"] / n)
        self.add("dom0's memory, a guest", (self.memory() - before) / n)
        for g in list_:
            self.host.run("%s destroy %s" % (self.tool, g.name), 120)
        guests.wait_gone(self.host)


def measure(tool, options, samples):
    host = machine.Machine("life-" + tool, kernel=options.hypervisor or run.KERNELS["anel"], kernel_args="quiet", tools=TOOLS[tool],
                           mem="%dM" % (3072 + 104 * options.guests), boot_timeout=400, cpu=machine.PEER_CPU,
                           by_instructions=options.by_instructions)
    try:
        host.run("mkdir -p /run/bench")
        with open(os.path.join(run.OUT, "anel-bench"), "rb") as f:
            host.put(BENCH, f.read())
        host.run("chmod +x %s; mkdir -p %s" % (BENCH, os.path.dirname(guests.LOG)))
        side = Side(tool, host, samples)
        bare = guests.Guest(host, "bare", extra="loglevel=6")
        disk = "format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + host.run("findfs LABEL=anel-guest").strip()
        whole = guests.Guest(host, "whole", extra="loglevel=6", disk=disk, vif=True)
        side.life(bare, "create, cold", None, None)
        for _ in range(3):
            side.life(bare, "create", "create: first line", "destroy")
            side.life(whole, "create with disk and card", "the same: first line", "the same: destroy")
        side.many(options.guests)
    finally:
        host.close()


def show(samples):
    print("| row | xl | anel | ratio | target |\n| --- | --- | --- | --- | --- |")
    for name, unit, target in ROWS:
        xl, anel = (samples.get((name, tool)) for tool in SIDES)
        ratio = "%.2f" % (statistics.median(anel) / statistics.median(xl)) if xl and anel else "-"
        print("| %s, %s | %s | %s | %s | %.1f |" % (name, unit, table.spread(xl), table.spread(anel), ratio, target))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3, help="boots of each (3)")
    p.add_argument("--quick", action="store_true", help="one boot of each, 10 guests")
    p.add_argument("--guests", type=int, default=100, help="how many at once (100)")
    p.add_argument("--hypervisor", help="to boot instead of Anel's release build")
    p.add_argument("--json", metavar="FILE")
    p.add_argument("--by-instructions", action="store_true", help="a dom0 of one CPU, whose time goes by instructions")
    options = p.parse_args()
    if options.quick:
        options.rounds, options.guests = 1, 10
    run.compile_all()
    samples = {}
    for _ in range(options.rounds):
        for tool in SIDES:
            measure(tool, options, samples)
    show(samples)
    if options.json:
        with open(options.json, "w") as f:
            json.dump([[*key, values] for key, values in samples.items()], f)


if __name__ == "__main__":
    main()
