# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over WebDriver by plain HTTP to chromedriver: no package of Python's is needed."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request

ARGUMENTS = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--window-size=1280,900"]


def missing():
    """The tools that are not here."""
    return [tool for tool in ("chromium", "chromedriver") if shutil.which(tool) is None]


class Browser:
    """Used in a with statement, which ends it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.driver = subprocess.Popen(["chromedriver", "--port=0", "--log-level=SEVERE"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True, start_new_session=True)
        self.session = None
        try:
            port = None
            for line in self.driver.stdout:
                if found := re.search(r"started successfully on port (\d+)", line):
                    port = found[1]
                    break
            assert port, "chromedriver said no port"
            self.url = f"http://127.0.0.1:{port}"
            arguments = [*ARGUMENTS, f"--user-data-dir={self.folder}"]
            if os.geteuid() == 0:
                arguments.append("--no-sandbox")  # Chromium's own sandbox does not start as root.
            self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]
            self.open("about:blank")
            self.console()
            self.requests()  # Those of Chromium's own first page.
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.session is not None:
            self.ask("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        self.driver.wait(20)
        self.driver.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Content-Type": "application/json"},
            data=None if method != "POST" else json.dumps(body or {}).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def command(self, method, path, body=None):
        return self.ask(method, f"/session/{self.session}{path}", body)

    def devtools(self, name, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def run(self, script):
        """What the JavaScript returns."""
        return self.command("POST", "/execute/sync", {"script": script, "args": []})

    def console(self):
        """What the console got since the last call, errors of the policy among it."""
        return [entry["message"] for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """The URLs that were asked for since the last call."""
        urls = []
        for entry in self.command("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def prefer(self, scheme):
        """As a reader whose system is light or dark."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url, scheme="light", width=1280):
        self.prefer(scheme)
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.command("POST", "/url", {"url": url})

    def screenshot(self, path):
        """The whole page, below the window's end too."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]))
