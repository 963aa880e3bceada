# SPDX-License-Identifier: Apache-2.0
"""`soak watch` on programs in several languages. watch_test.py SOAK: every test that is here.

Each test starts programs of its own, on loopback. They run beside each other, since most of their time is waiting."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

SOAK = os.path.abspath(sys.argv[1])
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "watch")
PYTHON = sys.executable
SCRATCH = tempfile.mkdtemp()
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.read()


def wait_until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain")


def reports(name):
    folder = os.path.join(SCRATCH, name)
    os.makedirs(folder, exist_ok=True)
    return folder


def watch(name, *arguments, timeout=150, environment=None):
    """Runs it to its end: exit status, standard output, standard error."""
    done = subprocess.run([SOAK, "watch", "--report-dir", reports(name), *arguments], capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def begin(name, *arguments, **more):
    return subprocess.Popen([SOAK, "watch", "--report-dir", reports(name), *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, **more)


def has(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in:\n{text}"


def has_not(text, *patterns):
    for pattern in patterns:
        assert not re.search(pattern, text), f"{pattern!r} in:\n{text}"


def with_ops(port):
    return ["--ops-from", f"http://127.0.0.1:{port}/metrics", "--ops", "http_requests_total"]


def load(port, rate=50):
    return ["--load", f"exec {PYTHON} {HERE}/load.py {port} {rate}"]


LEAK_KIB = 16  # A request.


def leaks(name, program, duration, kib=LEAK_KIB, certain=True):
    port = free_port()
    status, out, err = watch(name, "--duration", duration, "--rss-growth-max", "1GiB", *with_ops(port), *load(port), "--",
                             *program, str(port), str(kib * 1024), timeout=300)
    said = re.search(r"^  (?:inconclusive: )?memory (grew|may be growing:) \+([\d.]+) KiB per http_request, 99% CI", out, re.M)
    assert said, (status, out, err)
    grown = float(said.group(2))
    assert 0.85 < grown / kib < 1.2, out
    if certain:
        assert said.group(1) == "grew", out
    has(out, rf"^\[SOAK WATCH / \S+\] {'FAIL' if said.group(1) == 'grew' else 'PASS'}: elapsed=")
    assert status == (1 if said.group(1) == "grew" else 0), (status, out, err)
    print(f"{name}: {grown} KiB per request, {kib} KiB kept, {said.group(1)}")


def is_clean(name, program):
    port = free_port()
    status, out, err = watch(name, "--duration", "60s", *with_ops(port), *load(port), "--", *program, str(port), "0")
    has(out, r"^\[SOAK WATCH / \S+\] PASS: elapsed=60", r"http_requests=\d{3,}")
    assert status == 0, (status, out, err)


@test
def python_that_leaks():
    leaks("python_leaks", [PYTHON, f"{HERE}/server.py"], "60s")


@test
def python_that_is_clean():
    is_clean("python_clean", [PYTHON, f"{HERE}/server.py"])


# The collectors of Node and Go take memory in steps and in waves. Of two minutes they may look like the beginning of a warm-up,
# which may last ten: then the verdict names the rate and says that it is not certain.


@test
def node_that_leaks():
    leaks("node_leaks", ["node", f"{HERE}/server.mjs"], "120s", 4 * LEAK_KIB, certain=False)


@test
def node_that_is_clean():
    is_clean("node_clean", ["node", f"{HERE}/server.mjs"])


def go_server():
    binary = os.path.join(SCRATCH, "server-go")
    if not os.path.exists(binary):
        subprocess.run(["go", "build", "-o", binary, f"{HERE}/server.go"], check=True, timeout=240,
                       env={**os.environ, "GOCACHE": os.path.join(SCRATCH, "gocache"), "GOFLAGS": "-mod=mod",
                            "GO111MODULE": "off"})
    return binary


@test
def go_that_leaks():
    leaks("go_leaks", [go_server()], "120s", certain=False)


@test
def go_that_is_clean():
    is_clean("go_clean", [go_server()])


@test
def a_crash_is_a_finding_with_the_last_lines():
    port = free_port()
    watching = begin("crash", *with_ops(port), "--", PYTHON, f"{HERE}/server.py", str(port), "0")
    wait_until(lambda: get(port, "/metrics"))
    for _ in range(30):
        get(port, "/")
        time.sleep(0.1)
    try:
        get(port, "/crash")
    except OSError:
        pass
    out, err = watching.communicate(timeout=60)
    has(out, r"FAIL: ", r"  \S*python\S* was ended by SIGABRT at 00:00:", r"    output +about to abort: out of luck")
    has(err, r"about to abort: out of luck")
    assert watching.returncode == 1, out


@test
def an_exit_status_is_a_finding_and_a_good_one_is_none():
    status, out, _ = watch("exit3", "--", "/bin/sh", "-c", "echo working; sleep 2; echo cannot go on; exit 3")
    has(out, r"FAIL", r"sh ended with exit status 3 at 00:00:0", r"output +cannot go on")
    assert status == 1, out
    status, out, _ = watch("exit0", "--warm-up", "500ms", "--", "/bin/sh", "-c", "sleep 3")
    has(out, r"PASS: elapsed=3", r"note: sh ended with exit status 0 at 00:00:0")
    assert status == 0, out
    status, out, _ = watch("early", "--duration", "30s", "--", "/bin/sh", "-c", "sleep 4.5")
    has(out, r"FAIL", r"sh ended with exit status 0 at 00:00:04, before the watch did")
    assert status == 1, out


@test
def what_cannot_be_watched_is_status_two():
    cases = [
        (["--", "./there/is/none"], r"cannot start './there/is/none': No such file or directory"),
        (["--pid", "4194300"], r"process 4194300: no such process"),
        (["--name", "there-is-no-such-*"], r"no process matches 'there-is-no-such-\*'"),
        (["--name", f"*nobody-but-this-command-{os.getpid()}*"], r"no process matches"),
        (["--cgroup", "no/such.slice"], r"/sys/fs/cgroup/no/such\.slice: no cgroup"),
        ([], r"nothing to watch: expected one of"),
        (["--pid", "1", "--name", "x"], r"more than one thing to watch"),
        (["--ops", "x_total", "--", "true"], r"--ops and --gauge need --ops-from"),
        (["--ops-from", "http://127.0.0.1:1/metrics", "--", "true"], r"--ops-from needs --ops or --gauge"),
        (["--ops-from", "127.0.0.1:1", "--ops", "x", "--", "true"], r"expected"),
        (["--ops-from", "http://127.0.0.1:1/", "--ops", "sum(x)", "--", "true"], r"--ops 'sum\(x\)': expected the name"),
        (["--ops-from", "http://127.0.0.1:1/", "--gauge", "x=nothing", "--", "sleep", "9"],
         r"gauge 'x' stands for 'nothing', but the counts here are fds"),
        (["--duration", "soon", "--", "true"], r"--duration"),
    ]
    for arguments, message in cases:
        status, out, err = watch("usage", *arguments)
        assert status == 2, (arguments, status, out, err)
        has(err, message)


@test
def a_restart_is_a_segment():
    port = free_port()
    name = f"soak-restart-{port}"
    script = os.path.join(SCRATCH, name)
    shutil.copy(f"{HERE}/server.py", script)
    server = [PYTHON, script, str(port), "0"]
    first = subprocess.Popen(server)
    wait_until(lambda: get(port, "/metrics"))
    watching = begin("restart", "--duration", "25s", "--name", f"*{name} *", *with_ops(port), *load(port))
    time.sleep(10)
    first.kill()
    first.wait()
    second = subprocess.Popen(server)
    out, err = watching.communicate(timeout=90)
    second.kill()
    second.wait()
    has(out, rf"note: process {first.pid} \(\S+\) was replaced by process {second.pid} \(\S+\) at 00:00:\d\d",
        r"http_requests=\d{3,}")
    assert watching.returncode == 0, (out, err)
    with open(os.path.join(reports("restart"), [f for f in os.listdir(reports("restart")) if f.endswith(".json")][0])) as file:
        record = json.load(file)
    assert len(record["restarts"]) == 1, record["restarts"]
    memory = [series for series in record["series"] if series["name"] == "memory"][0]
    assert len(memory["restarts_s"]) == 1, memory["restarts_s"]


@test
def a_process_that_ends_is_a_finding_of_a_watch_with_a_duration():
    sleeper = subprocess.Popen(["sleep", "1000"])
    watching = begin("gone", "--duration", "60s", "--pid", str(sleeper.pid))
    time.sleep(4)
    sleeper.kill()
    sleeper.wait()
    out, _ = watching.communicate(timeout=60)
    has(out, r"FAIL", rf"pid {sleeper.pid}.* ended at 00:00:0\d, before the watch did")
    assert watching.returncode == 1, out


@test
def sigint_ends_it_with_the_verdict_and_stops_the_program():
    port = free_port()
    watching = begin("sigint", "--warm-up", "1s", "--", PYTHON, f"{HERE}/server.py", str(port), "0", start_new_session=True)
    wait_until(lambda: get(port, "/metrics"))
    time.sleep(5)
    os.kill(watching.pid, signal.SIGINT)
    out, err = watching.communicate(timeout=60)
    has(out, r"PASS: elapsed=[56]\.", r"note: ended by SIGINT after [56]\.")
    assert watching.returncode == 0, (out, err)
    try:
        get(port, "/metrics")
        raise AssertionError("the program still runs")
    except OSError:
        pass


@test
def without_permission_for_descriptors_the_rest_is_judged():
    if os.geteuid() != 0:
        print("not root: cannot run soak as another user")
        return
    server = subprocess.Popen(["sleep", "1000"])
    folder = reports("permission")
    os.chmod(SCRATCH, 0o755)
    os.chmod(folder, 0o777)
    copy = os.path.join(SCRATCH, "soak")
    shutil.copy(SOAK, copy)
    os.chmod(copy, 0o755)
    try:
        done = subprocess.run([copy, "watch", "--report-dir", folder, "--duration", "12s", "--pid", str(server.pid)],
                              capture_output=True, text=True, timeout=60, user=65534, group=65534, extra_groups=[])
    finally:
        server.kill()
        server.wait()
    has(done.stdout, r"PASS: .*memory_start=\d+KB",
        rf"note: inconclusive: .*sockets.* not judged: process {server.pid} \(sleep\): its descriptors may not be read by "
        r"this user")
    assert done.returncode == 0, done


@test
def ghosts_are_told_from_sockets():
    for ghosts, verdict in ((0, "PASS"), (50, "FAIL")):
        port = free_port()
        watching = begin(f"ghosts{ghosts}", "--duration", "20s", *with_ops(port), "--gauge", "connections=sockets", *load(port),
                         "--", PYTHON, f"{HERE}/server.py", str(port), "0")
        wait_until(lambda: get(port, "/metrics"))
        get(port, f"/ghosts?{ghosts}")
        out, err = watching.communicate(timeout=90)
        has(out, f"{verdict}: ")
        if ghosts:
            has(out, r"connections shows 50, but the kernel holds \d sockets: 4\d ghosts")


@test
def an_endpoint_that_never_answers_is_a_finding_and_one_without_the_counter_too():
    port = free_port()
    status, out, err = watch("unreachable", "--duration", "6s", *with_ops(port), "--", "sleep", "1000")
    has(out + err, r"FAIL", rf"http://127\.0\.0\.1:{port}/metrics was never read: .*refused")
    assert status == 1, out
    status, out, _ = watch("nocounter", "--duration", "8s", "--ops-from", f"http://127.0.0.1:{port}/metrics", "--ops",
                           "jobs_total", "--", PYTHON, f"{HERE}/server.py", str(port), "0")
    has(out, r"FAIL", r"jobs_total was never on http://.*; its counters are: http_requests_total")
    assert status == 1, out


@test
def children_are_followed_and_a_program_that_goes_into_the_background():
    port = free_port()
    # Two shells deep, and the first one ends.
    script = f"(setsid {PYTHON} {HERE}/server.py {port} 0 &) ; exit 0"
    watching = begin("daemon", "--duration", "15s", *with_ops(port), *load(port), "--", "/bin/sh", "-c", script)
    out, err = watching.communicate(timeout=90)
    has(out, r"PASS: elapsed=15", r"http_requests=\d{2,}", r"memory_end=[1-9]\d{3,}KB")
    assert watching.returncode == 0, (out, err)
    try:
        get(port, "/metrics")
        raise AssertionError("the program still runs")
    except OSError:
        pass


@test
def the_load_is_part_of_the_verdict():
    status, out, _ = watch("load_fails", "--duration", "20s", "--load", "sleep 1; echo no route; exit 7", "--", "sleep", "1000")
    has(out, r"FAIL", r"the load ended with exit status 7 at 00:00:01", r"output +no route")
    assert status == 1, out
    # Without a duration, the watch ends with the load.
    status, out, _ = watch("load_ends", "--warm-up", "1s", "--load", "sleep 4", "--", "sleep", "1000")
    has(out, r"PASS: elapsed=4", r"note: the load ended with exit status 0 at 00:00:04")
    assert status == 0, out


@test
def a_bound_is_shown_or_inconclusive():
    port = free_port()
    status, out, _ = watch("bound", "--duration", "15s", "--leak-max", "1B/http_request", *with_ops(port), *load(port), "--",
                           PYTHON, f"{HERE}/server.py", str(port), "0")
    has(out, r"INCONCLUSIVE", r"1 B per http_request is neither shown nor excluded")
    assert status == 3, out


@test
def the_metrics_of_a_watch_are_served():
    metrics_port = free_port()
    watching = begin("metrics", "--duration", "8s", "--metrics-port", str(metrics_port), "--", "sleep", "1000")
    wait_until(lambda: get(metrics_port, "/metrics"))
    wait_until(lambda: b'soak_watched_bytes{name="memory"}' in get(metrics_port, "/metrics"), 7)
    out, _ = watching.communicate(timeout=60)
    has(out, r"PASS: ")
    html = [name for name in os.listdir(reports("metrics")) if name.endswith(".html")]
    assert html == ["watch-sleep.html"], html


@test
def a_watch_that_was_killed_leaves_a_journal():
    watching = begin("killed", "--warm-up", "1s", "--", "sleep", "1000")
    time.sleep(6)
    watching.kill()
    watching.communicate()
    journal = os.path.join(reports("killed"), "watch-sleep.journal")
    done = subprocess.run([SOAK, "report", journal], capture_output=True, text=True, timeout=60)
    has(done.stdout, r"FAIL", r"killed: the run never ended; the last line is at 00:00:0\d\n", r"memory_start=\d+KB")


@test
def it_costs_less_than_a_thousandth_of_a_core():
    """For a process with 10,000 descriptors."""
    holder = subprocess.Popen(
        [PYTHON, "-c", "import resource, socket, time, sys\n"
         "resource.setrlimit(resource.RLIMIT_NOFILE, (11000, 11000))\n"
         "kept = [socket.socket() for _ in range(10000)]\nprint('ready', flush=True)\ntime.sleep(1000)"],
        stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "ready\n"
    seconds = 60
    watching = begin("cost", "--duration", f"{seconds}s", "--pid", str(holder.pid))

    def cpu():
        with open(f"/proc/{watching.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    time.sleep(3)  # Its start, and what it takes at once.
    before, began = cpu(), time.monotonic()
    time.sleep(seconds - 8)
    share = (cpu() - before) / (time.monotonic() - began)
    out, _ = watching.communicate(timeout=60)
    holder.kill()
    holder.wait()
    has(out, r"PASS", r"elapsed=60")
    print(f"cost: {share * 100:.3f}% of a core")
    assert share < 0.001 * (1 if os.environ.get("SOAK_EXACT_COST") else 3), share  # Ticks of 10 ms, on a busy machine.


def main():
    missing = [tool for tool in ("node", "go") if shutil.which(tool) is None]
    chosen = [one for one in TESTS if len(sys.argv) < 3 or re.search(sys.argv[2], one.__name__)]
    for tool in missing:
        chosen = [one for one in chosen if not one.__name__.startswith(tool + "_")]
        print(f"left out, for want of {tool}: its programs; 'make test-tools' installs it")
    if any(one.__name__.startswith("go_") for one in chosen):
        go_server()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        running = {pool.submit(one): one.__name__ for one in chosen}
        for done in concurrent.futures.as_completed(running):
            try:
                done.result()
                print(f"ok {running[done]}", flush=True)
            except Exception:  # Whatever it is, the others go on.
                failed += 1
                print(f"FAILED {running[done]}\n{traceback.format_exc()}", flush=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    if missing and os.environ.get("SOAK_TOOLS_REQUIRED") == "1":
        failed += 1
    sys.exit(1 if failed else 0)


main()
