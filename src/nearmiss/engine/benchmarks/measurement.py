"""How a figure was measured, carried by every benchmark and written beside its results.

Published numbers of one benchmark differ by the tie rule, the precision, the activation and the averaging alone
(ARO issues 32 and 35, sugar-crepe issue 7), so none of them is left unsaid here.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """What is counted, and how."""

    benchmark: str
    split: str
    source: str
    """Where the questions come from."""
    hashes: dict[str, str]
    """sha256 of each file that the questions were read from."""
    subsets: str
    """Which items are counted in which subset."""
    metrics: dict[str, str]
    """Each metric and what it counts."""
    averaging: str
    ties: str
    crop: str
    precision: str = "fp32 embeddings, L2-normalised; fp32 cosine similarities"

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
