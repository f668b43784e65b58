#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""move.py [--rounds N] [--json FILE]: saving, restoring and moving a guest by xl and by anel, in turn, in one dom0 on Anel.

The guest has 256 MiB, a disk and a card, and does nothing. Files are on a tmpfs. The gap is the longest time between two answers to
pings of 20 a second, where the guest never was gone for longer than its move.
"""
import argparse
import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
ADDRESS = "10.0.0.60"
TOOLS = {
    "xl": {"save": "xl save moved /mnt/save", "restore": "xl restore -e /mnt/save",
           "migrate": "xl migrate -s '' moved 'xl migrate-receive'"},
    "anel": {"save": "anel save moved /mnt/save", "restore": "anel restore -q /mnt/save",
             "migrate": "anel migrate --live moved localhost"},
}


def seconds(host, command):
    out = host.run("t=$(date +%%s.%%N); (%s) >/run/out 2>&1 || { cat /run/out; exit 1; }; echo $t $(date +%%s.%%N)" % command, 600)
    begin, end = out.split()[-2:]
    return float(end) - float(begin)


def answers(host):
    host.until("ping -c 1 -W 2 %s | grep -c '1 received'" % ADDRESS, r"^1$", 120)


def gap(host, what):
    """Seconds for a command, and the longest silence of the guest meanwhile."""
    host.run("(ping -D -i 0.05 %s >/run/pings 2>&1 & echo $! >/run/pinger); sleep 1" % ADDRESS)
    taken = seconds(host, what)
    answers(host)
    host.run("sleep 1; kill -INT $(cat /run/pinger)")
    times = [float(t) for t in re.findall(r"^\[([\d.]+)\] \d+ bytes from", host.run("cat /run/pings"), re.M)]
    return taken, max(b - a for a, b in zip(times, times[1:]))


def measure(host, rounds):
    samples = {}
    for _ in range(rounds):
        for tool, commands in TOOLS.items():
            for name in ("save", "restore"):
                samples.setdefault((name, tool), []).append(seconds(host, commands[name]))
            answers(host)
            taken, silence = gap(host, commands["migrate"])
            samples.setdefault(("migrate", tool), []).append(taken)
            samples.setdefault(("gap", tool), []).append(silence)
    return samples


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--hypervisor", help="to boot instead of Anel's release build")
    p.add_argument("--json", metavar="FILE")
    options = p.parse_args()
    sys.path[:0] = [HERE, os.path.join(TOP, "harness")]
    import guests
    import machine
    host = machine.Machine("move", kernel=options.hypervisor or os.path.join(TOP, "build/release/hypervisor/anel"),
                           kernel_args="quiet", boot_timeout=400, cpu=machine.PEER_CPU)
    try:
        with open(os.path.join(TOP, "build/cli/anel/anel"), "rb") as f:
            host.put("/usr/local/bin/anel", f.read())
        host.run("chmod +x /usr/local/bin/anel; mount -t tmpfs -o size=400m save /mnt")
        disk = "format=raw,vdev=xvda,access=rw,backendtype=phy,target=" + host.run("findfs LABEL=anel-guest").strip()
        guests.Guest(host, "moved", memory=256, disk=disk, vif=True,
                     extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=" + ADDRESS).create()
        answers(host)
        samples = measure(host, options.rounds)
    finally:
        host.close()
    print("| row | xl s | anel s | ratio |\n| --- | --- | --- | --- |")
    for name in ("save", "restore", "migrate", "gap"):
        xl, anel = (statistics.median(samples[name, tool]) for tool in ("xl", "anel"))
        print("| %s | %.2f | %.2f | %.2f |" % (name, xl, anel, anel / xl))
    if options.json:
        with open(options.json, "w") as f:
            json.dump([[*key, values] for key, values in samples.items()], f)


if __name__ == "__main__":
    main()
