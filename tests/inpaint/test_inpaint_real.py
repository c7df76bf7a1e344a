"""The stage on real COCO photographs: few pairs, no attributes, every rule the same."""

from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from toy_pictures import options

from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats.coco import read_captions, read_images, read_whole_instances
from nearmiss.stages.inpaint.stage import PAIRS, run

COCO = Path(__file__).parents[3] / "shared" / "realdata" / "coco_open_instances"


@pytest.mark.realdata
@pytest.mark.skipif(not COCO.is_dir(), reason="no real data beside the checkout")
def test_real_photographs_with_masks_make_pairs(tmp_path):
    write_table(read_images(COCO / "instances.json", split="test", source="coco"), tmp_path / "i.parquet", "images")
    write_table(read_whole_instances(COCO / "instances.json"), tmp_path / "o.parquet", "objects")
    write_table(
        read_captions(COCO / "captions.json", strict=True).tables["captions"], tmp_path / "c.parquet", "captions"
    )
    write_table(table("relations", []), tmp_path / "r.parquet", "relations")
    names = {"images": "i", "objects": "o", "captions": "c", "relations": "r"}
    summary = run(
        config=options("recolor", "replace", pairs=2),
        root=COCO,
        out=tmp_path / "out",
        **{key: tmp_path / f"{name}.parquet" for key, name in names.items()},
    )
    assert summary["by_concept"] == {"color": 2, "object": 2}
    for row in pl.read_parquet(tmp_path / "out" / PAIRS).iter_rows(named=True):
        before, after, mask = (
            np.asarray(Image.open(BytesIO(row[name]["bytes"]))) for name in ("coco_image", "inpaint_image", "mask")
        )
        differ = (before != after).any(axis=-1)
        assert differ.sum() > 500 and not (differ & (mask[..., 0] == 0)).any()
        # colors are not annotated: the pair is marked as based only on the caption
        assert row["inpaint_details"]["verdict"] == ("plausible" if row["concept"] == "color" else "verified")
