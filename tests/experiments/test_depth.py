"""The depth experiment: which layers are live, what the start looks like, and the verbs, on tiny networks."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from replication import cli, params
from replication.data import regression, teacher
from replication.experiments.depth import EXPERIMENT, compaction, findings
from replication.experiments.depth import tables as room
from replication.experiments.depth import train as experiment
from replication.experiments.depth.settings import DepthTrial
from replication.experiments.settings import resolve_settings
from replication.jobs import tables
from replication.jobs.commands import as_text
from replication.records import io
from replication.report.template import line, sections
from replication.training.work import plain
from sparcs.network import SpectralNetwork

ROOT = Path(__file__).parents[2]
BASE = params.read_yaml(ROOT / "params.yaml")
SMALL = {"hidden": 8, "points": 200, "test_points": 120, "selection_points": 40, "training": {"epochs": 2}}
RUN = resolve_settings(
    BASE,
    {
        "scale": "smoke",
        "depth": {
            "teacher": SMALL | {"depths": [1, 3], "trials": 2},
            "initial_scale": {"xavier_gains": [0.5], "depths": [3], "trials": 1},
            "alpha_beta": SMALL | {"alphas": [1], "depths": [2], "trials": 1},
            "without_penalty": {"depths": [1, 3], "trials": 2},
            "priced": {"depths": [2], "trials": 1},
        },
    },
)
TRIAL = plain(RUN.depth.teacher.part(DepthTrial))
TRIALS, START, FREE, PRICED = EXPERIMENT.stages
REPORT = sections(EXPERIMENT.package)


@pytest.fixture(scope="module")
def data():
    return experiment.used_points(teacher.draw(4, 300, 200, 42, 2), TRIAL)


def network(eigenvalues, width=6, seed=3):
    """Arrays of a network 4 → width… → 4 whose hidden eigenvalues are the given constants, per layer."""
    widths = (4, *[width] * len(eigenvalues), 4)
    module = SpectralNetwork(widths, generator=torch.Generator().manual_seed(seed))
    parameters = {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
    spread = np.linspace(0.5, 1.5, width, dtype=np.float32)
    for layer, value in enumerate(eigenvalues, start=1):
        parameters[f"eigenvalues.{layer}"] = np.float32(value) * spread
    return parameters


def weights(parameters):
    """Every W_ij from A = ΦΛΦ⁻¹ with a dense inverse, and the widths."""
    count = sum(name.startswith("eigenvalues.") for name in parameters)
    lam = [parameters[f"eigenvalues.{k}"].astype(float) for k in range(count)]
    edges = np.cumsum([0, *map(len, lam)])
    matrix = np.eye(edges[-1])
    for k in range(count - 1):
        matrix[edges[k + 1] : edges[k + 2], edges[k] : edges[k + 1]] = parameters[f"eigenvectors.{k}"]
    adjacency = matrix @ np.diag(np.concatenate(lam)) @ np.linalg.inv(matrix)
    return adjacency, edges


def output(adjacency, edges, x, deleted=()):
    """The output by (4.5), neuron by neuron from A, without the neurons of the deleted layers."""
    activities = np.zeros((len(x), edges[-1]))
    activities[:, : edges[1]] = x
    for layer in range(1, len(edges) - 1):
        neurons = slice(edges[layer], edges[layer + 1])
        z = activities[:, : edges[layer]] @ adjacency[neurons, : edges[layer]].T
        activities[:, neurons] = z if layer == len(edges) - 2 else np.maximum(z, 0) * (layer + 1 not in deleted)
    return activities[:, edges[-2] :]


@pytest.mark.parametrize(
    ("eigenvalues", "by_eigenvalue", "live"),
    [
        ((0.5, 0, 0, 0), [2], [2, 3]),
        ((0, 0.5, 0, 0), [3], [3, 4]),
        ((0, 0, 0, 0.5), [5], [5]),
        ((0.5, 0, 0.4, 0), [2, 4], [2, 3, 4, 5]),
    ],
)
def test_an_open_eigenvalue_makes_its_layer_and_the_next_one_live(data, eigenvalues, by_eigenvalue, live):
    parameters = network(eigenvalues)
    row, layers = experiment.measure(parameters, data, TRIAL)
    layers = layers.set_index("layer")
    assert layers.index[layers["survives_by_eigenvalue"]].tolist() == by_eigenvalue
    assert layers.index[layers["live_neurons"] > 0].tolist() == live
    adjacency, edges = weights(parameters)

    def loss(deleted=()):
        return np.square(output(adjacency, edges, data["x_test"], deleted) - data["y_test"]).mean()

    for layer in layers.index:
        assert layers.loc[layer, "deleted_increase"] == pytest.approx(loss([layer]) / loss() - 1, abs=1e-5)
    assert row["all_deleted_increase"] == pytest.approx(loss(range(2, 6)) / loss() - 1, abs=1e-5)
    assert row["test_mse"] == pytest.approx(loss(), rel=1e-5)
    assert row["surviving_by_eigenvalue"] == len(by_eigenvalue)
    assert row["surviving_by_function"] == (layers["deleted_increase"] > 0.05).sum()


def test_a_network_at_its_start_is_linear(data):
    row, layers = experiment.measure(network((0, 0, 0)), data, TRIAL)
    assert row["stayed_linear"] == 1
    assert row["surviving_by_eigenvalue"] == row["surviving_by_function"] == 0
    assert (layers["deleted_increase"] == 0).all() and (layers["live_neurons"] == 0).all()


def test_the_start_is_that_of_the_product_of_all_eigenvectors(data):
    start = experiment.measure_start(data, TRIAL, [1, 3], [0.5, 1.0, 2.0], [0, 1], [7, 8])
    x, y = (data[name].astype(float) for name in ("x_train", "y_train"))
    for row in start.itertuples():
        arrays = experiment.start(data, TRIAL, row.depth, row.gain, [row.seed])
        phi = [arrays[f"eigenvectors.{k}"][0].astype(float) for k in range(row.depth + 1)]
        product = np.eye(4)
        for block in phi:
            product = -block @ product
        assert row.largest_singular_value == pytest.approx(np.linalg.svd(product)[1][0])
        assert row.variance_ratio == pytest.approx(np.trace(product @ product.T) / 4)
        residual = x @ product.T - y
        assert row.loss_ratio == pytest.approx(np.square(residual).mean() / y.var(axis=0).mean())
        earlier = np.eye(4)
        for block in phi[:-1]:
            earlier = -block @ earlier
        through = x @ earlier.T  # (points, N_B): what λ_B multiplies on its way into the output
        gradient = 2 * np.einsum("po,oh,ph->h", residual, phi[-1], through) / residual.size
        assert row.gradient_eigenvalues == pytest.approx(np.linalg.norm(gradient), rel=1e-6)
    by = start.set_index(["depth", "gain", "trial"])["variance_ratio"]
    np.testing.assert_allclose(by[3, 2.0] / by[3, 1.0], 2.0**8, rtol=1e-5)
    np.testing.assert_allclose(by[1, 0.5] / by[1, 1.0], 0.5**4, rtol=1e-5)


def test_gain_1_is_the_default_start(data):
    from replication.training.ensemble.training import initial_parameters

    default = initial_parameters((4, 8, 8, 4), [5])
    for name, array in experiment.start(data, TRIAL, 2, 1.0, [5]).items():
        np.testing.assert_array_equal(array, default[name])


def test_compaction_counts_what_is_left_and_its_exports_agree(data):
    parameters = network((0, 0.5, 0, 0))
    measures = compaction.measure(parameters, data, TRIAL)
    assert set(measures) == set(compaction.COLUMNS)
    assert measures["compact_hidden_layers"] <= 2 and measures["neurons"] == 24
    assert measures["parameters"] == 2 * 4 * 6 + 3 * 6 * 6 + 4 * 6 + 4
    assert measures["onnx_difference"] < 1e-5 and measures["export_difference"] < 1e-5
    module = compaction.network_of(parameters, TRIAL)
    adjacency, edges = weights(parameters)
    expected = output(adjacency, edges, data["x_test"])
    np.testing.assert_allclose(module(torch.from_numpy(data["x_test"])).detach(), expected, atol=1e-5)


def test_points_are_the_first_of_the_data():
    x = regression.points(300, 1)
    arrays = {"x_train": x, "y_train": x[:, 0], "x_held_out": x + 1, "y_held_out": x[:, 1]}
    used = experiment.used_points(arrays, TRIAL)
    assert {name: array.shape for name, array in used.items()} == {
        "x_train": (200, 2), "y_train": (200, 1), "x_test": (120, 2), "y_test": (120, 1)
    }  # fmt: skip
    np.testing.assert_array_equal(used["x_test"], x[:120] + 1)


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The folder of data that the verb reads: a teacher, and points and targets of α = 1."""
    folder = tmp_path_factory.mktemp("data")
    io.write_arrays(folder / "teacher_student/teacher42_rotations2.safetensors", teacher.draw(4, 300, 200, 42, 2))
    x = {split: regression.points(300, seed) for split, seed in (("train", 42), ("held_out", 43))}
    io.write_arrays(
        folder / "regression/points.safetensors", {f"x_{split}": array.astype(np.float32) for split, array in x.items()}
    )
    y = {f"y_{split}": regression.target(array, 1, 5).astype(np.float32) for split, array in x.items()}
    io.write_arrays(folder / "regression/beta5_alpha1.safetensors", y)
    return folder


def jobs(**changes):
    """The jobs of the small run, with other settings of the experiment."""
    return list(TRIALS.jobs(SimpleNamespace(**vars(RUN) | {"depth": RUN.depth.model_copy(update=changes)})))


def train(sources, job, folder, stage=TRIALS):
    text = as_text(EXPERIMENT, stage, job, 1, "fingerprint")
    return run("train", f"depth.{stage.name}", "--job", text, "--data", sources, "--results", folder)


def test_tables_do_not_depend_on_chunks(sources, tmp_path):
    files = {}
    for chunk in (1, 2):
        folder, names = tmp_path / str(chunk), [job.name for job in jobs(chunk=chunk)]
        for job in jobs(chunk=chunk):
            assert train(sources, job, folder) == 0
        assert run("tabulate", "depth", "--jobs", json.dumps({"trials": names}), "--results", folder) == 0
        files[chunk] = {path.name: path.read_bytes() for path in folder.glob("depth/*.parquet")}
    assert files[1] == files[2] and set(files[1]) == {"trials.parquet", "layers.parquet"}
    trials, layers = (io.read_table(tmp_path / "1/depth" / f"{name}.parquet") for name in ("trials", "layers"))
    counts = trials.groupby(["data_set", "depth", "gain"]).size().to_dict()
    assert counts == {("teacher", 1, 1): 2, ("teacher", 3, 1): 2, ("teacher", 3, 0.5): 1, ("beta5_alpha1", 2, 1): 1}
    assert trials.loc[trials["data_set"] == "beta5_alpha1", "alpha"].tolist() == [1]
    assert trials["alpha"].dtype == float and trials.loc[trials["data_set"] == "teacher", "alpha"].isna().all()
    rows = layers.groupby(["data_set", "depth", "gain", "trial"]).size().reset_index(name="rows")
    assert (rows["rows"] == rows["depth"]).all()
    of_trial_0 = trials[(trials["data_set"] == "teacher") & (trials["trial"] == 0)]
    assert of_trial_0["seed"].nunique() == 1  # depths and gains pair
    assert len(list(tmp_path.glob("1/depth/trials/**/*.provenance.json"))) == len(trials)


def test_finished_jobs_are_gathered_with_their_layers(sources, tmp_path):
    done = jobs()[:2]
    for job in done:
        assert train(sources, job, tmp_path) == 0
    gathered = tables.gather(EXPERIMENT, tmp_path / "depth", {"trials": [job.name for job in done]}, {})
    assert gathered["trials"][["depth", "trial"]].to_numpy().tolist() == [[1, 0], [1, 1], [3, 0], [3, 1]]
    assert len(gathered["layers"]) == 2 * 1 + 2 * 3


@pytest.mark.parametrize("batch_size", [20, 10**6])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_trial_that_diverges_has_a_row_of_nan(sources, tmp_path, capsys, batch_size):
    """It may diverge by its last step, which no loss of a batch tells."""
    update = {"learning_rate": 1e20, "epochs": 1, "batch_size": batch_size}
    training = RUN.depth.teacher.training.model_copy(update=update)
    task = RUN.depth.teacher.model_copy(update={"training": training, "depths": [2]})
    job = jobs(teacher=task)[0]
    assert train(sources, job, tmp_path) == 0
    assert "diverged in epoch 1" in capsys.readouterr().err
    trials, layers = (
        io.read_table(tables.table_file(tmp_path / "depth", TRIALS, job.name, name)) for name in ("trials", "layers")
    )
    assert trials["trial"].tolist() == [0, 1]
    assert trials[[*experiment.MEASURES, *compaction.COLUMNS]].isna().all(axis=None)
    assert layers.empty and set(experiment.LAYER_COLUMNS) < set(layers)


def test_the_start_has_a_row_for_every_depth_gain_and_trial(sources, tmp_path):
    [job] = START.jobs(RUN)
    assert train(sources, job, tmp_path, START) == 0
    start = io.read_table(tmp_path / "depth/start/all_start.parquet")
    rows = start[["depth", "gain", "trial"]].to_numpy().tolist()
    assert rows == [[depth, gain, trial] for depth in (1, 3) for gain in (0.5, 1) for trial in (0, 1)]
    assert np.isfinite(start).all(axis=None)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        ({"teacher": {"depths": [1, 1]}}, "depth.teacher: depths = .*1 stands there twice"),
        ({"teacher": {"depths": [0]}}, "depth.teacher.depths.0 = 0: .*greater than or equal to 1"),
        ({"teacher": {"bias": True}}, "depth.teacher.bias = True"),
        ({"teacher": {"trials": 0}}, "depth: teacher.trials = 0: allowed are 1 or more"),
        ({"teacher": {"selection_points": 20000}}, "selection_points = 20000: allowed are fewer than test_points"),
        ({"teacher": {"points": 100001}}, "depth.teacher.points = 100001: allowed are at most the 100000"),
        ({"initial_scale": {"xavier_gains": [1]}}, "xavier_gains: allowed are values that differ"),
        ({"initial_scale": {"xavier_gains": [0]}}, "depth.initial_scale.xavier_gains.0 = 0: .*greater than 0"),
        ({"alpha_beta": {"alphas": [2]}}, "depth.alpha_beta.alphas.0 = 2"),
        ({"depht": 1}, "depth.depht is an unknown field"),
    ],
)
def test_a_wrong_setting_is_one_sentence(depth, message):
    with pytest.raises(params.ParameterError, match=message) as caught:
        resolve_settings(BASE, {"scale": "overnight", "depth": depth})
    assert "\n" not in str(caught.value)


def test_overnight_covers_every_depth_and_gain():
    overnight = resolve_settings(BASE, {"scale": "overnight"})
    jobs = pd.DataFrame([{**job.keys, "data": job.data.name} for job in TRIALS.jobs(overnight)])
    on_teacher = jobs[(jobs["data_set"] == "teacher") & (jobs["gain"] == 1)]
    assert set(on_teacher["depth"]) == set(range(1, 11))
    assert set(jobs["gain"]) == set(overnight.depth.initial_scale.all_gains())
    assert set(jobs["data_set"]) == {"teacher", *overnight.depth.alpha_beta.named()}
    assert set(jobs["data"]) == {"teacher42_rotations2", *overnight.depth.alpha_beta.named()}


def test_trials_without_a_penalty_are_the_same_at_rho_0(data):
    free = list(FREE.jobs(RUN))
    penalised = {(job.keys["depth"], job.trials): job for job in TRIALS.jobs(RUN) if job.keys["data_set"] == "teacher"
                 and job.keys["gain"] == 1}  # fmt: skip
    assert [job.keys["depth"] for job in free] == [1, 3]
    for job in free:
        of = penalised[job.keys["depth"], job.trials]
        training = of.settings["training"] | {"rho": 0.0}
        assert of.settings["training"]["rho"] > 0 and job.settings == of.settings | {"training": training}
        assert (job.seeds, job.data) == (of.seeds, of.data)


def free_trials(*rows):
    columns = ["depth", "surviving_by_function", "surviving_by_eigenvalue", "test_r2", "diverged_epoch"]
    of = {"data_set": "teacher", "gain": 1.0}
    return pd.DataFrame([dict(zip(columns, row, strict=True), trial=k, **of) for k, row in enumerate(rows)])


def test_the_report_says_whether_smaller_depth_is_preferred_without_a_penalty():
    free = free_trials(
        (1, 1, 1, 0.9, -1), (3, 1, 1, 0.9, -1), (3, 2, 1, 0.8, -1), (3, 3, 2, 0.7, -1), (3, 3, 3, 0.1, 2)
    )
    said = line(REPORT.without_penalty(**findings.without_penalty(free)))
    assert said.startswith("Without a penalty 2 of 3 networks with several hidden layers use fewer than they have. One")
    assert "in use in one of them. With 3 hidden layers allowed 2 are in use on average." in said
    table = room.without_penalty_table(free_trials((3, 1, 1, 0.95, -1)), free).splitlines()
    assert table[-1] == "| 3 | 3, 1 | 2 | 1 | 1.33 | 1 | 0.800 | 0.950 |"
    assert "| 1 | 1, 0 | 1 | – | 1 | – | 0.900 | – |" in table
    for rows in (pd.DataFrame(), free.head(1)):
        assert line(REPORT.without_penalty(**findings.without_penalty(rows))) == ""
    assert room.without_penalty_table(free, pd.DataFrame()) == "Without a penalty: it has not been run."
    assert room.without_penalty_table(free, free.tail(1)) == "No trial finished."


def test_priced_networks_have_the_seeds_of_the_others_and_pay_for_weights(data):
    [priced] = PRICED.jobs(RUN)
    other = next(TRIALS.jobs(RUN))
    assert priced.seeds == other.seeds and priced.keys["depth"] == 2
    changed = {"penalty": "rows", "rho": 0.0001, "rho_skip": 0.0001}
    assert priced.settings["training"] == other.settings["training"] | changed
    assert set(PRICED.made_as) == set(PRICED.tables) and {*PRICED.made_as.values()} == {"trials", "layers"}


def test_the_priced_table_stands_beside_the_papers_penalty():
    rows = {"data_set": "teacher", "gain": 1.0, "diverged_epoch": -1, "test_r2": 0.99, "compact_neurons": 20.0}
    paper = pd.DataFrame([rows | {"depth": 3, "trial": k, "surviving_by_function": 2.0} for k in range(3)])
    priced = pd.DataFrame([rows | {"depth": 3, "trial": k, "surviving_by_function": float(k == 0)} for k in range(2)])
    last = room.priced_table(paper, priced).splitlines()[-1]
    assert "| 3 | 2, 3 | 1 of 2 | 0 of 3 |" in last
    assert room.priced_table(paper, pd.DataFrame()) == "With a price on weights: it has not been run."
