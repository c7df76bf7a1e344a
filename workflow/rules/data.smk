# Stage data: one job makes what the data source declares. Other rules name its files by the constants here.
SOURCE = EXPERIMENT.data.source
DECLARED = SOURCE.declare(DATA)

with environment.refusing():
    if workflow.is_main_process:
        SOURCE.check(DOWNLOADS.provides)

TABLES = f"{DATA}/tables"
CAPTIONS = f"{TABLES}/captions.parquet"
# The folder that files of table `images` are relative to, and the input that stands for all of them.
IMAGE_ROOT, IMAGES = DECLARED.image_root, DECLARED.images
# Pieces that only some sources have, as inputs of other rules.
RESERVED = {"reserved": DECLARED.reserved} if DECLARED.reserved else {}
TRUTH = {"truth": list(DECLARED.truth)} if DECLARED.truth else {}
# Images of the benchmarks that no model is trained on. A new evaluator does not change which images they show: the table
# is an `ancient` input, and the names are part of the data's configuration.
HELD_OUT = EXPERIMENT.data.held_out
SHOWN = {"benchmark_images": ancient(f"{DATA}_held_out/benchmark_images.parquet")} if HELD_OUT else {}
OVERLAP = {"overlap": f"{DATA}/overlap.parquet"} if HELD_OUT else {}


rule data_held_out:
    input:
        fingerprint=f"{FINGERPRINTS}/evaluate.json",
        downloads=DOWNLOADS.receipts(DOWNLOADS.held_out),
    output:
        f"{DATA}_held_out/benchmark_images.parquet",
    log:
        f"{LOGS}/data/held_out.log",
    benchmark:
        f"{LOGS}/data/held_out.tsv"
    conda:
        ENVIRONMENT
    params:
        benchmarks=" ".join(f"--benchmarks {name}" for name in HELD_OUT),
        root=data_root_flag(),
        tagger=f"--tagger {EXPERIMENT.evaluate.tagger}" if EXPERIMENT.evaluate.tagger else "",
    shell:
        "exec python -m nearmiss benchmarks images {params.benchmarks} {params.root} {params.tagger}"
        " --out {output:q} > {log:q} 2>&1"


rule data_tables:
    input:
        **SHOWN,
        fingerprint=f"{FINGERPRINTS}/data.json",
        files=[file for file in DECLARED.inputs if not DOWNLOADS.provides(Path(file))],
        downloads=DOWNLOADS.receipts(DOWNLOADS.source),
    output:
        **RESERVED,
        **TRUTH,
        **OVERLAP,
        tables=expand(f"{TABLES}/{{name}}.parquet", name=DECLARED.tables),
        words=DECLARED.words,
        files=DECLARED.files,
        folders=[directory(folder) for folder in DECLARED.folders],
        summary=f"{DATA}/summary.json",
        manifest=f"{DATA}/manifest.json",
        cost=f"{DATA}/cost.json",
    log:
        f"{LOGS}/data/tables.log",
    benchmark:
        f"{LOGS}/data/tables.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        out=subpath(output.manifest, parent=True),
        shown=flag_of("benchmark_images"),
    shell:
        "exec python -m nearmiss data --fingerprint {input.fingerprint:q} {params.shown} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule data:
    input:
        rules.data_tables.output,
        DOWNLOADS.receipts(DOWNLOADS.source),
