#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What .github and .ci promise. Runs where python3-yaml is; takes a second or two.

The check of the workflows must be able to say no: each row of BROKEN breaks one thing in a copy of this tree.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / ".ci"))
import plan_soaks  # noqa: E402

GATE = ".github/workflows/release-gate.yml"
NIGHTLY = ".github/workflows/soak-nightly.yml"
PARTS = ".github/workflows/soak-in-parts.yml"
DAY = ".github/workflows/soak-day.yml"
CI = ".github/workflows/ci.yml"
SOAK_ACTION = ".github/actions/soak/action.yml"

# File, what is replaced there, by what, and what the check says then.
BROKEN = [
    (CI, "make clang", "make clnag", "ci.yml: clang: make clnag: the Makefile has no such target"),
    (CI, "BENCH_ARGS=", "BENCHARGS=", "ci.yml: bench: make BENCHARGS=...: the Makefile does not use this variable"),
    (CI, ".ci/run", ".ci/runs", "ci.yml: test: runs .ci/runs: there is no such file"),
    (CI, "timeout-minutes: 60", "timeout-minutes: 400", "ci.yml: test: timeout-minutes is 400: hosted runners end a job after 360"),
    (CI, "    timeout-minutes: 60\n", "", "ci.yml: test: timeout-minutes: expected a number of minutes"),
    (CI, "jobs:\n", "jobs: [\n", "ci.yml: not YAML"),
    (CI, "actions/checkout@v4", "actions/checkout", "ci.yml: test: uses actions/checkout: expected a version"),
    (GATE, "target: ${{ matrix.target }}", "tarket: ${{ matrix.target }}", "./.github/actions/soak has no input 'tarket'"),
    (GATE, "target: ${{ matrix.target }}", "tarket: ${{ matrix.target }}", "./.github/actions/soak needs the input 'target'"),
    (GATE, "./.github/actions/soak", "./.github/actions/soaks", "uses ./.github/actions/soaks: there is no such action"),
    (GATE, "matrix.duration", "matrix.durations", "soak: SOAK_DURATION is '': expected a duration"),
    (GATE, "matrix.target", "matrix.goal", "soak: matrix.goal: the matrix has no such value"),
    (GATE, "timeout-minutes: 120", "timeout-minutes: 60", "soak: timeout-minutes is 60: 1 x 60 minutes of soak and 25 to build do not fit"),
    (GATE, "      SOAK_DURATION:", "      SOAK_DURATIN:", "release-gate.yml: soak: SOAK_DURATIN: soak has no such variable"),
    (GATE, "      SOAK_DURATION:", "      SOAK_DURATIN:", "release-gate.yml: soak: it runs soaks, and does not set SOAK_DURATION"),
    (GATE, "needs: plan\n", "needs: plans\n", "soak: needs 'plans': there is no such job"),
    (GATE, "needs.plan.outputs.soaks != '[]'", "needs.plan.outputs.soak != '[]'", "soak: needs.plan.outputs.soak: there is no such output"),
    (GATE, "steps.plan.outputs", "steps.plans.outputs", "plan: steps.plans: there is no step with this id"),
    (".ci/plan_soaks.py", '"gate-pusher"', '"gate-pushed"', "pusher: make gate-pushed: the Makefile has no such target"),
    (".ci/plan_soaks.py", '"(Pusher|', '"(Pushed|', "Pusher.AnUploadThatHangsLeavesNoGhost is in no group, so no release runs it"),
    (".ci/plan_soaks.py", '"(Leaks|Clean)[.]"', '"(Leeks|Cleen)[.]"', "verdict: '(Leeks|Cleen)[.]': no soak has such a name"),
    (".ci/plan_soaks.py", 'Listen)[.]", "30m"', 'Listen)[.]", "31m"', "pusher: 31m is above the DURATION of pusher_soak, 30 minutes"),
    (".ci/plan_soaks.py", 'VOICE = ("gemini", "openai")', 'VOICE = ("openai",)', "VOICE is not SOAK_VOICE_PROVIDERS"),
    (NIGHTLY, "Voice.AgainstTheFake/", "Voice.AgainstTheFakes/", "voice: SOAKS='Voice.AgainstTheFakes/gemini$': no soak has such a name"),
    (NIGHTLY, "Channels.SlackService,", "Channels.SlakService,", "channels: SOAKS='Channels.SlakService$': no soak has such a name"),
    (NIGHTLY, "options: [10m, 30m, 60m]", "options: [10m, 2h]", "voice: timeout-minutes is 120: 1 x 120 minutes of soak"),
    (NIGHTLY, "options: [10m, 30m, 60m]", "options: [10m, 70m]",
     "Voice.AgainstTheFake/gemini would run for 70 minutes: the DURATION of voice_soak in tests/soak/CMakeLists.txt is 60"),
    (NIGHTLY, "        type: choice\n        default: 60m", "        type: string\n        default: 60m", "expected one of type choice"),
    (NIGHTLY, "secrets.SOAK_SLACK_TOKEN", "secrets.SLACK_TOKEN", "SOAK_SLACK_TOKEN from the secret SLACK_TOKEN: no soak"),
    (NIGHTLY, "target: soak", "target: soaks", "voice: make soaks: the Makefile has no such target"),
    (NIGHTLY, "  workflow_dispatch:", "  pull_request:\n  workflow_dispatch:", "a nightly must not block them"),
    (NIGHTLY, "inputs.voice_duration", "inputs.duration", "inputs.duration: there is no such input"),
    (PARTS, "SOAK_PART_DURATION: 5h", "SOAK_PART_DURATION: 6h", "part-1: timeout-minutes is 350: 1 x 360 minutes of soak"),
    (PARTS, "SOAK_PART_DURATION: 5h", "SOAK_PART_DURATION: 4h", "5 parts of 240 minutes: a soak of 1440 needs 6"),
    (PARTS, "part: 3", "part: 4", "part-3: part is 4: expected 3"),
    (PARTS, "previous: 3", "previous: 2", "part-4: previous is 2: expected 3"),
    (PARTS, "needs: part-2", "needs: part-1", "part-3: needs part-1: expected part-2"),
    (DAY, "soak-in-parts.yml", "soak-by-parts.yml", "uses ./.github/workflows/soak-by-parts.yml: there is no such workflow"),
    (DAY, "program: voice_soak, soak: Voice.AgainstTheFake/openai", "program: voice_soaks, soak: Voice.AgainstTheFake/openai",
     "program 'voice_soaks': tests/soak/CMakeLists.txt has no such program"),
    (DAY, "Channels.Slack }", "Channels.Slacks }", "soak 'Channels.Slacks': channels_soak has no such soak"),
    (SOAK_ACTION, ".ci/summarize", ".ci/summarise", "runs .ci/summarise: there is no such file"),
    (SOAK_ACTION, "inputs.soaks", "inputs.soak", "inputs.soak: there is no such input"),
    ("Makefile", "$(call configure,soak)", "$(call configure,soaks)", "preset soaks: CMakePresets.json has no such configure preset"),
    ("Makefile", "--soak_checkpoint", "--soak_checkpoints", "--soak_checkpoints: soak has no such option"),
    ("Makefile", "-L tools", "-L tool ", "ctest -L tool: no test has this label"),
]


def check(root, *more):
    return subprocess.run([sys.executable, ROOT / "tests/workflows/check_workflows.py", root, *more], capture_output=True,
                          text=True, check=False)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path


class CheckWorkflowsTest(Folder):
    def copy(self):
        for name in (".github", ".ci"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Makefile", self.folder)
        for name in ("CMakePresets.json", "cmake", "lib", "tests"):
            (self.folder / name).symlink_to(ROOT / name)

    def test_this_tree_is_right(self):
        build = ["--build", BUILD] if BUILD else []
        result = check(ROOT, *build)
        self.assertEqual((result.stdout + result.stderr, result.returncode), ("", 0))

    def test_each_thing_that_is_broken_is_named(self):
        self.copy()
        for path, before, after, expected in BROKEN:
            with self.subTest(path=path, after=after, expected=expected):
                file = self.folder / path
                right = file.read_text(encoding="utf-8")
                self.assertIn(before, right)
                file.write_text(right.replace(before, after, 1), encoding="utf-8")
                result = check(self.folder)
                file.write_text(right, encoding="utf-8")
                self.assertIn(expected, result.stdout)
                self.assertEqual(result.returncode, 1)
        self.assertEqual(check(self.folder).stdout, "")

    def test_a_script_that_is_not_executable_is_named(self):
        self.copy()
        (self.folder / ".ci/summarize").chmod(0o644)
        self.assertIn("runs .ci/summarize: it is not executable", check(self.folder).stdout)

    @unittest.skipUnless("--build" in sys.argv, "needs a build folder")
    def test_an_option_that_the_command_does_not_have_is_named(self):
        self.copy()
        script = self.folder / ".ci/summarize"
        script.write_text(script.read_text(encoding="utf-8").replace("--format markdown", "--formats markdown"), encoding="utf-8")
        self.assertIn("soak report --formats: the command has no such option", check(self.folder, "--build", BUILD).stdout)


class PlanSoaksTest(unittest.TestCase):
    def names(self, *paths):
        return [entry["name"] for entry in plan_soaks.plan(paths, "10m")]

    def test_a_change_to_one_provider_runs_its_soaks_alone(self):
        self.assertEqual(self.names("lib/voice/gemini/client.cc"), ["voice-gemini", "voice-faults"])
        self.assertEqual(self.names("include/soak/peers/openai_realtime_peer.h"), ["voice-openai", "voice-faults"])
        self.assertEqual(self.names("lib/peers/slack/peer.cc", "lib/channels/telegram.cc"), ["channels-slack", "channels-telegram"])

    def test_a_change_to_what_they_share_runs_all_of_their_kind(self):
        self.assertEqual(self.names("lib/voice/microphone.cc"), ["voice-gemini", "voice-openai", "voice-faults"])
        self.assertEqual(self.names("lib/channels/sender.cc"), ["channels-discord", "channels-slack", "channels-telegram"])
        self.assertEqual(self.names("examples/pusher/pusher.cc"), ["pusher"])

    def test_a_change_below_all_of_them_runs_everything(self):
        for path in ("lib/async/drain.cc", "lib/growth/growth.cc", "include/soak/run.h", "lib/peers/acceptor.cc", "Makefile",
                     "CMakeLists.txt", "tools/providers/voice_providers.h", ".github/workflows/release-gate.yml"):
            self.assertEqual(self.names(path), list(plan_soaks.GROUPS), path)

    def test_a_path_that_nobody_knows_runs_everything(self):
        for path in ("lib/new_module/file.cc", "somewhere/else.txt", "libx", "tests/soak/new_soak.cc"):
            self.assertEqual(self.names(path), list(plan_soaks.GROUPS), path)

    def test_words_and_unit_tests_run_nothing(self):
        self.assertEqual(self.names("README.md", "docs/report.png", "lib/voice/gemini/notes.md", "tests/unit/async/task_test.cc"), [])

    def test_a_soak_is_never_planned_for_longer_than_its_program_allows(self):
        durations = {entry["name"]: entry["duration"] for entry in plan_soaks.plan(None, "60m")}
        self.assertEqual(durations["voice-openai"], "60m")
        self.assertEqual(durations["channels-slack"], "60m")
        self.assertEqual(durations["pusher"], "30m")

    def test_each_row_is_about_something_that_exists(self):
        files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
        if files == [""]:
            self.skipTest("not a checkout")
        providers = set(plan_soaks.VOICE + plan_soaks.CHANNELS)
        for start, groups in plan_soaks.RULES:
            if start.split("/")[-1] not in providers:  # Not every provider has a file in each of the folders.
                self.assertTrue(any(file.startswith(start) for file in files), start)
        for provider in providers:
            rows = [start for start, _ in plan_soaks.RULES if start.endswith("/" + provider)]
            self.assertTrue(any(file.startswith(start) for start in rows for file in files), provider)

    def test_the_command_takes_paths_with_any_character(self):
        def run(arguments, paths=b""):
            return subprocess.run([ROOT / ".ci/plan_soaks.py", *arguments], input=paths, capture_output=True, check=False)

        changed = run(["--changed", "--duration", "10m"], b"docs/a\n b.md\0lib/voice/openai/\xff.cc\0")
        self.assertEqual([entry["name"] for entry in json.loads(changed.stdout)], ["voice-openai", "voice-faults"])
        self.assertEqual(changed.stdout.count(b"\n"), 1)
        self.assertEqual(json.loads(run(["--changed", "--duration", "10m"]).stdout), [])
        self.assertEqual(len(json.loads(run(["--all", "--duration", "60m"]).stdout)), len(plan_soaks.GROUPS))
        wrong = run(["--all", "--duration", "60"])
        self.assertEqual(wrong.returncode, 2)
        self.assertIn(b"the duration is '60': expected a whole number with s, m or h", wrong.stderr)


class SummarizeTest(Folder):
    # A soak command that prints its arguments, and exits with this status for --format markdown.
    def soak(self, status=0):
        return self.program("soak", f'#!/bin/sh\nprintf "%s|" "$@"; echo\n[ "$3" = markdown ] && exit {status}\nexit 1\n')

    def summarize(self, soak, *folders):
        summary = self.folder / "step"
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
        result = subprocess.run([ROOT / ".ci/summarize", soak, *folders], cwd=self.folder, env=environment, capture_output=True,
                                text=True, check=False)
        return result, summary.read_text(encoding="utf-8"), (self.folder / "soak-summary.md").read_text(encoding="utf-8")

    def report(self, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")

    def test_reports_and_journals_become_the_summary_and_annotations(self):
        self.report("build/a b/soak-report/Soak-B.json")
        self.report("build/soak-report/Soak-A.journal")
        self.report("build/other.json")
        self.report("build/soak-report/Soak-A.checkpoint.json")
        result, step, kept = self.summarize(self.soak(status=1), "build", "missing")
        files = "build/a b/soak-report/Soak-B.json|build/soak-report/Soak-A.journal|\n"
        self.assertEqual(step, "report|--format|markdown|" + files)
        self.assertEqual(kept, step)
        self.assertEqual(result.stdout, "report|--format|annotations|" + files)
        self.assertEqual(result.returncode, 0)

    def test_a_report_that_cannot_be_read_fails_and_the_rest_is_shown(self):
        self.report("build/soak-report/Soak-B.json")
        result, step, _ = self.summarize(self.soak(status=2), "build")
        self.assertIn("Soak-B.json", step)
        self.assertEqual(result.returncode, 1)

    def test_without_reports_it_says_so(self):
        self.assertEqual(self.summarize(self.soak(), "build")[1], "No soak left a report.\n")
        result, step, _ = self.summarize("no-such-program", "build")
        self.assertIn("No soak ran: the build did not get as far as the soak command.\n", step)
        self.assertEqual(result.returncode, 0)


class ReportFailureTest(Folder):
    def report(self, listed, summaries=(), fails=""):
        (self.folder / "listed").write_text(json.dumps(listed), encoding="utf-8")
        self.program("gh", f"""#!/bin/sh
echo "$*" >>{self.folder}/calls
[ "$1 $2" = "{fails}" ] && exit 1
case "$1 $2" in
  "issue list") cat {self.folder}/listed ;;
  "issue create"|"issue comment") cat >{self.folder}/body ;;
esac
""")
        for i, text in enumerate(summaries):
            (self.folder / "logs" / str(i)).mkdir(parents=True, exist_ok=True)
            (self.folder / "logs" / str(i) / "soak-summary.md").write_text(text, encoding="utf-8")
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        result = subprocess.run(
            [ROOT / ".ci/report_failure.py", "--title", "The nightly soak fails", "--run", "https://ci/run/7", "--logs",
             self.folder / "logs"], env=environment, capture_output=True, text=True, check=False)
        calls = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        body = self.folder / "body"
        return result, calls, body.read_text(encoding="utf-8") if body.exists() else ""

    def test_the_first_failure_opens_an_issue_with_the_label(self):
        result, calls, body = self.report([{"number": 3, "title": "Something else"}],
                                          ["### FAIL `Soak/A.B`\nleak\n", "### PASS `Soak/A.C`\n"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(calls[0], "issue list --state open --label release-impact:behavior --limit 200 --json number,title")
        self.assertIn("label create release-impact:behavior --force", calls[1])
        self.assertEqual(calls[2], "issue create --title The nightly soak fails --label release-impact:behavior --body-file -")
        self.assertEqual(body, "The run: https://ci/run/7\n\n### FAIL `Soak/A.B`\nleak\n\nWhat to do: docs/runbook.md\n")

    def test_the_next_failure_updates_the_issue_that_is_open(self):
        result, calls, body = self.report([{"number": 9, "title": "The nightly soak fails"},
                                           {"number": 4, "title": "The nightly soak fails"}])
        self.assertEqual(result.returncode, 0)
        self.assertEqual(calls[1:], ["issue comment 4 --body-file -"])
        self.assertIn("No soak of it reported a finding", body)

    def test_a_body_that_is_too_long_is_cut(self):
        _, _, body = self.report([], ["### FAIL `Soak/A.B`\n```text\n" + "x" * 100_000])
        self.assertLess(len(body), 60_001)
        self.assertTrue(body.endswith("The rest is in the summary of the run.\n\nWhat to do: docs/runbook.md\n"))

    def test_when_gh_fails_so_does_it(self):
        result, _, _ = self.report([], fails="issue create")
        self.assertEqual(result.returncode, 1)
        self.assertIn("report_failure.py: ", result.stderr)


BUILD = None
if __name__ == "__main__":
    if "--build" in sys.argv:
        at = sys.argv.index("--build")
        BUILD = sys.argv[at + 1]
        result = unittest.main(argv=sys.argv[:at] + sys.argv[at + 2:])
    else:
        unittest.main()
