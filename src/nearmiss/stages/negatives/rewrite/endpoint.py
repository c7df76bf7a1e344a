"""Requests to an OpenAI-compatible endpoint (`POST /chat/completions`), several at a time.

A request that fails for a reason that may pass (a timeout, status 429 or 5xx, an answer cut off) is made again after a
wait that doubles, or that the server names. Another address is never followed: the key would go with it.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import requests

from nearmiss.base.errors import InputError
from nearmiss.engine.downloads.responses import Passing, Refused, check_status, failure_of

_LONGEST_WAIT = 300.0  # seconds
_REFUSED = (401, 402, 403, 404, 405)  # whatever the caption


class Endpoint:
    """A model behind an address. Raises `InputError` where the address is none; tests replace `sleep`."""

    def __init__(self, options: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        if not options.endpoint.startswith(("http://", "https://")):
            raise InputError("the endpoint is no web address", record=options.endpoint, remedy="give http(s)://...")
        self._options, self._sleep = options, sleep
        self._address = f"{options.endpoint.rstrip('/')}/chat/completions"
        self._session = requests.Session()
        self._session.mount(self._address, requests.adapters.HTTPAdapter(pool_maxsize=options.concurrency))
        key = os.environ.get(options.api_key_variable)
        self._session.headers.update({"Authorization": f"Bearer {key}"} if key else {})

    def answers(
        self, wanted: Sequence[dict[str, Any]], keep: Callable[[dict[str, Any], str], None]
    ) -> Iterator[tuple[int, str | Refused]]:
        """The position and the answer of each request, as they arrive; `Refused` where the endpoint gives none.

        `keep` is called with each request and its answer when it arrives, from several threads, also while an error
        ends the others.

        Raises `InputError` where the endpoint refuses every request, or where several in a row fail after all attempts.
        """
        failed = 0
        with ThreadPoolExecutor(self._options.concurrency) as pool:
            waiting: dict[Future[str], int] = {
                pool.submit(self._answer, each, keep): at for at, each in enumerate(wanted)
            }
            try:
                while waiting:
                    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                        at = waiting.pop(future)
                        try:
                            yield at, future.result()
                            failed = 0
                        except Refused as error:
                            yield at, error
                        except Passing as error:
                            failed += 1
                            if failed > self._options.concurrency:
                                raise self._unavailable(str(error)) from None
                            yield at, Refused(f"{error} ({self._options.attempts} attempts)")
            finally:
                for future in waiting:
                    future.cancel()

    def _unavailable(self, reason: str) -> InputError:
        return InputError(
            f"the endpoint gives no answers: {reason}",
            record=self._address,
            remedy="check it, then start again: answers that were given are kept",
        )

    def _answer(self, request: dict[str, Any], keep: Callable[[dict[str, Any], str], None]) -> str:
        """The text of one answer. Raises `Passing` after the last attempt."""
        for attempt in range(self._options.attempts):
            try:
                answer = self._attempt(request)
                keep(request, answer)
                return answer
            except Passing as error:
                if attempt + 1 == self._options.attempts:
                    raise
                pause = self._options.first_wait * 2.0**attempt if error.after is None else error.after
                self._sleep(min(pause, _LONGEST_WAIT))
        raise AssertionError("attempts is at least 1")

    def _attempt(self, request: dict[str, Any]) -> str:
        try:
            response = self._session.post(
                self._address, json=request, timeout=self._options.timeout, allow_redirects=False
            )
        except requests.exceptions.RequestException as error:
            raise failure_of(error) from None
        if response.status_code in _REFUSED:
            raise self._unavailable(f"status {response.status_code}")
        check_status(response, gated=False)
        try:
            content = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise Passing("the response has no message") from None
        if not isinstance(content, str):
            raise Refused("the message has no text")
        return content
