"""Small sets to curate, and a server of the page over them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from nearmiss.base.lifetime import PARENT
from nearmiss.base.tables import table, write_table
from nearmiss.engine.curation.pairs import PairSet
from nearmiss.engine.text.edits import diff

CAPTIONS = [
    ("color", "a red ball on a mat", "a blue ball on a mat"),
    ("color", "a red cube on a mat", "a green cube on a mat"),
    ("object", "a cat on a mat", "a dog on a mat"),
    ("object", "a cat in a box", "a cow in a box"),
    ("size", "a small cup", "a large cup"),
]
# What Hugging Face `datasets` writes into a file's schema, so that it decodes the images when it loads them.
FEATURES = {"info": {"features": {"coco_image": {"_type": "Image"}, "concept": {"dtype": "string", "_type": "Value"}}}}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SCHEMA = pa.schema(
    [
        ("concept", pa.string()),
        ("coco_caption", pa.string()),
        ("coco_image", _IMAGE),
        ("inpaint_caption", pa.string()),
        ("inpaint_image", _IMAGE),
        ("mask", _IMAGE),
        ("worker", pa.string()),
        ("coco_details", pa.struct([("id", pa.int64()), ("license", pa.string())])),
    ],
    metadata={"huggingface": json.dumps(FEATURES)},
)


def image(value: int | tuple[int, int, int], form: str = "PNG", side: int = 32) -> bytes:
    """An image file of one color, or of one gray value where it is a mask's."""
    content = BytesIO()
    Image.new("L" if isinstance(value, int) else "RGB", (side, side), value).save(content, form)
    return content.getvalue()


def mask(side: int = 32) -> bytes:
    """A mask that holds the upper left quarter."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[: side // 2, : side // 2] = 255
    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def pair(number: int, **other: object) -> dict:
    """A row in the published schema, its number in the images' color."""
    concept, original, changed = CAPTIONS[number % len(CAPTIONS)]
    return {
        "concept": concept,
        "coco_caption": original,
        "coco_image": {"bytes": image((200, 10, number), "JPEG"), "path": None},
        "inpaint_caption": changed,
        "inpaint_image": {"bytes": image((10, 10, number)), "path": f"{number}.png"},
        "mask": {"bytes": mask(), "path": None},
        "worker": "w1",
        "coco_details": {"id": number, "license": "CC BY 4.0"},
        **other,
    }


def write_pairs(file: Path, *rows: dict, group: int = 2) -> Path:
    """A file of pairs as the published ones are: with `datasets`' metadata, in groups of rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = rows or tuple(pair(number) for number in range(len(CAPTIONS)))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=_SCHEMA), file, row_group_size=group)
    return file


def pairs(folder: Path, *rows: dict) -> PairSet:
    """A set of one file of pairs."""
    return PairSet([write_pairs(folder / "test-00000-of-00001.parquet", *rows)])


def negatives() -> pl.DataFrame:
    """Table `negatives`: the captions above, each of its own image."""
    rows = [
        {
            "negative_id": f"n{number}",
            "caption_id": f"c{number}",
            "image_id": str(number),
            "method": "toy",
            "mode": "default",
            "type": concept,
            "concept": concept,
            "operator": "replace",
            "positive": positive,
            "negative": negative,
            "edits": [edit.as_record() for edit in diff(positive, negative)],
            "foil_in_scene": False,
            "verdict": "verified",
            "seed": 0,
        }
        for number, (concept, positive, negative) in enumerate(CAPTIONS)
    ]
    return table("negatives", rows)


def write_negatives(folder: Path) -> Path:
    """The folder that command `negatives` makes, with its captions and what it rejected."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(negatives(), folder / "negatives.parquet", "negatives")
    captions = [{"caption_id": f"c{number}", "image_id": str(number), "text": "x"} for number in range(len(CAPTIONS))]
    write_table(table("captions", captions), folder / "captions.parquet", "captions")
    write_table(table("rejected", []), folder / "rejected.parquet", "rejected")
    return folder


def write_images(folder: Path) -> tuple[Path, Path]:
    """Table `images` and the folder of the images' files, of which the last is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"image_id": str(number), "file": f"{number}.png", "width": 32, "height": 32} for number in range(5)]
    for row in rows[:-1]:
        (folder / row["file"]).write_bytes(image((9, 9, 9)))
    write_table(table("images", rows), folder / "images.parquet", "images")
    return folder / "images.parquet", folder


@dataclass
class Serving:
    """A process of `nearmiss curate serve` and the address of its page, token included."""

    process: int
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port

    @property
    def home(self) -> str:
        """The address without its token."""
        return f"http://127.0.0.1:{self.port}/"

    def kill(self) -> None:
        """kill -9; returns when the process is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        while Path(f"/proc/{self.process}").exists():
            time.sleep(0.002)

    def opener(self) -> tuple[urllib.request.OpenerDirector, str]:
        """A session like that of the page, with its cookie, and the prefix of the URLs of data."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        with opener.open(self.url) as answer:
            return opener, answer.read().decode().partition('data-session="')[2].partition('"')[0]

    def post(self, *decisions: dict) -> dict:
        """Send decisions as the page does; the last response."""
        opener, session = self.opener()
        return [send(opener, f"{self.home}{session}", **decision) for decision in decisions][-1]


def send(opener: urllib.request.OpenerDirector, address: str, **decision: str) -> dict:
    """Send one decision; the response."""
    body, kind = json.dumps(decision).encode(), {"Content-Type": "application/json"}
    with opener.open(urllib.request.Request(f"{address}/decisions", body, kind)) as answer:
        return json.load(answer)


class Starter:
    """Starts `nearmiss curate serve`; see starting.py."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("starting.py"))],
            env={**os.environ, PARENT: str(os.getpid())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        """End it, and every server that it started."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def serve(self, path: Path, db: Path, annotator: str = "anna", port: int = 0) -> Serving:
        """Start a server and wait until it prints the URL of its page."""
        self._count += 1
        pipe = self._folder / f"said-{self._count}"
        os.mkfifo(pipe)
        arguments = ["curate", "serve", path, "--db", db, "--annotator", annotator, "--port", port]
        self._process.stdin.write(json.dumps([[str(each) for each in arguments], str(pipe)]) + "\n")
        self._process.stdin.flush()
        process = int(self._process.stdout.readline())
        with pipe.open() as lines:
            for line in lines:
                if line.startswith("http"):
                    return Serving(process, line.split()[0])
        raise AssertionError("the server has ended")
