# SPDX-License-Identifier: Apache-2.0
"""Links of the site. What is not a page of it, such as a header or a folder, becomes text: the site has no such file."""

import posixpath
import re


def on_page_markdown(markdown, page, config, files):
    folder = posixpath.dirname(page.file.src_path)

    def kept(found):
        target = found[2].partition("#")[0]
        if not target or re.match(r"[a-z][a-z0-9+.-]*:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        return found[0] if files.get_file_from_path(path) else found[1]

    # A link, but not a picture; not within a block of code, whose lines are indented or fenced.
    lines = []
    fenced = False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and not line.startswith("    "):
            line = re.sub(r"(?<!!)\[([^]]*)\]\(([^)\s]+)\)", kept, line)
        lines.append(line)
    return "\n".join(lines)
