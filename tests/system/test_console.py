# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person at the serial line sees: the demonstration, input that goes to dom0 or to the hypervisor, failures."""
import os
import subprocess

import pytest

import machine
from guests import MOVE


def test_demonstration(boot):
    """What ./dev run does: systemd in dom0, a guest with disk and network, its login prompt, a login; then README's tour of it."""
    m = boot(init="systemd", kernel_args="anel.demo quiet", tools="anel", boot_timeout=300)
    m.wait_log(r"guest login:", 400)
    m.type("root\n")
    m.wait_log(r"root@guest:~#", 120)
    m.type("grep -c xvda /proc/partitions; cat /sys/hypervisor/guest_type; ping -c 3 -W 5 10.0.0.1; echo log''in-works\n")
    m.wait_log(r"^(.*l)?1\nPV\n(.*\n)*.* 0% packet loss(.*\n)*login-works", 90)
    # Ctrl-] leaves the guest's console; dom0's own follows.
    m.type("\x1d")
    m.wait_log(r"dom0 login:|root@dom0", 120)
    assert m.run("ssh demo hostname", 120) == "guest\n"
    boot_id = m.run("ssh demo cat /proc/sys/kernel/random/boot_id", 120)
    m.run("anel save demo demo.save", 120)
    assert "demo" not in m.run("anel list")
    m.run("anel restore demo.save", 120)
    m.run("ping -c 600 -i 0.2 10.0.0.2 >/run/pings 2>&1 & echo $! >/run/ping.pid")
    m.until("cat /run/pings", "bytes from 10.0.0.2", 60)
    m.run("anel %s demo localhost" % MOVE, 240)
    answers = m.run("grep -c 'bytes from' /run/pings")
    m.until("test $(grep -c 'bytes from' /run/pings) -gt %d && echo more" % int(answers), "more", 60)
    m.run("kill -INT $(cat /run/ping.pid)")
    assert m.run("ssh demo cat /proc/sys/kernel/random/boot_id", 120) == boot_id
    # As docs/anel.md has it for moves to another host.
    m.run("systemctl enable --now ssh && mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519", 180)
    m.run("cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys")
    assert "demo" in m.run("ssh -o BatchMode=yes -o StrictHostKeyChecking=no 127.0.0.1 anel list", 120)


def test_serial_input_switches(host):
    """Three Ctrl-a give the keys to the hypervisor, three more give them back to dom0."""
    before = len(host.log())
    host.type("\x01\x01\x01")
    host.wait_log(r"(?i)serial input to xen", 20, before)
    host.type("h")
    host.wait_log(r"(?i)key 'R'.*reboot", 20, before)
    for key in "emrq":
        mark = len(host.log())
        host.type(key)
        host.wait_log(r"\(XEN\).*\n(.*\n)*\(XEN\)", 20, mark)
    mark = len(host.log())
    host.type("\x01\x01\x01")
    host.wait_log(r"(?i)serial input to dom0", 20, mark)
    host.run("true")


def test_reboot_key(boot):
    m = boot()
    m.type("\x01\x01\x01R")
    assert m.wait_exit(60) == 0


@pytest.mark.anel
def test_unknown_word(boot):
    """An unknown word on the command line is named in the log."""
    m = boot(append="nosuchword=17", wait=False)
    m.wait_log(r"(?i)unknown.*nosuchword", 60)


@pytest.mark.anel
def test_panic(boot):
    """A panic shows registers, a trace with names, and reboots."""
    m = boot()
    m.type("\x01\x01\x01C")
    m.wait_log(r"RIP: +e008:\[<[0-9a-f]{16}>\]", 60)
    m.wait_log(r"\+0x[0-9a-f]+/0x[0-9a-f]+", 60)
    assert m.wait_exit(90) == 0


@pytest.mark.anel
@pytest.mark.parametrize("cpus", [1, 2])
def test_stack_overflow(boot, cpus):
    """A stack that overflows meets its guard page: a double fault on a stack of its own says so. On the boot CPU, and another."""
    m = boot(smp=cpus)
    m.type("\x01\x01\x01O")
    m.wait_log(r"Double fault: stack overflow of CPU%d" % (cpus - 1), 60)
    m.wait_log(r"Call Trace", 60)
    m.wait_log(r"overflow\+0x[0-9a-f]+/0x[0-9a-f]+", 60)
    assert m.wait_exit(90) == 0


def test_hypervisor_watchdog_for_dom0(boot):
    """SCHEDOP_watchdog: a dom0 that stops feeding it is rebooted."""
    m = boot()
    m.run("modprobe xen_wdt timeout=5; (exec 3>/dev/watchdog; echo 1 >&3; sleep 1000) >/dev/null 2>&1 &", 30)
    m.wait_log(r"(?i)watchdog.*fired.*domain 0", 90)
    assert m.wait_exit(60) == 0


def test_dom0_crash(boot):
    """The panic of dom0's kernel ends the machine, and the log says so."""
    m = boot(kernel_args="panic=1")
    m.run("(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    m.wait_log(r"(?i)(hardware )?dom(ain )?0 (crashed|shutdown)", 60)
    assert m.wait_exit(60) == 0


@pytest.mark.anel
def test_gdb():
    """./dev run --gdb stops at the first instruction and knows the hypervisor's symbols and lines."""
    commands = "printf \"at %lx\\n\", $pc\nhbreak anel_main\ncontinue\nbt 2\nkill\nquit\n"
    p = subprocess.run([os.path.join(machine.TOP, "dev"), "run", "--gdb"], input=commands, text=True,
                       capture_output=True, timeout=120 * machine.SLOW)
    assert "at fff0" in p.stdout
    assert "anel_main" in p.stdout and "init.c:" in p.stdout, p.stdout + p.stderr
    assert "boot/start.c:" in p.stdout
