#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""analyze.py [gcc] [cppcheck] [clang-tidy]: the hypervisor under gcc's analyzer, cppcheck and clang-tidy (all three).

What they find and is right as it is stands in analyze_exceptions.txt, a line each: TOOL CHECK FILE REASON; FILE * is any. An exception
that nothing needs any more is an error too. Needs a configured build (./dev analyze makes one). The last line is
"N passed, N failed": the tools.
"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
BUILD = os.path.join(TOP, "build")
JOBS = os.cpu_count() or 2
FOUND = re.compile(r"^(?:\S*/)?(hypervisor/[\w/.]+):(\d+):(?:\d+:)? (?:warning|error): (.*?) ?\[([^\]]+)\]$")
TIDY_CHECKS = "-*,bugprone-*,clang-analyzer-*,misc-redundant-expression,misc-misplaced-const"


def commands():
    """The compile commands of the hypervisor's own C files."""
    with open(os.path.join(BUILD, "compile_commands.json")) as f:
        return [c for c in json.load(f) if "libhypervisor.a.p" in c["output"] and c["file"].endswith(".c")]


def path_of(command):
    return os.path.normpath(os.path.join(command["directory"], command["file"]))


def flags_of(command):
    words = shlex.split(command["command"])
    return [w for w in words[1:words.index("-o")] if w not in ("-MD", "-MQ", "-MF", "-Werror") and not w.endswith((".o", ".d"))]


def output(args):
    p = subprocess.run(args, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return p.stdout


def each(function):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return "".join(pool.map(function, commands()))


def gcc():
    return each(lambda c: output(["gcc", *flags_of(c), "-fanalyzer", "-fdiagnostics-plain-output", "-c", "-o", "/dev/null", path_of(c)]))


def clang_tidy():
    known = "-Wno-unknown-pragmas"
    return each(lambda c: output(["clang-tidy-14", "--quiet", "--checks=" + TIDY_CHECKS, path_of(c), "--", *flags_of(c), known]))


def cppcheck():
    """Without attributes, at which it stumbles; of abort() it knows that it does not return."""
    with tempfile.TemporaryDirectory() as folder:
        project = os.path.join(folder, "compile_commands.json")
        with open(project, "w") as f:
            json.dump(commands(), f)
        return output(["cppcheck", "--project=" + project, "--enable=warning,portability", "--quiet", "-j%d" % JOBS,
                       "--template={file}:{line}:{column}: warning: {message} [{id}]", "-D__attribute__(x)=", "-Dpanic(...)=abort()"])


TOOLS = {"gcc": gcc, "cppcheck": cppcheck, "clang-tidy": clang_tidy}


def exceptions():
    with open(os.path.join(HERE, "analyze_exceptions.txt")) as f:
        for line in f:
            words = line.split(None, 3)
            if words and not line.startswith("#"):
                if len(words) < 4:
                    sys.exit("analyze_exceptions.txt: no reason: " + line)
                yield tuple(words[:3])


def main(args):
    allowed, failed = list(exceptions()), 0
    tools = args or list(TOOLS)
    for tool in tools:
        bad, used, seen = 0, set(), set()
        for line in TOOLS[tool]().splitlines():
            m = FOUND.match(line)
            if not m or line in seen:
                continue
            seen.add(line)
            file, number, what, check = m.groups()
            check = check.split("] [")[-1].split(",")[0]
            covers = [e for e in allowed if e[0] == tool and e[1] == check and e[2] in ("*", file[len("hypervisor/"):])]
            used.update(covers)
            if not covers:
                print("%s: %s:%s: %s [%s]" % (tool, file, number, what, check))
                bad += 1
        for e in allowed:
            if e[0] == tool and e not in used:
                print("%s: the exception for %s in %s is not needed" % (tool, e[1], e[2]))
                bad += 1
        print("%s: %d found, %d of them with a reason" % (tool, len(seen) + 0, len(seen) - bad), flush=True)
        failed += bad > 0
    print("%d passed, %d failed" % (len(tools) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
