"""One file over HTTP: server errors are retried, resumed or refused, and the file is complete or absent."""

import hashlib
import os
import signal
import subprocess
import sys
from random import Random

import pytest
from file_server import Served

from nearmiss.base.errors import InputError, explained
from nearmiss.engine.downloads.fetch import ATTEMPTS, CHUNK, Wanted, fetch, finish, part_of

BODY = Random(0).randbytes(3 * CHUNK + 1000)
SHA256 = hashlib.sha256(BODY).hexdigest()


def downloaded(server, network, tmp_path, **known):
    target = tmp_path / "root" / "a.bin"
    known = {"urls": [server.url("a.bin")], **known}
    finish(fetch(Wanted(name="a.bin", **known), target, network), target)
    return target


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_a_file_is_downloaded_through_a_redirect(server, network, tmp_path):
    server.files["a.bin"] = Served(b"", redirect=server.url("b.bin"))
    server.files["b.bin"] = Served(BODY)
    target = downloaded(server, network, tmp_path, bytes=len(BODY), sha256=SHA256)
    assert target.read_bytes() == BODY and not leftovers(target) and not network.waits


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', None])
@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_connection_is_resumed_or_restarted(server, network, tmp_path, etag, ranges):
    server.files["a.bin"] = Served(BODY, etag=etag, ranges=ranges, stop_after=[2 * CHUNK + 5])
    target = downloaded(server, network, tmp_path)
    assert target.read_bytes() == BODY and not leftovers(target)
    continued = server.ranges()[1]
    assert continued == (f"bytes={2 * CHUNK}-" if etag == '"1"' else None) or continued == f"bytes={2 * CHUNK + 5}-"


def test_a_partial_file_of_another_version_is_restarted(server, network, tmp_path):
    server.files["a.bin"] = Served(b"x" * len(BODY), stop_after=[2 * CHUNK] * ATTEMPTS, statuses=[])
    with pytest.raises(InputError):
        server.files["a.bin"].stop_after = [2 * CHUNK] * 100
        downloaded(server, network, tmp_path)
    server.files["a.bin"] = Served(BODY, etag='"2"')
    assert downloaded(server, network, tmp_path).read_bytes() == BODY


def test_a_server_that_does_not_compare_validators_does_not_mix_two_files(server, network, tmp_path):
    first = Served(b"x" * len(BODY), stop_after=[2 * CHUNK])
    server.files["a.bin"] = first

    def replace(wait: float) -> None:
        server.files["a.bin"] = Served(BODY + b"more", etag='"1"')

    network.sleep = replace
    assert downloaded(server, network, tmp_path).read_bytes() == BODY + b"more"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_retried_after_a_wait(server, network, tmp_path, status):
    server.files["a.bin"] = Served(BODY, statuses=[status] * (ATTEMPTS - 1))
    assert downloaded(server, network, tmp_path).read_bytes() == BODY
    assert network.waits == [2.0**n for n in range(ATTEMPTS - 1)]


def test_retry_after_in_seconds_is_respected(server, network, tmp_path):
    server.files["a.bin"] = Served(BODY, statuses=[429], headers={"Retry-After": "7"})
    downloaded(server, network, tmp_path)
    assert network.waits == [7.0]


@pytest.mark.parametrize(
    ("named", "waits"), [("Wed, 21 Oct 2015 07:28:00 GMT", [0.0]), ("Wed, 21 Oct 2015 07:28:00 -0000", [1.0])]
)
def test_retry_after_can_be_a_date(server, network, tmp_path, named, waits):
    server.files["a.bin"] = Served(BODY, statuses=[429], headers={"Retry-After": named})
    downloaded(server, network, tmp_path)
    assert network.waits == waits


def test_a_busy_server_falls_back_to_the_next_url(server, network, tmp_path):
    server.files["busy.bin"] = Served(BODY, statuses=[503] * 100)
    server.files["a.bin"] = Served(BODY)
    urls = [server.url("busy.bin"), server.url("missing.bin"), server.url("a.bin")]
    target = downloaded(server, network, tmp_path, urls=urls)
    assert target.read_bytes() == BODY
    assert server.paths() == ["busy.bin"] * ATTEMPTS + ["missing.bin", "a.bin"]


@pytest.mark.parametrize(
    ("served", "known", "words"),
    [
        (Served(BODY, statuses=[404]), {}, ["status 404"]),
        (Served(BODY, statuses=[403]), {}, ["status 403", "access is denied"]),
        (Served(b"<!DOCTYPE html><p>quota", kind="text/html"), {}, ["web page in place"]),
        (Served(b"\n<html>quota"), {}, ["web page in place"]),
        (Served(BODY), {"bytes": 12}, ["not 12"]),
        (Served(BODY[:100]), {"bytes": len(BODY)}, ["100 bytes", f"not {len(BODY):,}"]),
        (Served(BODY), {"sha256": "0" * 64}, [SHA256, "expected " + "0" * 64]),
        (Served(BODY), {"recorded": "0" * 64}, [SHA256, "checksums.tsv"]),
        (Served(BODY[:CHUNK], stated=2 * CHUNK), {}, ["the connection ended"]),
        (Served(BODY, statuses=[429], headers={"Retry-After": "90000"}), {}, ["pause of 90000 s"]),
    ],
)
def test_an_unexpected_response_is_refused_in_one_message(server, network, tmp_path, served, known, words):
    server.files["a.bin"] = served
    with pytest.raises(InputError) as refused:
        downloaded(server, network, tmp_path, **known)
    for word in (*words, server.url("a.bin"), "remedy"):
        assert word in str(refused.value)
    assert not (tmp_path / "root" / "a.bin").exists()


def test_a_file_with_wrong_content_leaves_nothing_behind(server, network, tmp_path):
    server.files["a.bin"] = Served(BODY)
    with pytest.raises(InputError):
        downloaded(server, network, tmp_path, sha256="0" * 64)
    assert not list((tmp_path / "root").iterdir())


def test_the_token_is_sent_only_to_the_hub(server, network, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", "secret")
    server.files["datasets/x/resolve/main/a.bin"] = Served(BODY, token="secret")
    urls = [server.url("a.bin"), "https://huggingface.co/datasets/x/resolve/main/a.bin"]
    assert downloaded(server, network, tmp_path, urls=urls, gated=True).read_bytes() == BODY
    assert [headers.get("Authorization") for _, headers in server.requests] == [None, "Bearer secret"]


def test_terms_that_are_not_accepted_are_named(server, network, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    server.files["datasets/x/resolve/main/a.bin"] = Served(BODY, token="secret")
    with pytest.raises(InputError, match=r"accept the terms at https://huggingface.co/datasets/x and set HF_TOKEN"):
        downloaded(server, network, tmp_path, urls=["https://huggingface.co/datasets/x/resolve/main/a.bin"], gated=True)


def test_a_missing_connection_is_reported(network, tmp_path):
    with pytest.raises(InputError, match="the connection failed"):
        fetch(Wanted(name="a.bin", urls=["http://127.0.0.1:9/a.bin"]), tmp_path / "a.bin", network)


def test_a_full_disk_is_explained(server, network, tmp_path):
    server.files["a.bin"] = Served(BODY)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError) as full:
        downloaded(server, network, tmp_path)
    assert "no space left on the disk" in str(explained(full.value))


def test_a_folder_that_cannot_be_written_is_an_error_of_the_machine(server, network, tmp_path):
    server.files["a.bin"] = Served(BODY)
    (tmp_path / "root").write_text("a file")
    with pytest.raises(OSError):
        downloaded(server, network, tmp_path)


KILLED = """
import sys
from pathlib import Path
from nearmiss.engine.downloads.fetch import Network, Wanted, fetch, finish
target = Path(sys.argv[2])
finish(fetch(Wanted(name="a.bin", urls=[sys.argv[1]]), target, Network()), target)
"""


@pytest.mark.parametrize("after", [0, CHUNK + 2**16, 2 * CHUNK, len(BODY)])
def test_a_killed_download_resumes_with_the_same_bytes(server, network, tmp_path, after):
    """Killed when the server has sent a number of bytes."""
    target = tmp_path / "root" / "a.bin"
    process = subprocess.Popen([sys.executable, "-c", KILLED, server.url("a.bin"), str(target)])

    def kill(sent: int) -> None:
        if sent >= after:
            os.kill(process.pid, signal.SIGKILL)

    server.files["a.bin"] = Served(BODY, before_end=kill)
    assert process.wait() == -signal.SIGKILL
    assert not target.exists()
    kept = part_of(target).stat().st_size if part_of(target).exists() else 0
    server.files["a.bin"].before_end = None
    assert downloaded(server, network, tmp_path).read_bytes() == BODY
    assert server.ranges()[-1] == (f"bytes={kept}-" if kept else None)
    assert not leftovers(target)
