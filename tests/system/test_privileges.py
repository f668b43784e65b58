# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0's user space: a process that is not root gets no hypercall, no event channel, no grant, no domain's memory."""
import pytest

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "
DEVICES = ["privcmd", "evtchn", "gntdev", "gntalloc", "hypercall", "xenbus", "xenbus_backend"]


@pytest.mark.parametrize("device", DEVICES)
def test_device_is_roots(host, device):
    if host.run(f"test -e /dev/xen/{device} && echo there || true").strip() != "there":
        pytest.skip("no such device with this kernel")
    assert host.run(f"stat -c '%U %a' /dev/xen/{device}").split()[0] == "root"
    out = host.run(NOBODY + f"sh -c 'exec 3<>/dev/xen/{device} && echo opened || echo refused' 2>&1 || true")
    assert "opened" not in out


def test_tools_fail_for_nobody(host):
    """xl as nobody neither lists nor stops anything; the host does not mind."""
    out = host.run(NOBODY + "xl list 2>&1 || true")
    assert "Domain-0" not in out
    host.run(NOBODY + "xl debug-keys h 2>&1 || true")
    assert "Domain-0" in host.run("xl list")


def test_ports_need_privilege(host):
    """iopl and ioperm of a process that is not root are refused: the kernel, not the hypervisor, guards them."""
    out = host.run(NOBODY + "dd if=/dev/port bs=1 count=1 2>&1 || true")
    assert "1 byte" not in out
