"""NegBench's retrieval part (Alhamoud et al., CVPR 2025): COCO's captions as they are, and with an absent object."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, Options, RetrievalBenchmark
from nearmiss.engine.benchmarks.builder import readable
from nearmiss.engine.benchmarks.csv_records import csv_records, literal
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import Reading, Record
from nearmiss.engine.benchmarks.retrieval import recall_headline
from nearmiss.engine.formats.records import REMEDY

_IMAGES = "coco/val2017"


@dataclass(frozen=True)
class NegBenchReader:
    """A `Reader` of one of NegBench's files of captions."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self.card.files[0]).is_file()

    def load(self, root: DataRoot, options: Options) -> RetrievalBenchmark:
        """Malformed rows and empty captions are set aside. Raises InputError where none can be used."""
        file, label = root.path(self.card.files[0]), self.card.files[0]
        reading, captions = Reading(), dict[str, list[str]]()
        with readable(self.card.name, file):
            for number, cells in csv_records(file, ("filepath", "captions")):
                with reading.record(cells, file, f"row {number}", label) as record:
                    image = f"{_IMAGES}/{PurePosixPath(record.text('filepath')).name}"
                    values = Record({"captions": literal(record, "captions")}, file, record.name).entries("captions")
                    if image in captions:
                        raise record.wrong("two records name one image")
                    captions[image] = []
                    for index, value in enumerate(values):
                        with reading.record([value], file, f"row {number}, caption {index}", label) as one:
                            captions[image].append(one.text(0))
        if not any(captions.values()):
            problem = "the file has no captions" if reading.first is None else reading.first.problem
            raise InputError(f"no record can be used: {problem}", file=file, remedy=REMEDY)
        owner = [index for index, written in enumerate(captions.values()) for _ in written]
        own = np.zeros((len(captions), len(owner)), dtype=bool)
        own[owner, np.arange(len(owner))] = True
        return RetrievalBenchmark(
            self.card,
            images=list(captions),
            captions=[caption for written in captions.values() for caption in written],
            caption_ids=[str(number) for number in range(len(owner))],
            right=own,
            own=own,
            recall_at=tuple(options.recall_at),
            coverage=Coverage(hashes={label: sha256(file)}, malformed=reading.records, n_read=len(owner)),
        )


def _reader(name: str, file: str, description: str) -> NegBenchReader:
    card = Card(
        name=name,
        paper="Alhamoud et al., Vision-Language Models Do Not Understand Negation, CVPR 2025",
        license="MIT (captions of COCO: CC BY 4.0)",
        origin="the folder that the authors' repository m1k2zoo/negbench links to; images: COCO val2017",
        files=(f"negbench/{file}.csv",),
        images=(_IMAGES,),
        notes=f"{description}. The authors report Recall@5 of images.",
        headline=(recall_headline(name, "text_to_image", f"a caption finds its image, {description}"),),
    )
    return NegBenchReader(card)


ORIGINAL = _reader("retrieval_negbench", "COCO_val_retrieval", "COCO val2017")
NEGATED = _reader(
    "retrieval_negbench_negated",
    "COCO_val_negated_retrieval_llama3.1_rephrased_affneg_true",
    "COCO val2017 with captions that also name an absent object",
)
