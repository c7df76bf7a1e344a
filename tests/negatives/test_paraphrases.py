"""Hard positives of the world are true of their images by the hidden truth; training sees none of evaluation's."""

from collections import Counter

import polars as pl
import pytest
import small_world

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.engine.text.edits import Edit, replay
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.stages.negatives.candidates import Reserved
from nearmiss.stages.negatives.paraphrases import FILE, rows, run
from nearmiss.stages.negatives.spec import KeywordConfig
from nearmiss.stages.negatives.stage import run as make_negatives


def caption(text: str, number: str = "1") -> tuple[str, str, str]:
    return (number, "i", text)


def test_a_row_records_its_operator_and_edits():
    (row,) = rows([caption("a cube and a ball")], ["conjunction", "inverse"], seed=0)
    assert (row["operator"], row["paraphrase"]) == ("conjunction", "a ball and a cube")
    assert replay(row["positive"], [Edit(**edit) for edit in row["edits"]]) == row["paraphrase"]


def test_paraphrases_contain_no_reserved_combination():
    kept = Reserved(relations=frozenset({("ball", "to the right of", "cube")}))
    positives = [caption("a cube to the left of a ball")]
    assert rows(positives, ["inverse"], seed=0)
    assert not rows(positives, ["inverse"], seed=0, reserved=kept)


@pytest.mark.usefixtures("worker_server")
def test_the_stage_writes_them_for_the_captions_that_have_negatives(tmp_path):
    given = small_world.write(tmp_path, 40)
    options = {"name": "keyword", "config": KeywordConfig(), "seed": 0, **given}
    make_negatives(**options, out=tmp_path / "without")
    assert read_table(tmp_path / "without" / FILE, "paraphrases").is_empty()
    for workers in (1, 2):
        make_negatives(
            **options, out=tmp_path / f"with{workers}", paraphrases=["synonym", "conjunction"], workers=workers
        )
    assert (tmp_path / "with1" / FILE).read_bytes() == (tmp_path / "with2" / FILE).read_bytes()
    made = read_table(tmp_path / "with1" / FILE, "paraphrases")
    negatives = read_table(tmp_path / "with1" / "negatives.parquet", "negatives")
    assert set(made["caption_id"]) <= set(negatives["caption_id"])
    assert set(made["operator"]) == {"synonym", "conjunction"}
    trained = set(made.select("caption_id", "paraphrase").iter_rows())
    positives = read_table(given["captions"], "captions").select("caption_id", "image_id", "text").iter_rows()
    evaluated = {(row["caption_id"], row["paraphrase"]) for row in rows(positives, ["inverse"], seed=0)}
    assert evaluated and not trained & evaluated


def test_every_paraphrase_of_the_world_is_true_of_its_image(tmp_path):
    given = small_world.write(tmp_path, 150)
    scenes = {scene.scene_id: scene for scene in small_world.scenes(150)}
    positives = read_table(given["captions"], "captions").select("caption_id", "image_id", "text").iter_rows()
    verdicts: Counter[tuple[str, str]] = Counter()
    for row in rows(positives, ["conjunction", "inverse"], seed=0):
        statement = parse(row["paraphrase"])
        verdict = "unparsed" if statement is None else str(truth_value(statement, scenes[row["image_id"]]))
        verdicts[row["operator"], verdict] += 1
    assert {verdict for _, verdict in verdicts} == {"True"}, verdicts
    assert min(verdicts.values()) > 20


def test_captions_without_paraphrases_are_reported(tmp_path):
    row = {"caption_id": "1", "image_id": "1", "text": "hello", "template_id": None, "source": "x"}
    write_table(table("captions", [row]), tmp_path / "captions.parquet", "captions")
    with pytest.raises(InputError, match="no caption has a paraphrase"):
        run(captions=tmp_path / "captions.parquet", operators=["inverse"], seed=0, out=tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    write_table(table("captions", [{**row, "text": "a cat above a dog"}]), tmp_path / "captions.parquet", "captions")
    counted = run(captions=tmp_path / "captions.parquet", operators=["inverse"], seed=0, out=tmp_path / "out.parquet")
    assert counted == {"inverse": 1}
    assert pl.read_parquet(tmp_path / "out.parquet")["paraphrase"].to_list() == ["a dog below a cat"]
