"""Image-text retrieval from a table of stage data, where every image that a caption is true of counts as right."""

from dataclasses import dataclass

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, Headline, Options, RetrievalBenchmark
from nearmiss.engine.benchmarks.data_root import SOURCE, DataRoot
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.world import image_files, unknown_image


def recall_headline(benchmark: str, direction: str, description: str) -> Headline:
    """Recall@1 in one direction, `text_to_image` or `image_to_text`."""
    to_image = direction == "text_to_image"
    key, title, short = ("t2i", "text→image", "T>I") if to_image else ("i2t", "image→text", "I>T")
    where = {"benchmark": benchmark, "subset": direction, "metric": "recall@1"}
    name = key if benchmark == "retrieval" else f"{benchmark}/{key}"
    return Headline(name, f"R@1 {title}", description, where, short, cost=True)


CARD = Card(
    name="retrieval",
    paper="nearmiss: captions and images of the experiment's own data",
    license="that of the data source",
    origin="stage data",
    files=("tables/retrieval_{split}.parquet",),
    images=(SOURCE,),
    notes="recall@k: a right answer is among the first k; right is every image that the caption is true of. "
    "exact_recall@k: the image that the caption was written for. The synthetic world leaves out captions that are true "
    "of over a tenth of the images. An answer that is not right and within 1e-6 of the best right one ranks before it.",
    complete=True,
    headline=(
        recall_headline("retrieval", "text_to_image", "a caption finds an image that it is true of"),
        recall_headline("retrieval", "image_to_text", "an image finds a caption that is true of it"),
    ),
)


@dataclass(frozen=True)
class RetrievalReader:
    """A `Reader` of table `retrieval`."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self._file(options)).is_file()

    def load(self, root: DataRoot, options: Options) -> RetrievalBenchmark:
        """Raises InputError where the table is missing or empty, has a gap, or a caption is in it twice."""
        name = self._file(options)
        path = root.path(name)
        frame = read_table(path, "retrieval").sort("caption_id")
        if frame.is_empty():
            raise InputError(
                "retrieval has no captions", file=path, remedy="give the split images, or score another split"
            )
        refuse_gaps(frame, ("caption_id", "image_id", "text", "right"), file=path, key="caption_id", empty=("right",))
        if (twice := frame.filter(frame["caption_id"].is_duplicated())).height:
            raise InputError("a caption is in the table twice", file=path, record=twice["caption_id"][0])
        image_ids = sorted(set(frame["image_id"]) | set(frame["right"].explode().drop_nulls()))
        files = image_files(root)
        if unknown := [image_id for image_id in image_ids if image_id not in files]:
            raise unknown_image(root, unknown[0])
        index_of = {image_id: index for index, image_id in enumerate(image_ids)}
        own = np.zeros((len(image_ids), frame.height), dtype=bool)
        right = np.zeros_like(own)
        for column, (image_id, images) in enumerate(zip(frame["image_id"], frame["right"].to_list(), strict=True)):
            own[index_of[image_id], column] = True
            right[[index_of[other] for other in images], column] = True
        return RetrievalBenchmark(
            self.card,
            images=[files[image_id] for image_id in image_ids],
            captions=frame["text"].to_list(),
            caption_ids=frame["caption_id"].to_list(),
            right=right | own,
            own=own,
            recall_at=tuple(options.recall_at),
            coverage=Coverage(hashes={name: sha256(path)}, n_read=frame.height),
        )

    def _file(self, options: Options) -> str:
        return self.card.files[0].format(split=options.split)


BENCHMARK = RetrievalReader(CARD)
