# SPDX-License-Identifier: Apache-2.0
"""HttpServer with clients that are not ours, and HttpClient with a server that prefers HTTP/2: http_test.py HTTP_ENDS FOLDER. The
clients are curl, requests (urllib3) and Node's fetch (undici), each on http: and https:."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import requests


def with_requests(url, ca):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = ca
        connections = set()
        for body in (b"", b"x", bytes(range(256)) * 4096):
            for _ in range(3):
                response = session.post(url + "/a", params={"b": "c"}, data=body, timeout=20)
                assert response.status_code == 200, response
                assert response.content == body
                assert response.headers["X-Request"] == "POST /a?b=c", response.headers
                connections.add(response.headers["X-Connection"])
        assert len(connections) == 1, connections
        chunked = session.put(url + "/", data=iter([b"one ", b"two ", b"three"]), timeout=20)
        assert chunked.content == b"one two three"
        assert chunked.headers["X-Chunked"] == "chunked"
        assert session.get(url + "/204", timeout=20).status_code == 204
        assert session.head(url + "/", timeout=20).status_code == 200
        try:
            session.get(url + "/reset", timeout=20)
            raise AssertionError("not reset")
        except requests.ConnectionError as error:
            # On TLS Python's ssl takes a reset for an end.
            assert "reset" in str(error).lower() or url.startswith("https:"), error
    print("requests: right")


def with_curl(url, ca, scratch):
    def curl(*arguments, status=0):
        result = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", ca, "--max-time", "20", *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert result.returncode == status, (arguments, result)
        return result.stdout

    # More than a megabyte, for which curl asks to be told to continue.
    body = bytes(range(256)) * 8192
    sent = pathlib.Path(scratch, "body")
    sent.write_bytes(body)
    assert curl("--data-binary", f"@{sent}", url + "/a?b=c") == body
    assert curl("--upload-file", "-", "--header", "Transfer-Encoding: chunked", url + "/") == b""
    # Two requests over one connection.
    twice = curl("--output", "/dev/null", "--write-out", "%{num_connects} ", url + "/1", "--next", "--silent", "--cacert", ca,
                 "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{num_connects}", url + "/2")
    assert twice == b"1 0", twice
    assert curl("--head", url + "/").startswith(b"HTTP/1.1 200 OK\r\n")
    curl(url + "/reset", status=56)
    print("curl: right")


def with_node(folder, url, ca):
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": ca}
    subprocess.run(["node", folder / "http_clients.mjs", url], env=environment, check=True, timeout=60)


def libcurl_version():
    words = subprocess.run(["curl", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    library = next(word for word in words if word.startswith("libcurl/"))
    return tuple(int(part) for part in library.removeprefix("libcurl/").split("-")[0].split("."))


def with_http2(ends, folder, ca, certificate, key):
    count = 40
    # A libcurl before 8.2 is not asked for what would wait for the window by HTTP/2, but by HTTP/1.1 on two connections.
    beyond = (1, 1) if libcurl_version() >= (8, 2, 0) else (1, 3)
    for bytes_each, (sessions, connections) in ((10, (1, 1)), (1000, beyond)):
        server = subprocess.Popen(["node", folder / "http2_server.mjs", certificate, key], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().strip()
            told = subprocess.run([ends, "ask", url, ca, str(count), str(bytes_each)], stdout=subprocess.PIPE, text=True,
                                  check=True, timeout=60).stdout
            assert told == f"right={count + 1} connections_opened={connections}\n", told
            seen, _ = server.communicate(timeout=20)
            assert seen == f"sessions={sessions} requests={count + 1}\n", seen
        finally:
            server.kill()
    print("HTTP/2: right")


def main():
    ends, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    missing = [tool for tool in ("curl", "node") if shutil.which(tool) is None]
    if missing:
        print(f"needs {' and '.join(missing)}; 'make test-tools' installs them")
        sys.exit(1 if os.environ.get("SOAK_TOOLS_REQUIRED") == "1" else 77)
    server = subprocess.Popen([ends, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        plain, secure, ca, certificate, key = (server.stdout.readline().strip() for _ in range(5))
        with tempfile.TemporaryDirectory() as scratch:
            for url in (plain, secure):
                with_requests(url, ca)
                with_curl(url, ca, scratch)
                with_node(folder, url, ca)
        with_http2(ends, folder, ca, certificate, key)
        server.stdin.close()
        assert server.wait(timeout=20) == 0, server.returncode
    finally:
        server.kill()


main()
