"""The workflow through `sbatch` on two nodes: the results of a local run, also after preemption and a lost node."""

import pytest
import yaml
from slurm_cluster import until
from submitted import Submitted, manifests

from checkout import TINY, copy_checkout
from nearmiss.base.files import read_json

pytestmark = pytest.mark.slow


def test_the_whole_workflow_has_the_results_of_a_local_run(cluster, fresh, finished):
    """The report shows measured seconds: its metrics are compared in place of its manifest."""
    Submitted(fresh, cluster).wait()
    mine, local = manifests(fresh), manifests(finished)
    for found, checkout in ((mine, fresh), (local, finished)):
        found["compare/manifest.json"] = (checkout.results() / "compare" / "metrics.json").read_text()
    assert mine.keys() == local.keys()
    assert [name for name in mine if mine[name] != local[name]] == []
    receipts = [read_json(one.results() / "compare" / "tracked.json") for one in (fresh, finished)]
    assert receipts[0] == receipts[1]


def test_a_preempted_training_resumes_and_its_weights_are_those_of_one_that_was_not(cluster, fresh, root, tmp_path):
    pretrain = yaml.safe_load((fresh.path / TINY).read_text())["pretrain"] | {"base": {"steps": 300}}
    target = "results/tiny/pretrain/base/0/manifest.json"
    config = fresh.configure(pretrain=pretrain)
    submitted = Submitted(fresh, cluster, target, config=config)
    state = fresh.path / "state" / "tiny" / "pretrain" / "base-0"
    until(lambda: any(state.rglob("latest.json")), "the first saved state")
    (job,) = cluster.running()
    cluster.requeue(job)
    submitted.wait()
    assert cluster.call("scontrol", "show", "job", job).partition("Restarts=")[2].split()[0] == "1"
    assert "resumes from step" in (fresh.path / "logs" / "tiny" / "pretrain" / "base-0.log").read_text()
    alone = copy_checkout(root, tmp_path / "alone")
    alone.configure(pretrain=pretrain)
    answer = alone.snakemake("--cores", "2", "--", target, config=config)
    assert answer.returncode == 0, answer.stderr
    assert manifests(fresh, "pretrain/base") == manifests(alone, "pretrain/base")


def test_jobs_of_a_node_that_dies_run_on_another_one(cluster, fresh, finished):
    submitted = Submitted(fresh, cluster, "negatives")
    until(lambda: bool(cluster.running()), "a job")
    node = next(iter(cluster.running().values()))
    lost = cluster.kill_node(node)
    try:
        submitted.wait()
    finally:
        cluster.restart_node(node)
    assert lost
    assert manifests(fresh, "negatives") == manifests(finished, "negatives")
