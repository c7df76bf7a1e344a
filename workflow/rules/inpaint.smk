# Stage inpaint: one job edits pictures of one split, one thing and one word each.
CAPTIONS = EXPERIMENT.inpaint.captions


rule inpaint_pairs:
    input:
        fingerprint=f"{FINGERPRINTS}/inpaint.json",
        images=f"{DATA}/tables/images.parquet",
        objects=f"{DATA}/tables/objects.parquet",
        relations=f"{DATA}/tables/relations.parquet",
        captions=f"{DATA}/tables/captions_{CAPTIONS}.parquet",
        files=f"{DATA}/published/images",
    output:
        pairs=f"{RESULTS}/inpaint/test-00000-of-00001.parquet",
        rejected=f"{RESULTS}/inpaint/rejected.parquet",
        summary=f"{RESULTS}/inpaint/summary.json",
        manifest=f"{RESULTS}/inpaint/manifest.json",
        cost=f"{RESULTS}/inpaint/cost.json",
    log:
        f"{LOGS}/inpaint/pairs.log",
    benchmark:
        f"{LOGS}/inpaint/pairs.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    params:
        root=subpath(input.files, parent=True),
        out=subpath(output.pairs, parent=True),
    shell:
        "exec python -m nearmiss inpaint --config {input.fingerprint:q}"
        " --images {input.images:q} --objects {input.objects:q}"
        " --relations {input.relations:q} --captions {input.captions:q}"
        " --root {params.root:q} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule inpaint:
    input:
        rules.inpaint_pairs.output if EXPERIMENT.inpaint.operations else [],
