"""What `nearmiss run` reads out of Snakemake's words, and what it says of costs."""

import io
import json
import os

from rich.console import Console

from nearmiss.driver import costs
from nearmiss.watch import Board, RunState, lines_of, statuses

SAID = """\
Job stats:
job           count
----------  -------
data_tables       1
pretrain_arm      1
total             3

[Sun Nov 22 18:31:09 2026]
localrule data_tables:
    input: results/x/fingerprint/data.json
    output: results/x/data/manifest.json
    log: logs/x/data/world.log
    jobid: 1
    resources: tmpdir=/tmp
[Sun Nov 22 18:31:10 2026]
Finished jobid: 1 (Rule: data_tables)
1 of 3 steps (33%) done
localrule pretrain_arm:
    log: logs/x/pretrain/clip-0.log
    jobid: 7
    wildcards: arm=clip, seed=0
Error in rule pretrain_arm:
    jobid: 7
    log: logs/x/pretrain/clip-0.log (check log file(s) for error details)
"""


def test_jobs_are_named_by_their_rule_and_wildcards_and_failures_by_their_log():
    state = RunState()
    finished = [name for line in SAID.splitlines() if (name := state.line(line))]
    assert finished == ["data tables"]
    assert (state.done, state.total, state.nothing) == (1, 3, False)
    assert state.jobs == {"1": "data tables", "7": "pretrain arm clip 0"}
    assert [str(file) for file in state.failed_logs] == ["logs/x/pretrain/clip-0.log"]


def test_a_target_is_no_job_and_nothing_to_do_is_heard():
    state = RunState()
    assert state.line("Finished jobid: 0 (Rule: default)") is None
    assert not state.nothing
    state.line("Nothing to be done (all requested files are present and up to date).")
    assert state.nothing


def test_a_growing_log_is_read_to_its_end(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\n")
    ended = []

    def until():
        if not ended:
            with log.open("a") as handle:
                handle.write("two\n")
            ended.append(True)
            return False
        return True

    assert [line for line in lines_of(log, until) if line] == ["one\n", "two\n"]


def test_a_line_that_is_written_in_two_parts_is_one_line(tmp_path):
    log = tmp_path / "log"
    log.write_text("Finished jobid: 1 ")
    parts = ["(Rule: data_tables)\nand no", " line end"]

    def until():
        with log.open("a") as handle:
            handle.write(parts.pop(0) if parts else "")
        return not parts

    assert [line for line in lines_of(log, until) if line] == [
        "Finished jobid: 1 (Rule: data_tables)\n",
        "and no line end",
    ]


def test_a_notice_of_the_workflow_is_passed_on(tmp_path):
    state, stream = RunState(), io.StringIO()
    with Board(stream, tmp_path) as board:
        board.say(state.line(f"nearmiss: copied [results]/x{'y' * 100}\n"), state)
    assert stream.getvalue() == f"copied [results]/x{'y' * 100}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_words_of_a_job_are_no_markup(tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "1.json").write_text(json.dumps({"pid": os.getpid(), "job": "[/red]", "what": "[bold] loss [/]"}))
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    with Board(stream, tmp_path) as board:
        board.refresh(RunState())
        board.bars.refresh()
    assert "[bold] loss [/]" in stream.getvalue()


def test_only_living_jobs_have_a_bar(tmp_path):
    living = {"pid": os.getpid(), "job": "data", "done": 1, "total": 2}
    (tmp_path / "1.json").write_text(json.dumps(living))
    (tmp_path / "2.json").write_text(json.dumps({"pid": 2**22 + 1, "job": "gone"}))
    for name, content in (("3", "{"), ("4", "[]"), ("5", "{}"), ("6", '{"pid": "x"}'), ("7", f'{{"pid": {10**30}}}')):
        (tmp_path / f"{name}.json").write_text(content)
    assert statuses(tmp_path) == {os.getpid(): living}


def test_a_cost_that_cannot_be_read_is_left_out(tmp_path):
    for name, content in (("a", "{"), ("b", "[]"), ("c", '{"seconds": 1}'), ("d", '{"seconds": "x"}')):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "cost.json").write_text(content)
    assert costs(tmp_path).row_count == 0


def test_costs_are_summed_over_a_stages_jobs(tmp_path):
    for arm, seconds in (("clip", 60.0), ("hnc", 90.0)):
        folder = tmp_path / "pretrain" / arm / "0"
        folder.mkdir(parents=True)
        record = {"seconds": seconds, "cpu_seconds": seconds, "peak_memory": 2_000_000_000}
        (folder / "cost.json").write_text(json.dumps(record))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(costs(tmp_path))
    row = next(line for line in capture.get().splitlines() if "pretrain" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == ["pretrain", "2", "150", "150", "90 s", "2.00 GB"]
