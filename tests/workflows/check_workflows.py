#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that all that the workflows name exists, and that their time limits cover what they run.

    check_workflows.py [ROOT] [--build FOLDER]

A workflow that is wrong shows only when it runs, at night or on a tag. So this reads .github/ and .ci/ and looks up in the
tree: scripts, make targets and their variables, presets, labels, soaks, test programs, options and variables of soak,
secrets, composite actions and their inputs, jobs, outputs. Every job that runs a soak has a limit above the soak's duration
and the build, and below the six hours of hosted runners; the parts of a long soak are enough and in order. With a build
folder, the names of soaks are also those that CTest has, and the options those that the programs print.

Prints what is wrong, one line each, and exits with status 1.
"""

import argparse
import importlib.util
import json
import math
import os
import pathlib
import re
import subprocess
import sys

import yaml

sys.dont_write_bytecode = True  # .ci/ stays clean.

HOSTED_MINUTES_MAX = 360
BUILD_MINUTES = 25        # Packages and the build before a soak, on a hosted runner.
PARALLEL_SOAKS = 2        # `make soak` runs as many at once as there are processors; hosted runners have at least two.
# Variables with our prefix that are no option: modes, and what our own tests read.
OTHER_VARIABLES = {"SOAK_VIRTUAL", "SOAK_SMOKE", "SOAK_TOOLS_REQUIRED", "SOAK_DAY_SEEDS", "SOAK_RUN", "SOAK_CTEST_TIMEOUT"}


def minutes(duration):
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|min|h|d)", duration)
    if not found:
        raise ValueError(duration)
    return float(found[1]) * {"s": 1 / 60, "m": 1, "min": 1, "h": 60, "d": 1440}[found[2]]


class Tree:
    """What there is to name."""

    def __init__(self, root):
        self.root = root
        self.makefile = re.sub(r"^#.*$", "", self.text("Makefile"), flags=re.MULTILINE)
        self.targets = set()
        for line in re.findall(r"^([a-z][a-z0-9 -]*):(?!=)", self.makefile, re.MULTILINE):
            self.targets.update(line.split())
        self.make_variables = set(re.findall(r"\$[({](\w+)[)}]", self.makefile))
        # A variable of make's command line is in the environment of the scripts that it runs.
        for script in re.findall(r"[\w./-]+\.sh\b", self.makefile):
            if (root / script).is_file():
                self.make_variables |= set(re.findall(r"\$\{?(\w+)", self.text(script)))
        presets = json.loads(self.text("CMakePresets.json"))
        self.presets = {kind: {preset["name"] for preset in presets[kind + "Presets"]}
                        for kind in ("configure", "build", "test")}
        sources = "\n".join(self.text(path) for path in self.files("lib", ".cc"))
        names = re.findall(r'\.name = "(\w+)",\s*\.kind', sources)
        self.options = set(names) | {"virtual", "smoke"}
        self.variables = {f"SOAK_{name.upper()}" for name in names} | OTHER_VARIABLES
        self.variables |= set(re.findall(r'\.alias = \{"(\w+)"', sources))
        soak_sources = {path: self.text(path) for path in self.files("tests/soak", ".cc")}
        self.secrets = set()
        for text in soak_sources.values():
            for call in re.findall(r"SOAK_REQUIRE_ENV\(([^)]*)\)", text):
                self.secrets.update(re.findall(r'"(\w+)"', call))
        cmake = "\n".join(self.text(path) for path in self.files("tests", "CMakeLists.txt") + self.files("cmake", ".cmake"))
        self.labels = {label for group in re.findall(r"LABELS ([\w;]+)", cmake) for label in group.split(";")}
        self.programs = self.read_programs(soak_sources)

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def files(self, folder, suffix):
        return sorted(str(path.relative_to(self.root)) for path in (self.root / folder).rglob("*" + suffix))

    def read_programs(self, soak_sources):
        """Program -> (its DURATION in minutes, its soaks)."""
        providers = re.search(r"set\(SOAK_VOICE_PROVIDERS ([\w ]+)\)", self.text("cmake/SoakProviders.cmake"))[1].split()
        cmake = self.text("tests/soak/CMakeLists.txt")
        cmake = re.sub(r"foreach\((\w+) IN ITEMS|foreach\((\w+) ", lambda found: f"foreach({found[1] or found[2]} ", cmake)

        def expanded(found):
            name, items, body = found.groups()
            return "".join(body.replace("${" + name + "}", item) for item in items.split())

        cmake = re.sub(r"foreach\((\w+) ([^)]*)\)\n(.*?)endforeach\(\)", expanded, cmake, flags=re.DOTALL)
        durations = dict(re.findall(r"soak_discover_tests\((\w+) DURATION (\w+)\)", cmake))
        programs = {}
        for program, sources in re.findall(r"add_executable\((\w+) ([^)]*)\)", cmake):
            soaks = []
            for source in sources.split():
                text = soak_sources.get(f"tests/soak/{source}", "")
                for kind, suite, name in re.findall(r"^SOAK_TEST(_F|_P|)\((\w+), (\w+)\)", text, re.MULTILINE):
                    full = f"{suite}.{name}"
                    soaks += [f"{full}/{provider}" for provider in providers] if kind == "_P" else [full]
            programs[program] = (minutes(durations[program]) if program in durations else None, soaks)
        return programs

    def soaks(self):
        return {soak: program for program, (_, soaks) in self.programs.items() for soak in soaks}

    def matching(self, expression):
        """As `ctest -R '^Soak/EXPRESSION'` finds them."""
        return [soak for soak in self.soaks() if re.match(expression, soak)]

    def plan(self):
        spec = importlib.util.spec_from_file_location("plan_soaks", self.root / ".ci/plan_soaks.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


class Job:
    def __init__(self, where, name, body, workflow):
        self.where = f"{where}: {name}"
        self.name = name
        self.body = body
        self.workflow = workflow
        self.env = {**(workflow.get("env") or {}), **(body.get("env") or {})}
        self.matrix = ((body.get("strategy") or {}).get("matrix")) or {}


class Checker:
    def __init__(self, root):
        self.root = root
        self.tree = Tree(root)
        self.errors = []
        self.workflows = {}
        self.actions = {}

    def error(self, where, what):
        if f"{where}: {what}" not in self.errors:
            self.errors.append(f"{where}: {what}")

    def load(self):
        for path in sorted((self.root / ".github/workflows").glob("*.y*ml")):
            self.workflows[path.name] = self.parse(path)
        for path in sorted((self.root / ".github/actions").glob("*/action.yml")):
            self.actions[f"./.github/actions/{path.parent.name}"] = self.parse(path)
        if not self.workflows:
            self.error(".github/workflows", "no workflow is there")

    def parse(self, path):
        try:
            parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            self.error(path.relative_to(self.root), f"not YAML: {' '.join(str(error).split())}")
            parsed = {}
        if isinstance(parsed, dict) and True in parsed:
            parsed["on"] = parsed.pop(True)  # YAML 1.1 reads `on` as a switch.
        return parsed if isinstance(parsed, dict) else {}

    def check(self):
        self.load()
        for name, workflow in self.workflows.items():
            self.check_triggers(name, workflow)
            for job_name, body in (workflow.get("jobs") or {}).items():
                self.check_job(Job(name, job_name, body, workflow))
            self.check_references(name, workflow)
            self.check_parts(name, workflow)
        for name, action in self.actions.items():
            for step in (action.get("runs") or {}).get("steps") or []:
                self.check_step(name, step)
            self.check_inputs_named(name, json.dumps(action), set(action.get("inputs") or {}))
        self.check_plan()
        self.check_presets()

    # A workflow on a schedule reports, and stops nobody.
    def check_triggers(self, name, workflow):
        triggers = workflow.get("on") or {}
        triggers = {triggers} if isinstance(triggers, str) else set(triggers)
        if "schedule" in triggers and triggers & {"pull_request", "push", "merge_group"}:
            self.error(name, "it runs on a schedule and on changes: a nightly must not block them")

    def check_job(self, job):
        if "uses" in job.body:
            self.check_called_workflow(job)
            return
        limit = job.body.get("timeout-minutes")
        if not isinstance(limit, (int, float)):
            self.error(job.where, "timeout-minutes: expected a number of minutes; without one a hang takes six hours")
            return
        if limit > HOSTED_MINUTES_MAX:
            self.error(job.where, f"timeout-minutes is {limit}: hosted runners end a job after {HOSTED_MINUTES_MAX}")
        for variable in job.env:
            self.check_variable(job, variable)
        for need in self.as_list(job.body.get("needs")):
            if need not in job.workflow["jobs"]:
                self.error(job.where, f"needs '{need}': there is no such job")
        for step in job.body.get("steps") or []:
            self.check_step(job.where, step)
            for command, values in self.commands(job, step):
                self.check_make(job, command, values, limit)

    def check_called_workflow(self, job):
        path = job.body["uses"]
        called = self.workflows.get(pathlib.PurePosixPath(path).name) if path.startswith("./") else None
        if called is None or not (self.root / path).is_file():
            self.error(job.where, f"uses {path}: there is no such workflow")
            return
        declared = ((called.get("on") or {}).get("workflow_call") or {}).get("inputs") or {}
        self.check_with(job.where, path, job.body.get("with") or {}, declared)
        for values in self.combinations(job, job.body.get("with") or {}):
            program, soak = values.get("program"), values.get("soak")
            if program not in self.tree.programs:
                self.error(job.where, f"program '{program}': tests/soak/CMakeLists.txt has no such program")
            elif soak not in self.tree.programs[program][1]:
                self.error(job.where, f"soak '{soak}': {program} has no such soak")

    def check_with(self, where, what, given, declared):
        for key in given:
            if key not in declared:
                self.error(where, f"{what} has no input '{key}'")
        for key, about in declared.items():
            if (about or {}).get("required") and key not in given:
                self.error(where, f"{what} needs the input '{key}'")

    def check_step(self, where, step):
        used = step.get("uses", "")
        if used.startswith("./"):
            action = self.actions.get(used)
            if action is None:
                self.error(where, f"uses {used}: there is no such action")
            else:
                self.check_with(where, used, step.get("with") or {}, action.get("inputs") or {})
        elif used and "@" not in used:
            self.error(where, f"uses {used}: expected a version, as in actions/checkout@v4")
        run = step.get("run", "")
        for script in re.findall(r"(?<![\w/])(\.ci/[\w./-]+)", run):
            if not (self.root / script).is_file():
                self.error(where, f"runs {script}: there is no such file")
            elif not os.access(self.root / script, os.X_OK):
                self.error(where, f"runs {script}: it is not executable")
        self.check_flags(where, run)

    def check_flags(self, where, text):
        for option in re.findall(r"--soak_(\w+)", text):
            if option not in self.tree.options:
                self.error(where, f"--soak_{option}: soak has no such option")
        for preset in re.findall(r"ctest --preset (\w[\w-]*)", text):
            if preset not in self.tree.presets["test"]:
                self.error(where, f"ctest --preset {preset}: CMakePresets.json has no such test preset")
        for label in re.findall(r"ctest [^\n]*-L (\w+)", text):
            if label not in self.tree.labels:
                self.error(where, f"ctest -L {label}: no test has this label")

    def check_variable(self, job, variable):
        value = str(job.env[variable])
        secret = re.fullmatch(r"\$\{\{ *secrets\.(\w+) *\}\}", value)
        if secret:
            if secret[1] != variable or variable not in self.tree.secrets:
                self.error(job.where, f"{variable} from the secret {secret[1]}: no soak in tests/soak asks for it by this name")
        elif variable.startswith("SOAK_") and variable not in self.tree.variables:
            self.error(job.where, f"{variable}: soak has no such variable")

    # Each `make` of a step, with the inputs that a composite action was called with.
    def commands(self, job, step):
        if step.get("uses") in self.actions:
            given = step.get("with") or {}
            for values in self.combinations(job, given):
                for inner in (self.actions[step["uses"]].get("runs") or {}).get("steps") or []:
                    shell = {name: self.with_inputs(str(value), values) for name, value in (inner.get("env") or {}).items()}
                    for line in self.make_lines(inner.get("run", "")):
                        yield re.sub(r'"?\$\{?(\w+)\}?"?', lambda name: shell.get(name[1], name[0]), line), values
        else:
            for values in self.combinations(job, {"run": step.get("run", "")}):
                for line in self.make_lines(values["run"]):
                    yield line, values

    @staticmethod
    def make_lines(run):
        found = re.findall(r"(?:^|[;&|]\s*|\s)make ([^\n|;]*)", run, re.MULTILINE)
        return [re.split(r"2>&1|&&", line)[0] for line in found]

    @staticmethod
    def with_inputs(text, inputs):
        return re.sub(r"\$\{\{ *inputs\.([\w-]+) *\}\}", lambda found: str(inputs.get(found[1], "")), text)

    # Texts with matrix.x replaced, once for each combination of the matrix that they name.
    def combinations(self, job, texts):
        rows = [{}]
        for key, values in job.matrix.items():
            if key == "include":
                rows = [{**row, **entry} for row in rows for entry in self.values_of(job, values)]
            elif key != "exclude":
                rows = [{**row, key: value} for row in rows for value in self.values_of(job, values)]
        for row in rows:
            yield {name: re.sub(r"\$\{\{ *matrix\.([\w-]+) *\}\}", lambda found: self.cell(job, row, found[1]), str(text))
                   for name, text in texts.items()} | {"matrix": row}

    def cell(self, job, row, name):
        if name not in row:
            self.error(job.where, f"matrix.{name}: the matrix has no such value")
        return str(row.get(name, ""))

    def values_of(self, job, values):
        if isinstance(values, list):
            return values
        if "outputs.voice" in str(values):
            return list(self.tree.plan().VOICE)
        if "outputs.soaks" in str(values):
            return [entry for duration in self.planned_durations(job.workflow)
                    for entry in self.tree.plan().plan(None, duration)]
        self.error(job.where, f"a matrix of {values}: this check does not know its values")
        return []

    @staticmethod
    def planned_durations(workflow):
        text = json.dumps(workflow)
        return re.findall(r"plan_soaks\.py [^)]*?--duration (\w+)", text)

    def check_make(self, job, command, values, limit):
        command = re.sub(r"\$\{\{.*?\}\}", "EXPRESSION", command)  # Of a workflow that this one calls.
        words = re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+", command)
        targets = [word for word in words if "=" not in word and not word.startswith("-")]
        variables = dict(word.split("=", 1) for word in words if "=" in word)
        for target in targets:
            if target not in self.tree.targets:
                self.error(job.where, f"make {target}: the Makefile has no such target")
        for name in variables:
            if name not in self.tree.make_variables:
                self.error(job.where, f"make {name}=...: the Makefile does not use this variable")
        if "soak-part" in targets:
            self.check_duration(job, "SOAK_PART_DURATION", values, limit, 1)
        elif any(target == "soak" or target.startswith("gate-") for target in targets):
            expression = variables.get("SOAKS", "").strip("\"'")
            soaks = self.tree.matching(expression)
            if not soaks:
                self.error(job.where, f"SOAKS='{expression}': no soak has such a name")
                return
            rounds = math.ceil(len(soaks) / PARALLEL_SOAKS)
            longest = self.check_duration(job, "SOAK_DURATION", values, limit, rounds)
            for soak in soaks:
                program = self.tree.soaks()[soak]
                allowed = self.tree.programs[program][0]
                if longest is not None and allowed is not None and longest > allowed:
                    self.error(job.where, f"{soak} would run for {longest:g} minutes: the DURATION of {program} in "
                                          f"tests/soak/CMakeLists.txt is {allowed:g}")

    # The longest that the variable can be, in minutes.
    def check_duration(self, job, variable, values, limit, rounds):
        if variable not in job.env:
            self.error(job.where, f"it runs soaks, and does not set {variable}")
            return None
        value = str(job.env[variable])
        found = []
        for name in re.findall(r"matrix\.([\w-]+)", value):
            found.append(str(values["matrix"].get(name, "")))
        for name in re.findall(r"inputs\.([\w-]+)", value):
            about = (((job.workflow.get("on") or {}).get("workflow_dispatch") or {}).get("inputs") or {}).get(name) or {}
            if about.get("type") != "choice":
                self.error(job.where, f"{variable} is the input {name}: expected one of type choice, so that its longest is known")
            found += about.get("options") or []
        found += re.findall(r"'(\w+)'", value) if "${{" in value else [value]
        try:
            longest = max(minutes(str(duration)) for duration in found)
        except ValueError as error:
            self.error(job.where, f"{variable} is '{error}': expected a duration with its unit, such as 60m")
            return None
        if longest * rounds + BUILD_MINUTES > limit:
            self.error(job.where, f"timeout-minutes is {limit}: {rounds} x {longest:g} minutes of soak and "
                                  f"{BUILD_MINUTES} to build do not fit")
        return longest

    # The parts of a soak: enough of them, one after the other, each from the checkpoint of the one before.
    def check_parts(self, name, workflow):
        parts = []
        for job_name, body in (workflow.get("jobs") or {}).items():
            for step in body.get("steps") or []:
                if step.get("uses") == "./.github/actions/soak-part":
                    parts.append((job_name, body, step.get("with") or {}))
        if not parts:
            return
        env = workflow.get("env") or {}
        try:
            whole, part = minutes(str(env.get("SOAK_DURATION"))), minutes(str(env.get("SOAK_PART_DURATION")))
        except ValueError:
            self.error(name, "a soak in parts: expected SOAK_DURATION and SOAK_PART_DURATION in env, such as 24h and 5h")
            return
        if len(parts) != math.ceil(whole / part):
            self.error(name, f"{len(parts)} parts of {part:g} minutes: a soak of {whole:g} needs {math.ceil(whole / part)}")
        for number, (job_name, body, given) in enumerate(parts, start=1):
            before = parts[number - 2][0] if number > 1 else None
            if given.get("part") != number:
                self.error(f"{name}: {job_name}", f"part is {given.get('part')}: expected {number}")
            if given.get("previous") != (number - 1 if before else None):
                self.error(f"{name}: {job_name}", f"previous is {given.get('previous')}: expected {number - 1}")
            if self.as_list(body.get("needs")) != ([before] if before else []):
                self.error(f"{name}: {job_name}", f"needs {body.get('needs')}: expected {before}")

    def check_references(self, name, workflow):
        jobs = workflow.get("jobs") or {}
        triggers = workflow.get("on") if isinstance(workflow.get("on"), dict) else {}
        inputs = set()
        for trigger in ("workflow_dispatch", "workflow_call"):
            inputs |= set(((triggers.get(trigger) or {}).get("inputs")) or {})
        self.check_inputs_named(name, json.dumps(workflow), inputs)
        for job_name, body in jobs.items():
            where = f"{name}: {job_name}"
            text = json.dumps(body)
            for need, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", text):
                if need not in self.as_list(body.get("needs")) or output not in (jobs.get(need, {}).get("outputs") or {}):
                    self.error(where, f"needs.{need}.outputs.{output}: there is no such output, or it does not need {need}")
            for step_id in re.findall(r"steps\.([\w-]+)\.outputs", text):
                if step_id not in {step.get("id") for step in body.get("steps") or []}:
                    self.error(where, f"steps.{step_id}: there is no step with this id")

    def check_inputs_named(self, name, text, inputs):
        for used in re.findall(r"\binputs\.([\w-]+)", text):
            if used not in inputs:
                self.error(name, f"inputs.{used}: there is no such input")

    def check_plan(self):
        plan = self.tree.plan()
        for group, (target, soaks, longest) in plan.GROUPS.items():
            where = f".ci/plan_soaks.py: {group}"
            if target not in self.tree.targets:
                self.error(where, f"make {target}: the Makefile has no such target")
            matching = self.tree.matching(soaks)
            if not matching:
                self.error(where, f"'{soaks}': no soak has such a name")
            for soak in matching:
                allowed = self.tree.programs[self.tree.soaks()[soak]][0]
                if minutes(longest) > allowed:
                    self.error(where, f"{longest} is above the DURATION of {self.tree.soaks()[soak]}, {allowed:g} minutes")
        for soak in self.tree.soaks():
            if not re.match(plan.NOT_GATED, soak) and not any(re.match(soaks, soak) for _, soaks, _ in plan.GROUPS.values()):
                self.error(".ci/plan_soaks.py", f"{soak} is in no group, so no release runs it")
        if set(plan.VOICE) != set(self.tree.text("cmake/SoakProviders.cmake").split("SOAK_VOICE_PROVIDERS ")[1].split(")")[0].split()):
            self.error(".ci/plan_soaks.py", "VOICE is not SOAK_VOICE_PROVIDERS of cmake/SoakProviders.cmake")
        if set(plan.CHANNELS) != set(self.tree.text("cmake/SoakProviders.cmake").split("SOAK_CHANNEL_PROVIDERS ")[1].split(")")[0].split()):
            self.error(".ci/plan_soaks.py", "CHANNELS is not SOAK_CHANNEL_PROVIDERS of cmake/SoakProviders.cmake")

    def check_presets(self):
        for kind, expression in (("configure", r"call configure,([a-z][\w-]*)"), ("build", r"cmake --build --preset ([a-z][\w-]*)")):
            for preset in re.findall(expression, self.tree.makefile):
                if preset not in self.tree.presets[kind]:
                    self.error("Makefile", f"preset {preset}: CMakePresets.json has no such {kind} preset")
        self.check_flags("Makefile", self.tree.makefile)
        for path in sorted((self.root / ".ci").iterdir()):
            if path.is_file():
                self.check_flags(f".ci/{path.name}", path.read_text(encoding="utf-8"))

    # What the programs themselves have.
    def check_build(self, build):
        listed = subprocess.run(["ctest", "-N", "-L", "^soak$"], cwd=build, capture_output=True, text=True, check=True).stdout
        real = set(re.findall(r"Test +#\d+: Soak/(\S+)$", listed, re.MULTILINE))
        for soak in sorted(set(self.tree.soaks()) - real):
            self.error("tests/soak", f"{soak}: CTest has no such soak")
        command = build / "tools/soak/soak"
        texts = [path.read_text(encoding="utf-8") for path in sorted((self.root / ".ci").iterdir()) if path.is_file()]
        texts += [step.get("run", "") for action in self.actions.values() for step in action["runs"]["steps"]]
        for line in re.findall(r'(?:"\$soak"|(?<![\w/-])soak) (report|judge|compare|voice|channels|watch) ([^\n]*)', "\n".join(texts)):
            shown = subprocess.run([command, line[0], "--help"], capture_output=True, text=True, check=False)
            for flag in re.findall(r"(--[a-z][a-z-]*)", line[1]):
                if shown.returncode != 0 or not re.search(rf"{flag}\b", shown.stdout):
                    self.error(".ci", f"soak {line[0]} {flag}: the command has no such option")

    @staticmethod
    def as_list(value):
        return [] if value is None else [value] if isinstance(value, str) else list(value)


def main():
    parser = argparse.ArgumentParser(description="Check that all that the workflows name exists.")
    parser.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parents[2], type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, help="a build folder, to ask its programs as well")
    arguments = parser.parse_args()
    checker = Checker(arguments.root)
    checker.check()
    if arguments.build:
        checker.check_build(arguments.build)
    for error in checker.errors:
        print(error)
    return 1 if checker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
