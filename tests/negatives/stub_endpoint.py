"""An OpenAI-compatible endpoint on this machine with configured answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Reply = tuple[
    int, Any, dict[str, str]
]  # status, body (JSON, or bytes as they are; None closes the connection), headers


def message(content: object) -> Reply:
    """A response with an answer; anything but a string is written as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}]}, {}


def negatives(*captions: str, kind: str = "object") -> Reply:
    """A response in the requested form."""
    return message({"negatives": [{"kind": kind, "caption": caption} for caption in captions]})


class Stub:
    """The requests that were made, and the address."""

    def __init__(self, reply: Callable[[str, int], Reply]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._reply, self._lock = reply, Lock()
        self.address = ""

    def answer(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        caption = json.loads(request["messages"][-1]["content"])["caption"]
        with self._lock:
            earlier = sum(each["messages"] == request["messages"] for each in self.requests)
            self.requests.append(request)
            self.headers.append(headers)
        return self._reply(caption, earlier)


@contextmanager
def serving(reply: Callable[[str, int], Reply]) -> Iterator[Stub]:
    """`reply` is given the caption of a request and the number of earlier requests of the same."""
    stub = Stub(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body, headers = stub.answer(request, dict(self.headers))
            if body is None:
                self.close_connection = True
                return
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    stub.address = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
