"""Small files of retrieval and classification benchmarks."""

from pathlib import Path

from sample_files import noise, picture, put


def general(root: Path) -> None:
    """Karpathy's splits, images by class, CIFAR-10."""
    for name, folder in (("coco", "coco/val2014"), ("flickr30k", "flickr30k/images"), ("flickr8k", "flickr8k/images")):
        images = []
        for number in range(3):
            file = f"{number + 1:012d}.jpg"
            picture(root / folder / file, 100 + number)
            written = [{"raw": f"{name} {kind} {number}", "sentid": number} for kind in ("picture", "photograph")]
            split = "test" if number < 2 else "train"
            images.append(
                {"filename": file, "filepath": "val2014", "split": split, "cocoid": number + 1, "sentences": written}
            )
        put(root / name / f"dataset_{name}.json", {"images": images})
    annotations = [
        {"id": 10 * number + place, "image_id": number + 1, "caption": f"coco {kind} {number}"}
        for number in range(2)
        for place, kind in enumerate(("picture", "photograph"))
    ]
    put(root / "coco" / "annotations" / "captions_val2014.json", {"annotations": annotations})
    put(root / "eccv" / "eccv_caption_to_image.json", {"0": [1, 2]})  # the first caption is right for both images
    for number, folder in enumerate(("n01", "n02")):
        picture(root / "classification" / "animals" / folder / "a.jpg", 110 + number)
    put(root / "classification" / "animals" / "classes.json", {"n01": "cat", "n02": "dog"})
    put(root / "classification" / "animals" / "templates.json", ["a photo of a {}.", "a drawing of a {}."])
    cifar = root / "cifar10" / "cifar-10-batches-bin"
    cifar.mkdir(parents=True, exist_ok=True)
    records = [bytes([label]) + noise(label).transpose(2, 0, 1).tobytes() for label in (0, 1, 2)]
    (cifar / "test_batch.bin").write_bytes(b"".join(records))
    (cifar / "batches.meta.txt").write_text("airplane\nautomobile\nbird\n", encoding="utf-8")
