# Stage inpaint: one job edits images of one split, one concept in each pair.
# A diffusion pipeline on a GPU is loaded once: its job edits in one process.
PAINTING_GPUS = max(map(environment.gpus_wanted, EXPERIMENT.inpaint.painting_devices()), default=0)
ORIGINS = {"origins": f"{TABLES}/origins.parquet"} if "origins" in DECLARED.tables else {}


rule inpaint_pairs:
    input:
        **ORIGINS,
        fingerprint=f"{FINGERPRINTS}/inpaint.json",
        images=f"{TABLES}/images.parquet",
        objects=f"{TABLES}/objects.parquet",
        relations=f"{TABLES}/relations.parquet",
        captions=CAPTIONS,
        files=IMAGES,
    output:
        pairs=f"{RESULTS}/inpaint/test-00000-of-00001.parquet",
        rejected=f"{RESULTS}/inpaint/rejected.parquet",
        summary=f"{RESULTS}/inpaint/summary.json",
        sheets=directory(f"{RESULTS}/inpaint/sheets"),
        card=f"{RESULTS}/inpaint/README.md",
        manifest=f"{RESULTS}/inpaint/manifest.json",
        cost=f"{RESULTS}/inpaint/cost.json",
    log:
        f"{LOGS}/inpaint/pairs.log",
    benchmark:
        f"{LOGS}/inpaint/pairs.tsv"
    conda:
        ENVIRONMENT
    threads: 1 if PAINTING_GPUS else 4
    resources:
        gpu=PAINTING_GPUS,
    params:
        root=image_root,
        origins=flag_of("origins"),
        out=subpath(output.pairs, parent=True),
    shell:
        "exec python -m nearmiss inpaint --fingerprint {input.fingerprint:q}"
        " --images {input.images:q} --objects {input.objects:q}"
        " --relations {input.relations:q} --captions {input.captions:q}"
        " --root {params.root:q} {params.origins} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule inpaint:
    input:
        rules.inpaint_pairs.output if EXPERIMENT.inpaint.operations else [],
