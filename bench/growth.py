#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""growth.py [memory|domains...]: how costs grow, in instructions, on both hypervisors; a plot (SVG) for each in build/bench.

What is plotted are counts of the hypervisor's instructions; where something waits, what it waits for is in them.
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

MEMORY = (1, 64)     # GiB
DOMAINS = (1, 10, 100, 500)
COLOURS = {"xen": "#b04030", "anel": "#2060a0"}
NAMES = {"xen": "Debian's Xen", "anel": "Anel"}


def boot(side, name, **options):
    counts = os.path.join(run.OUT, "growth-%s-%s.counts" % (side, name))
    if os.path.exists(counts):
        os.unlink(counts)
    extra = ["-drive", "file=%s/anel-bench.tar,if=virtio,format=raw,readonly=on" % run.OUT,
             "-plugin", "file=%s/count.so,out=%s" % (run.OUT, counts)] + options.pop("extra", [])
    options.setdefault("cpu", machine.PEER_CPU)
    return machine.Machine("growth-%s-%s" % (side, name), kernel=run.KERNELS[side], kernel_args="quiet", extra=extra,
                           boot_timeout=600, **options), counts


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
    output = host.run("ANEL_BENCH_SHORT=1 %s %s" % (suites.BENCH, command), 400)
    lines, sections = [json.loads(x) for x in output.splitlines() if x.startswith("{")], r.sections()
    found = {}
    for line in lines:
        for section, c in sections:
            if section == line["section"]:
                found[line["row"]] = c["hypervisor"] / line["n"]
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


def measure(what, results):
    def keep(side, n, values):
        for plot, v in values.items():
            results.setdefault(plot, {}).setdefault(side, {})[str(n)] = v
            print("%s, %s, %d: %.0f" % (plot, side, n, v), flush=True)

    steps = {"memory": (MEMORY, grow_memory)}
    for name in what:
        for n in steps[name][0] if name in steps else (None,):
            for side in table.SIDES:
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
    x0, x1 = math.log10(min(xs)), math.log10(max(xs)) or 1
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


def main():
    p = argparse.ArgumentParser(description=__doc__, prog="./dev bench growth")
    p.add_argument("what", nargs="*", choices=["memory", "domains", []])
    p.add_argument("--json", metavar="FILE", help="write the results; what it has of other runs stays")
    options = p.parse_args()
    run.compile_all()
    os.environ.setdefault("ANEL_LOGS", os.path.join(run.OUT, "logs"))
    if os.path.isdir("/dev/shm"):
        os.environ["TMPDIR"] = tempfile.tempdir = "/dev/shm"
    results = {}
    if options.json and os.path.exists(options.json):
        with open(options.json) as f:
            results = json.load(f)
    measure(options.what or ["memory", "domains"], results)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)
    show(results)


if __name__ == "__main__":
    main()
