# Stage data: the embedded world publishes its files; they are read back into tables.
SPLITS = [split for split in ("train", "val", "test", "final") if getattr(EXPERIMENT.data.world.images, split) > 0]
WRITTEN = EXPERIMENT.data.world.benchmark.splits


rule data_world:
    input:
        fingerprint=f"{FINGERPRINTS}/data.json",
    output:
        images=directory(f"{DATA}/published/images"),
        captions=expand(
            f"{DATA}/published/captions_{{split}}_{{kind}}.json",
            split=SPLITS,
            kind=("broad", "narrow"),
        ),
        annotations=expand(
            f"{DATA}/published/{{name}}_{{split}}.json",
            name=("instances", "scene_graphs"),
            split=SPLITS,
        ),
        questions=expand(
            f"{DATA}/published/{{name}}_{{split}}.json",
            name=("benchmark", "retrieval", "classification"),
            split=WRITTEN,
        ),
        reserved=f"{DATA}/published/reserved.json",
        words=f"{DATA}/published/words.txt",
        tasks=directory(f"{DATA}/published/tasks"),
        truth=expand(f"{DATA}/truth/scenes_{{split}}.json", split=SPLITS),
        truth_tasks=f"{DATA}/truth/scenes_tasks.json",
        truth_benchmark=expand(f"{DATA}/truth/scenes_benchmark_{{split}}.json", split=WRITTEN),
        tables=expand(
            f"{DATA}/tables/{{name}}.parquet",
            name=(
                "images",
                "captions_broad",
                "captions_narrow",
                "objects",
                "relations",
            ),
        ),
        questions_read=expand(
            f"{DATA}/tables/{{name}}_{{split}}.parquet",
            name=("items", "retrieval", "classification"),
            split=WRITTEN,
        ),
        examples=expand(f"{DATA}/tables/examples_{{task}}.parquet", task=("vsr", "shapes")),
        summary=f"{DATA}/summary.json",
        manifest=f"{DATA}/manifest.json",
        cost=f"{DATA}/cost.json",
    log:
        f"{LOGS}/data/world.log",
    benchmark:
        f"{LOGS}/data/world.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss data --config {input.fingerprint:q} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule data:
    input:
        rules.data_world.output,
