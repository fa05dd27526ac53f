"""Receivers of messages on this host: a mail server and a web server that note what they get, or fail on purpose."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP. ``mails``: what arrived; ``refuse``: answer every receiver with 550."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuse = False
        super().__init__(("127.0.0.1", 0), _MailHandler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper().partition(":")[0]
            if verb == "DATA":
                self._say("354 go on")
                self.server.mails.append(self._body())
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif verb == "RCPT" and self.server.refuse:
                self._say("550 no such person")
            else:
                self._say("250 fine")

    def _body(self) -> str:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class WebServer(http.server.ThreadingHTTPServer):
    """Takes posted documents. ``status``: what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _WebHandler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _WebHandler(http.server.BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.documents.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Serve in a thread for the time of the context."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
