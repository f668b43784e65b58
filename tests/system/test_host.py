# SPDX-License-Identifier: GPL-2.0-or-later
"""What Debian's tools do to the host itself, in dom0: its CPUs."""
import re

import pytest

from guests import Guest


def nr_cpus(host):
    return host.run("xl info | awk '$1 == \"nr_cpus\" {print $3}'").strip()


def test_cpu_offline_online(host):
    """A CPU goes from under dom0 and a busy guest and comes back; both go on."""
    g = Guest(host, "plugged", vcpus=2).create()
    g.run("(while :; do :; done) & (while :; do :; done) & echo")
    assert host.try_run("xen-hptool cpu-offline 0")[0]
    for _ in range(2):
        host.run("xen-hptool cpu-offline 1")
        assert nr_cpus(host) == "1"
        assert g.run("echo alive").strip() == "alive"
        assert {line.split()[3] for line in host.run("xl vcpu-list plugged").splitlines()[1:]} <= {"0", "-"}
        host.run("xen-hptool cpu-online 1")
        assert nr_cpus(host) == "2"
    assert host.try_run("xen-hptool cpu-online 7")[0]
    assert g.run("echo alive").strip() == "alive"
    g.destroy()


@pytest.mark.second
def test_tsc_emulated(host):
    """A guest whose RDTSC traps keeps time, and keeps it over save and restore."""
    g = Guest(host, "ticks", options=['tsc_mode="always_emulate"']).create()

    def now():
        return float(g.run("cut -d' ' -f1 /proc/uptime"))

    before = now()
    g.run("sleep 2")
    assert 2 <= now() - before < 60
    host.run("xl save ticks /run/ticks.save", 120)
    host.run("xl restore /run/ticks.save; rm /run/ticks.save", 120)
    assert now() > before + 2
    g.run("sleep 1")
    g.destroy()


def test_hypfs(host):
    """xenhypfs shows the tree, and agrees with xl info."""
    tree = host.run("xenhypfs tree")
    assert "buildinfo/" in tree and "cpupool/" in tree
    info = dict(re.findall(r"^(\w+)\s*: (.*)$", host.run("xl info"), re.M))
    for name in ("major", "minor"):
        assert host.run("xenhypfs cat /buildinfo/version/" + name).strip() == info["xen_" + name]
    assert host.run("xenhypfs cat /buildinfo/compileinfo/compiler").strip() == info["cc_compiler"].strip()
    assert re.fullmatch(r"[0-9a-f]{40}", info["build_id"].strip())
