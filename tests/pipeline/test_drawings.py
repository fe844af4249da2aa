"""What is shown of the whole workflow: our drawing against Snakemake's own graph of rules, and Snakemake's lint."""

import re

import networkx as nx

import tiny
from replication.experiments import EXPERIMENTS
from replication.jobs.drawing import arrows, boxes, drawing

EVERY_ARROW = (  # the smoke scale leaves these stages out
    "cifar10={sweep: {trials: 1}}",
    "hyperparameters={teacher_trials: 1}",
    "baselines={teacher: {trials: 1, points: 4096}}",
    "depth={alpha_beta: {trials: 1}}",
)
MEANT = (  # kinds of lint that stay (CONTRIBUTING.md)
    "Specify a conda environment or container for each rule",
    "No log directive defined",
    "Mixed rules and functions in same snakefile",
    r"Param \w+ is a prefix of input or output file but hardcoded",
    'Absolute path "(/{name}.parquet|/", )"',
    r"Path composition with '\+'",
)


def snakemake(folder, *arguments, check=True):
    snakefile = tiny.ROOT / "workflow/Snakefile"
    return tiny.run(tiny.ROOT, "snakemake", "--snakefile", snakefile, "--directory", folder, *arguments, check=check)


def box_of(rule):
    """The box of our drawing that a rule belongs to, if it has one."""
    drawn = {"generate_regression_data": "data/regression", "generate_teacher_data": "data/teacher_student"}
    drawn |= {"prepare_images": "data/images", "extract_features": "cifar100"}
    for name, experiment in EXPERIMENTS.items():
        drawn |= {stage.rule: name for stage in experiment.stages}
        drawn |= {f"tabulate_{name}": name, f"judge_{name}": f"claims/{name}"}
        drawn[f"report_{experiment.notebook}"] = f"reports/{experiment.notebook}"
    return drawn.get(rule)


def test_its_arrows_are_those_of_snakemakes_graph_of_rules(tmp_path):
    graph = snakemake(tmp_path, "--rulegraph", "--config", "scale=smoke", *EVERY_ARROW)
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    taken = [(box_of(rules[one]), box_of(rules[other])) for one, other in re.findall(r"(\d+) -> (\d+)", graph)]
    between = {(one, other) for one, other in taken if one and other and one != other}
    assert nx.transitive_reduction(nx.DiGraph(between)).edges == nx.DiGraph(arrows()).edges


def test_the_documentation_has_it_as_it_is_drawn_now():
    committed = (tiny.ROOT / "docs/workflow.svg").read_text(encoding="utf-8")
    assert committed == drawing(), "python -m replication draw-workflow > docs/workflow.svg"


def test_each_experiment_has_a_row_and_no_text_is_wider_than_its_box():
    placed = boxes()
    assert len({placed[name].y for name in EXPERIMENTS}) == len(EXPERIMENTS)
    for box in placed.values():
        assert max(map(len, box.lines)) * 6.5 < box.width, box  # pixels of a letter, on average


def test_lint_finds_nothing_but_what_is_meant(tmp_path):
    said = snakemake(tmp_path, "--lint", "--config", "scale=smoke", check=False)
    kinds = re.findall(r"^    \* (.*):$", said, flags=re.MULTILINE)
    assert len(kinds) > 10 and "Traceback" not in said
    assert [kind for kind in kinds if not re.match("|".join(MEANT), kind)] == []
