# Published files: one job an entry of the catalog. Its output is the receipt; the files lie below the data root.
with environment.refusing():
    DOWNLOADS = needed_downloads(EXPERIMENT)
    if workflow.is_main_process:
        check_downloads(EXPERIMENT, DOWNLOADS, disk=False)


onstart:  # not in a dry run: a plan can be read on a machine that has no room for the files
    with environment.refusing():
        check_downloads(EXPERIMENT, DOWNLOADS)


rule download:
    input:
        needed=receipts_of_needed,
    output:
        # kept before the job runs: with its receipt an entry is not downloaded again
        receipt=update(f"{DOWNLOADS.root or 'data'}/.nearmiss/receipts/{{entry}}.json"),
    log:
        f"{LOGS}/download/{{entry}}.log",
    benchmark:
        f"{LOGS}/download/{{entry}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        downloads=1,
    params:
        flags=download_flags(),
    shell:
        "exec python -m nearmiss download {wildcards.entry} {params.flags} > {log:q} 2>&1"
