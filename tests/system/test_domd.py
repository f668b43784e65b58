# SPDX-License-Identifier: GPL-2.0-or-later
"""anel-domd on the real hypervisor: what is configured for a guest's end, with the daemon killed in the middle of it."""
import pytest

from guests import AnelGuest, all_back, free_mib, left_of, wait_gone

pytestmark = [pytest.mark.second, pytest.mark.full]


@pytest.fixture
def domd(ours):
    yield ours
    print("anel-domd said:\n" + ours.try_run("cat /var/log/anel-domd.log")[1])


def next_domid(host, name, old, timeout=90):
    """Of the guest after its restart; with that name it is the only one."""
    host.until("anel domid %s" % name, r"^(?!%d$)\d+$" % old, timeout)
    assert host.run("xl list | awk '$1==\"%s\"' | wc -l" % name).strip() == "1"
    return int(host.run("anel domid " + name))


def test_domd(domd):
    """A guest with a card reboots, crashes with the daemon killed meanwhile again and again, and powers off."""
    free = free_mib(domd)
    g = AnelGuest(domd, "kept", memory=128, vif=True, extra="anel.ip=10.0.0.49", options=('on_crash="restart"',)).create()
    first = g.domid()
    domd.run("xenstore-write /local/domain/%d/control/shutdown reboot" % first)
    second = next_domid(domd, "kept", first)
    domd.until("grep -c 'here is a shell' /var/log/xen/console/guest-kept.log", r"^2$", 90)
    domd.run("ping -c 2 -i 0.5 -W 5 10.0.0.49", 60)
    assert left_of(domd, first) == []
    # Killed in the middle of it: from before the crash on until the next domain is there.
    domd.run("(/usr/lib/anel/guest-run kept 'echo c >/proc/sysrq-trigger' 3) >/dev/null 2>&1 & for i in $(seq 20); do "
             "sleep 0.$((i % 5 + 1)); kill -9 $(cat /run/anel-domd.pid); done; true", 60)
    third = next_domid(domd, "kept", second)
    domd.until("grep -c 'here is a shell' /var/log/xen/console/guest-kept.log", r"^3$", 90)
    assert left_of(domd, second) == []
    domd.run("xenstore-write /local/domain/%d/control/shutdown poweroff; kill -9 $(cat /run/anel-domd.pid)" % third)
    wait_gone(domd)
    domd.until("ls /run/anel-domd/guests | wc -l", r"^0$", 60)
    assert left_of(domd, third) == []
    assert all_back(domd, free)
