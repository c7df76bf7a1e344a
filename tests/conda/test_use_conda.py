"""`snakemake --use-conda`: jobs run in the environment, with this checkout's package, and nothing else changes.

conda_substitute.py replaces conda. The targets are the first stages of the tiny experiment: all rules name the
same environment file, as test_environment_file.py checks.
"""

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.xdist_group("conda"),
    pytest.mark.skipif(sys.platform == "win32", reason="the substitute is a shell script"),
]
KEYWORD = "results/tiny/negatives/keyword/negatives.parquet"


def test_jobs_run_in_the_environment_with_the_package_of_the_checkout(conda_run):
    (environment,) = conda_run.environments()
    jobs = conda_run.jobs_in(environment)
    assert [job["command"][2] for job in jobs] == ["data"]
    assert {job["prefix"] for job in jobs} == {str(environment)}
    assert {job["nearmiss"] for job in jobs} == {str(conda_run.path / "src" / "nearmiss" / "__init__.py")}


def test_one_environment_is_made_from_the_file(conda_run):
    (environment,) = conda_run.environments()
    made = [command for command in conda_run.conda_commands() if command.startswith("env create")]
    assert len(made) == 1
    assert str(environment) in made[0]
    file = conda_run.path / "workflow" / "envs" / "nearmiss.yaml"
    assert environment.with_name(environment.name + ".yaml").read_bytes() == file.read_bytes()


def test_conda_does_not_change_what_is_up_to_date(conda_run):
    # A run, not a dry run: the data were made with conda, and the one job without it does not change them.
    assert "data_tables" not in conda_run.output("--", KEYWORD)
    assert "Nothing to be done" in conda_run.output("--use-conda", "--dry-run", "--", KEYWORD)
    (environment,) = conda_run.environments()
    assert [job["command"][2] for job in conda_run.jobs_in(environment)] == ["data"]
    # The trigger that profiles/default leaves out is the reason: with it the same dry run has work.
    assert "data_tables" in conda_run.output("--dry-run", "--rerun-triggers", "software-env", "--", "data")


@pytest.mark.parametrize(("conda", "noted"), [(True, 1), (False, 0)])
def test_a_job_with_the_python_of_the_driver_is_detected(conda_fresh, tmp_path, conda, noted):
    """A job composed as Snakemake does it, with the text for runs with conda and, the fault, with the one without."""
    made = tmp_path / "made"
    text = [sys.executable, "-c", f"import environment; print(environment.shell_prefix(conda={conda}))"]
    environment_of_test = {**conda_fresh.environment(), "PYTHONPATH": str(conda_fresh.path / "workflow")}
    prefix = subprocess.run(text, env=environment_of_test, capture_output=True, text=True, check=True).stdout.strip()
    program, activate = conda_fresh.conda / "bin" / "conda", conda_fresh.conda / "bin" / "activate"
    file = conda_fresh.path / "workflow" / "envs" / "nearmiss.yaml"
    subprocess.run([program, "env", "create", "--file", file, "--prefix", made], check=True)
    job = f"source {activate} '{made}'; {prefix} exec python -m nearmiss --help"
    subprocess.run(["bash", "-c", job], cwd=conda_fresh.path, stdout=subprocess.DEVNULL, check=True)
    assert len(conda_fresh.jobs_in(made)) == noted


def test_a_pin_that_cannot_be_installed_stops_before_any_job(conda_fresh):
    lock = conda_fresh.path / "requirements.lock"
    text = lock.read_text()
    assert "\npillow==" in text
    lock.write_text(text.replace("\npillow==", "\npillow==0."))
    subprocess.run([sys.executable, "workflow/envs/digest.py"], cwd=conda_fresh.path, check=True)
    answer = conda_fresh.snakemake("--use-conda", "--", "data")
    assert answer.returncode != 0
    assert "pillow==0." in answer.stdout + answer.stderr
    assert conda_fresh.environments() == []
    assert not (conda_fresh.results() / "data").exists()
