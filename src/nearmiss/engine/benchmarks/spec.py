"""Names of the benchmarks and what each of them measures, import-free."""

from typing import Literal

BenchmarkName = Literal["world", "inpaintcoco", "retrieval", "classification"]

FORMS = ("1x2", "1xN", "1x3", "2x2")
"""Forms of an item that a cosine scorer can decide, images x captions. 1x1 (match or mismatch) needs a threshold."""

POOLED = "1x2+2x2"
"""The subset in which the decisions of both forms of a concept are counted together: what a claim is measured on."""

BINDING = ("color", "size", "pattern")
"""Concepts whose operator `swap` is called binding: two present things exchange a value."""
