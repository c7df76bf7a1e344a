"""Names, values and tags of MLflow runs, from the tables and manifests of the stages."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base import tracking


def tags(
    stage: str, arm: str, seed: int, manifest: dict[str, Any], data: str | None, weights: Path | None = None
) -> dict[str, str]:
    """Hashes of configuration, code, environment and data; weights as a pointer (folder and hash), never as a file."""
    fingerprint = manifest.get("fingerprint") or {}
    found = {"stage": stage, "arm": arm, "seed": str(seed)} | ({} if data is None else {"data": data})
    if fingerprint:
        found |= {"code": str(fingerprint.get("code")), "lock": str(fingerprint.get("lock"))}
        found["config"] = tracking.digest(fingerprint.get("config"))
    if weights is not None and "checkpoint" in manifest.get("outputs", {}):
        found |= {
            "weights": f"pretrain/{arm}/{seed}/{weights.name}",
            "weights_sha256": manifest["outputs"]["checkpoint"],
        }
    return found


def costs(cost: dict[str, Any], names: Sequence[str] | None = None, *, prefix: str = "cost") -> dict[str, float]:
    """The numbers of a job's cost, or those with these names."""
    known = numbers(cost)
    return {f"{prefix}.{name}": known[name] for name in (known if names is None else names) if name in known}


def values(rows: pl.DataFrame, parts: Sequence[str], *, joint: str = "/") -> dict[str, float]:
    """The values of rows by name: the non-empty parts of the row, joined."""
    return {
        letters(joint.join(str(row[part]) for part in parts if row[part] is not None)): row["value"]
        for row in rows.iter_rows(named=True)
        if row["value"] is not None
    }


def named_by_task(entry: dict[str, Any]) -> dict[str, float]:
    """A line of a fine-tuning's curve; values have the name of the training, because trainings share a run."""
    which = ("task", "share", "factor")
    training = "/".join(str(entry[name]) for name in which if name in entry)
    found = numbers({name: value for name, value in entry.items() if name not in (*which, "step")})
    return {"step": float(entry["step"]), **{letters(f"{training}/{name}"): value for name, value in found.items()}}


def letters(name: str) -> str:
    """A name with the characters that MLflow allows."""
    return re.sub(r"[^\w./ -]", "_", name)


def numbers(record: dict[str, Any]) -> dict[str, float]:
    """The entries that are numbers."""
    return {
        str(name): float(value)
        for name, value in record.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted names."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
