#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report_page.py PAGE [KIND...]: whether a report of `hepta bench` is what it promises

Well-formed, of one piece, with a drawing for each kind, and the same figures in its tables as in
its JSON, which is printed.
"""
import json
import sys
from html.parser import HTMLParser

VOID = {"meta", "br"}
SHAPES = {"path", "line"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.refs = [], [], []
        self.drawings = {}  # section id: number of drawings with a name
        self.rows = {}  # section id: rows of cells
        self.json = ""

    def section(self):
        ids = [i for tag, i in self.open if tag == "section" and i]
        return ids[0] if ids else None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert attrs.get("id") not in self.ids, "twice: " + attrs["id"]
        if "id" in attrs:
            self.ids.append(attrs["id"])
        assert not {"src", "style", "onload", "onclick"} & set(attrs), attrs
        self.refs += [attrs["href"]] if "href" in attrs else []
        self.refs += ["#" + i for i in attrs.get("aria-labelledby", "").split()]
        if tag == "script":
            assert attrs.get("type") == "application/json", "a script"
        if tag == "svg" and attrs.get("role") == "img":
            assert attrs.get("aria-labelledby"), "a drawing without a name"
            self.drawings[self.section()] = self.drawings.get(self.section(), 0) + 1
        elif tag == "svg":
            assert attrs.get("aria-hidden") == "true"
        if tag == "tr":
            self.rows.setdefault(self.section(), []).append([])
        if tag in ("td", "th"):
            self.rows[self.section()][-1].append("")
        if tag not in VOID:
            self.open.append((tag, attrs.get("id")))

    def handle_startendtag(self, tag, attrs):
        assert tag in SHAPES, "not closed like that: " + tag

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if "script" in tags:
            self.json += data
        elif "td" in tags or "th" in tags:
            self.rows[self.section()][-1][-1] += data
        assert "http" not in data or "script" in tags, "an address: " + data

    def error(self, message):
        raise AssertionError(message)


def text(value):
    """As a table shows what is in the JSON, where numbers were read as text."""
    return "" if value is None else str(value)


def check_raw(rows, cells):
    head, rows = rows[0], rows[1:]
    assert len(rows) == len(cells), (len(rows), len(cells))
    for row, cell in zip(rows, cells):
        assert row == [text(cell.get(column)) for column in head], (row, cell)
        assert set(cell) - set(head) <= {"why"}, cell


def check_promises(rows, targets):
    rows = [row for row in rows[1:] if len(row) > 1]
    assert len(rows) == len(targets), (len(rows), len(targets))
    for row, target in zip(rows, targets):
        assert row[0] == target["target"]
        assert row[4][2:] == target["verdict"], row
        if target["ratio"] is None:
            assert row[1] == "-"
        else:
            ratio = float(target["ratio"])
            assert abs(float(row[1]) - ratio) <= max(0.005, ratio / 200) + 1e-9, row


def main():
    with open(sys.argv[1], encoding="utf-8", errors="strict") as f:
        source = f.read()
    page = Page()
    page.feed(source)
    page.close()
    assert not page.open, page.open
    assert "url(" not in source and "@import" not in source
    for ref in page.refs:
        assert ref.startswith("#") and ref[1:] in page.ids, ref
    figures = json.loads(page.json, parse_float=str, parse_int=str)
    check_raw(page.rows["raw"], figures["cells"])
    check_promises(page.rows.get("promises", [[]]), figures["targets"])
    kinds = {cell["mechanism"] for cell in figures["cells"]}
    assert kinds == set(sys.argv[2:]), kinds
    for kind in kinds:
        assert page.drawings["kind-" + kind] >= 1, kind
        assert len(page.rows["kind-" + kind]) > page.drawings["kind-" + kind], kind
    assert page.drawings["overview"] == 1
    assert all(figures["machine"].values()), figures["machine"]
    print(page.json)


main()
