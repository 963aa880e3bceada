#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/runbook.md explains every finding that a run or a watch can make, and names every secret of the nightly."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")

# How code names the subject of a finding.
SUBJECTS = [
    r'findings\.push_back\(\s*\{"(\w+)"',
    r'add_finding\(\s*\{"(\w+)"',
    r'Finding finding\{"(\w+)"',
    r'\bfind\("(\w+)",',
    r'\bjudge\.add\([^"]*?"(\w+)"',
    r'\badd\("(\w+)",\s*(?:"|fmt::format)',
    r'judge_time\("(\w+)"',
    r'kFirstAudio = "(\w+)"',
]


def subjects():
    found = set()
    for path in sorted(path for folder in ("lib", "tools/watch") for path in (ROOT / folder).rglob("*.cc")):
        text = path.read_text(encoding="utf-8")
        if "finding" in text.lower():
            for expression in SUBJECTS:
                found.update(re.findall(expression, text))
    return found


class RunbookTest(unittest.TestCase):
    def test_it_explains_every_finding(self):
        found = subjects()
        self.assertLessEqual({"open", "crash", "oom_kill", "ops_from", "settling", "lost", "stored_twice", "answers", "first_audio"}, found)
        missing = sorted(name for name in found if not re.search(rf"`{name}\b", RUNBOOK))
        self.assertEqual(missing, [])

    def test_it_names_every_secret_of_the_nightly(self):
        secrets = set(re.findall(r"secrets\.(\w+)", (ROOT / ".github/workflows/soak-nightly.yml").read_text(encoding="utf-8")))
        self.assertGreater(len(secrets), 3)
        self.assertEqual(sorted(name for name in secrets if f"`{name}`" not in RUNBOOK), [])

    def test_it_names_the_label_of_the_issue(self):
        label = re.search(r'LABEL = "([^"]+)"', (ROOT / ".ci/report_failure.py").read_text(encoding="utf-8"))[1]
        self.assertIn(f"`{label}`", RUNBOOK)


if __name__ == "__main__":
    unittest.main()
