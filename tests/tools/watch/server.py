# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that counts its requests at /metrics. server.py PORT LEAK: each request keeps LEAK bytes.

Other paths: /crash aborts the process, /exit ends it with status 3, /open?N opens N sockets and keeps them, /ghosts?N adds
N to the gauge `connections` without a connection."""

import http.server
import os
import socket
import sys
import threading

PORT, LEAK = int(sys.argv[1]), int(sys.argv[2])
kept = []
state = {"requests": 0, "connections": 0}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = b"ok"
        with lock:
            if path == "/metrics":
                body = (
                    "# TYPE http_requests_total counter\n"
                    f'http_requests_total{{path="/",note="a }} and a \\"quote\\""}} {state["requests"]:e}\n'
                    f'http_requests_total{{path="/none"}} 0\n'
                    "# TYPE connections gauge\n"
                    f'connections {state["connections"]}\n').encode()
            elif path == "/open":
                kept.extend(socket.socket() for _ in range(int(query)))
            elif path == "/ghosts":
                state["connections"] += int(query)
            elif path == "/crash":
                print("about to abort: out of luck", file=sys.stderr, flush=True)
                os.abort()
            elif path == "/exit":
                print("cannot go on", flush=True)
                os._exit(3)
            else:
                state["requests"] += 1
                if LEAK:
                    kept.append(bytearray(os.urandom(64)) * (LEAK // 64))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


Server(("127.0.0.1", PORT), Handler).serve_forever()
