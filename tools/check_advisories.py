#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/advisories.md: each number from 1 to the last stands in it once, its sums are right, and each test that it names is there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def table_numbers(text):
    return [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.M)]


def list_numbers(text):
    """Numbers of lines such as "12 (phrase), 13, 14 (another)."."""
    lines = [s for s in text.splitlines() if re.match(r"\d+( \(|,|\.$)", s)]
    return [int(n) for s in lines for n in re.findall(r"(?:^|, )(\d+)(?= \(|,|\.|$)", re.sub(r" \([^()]*\)", "", s))]


def sections(text):
    parts = re.split(r"^## (.*)$", text, flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def main():
    s = sections((ROOT / "docs" / "advisories.md").read_text())
    last = s["Unused numbers, and what was not read"].replace("\n\n", "\n")
    unused, unread = ([int(n) for n in re.findall(r"\d+", line)] for line in last.split(":")[1:])
    groups = [
        table_numbers(s["Tried"]), table_numbers(s["Ours, with nothing left to provoke"]),
        table_numbers(s["Open"]), list_numbers(s["Open"]), list_numbers(s["Not ours"]), unused, unread,
    ]
    wrong = []
    every = sorted(n for g in groups for n in g)
    if every != list(range(1, every[-1] + 1)):
        wrong.append(f"missing {sorted(set(range(1, every[-1])) - set(every))}, twice {sorted({n for n in every if every.count(n) > 1})}")
    said = [int(n) for n in re.findall(r"\d+", " ".join(re.findall(r"^\| .*\| (\d+.*) \|$", s[""], re.M)))]
    if said != [len(g) for g in groups]:
        wrong.append(f"the sums say {said}, there are {[len(g) for g in groups]}")
    cases = {f"{p.parent.name}/{name}" for p in (ROOT / "tests" / "guest").glob("*/*.c")
             for name in re.findall(r"^CASE\((\w+),", p.read_text(), re.M)}
    for name in re.findall(r"`([\w./]+/[\w.]+)`", s["Tried"]):
        if name not in cases and not (ROOT / name).is_file():
            wrong.append(f"no test {name}")
    for w in wrong:
        print(f"advisories: {w}")
    print(f"advisories: {len(every)}, {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
