#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""build.py OUTPUT DEPFILE FUZZER.c -- COMPILER ARGS: one fuzzer, by clang with libFuzzer, ASan and UBSan.

The first lines of FUZZER.c name the hypervisor's files that it drives, as unit tests do:
    // sources: lib/elf.c unit/world.c     (unit/: a file of tests/unit, compiled as the fuzzer itself is)
    // sources: daemons/stored/tx.c        (a whole path: user space's)
    // sources: host_guest.h               (a header of tests/fuzz or tests/unit that is included before everything)
    // globals: text_used                  (variables of those files that the fuzzer resets)
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CLANG = "clang-14"
FLAGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fno-strict-aliasing", "-std=gnu17",
         "-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=undefined",
         # A pointer that the guest gave is compared, not used; it may be anything. Alignment: x86 has none.
         "-fno-sanitize=alignment,pointer-overflow", "-Wno-unknown-pragmas"]


def listed(text, word):
    return " ".join(re.findall(r"^// %s: *(.*)$" % word, text, re.M)).split()


def find_header(name):
    for folder in ("fuzz", "unit"):
        path = os.path.join(TOP, "tests", folder, name)
        if os.path.exists(path):
            return path
    sys.exit("%s: no such header" % name)


def run(*command):
    if subprocess.run(command).returncode:
        sys.exit(1)


def main():
    output, depfile, source = sys.argv[1:4]
    args = sys.argv[5:]
    with open(source) as f:
        text = f.read()
    words = listed(text, "sources")
    before = [a for w in words if w.endswith(".h") for a in ("-include", find_header(w))]
    rename = ["-include", os.path.join(TOP, "tests/unit/host_names.h"), "-fno-builtin"]
    files = [(source, [])]
    for w in words + ([] if "debug/lock_check.c" in words else ["release/lock_check.c"]):
        if w.startswith("unit/"):
            files.append((os.path.join(TOP, "tests", w), []))
        elif w.startswith(("daemons/", "libs/")):
            files.append((os.path.join(TOP, w), []))
        elif w.endswith(".c") and ("hypervisor", w) not in files:
            files.append((os.path.join(TOP, "hypervisor", w), rename))
    folder = output + ".p"
    os.makedirs(folder, exist_ok=True)
    objects, deps = [], set()
    for path, more in dict(files).items():
        obj = os.path.join(folder, os.path.relpath(path, TOP).replace("/", "_")[:-2] + ".o")
        run(CLANG, "-MD", "-MF", obj + ".d", "-c", "-o", obj, *args, *FLAGS, *more, *before, "-I", HERE, path)
        with open(obj + ".d") as f:
            deps.update(f.read().replace("\\\n", " ").split(":", 1)[1].split())
        for name in listed(text, "globals"):
            run("objcopy", "--globalize-symbol=" + name, obj)
        objects.append(obj)
    run(CLANG, "-fsanitize=fuzzer,address,undefined", "-o", output, *objects, "-lcmocka")
    with open(depfile, "w") as f:
        f.write("%s: %s\n" % (output, " ".join(sorted(deps))))


main()
