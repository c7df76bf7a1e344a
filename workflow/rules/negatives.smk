# Stage negatives: one job a method, and a report of each method's false negatives where the data source has the truth.


rule negatives_generate:
    input:
        unpack(published_of_method),
        **RESERVED,
        fingerprint=f"{FINGERPRINTS}/negatives/{{method}}.json",
        captions=CAPTIONS,
        images=f"{TABLES}/images.parquet",
        objects=f"{TABLES}/objects.parquet",
        relations=f"{TABLES}/relations.parquet",
    output:
        negatives=f"{RESULTS}/negatives/{{method}}/negatives.parquet",
        captions=f"{RESULTS}/negatives/{{method}}/captions.parquet",
        paraphrases=f"{RESULTS}/negatives/{{method}}/paraphrases.parquet",
        rejected=f"{RESULTS}/negatives/{{method}}/rejected.parquet",
        summary=f"{RESULTS}/negatives/{{method}}/summary.json",
        manifest=f"{RESULTS}/negatives/{{method}}/manifest.json",
        cost=f"{RESULTS}/negatives/{{method}}/cost.json",
    log:
        f"{LOGS}/negatives/{{method}}.log",
    benchmark:
        f"{LOGS}/negatives/{{method}}.tsv"
    priority: 15
    conda:
        ENVIRONMENT
    params:
        tables=parent_of("images"),
        reserved=flag_of("reserved"),
        out=subpath(output.negatives, parent=True),
        tags=f"{STATE}/negatives/tags",
    shell:
        "exec python -m nearmiss negatives make --fingerprint {input.fingerprint:q}"
        " --method {wildcards.method:q} --tables {params.tables:q} {params.reserved} --tags {params.tags:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule negatives_truth:
    input:
        f"{RESULTS}/negatives/{{method}}/manifest.json",
        fingerprint=f"{FINGERPRINTS}/negatives/{{method}}.json",
        negatives=f"{RESULTS}/negatives/{{method}}/negatives.parquet",
        truth=DECLARED.truth,
    output:
        report=f"{RESULTS}/negatives/{{method}}/truth.json",
    log:
        f"{LOGS}/negatives/{{method}}-truth.log",
    benchmark:
        f"{LOGS}/negatives/{{method}}-truth.tsv"
    conda:
        ENVIRONMENT
    params:
        negatives=subpath(input.negatives, parent=True),
        truth=parent_of("truth"),
    shell:
        "exec python -m nearmiss negatives truth --negatives {params.negatives:q}"
        " --truth {params.truth:q} --out {output.report:q} > {log:q} 2>&1"


# Sets with equally many negatives of every caption, where the configuration asks for them.
rule negatives_match:
    input:
        fingerprint=f"{FINGERPRINTS}/negatives/{MATCHED}.json",
        captions=CAPTIONS,
        images=f"{TABLES}/images.parquet",
        negatives=[file for method in MATCHED_METHODS for file in negatives_files(method)["negatives"]],
    output:
        sets=[file for method in MATCHED_METHODS for file in matched_files(method)],
        manifest=f"{MATCHED_SETS}/manifest.json",
        cost=f"{MATCHED_SETS}/cost.json",
    log:
        f"{LOGS}/negatives/{MATCHED}.log",
    benchmark:
        f"{LOGS}/negatives/{MATCHED}.tsv"
    priority: 15
    conda:
        ENVIRONMENT
    params:
        folders=[f"{RESULTS}/negatives/{method}" for method in MATCHED_METHODS],
        tables=parent_of("images"),
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss negatives match-captions --fingerprint {input.fingerprint:q}"
        " --negatives {params.folders:q} --tables {params.tables:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule negatives:
    input:
        rules.negatives_match.output if MATCHED_METHODS else [],
        expand(rules.negatives_generate.output, method=METHODS),
        expand(rules.negatives_truth.output, method=METHODS if TRUTH else []),
