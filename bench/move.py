#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""move.py [--quick] [--rounds N] [--remote] [--json FILE]: saving, restoring and moving a guest by xl and by anel.

In turn: a boot of Debian's Xen with xl, a boot of Anel with xl and anel in turn. The guest has 256 MiB, a disk and a card, and does
nothing; files are on a tmpfs. It is PV, but for xl's move on Debian's Xen, which can do that live with PVH guests only. The gap is the
longest time between two answers to pings of 200 a second while the guest is moved; lost are those that had no answer. anel's move says
where its time went. With --remote only anel's moves to another host: two machines at once, by ssh, there and back; pings come from
where the guest was.
"""
import argparse
import json
import os
import re
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TOP, "harness")]

import guests       # noqa: E402
import machine      # noqa: E402
import pair         # noqa: E402

KERNELS = {"Xen": os.path.join(TOP, "build/images/peer-xen"), "Anel": os.path.join(TOP, "build/release/hypervisor/anel")}
ADDRESS = "10.0.0.60"
TOOLS = {
    "xl": {"save": "xl save moved /mnt/save", "restore": "xl restore -e /mnt/save",
           "migrate": "xl migrate -s '' moved 'xl migrate-receive'"},
    "anel": {"save": "anel save moved /mnt/save", "restore": "anel restore -q /mnt/save",
             "migrate": "anel migrate --live --verbose moved localhost"},
}
COLUMNS = ("xl, Xen", "xl, Anel", "anel, Anel")
# Name, unit, and what anel on Anel is to reach of xl on Debian's Xen.
ROWS = (("save", "s", 0.5), ("save: CPU", "s", None), ("restore", "s", 0.5), ("restore: CPU", "s", None), ("migrate", "s", None),
        ("migrate: CPU", "s", None), ("gap", "s", 0.1), ("lost", "pings", None))


def timed(host, command):
    """Seconds that a command takes, and seconds of CPU of it and its children."""
    host.put("/run/timed", "TIMEFORMAT='%%R %%U %%S'\ntime { %s; } >/run/out 2>&1 </dev/null || { cat /run/out; exit 1; }\n" % command)
    real, user, system = host.run("bash /run/timed 2>&1", 600).split()
    return float(real), float(user) + float(system)


def answers(host):
    host.until("ping -c 1 -W 2 %s | grep -c '1 received'" % ADDRESS, r"^1$", 180)


def moved(host, command):
    """What timed() returns, the longest silence of the guest meanwhile, and how many pings it did not answer."""
    host.run("(ping -D -i 0.005 %s >/run/pings 2>&1 & echo $! >/run/pinger); sleep 1" % ADDRESS)
    taken = timed(host, command)
    print(host.run("cat /run/out"), end="", flush=True)
    answers(host)
    host.run("sleep 1; kill -INT $(cat /run/pinger); sleep 0.5")
    out = host.run("cat /run/pings")
    times = [float(t) for t in re.findall(r"^\[([\d.]+)\] \d+ bytes from", out, re.M)]
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", out).groups())
    return (*taken, max(b - a for a, b in zip(times, times[1:])), sent - received)


def make_guest(host, kind, where=None):
    where = where or host.run("findfs LABEL=anel-guest").strip()
    disk = "format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + where
    g = guests.Guest(host, "moved", memory=256, disk=disk, vif=True,
                     extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=" + ADDRESS)
    host.run("sed -i 's/^type=.*/type=\"%s\"/' %s" % (kind, g.config))
    g.create(ready=None)
    answers(host)
    return g


class Bench:
    def __init__(self, by_instructions):
        self.samples = {}
        self.by_instructions = by_instructions

    def add(self, column, row, *values):
        for name, value in zip((row, row + ": CPU"), values):
            print("  %s: %s %.2f" % (column, name, value), flush=True)
            self.samples.setdefault(column, {}).setdefault(name, []).append(value)

    def files(self, host, column, commands):
        for name in ("save", "restore"):
            self.add(column, name, *timed(host, commands[name]))
        answers(host)

    def move(self, host, column, commands):
        real, cpu, gap, lost = moved(host, commands["migrate"])
        self.add(column, "migrate", real, cpu)
        self.add(column, "gap", gap)
        self.add(column, "lost", lost)

    def xen(self, host, samples):
        g = make_guest(host, "pv")
        for _ in range(samples):
            self.files(host, "xl, Xen", TOOLS["xl"])
        g.destroy()
        guests.wait_gone(host)
        make_guest(host, "pvh")
        for _ in range(samples):
            self.move(host, "xl, Xen", TOOLS["xl"])

    def anel(self, host, samples):
        guests.put_tool(host)
        make_guest(host, "pv")
        for _ in range(samples):
            for tool, commands in TOOLS.items():
                self.files(host, tool + ", Anel", commands)
                self.move(host, tool + ", Anel", commands)

    def boot(self, side, number, samples):
        host = machine.Machine("move-%s%d" % (side, number), kernel=KERNELS[side], kernel_args="quiet", boot_timeout=400,
                               cpu=machine.PEER_CPU, append=machine.PEER_WORDS if side == "Xen" else "",
                               by_instructions=self.by_instructions)
        try:
            host.run("mount -t tmpfs -o size=400m save /mnt")
            (self.xen if side == "Xen" else self.anel)(host, samples)
        finally:
            host.close()

    def remote(self, number, samples):
        """There and back for each sample."""
        with tempfile.TemporaryDirectory() as folder:
            two = pair.Pair(folder, "move-pair%d" % number, kernel=KERNELS["Anel"], kernel_args="quiet", cpu=machine.PEER_CPU)
            try:
                make_guest(two.hosts[0], "pv", pair.DISK)
                for _ in range(samples):
                    for here, there in ((two.hosts[0], pair.B), (two.hosts[1], pair.A)):
                        self.move(here, "anel, Anel", {"migrate": "anel migrate --live --verbose moved " + there})
            finally:
                two.close()

    def median(self, column, row):
        values = self.samples.get(column, {}).get(row)
        return statistics.median(values) if values else None

    def table(self):
        yield "| row | unit | %s | to xl on Xen | to xl on Anel | target |" % " | ".join(COLUMNS)
        yield "| --- | --- | %s--- | --- | --- |" % ("--- | " * len(COLUMNS))
        for row, unit, target in ROWS:
            cells = [self.median(column, row) for column in COLUMNS]
            ratios = ["%.2f" % (cells[2] / x) if x and cells[2] is not None else "-" for x in cells[:2]]
            yield "| %s | %s | %s | %s | %s |" % (row, unit, " | ".join("-" if c is None else "%.2f" % c for c in cells),
                                                  " | ".join(ratios), "-" if target is None else "<= %.1f" % target)


def main():
    p = argparse.ArgumentParser(description=__doc__, prog="./dev bench move")
    p.add_argument("--rounds", type=int, default=3, help="boots of each side (3)")
    p.add_argument("--samples", type=int, default=2, help="of each row and boot (2)")
    p.add_argument("--quick", action="store_true", help="one boot of each, one sample")
    p.add_argument("--side", choices=list(KERNELS), action="append", help="this one alone")
    p.add_argument("--remote", action="store_true", help="anel's moves to another host alone")
    p.add_argument("--json", metavar="FILE", help="write all samples")
    p.add_argument("--by-instructions", action="store_true", help="a dom0 of one CPU, whose time goes by instructions")
    options = p.parse_args()
    if options.quick:
        options.rounds = options.samples = 1
    # What the snapshots of disks write goes to memory: the disk's pace is not what is measured.
    if os.path.isdir("/dev/shm"):
        os.environ["TMPDIR"] = tempfile.tempdir = "/dev/shm"
    os.environ.setdefault("ANEL_LOGS", os.path.join(TOP, "build/bench/logs"))
    bench, failed = Bench(options.by_instructions), []
    for i in range(options.rounds):
        for side in ["remote"] if options.remote else options.side or KERNELS:
            try:
                if options.remote:
                    bench.remote(i, options.samples)
                else:
                    bench.boot(side, i, options.samples)
            except (machine.Failed, machine.Dead) as e:
                failed.append("%s, boot %d: %s" % (side, i, e))
                print(e, file=sys.stderr)
            if options.json:
                with open(options.json, "w") as f:
                    json.dump(bench.samples, f, indent=1)
    print("\n".join(bench.table()))
    for line in failed:
        print("missing: " + line.splitlines()[0])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
