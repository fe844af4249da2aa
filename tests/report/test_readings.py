"""The readings of the paper, and what its figures hang on, on tables made by hand."""

import numpy as np
import pandas as pd

from replication.account import readings
from replication.report.template import line, sections

REPORT = sections(readings.__package__)

STUDENT = ("trials", "eigenvalues", "pruning", "map")
EMPTY = {name: pd.DataFrame() for name in ("cifar10/trials", *(f"teacher_student/{name}" for name in STUDENT))}


def students():
    """Networks of Table 4 and with a dearer first layer, with their eigenvalues and where 30 are kept."""
    trials = pd.DataFrame(
        {"ensemble": ["l2", "graded", "graded", "graded"], "diverged_epoch": [-1, -1, -1, 5], "trial": [0, 0, 1, 2],
         "teacher": 43, "surviving_layer": [2, 3, 3, 0], "other_layer_loss_increase": [110.0, 0.001, -0.001, np.nan],
         "live_neurons": [300, 38, 48, np.nan], "kept_eigenvalues": [2, 1, 2, np.nan]}
    )  # fmt: skip
    layers = pd.DataFrame({"layer": [2, 2, 3, 3], "neuron": [1, 2, 1, 2], "eigenvalue": [0.4, 0.3, -0.01, 0.02]})
    turned = layers.assign(layer=5 - layers["layer"])
    networks = [("l2", 0, layers), ("graded", 0, turned), ("graded", 1, turned)]
    values = [of.assign(ensemble=name, teacher=43, trial=trial) for name, trial, of in networks]
    curves = trials[["ensemble", "teacher", "trial"]].head(3)
    curves = curves.assign(removal="eigenvalue", kept=30, live=200, r2=[0.9, 0.98, 0.99])
    return {"teacher_student/trials": trials, "teacher_student/eigenvalues": pd.concat(values),
            "teacher_student/pruning": curves}  # fmt: skip


def shown(tables):
    """The rows of the table of readings."""
    text = REPORT.readings(**readings.readings(tables))
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("| ")][2:]


def said(section, **values):
    """The sentences of a section."""
    return line(getattr(REPORT, section)(**values))


def test_readings_stand_beside_the_one_that_is_judged():
    heads = pd.DataFrame({"head": ["linear", "spectral", "hidden"], "trial": 0, "test_accuracy": [67.0, 69.0, 73.0],
                          "stand_in": False})  # fmt: skip
    rows = shown(EMPTY | students() | {"cifar10/trials": heads})
    assert [row[2] for row in rows[:10]] == [
        "λ₂ in 1 of 1; median 11,000", "λ₃ in 2 of 2; median 0", "300; 0 of 1 in 20 to 40",
        "43 (38 to 48); 1 of 2 in 20 to 40", "2; 0 of 1 in 20 to 40", "1.5 (1 to 2); 0 of 2 in 20 to 40",
        "0; 0 of 1 in 20 to 40", "1.5 (1 to 2); 0 of 2 in 20 to 40", "0.9", "0.985 (0.98 to 0.99)"]  # fmt: skip
    gains = [row[2] for row in rows if "Table 1" in row[0]]
    assert gains == ["+2 points against linear (n = 1)", "+6 points against linear (n = 1)"]
    assert line(REPORT.readings(**readings.readings(EMPTY))) == "No reading was run."
    neither = students()
    neither["teacher_student/trials"] = neither["teacher_student/trials"].assign(surviving_layer=0)
    assert shown(EMPTY | neither)[0][2] == "neither layer survives"


def test_what_the_paper_s_figures_hang_on_is_counted():
    tables = EMPTY | students()
    price = said("price_found", **readings.price(tables))
    assert "Figure 9 comes out in both networks, Figure 10's count in one." in price and "No other reading" in price
    of_map = pd.DataFrame({"size": ["full"] * 3 + ["reduced"], "rho_2": 0.01, "rho_3": [0.01, 0.01, 0.02, 0.01],
                           "diverged_epoch": -1, "surviving_layer": [3, 0, 3, 3], "test_r2": [0.9, 0.1, 0.2, 0.3],
                           "live_neurons": [20, 0, 9, 9]})  # fmt: skip
    equal = said("price_found", **readings.price(tables | {"teacher_student/map": of_map}))
    assert "At one price of 0.01 for both it comes out in 1 of 2 networks of full size." in equal
    assert "They have 20 live neurons. Their R² is 0.9." in equal and "At one price" not in price
    axis = said("axis_found", **readings.axis(tables))
    assert axis == "The axis alone does not give 30. With Table 4's settings it counts 0 (n = 1)."
    nothing = REPORT.reasons(**readings.reasons(EMPTY, pd.DataFrame({"id": [], "verdict": []})))
    assert "has not been run here" in nothing and "not known here" in nothing and nothing.count("- **") == 3


def test_the_authors_start_is_judged_by_the_same_rules(tables):
    """Their head 9 points ahead, SPARCS level; all curves alike; one mode, few neurons."""
    ahead = {"linear": 60.0, "spectral": 60.0, "spectral_authors_sign": 69.0}
    trials = tables["cifar10/trials"].query("head in @ahead")
    trials = trials.assign(test_accuracy=trials["head"].map(ahead) + trials["trial"] / 10, recruited_neurons=5.0)
    changed = tables | {"cifar10/trials": trials}
    tested, untested = (pd.DataFrame({"id": ["E1"], "verdict": [verdict]}) for verdict in ("inconclusive", "untested"))
    of_start = said("start_found", **readings.start(changed, tested))
    assert of_start.startswith("Judged by this start ") and "E1" in of_start.partition(" would be replicated")[0]
    assert "Over that from $+1$ it gains +9 points" in of_start
    assert of_start.endswith("so the gain is not shown to be SPARCS's.")
    plain = trials[trials["head"] == "linear"].assign(head="hidden")
    run = said("start_found", **readings.start(changed | {"cifar10/trials": pd.concat([trials, plain])}, tested))
    assert (
        "Over the plain hidden layer SPARCS with the authors' sign gains +9 points" in run
        and "has not been run" not in run
    )
    assert not readings.start(changed, untested)["judged"] and not readings.start(EMPTY, tested)["judged"]
