# SPDX-License-Identifier: Apache-2.0
"""`soak judge --prometheus` on a real Prometheus that scraped a leaking program and a clean one.
judge_prometheus_test.py SOAK"""

import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOAK = sys.argv[1]
REQUESTS_PER_SECOND = 40
LEAK = 8192  # Bytes a request.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """What a program says of itself; its memory and its requests follow the clock, and restart() begins another life."""

    def __init__(self, leak):
        self.leak = leak
        self.born = time.time()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.target = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def restart(self):
        self.born = time.time()

    def handler(self):
        program = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests = int((time.time() - program.born) * REQUESTS_PER_SECOND)
                memory = 30_000_000 + requests * program.leak + requests % 7 * 4096
                body = (f"# TYPE http_requests_total counter\nhttp_requests_total {requests}\n"
                        f"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {memory}\n"
                        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {program.born}\n").encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler


def judge(url, *arguments):
    done = subprocess.run([SOAK, "judge", "--prometheus", url, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def has(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in:\n{text}"


def check(url, leaking, clean):
    query = 'process_resident_memory_bytes{job="x"}'
    ops = "http_requests_total"
    # Two series, one line each: the leak per request is named, the clean one passed.
    status, out, err = judge(url, "--query", query, "--since", "10m", "--ops", ops)
    has(out, rf'^  process_resident_memory\{{instance="{leaking.target}",job="x"\}}: LEAK: \+[78]\.\d KiB per http_request',
        rf'^  process_resident_memory\{{instance="{clean.target}",job="x"\}}: (?!LEAK|inconclusive).* B per http_request .*excluded at 99%',
        r"^\[SOAK JUDGE / http://127\.0\.0\.1:\d+\] FAIL: elapsed=\d+\.\ds rows=\d\d http_requests=\d+ series=2 leaks=1")
    assert status == 1, (status, out, err)
    # A sample counts once, however often the query repeats it.
    rows = int(re.search(r"rows=(\d+)", out).group(1))
    assert 50 <= rows <= 100, out
    status, out, err = judge(url, "--query", f'process_resident_memory_bytes{{instance="{clean.target}"}}', "--since", "10m",
                             "--ops", f'sum({ops}{{instance="{clean.target}"}})')
    has(out, r"PASS: .* series=1 leaks=0")
    assert status == 0, (status, out, err)
    # The restart is one, and its fall no sign of rest.
    status, out, err = judge(url, "--query", f'process_resident_memory_bytes{{instance="{leaking.target}"}}', "--since", "10m",
                             "--ops", f'http_requests_total{{instance="{leaking.target}"}}', "--leak-max", "16KiB/http_request")
    assert status == 0, (status, out, err)
    for arguments, message in [
            (["--query", "no_such_metric"], r"--query no_such_metric: no series in that time"),
            (["--query", "sum("], r"Prometheus refused the query: .*parse error"),
            (["--query", query, "--ops", "none_total"], r"--ops none_total: no series in that time"),
            (["--query", query, "--since", "soon"], r"--since: 'soon': expected a time"),
            ([], r"--prometheus needs --query")]:
        status, out, err = judge(url, *arguments)
        has(err, message)
        assert status == 2, (arguments, status, out, err)
    status, out, err = judge(f"http://127.0.0.1:{free_port()}", "--query", query)
    assert status == 2 and "refused" in err, (status, out, err)


def main():
    if shutil.which("prometheus") is None:
        print("needs prometheus; 'make test-tools' installs it")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    leaking, clean = Program(LEAK), Program(0)
    with tempfile.TemporaryDirectory() as directory:
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w") as file:
            file.write(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: x, static_configs: [{{targets: ["{leaking.target}", "{clean.target}"]}}]}}]
""")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], cwd=directory)
        try:
            time.sleep(45)
            leaking.restart()
            time.sleep(40)
            urllib.request.urlopen(f"{url}/-/ready", timeout=10).read()
            check(url, leaking, clean)
        finally:
            prometheus.terminate()
            prometheus.wait(20)


main()
