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
        names = [canvas["label"].split(" ")[0] for canvas in canvases if not canvas["label"].startswith("unseen ")]
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


def a_trend(series, **fields):
    """As a report has it: at rest, unless `fields` say otherwise."""
    return {"series": series, "unit": "bytes", "per": "second", "state": "at rest", "leak": False, "growth": 0, "low": -10, "high": 10,
            "confidence": 0.99, "per_day": 1, "excluded": 60, "excluded_later": [], "end_s": 1000, "warm_up_s": 0, **fields}


# Of the chart whose label begins so: the share of a column, at a time, that has a colour of the page's style. Colours
# that are not opaque are laid over the card first.
COLUMN = """
const [begins, seconds, name] = %s;
const {canvas, scales, chartArea} = charts.find((chart) => chart.canvas.getAttribute('aria-label').startsWith(begins));
const paint = document.createElement('canvas').getContext('2d');
const over = (...colours) => {
  colours.forEach((one) => { paint.fillStyle = one; paint.fillRect(0, 0, 1, 1); });
  return [...paint.getImageData(0, 0, 1, 1).data];
};
const card = over(colour('card'));
const wanted = over(colour('card'), colour(name));
const ratio = canvas.width / canvas.clientWidth;
const x = Math.round(scales.x.getPixelForValue(seconds) * ratio);
const top = Math.round(chartArea.top * ratio);
const {data} = canvas.getContext('2d').getImageData(x - 1, top, 3, Math.round(chartArea.height * ratio));
// The canvas lies over the card, and a thin line is never quite its colour.
const shown = (i, j) => card[j] + (data[i + j] - card[j]) * data[i + 3] / 255;
const far = (one, other) => Math.hypot(...[0, 1, 2].map((j) => one[j] - other[j]));
const allowed = 4 + far(wanted, card) * 0.4;
const found = [0, 0, 0];
for (let i = 0; i < data.length; i += 4) {
  found[i / 4 %% 3] += far([0, 1, 2].map((j) => shown(i, j)), wanted) < allowed;
}
return Math.max(...found) / (data.length / 12);
"""


def share(browser, begins, seconds, name):
    """How much of the height of a chart, at a time, has a colour of the page's style."""
    return browser.run(COLUMN % json.dumps([begins, seconds, name]))


def a_history(folder, page):
    """A report with the times at which growth began or ended, a band, a gap, a restart and a limit."""
    told = json.loads(page.with_suffix(".json").read_text())
    told.update(elapsed_s=1000, cycles=0, marks=[], operations=[], memory_limit_bytes=120 << 20,
                restarts=[{"at_s": 700, "text": "process 7 (fake) was replaced by process 8"}])
    mib = 1 << 20
    rss = [[t, 0, 64 * mib + max(0, t - 400) * 50_000, 60 * mib, 100 * mib] for t in range(0, 1000, 2) if not 200 < t < 300]
    fds = [[t, 0, 16 if t < 500 else 40] for t in range(0, 1000, 2)]
    series = lambda name, unit, points, **more: {"name": name, "unit": unit, "available": True, "samples": len(points),
                                                 "peak": max(points, key=lambda point: point[2]), "timeline": points, "rests": 0,
                                                 "at_rest": [], **more}
    told["series"] = [series("rss", "bytes", rss), series("fds", "count", fds),
                      series("fake.rss", "bytes", [[t, 0, 9 * mib] for t in range(0, 1000, 2)], restarts_s=[700]),
                      series("cache", "bytes", [[t, 0, min(t, 500) * 20_000] for t in range(0, 1000, 2)])]
    told["verdict"].update(findings=[], remarks=[], trends=[
        a_trend("rss", growth=50_000, state="certain", leak=True, since_s=400, since_earliest_s=350, since_latest_s=450, since_cycle=0,
                excluded_later=[[500, 210], [900, 1900]]),
        a_trend("cache", rest={"since_s": 500, "grown": 10e6})])
    path = pathlib.Path(folder, "history.json")
    path.write_text(json.dumps(told, indent=1))
    return path


def shows_what_happened_when(soak, browser, server, folder, page):
    said, _ = report(soak, a_history(folder, page))
    browser.open(server.url + "history.html")
    at = lambda *where: share(browser, *where)
    assert at("rss ", 250, "gap") > 0.7 and at("rss ", 150, "gap") < 0.1, (said, at("rss ", 250, "gap"), at("rss ", 150, "gap"))
    assert at("rss ", 150, "band") > 0.2 and at("rss ", 250, "band") < 0.05, "a band of 40 MiB, but not in the gap"
    assert at("rss ", 400, "fit") > 0.1 and at("rss ", 300, "fit") < 0.05, "growth began at 400 s"
    assert at("cache ", 500, "rested") > 0.2 and at("cache ", 400, "rested") < 0.05, "and there it ended"
    assert at("fake.rss ", 700, "restart") > 0.5 and at("rss ", 700, "restart") < 0.05, "of the other process"
    assert at("unseen rss", 950, "unseen-wash") > 0.8, "nothing is known of what began after the last onset"
    assert at("unseen rss", 250, "unseen-wash") < 0.7, "a large leak would have been seen"
    stepped = browser.run("return charts.map((chart) => chart.data.datasets.find((data) => data.kind === 'timeline')?.stepped)")
    assert stepped[:4] == [False, True, False, False], stepped
    shown = browser.run("return document.body.innerText")
    for words in ("since 00:06:40", "grew by 9.5 MiB until 00:08:20, then rested", "What could not be seen", "no samples", "restart",
                  "process 7 (fake) was replaced by process 8", "above 60 B per second if it began at the start"):
        assert words in shown, (words, shown)


def shows_what_a_session_costs(soak, browser, server, page):
    """Of a run that opened sessions in steps, with a process that it watched: the table is made of its three series."""
    told = json.loads(page.with_suffix(".json").read_text())
    told.update(cycles=0, marks=[], operations=[])
    mib = 1 << 20
    series = lambda name, unit, value: {"name": name, "unit": unit, "available": True, "samples": 600, "peak": [599, 0, value(90)],
                                        "timeline": [[t, 0, value(10 * (t // 60))] for t in range(600)], "rests": 0, "at_rest": []}
    told["series"] = [series("listen.sessions", "count", lambda count: count),
                      series("listen.rss", "bytes", lambda count: 100 * mib + count * 2 * mib),
                      series("listen.cpu_millicores", "count", lambda count: 20 + count // 2)]
    told["verdict"].update(findings=[], remarks=[], trends=[])
    path = page.with_name("steps.json")
    path.write_text(json.dumps(told, indent=1))
    said, _ = report(soak, path)
    browser.open(server.url + "steps.html")
    shown = browser.run("return document.body.innerText")
    for words in ("What a session costs", "2.0 MiB to 2.0 MiB", "Peak, 90 sessions", "100.0 MiB\t280.0 MiB", "20m\t65m"):
        assert words in shown, (words, said, shown)


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
    grown["verdict"]["trends"] = [a_trend("heap", per="frame or reconnect", growth=1000, state="certain", leak=True, since_s=0,
                                          since_earliest_s=0, since_latest_s=0, since_cycle=0)]
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
        while not journal.exists() or min(journal.read_text().count(f'"type":"{line}"') for line in ("rest", "totals")) < 4:
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
    assert made["open_time"]["share"] > 0.5 and made["traffic"][0]["met_by_third"][0] > 20 and "answers" in made, said
    assert (found := faults(browser, server, page.name, made)) == [], found
    says(browser, server.url + page.name, "killed: the run never ended")


def check(soak, folder):
    run = subprocess.run(
        [soak, "voice", "--provider", "openai", "--duration", "6s", "--reconnect-every", "500ms", "--open-floor", "0",
         "--report-dir", folder],
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
        shows_what_happened_when(soak, browser, server, folder, page)
        shows_what_a_session_costs(soak, browser, server, page)

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
