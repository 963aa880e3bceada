#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py FOLDER: that each link and each picture of a built site leads to a file in it, and each #part to an id there.

The reference that Doxygen writes is left out, except that the pages may link to it. Nothing is asked of the network; a page
that would load a script, a style or a font from elsewhere is an error.
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links = []   # (tag, address)
        self.ids = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if found.get("id"):
            self.ids.add(found["id"])
        if tag == "a" and found.get("name"):
            self.ids.add(found["name"])
        for name in ("href", "src"):
            if found.get(name):
                self.links.append((tag, found[name]))


def check(folder):
    pages = {}

    def page(path):
        if path not in pages:
            pages[path] = Page(path.read_text(encoding="utf-8", errors="replace"))
        return pages[path]

    errors = []
    files = [path for path in sorted(folder.rglob("*.html")) if folder / "api" not in path.parents and path.name != "404.html"]
    for path in files:
        for tag, address in page(path).links:
            where = f"{path.relative_to(folder)}: {address}"
            if re.match(r"(https?:)?//", address):
                if tag != "a":
                    errors.append(f"{where}: it is loaded from elsewhere")
                continue
            if re.match(r"[a-z]+:", address):
                continue
            target, _, part = address.partition("#")
            file = (path.parent / urllib.parse.unquote(target)).resolve() if target else path.resolve()
            if file.is_dir():
                file = file / "index.html"
            if not file.is_file():
                errors.append(f"{where}: there is no such file")
            elif part and file.suffix == ".html" and urllib.parse.unquote(part) not in page(file).ids:
                errors.append(f"{where}: there is no such place in it")
    if not files:
        errors.append(f"{folder}: there is no page")
    return errors


def main():
    errors = check(pathlib.Path(sys.argv[1]))
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
