#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""growth.py [cpus|memory|domains...]: how costs grow, in instructions, on both hypervisors; a plot (SVG) for each in build/bench.

What is plotted are counts of the hypervisor's instructions; where something waits, what it waits for is in them. Virtual time goes by
instructions (icount), so that it is of no matter how fast the machine emulates them.
"""
import argparse
import json
import math
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "harness")]

import machine      # noqa: E402
import run          # noqa: E402
import suites       # noqa: E402
import table        # noqa: E402

MEMORY = (1, 64, 1024)     # GiB
MEMORY_MAX = {"xen": 64, "anel": 1024}      # Xen writes to all of its memory, and the machine has to have what is written to
DOMAINS = (1, 10, 100, 500)
CPUS = (1, 8, 64, 255)
COLOURS = {"xen": "#b04030", "anel": "#2060a0"}
NAMES = {"xen": "Debian's Xen", "anel": "Anel"}


def boot(side, name, **options):
    counts = os.path.join(run.OUT, "growth-%s-%s.counts" % (side, name))
    if os.path.exists(counts):
        os.unlink(counts)
    extra = ["-drive", "file=%s/anel-bench.tar,if=virtio,format=raw,readonly=on" % run.OUT,
             "-plugin", "file=%s/count.so,out=%s" % (run.OUT, counts), "-icount", "shift=0"] + options.pop("extra", [])
    options.setdefault("cpu", machine.PEER_CPU)
    options["append"] = "%s %s" % (run.NO_POLLING[side], options.get("append", ""))
    return machine.Machine("growth-%s-%s" % (side, name), kernel=run.KERNELS[side], kernel_args="quiet", extra=extra,
                           boot_timeout=options.pop("patience", 600), **options), counts


def boot_count(counts, timeout=400):
    """Instructions until the first of dom0's kernel."""
    limit = time.monotonic() + timeout * machine.SLOW
    while time.monotonic() < limit:
        if os.path.exists(counts):
            with open(counts) as f:
                for line in f:
                    if line.startswith("255 ") and line.endswith("\n"):
                        values = dict(w.split("=") for w in line.split()[1:])
                        return int(values["hypervisor"]) + int(values["user"])
        time.sleep(0.2)
    raise machine.Dead("no kernel within %d s" % timeout)


def per_operation(host, counts, side, command, rows):
    """The hypervisor's instructions for one operation of each of a program's rows."""
    samples = table.Samples()
    r = suites.Run(side, host, samples, counts)
    r.sections()
    output = host.run("ANEL_BENCH_SHORT=1 %s %s" % (suites.BENCH, command), 900)
    lines, sections = [json.loads(x) for x in output.splitlines() if x.startswith("{")], r.sections()
    found = {}
    for line in lines:
        for section, c in sections:
            if section == line["section"]:
                found[line["row"]] = c["hypervisor"] / line["n"]
    if not all(row in found for row in rows):
        raise machine.Failed("%s: not counted, of %s: %s" % (command, ", ".join(rows), output))
    return {row: found[row] for row in rows}


def unpack(host):
    host.run("mkdir -p /run/bench && tar xf /dev/vdc -C /run/bench")


def grow_memory(side, n):
    size = "%dG" % n
    host, counts = boot(side, size, mem=size, dom0_mem="512M", cpu=machine.PEER_CPU + ",phys-bits=42", wait=False,
                        extra=["-object", "memory-backend-ram,id=ram,size=%s,reserve=off" % size, "-machine", "memory-backend=ram"])
    try:
        return {"boot, by GiB of memory": boot_count(counts)}
    finally:
        host.close()


def grow_cpus(side, n):
    """dom0 has two vCPUs (one, if there is but one CPU), so that it is the hypervisor that grows."""
    host, counts = boot(side, "cpus%d" % n, smp=n, mem="4G", append="dom0_max_vcpus=%d" % min(n, 2),
                        extra=["-machine", "q35"], patience=1500)
    try:
        results = {"boot, by CPUs": boot_count(counts)}
        unpack(host)
        results["making a domain, by CPUs"] = per_operation(host, counts, side, "crowd 0 1", ["crowd"])["crowd"]
        got = per_operation(host, counts, side, "event 1", ["event, one vCPU", "event, two vCPUs"][:min(n, 2)])
        results["event round trip, by CPUs"] = got["event, one vCPU"]
        if n > 1:
            results["wake-up of another vCPU, by CPUs"] = got["event, two vCPUs"]
        results["wake-up by a timer, by CPUs"] = per_operation(host, counts, side, "timer timer 200", ["timer"])["timer"]
        got = per_operation(host, counts, side, "process 1", ["fork", "pipe"])
        results["fork, by CPUs"], results["pipe round trip (context switches), by CPUs"] = got["fork"], got["pipe"]
        return results
    finally:
        host.close()


def grow_domains(side, steps):
    host, counts = boot(side, "domains", smp=2)
    results, have = {}, 0
    try:
        unpack(host)
        for n in steps:
            got = per_operation(host, counts, side, "crowd %d %d" % (have, n), ["crowd"])
            have = n
            results[n] = {"making a domain, by domains": got["crowd"]}
            got = per_operation(host, counts, side, "event 1", ["event, one vCPU", "event, two vCPUs"])
            results[n]["event round trip, by domains"] = got["event, one vCPU"]
            results[n]["wake-up of another vCPU, by domains"] = got["event, two vCPUs"]
            results[n]["fork (context switches), by domains"] = per_operation(host, counts, side, "process 1", ["fork"])["fork"]
        return results
    finally:
        host.close()


def measure(what, sides, results, path):
    def keep(side, n, values):
        for plot, v in values.items():
            results.setdefault(plot, {}).setdefault(side, {})[str(n)] = v
            print("%s, %s, %d: %.0f" % (plot, side, n, v), flush=True)
        if path:
            with open(path, "w") as f:
                json.dump(results, f, indent=1)

    steps = {"memory": (MEMORY, grow_memory), "cpus": (CPUS, grow_cpus)}
    for name in what:
        for n in steps[name][0] if name in steps else (None,):
            for side in (s for s in sides if name != "memory" or n <= MEMORY_MAX[s]):
                try:
                    if n is None:
                        for count, values in grow_domains(side, DOMAINS).items():
                            keep(side, count, values)
                    else:
                        keep(side, n, steps[name][1](side, n))
                except (machine.Dead, machine.Failed) as e:
                    print("missing: %s %s %s: %s" % (name, side, n or "", e), file=sys.stderr)


def svg(title, sides):
    """Both axes are logarithmic: what is linear rises by 45 degrees if a decade is as wide as it is high."""
    width, height, margin = 480, 320, 60
    xs = [int(n) for points in sides.values() for n in points]
    ys = [v for points in sides.values() for v in points.values()]
    x0, x1 = math.log10(min(xs)), math.log10(max(xs))
    x1 = max(x1, x0 + 1)
    y0, y1 = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)) + 1e-9)
    y1 = max(y1, y0 + 1)

    def at(n, v):
        return (margin + (math.log10(n) - x0) / (x1 - x0) * (width - 2 * margin),
                height - margin - (math.log10(v) - y0) / (y1 - y0) * (height - 2 * margin))

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' % (width, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="24" font-size="14">Instructions of the hypervisor: %s</text>' % (margin, title)]
    for decade in range(y0, y1 + 1):
        y = at(min(xs), 10 ** decade)[1]
        out.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/><text x="8" y="%.1f">%s</text>' % (
            margin, y, width - margin, y, y + 4, table.large(10 ** decade)))
    for n in sorted(set(xs)):
        x = at(n, 10 ** y0)[0]
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%d</text>' % (x, height - margin + 18, n))
    for i, (side, points) in enumerate(sides.items()):
        path = [at(int(n), v) for n, v in sorted(points.items(), key=lambda p: int(p[0]))]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
            COLOURS[side], " ".join("%.1f,%.1f" % p for p in path)))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (*p, COLOURS[side]) for p in path]
        out.append('<text x="%d" y="%d" fill="%s">%s</text>' % (margin + 140 * i, height - 12, COLOURS[side], NAMES[side]))
    return "\n".join(out + ["</svg>", ""])


def show(results):
    for plot, sides in results.items():
        steps = sorted({int(n) for points in sides.values() for n in points})
        print("| %s | %s |\n| --- |%s" % (plot, " | ".join(str(n) for n in steps), " --- |" * len(steps)))
        for side, points in sides.items():
            print("| %s | %s |" % (NAMES[side], " | ".join(table.large(points[str(n)]) if str(n) in points else "-" for n in steps)))
        print()
        path = os.path.join(run.OUT, plot.replace(" ", "-").replace(",", "").replace("(", "").replace(")", "") + ".svg")
        with open(path, "w") as f:
            f.write(svg(plot, sides))


def mermaid(results):
    """Plots that a Markdown page can hold: logarithms to the base of 10, for the axis of these is linear."""
    for plot, sides in results.items():
        steps = sorted({int(n) for points in sides.values() for n in points})
        whole = {side: points for side, points in sides.items() if len(points) == len(steps)}
        if not whole:
            continue
        logs = {side: [math.log10(points[str(n)]) for n in steps] for side, points in whole.items()}
        values = [v for line in logs.values() for v in line]
        print("```mermaid\nxychart-beta\n    title \"%s (%s)\"\n    x-axis [%s]\n    y-axis \"instructions, log10\" %d --> %d" % (
            plot, ", ".join(NAMES[side] for side in whole), ", ".join(map(str, steps)), math.floor(min(values)), math.ceil(max(values))))
        for line in logs.values():
            print("    line [%s]" % ", ".join("%.2f" % v for v in line))
        print("```\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, prog="./dev bench growth")
    p.add_argument("what", nargs="*", choices=["cpus", "memory", "domains", []])
    p.add_argument("--json", metavar="FILE", help="write the results; what it has of other runs stays")
    p.add_argument("--side", action="append", choices=table.SIDES, help="only this one")
    p.add_argument("--show", metavar="FILE", help="only print what was written before")
    p.add_argument("--mermaid", action="store_true", help="print the plots too, as Markdown can hold them")
    options = p.parse_args()
    if options.show:
        with open(options.show) as f:
            results = json.load(f)
        show(results)
        if options.mermaid:
            mermaid(results)
        return
    run.compile_all()
    os.environ.setdefault("ANEL_LOGS", os.path.join(run.OUT, "logs"))
    if os.path.isdir("/dev/shm"):
        os.environ["TMPDIR"] = tempfile.tempdir = "/dev/shm"
    results = {}
    if options.json and os.path.exists(options.json):
        with open(options.json) as f:
            results = json.load(f)
    measure(options.what or ["cpus", "memory", "domains"], options.side or table.SIDES, results, options.json)
    show(results)
    if options.mermaid:
        mermaid(results)


if __name__ == "__main__":
    main()
