# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the table: what is measured, in what unit, and what Anel is to reach."""
from collections import namedtuple

# scale: from what the programs report to the unit. more: a larger value is better. target: Anel to Xen, at most or, if more, at least.
Row = namedtuple("Row", "name suite unit scale more target")


def time(name, suite, unit="us", target=1.0):
    return Row(name, suite, unit, {"us": 1e6, "ms": 1e3, "s": 1}[unit], False, target)


def rate(name, suite, unit, target, scale=1):
    return Row(name, suite, unit, scale, True, target)


PROCESS = [("fork+exec", 0.75), ("fork", 1.0), ("getppid", 0.75), ("page fault", 0.75), ("signal", 1.0), ("pipe", 1.0),
           ("computing", 1.0)]

ROWS = (
    [time("boot to dom0's kernel", "boot", "s", 0.5), time("boot to dom0's first process", "boot", "s"),
     time("boot to login", "boot", "s"),
     Row("memory kept by the hypervisor", "memory", "MiB", 1, False, 0.5)]
    + [time("dom0: " + name, "process", "us", target) for name, target in PROCESS]
    + [time("dom0: compile", "compile", "ms"),
       time("dom0: ioctl", "xen"), time("dom0: hypercall", "xen"),
       time("dom0: event, one vCPU", "xen", target=0.75), time("dom0: event, two vCPUs", "xen", target=0.75),
       time("dom0: timer, idle", "timer"),
       time("create -p", "create", "ms"), time("create", "create", "ms"), time("create: first line", "create", "ms"),
       time("destroy", "create", "ms"), Row("overhead of a domain", "create", "KiB", 1, False, 0.75)]
    + [time("domU: " + name, "guest", "us", target) for name, target in PROCESS]
    + [time("domU: compile", "guest", "ms"), time("domU: timer, idle", "guest"),
       rate("disk: 4k reads, depth 1", "disk", "/s", 1.5), rate("disk: 4k reads, depth 16", "disk", "/s", 1.5),
       rate("disk: 1M reads", "disk", "MiB/s", 1.0), rate("disk: 1M writes", "disk", "MiB/s", 1.0),
       rate("net: dom0 to guest", "net", "Mbit/s", 1.25, 8 * 1.048576),
       rate("net: guest to dom0", "net", "Mbit/s", 1.25, 8 * 1.048576),
       rate("net: guest to guest", "net", "Mbit/s", 1.25, 8 * 1.048576),
       time("net: ping dom0 to guest", "net"), time("net: ping guest to guest", "net")]
    + [time("an idle guest, a second", "idle")]
    # 1 is fair: what the guest with the least got done to that with the most; and a double weight's part to twice the others'.
    + [Row("busy: work, least to most", "busy", "", 1, True, 1.0), Row("busy: part of weight 512", "busy", "", 1, True, 1.0),
       Row("busy: work in all", "busy", "thousand rounds", 1, True, 1.0)]
    + [time(name + end, "busy") for name in ("dom0: timer, under load", "dom0: event, two vCPUs, under load",
                                             "domU: timer, under load") for end in ("", ", 99 %")
       if "event" not in name or not end]
)
BY_NAME = {row.name: row for row in ROWS}
