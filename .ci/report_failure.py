#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens an issue for a failed nightly, or adds a comment to the one that is open.

    report_failure.py --title "The nightly soak fails" --run URL [--logs FOLDER]

The issue gets the soak-summary.md files in the folder that have a run which failed.

One open issue with this title and label is enough: the oldest one gets the comment. Needs the `gh` command, with a token
that may write issues, and GH_REPO or a checkout.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

LABEL = "release-impact:behavior"
BODY_MAX = 60_000  # GitHub refuses more than 65,536 characters.


def gh(*arguments, text=None):
    result = subprocess.run(["gh", *arguments], input=text, check=True, text=True, stdout=subprocess.PIPE)
    return result.stdout


def failed_summaries(folder):
    texts = []
    for path in sorted(pathlib.Path(folder).rglob("soak-summary.md")) if folder else []:
        text = path.read_text(encoding="utf-8", errors="replace")
        if re.search(r"^### (FAIL|INCONCLUSIVE) ", text, re.MULTILINE):
            texts.append(text)
    return texts


def body(run, summaries):
    parts = [f"The run: {run}\n"]
    parts += summaries or ["No soak of it reported a finding: look at the log of the job that failed.\n"]
    text = "\n".join(parts)
    runbook = "\nWhat to do: docs/runbook.md\n"
    if len(text) + len(runbook) > BODY_MAX:
        text = text[:BODY_MAX - len(runbook) - 100]
        text += "\n`````\n\nThe rest is in the summary of the run.\n"  # Ends a code block that was cut.
    return text + runbook


def main():
    parser = argparse.ArgumentParser(description="Open or update the issue of a failed nightly.")
    parser.add_argument("--title", required=True)
    parser.add_argument("--run", required=True, help="the address of the run")
    parser.add_argument("--logs", help="the folder of the downloaded artifacts")
    arguments = parser.parse_args()
    text = body(arguments.run, failed_summaries(arguments.logs))
    try:
        listed = json.loads(gh("issue", "list", "--state", "open", "--label", LABEL, "--limit", "200",
                               "--json", "number,title"))
        same = sorted(issue["number"] for issue in listed if issue["title"] == arguments.title)
        if same:
            gh("issue", "comment", str(same[0]), "--body-file", "-", text=text)
        else:
            gh("label", "create", LABEL, "--force", "--color", "d93f0b",
               "--description", "Changes what users see: look at it before the next release")
            gh("issue", "create", "--title", arguments.title, "--label", LABEL, "--body-file", "-", text=text)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        sys.exit(f"report_failure.py: {error}")


if __name__ == "__main__":
    main()
