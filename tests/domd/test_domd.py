# SPDX-License-Identifier: GPL-2.0-or-later
"""anel-domd does what is configured for a guest's end, whatever instant it is killed at."""
import json
import os
import socket
import time
import uuid

import pytest

from conftest import CRASH, POWEROFF, REBOOT, SUSPEND, WATCHDOG, Refused, config, strings, until


def seen(client, *names):
    """The next events, which must be these."""
    out = [client.event() for _ in names]
    assert [e["event"] for e in out] == list(names), out
    return out


def old_enough(world):
    """No life was short: as if the guests had been started an hour ago."""
    folder = world.folder + "/domd/guests"
    for name in os.listdir(folder):
        with open(folder + "/" + name) as f:
            o = json.load(f)
        o["started"] -= 3600000
        with open(folder + "/" + name, "w") as f:
            json.dump(o, f)


def start_anew(world):
    starts = world.keeper.starts
    world.keeper.kill()
    assert until(lambda: world.keeper.starts > starts)


def aged(world, **more):
    """A guest that has run for an hour, and its domain."""
    domid = world.client().ask("create", config=config(**more))["domain"]
    old_enough(world)
    start_anew(world)
    world.guests()
    return domid


def test_create_and_destroy(world):
    c = world.client()
    c.ask("events")
    first = c.ask("create", config=config("one"))
    second = c.ask("create", config=config("two"), paused=True)
    seen(c, "created", "created")
    domains = world.domains()
    assert domains[first["domain"]] == (first["uuid"], False, False, "one")
    assert domains[second["domain"]] == (second["uuid"], False, True, "two")
    guests = world.check()
    assert guests["one"]["phase"] == "running" and guests["one"]["on_reboot"] == "restart" and guests["one"]["on_crash"] == "destroy"
    for wrong, why in ((config("one"), "already"), (config("a/b"), "name"), (config("3"), "digit"), (7, "no configuration"),
                       (config("x", on_crash="soft-reset"), "on_crash"), (config("bad", kernel="/refused"), "no kernel"),
                       (config("x", disks=[{"vdev": "xvda"}]), "disk")):
        with pytest.raises(Refused, match=why):
            c.ask("create", config=wrong)
    assert seen(c, "failed")[0]["message"] == "there is no kernel /refused"
    with pytest.raises(Refused, match="no such guest"):
        c.ask("destroy", guest="three")
    with pytest.raises(Refused, match="no such method"):
        c.ask("explode")
    c.ask("destroy", guest="two")
    c.ask("destroy", guest=first["domain"])
    assert {e["name"] for e in seen(c, "destroyed", "destroyed")} == {"one", "two"}
    assert world.check() == {} and world.domains() == {}


def test_renamed(world):
    """Whoever renames a guest tells the store alone; it is known by its new name, and the old one is free."""
    c = world.client()
    first = c.ask("create", config=config("one"))
    assert world.anel("rename", "one", "uno")[0] == 0
    assert world.check()["uno"]["domain"] == first["domain"]
    assert world.anel("rename", "uno", "first")[0] == 0
    second = c.ask("create", config=config("uno"))
    with pytest.raises(Refused, match="there is a guest first"):
        c.ask("create", config=config("first"))
    start_anew(world)
    # While it moves it is called otherwise.
    world.store.write("/local/domain/%d/name" % second["domain"], "uno--moved")
    assert set(world.guests()) == {"first", "uno"}
    world.store.write("/local/domain/%d/name" % second["domain"], "uno")
    c = world.client()
    with pytest.raises(Refused, match="no such guest"):
        c.ask("destroy", guest="one")
    c.ask("destroy", guest="first")
    assert list(world.check()) == ["uno"] and list(world.domains()) == [second["domain"]]


def test_asks(world):
    c = world.client()
    domid = c.ask("create", config=config())["domain"]
    c.ask("shutdown", guest="demo")
    assert world.read("/local/domain/%d/control/shutdown" % domid) == "poweroff"
    c.ask("reboot", guest=domid)
    assert world.read("/local/domain/%d/control/shutdown" % domid) == "reboot"


def test_actions(world):
    """What is done at each end, and what is told of it."""
    c = world.client()
    first = aged(world, on_crash="preserve", on_watchdog="rename-restart")
    c = world.client()
    c.ask("events")
    uuid = world.guests()["demo"]["uuid"]
    # To be saved: nobody's business.
    world.ends(first, SUSPEND)
    time.sleep(0.3)
    assert world.check()["demo"]["phase"] == "running"
    os.unlink("%s/shutdown%d" % (world.fake, first))
    world.store.ask("RESUME", strings(str(first)))
    world.ends(first, REBOOT)
    died, again = seen(c, "died", "restarted")
    assert (died["reason"], died["action"], died["domain"]) == ("reboot", "restart", first)
    second = again["domain"]
    assert again["uuid"] == uuid and list(world.domains()) == [second] and not world.domains()[second][2]
    world.check()
    # It has got another name since, and keeps it.
    world.store.write("/local/domain/%d/name" % second, "other")
    world.ends(second, WATCHDOG)
    died, renamed, again = seen(c, "died", "renamed", "restarted")
    assert died["delay"] == 2000 and died["action"] == "rename-restart"
    assert renamed["to_name"] == "other-1" and renamed["domain"] == second
    third = again["domain"]
    assert again["name"] == "other" and again["uuid"] == uuid
    domains = world.domains()
    assert domains[second] == (renamed["to_uuid"], True, True, "other-1") or domains[second] == (renamed["to_uuid"], True, False, "other-1")
    assert domains[third] == (uuid, False, False, "other")
    assert world.read("/vm/%s/name" % renamed["to_uuid"]) == "other-1"
    world.check()
    world.ends(third, CRASH)
    seen(c, "died", "preserved")
    assert world.check()["other"]["phase"] == "preserved" and set(world.domains()) == {second, third}
    # Others may take it away.
    assert world.anel("destroy", "other-1")[0] == 0
    assert world.anel("destroy", "other")[0] == 0
    assert seen(c, "destroyed")[0]["domain"] == third
    assert world.check() == {} and world.domains() == {}


def test_poweroff_and_vanishing(world):
    c = world.client()
    c.ask("events")
    domid = c.ask("create", config=config())["domain"]
    world.ends(domid, POWEROFF)
    seen(c, "created", "died", "destroyed")
    assert world.check() == {} and world.domains() == {}
    domid = c.ask("create", config=config())["domain"]
    assert world.anel("destroy", "demo")[0] == 0
    seen(c, "created", "destroyed")
    assert world.check() == {}


def test_restart_fails(world):
    """A guest that cannot be had any more is told of and forgotten."""
    c = world.client()
    domid = aged(world)
    c = world.client()
    c.ask("events")
    folder = world.folder + "/domd/guests/"
    world.keeper.restart = True
    name, = os.listdir(folder)
    with open(folder + name) as f:
        o = json.load(f)
    o["config"]["b_info"]["type.pv"]["kernel"] = "/refused"
    with open(folder + name, "w") as f:
        json.dump(o, f)
    start_anew(world)
    c = world.client()
    c.ask("events")
    world.ends(domid, REBOOT)
    assert seen(c, "died", "failed", "destroyed")[1]["message"] == "there is no kernel /refused"
    assert world.check() == {} and world.domains() == {}


def test_restart_loop(world):
    """A guest that crashes at once is started again later each time; one that waits for that can be destroyed."""
    c = world.client()
    c.ask("events")
    domid = c.ask("create", config=config(on_crash="restart"))["domain"]
    seen(c, "created")
    begin = time.monotonic()
    delays = []
    for _ in range(2):
        world.ends(domid, CRASH)
        died, again = seen(c, "died", "restarted")
        delays.append(died["delay"])
        domid = again["domain"]
    assert delays == [2000, 4000] and time.monotonic() - begin >= 6
    world.ends(domid, CRASH)
    assert seen(c, "died")[0]["delay"] == 8000
    assert until(lambda: world.guests()["demo"]["phase"] == "starting") and world.domains() == {}
    # A successor keeps to it too.
    start_anew(world)
    assert world.guests()["demo"]["phase"] == "starting" and world.domains() == {}
    c = world.client()
    c.ask("events")
    c.ask("destroy", guest="demo")
    seen(c, "destroyed")
    assert world.check() == {}


def test_others_are_left_alone(world):
    """A domain that xl has made, with its own process waiting for its end."""
    with open(world.fake + "/dom77", "wb") as f:
        f.truncate(4096)
    with open(world.fake + "/handle77", "wb") as f:
        f.write(b"\1" * 16)
    world.store.write("/local/domain/77/name", "theirs")
    c = world.client()
    c.ask("create", config=config())
    world.ends(77, REBOOT)
    time.sleep(0.3)
    assert 77 in world.domains() and "theirs" not in world.guests()
    with pytest.raises(Refused, match="no such guest"):
        c.ask("destroy", guest=77)
    # Nor is one of its UUID taken over or made beside it.
    theirs = config("theirs2")
    theirs["c_info"]["uuid"] = "01010101-0101-0101-0101-010101010101"
    with pytest.raises(Refused, match="has the UUID"):
        c.ask("create", config=theirs)
    assert 77 in world.domains()


def test_adopted(world):
    """A domain that `anel` made: in the daemon's care from the moment it is told."""
    c = world.client()
    made = c.ask("create", config=config(name="first"))
    name = world.folder + "/domd/guests/" + made["uuid"]
    with open(name) as f:
        whole = json.load(f)["config"]
    os.unlink(name)
    start_anew(world)
    assert world.guests() == {}
    c = world.client()
    for wrong, why in (({"config": whole, "domain": made["domain"] + 1}, "no domain"), ({"config": config(), "domain": made["domain"]}, "no domain"),
                       ({"config": whole, "domain": 0}, "no such number"), ({"config": whole, "domain": "x"}, "no such number")):
        with pytest.raises(Refused, match=why):
            c.ask("adopt", **wrong)
    # It ended meanwhile.
    world.ends(made["domain"], REBOOT)
    assert c.ask("adopt", config=whole, domain=made["domain"])["uuid"] == made["uuid"]
    assert until(lambda: world.guests()["first"]["domain"] not in (0, made["domain"]))
    world.check()


def test_moved(world):
    """A guest that is moved to the host that it is on: its new domain is in the daemon's care, and the old one's end is nothing."""
    c = world.client()
    c.ask("events")
    made = c.ask("create", config=config())
    seen(c, "created")
    with open(world.folder + "/domd/guests/" + made["uuid"]) as f:
        whole = json.load(f)["config"]
    for name, size in (("dom78", 4096), ("handle78", 0)):
        with open("%s/%s" % (world.fake, name), "wb") as f:
            f.write(uuid.UUID(made["uuid"]).bytes)
            f.truncate(size or 16)
    world.store.write("/local/domain/78/name", "demo")
    world.store.ask("INTRODUCE", strings("78", "1", "2"))
    assert c.ask("adopt", config=whole, domain=made["domain"])["uuid"] == made["uuid"]
    assert c.ask("adopt", config=whole, domain=78)["uuid"] == made["uuid"]
    assert seen(c, "moved")[0]["domain"] == 78
    world.store.write("/local/domain/%d/name" % made["domain"], "demo--moved")
    assert world.anel("destroy", str(made["domain"]))[0] == 0
    start_anew(world)
    assert world.guests()["demo"]["domain"] == 78
    c = world.client()
    c.ask("events")
    world.ends(78, REBOOT)
    assert seen(c, "died", "restarted")[1]["domain"] != 78
    world.check()


def test_hostile_clients(world):
    """Lines that are no requests, half lines, lines without end, clients that do not read or go away."""
    c = world.client()
    c.ask("create", config=config())
    for line in (b"\n", b"[]\n", b"{\n", b'{"method": 7}\n', b'{"id": {"a": 1}, "method": "list", "method": "list"}\n', b"\xff\n",
                 b'{"method": "adopt", "domain": 1e300, "config": {}}\n', b'{"method": "create", "config": {"c_info": 7}}\n'):
        w = world.client()
        w.socket.sendall(line)
        assert "error" in w.line(), line
        assert w.ask("version") == {"version": 1}
    w = world.client()
    w.socket.sendall(b'{"method": "version", "id": "a')
    time.sleep(0.05)
    w.socket.sendall(b'b"}\n{"method": "version", "id": 2}\n')
    assert [w.line()["id"], w.line()["id"]] == ["ab", 2]
    w = world.client()
    with pytest.raises(OSError):
        for _ in range(100):
            w.socket.sendall(b"x" * 65536)
    # It asks and asks, and does not read.
    w = world.client()
    w.socket.settimeout(2)
    with pytest.raises(OSError):
        for _ in range(200000):
            w.socket.sendall(b'{"method": "list"}\n' * 100)
    w = world.client()
    w.send("destroy", guest="demo")
    w.close()
    assert until(lambda: not world.guests())
    assert until(lambda: len(os.listdir("/proc/%d/fd" % world.keeper.pid)) < 100)
    world.check()


def test_strangers(world):
    """Other users are hung up on, should they get to the socket at all."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert os.stat(world.socket).st_mode & 0o777 == 0o600
    for d in (world.folder, world.socket):
        os.chmod(d, 0o777)
    pid = os.fork()
    if not pid:
        try:
            os.setresuid(65534, 65534, 65534)
            s = socket.socket(socket.AF_UNIX)
            s.connect(world.socket)
            s.settimeout(10)
            s.sendall(b'{"method": "version"}\n')
            os._exit(0 if s.recv(100) == b"" else 1)
        except ConnectionError:
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert world.client().ask("version") == {"version": 1}


# What a kill is tried in the middle of: the guest's configuration, what happens, and what must be then.

def no_guest(world, guests):
    assert guests == {} and world.domains() == {}


def one_guest(world, guests):
    assert list(guests) == ["demo"] and len(world.domains()) == 1
    (_, down, paused, name), = world.domains().values()
    assert (down, paused, name) == (False, False, "demo")


def dead_and_new(world, guests):
    by_name = {d[3]: d for d in world.domains().values()}
    assert set(by_name) == {"demo", "demo-1"} and list(guests) == ["demo"]
    assert by_name["demo-1"][1] and by_name["demo"] == (guests["demo"]["uuid"], False, False, "demo")


def core_and_new(world, guests):
    one_guest(world, guests)
    with open(world.fake + "/core") as f:
        assert f.read() == "demo"
    os.unlink(world.fake + "/core")


def dead(world, guests):
    assert guests["demo"]["phase"] == "preserved" and len(world.domains()) == 1


ENDS = {"poweroff": (POWEROFF, "destroy", no_guest), "reboot": (REBOOT, "restart", one_guest), "crash": (CRASH, "rename-restart", dead_and_new),
        "watchdog": (WATCHDOG, "preserve", dead), "core": (CRASH, "coredump-restart", core_and_new)}


@pytest.mark.parametrize("what", ENDS)
def test_killed_at_each_step(world, what):
    """The daemon is killed before the Nth thing that it or a worker does, for each N; in the end it is as without the kill."""
    reason, action, outcome = ENDS[what]
    step, uuid = 0, None
    while True:
        step += 1
        domid = aged(world, **{"on_" + what.replace("core", "crash"): action})
        starts, before = world.keeper.starts, world.guests()["demo"]
        assert before["domain"] == domid
        world.set_killer(step)
        world.ends(domid, reason)
        # Through: its domain is not as it was, and nobody works.
        assert until(lambda: world.guests().get("demo") != before), step
        outcome(world, world.check())
        killed = world.keeper.starts > starts
        world.set_killer(0)
        for n, d in world.domains().items():
            assert world.anel("destroy", str(n))[0] == 0
        assert until(lambda: not world.guests())
        world.check()
        if not killed:
            break
    print("%s: %d steps" % (what, step))
    assert step >= (2 if what == "watchdog" else 15)


def test_killed_while_creating(world):
    """Whoever asked sees the connection end. There is the guest, or nothing of it."""
    step = made = 0
    while True:
        step += 1
        world.check()
        c = world.client()
        starts = world.keeper.starts
        world.set_killer(step)
        try:
            c.ask("create", config=config())
            answered = True
        except OSError:
            answered = False
            assert until(lambda: world.keeper.starts > starts)
        world.set_killer(0)
        guests = world.check()
        if answered:
            one_guest(world, guests)
        elif guests:
            one_guest(world, guests)
            made += 1
        else:
            assert world.domains() == {}
        if guests:
            world.client().ask("destroy", guest="demo")
        if answered:
            break
    assert step > 8 and made >= 1


def test_killed_while_destroying(world):
    """Once it is asked and noted, it is done."""
    step = 0
    while True:
        step += 1
        c = world.client()
        c.ask("create", config=config())
        world.set_killer(step)
        starts = world.keeper.starts
        try:
            c.ask("destroy", guest="demo")
            answered = True
        except OSError:
            answered = False
            assert until(lambda: world.keeper.starts > starts)
        world.set_killer(0)
        if world.check():
            assert not answered and step <= 3
            world.client().ask("destroy", guest="demo")
        assert world.domains() == {}
        if answered:
            break
    assert step > 4


def test_store_killed(world):
    """The store's daemon is killed again and again while guests restart."""
    names = ["g%d" % i for i in range(4)]
    c = world.client()
    for n in names:
        c.ask("create", config=config(n))
    for _ in range(6):
        old_enough(world)
        start_anew(world)
        guests = world.settled()
        for g in guests.values():
            world.ends(g["domain"], REBOOT)
            world.stored.kill()
        assert until(lambda: all(world.guests()[n]["domain"] not in (0, guests[n]["domain"]) for n in names))
        assert set(world.check()) == set(names)
