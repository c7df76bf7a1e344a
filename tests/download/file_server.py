"""A local web server with faults: it truncates, sends wrong lengths, redirects, refuses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One file of the server, and how it is sent."""

    body: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    kind: str = "application/octet-stream"
    statuses: list[int] = field(default_factory=list)
    """Statuses of the first requests, before the file is sent."""
    headers: dict[str, str] = field(default_factory=dict)
    stop_after: list[int] = field(default_factory=list)
    """Bytes of the body after which the connection of the first requests is closed."""
    stated: int | None = None
    """The length that is stated in place of the right one."""
    token: str | None = None
    redirect: str | None = None
    before_end: Callable[[int], None] | None = None
    """Called with the number of bytes that were sent, after each 64 KiB."""


@dataclass
class FileServer:
    """Files by path, and the requests for them as (path, headers)."""

    address: str
    files: dict[str, Served] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def running() -> Iterator[FileServer]:
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    files = FileServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.of_tests = files  # type: ignore[attr-defined]
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Silent: clients that are killed or refuse the rest of a file are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        files: FileServer = self.server.of_tests
        path = self.path.lstrip("/").partition("?")[0]
        files.requests.append((path, dict(self.headers)))
        served = files.files.get(path)
        if served is None:
            self._answer(404, b"not found")
        elif served.token and self.headers.get("Authorization") != f"Bearer {served.token}":
            self._answer(401, b"token")
        elif served.statuses:
            self._answer(served.statuses.pop(0), b"later", served.headers)
        elif served.redirect:
            self._answer(302, b"", {"Location": served.redirect})
        else:
            self._send(served)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, served: Served) -> None:
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, served.etag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges and same else 0
        total = len(served.body) if served.stated is None else served.stated
        if start and start >= len(served.body):
            self._answer(416, b"", {"Content-Range": f"bytes */{total}"})
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if served.etag:
            self.send_header("ETag", served.etag)
        self.send_header("Content-Type", served.kind)
        self.send_header("Content-Length", str(total - start))
        self.end_headers()
        stop = served.stop_after.pop(0) if served.stop_after else len(served.body)
        body = served.body[start:stop]
        for first in range(0, len(body), 2**16):
            self.wfile.write(body[first : first + 2**16])
            if served.before_end is not None:
                served.before_end(first + 2**16)
        self.close_connection = True
