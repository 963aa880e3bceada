# SPDX-License-Identifier: Apache-2.0
"""The page of a run, opened in a headless Chromium: every chart is drawn, in light and dark, the console is silent and
nothing is asked for but the page; also the page of a run that was killed. report_page_test.py SOAK runs the command
SOAK."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import browser as browsers

# Of each canvas: how many of its pixels are drawn on, and the most frequent colours of these.
CANVASES = """
return [...document.querySelectorAll('canvas')].map((canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Map();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 250) {
      const colour = data.slice(i, i + 3).join(',');
      colours.set(colour, (colours.get(colour) || 0) + 1);
    }
  }
  return {label: canvas.getAttribute('aria-label'), drawn: [...colours.values()].reduce((a, b) => a + b, 0),
          colours: [...colours].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([colour]) => colour)};
});
"""


class Server:
    """Serves a folder on loopback and keeps what it is asked for."""

    def __init__(self, folder):
        self.asked = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=folder)

            def do_GET(self):
                asked.append(self.path)
                super().do_GET()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


def charted(report):
    """The series that have something to see."""
    return [series["name"] for series in report["series"] if any(point[2] for point in series["timeline"])]


def faults(browser, server, name, report):
    """What is wrong with the page; empty where nothing is."""
    found = []
    colours = {}
    server.asked.clear()
    for scheme in ("light", "dark"):
        browser.console(), browser.requests()  # Of what was opened before; reading pixels back earns a warning, too.
        browser.open(server.url + name, scheme)
        found += [f"{scheme}: console: {message}" for message in browser.console()]
        asked = [url for url in browser.requests() if not url.startswith("data:")]
        if asked != [server.url + name]:
            found.append(f"{scheme}: asked for {asked}")
        canvases = browser.run(CANVASES)
        names = [canvas["label"].split(" ")[0] for canvas in canvases]
        if sorted(names) != sorted(charted(report)):
            found.append(f"{scheme}: charts of {names}, the run has {charted(report)}")
        found += [f"{scheme}: nothing is drawn for {canvas['label']}" for canvas in canvases if canvas["drawn"] < 500]
        colours[scheme] = [canvas["colours"] for canvas in canvases]
        colours[scheme].append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    if server.asked != ["/" + name] * 2:
        found.append(f"the server was asked for {server.asked}")
    if any(light == dark for light, dark in zip(colours["light"], colours["dark"])):
        found.append(f"light and dark look alike: {colours}")
    return found


def follows_the_reader(browser, url):
    """Charts change their colours with the system, without a reload."""
    browser.open(url, "light")
    light = browser.run(CANVASES)
    browser.prefer("dark")
    deadline = time.monotonic() + 20
    while True:
        dark = browser.run(CANVASES)
        if all(new["colours"] != old["colours"] and new["drawn"] >= 500 for new, old in zip(dark, light)):
            return
        assert time.monotonic() < deadline, (light, dark)
        time.sleep(0.1)


def fits(browser, url, width):
    browser.open(url, width=width)
    across = browser.run("return document.documentElement.scrollWidth")
    assert across <= width, (across, width)


def says(browser, url, text):
    browser.open(url)
    shown = browser.run("return document.body.innerText")
    assert text in shown, (text, shown)


# Of the heap's chart: the height of the fitted line and of the quiescent points, first and last.
ENDS = """
const chart = charts.find((candidate) => candidate.canvas.getAttribute('aria-label').startsWith('heap '));
const ends = (kind) => chart.data.datasets.filter((data) => data.kind === kind).map((data) => [data.data[0].y, data.data.at(-1).y])[0];
return [ends('fit'), ends('at_rest')];
"""


def draws_what_grows(soak, browser, server, page):
    """The fitted line goes through what grows by 1,000 bytes a frame, which is not what it grows by in a reconnect."""
    grown = json.loads(page.with_suffix(".json").read_text())
    heap = next(series for series in grown["series"] if series["name"] == "heap")
    frames = next(operation for operation in grown["operations"] if operation["name"] == "frames")
    counts = dict((at, count) for at, _, count in frames["at_rest"])
    heap["at_rest"] = [[at, cycle, 500_000 + 1000 * counts[at]] for at, cycle, _ in heap["at_rest"]]
    trend = {"series": "heap", "unit": "bytes", "per": "frame or reconnect", "growth": 1000, "low": 990, "high": 1010,
             "excluded": 1010, "confidence": 0.99, "per_day": 1, "leak": True, "warm_up_s": 0, "since_s": 0, "since_cycle": 0}
    grown["verdict"]["trends"] = [trend]
    path = page.with_name("grown.json")
    path.write_text(json.dumps(grown, indent=1))
    said, _ = report(soak, path)
    browser.open(server.url + "grown.html")
    fitted, held = browser.run(ENDS)
    assert held[1] - held[0] > 50_000, (held, said)
    assert all(abs(a - b) < 2_000 for a, b in zip(fitted, held)), (fitted, held)


def report(soak, *arguments):
    """What `soak report` says, and its exit status."""
    made = subprocess.run([soak, "report", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    return made.stdout, made.returncode


def makes_the_same_page(soak, page):
    """From the JSON report alone."""
    again = page.with_name("again.html")
    said, status = report(soak, page.with_suffix(".json"), "-o", again)
    assert (status, again.read_text() == page.read_text()) == (0, True), said


def refuses(soak, folder):
    for name, text, words in (("x.json", '{"schema": "soak.report",\n"version": }', "x.json:2:"),
                              ("x.journal", '{"schema":"soak.journal","version":1}\n', "x.journal:1: name is missing"),
                              ("x.csv", "time_s,rss_bytes\n", "x.csv:1:")):
        path = pathlib.Path(folder, name)
        path.write_text(text)
        said, status = report(soak, path)
        assert status == 2 and words in said, (status, said)


def kill_a_run(soak, folder):
    """The journal of a run that was killed after some quiescent points."""
    journal = pathlib.Path(folder, "voice-openai.journal")
    run = subprocess.Popen([soak, "voice", "--provider", "openai", "--duration", "60s", "--reconnect-every", "500ms",
                            "--report-dir", folder], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not journal.exists() or journal.read_text().count('"type":"rest"') < 4:
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        run.kill()
        run.wait()
    return journal


def check_killed(soak, server, folder, browser):
    journal = kill_a_run(soak, folder)
    said, status = report(soak, journal)
    assert status == 1 and "killed: the run never ended; the last line is at 00:00:0" in said, said
    page = journal.with_suffix(".html")
    made = json.loads(page.with_suffix(".json").read_text())
    assert made["killed"] and made["cycles"] >= 3 and made["quiescent_points"] >= 4, said
    assert (found := faults(browser, server, page.name, made)) == [], found
    says(browser, server.url + page.name, "killed: the run never ended")


def check(soak, folder):
    run = subprocess.run(
        [soak, "voice", "--provider", "openai", "--duration", "6s", "--reconnect-every", "500ms", "--report-dir", folder],
        stdout=subprocess.PIPE, text=True, timeout=60)
    page = pathlib.Path(folder, "voice-openai.html")
    assert run.returncode == 0 and f"report in {page}" in run.stdout, run.stdout
    run_report = json.loads(page.with_suffix(".json").read_text())
    assert len(charted(run_report)) >= 6, charted(run_report)
    makes_the_same_page(soak, page)
    refuses(soak, folder)

    server = Server(folder)
    with browsers.Browser() as browser:
        assert (found := faults(browser, server, page.name, run_report)) == [], found
        follows_the_reader(browser, server.url + page.name)
        for width in (360, 800, 1920):
            fits(browser, server.url + page.name, width)
        says(browser, server.url + page.name, run_report["summary"])
        draws_what_grows(soak, browser, server, page)

        killed = os.path.join(folder, "killed")
        check_killed(soak, Server(killed), killed, browser)

        # The checks must be able to say no, for the right reason.
        whole = page.read_text()
        page.with_name("picture.html").write_text(whole.replace("<main", f'<img src="{server.url}picture.png"><main'))
        found = faults(browser, server, "picture.html", run_report)
        assert any("Content Security Policy" in fault and "picture.png" in fault for fault in found), found
        page.with_name("script.html").write_text(whole.replace("new Chart(", "new Chort("))
        found = faults(browser, server, "script.html", run_report)
        assert any("charts of []" in fault for fault in found) and any("console" in fault for fault in found), found
    print(f"report page: {len(charted(run_report))} charts")


def main():
    if missing := browsers.missing():
        print(f"needs {' and '.join(missing)}; 'make test-tools' installs it")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    with tempfile.TemporaryDirectory() as folder:
        check(sys.argv[1], folder)


main()
