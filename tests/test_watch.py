"""What `nearmiss run` displays: the events of Snakemake, the progress of jobs, and costs."""

import io
import json
import os
import subprocess
from pathlib import Path

from rich.console import Console

from nearmiss.driver import costs
from nearmiss.watch import Board, RunState, lines_of, statuses

EVENTS = [
    {"event": "run_info", "jobs": {"data_tables": 1, "pretrain_arm": 2, "default": 1, "total": 4}},
    {"event": "job_info", "jobid": 1, "rule_name": "data_tables", "wildcards": {}},
    {"event": "job_finished", "jobid": 1},
    {"event": "job_info", "jobid": 7, "rule_name": "pretrain_arm", "wildcards": {"arm": "clip", "seed": "0"}},
    {"event": "job_error", "logs": ["logs/x/pretrain/clip-0.log"]},
]


def shown(events: list[dict], state: RunState) -> list[str]:
    """The lines that are printed for events."""
    return [line for event in events if (line := state.take(json.dumps(event)))]


def test_jobs_are_named_by_their_rule_and_wildcards_and_failures_by_their_log():
    state = RunState()
    assert shown(EVENTS, state) == ["[1/3] data tables (0 s since the start)"]
    assert (state.done, state.total) == (1, 3)
    assert state.jobs == {1: "data tables", 7: "pretrain arm clip 0"}
    assert [str(file) for file in state.failed_logs] == ["logs/x/pretrain/clip-0.log"]


def test_a_target_is_not_a_job():
    target = {"event": "job_info", "jobid": 0, "rule_name": "default", "wildcards": {}}
    assert shown([target, {"event": "job_finished", "jobid": 0}], RunState()) == []


def test_a_growing_file_is_read_to_its_end(tmp_path):
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


def test_incomplete_lines_are_read_when_complete(tmp_path):
    log = tmp_path / "log"
    log.write_text('{"event": ')
    parts = ['"progress"}\n{"eve', "nt"]

    def until():
        with log.open("a") as handle:
            handle.write(parts.pop(0) if parts else "")
        return not parts

    assert [line for line in lines_of(log, until) if line] == ['{"event": "progress"}\n']


def test_notices_of_the_workflow_are_printed_unchanged(tmp_path):
    text, stream = f"copied [results]/x{'y' * 100}", io.StringIO()
    with Board(stream, tmp_path) as board:
        (line,) = shown([{"event": "notice", "text": text}], RunState())
        board.print(line)
    assert stream.getvalue() == f"{text}\n"


WORKFLOW = """
from snakemake.logging import logger
from snakemake_logger_plugin_nearmiss import NOTICE
logger.warning("a notice", extra={NOTICE: True})
rule all:
    input: "first-1", "broken"
rule first:
    output: touch("first-{number}")
rule broken:
    input: "first-1"
    output: "broken"
    log: "broken.log"
    shell: "exit 1"
"""


def test_the_plugin_reports_what_snakemake_does(tmp_path, python):
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    plugin = ["--logger", "nearmiss", "--logger-nearmiss-events", "events.jsonl"]
    command = [python, "-m", "snakemake", "--cores", "1", *plugin]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "a notice" in answer.stderr, answer.stderr
    state = RunState()
    lines = [line for line in lines_of(tmp_path / "events.jsonl", lambda: True) if line]
    printed = [line for text in lines if (line := state.take(text))]
    assert printed == ["a notice", "[1/2] first 1 (0 s since the start)"]
    assert state.failed_logs == [Path("broken.log")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_job_names_are_escaped(tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "1.json").write_text(json.dumps({"pid": os.getpid(), "job": "[/red]", "what": "[bold] loss [/]"}))
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    with Board(stream, tmp_path) as board:
        board.refresh(RunState())
        board.bars.refresh()
    assert "[bold] loss [/]" in stream.getvalue()


def test_only_running_jobs_have_a_progress_bar(tmp_path):
    living = {"pid": os.getpid(), "job": "data", "done": 1, "total": 2}
    (tmp_path / "1.json").write_text(json.dumps(living))
    (tmp_path / "2.json").write_text(json.dumps({"pid": 2**22 + 1, "job": "gone"}))
    for name, content in (("3", "{"), ("4", "[]"), ("5", "{}"), ("6", '{"pid": "x"}'), ("7", f'{{"pid": {10**30}}}')):
        (tmp_path / f"{name}.json").write_text(content)
    assert statuses(tmp_path) == {os.getpid(): living}


def test_an_unreadable_cost_is_omitted(tmp_path):
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
