# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels' warnings: dom0 and a guest may complain of nothing that they do not complain of on Debian's Xen.

data/*.txt are what they said there. `ANEL_RECORD=1 ./dev test --peer tests/system/test_messages.py` writes them anew."""
import os
import re

import machine
from guests import Guest

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def normal(text):
    """Messages without what differs from run to run: time stamps and numbers."""
    lines = set()
    for line in text.splitlines():
        line = re.sub(r"^(<\d+>)?(\[ *\d+\.\d+\] *)?", "", line.strip())
        line = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,16}\b|\d+", "#", line)
        if line:
            lines.add(line)
    return lines


# Races of Linux's own, met when the machine is busy.
RACES = {"xen_netback:xenvif_start_xmit: Invalid queue # for packet on interface vif#.#"}    # a packet meets a card that is going


def compare(name, text):
    path = os.path.join(DATA, name + ".txt")
    said = normal(text)
    if machine.PEER and os.environ.get("ANEL_RECORD"):
        os.makedirs(DATA, exist_ok=True)
        with open(path) as f:
            said |= set(f.read().splitlines())
        with open(path, "w") as f:
            f.write("".join(line + "\n" for line in sorted(said)))
    with open(path) as f:
        known = set(f.read().splitlines())
    assert sorted(said - known - RACES) == []


def test_dom0_warnings(host):
    compare("dom0-warnings", host.run("dmesg --raw -l warn,err,crit,alert,emerg"))


def test_guest_warnings(host):
    g = Guest(host, "quiet", vcpus=2, vif=True).create()
    text = g.run("dmesg -r | grep '^<[0-4]>'; true")
    compare("guest-warnings", text)
    g.destroy()


def test_hypervisor_log(host):
    """No complaint of the hypervisor's own about this boot."""
    bad = [line for line in host.run("xl dmesg").splitlines()
           if re.search(r"(?i)\b(error|bug|warn(ing)?|fail(ed|ure)?|unhandled|unknown|assert\w*)\b", line)]
    compare("hypervisor", "\n".join(bad))
