"""The data sets of experiments 1 and 2, drawn again by hand in the order that the paper gives."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from replication.data import regression, teacher


def test_the_family_is_drawn_from_legacy_seed_42():
    np.random.seed(42)
    expected = np.random.uniform(low=-1, high=1, size=(10000, 2))
    np.testing.assert_array_equal(regression.points(10000, 42), expected)


@pytest.mark.parametrize("beta", [5, 1000])
@pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 1])
def test_targets_by_the_formula(alpha, beta):
    x = regression.points(50, 1)
    for point, value in zip(x, regression.target(x, alpha, beta), strict=True):
        tanh = np.tanh(beta * (alpha - 0.5))
        linear, quadratic = point[0] + point[1], point[0] ** 2 + point[1] ** 2
        assert value == pytest.approx((1 - tanh) / 4 * linear + (1 + tanh) / 4 * quadratic, abs=1e-12)


def test_what_the_brief_says_of_the_family():
    x = regression.points(1000, 42)
    np.testing.assert_array_equal(regression.target(x, 0.5, 5), regression.target(x, 0.5, 1000))
    quadratic_share = (1 + np.tanh(-2.5)) / 2
    assert quadratic_share == pytest.approx(0.007, abs=5e-4)


def test_the_teacher_is_drawn_in_the_paper_s_order():
    np.random.seed(42)
    w1, w2 = special_ortho_group.rvs(20), special_ortho_group.rvs(20)
    x_train, x_test = np.random.uniform(-1, 1, (30, 20)), np.random.uniform(-1, 1, (40, 20))
    data = teacher.draw(20, 30, 40, seed=42, rotations=2)
    expected = {"w1": w1, "w2": w2, "x_train": x_train, "x_test": x_test}
    expected["y_test"] = np.array([w2 @ np.maximum(w1 @ x, 0) for x in x_test])
    for name, array in expected.items():
        assert data[name].dtype == np.float32
        np.testing.assert_allclose(data[name], array, atol=1e-6)
    for w in (w1, w2):
        assert np.linalg.det(w) == pytest.approx(1)


def test_one_rotation_serves_as_both():
    data = teacher.draw(5, 10, 10, seed=3, rotations=1)
    np.testing.assert_array_equal(data["w1"], data["w2"])


def test_linear_r2_against_numpy_s_polynomial_fit():
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 1)).astype(np.float32)
    y = (3 * x + 1 + 0.1 * random.normal(size=x.shape)).astype(np.float32)
    data = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    assert teacher.linear_r2(data, intercept=True) == pytest.approx(np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2, abs=1e-6)
    assert teacher.linear_r2(data, intercept=False) < teacher.linear_r2(data, intercept=True)
