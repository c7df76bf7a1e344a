"""Open the set at a path."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.items import CurationSet
from nearmiss.engine.curation.negatives import NegativeSet, is_negatives
from nearmiss.engine.curation.pairs import PairSet, is_pairs

_REMEDY = (
    "give a Parquet file or a folder written by `nearmiss inpaint` or `nearmiss negatives make`, or InpaintCOCO's files"
)


def open_set(path: Path, *, images: Path | None = None, root: Path | None = None) -> CurationSet:
    """The set in a Parquet file, in a folder of such files, or in such a folder's `data` (as data sets are published).

    `images` and `root` locate the images of negatives; pairs contain their images. Raises InputError if there is no
    supported set, or if a folder has both pairs and negatives.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("the set is missing", file=path, remedy=_REMEDY)
    files = [path] if path.is_file() else sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    columns = {file: _columns(file) for file in files}
    pairs = [file for file in files if is_pairs(columns[file])]
    negatives = [file for file in files if is_negatives(columns[file])]
    if pairs and negatives:
        raise InputError("the folder has both pairs and negatives", file=path, remedy="give the path of one file")
    if pairs:
        if images is not None or root is not None:
            raise InputError("pairs contain their images", file=path, remedy="omit --images and --root")
        return PairSet(pairs)
    if len(negatives) == 1:
        return NegativeSet(negatives[0], images=images, root=root)
    if negatives:
        raise InputError("the folder has several tables of negatives", file=path, remedy="give the path of one file")
    raise InputError("there is no set for curation at this path", file=path, remedy=_REMEDY)


def _columns(file: Path) -> list[str]:
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"a file is not readable Parquet: {error}", file=file, remedy=_REMEDY) from None
