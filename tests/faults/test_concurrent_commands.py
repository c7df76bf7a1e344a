"""Two processes that write one output at once: one result is complete, or one command is refused; never a mix."""

import os
import shutil
import signal
from pathlib import Path
from random import Random

import pytest
from commands import CASES, Case
from forking import wait_until
from operations import Operation, hooked, recorded
from running import nearmiss
from test_full_disk import results

from nearmiss.base import outputs
from nearmiss.base.errors import InputError
from nearmiss.base.workers import map_in_order, worker_pool

KIND = "concurrency"
pytestmark = pytest.mark.slow
PAIRS = [  # commands of one output, and what the second one has otherwise
    ("negatives make (folder)", ["--seed", "7"]),
    ("negatives make (file)", ["--seed", "7"]),
    ("negatives make (tables)", ["--seed", "7"]),
    ("negatives paraphrase", ["--operators", "synonym"]),
    ("negatives convert (folder)", ["--file-pattern", "{}.png"]),
]
STEPS = 60


def case_of(name: str) -> Case:
    (found,) = [case for case in CASES if case.name == name]
    return found


def interleaved(name: str, other: list[str], toys, tmp_path: Path, tally) -> None:
    """The second command runs from start to end between two file operations of the first."""
    case = case_of(name)
    arguments = case.arguments(toys.copy(case.group, tmp_path / "inputs"))

    def run(out: Path, *more: str):
        return nearmiss(*arguments, *more, "--out", out / (case.file or ""))

    operations = recorded(tmp_path, lambda: run(tmp_path / "one"))
    assert run(tmp_path / "two", *other).status == 0
    wholes = [results(tmp_path / "one"), results(tmp_path / "two")]
    assert wholes[0] != wholes[1]
    draw = Random(f"concurrency {name}")
    for moment in sorted(draw.sample(range(len(operations)), min(STEPS, len(operations)))):
        out, answers = tmp_path / "out", []
        shutil.rmtree(out, ignore_errors=True)

        def meanwhile(each: Operation, moment=moment, out=out, answers=answers) -> None:
            if each.number == moment:
                answers.append(run(out, *other))

        with tally(KIND, "two commands, one --out", f"{name}, {operations[moment].kind} {moment}"):
            with hooked(meanwhile, tmp_path):
                answers.insert(0, run(out))
            assert {answer.status for answer in answers} <= {0, 2}, [answer.output for answer in answers]
            done = [whole for whole, answer in zip(wholes, answers, strict=True) if answer.status == 0]
            assert done, "both commands were refused"
            assert results(out) in done


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=[name for name, _ in PAIRS])
def test_a_second_command_at_any_step_of_the_first(name, other, toys, tmp_path, tally, monkeypatch):
    monkeypatch.setattr(outputs, "_PATIENCE", 0.0)  # the first command does not go on while the second one waits
    interleaved(name, other, toys, tmp_path, tally)


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=[name for name, _ in PAIRS])
def test_two_commands_write_one_output_at_once(name, other, toys, tmp_path, tally, forks):
    case = case_of(name)
    arguments = case.arguments(toys.copy(case.group, tmp_path / "inputs"))
    wholes = []
    for number, more in enumerate(([], other)):
        out = tmp_path / str(number)
        assert nearmiss(*arguments, *more, "--out", out / (case.file or "")).status == 0
        wholes.append(results(out))
    for number in range(6):
        out = tmp_path / f"out-{number}"
        with tally(KIND, "two processes at once, one --out", f"{name} {number}"):
            started = [forks.start(*arguments, *more, "--out", out / (case.file or "")) for more in ([], other)]
            statuses = [each.wait() for each in started]
            assert set(statuses) <= {0, 2}, [each.output.read_text() for each in started]
            assert results(out) in [whole for whole, status in zip(wholes, statuses, strict=True) if status == 0]


def test_a_second_training_with_the_same_state_is_refused(toys, tmp_path, tally):
    case = case_of("pretrain")
    expected = results(toys.result(case))
    arguments = case.arguments(toys.copy(case.group, tmp_path / "inputs"))
    operations = recorded(tmp_path, lambda: nearmiss(*arguments, "--out", tmp_path / "first"))
    moments = [each.number for each in operations if "/state/" in each.target and "step" in each.target]
    for moment in Random("state").sample(moments, 3):
        answers, (one, two) = [], (tmp_path / f"one-{moment}", tmp_path / f"two-{moment}")

        def meanwhile(each: Operation, moment=moment, answers=answers, two=two) -> None:
            if each.number == moment:
                answers.append(nearmiss(*arguments, "--out", two))

        with tally(KIND, "two trainings, one --state", f"operation {moment}"):
            with hooked(meanwhile, tmp_path):
                answer = nearmiss(*arguments, "--out", one)
            assert answers[0].status == 2 and "another process trains" in answers[0].err, answers[0].output
            assert answer.status == 0, answer.output
            assert results(one) == expected and not two.exists()


def test_two_evaluations_share_a_cache(toys, tmp_path, tally):
    case = case_of("evaluate (standalone)")
    expected = results(toys.result(case))
    inputs = toys.copy(case.group, tmp_path / "inputs")
    arguments = case.arguments(inputs)
    operations = recorded(tmp_path, lambda: nearmiss(*arguments, "--out", tmp_path / "first"))
    moments = [each.number for each in operations if "/cache" in each.target]
    for moment in Random("cache").sample(moments, min(4, len(moments))):
        shutil.rmtree(inputs / "cache")
        answers, (one, two) = [], (tmp_path / f"one-{moment}", tmp_path / f"two-{moment}")

        def meanwhile(each: Operation, moment=moment, answers=answers, two=two) -> None:
            if each.number == moment:
                answers.append(nearmiss(*arguments, "--out", two))

        with tally(KIND, "two evaluations, one --cache", f"operation {moment}"):
            with hooked(meanwhile, tmp_path):
                answers.append(nearmiss(*arguments, "--out", one))
            assert [answer.status for answer in answers] == [0, 0], [answer.output for answer in answers]
            assert results(one) == results(two) == expected


def _ends_at_three(shared: None, item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_killed_worker_is_an_error_and_no_deadlock(tally):
    with tally(KIND, "a worker process of a pool is killed", "map"), pytest.raises(InputError, match="was killed"):
        list(map_in_order(_ends_at_three, None, range(8), 2))
    with (
        tally(KIND, "a worker process of a pool is killed", "pool"),
        pytest.raises(InputError, match="was killed"),
        worker_pool(_ends_at_three, None, 2) as each,
    ):
        list(each(range(8)))


def test_a_killed_worker_ends_a_command(toys, tmp_path, tally, forks):
    config = toys.shared("none") / "toy.yaml"
    for number in range(3):
        with tally(KIND, "a worker process of a command is killed", str(number)):
            size = ("--source.images.train", "100000")
            job = forks.start("data", "--config", config, *size, "--workers", "2", "--out", tmp_path / "out")
            workers = wait_until(lambda job=job: _busy(job.pid))
            os.kill(Random(number).choice(workers), signal.SIGKILL)
            assert job.wait() == 2, job.output.read_text()
            assert "was killed" in job.output.read_text()
            assert not (tmp_path / "out").exists()


def _busy(leader: int) -> list[int]:
    """Grandchildren of a process: workers, of the process that forks them."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    children = {pid for pid, parent in parents.items() if parent == leader}
    return sorted(pid for pid, parent in parents.items() if parent in children)
