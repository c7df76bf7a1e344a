# Stage data: one job makes what the data source declares. Other rules name its files by the constants here.
SOURCE = EXPERIMENT.data.source
DECLARED = SOURCE.declare(DATA)

with environment.refusing():
    if workflow.is_main_process:
        SOURCE.check()

TABLES = f"{DATA}/tables"
CAPTIONS = f"{TABLES}/captions.parquet"
# The folder that files of table `images` are relative to, and the input that stands for all of them.
IMAGE_ROOT, IMAGES = DECLARED.image_root, DECLARED.images
# Pieces that only some sources have, as inputs of other rules.
RESERVED = {"reserved": DECLARED.reserved} if DECLARED.reserved else {}
TRUTH = {"truth": list(DECLARED.truth)} if DECLARED.truth else {}


rule data_tables:
    input:
        fingerprint=f"{FINGERPRINTS}/data.json",
        files=DECLARED.inputs,
    output:
        **RESERVED,
        **TRUTH,
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
    shell:
        "exec python -m nearmiss data --fingerprint {input.fingerprint:q} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule data:
    input:
        rules.data_tables.output,
