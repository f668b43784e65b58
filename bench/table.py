# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples, their medians, and the table."""
import statistics

from rows import ROWS

SIDES = ("xen", "anel")
RINGS = ("hypervisor", "kernel", "user")


class Samples:
    """values[side][row] is a list in the row's unit; counts[side][row] a list of the plugin's counts of one operation."""

    def __init__(self):
        self.values = {side: {} for side in SIDES}
        self.counts = {side: {} for side in SIDES}
        self.missing = []

    def add(self, side, row, value):
        self.values[side].setdefault(row, []).append(value)

    def count(self, side, row, counts):
        self.counts[side].setdefault(row, []).append(counts)

    def median_counts(self, side, row):
        lists = self.counts[side].get(row)
        if not lists:
            return None
        return {k: statistics.median(c[k] for c in lists) for k in lists[0]}


def number(x):
    if x is None:
        return "-"
    if x >= 1000:
        return "%.0f" % x
    return "%.3g" % x


def large(x):
    """Instructions: in thousands or millions."""
    for limit, scale, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if x >= limit:
            return "%.3g%s" % (x / scale, letter)
    return "%.0f" % x


def spread(values):
    if not values:
        return "-"
    return "%s (%s..%s)" % (number(statistics.median(values)), number(min(values)), number(max(values)))


def ratio(samples, row):
    a, x = (samples.values[side].get(row.name) for side in ("anel", "xen"))
    if not a or not x or not statistics.median(x):
        return None
    return statistics.median(a) / statistics.median(x)


def reached(row, r):
    return r >= row.target if row.more else r <= row.target


def counted(samples, side, row, key):
    c = samples.median_counts(side, row.name)
    if not c:
        return "-"
    if key == "instructions":
        return "/".join(large(c[k]) for k in RINGS)
    if key == "entries":
        return number(c["iret"] + c["sysret"])
    return number(c[key])


def count_ratio(samples, row):
    """All instructions, Anel to Xen."""
    a, x = (samples.median_counts(side, row.name) for side in ("anel", "xen"))
    if not a or not x:
        return "-"
    return "%.2f" % (sum(a[k] for k in RINGS) / sum(x[k] for k in RINGS))


HEAD = ["row", "unit", "Xen", "Anel", "ratio", "target", "Xen: hypervisor/kernel/user", "Anel: the same", "ratio",
        "CR3 loads", "INVLPG", "entries", "hypercalls"]


def lines(samples):
    """Lists of cells. Counts of both sides stand as Xen, Anel."""
    yield HEAD
    for row in ROWS:
        if not any(kept[s].get(row.name) for s in SIDES for kept in (samples.values, samples.counts)):
            continue
        r = ratio(samples, row)
        both = ["%s, %s" % tuple(counted(samples, s, row, key) for s in SIDES)
                for key in ("cr3", "invlpg", "entries", "hypercall")]
        yield [row.name, row.unit, spread(samples.values["xen"].get(row.name)), spread(samples.values["anel"].get(row.name)),
               "-" if r is None else "%.2f%s" % (r, "" if reached(row, r) else " !"),
               "%s %.2f" % (">=" if row.more else "<=", row.target),
               counted(samples, "xen", row, "instructions"), counted(samples, "anel", row, "instructions"), count_ratio(samples, row)] + both


def markdown(samples):
    out = []
    for i, cells in enumerate(lines(samples)):
        out.append("| " + " | ".join(cells) + " |")
        if not i:
            out.append("| " + " | ".join("---" for _ in cells) + " |")
    return "\n".join(out)


def plain(samples):
    table = list(lines(samples))
    widths = [max(len(cells[i]) for cells in table) for i in range(len(HEAD))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(cells, widths)).rstrip() for cells in table)
