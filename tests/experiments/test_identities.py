"""The paper's identities and misprints: exact arithmetic against SymPy, properties in floating point."""

import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.experiments.theory import EXPERIMENT, bundles, identities, misprint_checks, misprints
from replication.jobs.carry_out import carry_out
from sparcs import spectral

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=7)
SEEDS = st.integers(0, 2**32 - 1)


def as_sympy(matrix):
    return sympy.Matrix(*matrix.shape, [sympy.Rational(x.numerator, x.denominator) for x in matrix.ravel()])


def from_sympy(matrix):
    values = [Fraction(int(value.p), int(value.q)) for value in matrix]
    return np.array(values, dtype=object).reshape(matrix.shape)


@pytest.mark.parametrize("widths", [(2, 3), (1, 3, 2), (2, 1, 2, 3)])
def test_the_library_is_exact_on_fractions(widths):
    """Φ is made by hand, its inverse and product by SymPy."""
    phi, lam = identities.rational_network(widths, seed=len(widths))
    ends = np.cumsum([0, *widths])
    vectors = sympy.eye(sum(widths))
    for k, block in enumerate(phi):
        vectors[ends[k + 1] : ends[k + 2], ends[k] : ends[k + 1]] = as_sympy(block)
    values = sympy.diag(*[as_sympy(block[:, None])[k] for block in lam for k in range(len(block))])
    inverse = vectors.inv()
    assert (spectral.inverse_eigenvector_matrix(phi) == from_sympy(inverse)).all()
    assert (spectral.adjacency(phi, lam) == from_sympy(vectors * values * inverse)).all()
    written = identities.written_out(phi, lam)
    assert [as_sympy(matrix) for matrix in written] == [vectors, values]
    assert as_sympy(identities.exact_inverse(written[0])) == inverse


@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (2, 4), (4, 2)])
def test_elimination_agrees_with_sympy(shape):
    matrix = identities.random_fractions(np.random.default_rng(sum(shape)), *shape)
    matrix[-1] = matrix[0] * 2  # a row too many
    reduced, rank = identities.eliminated(matrix)
    expected, pivots = as_sympy(matrix).rref()
    assert as_sympy(reduced) == expected and rank == len(pivots)
    if shape[0] == shape[1]:
        with pytest.raises(ValueError, match="singular"):
            identities.exact_inverse(matrix)


def test_every_identity_holds_exactly():
    checked = identities.check_all(most_bundles=4, largest=20)
    assert tuple(checked["identity"].unique()) == identities.IDENTITIES
    assert (checked["wrong"] == 0).all() and (checked["compared"] > 0).all()
    assert checked["float64_error"].max() < 1e-12
    largest = checked.groupby("identity")["bundles"].max()
    assert largest.to_dict() == dict(zip(identities.IDENTITIES, [4] * 4 + [20] * 3, strict=True))


def test_the_keys_of_the_tables_tell_their_rows_apart():
    """In the one job that there is, here on fewer networks."""
    [job] = EXPERIMENT.stage("checks").jobs(None)
    fewer = {"networks": 8, "direct_networks": 2, "steps": 3, "bundles": 2, "watched": 1, "watched_steps": 2}
    assert set(job.settings) == set(fewer)
    tables, _ = carry_out(EXPERIMENT, EXPERIMENT.stage("checks"), replace(job, settings=fewer), 1, None)
    assert set(tables) == set(EXPERIMENT.tables)
    for name, key in EXPERIMENT.tables.items():
        assert len(tables[name]) and not tables[name].duplicated(list(key)).any()


def test_a_wrong_identity_would_be_counted(monkeypatch):
    right = spectral.bundle_weight
    monkeypatch.setattr(spectral, "bundle_weight", lambda phi, lam, i, j: right(phi, lam, i, j) * (-1) ** (i - 1 - j))
    wrong = {row["identity"]: row["wrong"] for row in identities.check_matrices((2, 2, 2), 0)}
    assert wrong == {"4.1": 0, "4.2": 0, "4.3": 4, "B.2": 0}  # the four entries of W_31


def test_sums_agree_with_sympy():
    for n in range(1, 13):
        assert identities.first_sum(n) == sum((-1) ** k * sympy.binomial(n + 1, k + 1) for k in range(n + 1))
        for rho in range(1, n + 1):
            terms = [(-1) ** k * sympy.binomial(k, rho) for k in range(n + 1)]
            assert identities.second_sum(n, rho) == sum(t * sympy.binomial(n + 1, k + 1) for k, t in enumerate(terms))
            assert identities.third_sum(n, rho) == sum(t * sympy.binomial(n, k) for k, t in enumerate(terms))


def test_widths_cover_small_and_large_blocks():
    for depth in range(1, 8):
        tried = identities.widths_to_try(depth)
        assert all(len(widths) == depth + 1 and 1 <= min(widths) <= max(widths) <= 4 for widths in tried)
        assert {1, 4} <= {width for widths in tried for width in widths}
        assert tried == identities.widths_to_try(depth)


def floats(widths, seed):
    random = np.random.default_rng(seed)
    phi = [random.normal(size=(after, before)) for before, after in pairwise(widths)]
    return phi, [random.normal(size=width) for width in widths]


def dense(phi, lam):
    """Φ and the ends of its blocks."""
    ends = np.cumsum([0, *map(len, lam)])
    matrix = np.eye(ends[-1])
    for k, block in enumerate(phi):
        matrix[ends[k + 1] : ends[k + 2], ends[k] : ends[k + 1]] = block
    return matrix, ends


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-10 * max(1.0, np.abs(expected).max()))


@settings(max_examples=100, deadline=None)
@given(WIDTHS, SEEDS, st.integers(0, 8))
def test_powers_of_phi_in_floating_point(widths, seed, n):
    """(B.2) is compared with NumPy's matrix power, n = 0 included."""
    phi, lam = floats(widths, seed)
    matrix, ends = dense(phi, lam)
    power = np.linalg.matrix_power(matrix, n)
    for i in range(1, len(widths) + 1):
        for j in range(1, len(widths) + 1):
            block = power[ends[i - 1] : ends[i], ends[j - 1] : ends[j]]
            close(identities.power_block(phi, i, j, n), block)


@settings(max_examples=100, deadline=None)
@given(WIDTHS, SEEDS)
def test_inverse_and_weights_in_floating_point(widths, seed):
    """(4.1), (4.2) and (4.3) are checked by what defines them: ΦΦ⁻¹ = I and AΦ = ΦΛ."""
    phi, lam = floats(widths, seed)
    matrix, _ = dense(phi, lam)
    layers = range(1, len(widths) + 1)
    scale = max(1.0, np.abs(spectral.inverse_eigenvector_matrix(phi)).max() * np.abs(matrix).max())
    blocks = np.block([[spectral.inverse_block(phi, i, j) for j in layers] for i in layers])
    for inverse in (spectral.inverse_eigenvector_matrix(phi), blocks):
        np.testing.assert_allclose(matrix @ inverse, np.eye(len(matrix)), rtol=0, atol=1e-10 * scale)
    zero = [[np.zeros((a, b)) for b in widths] for a in widths]
    for i in layers:
        zero[i - 1][i - 1] = np.diag(lam[i - 1])
        for j in range(1, i):
            zero[i - 1][j - 1] = spectral.bundle_weight(phi, lam, i, j)
    adjacency = np.block(zero)
    scale = max(1.0, np.abs(adjacency).max() * np.abs(matrix).max())
    np.testing.assert_allclose(adjacency @ matrix, matrix * np.concatenate(lam), rtol=0, atol=1e-10 * scale)


def test_every_misprint_is_confirmed():
    checked = misprints.check_all()
    assert list(checked.columns) == misprints.COLUMNS
    assert checked.loc[checked["kind"] == "checked", "holds"].all()
    assert checked.loc[checked["kind"] != "checked", "holds"].isna().all()
    assert set(checked["kind"]) == {"checked", "wording", "stated"}
    assert (checked[["place", "printed", "correct", "found"]].map(len) > 0).all(axis=None)
    assert checked["id"].is_unique


CHECKS = [entry.evidence for entry in misprints.MISPRINTS if callable(entry.evidence)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_checks_are_seeded(check):
    assert pickle.dumps(check()) == pickle.dumps(check())


def test_a_check_can_fail(monkeypatch):
    """The checks say so if the printed version takes the place of the correct one."""
    monkeypatch.setattr(misprint_checks, "third_sum", lambda n, rho: 0)
    assert not misprint_checks.sum_b23().holds
    assert not misprint_checks.induction_of_b16().holds
    monkeypatch.setattr(spectral, "bundle_weight", lambda phi, lam, i, j: spectral.inverse_block(phi, i, j))
    assert not misprint_checks.mapping_to_direct_space().holds
    monkeypatch.setattr(misprint_checks, "written_out", lambda phi, lam: (2 * np.eye(7, dtype=object), None))
    assert not misprint_checks.inverse_of_three_layers().holds
    monkeypatch.setattr(misprint_checks, "layers_in_use", lambda states: [2])
    assert not misprint_checks.layers_opened().holds


def test_the_inverse_of_three_layers_by_hand():
    """Multiplication on paper shows for φ_1 = 1, φ_2 = 2 that Φ² − 3Φ + 3I is the inverse of Φ."""
    vectors, _ = identities.written_out([np.array([[1]]), np.array([[2]])], [np.array([0])] * 3)
    square = np.array([[1, 0, 0], [2, 1, 0], [2, 4, 1]])
    inverse = np.array([[1, 0, 0], [-1, 1, 0], [2, -2, 1]])
    assert (vectors @ vectors == square).all()
    assert (square - 3 * vectors + 3 * np.eye(3, dtype=int) == inverse).all()
    assert (vectors @ inverse == np.eye(3)).all()


def test_bundle_states_by_hand():
    """Four layers of one neuron with φ = 1, λ_2 = 1 have W_21 = −1, W_32 = 1, W_31 = −1, W_4j = ∓1."""
    phi, lam = [np.ones((1, 1))] * 3, [np.zeros(1), np.ones(1), np.zeros(1), np.ones(1)]
    states = bundles.bundle_states(phi, lam, np.array([[-2.0]])).set_index(["source", "target"])
    assert states["weight"].tolist() == [1] * 6
    assert states["signal"].to_dict() == {(1, 2): 2, (1, 3): 2, (2, 3): 2, (1, 4): 2, (2, 4): 2, (3, 4): 4}
    assert bundles.layers_in_use(states.reset_index()) == [2, 3]


def test_at_the_start_only_the_output_is_fed():
    phi, lam = bundles.start_with((3, 2, 4, 2), None, 0)
    states = bundles.bundle_states(phi, lam, np.ones((1, 3))).set_index(["source", "target"])["state"]
    assert states[1, 4] == bundles.CARRYING
    assert states[[(2, 4), (3, 4)]].eq(bundles.UNFED).all()
    assert states[[(1, 2), (1, 3), (2, 3)]].eq(bundles.CLOSED).all()
