# SPDX-License-Identifier: GPL-2.0-or-later
"""Our store in a real dom0: Debian's tools beside it, guests on their rings, and kills under load."""
import os
import re

import pytest

from guests import AnelGuest, left_of, wait_gone
from machine import TOP


def put_load(host, program="store_load.py"):
    for path in ("tests/store/client.py", "tests/store/page.py", "tests/system/dom0/" + program):
        with open(os.path.join(TOP, path), "rb") as f:
            host.put("/run/" + os.path.basename(path), f.read())


@pytest.mark.full
def test_store_killed(ours):
    """Killed again and again under load: clients lose nothing, a guest's network goes on, and xl, xenstore-* and xentop work after."""
    assert ours.run("ps -e -o comm= | grep -xE 'xenstored|xenconsoled|anel-stored|anel-consoled|anel-domd' | sort").split() == [
        "anel-consoled", "anel-domd", "anel-stored"]
    put_load(ours)
    g = AnelGuest(ours, "calm", vif=True, extra="anel.ip=10.0.0.51").create()
    domid = g.domid()
    ours.run("xenstore-write /local/domain/%d/mine here" % domid)
    ours.run("(ping -i 0.5 -w 300 10.0.0.51 >/run/ping.log; echo >>/run/ping.log ended) </dev/null >/dev/null 2>&1 &")
    print(ours.run("cd /run && python3 store_load.py 20", 180))
    ours.run("pkill -INT -x ping")
    assert re.search(r" 0% packet loss", ours.until("cat /run/ping.log", r"^ended", 20))
    assert ours.run("xenstore-read /local/domain/%d/mine" % domid).strip() == "here"
    assert "calm" in ours.run("xenstore-ls /local/domain/%d" % domid)
    assert [r for r in ours.run("xentop -b -i 1").splitlines() if r.split()[0] == "calm"]
    # What the guest itself says in the store comes there: xl asks, its kernel ends.
    ours.run("xl shutdown calm")
    wait_gone(ours)
    ours.until("ls /run/anel-domd/guests | wc -l", r"^0$", 60)
    assert left_of(ours, domid) == []


@pytest.mark.full
def test_store_ends_under_systemd(boot):
    """Killed, restarted, its holder killed, all its processes killed at once: whoever is connected does not notice."""
    host = boot(init="systemd", tools="anel", boot_timeout=300)
    put_load(host, "store_ends.py")
    try:
        print(host.run("cd /run && python3 store_ends.py 2>&1", 300))
    finally:
        print(host.run("systemctl status anel-stored; journalctl -u anel-stored | tail -40; true"))
    assert host.run("systemctl --failed --no-legend --plain") == ""
