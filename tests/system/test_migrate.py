# SPDX-License-Identifier: GPL-2.0-or-later
"""Moving a running guest by Debian's xl, to the same host."""
import json
import re

import pytest

from guests import Guest, put_tool

# Writes the same file again and again and compares it with what it was; counts its rounds.
WORK = ("dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; (n=0; while :; do cat /tmp/a >/tmp/b; "
        "cmp /tmp/a /tmp/b || echo bad >>/tmp/bad; n=$((n+1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &")


@pytest.mark.anel
def test_live(host):
    """A guest of two vCPUs that writes all the time is moved while it runs; all that it wrote came with it."""
    g = Guest(host, "moved", vcpus=2, vif=True, extra="anel.ip=10.0.0.44").create()
    g.run(WORK, 60)
    old, sums = g.domid(), g.run("sha256sum /tmp/a", 60)
    host.run("(ping -i 0.2 10.0.0.44 >/run/pings 2>&1 & echo $! >/run/pinger)")
    out = host.run("xl -v migrate -s '' moved 'xl migrate-receive' 2>&1", 300)
    assert re.search(r"(?i)migration successful", out), out
    assert "flags 1," in out   # live: the tools have turned the log on, or they would have failed
    host.until("xl domid moved", r"^(?!%d$)\d+$" % old, 60)
    before = int(g.run("cat /tmp/n", 60))
    host.until("ping -c 1 -W 5 10.0.0.44 | grep -c '1 received'", r"^1$", 60)
    host.run("kill -INT $(cat /run/pinger)")
    assert int(g.run("sleep 3; cat /tmp/n", 60)) > before
    assert g.run("sha256sum /tmp/a", 60) == sums
    assert "No such file" in g.run("cat /tmp/bad 2>&1; true")
    g.destroy()


@pytest.mark.full
def test_image(host):
    """What xl saves is read to its end; the same cut short is refused."""
    g = Guest(host, "kept", vcpus=2).create()
    put_tool(host)
    host.run("mount -t tmpfs -o size=400m save /mnt; xl save kept /mnt/save", 240)
    try:
        seen = json.loads(host.run("anel image --json /mnt/save", 120))
        assert seen["name"] == "kept" and seen["vcpus"] == 2 and seen["version"] == 3
        # 192 MiB, but for what the balloon driver holds and pages that were never there.
        assert 180 << 10 <= seen["memory_kib"] <= 193 << 10
        assert seen["page_tables"] > 50
        rc, out = host.try_run("truncate -s -8 /mnt/save; anel image /mnt/save 2>&1", 120)
        assert rc and "too early" in out
    finally:
        host.run("umount -l /mnt")
