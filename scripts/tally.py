#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the results of one `meson test` run: prints `PASSED FAILED SKIPPED`.

A program counts by its cases if it says what they were: in TAP, which meson's JUnit log has,
in cmocka's words, or by a last line `N passed, N failed`; else it counts as one. A program that failed without
a failed case (a crash, a sanitizer's report) is one failure more. Whatever did not pass is
named on stderr.
"""
import collections
import json
import re
import sys
import xml.etree.ElementTree as ET

GOOD = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}


def case_outcome(case):
    tags = {child.tag for child in case}
    return "fail" if tags & {"failure", "error"} else "skip" if "skipped" in tags else "pass"


def tap_programs(junit):
    """Map each program that speaks TAP to the (name, outcome) list of its cases."""
    return {
        suite.get("name").split(".", 1)[1]: [
            (case.get("name"), case_outcome(case)) for case in suite.iter("testcase")
        ]
        for suite in ET.parse(junit).getroot().iter("testsuite")
        if "." in suite.get("name")
    }


def tap_cases(program, cases):
    """meson keeps a TAP program's own words to itself, so show them if it failed."""
    for name, outcome in cases:
        if outcome != "pass":
            print(f"  {outcome}: {program['name']}: {name}", file=sys.stderr)
    if program["result"] not in GOOD:
        lines = program.get("stdout", "").splitlines()
        for line in [line for line in lines if not line.startswith("ok ")][-40:]:
            print(f"    {line}", file=sys.stderr)
    return collections.Counter(outcome for _, outcome in cases)


def cmocka_cases(program):
    """By name, as a forked child may repeat what its parent had not yet written."""
    names = {"RUN": set(), "OK": set(), "SKIPPED": set()}
    for line in program.get("stdout", "").splitlines():
        said = re.fullmatch(r"\[ +(RUN|OK|SKIPPED) +\] (\w+)", line)
        if said:
            names[said[1]].add(said[2])
    failed = names["RUN"] - names["OK"] - names["SKIPPED"]
    return collections.Counter(
        {"pass": len(names["OK"]), "skip": len(names["SKIPPED"]), "fail": len(failed)}
    )


def told_cases(program):
    lines = program.get("stdout", "").strip().splitlines()
    told = lines and re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1].strip())
    if not told:
        return collections.Counter()
    return collections.Counter({"pass": int(told[1]), "fail": int(told[2])})


def count(program, taps):
    """The Counter of one program's outcomes."""
    name, outcome = program["name"], GOOD.get(program["result"], "fail")
    if taps.get(name):
        counts = tap_cases(program, taps[name])
    else:
        counts = cmocka_cases(program) + told_cases(program)
    if not sum(counts.values()) or (outcome == "fail" and not counts["fail"]):
        counts[outcome] += 1
    if outcome != "pass":
        print(f"  {outcome}: {name}: {program['result'].lower()}", file=sys.stderr)
    return counts


def main(base):
    taps = tap_programs(base + ".junit.xml")
    with open(base + ".json", encoding="utf-8") as log:
        total = sum((count(json.loads(line), taps) for line in log), collections.Counter())
    print(total["pass"], total["fail"], total["skip"])


if __name__ == "__main__":
    main(sys.argv[1])
