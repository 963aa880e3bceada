#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `make docs` is built with: the check of the site, its links, and what Doxygen reads."""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

SITE = pathlib.Path(__file__).resolve().parents[2] / "docs/site"
sys.dont_write_bytecode = True


def load(name):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CheckTest(unittest.TestCase):
    def errors(self, page):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "api").mkdir()
            (folder / "api/index.html").write_text('<a href="none.html">of Doxygen</a>', encoding="utf-8")
            (folder / "other.html").write_text('<h1 id="there">Other</h1>', encoding="utf-8")
            (folder / "index.html").write_text(page, encoding="utf-8")
            return load("check").check(folder)

    def test_what_leads_somewhere_is_right(self):
        self.assertEqual(self.errors('<a id="a" href="other.html#there"></a><a href="#a"></a><a href="https://example.com/x"></a>'
                                     '<a href="api/index.html"></a><a href="mailto:a@b"></a>'), [])

    def test_what_leads_nowhere_is_named(self):
        self.assertEqual(self.errors('<a href="none.html"></a><a href="other.html#none"></a><img src="none.png"><a href="#none"></a>'
                                     '<script src="https://example.com/x.js"></script>'),
                         ["index.html: none.html: there is no such file",
                          "index.html: other.html#none: there is no such place in it",
                          "index.html: none.png: there is no such file",
                          "index.html: #none: there is no such place in it",
                          "index.html: https://example.com/x.js: it is loaded from elsewhere"])


class LinksTest(unittest.TestCase):
    def test_a_link_to_what_is_no_page_becomes_text(self):
        page = types.SimpleNamespace(file=types.SimpleNamespace(src_path="docs/running.md"))
        files = types.SimpleNamespace(get_file_from_path=lambda path: path if path in ("README.md", "docs/report.md") else None)
        text = ("[a](report.md#x) [b](../README.md) [c](../include/soak/options.h) [d](https://example.com) [e](#x) ![f](x.png)\n"
                "    [g](none.h)\n```\n[h](none.h)\n```\n[i](../examples/pusher)")
        self.assertEqual(load("links").on_page_markdown(text, page, None, files),
                         "[a](report.md#x) [b](../README.md) c [d](https://example.com) [e](#x) ![f](x.png)\n"
                         "    [g](none.h)\n```\n[h](none.h)\n```\ni")


class DoxygenFilterTest(unittest.TestCase):
    def filtered(self, header):
        return subprocess.run(["awk", "-f", SITE / "doxygen_filter.awk"], input=header, capture_output=True, text=True,
                              check=True).stdout

    def test_comments_become_doxygens_and_their_text_stays_text(self):
        self.assertEqual(self.filtered("// SPDX-License-Identifier: Apache-2.0\n#ifndef SOAK_A_H_\n#define SOAK_A_H_\n\n"
                                       "// Why <a> and @b.\n//\n//   a::b(\"<c>\");\n\n// A thing.\nstruct A {\n"
                                       "  int b = 0;  // Its b,\n              // at most 7.\n};\n\n#endif  // SOAK_A_H_\n"),
                         "\n#ifndef SOAK_A_H_\n#define SOAK_A_H_\n\n"
                         "/// @file\n/// Why \\<a\\> and \\@b.\n///\n///      a::b(\"<c>\");\n\n/// A thing.\nstruct A {\n"
                         "  int b = 0;  ///< Its b,\n              ///< at most 7.\n};\n\n#endif  // SOAK_A_H_\n")

    def test_what_is_ours_alone_is_left_out_and_the_lines_are_counted(self):
        header = "int a;\nnamespace detail {\n// Ours.\nint b;\n}  // namespace detail\nint c;\n"
        self.assertEqual(self.filtered(header), "int a;\n\n\n\n\nint c;\n")


if __name__ == "__main__":
    unittest.main()
