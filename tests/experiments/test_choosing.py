"""The measurements behind the guide: the same networks as PyTorch trains, soft thresholding, and what the page says."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from replication import params
from replication.experiments.choosing import EXPERIMENT, figures, findings, train
from replication.experiments.choosing.settings import Varied
from replication.experiments.settings import resolve_settings
from replication.report.template import line, sections
from replication.training.work import Work, plain
from sparcs import SpectralNetwork

REPORT = sections(EXPERIMENT.package)
ROOT = Path(__file__).parents[2]
BASE = params.read_yaml(ROOT / "params.yaml")
TASK = SimpleNamespace(data_seed=42, points=60, most_validation_points=40, test_points=50, batch_size=20,
                       loss_budget=0.05, fine_tuning_steps=3)  # fmt: skip
CHOICE = {"width": 7, "penalty": "l1", "rho": 0.01, "initial_scale": 0.1, "learning_rate": 0.01, "steps": 5}
CHOICE |= {"shrunk": False, "validation_points": None}


def choice(**changes):
    return SimpleNamespace(**CHOICE | changes)


def by_torch(points, chosen, seed):
    """The same training with SpectralNetwork and torch's Adam, from the same start and batches."""
    start = train.trained(points, TASK, choice(**vars(chosen) | {"steps": 0}), seed)
    network = SpectralNetwork((10, chosen.width, 1), bias=True)
    network.load_state_dict(start.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), chosen.learning_rate)
    for batch in train.batches(TASK.points, TASK.batch_size, chosen.steps, seed):
        optimizer.zero_grad()
        loss = (network(points["x_train"][batch, :-1]) - points["y_train"][batch]).square().mean()
        (loss + (0 if chosen.shrunk else chosen.rho * network.penalty(chosen.penalty))).backward()
        optimizer.step()
        if chosen.shrunk:
            with torch.no_grad():
                lam = network.eigenvalues[1]
                lam.copy_(lam.sign() * (lam.abs() - chosen.learning_rate * chosen.rho).clamp(min=0))
    return network


@pytest.mark.parametrize(
    "changes", [{}, {"penalty": "rows"}, {"penalty": "l2", "initial_scale": 0.0}, {"shrunk": True}]
)
def test_training_is_the_layers_own(changes):
    points, chosen = train.drawn(TASK, 3), choice(**changes)
    expected, found = by_torch(points, chosen, 3), train.trained(points, TASK, chosen, 3)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_the_linear_map_is_least_squares():
    points = train.drawn(TASK, 1)
    x, y = points["x_train"][:, :-1].numpy(), points["y_train"].numpy()
    expected = LinearRegression().fit(x, y).score(points["x_test"][:, :-1].numpy(), points["y_test"].numpy())
    assert train.linear_fit(points) == pytest.approx(expected, abs=1e-5)


def test_splits_share_no_point_and_seeds_differ():
    points, again, other = (train.drawn(TASK, seed) for seed in (1, 1, 2))
    rows = np.concatenate([points[f"x_{name}"].numpy() for name in ("train", "validation", "test")])
    assert len(np.unique(rows, axis=0)) == 150
    assert torch.equal(points["x_train"], again["x_train"]) and not torch.equal(points["x_train"], other["x_train"])


def test_a_job_trains_every_combination_and_says_how_many_points_chose():
    run = resolve_settings(BASE, {"scale": "smoke"})
    [job] = [job for job in EXPERIMENT.stages[0].jobs(run) if job.name == "validation/0"]
    work = Work(settings=plain(job.settings), keys=job.keys, trials=(0,), seeds=(5,), data_set="")
    tables, _ = train.run(None, work)
    table = tables["trials"]
    assert table["validation_points"].tolist() == [20, 50] and not table["diverged"].any()
    assert (table["neurons"] <= table["width"]).all() and table["r2"].nunique() == 1


def test_a_sweep_varies_what_training_knows():
    assert set(Varied.model_fields) == set(train.CHOICES)


def test_a_diverged_network_has_no_measure():
    row = train.measured(train.drawn(TASK, 1), TASK, choice(learning_rate=1e30), 1)
    assert row["diverged"] and np.isnan(row["neurons"])


def rows(**values):
    base = {"sweep": "widths", "penalty": "l1", "width": 10, "rho": 0.01, "trial": 0, "diverged": False, "r2": 0.9}
    base |= {"open_share": 0.5, "neurons": 4.0, "compact_r2": 0.88, "tuned_r2": 0.91, "zero_share": 0.0}
    base |= {"initial_scale": 0.0, "learning_rate": 0.01, "steps": 500, "shrunk": False, "validation_points": 50.0}
    return base | {"linear_r2": 0.7} | values


def said(section, table):
    return line(getattr(REPORT, section)(**getattr(findings, section)(table)))


def test_the_largest_strength_that_fits_goes_as_a_power_of_the_width():
    means = pd.DataFrame(
        [
            {"penalty": "l1", "width": width, "rho": rho, "r2": 0.95 if rho * width <= 1.0001 else 0.5}
            for width in (10, 100, 1000)
            for rho in (0.001, 0.01, 0.1)
        ]
    )
    strongest = findings.largest_strengths(means)
    assert strongest["rho"].tolist() == [0.1, 0.01, 0.001] and findings.slope(strongest) == pytest.approx(-1)


def test_every_section_says_what_its_table_holds():
    table = pd.DataFrame(
        [
            *(rows(width=width, rho=rho, r2=0.9 - rho * width / 10, trial=trial)
              for width in (10, 100) for rho in (0.001, 0.01) for trial in range(3)),
            *(rows(sweep="starts", initial_scale=scale, r2=0.5 + scale, neurons=10 * scale) for scale in (0.0, 0.1)),
            *(rows(sweep="zeros", shrunk=shrunk, zero_share=float(shrunk)) for shrunk in (False, True)),
            *(rows(sweep="validation", validation_points=n, compact_r2=0.9 - 1 / n) for n in (20.0, 500.0)),
        ]
    )  # fmt: skip
    strengths = said("strengths", table)
    assert "With L1 the largest strength that fits goes as N to the power −1, by single trials −1 to −1." in strengths
    assert "With L1 the largest strength that fits at every width is 0.001; 4 neurons are left there" in strengths
    begun = said("starts", table)
    assert "From zero R² is 0.5 after 500 steps" in begun and "From a start of spread 0.1 R² is 0.6" in begun
    assert said("zeros", table).startswith("The gradient of L1 leaves 0 % of the eigenvalues at exactly zero.")
    assert said("validation", table).startswith("Chosen on 20 points, compaction takes 0.05 of R² on average.")
    assert "at least as good as before compaction" in said("fine_tuning", table)
    drawn = figures.fig_choosing_table(table)
    assert figures.fig_choosing_caption(drawn).startswith(
        "**Choosing.** The largest strength that still fits goes as the width to the power −1 with"
    )
    assert len(figures.fig_choosing(drawn).axes) == 2


def test_powers_are_rounded_and_given_with_those_of_single_trials():
    fits = {0: (0.1, 0.01), 1: (0.1, 0.1), 2: (0.1, 0.1)}  # the largest ρ that fits, by trial, at widths 10 and 100
    table = pd.DataFrame(
        [
            rows(width=width, rho=rho, trial=trial, r2=0.95 if rho <= most else 0.5)
            for trial, of_width in fits.items()
            for width, most in zip((10, 100), of_width, strict=True)
            for rho in (0.01, 0.1)
        ]
    )
    [found] = findings.powers(table)
    assert found == {"penalty": "L1", "power": -1, "range": (-1, 0)}
    level = pd.DataFrame({"width": [25, 50, 100, 200, 400], "rho": 0.001})
    assert findings.slope(level) == 0 and not np.signbit(findings.slope(level))


def test_of_strengths_that_fit_at_every_width_the_answer_is_the_one_with_the_fewest_neurons():
    fits, left = {"l1": 0.01, "l2": 0.001, "rows": 0.01}, {"l1": 5.0, "l2": 2.0, "rows": 4.0}
    table = pd.DataFrame(
        [
            rows(penalty=penalty, width=width, rho=rho, trial=trial, neurons=left[penalty] if rho <= most else 0.0,
                 r2=0.9 if rho <= (most if width == 100 else 0.01) else 0.5)
            for penalty, most in fits.items() for width in (10, 100) for rho in (0.001, 0.01) for trial in range(3)
        ]
    )  # fmt: skip
    best = findings.answer(table)["best"]
    assert best == {"penalty": "L2", "rho": 0.001, "neurons": 2.0}
    apart = [rows(width=w, rho=r, trial=k, r2=0.9 if w * r == 1 else 0.5)
             for w in (10, 100) for r in (0.01, 0.1) for k in range(3)]  # fmt: skip
    assert said("answer", pd.DataFrame(apart)).startswith("**Answer: no strength fits at every width.**")


@pytest.mark.parametrize("section", ["strengths", "starts", "zeros", "validation"])
def test_a_sweep_that_was_not_run_is_said(section):
    for table in (pd.DataFrame(), pd.DataFrame([rows(sweep="other")]), pd.DataFrame([rows(diverged=True, r2=np.nan)])):
        assert said(section, table) == "This sweep has not been run at this scale."
    assert (
        figures.fig_choosing_table(pd.DataFrame()).empty and said("fine_tuning", pd.DataFrame()) == "No trial finished."
    )


def test_the_answer_is_of_three_networks_at_least():
    table = pd.DataFrame(
        [
            rows(width=w, rho=r, trial=k, r2=0.95 if w * r <= 1 else 0.5)
            for w in (10, 100)
            for r in (0.01, 0.1)
            for k in range(3)
        ]
    )
    known = said("answer", table)
    assert known.startswith(
        "**Answer: start with L1 at ρ = 0.01.** Of the penalties tried it leaves the fewest neurons, 4"
    )
    assert "It fits at every width from 10 to 100, with three networks of each combination." in known
    assert said("answer", table[table["trial"] < 2]).startswith("**Answer: untested.** Of each combination 2 networks")


def test_tables_on_which_a_linear_model_is_enough_are_named():
    scores = {
        ("wine", "linear"): 0.9,
        ("wine", "sparcs_l1"): 0.9,
        ("diamonds", "linear"): 0.9,
        ("diamonds", "sparcs_l1"): 0.98,
    }
    table = pd.DataFrame(
        [{"data_set": d, "method": m, "flips": False, "best_score": v, "score": v} for (d, m), v in scores.items()]
    )
    assert said("when_not", table).startswith("A linear model is within 0.01 of the best SPARCS on wine,")
    assert said("when_not", pd.DataFrame()) == "The experiment on real tables has not been run."
