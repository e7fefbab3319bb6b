"""Exporter: a fake scrape target in a thread, whose page is set by the test.

    exporter = Exporter()
    exporter.page = "a_metric 1\n"                           # the same each time,
    exporter.page = lambda number: f"scrapes {number}\n"     # by the scrape's number, from 1,
    exporter.page = Reply(status=404)                        # or anything else

It numbers its scrapes and keeps their request headers. It also takes POSTs (as an Alertmanager
does) and keeps their bodies. `close()` makes it unreachable; `open()` has it back on its port.
Threads: the page may be set while it serves.
"""

import gzip
import socket
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Reply:
    body: str | bytes = ""
    status: int = 200
    content_type: str | None = TEXT
    gzip: bool = False  # compress the body
    content_encoding: str | None = None  # what to say of it; None: the truth
    missing_bytes: int = 0  # promised by Content-Length, never sent


Page = str | Reply | Callable[[int], "str | Reply"]


class Exporter:
    def __init__(self, page: Page = ""):
        self.page = page
        self.by_path: Callable[[str], Reply] | None = None  # in place of the page
        self.requests: list[tuple[str, Message]] = []  # path and headers of each scrape
        self.posts: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self.port = 0
        self.open()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def scrapes(self) -> int:
        return len(self.requests)

    def open(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stops listening and cuts every connection."""
        if self._server:
            self._server.stop()
            self._server = None

    def answer(self, path: str, headers: Message) -> Reply:
        with self._lock:
            self.requests.append((path, headers))
            number = len(self.requests)
        if self.by_path:
            return self.by_path(path)
        page = self.page(number) if callable(self.page) else self.page
        return page if isinstance(page, Reply) else Reply(page)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._send(self.server.exporter.answer(self.path, self.headers))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.exporter.posts.append((self.path, body))
        self._send(Reply("{}", content_type="application/json"))

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        if reply.gzip:
            body = gzip.compress(body)
        self.send_response(reply.status)
        if reply.content_type is not None:
            self.send_header("Content-Type", reply.content_type)
        encoding = reply.content_encoding or ("gzip" if reply.gzip else None)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body) + reply.missing_bytes))
        self.end_headers()
        self.close_connection |= reply.missing_bytes > 0
        try:
            self.wfile.write(body)
        except OSError:
            pass  # the scraper has hung up, as it does over a body that is too large

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], exporter: Exporter):
        self.exporter = exporter
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, peer = super().get_request()
        self._connections.add(connection)
        return connection, peer

    def shutdown_request(self, request: socket.socket) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        pass  # connections break when the scraper is killed or we are closed

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
