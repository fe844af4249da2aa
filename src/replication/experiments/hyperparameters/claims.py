"""How claim G1 is measured: the range of ρ that works."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.experiments.cifar10.claims import SWEEP
from replication.judging.bootstraps import FEWEST_RESAMPLED, NOTHING, bootstrap, fewest, of_mean
from replication.judging.divergence import divergence
from replication.judging.heads import SPARCS
from replication.judging.statistics import NOT_NEGATIVE, Interval, mean_interval
from replication.judging.verdicts import SWEET_SPOT, Claim, Each, Measured, Tables
from replication.report.text import PENALTIES, penalty_name

NEW = "an experiment has to be judged with its own penalty, and L1 is that of experiment 3"


def sweet_spot(tables: Tables) -> Iterator[Measured]:
    """G1: how far the worst ρ of the range falls short of the best one, in each experiment with its own penalty.

    Of R² in experiments 1 and 2 with L2, on the worst data set; of test accuracy in experiment 3 with L1. The other
    kinds of penalty stand in the remark.
    """
    sweep = tables["hyperparameters/trials"].fillna({"alpha": -1})
    for part, experiment, number in (("a", "regression", 1), ("b", "teacher_student", 2)):
        by_penalty = dict(list(sweep[sweep["experiment"] == experiment].groupby("penalty")))
        l2 = by_penalty.pop("l2", sweep.iloc[:0])
        lost = divergence(l2[_inside(l2["rho"])], "r2", ["rho"])
        yield Measured(
            part,
            f"shortfall of R² within ρ = 10⁻⁵ … 10⁻³, L2, experiment {number}",
            _shortfall_interval(l2),
            fewest(_cells(l2).to_numpy()),
            (0, 0.01),
            _remark(by_penalty, "a training that diverged counts as R² = 0" if lost.count else ""),
            diverged=lost,
            each=_of_trials(l2),
        )
    yield _of_images(tables.get(SWEEP))


def _of_images(sweep: pd.DataFrame | None) -> Measured:
    """The part on experiment 3, whose test accuracy as a share takes the place of R²."""
    statement = "shortfall of test accuracy, as a share, within ρ = 10⁻⁵ … 10⁻³, L1, experiment 3"
    if sweep is None:
        return Measured("c", statement, NOTHING, 0, (0, 0.01), untested=f"{SWEEP} was not run", changed=NEW)
    spectral = sweep[sweep["head"] == SPARCS].assign(alpha=-1, r2=lambda rows: rows["test_accuracy"] / 100)
    by_penalty = dict(list(spectral.groupby("penalty")))
    l1 = by_penalty.pop("l1", spectral.iloc[:0])
    lost = divergence(l1[_inside(l1["rho"])], "r2", ["rho"])
    epochs = ", ".join(f"{each:,}" for each in sorted(sweep["epochs"].unique()))
    remark = f"after {epochs} epochs; experiment 4 was not swept"
    return Measured("c", statement, _shortfall_interval(l1), fewest(_cells(l1).to_numpy()), (0, 0.01),
                    _remark(by_penalty, remark), on=SWEEP, diverged=lost, changed=NEW, each=_of_trials(l1))  # fmt: skip


def _remark(by_penalty: Mapping[str, pd.DataFrame], more: str) -> str:
    """The shortfall with penalties that are not judged, and what else there is to say."""
    shortfalls = {kind: _shortfall_interval(rows) for kind, rows in by_penalty.items()}
    others = ", ".join(
        f"{penalty_name(kind)} {value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "−")
        for kind, (value, low, high) in shortfalls.items()
        if np.isfinite(value) and kind in PENALTIES
    )
    return "; ".join(filter(None, (f"not judged, with other penalties: {others}" if others else "", more)))


def shortfall(rhos: np.ndarray, r2: np.ndarray) -> float:
    """Largest (best R² − R²) over the ρ of SWEET_SPOT and the data sets; rhos: (rhos,), r2: (data sets, rhos)."""
    inside = _inside(rhos)
    return float((r2.max(axis=1, keepdims=True) - r2)[:, inside].max()) if inside.any() else np.nan


def _inside(rhos: np.ndarray) -> np.ndarray:
    return (rhos >= SWEET_SPOT[0] * 0.999) & (rhos <= SWEET_SPOT[1] * 1.001)


def _shortfall_interval(rows: pd.DataFrame) -> Interval:
    """The shortfall with its interval over trials, of the rows of one experiment and one kind of penalty.

    The same trials have every ρ. With few of them a bootstrap's intervals are too narrow; there the interval is
    Student's, of the differences between the ρ that are best and worst in the mean. It ends at 0, where no ρ is worse.
    """
    if rows["r2"].isna().all():
        return NOTHING
    cells = _cells(rows)
    rhos = cells.index.get_level_values("rho").unique().to_numpy()
    if fewest(cells.to_numpy()) >= FEWEST_RESAMPLED:
        return bootstrap(of_mean(lambda r2: shortfall(rhos, r2.reshape(-1, len(rhos)))), cells.to_numpy())
    return mean_interval(_falls(cells), NOT_NEGATIVE)


def _of_trials(rows: pd.DataFrame) -> Each:
    falls = _falls(_cells(rows)) if rows["r2"].notna().any() else np.array([])
    return Each(falls, "how much less one trial reaches at the worst ρ than at the best (both of the mean)")


def _falls(cells: pd.DataFrame) -> np.ndarray:
    """R² at the ρ that is best in the mean less that at the worst of SWEET_SPOT, of each trial with every ρ.

    On the data set where that differs most; empty where no trial has every ρ.
    """
    rhos = cells.index.get_level_values("rho").unique().to_numpy()
    whole, inside = cells.dropna(axis=1), _inside(rhos)
    if whole.empty or not inside.any():
        return np.array([])
    r2 = whole.to_numpy().reshape(-1, len(rhos), whole.shape[1])  # (data sets, rhos, trials)
    means = r2.mean(axis=2)
    falls = np.where(inside, means.max(axis=1, keepdims=True) - means, -np.inf)
    data_set, worst = np.unravel_index(falls.argmax(), falls.shape)
    return r2[data_set, means[data_set].argmax()] - r2[data_set, worst]


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """R², a row per data set and ρ, a column per trial; 0 where the training diverged, which explains nothing."""
    return rows.fillna({"r2": 0}).pivot(index=["alpha", "rho"], columns="trial", values="r2")


CLAIMS = [
    Claim("G1", "ρ from 10⁻⁵ to 10⁻³ works, in every experiment with its own penalty", "Appendix G", "said",
          "06_hyperparameters, fig_hyperparameters, fig_cifar10_sweep",
          sweet_spot, ("hyperparameters/trials",), (SWEEP,)),
]  # fmt: skip
