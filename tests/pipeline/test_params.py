"""params.yaml and everything that can be wrong with it."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication import params
from replication.account.describe import describe
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import load_settings, paper_settings, resolve_settings
from replication.experiments.teacher_student.settings import TeacherTrial, teacher_parts

BASE = params.read_yaml(Path(__file__).parents[2] / "params.yaml")


def test_tables_3_and_4_are_the_paper_s():
    paper = paper_settings(BASE)
    regression, teacher_student = paper.regression, paper.teacher_student
    assert (regression.training.learning_rate, regression.training.batch_size, regression.training.epochs) == (
        1e-3,
        100,
        300,
    )
    assert (regression.widths, regression.bias, regression.training.penalty, regression.training.rho) == (
        [2, 300, 1],
        True,
        "l2",
        1e-4,
    )
    assert (len(regression.alphas), regression.betas, regression.points, regression.trials) == (
        21,
        [5, 1000],
        10000,
        100,
    )
    assert (
        teacher_student.training.learning_rate,
        teacher_student.training.batch_size,
        teacher_student.training.epochs,
    ) == (1e-3, 1024, 180)
    assert (
        teacher_student.widths,
        teacher_student.bias,
        teacher_student.training.penalty,
        teacher_student.training.rho,
    ) == ([20, 200, 200, 20], False, "l2", 3e-3)
    assert (teacher_student.points, teacher_student.test_points) == (100000, 100000)


def test_the_laptop_scale_trains_experiments_1_and_2_as_the_paper():
    paper, laptop = paper_settings(BASE), resolve_settings(BASE, {"scale": "laptop"})
    changed = {"starts", "priced", "independent"}
    assert laptop.regression.model_dump(exclude=changed) == paper.regression.model_dump(exclude=changed)
    changed = {"ensembles", "chunk", "map"}
    in_paper, in_laptop = (s.teacher_student.model_dump(exclude=changed) for s in (paper, laptop))
    assert in_paper == in_laptop
    assert laptop.teacher_student.ensembles["l2"].trials == 5


def test_overrides_win_over_the_scale_and_the_scale_over_the_base():
    assert resolve_settings(BASE, {"scale": "smoke"}).regression.trials == 2
    assert resolve_settings(BASE, {"scale": "smoke", "regression": {"trials": 7}}).regression.trials == 7
    assert resolve_settings(BASE, {"scale": "smoke"}).regression.training.batch_size == 100


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"scale": "huge"}, "scale = 'huge': allowed are smoke, laptop, overnight, paper"),
        (
            {"teacher_student": {"ensembles": {"l2": {"penalty": "row"}}}},
            r"ensembles\.l2\.penalty = 'row': .*'l2_squared', 'rows', 'nearest' or 'paths'$",
        ),
        ({"cifar10": {"priced": {"penalties": ["row"]}}}, r"priced\.penalties\.0 = 'row': .*'l2_squared' or 'rows'$"),
        ({"choosing": {"sweeps": {"widths": {"penalty": ["row"]}}}}, r"widths\.penalty\.0 = 'row': .* or 'rows'$"),
        (
            {"choosing": {"sweeps": {"rates": {"rho": [0.1]}}}},
            r"choosing\.sweeps\.rates.* = 'rates': .*'widths', 'starts', 'zeros' or 'validation'$",
        ),
        ({"tabular": {"data_sets": []}}, r"tabular\.data_sets = \[\]: .*at least 1 item"),
        (
            {"tabular": {"catalogue": {"sparcs_rows": {"tuned": {"strength": [1, -3]}}}}},
            r"^tabular\.catalogue\.sparcs_rows\.tuned\.strength\.1 = -3: .*greater than or equal to 0",
        ),
        (
            {"baselines": {"catalogue": {"sparcs_rows": {"options": {"price": None}}}}},
            r"options\.price = None: input should be a valid boolean or a valid integer or",
        ),
        ({"teacher_student": {"training": {"rho": [0.1, True]}}}, r"training\.rho: \[0\.1, True\]: .* a list of such"),
        (
            {"scale": "smoke", "baselines": {"confirmation": {"trials": 1}}},
            "baselines.teacher.points = 20000: allowed are at most the 4096",
        ),
        (
            {"cells": {"without_none": 1, "operations": ["none", "skip_connect"]}},
            "without_none = 1, operations = .*: allowed are operations with none and two more",
        ),
        ({"regression": {"alphas": [1.5]}}, "regression.alphas.0 = 1.5: .*less than or equal to 1"),
        ({"regression": {"trials": 0}}, "regression.trials = 0: .*greater than or equal to 1"),
        ({"regression": {"trials": True}}, "regression.trials = True: .*integer"),
        ({"regression": {"trials": 2.5}}, "regression.trials = 2.5: .*integer"),
        ({"regression": {"widths": [3, 300, 1]}}, r"regression: widths = \[3, 300, 1\]: allowed are three layers"),
        ({"cifar10": {"widths": [400, 100, 9]}}, r"cifar10: widths = .*: allowed are three layers, 400 inputs, 10 out"),
        ({"teacher_student": {"widths": [20, 200, 200, 10]}}, "teacher_student: widths = .*input = output"),
        (
            {"teacher_student": {"training": {"rho": "a"}}},
            "teacher_student.training.rho = 'a': .* a number >= 0, or a list",
        ),
        ({"teacher_student": {"training": {"rho": []}}}, "teacher_student.training.rho: .* a number >= 0, or a list"),
        (
            {"teacher_student": {"training": {"rho": [0.1, -1]}}},
            "training.rho: .* a list of such numbers, one for each",
        ),
        ({"teacher_student": {"training": {"rho": [0.1]}}}, r"rho = \[0.1\]: .* one for each hidden layer, here 2"),
        (
            {"scale": "overnight", "teacher_student": {"ensembles": {"graded": {"hidden": [9]}}}},
            r"ensembles.graded: rho = \[0.003, 0.001\]: allowed are one number, or one for each hidden layer, here 1",
        ),
        ({"teacher_student": {"ensembles": {"l2": {"hidden": []}}}}, r"ensembles.l2.hidden = \[\]: .* at least 1 item"),
        ({"teacher_student": {"output_eigenvalue": 0}}, "output_eigenvalue = 0: input should be 1 or -1"),
        (
            {"teacher_student": {"selection_points": 9, "points": 99, "ensembles": {"l2": {"drop_last_batch": True}}}},
            "ensembles.l2: drop_last_batch = true: allowed with at least 1024 points",
        ),
        (
            {"teacher_student": {"points": 1000, "map": {"trials": 1}}},
            "map.points = 20000: allowed are at most the 1000 of the data",
        ),
        ({"teacher_student": {"map": {"strengths": [0.1, 0.1]}}}, "map: strengths = .* 0.1 stands there twice"),
        ({"teacher_student": {"map": {"selection_points": 20000}}}, "map: selection_points = 20000: allowed are fewer"),
        (
            {"teacher_student": {"widths": [20, 100, 20], "map": {"full_trials": 1}}},
            "map.full_trials = 1: allowed is 0 unless two layers are hidden",
        ),
        ({"regression": {"training": {"rho": float("nan")}}}, "regression.training.rho = nan: .*finite"),
        ({"regression": {"training": {"penalty": "l3"}}}, "regression.training.penalty = 'l3': .*'l2', 'l1'"),
        ({"regression": {"alphas": [0.5, 0.5]}}, "0.5 stands there twice"),
        ({"regression": {"held_out_seed": 42}}, "held_out_seed = 42: it must differ from data_seed"),
        ({"teacher_student": {"selection_points": 100000}}, "selection_points = 100000: allowed are fewer"),
        ({"cifar10": {"images": 4}}, r"images = 4, validation_share = 0.1: allowed are numbers that leave an image"),
        ({"cifar10": {"images": 4, "validation_share": 0.9}}, "images = 4, validation_share = 0.9: allowed"),
        ({"baselines": {"methods": []}}, "baselines.methods.*at least 1"),
        ({"baselines": {"methods": ["neat"], "alpha_beta": {"trials": 0}}}, "one of the methods runs, which are neat"),
        ({"baselines": {"teacher": {"hidden": [10**9]}}}, "hidden.0 = 1000000000: .*less than or equal to 100000"),
        ({"baselines": {"catalogue": {"a b; x": {"search": "linear"}}}}, "catalogue.*string should match pattern"),
        ({"rivals": {"methods": None}}, "rivals is an unknown field"),
        ({"baselines": {"max_neurons": 5}}, "baselines.max_neurons = 5: .*30"),
        ({"cells": {"trials": 10**6}}, "cells.trials = 1000000: .*less than or equal to 100000"),
        ({"tabular": {"methods": ["trees"]}}, "methods: 'trees' is not in the catalogue, which has linear, mlp"),
        ({"tabular": {"data_sets": ["iris"]}}, "tabular.data_sets.0 = 'iris': .*'digits'"),
        (
            {"tabular": {"catalogue": {"linear": {"tuned": {"strength": [1]}}}}},
            "as many values to try .* linear 1, mlp 6",
        ),
        ({"tabular": {"catalogue": {"mlp": {"penalty": "l1"}}}}, "penalty = 'l1' of search 'mlp'"),
        (
            {"tabular": {"catalogue": {"linear": {"initial_scale": 0.1}}}},
            r"catalogue\.linear: initial_scale = 0\.1 of search 'linear': allowed is 0, since only spectral",
        ),
        (
            {"tabular": {"catalogue": {"mlp": {"output_eigenvalue": -1}}}},
            r"catalogue\.mlp: output_eigenvalue = -1 of search 'mlp': allowed is 1, since only spectral",
        ),
        (
            {"baselines": {"confirmation": {"first_trial": 12}}},
            r"^baselines\.confirmation\.first_trial = 12: allowed are 13 and more, since .* chosen on trials before",
        ),
        ({"tabular": {"catalogue": {"mlp": {"tuned": {"rate": [0, 1]}}}}}, "tuned.rate = 0.*positive rates"),
        ({"tabular": {"catalogue": {"linear": {"tuned": {"rate": [1]}}}}}, "of search 'linear': allowed are strength"),
        ({"tabular": {"test_share": 0.75}}, "validation_share . test_share = 0.95: allowed is 0.9"),
        ({"tabular": {"most_points": 29}}, "tabular.most_points = 29: .*30"),
        ({"teacher_student": {"chunk": 100}}, "teacher_student.chunk = 100: .*less than or equal to 20"),
        ({"regresion": {"trials": 1}}, "regresion is an unknown field"),
        ({"regression": {"trails": 1}}, "regression.trails is an unknown field"),
        ({"regression": 3}, "regression = 3: "),
        ({"device": "tpu"}, "device = 'tpu': .*'cpu' or 'cuda'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(overrides, message):
    with pytest.raises(params.ParameterError, match=message) as caught:
        resolve_settings(BASE, overrides)
    assert "\n" not in str(caught.value)


AMBIGUOUS = ["02025", "010", "-010", "00", "0_7", "33:45", "1:2:3", "190:20:30.15", "00.5"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("price", "abc", r"price = 'abc': allowed is a finite value of type float"),
        ("price", True, r"price = True: .* of type float"),
        ("price", float("inf"), r"price = inf: allowed is a finite"),
        ("skip", "abc", r"skip = 'abc': .* of type bool"),
        ("output_eigenvalue", True, r"output_eigenvalue = True: .* of type int"),
        ("prise", 1, r"prise: allowed are options of spectral_search, penalty, output_eigenvalue"),
    ],
)
def test_an_option_of_a_search_has_its_name_and_type(option, value, message):
    changed = {"baselines": {"catalogue": {"sparcs_rows": {"options": {option: value}}}}}
    with pytest.raises(params.ParameterError, match=rf"catalogue\.sparcs_rows\.options\.{message}"):
        resolve_settings(BASE, changed)


def test_the_values_that_are_tried_have_their_option_s_type():
    changed = {"baselines": {"catalogue": {"sparcs_rows": {"tuned": {"price": [1, "abc", 2]}}}}}
    with pytest.raises(params.ParameterError, match=r"sparcs_rows\.tuned\.price = 'abc': .* of type float"):
        resolve_settings(BASE, changed)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"options": {"penalty": "l1", "price": 10}}, r"options\.price = 10: allowed is none with penalty 'l1'"),
        ({"options": {"price": 1}}, r"options\.price = 1: allowed is none with penalty 'l2', .* rows and paths$"),
        ({"options": {"penalty": "l1"}, "tuned": {"price": [1, 2, 3]}}, r"tuned\.price = 1: .* penalty 'l1'"),
        (
            {"options": {"penalty": "paths", "price": 10}, "tuned": {"penalty": ["rows", "l2", "paths"]}},
            r"options\.price = 10: allowed is none with penalty 'l2'",
        ),
    ],
)
def test_a_price_is_of_penalties_that_have_one(method, message):
    catalogue = {"new": {"search": "spectral_search"} | method}
    with pytest.raises(params.ParameterError, match=rf"^baselines: catalogue\.new\.{message}"):
        resolve_settings(BASE, {"baselines": {"catalogue": catalogue}})
    priced = {"search": "spectral_search", "options": {"penalty": "paths", "price": 10}}
    assert resolve_settings(BASE, {"baselines": {"catalogue": {"new": priced}}}).baselines.catalogue["new"]


def test_a_strength_may_be_written_as_snakemake_hands_it_on():
    run = resolve_settings(BASE, {"scale": "smoke", "teacher_student": {"training": {"rho": "1e-3"}}})
    assert run.teacher_student.training.rho == 1e-3


@pytest.mark.parametrize("number", AMBIGUOUS)
def test_a_number_that_versions_of_yaml_read_differently_is_refused(tmp_path, number):
    path = tmp_path / "params.yaml"
    path.write_text(f"root_seed: {number}\n")
    with pytest.raises(params.ParameterError, match=f"{number} is read as different numbers: allowed are"):
        params.read_yaml(path)
    assert params.typed(number) == number  # a text, which no number of the settings may be
    with pytest.raises(params.ParameterError, match=f"root_seed = '{number}'"):
        resolve_settings(BASE, {"scale": "smoke", "root_seed": params.typed(number)})


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-0.5", -0.5), ("1_000", 1000), ("1.0e-3", 1e-3), ("10", 10)])
def test_a_number_that_all_read_alike_is_read(text, number):
    assert params.typed(text) == number


@pytest.mark.parametrize("path", ["{a}", "a}", "a\nb", "a\tb", "-x", "", "\x7f"])
def test_a_path_that_snakemake_or_a_command_would_misread_is_refused(path):
    for field in ({"images": {"files": {"cifar10": path}}}, {"cells": {"table": path}}):
        with pytest.raises(
            params.ParameterError, match="allowed is the path of a file, without braces and line breaks"
        ):
            resolve_settings(BASE, {"scale": "smoke"} | field)


@pytest.mark.parametrize("path", ["a b", "é/ü.npz", "/a/b.npz", "$HOME/a", "a'b\"c;d", "s3:a", "a-b", "~"])
def test_any_other_path_is_taken(path):
    found = resolve_settings(BASE, {"scale": "smoke", "images": {"files": {"cifar10": path}}})
    assert found.images.files.cifar10 == path


def test_overrides_given_as_text_have_their_types():
    text = {"scale": "smoke", "regression": {"trials": "7", "alphas": ["0", "0.5"], "training": {"rho": "1.0e-3"}}}
    regression = resolve_settings(BASE, params.typed(text)).regression
    assert (regression.trials, regression.alphas, regression.training.rho) == (7, [0, 0.5], 1e-3)
    with pytest.raises(params.ParameterError, match=r"regression\.trials = 'seven'"):
        resolve_settings(BASE, params.typed({"regression": {"trials": "seven"}}))


def test_a_missing_field_is_named():
    base = copy.deepcopy(BASE)
    del base["regression"]["points"]
    with pytest.raises(params.ParameterError, match=r"regression\.points is missing"):
        resolve_settings(base)


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "scales: 3\nscale: smoke"])
def test_a_file_that_is_no_params_file_is_refused(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(params.ParameterError) as caught:
        load_settings(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(BASE)), inner, max_size=3),
        max_leaves=6,
    ).filter(lambda value: isinstance(value, dict))
)
def test_any_override_resolves_or_is_one_sentence(overrides):
    try:
        resolve_settings(BASE, overrides)
    except params.ParameterError as error:
        assert "\n" not in str(error)


NAMED = ("scales.", "teacher_student.ensembles.", "baselines.catalogue.", "tabular.catalogue.", "choosing.sweeps.")


def test_every_leaf_is_described():
    described = {name: text for name, _, text in describe()}
    assert all(described.values())

    def leaves(value, prefix=""):
        for key, inner in value.items():
            if isinstance(inner, dict):
                yield from leaves(inner, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    names = {name for name in leaves(BASE) if not name.startswith(NAMED)}
    assert names == {name for name in described if "<name>" not in name}


def test_jobs_cover_every_trial_once_whatever_the_chunk():
    for chunk in (1, 3, 20):
        run = resolve_settings(BASE, {"scale": "overnight", "teacher_student": {"chunk": chunk}})
        jobs = [*EXPERIMENTS["teacher_student"].stage("trials").jobs(run)]
        seen = sorted((job.keys["ensemble"], trial) for job in jobs for trial in job.trials)
        ensembles = run.teacher_student.ensembles
        assert seen == sorted((name, trial) for name, each in ensembles.items() for trial in range(each.trials))
        teachers = {job.data.name for job in jobs if job.keys["ensemble"] == "l2"}
        assert len(teachers) == 1 + 15


def test_a_trial_keeps_its_teacher_when_trials_are_added():
    few, many = (
        resolve_settings(BASE, {"teacher_student": {"ensembles": {"l2": {"trials": n, "new_teacher_every": 2}}}})
        for n in (5, 30)
    )
    for trial in range(5):
        assert few.teacher_student.teacher_of("l2", trial) == many.teacher_student.teacher_of("l2", trial)
    assert teacher_parts(few.teacher_student.teacher_of("l2", 3)) == (46, 2)


def test_an_ensemble_says_what_it_has_in_place_of_table_4():
    student = resolve_settings(BASE, {"scale": "overnight"}).teacher_student
    assert student.of_ensemble("l2").part(TeacherTrial) == student.part(TeacherTrial)
    last, minus = (student.of_ensemble(name) for name in ("authors_last", "minus_one"))
    assert last.widths == [20, 2000, 2000, 20] and minus.widths == student.widths
    assert minus.output_eigenvalue == -1 and minus.training == student.training
    expected = {"rho": 0.0001, "epochs": 100, "drop_last_batch": True}
    assert last.training.model_dump() == student.training.model_dump() | expected
    keys = {
        job.keys["ensemble"]: job.keys
        for job in EXPERIMENTS["teacher_student"].stage("trials").jobs(resolve_settings(BASE, {"scale": "overnight"}))
    }
    assert keys["graded"].items() >= {"rho": None, "rho_2": 0.003, "rho_3": 0.001}.items() and keys["none"]["rho"] == 0


def test_one_hidden_layer_or_three_are_settings_like_any():
    for hidden in ([100], [9, 8, 7]):
        widths = {"widths": [20, *hidden, 20], "ensembles": {"l2": {"rho": [0.1] * len(hidden)}}}
        assert (
            resolve_settings(BASE, {"teacher_student": widths}).teacher_student.of_ensemble("l2").widths[1:-1] == hidden
        )


def test_the_map_has_every_pair_at_the_reduced_size_and_equal_ones_at_full_size():
    run = resolve_settings(BASE, {"scale": "overnight"})
    jobs = [*EXPERIMENTS["teacher_student"].stage("map").jobs(run)]
    pairs = {size: [job for job in jobs if job.keys["size"] == size] for size in ("reduced", "full")}
    assert len(pairs["reduced"]) == 25 and {len(job.trials) for job in pairs["reduced"]} == {3}
    assert len(pairs["full"]) == 15 and all(job.keys["rho_2"] == job.keys["rho_3"] for job in pairs["full"])
    for job in jobs:
        assert job.settings["training"]["rho"] == [job.keys["rho_2"], job.keys["rho_3"]] and job.data.keys["seed"] == 43
    sizes = {size: each[0].settings for size, each in pairs.items()}
    assert sizes["reduced"]["widths"] == [20, 100, 100, 20] and sizes["full"]["widths"] == [20, 200, 200, 20]
    assert (sizes["reduced"]["points"], sizes["full"]["points"]) == (20000, 100000)
