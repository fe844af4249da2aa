"""With `--config reuse=published`: jobs whose trials are published, from the same settings and sources, are not run again.

Each has a rule of its own. It has no wildcards, so Snakemake prefers it to the rule that trains.
"""

for JOB in REUSABLE:

    rule:
        name:
            f"take_{re.sub(r'[^A-Za-z0-9]', '_', JOB.stem)}"
        input:
            [ROOT / "results/published" / table for table in JOB.files().values()],
        output:
            [f"{RESULTS}/{file}" for file in JOB.files()],
            f"{RESULTS}/{JOB.stem}.provenance.json",
        log:
            f"{LOGS}/take_published/{JOB.stem.replace('/', '_')}.log",
        threads: 1
        params:
            kind=JOB.kind,
            where=quoted(JOB.where),
            settings=shlex.quote(JOB.settings),
            root_seed=SETTINGS.root_seed,
            published=ROOT / "results/published",
            stem=f"{RESULTS}/{JOB.stem}",
        message:
            "Taking {params.stem} from the published trials"
        shell:
            "sparcs take-published --kind {params.kind} --where {params.where} --settings {params.settings}"
            " --root-seed {params.root_seed} --published {params.published} --output {params.stem} 2> {log}"
