# SPDX-License-Identifier: GPL-2.0-or-later
"""The suites: each measures some rows on one machine that is up. A suite that fails does not keep the others from running."""
import json
import re
import statistics

import guests
import machine
from rows import BY_NAME

BENCH = "/run/bench/anel-bench"
PAGES = 256     # a MiB
SECTION = re.compile(r"(\d+) (.*)")


class Run:
    """One machine that is measured, and where its samples go. With `counts` (the plugin's file) only counts are kept."""

    def __init__(self, side, host, samples, counts=None):
        self.side, self.host, self.samples, self.counts = side, host, samples, counts
        self.seen = 0
        self.repeat = 1 if counts else 2
        self.short = "ANEL_BENCH_SHORT=1 " if counts else ""

    def sections(self):
        """What the plugin wrote since the last call: [(section, {kind: count})]."""
        if not self.counts:
            return []
        with open(self.counts) as f:
            text = f.read().splitlines()[self.seen:]
        self.seen += len(text)
        found = []
        for line in text:
            section, rest = SECTION.match(line).groups()
            found.append((int(section), {k: int(v) for k, v in (w.split("=") for w in rest.split())}))
        return found

    def add(self, row, value):
        """A value in the row's own unit."""
        if not self.counts:
            self.samples.add(self.side, row, value)

    def take(self, output, names, key="seconds"):
        """The JSON lines of a program; names: its row to ours, or a function of it. Times become the row's unit."""
        counted = self.sections()
        for line in output.splitlines():
            if not line.startswith("{"):
                continue
            r = json.loads(line)
            name = names(r["row"]) if callable(names) else names.get(r["row"])
            if name is None:
                continue
            row = BY_NAME[name]
            if row.more:
                self.add(name, r["n"] / r["seconds"] * row.scale)
            else:
                self.add(name, (r["median"] if "median" in r else r["seconds"] / r["n"]) * row.scale)
            for i, (section, counts) in enumerate(counted):
                if section == r["section"]:
                    self.samples.count(self.side, name, {k: v / r["n"] for k, v in counts.items()})
                    del counted[i]
                    break

    def dom0(self, command, names, timeout=400):
        self.sections()
        self.take(self.host.run("%s%s %s" % (self.short, BENCH, command), timeout), names)

    def guest(self, guest, command, names, timeout=400):
        self.sections()
        self.take(guest.run("%s/bench/anel-bench %s" % (self.short, command), timeout), names)

    def domains(self):
        """{"free": pages, "domains": {id: {"pages": ..., "cpu_ns": ...}}} as the hypervisor says."""
        return json.loads(self.host.run(BENCH + " domains"))

    def pages(self):
        """Free pages, and those of all domains."""
        d = self.domains()
        return d["free"], sum(x["pages"] for x in d["domains"].values())


def bench_guest(run, name, root=False, **options):
    """A guest that has the programs in /bench: in its initrd, or on the root disk that the harness brings."""
    host = run.host
    if root:
        host.run("mount /dev/vdb /mnt && mkdir -p /mnt/bench && cp /run/bench/* /mnt/bench/ && umount /mnt")
        options["disk"] = "phy:/dev/vdb,xvda,w"
    else:
        # The kernel wants an archive that is not compressed at a multiple of 4 bytes.
        host.run("[ -e /run/bench-initrd ] || { cat /boot/guest-initrd; head -c $((-$(stat -c %s /boot/guest-initrd) & 3)) /dev/zero; "
                 "cd /run && find bench | busybox cpio -o -H newc; } >/run/bench-initrd")
        options["ramdisk"] = "/run/bench-initrd"
    g = guests.Guest(host, name, **options)
    for attempt in range(3):
        try:
            return g.create(timeout=180)
        except machine.Failed:
            # On a busy machine the tools' scripts for devices may take longer than the tools wait for them.
            if attempt == 2:
                raise
            host.try_run("xl destroy " + name, 90)


def settle(run):
    """Dead domains gone, and their memory given back."""
    guests.wait_gone(run.host)
    run.host.until(BENCH + ' domains | grep -c \'"scrub": 0\'', "^1$", 60)


def boot(run):
    m = run.host
    for name, seconds in (("boot to dom0's kernel", m.arrival("mapping kernel into physical memory")),
                          ("boot to dom0's first process", m.arrival("anel-initrd: started")),
                          ("boot to login", m.boot_seconds)):
        if seconds is not None:
            run.add(name, seconds)
    for section, counts in run.sections():
        if section == 255:
            run.samples.count(run.side, "boot to dom0's kernel", counts)
    m.run(BENCH + " mark 1")
    for section, counts in run.sections():
        if section == 1:
            run.samples.count(run.side, "boot to login", counts)


def memory(run):
    settle(run)
    free, owned = run.pages()
    run.add("memory kept by the hypervisor", (run.ram_pages - free - owned) / PAGES)


def process(run):
    run.dom0("process %d" % run.repeat, lambda row: "dom0: " + row)


def compile_(run):
    run.sections()
    run.take(run.host.run("bash /run/bench/compile.sh %d" % run.repeat, 400), lambda row: "dom0: " + row)


def xen(run):
    run.dom0("hypercall %d" % run.repeat, lambda row: "dom0: " + row)
    run.dom0("event %d" % run.repeat, lambda row: "dom0: " + row)


def timer(run):
    for _ in range(run.repeat):
        run.dom0("timer idle 300", {"idle": "dom0: timer, idle"})


def create(run):
    """A Debian guest without devices."""
    g = guests.Guest(run.host, "made", memory=192, extra="loglevel=6")
    log = guests.LOG % "made"
    for i in range(1 if run.counts else 2):
        settle(run)
        free, owned = run.pages()
        run.dom0("run create-p 65 xl create -q -p %s" % g.config, {"create-p": "create -p"})
        free_then, owned_then = run.pages()
        # The first makes Anel take what it then has for ever, memory for the M2P: the hypervisor's, not a domain's.
        if i:
            run.add("overhead of a domain", ((free - free_then) - (owned_then - owned)) * 4)
        run.dom0("run destroy 66 xl destroy made", {"destroy": "destroy"})
        settle(run)
        run.host.run(": >" + log)
        run.dom0("create 67 %s 'Linux version' xl create -q %s" % (log, g.config),
                 {"create": "create", "first line": "create: first line"})
        g.destroy()


def guest(run):
    g = bench_guest(run, "unix", root=True, memory=256, extra="root=/dev/xvda init=/usr/lib/anel/init")
    run.guest(g, "process %d" % run.repeat, lambda row: "domU: " + row)
    run.sections()
    run.take(g.run("bash /bench/compile.sh %d" % run.repeat, 400), lambda row: "domU: " + row)
    for _ in range(run.repeat):
        run.guest(g, "timer idle 300", {"idle": "domU: timer, idle"})
    g.destroy()


def disk(run):
    run.host.run("modprobe brd rd_nr=1 rd_size=131072 && dd if=/dev/zero of=/dev/ram0 bs=1M count=128 2>/dev/null")
    g = bench_guest(run, "disk", disk="phy:/dev/ram0,xvda,w")
    run.guest(g, "disk /dev/xvda %d" % run.repeat, lambda row: "disk: " + row)
    g.destroy()
    run.host.run("rmmod brd", 60)


def net(run):
    a = bench_guest(run, "neta", vif=True, extra="anel.ip=10.0.0.11")
    b = bench_guest(run, "netb", vif=True, extra="anel.ip=10.0.0.12")
    a.run("setsid /bench/anel-bench serve >/dev/null 2>&1 &")
    run.host.until(BENCH + " ping 10.0.0.11 5 1", "median", 30)
    run.dom0("ping 10.0.0.11 150 %d" % run.repeat, {"ping": "net: ping dom0 to guest"})
    run.dom0("to 10.0.0.11 12 %d" % run.repeat, {"to": "net: dom0 to guest"})
    run.dom0("from 10.0.0.11 12 %d" % run.repeat, {"from": "net: guest to dom0"})
    b.run("/bench/anel-bench ping 10.0.0.11 5 1")
    run.guest(b, "ping 10.0.0.11 150 %d" % run.repeat, {"ping": "net: ping guest to guest"})
    run.guest(b, "to 10.0.0.11 12 %d" % run.repeat, {"to": "net: guest to guest"})
    a.destroy()
    b.destroy()


def idle(run):
    """What guests that have nothing to do cost in a second. dom0's own idling is subtracted."""
    def seconds(n):
        run.sections()
        before = run.domains()["domains"]
        run.host.run("%s run idle 66 sleep %d" % (BENCH, n))
        after, counted = run.domains()["domains"], run.sections()
        return ({k: v / n for k, v in counted[0][1].items()} if counted else {},
                [(d["cpu_ns"] - before[i]["cpu_ns"]) / n / 1e3 for i, d in after.items() if i != "0"])

    none, _ = seconds(20)
    guests_ = [bench_guest(run, "idle%d" % i, memory=96) for i in range(4)]
    run.host.run("sleep 10")
    some, cpu = seconds(20)
    run.add("an idle guest, a second", statistics.mean(cpu))
    if some:
        run.samples.count(run.side, "an idle guest, a second", {k: max(0, v - none[k]) / len(guests_) for k, v in some.items()})
    for g in guests_:
        g.destroy()


def window(run, workers, seconds, during=lambda: None):
    """What each of the guests got done in the same seconds, while `during` runs, which must end before."""
    start = int(run.host.run("date +%s")) + 12 + 2 * len(workers)
    for g in workers:
        g.run("setsid /bench/anel-bench work %d %d >/work 2>&1 &" % (start, seconds))
    run.host.run("while [ $(date +%%s) -lt %d ]; do sleep 0.2; done" % (start + 1), 120)
    during()
    if int(run.host.run("date +%s")) >= start + seconds:
        raise machine.Failed("what runs under load took longer than the load, %d s" % seconds)
    run.host.run("while [ $(date +%%s) -lt %d ]; do sleep 1; done" % (start + seconds + 1), 10 * seconds)
    said = [g.run("while [ ! -s /work ]; do sleep 1; done; cat /work", 60).strip() for g in workers]
    if not all(s.startswith("{") for s in said):
        raise machine.Failed("work: " + "; ".join(said))
    return [json.loads(s)["n"] for s in said]


def busy(run):
    """Eight guests that only compute, beside dom0 and a ninth that sleeps for moments."""
    workers = [bench_guest(run, "busy%d" % i, memory=96) for i in range(8)]
    watcher = bench_guest(run, "watcher", memory=96)

    def timer_of(name, output):
        run.take(output, {"timer": name})
        run.add(name + ", 99 %", json.loads(output)["p99"] * 1e6)

    def latencies():
        timer_of("dom0: timer, under load", run.host.run(BENCH + " timer timer 300", 120))
        run.take(run.host.run("ANEL_BENCH_SHORT=1 %s event 1" % BENCH),
                 {"event, two vCPUs": "dom0: event, two vCPUs, under load"})
        timer_of("domU: timer, under load", watcher.run("/bench/anel-bench timer timer 300", 120))

    done = window(run, workers, 40, latencies)
    run.add("busy: work, least to most", min(done) / max(done))
    run.add("busy: work in all", sum(done) / 1e3)
    run.host.run("xl sched-credit2 -d busy0 -w 512")
    heavy, *others = window(run, workers, 20)
    part = heavy / statistics.mean(others) / 2
    run.add("busy: part of weight 512", min(part, 1 / part))
    for g in workers + [watcher]:
        g.destroy()


# Suites whose rows are no operations that instructions could be counted of.
UNCOUNTED = ("memory", "busy")
ALL = (("boot", boot), ("memory", memory), ("process", process), ("compile", compile_), ("xen", xen), ("timer", timer),
       ("create", create), ("guest", guest), ("disk", disk), ("net", net), ("idle", idle), ("busy", busy))
