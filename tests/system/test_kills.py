# SPDX-License-Identifier: GPL-2.0-or-later
"""Each of our daemons is killed at random points of each verb. The loop runs in dom0 (dom0/kills.py), and says what must hold then."""
import os
import sys

import pytest

from guests import put_tool
from machine import TOP

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = os.environ.get("ANEL_SEED", "1")
VERBS = ("create", "destroy", "shutdown", "reboot", "pause", "rename", "vcpu-set", "mem-set", "save", "migrate", "block",
         "block-qcow2", "network", pytest.param("migrate-live", marks=pytest.mark.anel))


def put_loop(host):
    sys.path.append(os.path.join(TOP, "tests/guest"))
    import run
    with open(run.build("idle"), "rb") as f:
        host.put("/run/idle", f.read())
    for path in ("dom0/kills.py", "dom0/looks.py", "dom0/frames.c", "../store/client.py", "../store/page.py"):
        with open(os.path.join(HERE, path)) as f:
            host.put("/run/" + os.path.basename(path), f.read())
    host.run("gcc -O1 -shared -fPIC -o /run/frames.so /run/frames.c -lxenctrl", 120)


def kill(host, kills, *verbs):
    rc, out = host.try_run("python3 /run/kills.py %d %s %s" % (kills, SEED, " ".join(verbs)), 300 + 30 * kills * len(verbs))
    print(out)
    assert rc == 0, out
    return out


def test_killed_in_verbs(ours):
    """Each daemon once, in two verbs."""
    put_loop(ours)
    kill(ours, 4, "create", "save")


@pytest.mark.full
@pytest.mark.parametrize("verb", VERBS)
def test_killed_in_each_verb(boot, verb):
    """Each verb 200 times; ANEL_SEED chooses the points, ANEL_KILLS another number."""
    host = put_tool(boot(tools="anel"))
    put_loop(host)
    kills = int(os.environ.get("ANEL_KILLS", "200"))
    assert "%s: %d kills" % (verb, kills) in kill(host, kills, verb)
