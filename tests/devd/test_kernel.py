# SPDX-License-Identifier: GPL-2.0-or-later
"""anel-devd with a real kernel's network block devices: Debian's user-mode Linux as a process (kernel_init.py is its init)."""
import os
import re
import subprocess

from built import built

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_kernel():
    built("daemons/devd/anel-devd", "daemons/devd/anel-given.so", "daemons/keep/anel-keep")
    p = subprocess.run(["linux.uml", "rootfstype=hostfs", "rootflags=/", "ro", "mem=512M", "quiet", "con0=fd:0,fd:1", "con=null",
                        "init=" + os.path.join(TOP, "tests/devd/kernel_init.py")], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=600)
    assert re.findall(r"^right: (\w+)", p.stdout, re.M) == ["users", "clients", "killed", "given_up"], p.stdout[-6000:]
