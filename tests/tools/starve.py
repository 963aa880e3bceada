# SPDX-License-Identifier: Apache-2.0
"""Kill, stop, starve and fill: runs the soak command in an environment that fails it, and checks how it ends.

starve.py SOAK CLOCK_STEP [--runs N] [--seed S] [--only I] [--jobs J]

Run I of seed S is the same each time, as far as the machine lets it; --only I repeats it and prints what it wrote.
In none of them may a program crash, hang, say PASS where it is not true, or end with an exit status that is not documented:
0 PASS, 1 FAIL, 2 could not run (with the cause on stderr), 3 INCONCLUSIVE. Prints a table; exits with 1 if a run went wrong.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import wave

TIME_MAX = 120  # Of a run of two to five seconds, on a machine that does other things too.
OTHER_USER = 64321  # Has no process, so that its limit of processes is this run's.
DOCUMENTED = {"voice": {0, 1, 2, 3}, "channels": {0, 1, 2, 3}, "judge": {0, 1, 2, 3}, "compare": {0, 1, 2, 3}, "report": {0, 1, 2, 3},
              "fake": {0, 1, 2}}


class Wrong(Exception):
    """What a run did that it must not."""


@dataclasses.dataclass
class Ended:
    status: int
    output: str
    error: str


class Run:
    """One run: its own random numbers and its own folder."""

    def __init__(self, tools, seed, number):
        self.tools = tools
        self.number = number
        self.random = random.Random(f"{seed}:{number}")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-starve-"))
        os.chmod(self.folder, 0o777)
        self.command = []
        self.children = []
        self.ended = None

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Programs

    def start(self, command, wrapper=(), environment=None):
        self.command = [str(word) for word in [*wrapper, *command]]
        full = {**os.environ, "HOME": str(self.folder), "OPENAI_API_KEY": "sk-starve", "GEMINI_API_KEY": "starve-key",
                "SOAK_TELEGRAM_TOKEN": "1:starve", "SOAK_TELEGRAM_CHAT_ID": "42", **(environment or {})}
        # A limit of a file's size is not to cut what the program says.
        piped = any(word.startswith("--fsize=") for word in self.command)
        child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, env=full, cwd=self.folder,
                                 stdout=subprocess.PIPE if piped else open(self.folder / "stdout", "w"),
                                 stderr=subprocess.PIPE if piped else open(self.folder / "stderr", "w"))
        self.children.append(child)
        return child

    def wait(self, child, killed=False):
        try:
            status = child.wait(TIME_MAX)
        except subprocess.TimeoutExpired:
            raise Wrong(f"hung for {TIME_MAX} s") from None
        for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)):
            if stream is not None:
                (self.folder / name).write_bytes(stream.read())
        self.ended = Ended(status, (self.folder / "stdout").read_text(errors="replace"),
                           (self.folder / "stderr").read_text(errors="replace"))
        if killed and status == -signal.SIGKILL:
            return self.ended
        self.check()
        return self.ended

    def run(self, command, wrapper=(), environment=None):
        return self.wait(self.start(command, wrapper, environment))

    def check(self):
        """What is true of every end."""
        status, output, error = self.ended.status, self.ended.output, self.ended.error
        kind = next(word for word in self.command if word in DOCUMENTED)
        if status < 0:
            raise Wrong(f"ended by {signal.Signals(-status).name}")
        if status == 127 and "error while loading shared libraries" in error:
            return  # The program never began: its loader found no memory or no descriptor.
        if status not in DOCUMENTED[kind]:
            raise Wrong(f"exit status {status}")
        if status == 2 and "soak" not in error:
            raise Wrong("exit status 2 without the cause")
        if "never read" in error or "terminate called" in error:
            raise Wrong("an abort")
        if kind in ("voice", "channels"):
            said = re.search(r"^\[(?:VOICE|CHANNELS) SOAK / [^]]*\] (PASS|FAIL|PART)", output, re.M)
            if status == 0 and said is not None and said[1] == "PART" and "--checkpoint" in self.command:
                return  # Of a soak that goes on.
            if status in (0, 3) and (said is None or said[1] != "PASS"):
                raise Wrong(f"exit status {status} without PASS")
            if status == 1 and (said is None or said[1] != "FAIL"):
                raise Wrong("exit status 1 without FAIL")
            if status == 0:
                self.check_pass()

    def check_pass(self):
        """That what a PASS rests on is in the report, and says so."""
        reports = list(self.folder.glob("report/*.json"))
        if len(reports) != 1:
            raise Wrong(f"PASS with {len(reports)} reports")
        report = json.loads(reports[0].read_text())
        if not report["verdict"]["passed"] or report["verdict"]["findings"] or report["interrupted"] or report["killed"]:
            raise Wrong("PASS, and the report says something else")
        if report["cycles"] < 1 or report["elapsed_s"] + 0.5 < report["asked_s"]:
            raise Wrong(f"PASS after {report['elapsed_s']} of {report['asked_s']} s, {report['cycles']} cycles")
        for stream in report["traffic"]:
            if sum(stream["met_by_third"]) + 1 < 0.99 * sum(stream["due_by_third"]):
                raise Wrong(f"PASS with {stream['met_by_third']} of {stream['due_by_third']} {stream['counter']}")

    # What is run

    def report_folder(self):
        return ["--report-dir", self.folder / "report"]

    def voice(self, *more):
        return [self.tools.soak, "voice", "--provider", self.random.choice(["openai", "gemini"]), "--duration", "2s", "--reconnect-every",
                "500ms", "--seed", self.number, *self.report_folder(), *more]

    def channels(self, *more):
        return [self.tools.soak, "channels", "--channel", self.random.choice(["telegram", "slack", "discord", "discord-bot"]),
                "--duration", "2s", "--interval-sec", "1", "--reconnect-every", "1s", "--fake", "--seed", self.number,
                *self.report_folder(), *more]

    def virtual(self):
        if self.random.random() < 0.5:
            return [self.tools.soak, "voice", "--provider", "openai", "--duration", "5m", "--virtual", "--seed", self.number,
                    *self.report_folder()]
        return [self.tools.soak, "channels", "--channel", "slack", "--duration", "3h", "--virtual", "--seed", self.number,
                *self.report_folder()]

    def real(self):
        more = self.random.choice([[], ["--metrics-port", "0"], ["--sessions", self.random.choice(["2", "5"])]])
        return self.random.choice([self.voice(*more), self.voice("--audio", self.speech()), self.channels()])

    def offline(self):
        """A command that reads files: a fine one of each."""
        return self.random.choice([
            [self.tools.soak, "judge", self.recording()],
            [self.tools.soak, "judge", self.recording(), "--ops", "requests"],
            [self.tools.soak, "report", self.a_report(), "--out", self.folder / "page.html"],
            [self.tools.soak, "report", self.a_journal(), "--out", self.folder / "page.html"],
            [self.tools.soak, "compare", self.a_report(), self.a_report()],
        ])

    def any_command(self):
        return self.random.choice([self.real, self.real, self.virtual, self.offline])()

    # Files

    def speech(self):
        path = self.folder / "speech.wav"
        with wave.open(str(path), "wb") as speech:
            speech.setparams((1, 2, 16000, 0, "NONE", ""))
            speech.writeframes(b"".join(struct.pack("<h", self.random.randint(-9000, 9000)) for _ in range(8000)))
        return path

    def recording(self):
        path = self.folder / "recording.csv"
        rows = ["time_s,rss_bytes,fds,requests"]
        rows += [f"{i},{1e7 + 100 * self.random.randint(0, 50):.0f},{10 + i % 3},{i * 7}" for i in range(200)]
        path.write_text("\n".join(rows) + "\n")
        return path

    def copied(self, path):
        return pathlib.Path(shutil.copy(path, self.folder / path.name))

    def a_report(self):
        return self.copied(self.tools.report)

    def a_journal(self):
        return self.copied(self.tools.journal)

    def a_certificate(self):
        return self.copied(self.tools.certificate)

    def spoiled(self, path):
        """The file with garbage in it, or something else in its place."""
        data = bytearray(path.read_bytes())
        how = self.random.choice(["flip", "cut", "random", "empty", "insert", "repeat", "number", "directory", "null", "missing"])
        if how == "flip":
            for _ in range(self.random.randint(1, 20)):
                data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        elif how == "cut":
            del data[self.random.randrange(len(data)):]
        elif how == "random":
            data = self.random.randbytes(self.random.randint(1, 5000))
        elif how == "empty":
            data = b""
        elif how == "insert":
            at = self.random.randrange(len(data))
            data[at:at] = self.random.choice([b"\x00", b"\n", b"\xff\xfe", b"1e999", b"{[" * 5000, self.random.randbytes(30), b"\x1b[2J"])
        elif how == "repeat":
            data += data[self.random.randrange(len(data)):]
        elif how == "number":
            data = re.sub(rb"\d+", lambda found: self.random.choice([found[0], found[0], found[0], b"-1", b"99999999999999999999999", b"NaN",
                                                                     b"1e308", b"0"]), bytes(data))
        path.unlink()
        if how == "directory":
            path.mkdir()
        elif how == "null":
            path.symlink_to("/dev/null")
        elif how != "missing":
            path.write_bytes(data)
        return path


# The ways of failing it. Each returns what it did, for the table.

def kill(run):
    command = run.random.choice([run.real, run.virtual])()
    child = run.start(command)
    time.sleep(run.random.uniform(0, 2.5))
    child.send_signal(signal.SIGKILL)
    killed = run.wait(child, killed=True)
    for journal in list(run.folder.glob("report/*.journal")):
        if killed.status != -signal.SIGKILL:
            raise Wrong("a run that ended left its journal")
        rebuilt = run.run([run.tools.soak, "report", journal])
        if rebuilt.status == 1 and "killed: the run" in rebuilt.output:
            return "killed, rebuilt"
        if rebuilt.status != 2 or journal.stat().st_size > 0 and b"\n" in journal.read_bytes():
            raise Wrong(f"the journal of a run that was killed: {rebuilt}")
    return "killed" if killed.status == -signal.SIGKILL else "ended before"


def stop(run):
    child = run.start(run.real())
    time.sleep(run.random.uniform(0, 2))
    child.send_signal(signal.SIGSTOP)
    time.sleep(run.random.choice([0.05, 0.3, 1, 2.5]))
    child.send_signal(signal.SIGCONT)
    return f"exit {run.wait(child).status}"


def interrupt(run):
    child = run.start(run.real())
    time.sleep(run.random.uniform(0.4, 2))
    sent = child.poll() is None
    child.send_signal(run.random.choice([signal.SIGINT, signal.SIGTERM]))
    try:
        return f"exit {run.wait(child).status}"
    except Wrong:
        if child.returncode in (-signal.SIGINT, -signal.SIGTERM) and sent:
            return "ended by it"  # Before the run began.
        raise


def limited(name, value):
    return ["prlimit", f"--{name}={value}:{value}"]


def few_descriptors(run):
    status = run.run(run.any_command(), limited("nofile", run.random.choice([run.random.randint(3, 24), run.random.randint(3, 64)]))).status
    return f"exit {status}"


def little_memory(run):
    """With less than its libraries and its static objects take the program never begins: it cannot say anything then."""
    wrapper = limited("as", run.random.choice([run.random.randint(20, 120), run.random.randint(20, 600)]) << 20)
    begins = subprocess.run([*wrapper, run.tools.soak, "--help"], capture_output=True, check=False).returncode == 0
    child = run.start(run.any_command(), wrapper)
    if not begins:
        child.wait(TIME_MAX)
        return "never began"
    return f"exit {run.wait(child).status}"


def few_threads(run):
    count = run.random.choice([1, 1, 2, 2, 3, 4, 5, 8])
    command = run.any_command()
    if os.geteuid() == 0:
        user = OTHER_USER + run.number % 1000
        for path in [run.folder, *run.folder.iterdir()]:
            os.chown(path, user, -1)
        wrapper = [*limited("nproc", count), "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    else:
        own = sum(len(os.listdir(task)) for task in pathlib.Path("/proc").glob("[0-9]*/task") if task.stat().st_uid == os.getuid())
        wrapper = limited("nproc", own + count)
    return f"exit {run.run(command, wrapper).status}"


def full_disk(run):
    """A small file system for the reports, where a mount namespace can be had; else a limit of a file's size."""
    command = run.random.choice([run.real, run.virtual])()
    size = run.random.choice([4, 8, 16, 64, 128, 256])
    if not run.tools.can_mount:
        status = run.run(command, limited("fsize", size << 10)).status
        return f"exit {status}"
    (run.folder / "report").mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size}k,mode=777 none "$0" && exec "$@"'
    ended = run.start(command, ["unshare", "--mount", *run.tools.user_namespace, "sh", "-c", mount, run.folder / "report"])
    try:
        status = run.wait(ended).status
    except Wrong as wrong:
        if not str(wrong).startswith("PASS with 0 reports"):  # They went with the file system.
            raise
        status = 0
    return f"exit {status}"


def file_too_long(run):
    command = run.random.choice([run.real, run.virtual, run.offline])()
    status = run.run(command, limited("fsize", run.random.choice([0, 1, 512, 4096, 20000, 100000]))).status
    return f"exit {status}"


def clock_step(run):
    seconds = run.random.choice([-1, 1]) * run.random.choice([1, 60, 3600, 86400, 40 * 365 * 86400])
    environment = {"LD_PRELOAD": run.tools.clock_step, "CLOCK_STEP_AFTER_MS": str(run.random.randint(0, 2000)),
                   "CLOCK_STEP_SECONDS": str(seconds)}
    return f"exit {run.run(run.real(), environment=environment).status}"


def garbage(run):
    soak = run.tools.soak
    what = run.random.choice(["judge", "report", "journal", "compare", "ca", "audio", "certificate", "checkpoint"])
    if what == "judge":
        command = [soak, "judge", run.spoiled(run.recording()), *run.random.choice([[], ["--ops", "requests"]])]
    elif what == "report":
        command = [soak, "report", run.spoiled(run.a_report()), "--out", run.folder / "page.html"]
    elif what == "journal":
        command = [soak, "report", run.spoiled(run.a_journal()), "--out", run.folder / "page.html"]
    elif what == "compare":
        other = run.folder / "other.json"
        shutil.copy(run.tools.report, other)
        both = [other, run.spoiled(run.a_report())]
        run.random.shuffle(both)
        command = [soak, "compare", *both]
    elif what == "ca":
        command = run.voice("--url", f"wss://127.0.0.1:{closed_port()}/", "--ca", run.spoiled(run.a_certificate()))
    elif what == "audio":
        command = run.voice("--audio", run.spoiled(run.speech()))
    elif what == "certificate":
        pem = run.spoiled(run.a_certificate())
        command = [soak, "fake", "openai", "--cert", pem, "--key", pem]
    else:
        checkpoint = run.folder / "day.json"
        command = [soak, "channels", "--channel", "slack", "--virtual", "--duration", "2h", "--part-duration", "1h", "--seed", "1",
                   *run.report_folder(), "--checkpoint", checkpoint]
        run.run(command)
        run.spoiled(checkpoint)
    return f"{what}: exit {run.run(command).status}"


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def crowded_fake(run):
    """A fake at its limit of descriptors neither spins nor gives up."""
    name = run.random.choice(["openai", "gemini", "telegram", "slack", "discord"])
    tls = run.random.choice([[], ["--tls"]])
    child = run.start([run.tools.soak, "fake", name, *tls], limited("nofile", run.random.randint(24, 48)))
    port = None
    deadline = time.monotonic() + TIME_MAX
    while port is None and child.poll() is None and time.monotonic() < deadline:
        found = re.search(r"listening on \S+?127\.0\.0\.1:(\d+)", (run.folder / "stdout").read_text())
        port = int(found[1]) if found else time.sleep(0.02)
    if port is None:
        return f"fake: exit {run.wait(child).status}"
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    time.sleep(0.3)
    before = processor_seconds(child.pid)
    time.sleep(1)
    used = processor_seconds(child.pid) - before
    for one in crowd:
        one.close()
    if used > 0.5:
        raise Wrong(f"{used:.2f} s of the processor in a second at the limit of descriptors")
    child.send_signal(signal.SIGTERM)
    return f"fake: exit {run.wait(child).status}"


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


WAYS = [kill, stop, few_descriptors, little_memory, few_threads, full_disk, clock_step, garbage, interrupt, file_too_long, crowded_fake]
WEIGHTS = [3, 3, 5, 4, 3, 3, 2, 6, 1, 1, 1]


class Tools:
    """What the runs share: the programs, and files to spoil."""

    def __init__(self, soak, clock_step_library, folder):
        self.soak = shutil.copy(soak, folder / "soak")  # Where every user can run it.
        self.clock_step = str(pathlib.Path(clock_step_library).resolve())
        self.user_namespace = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.can_mount = subprocess.run(["unshare", "--mount", *self.user_namespace, "sh", "-c", f"mount -t tmpfs none {folder}"],
                                        capture_output=True, check=False).returncode == 0
        subprocess.run([self.soak, "voice", "--provider", "openai", "--duration", "2s", "--reconnect-every", "500ms", "--report-dir",
                        folder], check=True, capture_output=True)
        self.report = folder / "voice-openai.json"
        child = subprocess.Popen([self.soak, "voice", "--provider", "gemini", "--duration", "60s", "--reconnect-every", "500ms",
                                  "--report-dir", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.journal = folder / "voice-gemini.journal"
        while not self.journal.exists() or self.journal.read_bytes().count(b'"rest"') < 3:
            assert child.poll() is None
            time.sleep(0.05)
        child.kill()
        child.wait()
        fake = subprocess.Popen([self.soak, "fake", "openai", "--tls"], stdout=subprocess.PIPE, text=True)
        trusted = next(line for line in fake.stdout if "trust the CA in " in line).split("trust the CA in ")[1].strip()
        self.certificate = folder / "certificate.pem"
        shutil.copy(trusted, self.certificate)
        fake.terminate()
        fake.communicate()


def one(tools, seed, number, repeat):
    # Each way in turn, as often as its weight has it, so that few runs have them all.
    turns = [way for turn in range(max(WEIGHTS)) for way, weight in zip(WAYS, WEIGHTS) if turn < weight]
    way = turns[number % len(turns)]
    run = Run(tools, seed, number)
    try:
        result, wrong = way(run), None
    except Wrong as found:
        result, wrong = "WRONG", str(found)
    except Exception as failure:  # pylint: disable=broad-except
        result, wrong = "WRONG", f"{type(failure).__name__}: {failure}"
    finally:
        command = " ".join(run.command)
        ended = run.ended
        run.close()
    if wrong or repeat:
        print(f"run {number}, {way.__name__}: {wrong or result}\n  {command}", flush=True)
        if ended is not None:
            print(f"  exit status {ended.status}\n{ended.output[-2000:]}\n{ended.error[-2000:]}", flush=True)
    return way.__name__, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("soak")
    parser.add_argument("clock_step")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=4)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-starve-") as folder:
        os.chmod(folder, 0o755)
        tools = Tools(arguments.soak, arguments.clock_step, pathlib.Path(folder))
        numbers = range(arguments.runs) if arguments.only is None else [arguments.only]
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            results = list(pool.map(lambda number: one(tools, arguments.seed, number, arguments.only is not None), numbers))
    table = collections.Counter(results)
    for (way, result), count in sorted(table.items()):
        print(f"{way:<16} {result:<24} {count}")
    wrong = sum(count for (_, result), count in table.items() if result == "WRONG")
    print(f"{len(results)} runs with seed {arguments.seed} in {time.monotonic() - began:.0f} s: {wrong} went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
