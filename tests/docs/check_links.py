#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the links in Markdown files: that a relative one names a file of this tree, and its #part a heading in it.

    check_links.py [ROOT]

Looks at the files that git knows, or at all of a folder that is no checkout. Asks the network for nothing.
"""

import pathlib
import re
import subprocess
import sys
import urllib.parse


def without_code(text):
    """The same lines, with blocks and spans of code blanked."""
    lines = []
    fence = None
    for line in text.split("\n"):
        found = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence:
            if found and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
            line = ""
        elif found:
            fence = found[1]
            line = ""
        lines.append(re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", line))
    return "\n".join(lines)


def anchors(text):
    """The anchors of its headings, as GitHub and MkDocs make them."""
    made = {}
    fence = None
    for line in text.split("\n"):
        found = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if found and fence is None:
            fence = found[1]
        elif found and fence and line.strip().startswith(fence):
            fence = None
        heading = re.match(r"#{1,6} +(.*?)(?: +#+)? *$", line)
        if heading and fence is None:
            words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
            anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            count = made.get(anchor, 0)
            made[anchor] = count + 1
            yield f"{anchor}-{count}" if count else anchor


def links(text):
    for number, line in enumerate(without_code(text).split("\n"), start=1):
        for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", line):
            yield number, target
        for target in re.findall(r"^ {0,3}\[[^]]+\]:\s*<?(\S+?)>?(?:\s|$)", line):
            yield number, target


def pages(root):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], cwd=root,
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    return sorted(root.rglob("*.md"))


def check(root):
    errors = []
    for page in sorted(pages(root)):
        for number, target in links(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, part = target.partition("#")
            file = page.parent / urllib.parse.unquote(path) if path else page
            where = f"{page.relative_to(root)}:{number}: {target}"
            if path.startswith("/"):
                errors.append(f"{where}: expected a path relative to this file")
            elif not file.exists():
                errors.append(f"{where}: there is no such file")
            elif part and file.suffix == ".md" and part not in set(anchors(file.read_text(encoding="utf-8"))):
                errors.append(f"{where}: there is no such heading in {path or 'this file'}")
    return errors


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    errors = check(root)
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
