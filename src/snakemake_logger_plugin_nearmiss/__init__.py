"""Logger plugin of Snakemake that writes the events of a run as JSON lines; `nearmiss run` displays them.

Used with `--logger nearmiss --logger-nearmiss-events FILE`. Snakemake finds plugins by the name of a top-level
module, so that this one cannot be part of the package `nearmiss`.
"""

import json
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

NOTICE = "nearmiss_notice"
"""Attribute of log records that the workflow writes for its user."""


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin."""

    events: Path = field(
        default=Path("events.jsonl"),
        metadata={"help": "File of events, one JSON object a line", "required": True, "type": Path},
    )


def event_of(record: LogRecord) -> dict[str, Any] | None:
    """The event of a log record as a JSON object; None for records that are not displayed."""
    values = vars(record)
    match values.get("event"):
        case LogEvent.RUN_INFO:
            return {"event": "run_info", "jobs": values["stats"]}  # rule -> number of jobs, and their total
        case LogEvent.JOB_INFO:
            job = {name: values[name] for name in ("jobid", "rule_name")}
            return {"event": "job_info", **job, "wildcards": dict(values["wildcards"])}
        case LogEvent.JOB_FINISHED:
            return {"event": "job_finished", "jobid": values["job_id"]}
        case LogEvent.JOB_ERROR:
            return {"event": "job_error", "logs": values["log"]}
    return {"event": "notice", "text": record.getMessage()} if NOTICE in values else None


class LogHandler(LogHandlerBase):
    """Writes each event as one line, flushed at once: the file is read while it grows."""

    def __post_init__(self) -> None:
        assert isinstance(self.settings, LogHandlerSettings)
        file = self.settings.events.absolute()
        self.baseFilename = str(file)  # Snakemake reports the log file by this attribute
        self._file = file.open("w", encoding="utf-8", buffering=1)

    def emit(self, record: LogRecord) -> None:
        """Write the event of a record."""
        try:
            if event := event_of(record):
                self._file.write(json.dumps(event) + "\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    writes_to_stream = False
    writes_to_file = True
    has_filter = True
    has_formatter = True
    needs_rulegraph = False
