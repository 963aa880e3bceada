# SPDX-License-Identifier: Apache-2.0
"""The metrics of a run, scraped by a real Prometheus and read by promtool. prometheus_test.py SOAK runs the command SOAK.

Prometheus is started by hand, on loopback, with a configuration and a directory of its own: never as the service."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

# What Prometheus must hold, beside every other name that /metrics gives.
NAMES = [
    "soak_rss_bytes", "soak_heap_bytes", "soak_open_fds", "soak_open_sockets", "soak_threads", "soak_watched",
    "soak_cycles_total", "soak_failed_cycles_total", "soak_events_total", "soak_run_info",
    "async_drain_duration_seconds_count"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


class Prometheus:
    def __init__(self, directory, target):
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w") as file:
            file.write(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: soak, static_configs: [{{targets: ["{target}"]}}]}}]
""")
        port = free_port()
        self.api = f"http://127.0.0.1:{port}/api/v1"
        self.log = open(os.path.join(directory, "prometheus.log"), "w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=directory)

    def ask(self, path, **arguments):
        answer = json.loads(get(f"{self.api}/{path}?{urllib.parse.urlencode(arguments)}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, query):
        return [float(row["value"][1]) for row in self.ask("query", query=query)["result"]]

    def value(self, query):
        """The one value of a query."""
        values = self.values(query)
        assert len(values) == 1, (query, values)
        return values[0]

    def wait_until(self, query, holds, seconds=30):
        """Asks again until every condition holds for the one value of the query."""
        deadline = time.monotonic() + seconds
        seen = None
        while time.monotonic() < deadline:
            try:
                seen = self.values(query)
                if len(seen) == 1 and holds(seen[0]):
                    return seen[0]
            except (urllib.error.URLError, ConnectionError) as error:
                seen = error
            assert self.process.poll() is None, self.output()
            time.sleep(0.2)
        raise AssertionError((query, seen, self.output()))

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def status(pid, field):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise AssertionError(field)


def nothing_to_say_for_promtool(text):
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", ""), checked


def promtool_can_say_something():
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input="# TYPE frames counter\nframes 1\n", capture_output=True, text=True,
        timeout=30)
    assert checked.returncode != 0, checked


def check(prometheus, url, pid):
    prometheus.wait_until("up", lambda up: up == 1)
    # Two finished cycles: every series is there, and none is added by another cycle.
    prometheus.wait_until("soak_cycles_total", lambda cycles: cycles >= 2)
    prometheus.wait_until("soak_open_sockets", lambda sockets: sockets >= 1)
    series = prometheus.value('count({__name__=~"soak_.+|async_.+"})')

    text = get(url)
    nothing_to_say_for_promtool(text)
    promtool_can_say_something()
    given = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ") and line.endswith("gauge")}
    held = set(prometheus.ask("label/__name__/values"))
    missing = (given | set(NAMES)) - held
    assert not missing, missing

    assert prometheus.value('soak_run_info{name="voice-openai",mode="real"}') == 1
    assert prometheus.value('soak_watched{name="tasks"}') >= 1
    assert prometheus.value("soak_failed_cycles_total") == 0
    assert prometheus.value("soak_heap_bytes") > 10_000
    # Each cycle is a group that is drained.
    assert prometheus.value("sum(async_drain_duration_seconds_count)") >= 2
    # The run goes on between its last sample and what the kernel says now.
    rss = status(pid, "VmRSS") * 1024
    assert 0.5 * rss < prometheus.value("soak_rss_bytes") < 1.5 * rss, rss
    assert abs(prometheus.value("soak_threads") - status(pid, "Threads")) <= 1, status(pid, "Threads")
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    assert abs(prometheus.value("soak_open_fds") - fds) <= 6, fds
    # A frame every 40 ms, but for the time of a reconnect.
    rate = prometheus.wait_until('rate(soak_events_total{event="frames"}[5s])', lambda rate: 20 < rate < 27)

    cycles = prometheus.wait_until("soak_cycles_total", lambda cycles: cycles >= 4)
    assert prometheus.value('count({__name__=~"soak_.+|async_.+"})') == series, series
    print(f"prometheus: {series:.0f} series, {rate:.1f} frames a second, {cycles:.0f} cycles")


def main():
    missing = [tool for tool in ("prometheus", "promtool") if shutil.which(tool) is None]
    if missing:
        print(f"needs {' and '.join(missing)}; 'make test-tools' installs it")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    with tempfile.TemporaryDirectory() as directory:
        soak = subprocess.Popen(
            [sys.argv[1], "voice", "--provider", "openai", "--duration", "16s", "--reconnect-every", "2s",
             "--metrics-port", "0", "--report-dir", directory], stdout=subprocess.PIPE, text=True)
        prometheus = None
        try:
            first_line = soak.stdout.readline()
            assert first_line.startswith("metrics at http://127.0.0.1:"), first_line
            url = first_line.split()[-1]
            prometheus = Prometheus(directory, urllib.parse.urlparse(url).netloc)
            check(prometheus, url, soak.pid)
            rest, _ = soak.communicate(timeout=60)
            # Being scraped once a second is no leak.
            assert soak.returncode == 0 and "[VOICE SOAK / openai] PASS: " in rest, rest
            prometheus.wait_until("up", lambda up: up == 0)
        finally:
            soak.kill()
            soak.wait()
            if prometheus is not None:
                prometheus.end()


main()
