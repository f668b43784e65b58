#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""growth.py: how the boot grows with memory, in instructions until dom0's kernel, on both hypervisors; a table, and a plot (SVG) in build/bench."""
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
import table        # noqa: E402

MEMORY = (1, 64)     # GiB
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


def grow_memory(side, n):
    size = "%dG" % n
    host, counts = boot(side, size, mem=size, dom0_mem="512M", cpu=machine.PEER_CPU + ",phys-bits=42", wait=False,
                        extra=["-object", "memory-backend-ram,id=ram,size=%s,reserve=off" % size, "-machine", "memory-backend=ram"])
    try:
        return {"boot, by GiB of memory": boot_count(counts)}
    finally:
        host.close()


def measure(results):
    for n in MEMORY:
        for side in table.SIDES:
            try:
                values = grow_memory(side, n)
            except (machine.Dead, machine.Failed) as e:
                print("missing: %s, %d GiB: %s" % (side, n, e), file=sys.stderr)
                continue
            for plot, v in values.items():
                results.setdefault(plot, {}).setdefault(side, {})[str(n)] = v
                print("%s, %s, %d: %.0f" % (plot, side, n, v), flush=True)


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
    measure(results)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)
    show(results)


if __name__ == "__main__":
    main()
