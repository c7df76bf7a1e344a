import file_server
import pytest

from nearmiss.engine.downloads.fetch import Network


@pytest.fixture
def server():
    with file_server.running() as running:
        yield running


@pytest.fixture
def network():
    """Waits are recorded and not waited for."""
    waits: list[float] = []
    made = Network(sleep=waits.append)
    made.waits = waits
    return made


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
