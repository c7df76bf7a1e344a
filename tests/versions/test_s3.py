"""A bucket as remote: snapshot to S3 and restore from it, against moto's server on the loopback address."""

import boto3
import pytest
from clones import RESULTS, Clone, clone
from moto.server import ThreadedMotoServer


@pytest.fixture
def bucket(monkeypatch):
    """Address of an S3 server with one bucket, `results`; keys are in the environment, as Amazon's tools have them."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="results")
    yield address
    server.stop()


def use_bucket(copy: Clone, address: str) -> Clone:
    copy.dvc("remote", "add", "--local", "--default", "--force", "bucket", "s3://results/nearmiss")
    copy.dvc("remote", "modify", "--local", "bucket", "endpointurl", address)
    return copy


def test_results_are_pushed_to_and_restored_from_a_bucket(mine, recorded, bucket, tmp_path):
    sent = use_bucket(mine, bucket).nearmiss("versions", "snapshot")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "pushed to remote 'bucket'" in sent.stdout
    other = use_bucket(clone(recorded, tmp_path / "other", None), bucket)
    answer = other.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert other.plan() == {}
    for name in ("data/manifest.json", "compare/index.html"):
        assert (other.path / RESULTS / name).read_bytes() == (mine.path / RESULTS / name).read_bytes()


def test_a_missing_bucket_is_reported(recorded, bucket, tmp_path):
    other = clone(recorded, tmp_path / "other", None)
    other.dvc("remote", "add", "--local", "--default", "bucket", "s3://nowhere/nearmiss")
    other.dvc("remote", "modify", "--local", "bucket", "endpointurl", bucket)
    answer = other.nearmiss("versions", "restore")
    assert answer.returncode == 2
    assert "remote 'bucket' does not have" in answer.stderr and "Traceback" not in answer.stderr
