# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of `anel` that need the store alone, on this machine; what the hypervisor has a part in is in tests/system."""
import json
import os
import pty
import subprocess

import pytest

from conftest import BUILD, FAKEXEN, TOP
from guest import until

TOOL = os.path.join(BUILD, "tests/console/anel-dynamic")
COMPLETION = os.path.join(TOP, "cli/anel/completion.bash")


def environment(world):
    return dict(os.environ, FAKEXEN=world.fake, LD_PRELOAD=FAKEXEN, XENSTORED_PATH=world.socket)


def anel(world, *words):
    """(exit code, output)"""
    p = subprocess.run([TOOL, *words], env=environment(world), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return p.returncode, p.stdout


def guest(world, domid):
    world.domain(domid)
    world.store.write("/local/domain/%d/vm" % domid, "/vm/u%d" % domid)
    world.store.write("/vm/u%d/name" % domid, "d%d" % domid)


def test_names(world):
    guest(world, 5)
    guest(world, 6)
    assert anel(world, "domid", "d5") == (0, "5\n")
    assert anel(world, "domname", "6") == (0, "d6\n")
    assert anel(world, "rename", "d5", "other") == (0, "")
    assert world.read("/local/domain/5/name") == world.read("/vm/u5/name") == "other"
    for wrong, why in ((("rename", "other", "d6"), "already"), (("rename", "other", "7up"), "begin with a digit"),
                       (("rename", "other", "a/b"), "no /"), (("rename", "d5", "x"), "no domain called d5"),
                       (("rename", "other"), "anel rename DOMAIN NEW-NAME"), (("domname", "9"), "no domain 9"),
                       (("rename", "other", "a", "b"), "one word too many"), (("domid", "--json", "d6"), "no option --json")):
        rc, out = anel(world, *wrong)
        assert rc == 1 and why in out, (wrong, out)
    assert world.read("/local/domain/5/name") == "other"
    # What a guest has put into its name is not for the terminal.
    world.store.write("/local/domain/6/name", "\033[2Jx")
    assert anel(world, "domname", "6") == (0, "?[2Jx\n")


def test_uptime(world):
    guest(world, 5)
    world.store.write("/vm/u5/start_time", "%d.00" % (os.stat(world.fake).st_mtime - 90061))
    rows = {r["id"]: r for r in json.loads(anel(world, "uptime", "--json")[1])}
    assert 90061 <= rows[5]["seconds"] <= 90121 and rows[5]["uptime"].startswith("1 day, 1:0")
    assert rows[0]["seconds"] > 0
    world.store.write("/vm/u5/start_time", "tomorrow")
    assert anel(world, "uptime", "5")[0] == 0


def test_control(world):
    guest(world, 5)
    guest(world, 6)
    control = "/local/domain/5/control/"
    assert anel(world, "shutdown", "d5") == (0, "") and world.read(control + "shutdown") == "poweroff"
    assert anel(world, "reboot", "d5") == (0, "") and world.read(control + "shutdown") == "reboot"
    assert anel(world, "sysrq", "d5", "h") == (0, "") and world.read(control + "sysrq") == "h"
    assert anel(world, "shutdown", "-a") == (0, "")
    assert world.read(control + "shutdown") == world.read("/local/domain/6/control/shutdown") == "poweroff"
    assert world.read("/local/domain/0/control/shutdown") is None
    for wrong, why in ((("shutdown",), "which domain"), (("shutdown", "-a", "d5"), "which domain"), (("shutdown", "0"), "this system"),
                       (("shutdown", "-F", "d5"), "button"), (("reboot", "-F", "d5"), "button"), (("sysrq", "d5", "hh"), "one letter"),
                       (("trigger", "d5", "reset"), "nmi alone"), (("mem-set", "d5", "12q"), "amount of memory"),
                       (("mem-set", "d5", "1m"), "at most"), (("vcpu-set", "d5", "0"), "between 1"),
                       (("vcpu-pin", "d5", "0"), "vcpu-pin [-f]"), (("sched-credit2", "-w", "5"), "whose"),
                       (("sched-credit2", "-s", "-d", "d5"), "all domains"), (("block-attach", "d5"), "block-attach DOMAIN"),
                       (("block-attach", "d5", "phy:/dev/none", "xvdb", "w"), "/dev/none"),
                       (("block-attach", "d5", "phy:/dev/null,xvdb,w"), "neither a block device nor"),
                       (("network-attach", "d5", "bridge=nobridge"), "no bridge nobridge"),
                       (("network-attach", "d5", "mac=1:2"), "MAC"), (("block-detach", "d5", "xvdb"), "no vbd of number 51728"),
                       (("block-detach", "d5", "vda"), "no disk's name"), (("network-detach", "d5", "00:16:3e:00:00:01"), "no card with")):
        rc, out = anel(world, *wrong)
        assert rc == 1 and why in out, (wrong, out)


def test_wait(world):
    """shutdown -w returns when the guest is down, and not before."""
    guest(world, 5)
    p = subprocess.Popen([TOOL, "shutdown", "-w", "d5"], env=environment(world))
    assert until(lambda: world.read("/local/domain/5/control/shutdown") == "poweroff")
    with pytest.raises(subprocess.TimeoutExpired):
        p.wait(1.5)
    world.die(5)
    assert p.wait(20) == 0


def back(world, domid, kind, number, **nodes):
    path = "/local/domain/0/backend/%s/%d/%d" % (kind, domid, number)
    world.store.write("/libxl/%d/device/%s/%d/backend" % (domid, kind, number), path)
    for name, value in nodes.items():
        world.store.write("%s/%s" % (path, name), value)
    return path


def test_devices(world):
    guest(world, 5)
    back(world, 5, "vbd", 51712, dev="xvda", params="/dev/a", mode="w")
    back(world, 5, "vif", 0, mac="00:16:3e:00:00:01", bridge="xenbr0")
    world.store.write("/local/domain/5/device/vbd/51712/state", "4")
    world.store.write("/local/domain/5/device/vbd/51712/event-channel", "x\n")
    disk, = json.loads(anel(world, "block-list", "--json", "d5")[1])
    assert disk["number"] == 51712 and disk["state"] == 4 and disk["target"] == "/dev/a" and disk["event_channel"] is None
    card, = json.loads(anel(world, "network-list", "--json", "5")[1])
    assert card["mac"] == "00:16:3e:00:00:01" and card["bridge"] == "xenbr0" and card["state"] is None
    # A toolstack's note that names something else is no device.
    world.store.write("/libxl/5/device/vbd/51728/backend", "/vm/u5")
    assert len(json.loads(anel(world, "block-list", "--json", "d5")[1])) == 1


def test_detach(world):
    """The guest lets go, or does not, or is not asked."""
    guest(world, 5)
    path = back(world, 5, "vbd", 51712, dev="xvda", state="4", online="1")
    world.store.write("/local/domain/5/device/vbd/51712/state", "4")
    p = subprocess.Popen([TOOL, "block-detach", "d5", "xvda"], env=environment(world))
    assert until(lambda: world.read(path + "/state") == "5" and world.read(path + "/online") == "0")
    world.store.write(path + "/state", "6")
    assert p.wait(20) == 0
    for gone in (path, "/libxl/5/device/vbd/51712", "/local/domain/5/device/vbd/51712"):
        assert world.read(gone) is None
    path = back(world, 5, "vif", 0, mac="00:16:3e:00:00:01", state="4", online="1")
    world.store.write("/local/domain/5/device/vif/0/state", "4")
    rc, out = anel(world, "network-detach", "d5", "00:16:3E:00:00:01")
    assert rc == 1 and "--force" in out and world.read(path) is not None
    p = subprocess.Popen([TOOL, "network-detach", "--force", "d5", "0"], env=environment(world))
    assert until(lambda: world.read("/local/domain/5/device/vif/0/state") is None)
    assert p.wait(20) == 0 and world.read(path) is None


def test_drives(world, tmp_path):
    """A drive for CDs is a note of ours while it is empty: listed, filled, emptied, taken away."""
    guest(world, 5)
    note = "/libxl/5/anel/drive/51744"
    iso = tmp_path / "a.iso"
    iso.write_bytes(bytes(4096))
    assert anel(world, "block-attach", "d5", "devtype=cdrom,vdev=xvdc,target=") == (0, "")
    assert world.read(note) == "xvdc" and world.read("/libxl/5/device/vbd/51744/backend") is None
    drive, = json.loads(anel(world, "block-list", "--json", "d5")[1])
    assert (drive["number"], drive["vdev"], drive["target"], drive["state"]) == (51744, "xvdc", None, None)
    for wrong, why in ((("cd-insert", "d5", "xvdc"), "cd-insert DOMAIN DISK TARGET"), (("cd-eject", "d5", "xvdd"), "no drive for CDs"),
                       (("cd-insert", "d5", "xvdc", str(tmp_path)), "neither a block device nor"),
                       (("cd-insert", "d5", "xvdc", "/none.iso"), "/none.iso"),
                       (("block-attach", "d5", "%s,,xvdc,cdrom" % iso), "already")):
        rc, out = anel(world, *wrong)
        assert rc == 1 and why in out, (wrong, out)
    assert anel(world, "cd-eject", "d5", "xvdc") == (0, "") and world.read(note) == "xvdc"
    # One that is full, and a guest that lets go of it.
    path = back(world, 5, "vbd", 51760, dev="xvdd", params="/a.iso", mode="r", state="4")
    world.store.write("/libxl/5/device/vbd/51760/dev", "xvdd")
    world.store.write("/libxl/5/device/vbd/51760/device-type", "cdrom")
    p = subprocess.Popen([TOOL, "cd-eject", "d5", "xvdd"], env=environment(world))
    assert until(lambda: world.read(path + "/state") == "5")
    world.store.write(path + "/state", "6")
    assert p.wait(20) == 0
    assert world.read(path) is None and world.read("/libxl/5/anel/drive/51760") == "xvdd"
    assert anel(world, "block-detach", "d5", "xvdc") == (0, "") and world.read(note) is None
    assert anel(world, "block-detach", "d5", "xvdc")[0] == 1


def test_watch(world):
    """A line for each domain that comes, is renamed, and goes."""
    guest(world, 5)
    p = subprocess.Popen([TOOL, "watch"], env=environment(world), stdout=subprocess.PIPE, text=True)
    try:
        seen = [json.loads(p.stdout.readline()) for _ in range(2)]
        assert [(e["event"], e["id"]) for e in seen] == [("new", 0), ("new", 5)]
        guest(world, 6)
        while seen[-1]["name"] != "d6":     # it is there before it has its name
            seen.append(json.loads(p.stdout.readline()))
        assert seen[2]["event"] == "new" and seen[2]["id"] == 6
        world.die(5)
        e = json.loads(p.stdout.readline())
        assert (e["event"], e["id"], e["name"]) == ("gone", 5, "d5")
    finally:
        p.kill()
        p.wait()


def test_completion(world):
    """What bash makes of TAB, with the file that dom0 has."""
    guest(world, 5)
    world.store.write("/local/domain/5/name", "demo")
    guest(world, 6)
    world.store.write("/local/domain/6/name", "$(reboot)")

    def complete(*words):
        script = 'anel() { "%s" "$@"; }; . "%s"; COMP_WORDS=(anel "$@"); COMP_CWORD=$#; _anel; printf "%%s\\n" "${COMPREPLY[@]}"; ' \
                 'complete -p anel >&2' % (TOOL, COMPLETION)
        p = subprocess.run(["bash", "-c", script, "bash", *words], env=environment(world), capture_output=True, text=True, timeout=60)
        assert "-F _anel anel" in p.stderr
        return p.stdout.split()

    assert complete("vcpu-") == ["vcpu-list", "vcpu-set", "vcpu-pin"]
    assert "demo" in complete("shutdown", "-w", "") and "$(reboot)" not in complete("shutdown", "")
    assert complete("shutdown", "de") == ["demo"]
    assert complete("trigger", "demo", "") == ["nmi"]
    assert complete("vcpu-pin", "demo", "a") == ["all"]
    assert complete("create", "--d") == ["--defconfig"]
    assert complete("nothing", "") == []


def test_table_fits(world):
    """On a narrow terminal no line is wider than it."""
    guest(world, 5)
    world.store.write("/local/domain/5/name", "a" * 60)
    back(world, 5, "vbd", 51712, dev="xvda", params="/dev/" + "b" * 60, mode="w")

    def lines(columns, *words):
        master, slave = pty.openpty()
        subprocess.run(["stty", "-F", os.ttyname(slave), "cols", str(columns)], check=True)
        p = subprocess.run([TOOL, *words], env=environment(world), stdin=slave, stdout=slave, stderr=slave, timeout=60)
        assert p.returncode == 0
        got = os.read(master, 65536).decode()
        os.close(master)
        os.close(slave)
        return got.replace("\r", "").splitlines()

    for words in (("list",), ("block-list", "5"), ("uptime",)):
        assert max(map(len, lines(60, *words))) <= 60
        assert max(map(len, lines(250, *words))) > 60
    assert "BE-PATH" not in lines(60, "block-list", "5")[0] and "BE-PATH" in lines(250, "block-list", "5")[0]
