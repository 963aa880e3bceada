#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The check of links must be able to say no."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_links  # noqa: E402


class CheckLinksTest(unittest.TestCase):
    def errors(self, page, **others):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "docs").mkdir()
            (folder / "docs/page.md").write_text(page, encoding="utf-8")
            for other, text in others.items():
                (folder / f"docs/{other}.md").write_text(text, encoding="utf-8")
            return check_links.check(folder)

    def test_what_leads_somewhere_is_right(self):
        self.assertEqual(self.errors("# A page\n[a](other.md) [b](other.md#its-own-heading) ![c](../docs/other.md) [d](#a-page)\n"
                                     "[e](https://example.com/none) [f](other.md \"title\")\n[ref]: other.md\n",
                                     other="## Its own `heading`\n"), [])

    def test_a_file_or_a_heading_that_is_not_there_is_named_with_its_line(self):
        self.assertEqual(self.errors("\n[a](none.md) ![b](none.png)\n[c](other.md#none)\n[d](#none)\n[e](/docs/other.md)\n[f]: gone.md\n",
                                     other="# Other\n"),
                         ["docs/page.md:2: none.md: there is no such file",
                          "docs/page.md:2: none.png: there is no such file",
                          "docs/page.md:3: other.md#none: there is no such heading in other.md",
                          "docs/page.md:4: #none: there is no such heading in this file",
                          "docs/page.md:5: /docs/other.md: expected a path relative to this file",
                          "docs/page.md:6: gone.md: there is no such file"])

    def test_code_has_no_links_and_no_headings(self):
        self.assertEqual(self.errors("`[a](none.md)`\n```cpp\nauto x = f[a](none.md);\n# heading\n```\n[b](#heading)\n"),
                         ["docs/page.md:6: #heading: there is no such heading in this file"])


if __name__ == "__main__":
    unittest.main()
