"""Data sets, checkpoints and configurations of an attacker: nothing is executed, fetched or read from elsewhere, and
every command ends."""

import json
import os
import pickle
import shutil
import socket
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from commands import CASES
from running import nearmiss
from toys import published_files

import small_open_clip
from nearmiss.base.files import read_json

KIND = "hostile content"
LONG, PEOPLE, SECONDS = 100_000, 30, 20


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch):
    """A test fails if anything opens a connection."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.write_text, (self.mark, "executed")


def test_a_tag_of_yaml_is_refused(toys, tmp_path, tally):
    mark = tmp_path / "mark"
    for tag in (f"!!python/object/apply:os.system ['touch {mark}']", f"!!python/object/new:pathlib.Path ['{mark}']"):
        with tally(KIND, "YAML", tag):
            (tmp_path / "toy.yaml").write_text(f"experiment: toy\nseeds: {tag}\n")
            answer = nearmiss("data", "--config", tmp_path / "toy.yaml", "--out", tmp_path / "out")
            assert answer.status == 2 and "toy.yaml" in answer.err, answer.output
            assert not mark.exists()
    with tally(KIND, "YAML", "anchors of anchors"):
        levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        (tmp_path / "toy.yaml").write_text("experiment: toy\n" + "\n".join(levels) + "\n")
        assert nearmiss("data", "--config", tmp_path / "toy.yaml", "--out", tmp_path / "out").status == 2


def test_pickles_are_not_executed(toys, tmp_path, tally):
    mark = tmp_path / "mark"
    record = np.empty(1, dtype=object)
    record[0] = Trap(mark)
    np.save(tmp_path / "records.npy", record, allow_pickle=True)
    with tally(KIND, "pickles", "records of CE-CLIP"):
        answer = nearmiss(
            "negatives", "convert", "--pairs", tmp_path / "records.npy", "--to", "parquet", "--out", tmp_path / "x"
        )
        assert answer.status == 2 and "records.npy" in answer.err, answer.output
    with tally(KIND, "pickles", "image store"):
        (case,) = [each for each in CASES if each.command == "pretrain"]
        inputs = toys.copy(case.group, tmp_path / "inputs")
        (inputs / "store" / ".nearmiss").unlink()  # a folder from elsewhere has no record
        np.save(inputs / "store" / "pixels" / "rows-00000.npy", record, allow_pickle=True)
        answer = nearmiss(*case.arguments(inputs), "--out", tmp_path / "out")
        assert answer.status == 2 and "pixels" in answer.err, answer.output
    name = small_open_clip.register(tmp_path)
    roots = toys.copy("benchmark", tmp_path / "benchmark") / "root"
    words = ("evaluate", "--model", name, "--benchmarks", "winoground", "--data-root", roots, "--cache", tmp_path / "c")
    for form in ("torch", "pickle"):
        with tally(KIND, "pickles", f"weights, {form}"):
            file = tmp_path / f"{form}.pt"
            if form == "torch":
                torch.save({"state_dict": Trap(mark)}, file)
            else:
                file.write_bytes(pickle.dumps(Trap(mark)))
            answer = nearmiss(*words, "--pretrained", file, "--out", tmp_path / "out")
            assert answer.status == 2 and file.name in answer.err, answer.output
    assert not mark.exists()


# A link in the folder of images is not among these: people link images, and it is followed.
NAMES = {
    "the folder above": "../secret.png",
    "an absolute path": "{folder}/secret.png",
    "an address": "http://127.0.0.1:9/secret.png",
    "a file address": "file://{folder}/secret.png",
    "a device": "/dev/zero",
    "a pipe": "pipe.png",
    "a name with a zero": "a\0.png",
    "an over-long name": "a" * 5000 + ".png",
}


@pytest.mark.parametrize("what", NAMES)
def test_file_names_of_a_data_set_stay_in_its_folder(what, toys, tmp_path, tally, forks):
    """One record of COCO's names another place; it is set aside with a reason, or refused, and the rest goes on."""
    inputs = toys.copy("photographs", tmp_path / "inputs")
    photographs = inputs / "photographs"
    secret = inputs / "secret.png"
    shutil.copy(photographs / "000000000000.png", secret)
    (case,) = [each for each in CASES if each.name == "data (coco)"]
    name = NAMES[what].format(folder=inputs)
    for key in ("instances.json", "captions.json"):
        document = read_json(inputs / key)
        document["images"][0]["file_name"] = name
        (inputs / key).write_text(json.dumps(document))
    if what == "a pipe":
        os.mkfifo(photographs / "pipe.png")
    with tally(KIND, "file names in JSON", what):
        started = forks.start(
            *case.arguments(inputs), "--out", tmp_path / "out", limits={"RLIMIT_CPU": SECONDS, "RLIMIT_AS": 8 << 30}
        )
        ended = forks.ends_within(started, 3 * SECONDS)
        output = started.output.read_text(errors="replace")
        assert ended in (0, 2), f"{ended} {output}"
        assert "Traceback" not in output and "connection was asked" not in output
        if ended == 0:
            images = pl.read_parquet(tmp_path / "out" / "tables" / "images.parquet", glob=False)
            assert "0" not in set(images["image_id"])
            aside = pl.read_parquet(tmp_path / "out" / "set_aside.parquet", glob=False)
            assert aside.filter(pl.col("image_id") == "0").height


def test_urls_in_a_benchmark_are_never_fetched(toys, tmp_path, tally):
    inputs = toys.copy("benchmark", tmp_path / "inputs")
    for file in (inputs / "root" / "winoground").glob("examples.jsonl"):
        example = json.loads(file.read_text().splitlines()[0])
        file.write_text(json.dumps({**example, "image_0": "http://127.0.0.1:9/x"}) + "\n")
    with tally(KIND, "file names in JSON", "an address in a benchmark"):
        (case,) = [each for each in CASES if each.name == "evaluate (standalone)"]
        answer = nearmiss(*case.arguments(inputs), "--out", tmp_path / "out")
        assert answer.status in (2, 3), answer.output


def long_captions(folder: Path) -> Path:
    texts = [
        "a red dog on a table " * (LONG // 21),
        "x" * LONG,
        "a" + " very" * (LONG // 5) + " red dog.",
        "A red dog.",
    ]
    return published_files.write(folder / "captions.json", published_files.coco([(1, text) for text in texts]))


def many_people(folder: Path) -> tuple[Path, Path]:
    """An image with 30 people, as a scene graph, and a caption that names 30."""
    colors = ("red", "blue", "green", "white", "black")
    things = {
        f"p{n}": {"name": "person", "attributes": [colors[n % 5]], "x": n, "y": n, "w": 10, "h": 12}
        | {"relations": [{"name": "near", "object": f"p{(n + k) % PEOPLE}"} for k in (1, 2, 3)]}
        for n in range(PEOPLE)
    }
    graphs = published_files.write(folder / "graphs.json", {"1": published_files.graph(**things)})
    output = " and ".join(f"a {colors[n % 5]} person near a {colors[(n + 1) % 5]} person" for n in range(PEOPLE // 2))
    return graphs, published_files.write(folder / "captions.json", published_files.coco([(1, output)]))


def attack_lengths(folder: Path, toys) -> dict[str, list]:
    """Command lines by what they are about."""
    captions = long_captions(folder)
    (folder / "people").mkdir()
    graphs, output = many_people(folder / "people")
    pairs = folder / "pairs.parquet"
    texts = [each["caption"] for each in read_json(captions)["annotations"]] * 4
    pl.DataFrame({"image_id": [str(n) for n in range(16)], "type": "t", "positive": texts}).with_columns(
        negative=pl.col("positive").str.replace("red", "blue", n=1) + "."
    ).write_parquet(pairs)
    lexicon = ("--tagger", "lexicon")
    photographs = toys.copy("photographs", folder / "photographs")
    table = photographs / "pictures" / "captions.parquet"
    even = pl.int_range(pl.len()) % 2 == 0
    longer = pl.when(even).then(pl.col("text") + " and a small ball" * (LONG // 17)).otherwise("text")
    pl.read_parquet(table).with_columns(text=longer).write_parquet(table)
    (inpaint,) = [each for each in CASES if each.name == "inpaint"]
    return {
        "long captions, keyword": ["negatives", "make", "--method", "keyword", "--captions", captions],
        "long captions, replace": ["negatives", "make", "--method", "replace", "--captions", captions, *lexicon],
        "long captions, swap": ["negatives", "make", "--method", "swap", "--captions", captions, *lexicon],
        "long captions, random": ["negatives", "make", "--method", "random", "--captions", captions],
        "long captions, audit": ["negatives", "audit", "--pairs", pairs],
        "long captions, inpaint": inpaint.arguments(photographs),
        "many people, scene_graph": ["negatives", "make", "--method", "scene_graph", "--graphs", graphs],
        "many people, keyword": ["negatives", "make", "--method", "keyword", "--captions", output, "--graphs", graphs],
        "many people, replace": [
            "negatives",
            "make",
            "--method",
            "replace",
            "--captions",
            output,
            "--graphs",
            graphs,
            *lexicon,
        ],
    }


ATTACKS = (
    "long captions, keyword",
    "long captions, replace",
    "long captions, swap",
    "long captions, random",
    "long captions, audit",
    "long captions, inpaint",
    "many people, scene_graph",
    "many people, keyword",
    "many people, replace",
)


@pytest.mark.slow
@pytest.mark.parametrize("what", ATTACKS)
def test_texts_of_any_length_are_processed_in_bounded_time(what, toys, tmp_path, tally, forks):
    """Within some seconds of processor time: far more than processing needs, far less than an exponential search."""
    line = attack_lengths(tmp_path, toys)[what]
    with tally(KIND, "lengths", what):
        started = forks.start(*line, "--out", tmp_path / "out", limits={"RLIMIT_CPU": SECONDS, "RLIMIT_AS": 16 << 30})
        status = started.wait()
        output = started.output.read_text(errors="replace")
        assert status in (0, 2), f"{status} {output[-2000:]}"
        assert "Traceback" not in output
