#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ceilings on size and complexity of C and Python files.

 function   no more than 120 lines, and 95 of 100 no more than 60; cyclomatic complexity no more than 20
 file       no more than 1000 lines; lines of C no longer than 132 columns
 own header at least 90 of 100 .c files of the hypervisor and user space have the header of their module: NAME.c and NAME_*.c have NAME.h
Exceptions stand in tools/ceilings_exceptions.txt, "WHAT PLACE VALUE" a line. The list may only shrink: a value that has become
better than its exception, or an exception that is no longer needed, is an error until the list says so.
"""
import ast
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = {"function-lines": 120, "function-complexity": 20, "file-lines": 1000, "line-columns": 132}
P95_LINES = 60
OWN_HEADER_PERCENT = 90
C_FOLDERS = ("hypervisor", "abi", "libs", "daemons", "cli", "tests/guest", "tests/unit", "tests/store", "tests/build",
             "tests/console", "tests/domd", "tests/devd")
PYTHON_FOLDERS = ("tools", "tests", "dom0", "harness", "bench")
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
BRANCH = re.compile(r"\b(?:if|for|while|case)\b|&&|\|\||\?")
NAME = re.compile(r"(\w+)\s*\(")


def files(folders, ends):
    for folder in folders:
        for root, dirs, names in os.walk(os.path.join(TOP, folder)):
            dirs[:] = [d for d in dirs if d != "__pycache__"]
            for n in sorted(names):
                path = os.path.join(root, n)
                if n.endswith(ends) or (".py" in ends and "." not in n and is_python(path)):
                    yield os.path.relpath(path, TOP)


def is_python(path):
    with open(path, "rb") as f:
        return f.read(40).startswith(b"#!") and b"python" in open(path, "rb").readline()


def blank(match):
    """Comments and strings go, the lines stay."""
    return "\n" * match.group(0).count("\n") or " "


def c_functions(text):
    """(name, lines, complexity) of functions in kernel style: brace and closing brace in the first column."""
    lines = NOISE.sub(blank, text).split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{") and i and start is None:
            head = i - 1
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].rstrip().endswith((";", "}", ":")) \
                    and not lines[head - 1].startswith("#"):
                head -= 1
            m = NAME.search(" ".join(lines[head:i]))
            start = (head, m.group(1) if m else "?", i)
        elif line.startswith("}") and start is not None:
            head, name, body = start
            yield name, i - head + 1, 1 + len(BRANCH.findall("\n".join(lines[body:i])))
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            branches = sum(isinstance(n, (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension))
                           + (len(n.values) - 1 if isinstance(n, ast.BoolOp) else 0) for n in ast.walk(node))
            yield node.name, node.end_lineno - node.lineno + 1, 1 + branches


def measure():
    """All figures: {(what, place): value}, and the lengths of the C functions."""
    found, lengths = {}, []
    for path in list(files(C_FOLDERS, (".c", ".h", ".S"))) + list(files(PYTHON_FOLDERS, (".py",))):
        with open(os.path.join(TOP, path), errors="replace") as f:
            text = f.read()
        lines = text.split("\n")
        found["file-lines", path] = len(lines) - 1
        is_c = not path.endswith(".py") and "." in os.path.basename(path)
        if is_c:
            found["line-columns", path] = max(len(line.expandtabs(8)) for line in lines)
        if path.endswith(".S"):
            continue
        for name, size, complexity in (c_functions if is_c else python_functions)(text):
            place = "%s:%s" % (path, name)
            found["function-lines", place] = max(size, found.get(("function-lines", place), 0))
            found["function-complexity", place] = max(complexity, found.get(("function-complexity", place), 0))
            if is_c and path.startswith(("hypervisor", "libs", "daemons", "cli")):
                lengths.append(size)
    return found, lengths


def own_headers():
    """Percentage of the .c files that have the header of their module, and the files that have none."""
    names = [p for p in files(("hypervisor", "libs", "daemons", "cli"), (".c",))
             if not p.startswith(("hypervisor/debug", "hypervisor/release")) and os.path.basename(p) != "main.c"]
    without = [p for p in names if not any(os.path.exists(os.path.join(TOP, h)) for h in module_headers(p))]
    return 100 - 100 * len(without) // max(1, len(names)), without


def module_headers(path):
    """evtchn_bind.c belongs to evtchn_bind.h or to evtchn.h."""
    words = os.path.basename(path)[:-2].split("_")
    return ["%s/%s.h" % (os.path.dirname(path), "_".join(words[:n])) for n in range(len(words), 0, -1)]


def exceptions():
    path = os.path.join(TOP, "tools/ceilings_exceptions.txt")
    out = {}
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    what, place, value = line.split()[:3]
                    out[what, place] = int(value)
    return out


def judge(found, lengths, headers):
    bad, excused = [], exceptions()
    for key, value in sorted(found.items()):
        limit, granted = LIMIT[key[0]], excused.pop(key, None)
        if granted is None and value > limit:
            bad.append("%s: %s is %d, no more than %d" % (key[1], key[0], value, limit))
        elif granted is not None and value > granted:
            bad.append("%s: %s is %d and its exception says %d" % (key[1], key[0], value, granted))
        elif granted is not None and value < granted:
            bad.append("%s: %s is down to %d: say so in the exceptions, or drop it there" % (key[1], key[0], value))
    floor = excused.pop(("own-header-percent", "hypervisor"), OWN_HEADER_PERCENT)
    if headers < floor:
        bad.append("only %d%% of the .c files have a header of their name, at least %d" % (headers, floor))
    bad += ["exception for what is not there: %s %s" % k for k in excused]
    p95 = sorted(lengths)[len(lengths) * 95 // 100] if lengths else 0
    if p95 > P95_LINES:
        bad.append("95 of 100 functions have up to %d lines, no more than %d" % (p95, P95_LINES))
    return bad, p95


def main():
    found, lengths = measure()
    headers, without = own_headers()
    if "-v" in sys.argv:
        print("ceilings: without a header: " + " ".join(without))
    bad, p95 = judge(found, lengths, headers)
    for line in bad:
        print("ceilings: " + line)
    print("ceilings: %d functions (p95 %d lines, longest %d), %d%% own headers, %d violations" %
          (len(lengths), p95, max(lengths, default=0), headers, len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
