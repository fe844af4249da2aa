"""The SO(n) teacher of experiment 2: one hidden layer of n ReLU neurons between two rotations."""

import numpy as np
import scipy

from sparcs.metrics import r_squared


def draw(n: int, points: int, test_points: int, seed: int, rotations: int) -> dict[str, np.ndarray]:
    """t(x) = W² relu(W¹ x),  W¹, W² ∈ SO(n) by Haar measure,  x ~ U([−1, 1]ⁿ)   (Section 5).

    NumPy's legacy generator draws in this order: W¹, W², training points, test points. With one rotation
    W² is W¹ and is not drawn. Returns float32 arrays w1, w2 (n, n), x_train, y_train (points, n),
    x_test, y_test (test_points, n); the targets are computed in float64 first.
    """
    random = np.random.RandomState(seed)
    w1 = scipy.stats.special_ortho_group.rvs(n, random_state=random)  # (n, n)
    w2 = scipy.stats.special_ortho_group.rvs(n, random_state=random) if rotations == 2 else w1  # (n, n)
    arrays = {"w1": w1, "w2": w2}
    for split, count in (("train", points), ("test", test_points)):
        x = random.uniform(-1, 1, (count, n))  # (count, n)
        arrays[f"x_{split}"] = x
        arrays[f"y_{split}"] = np.maximum(x @ w1.T, 0) @ w2.T  # (count, n)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def linear_r2(data: dict[str, np.ndarray], intercept: bool) -> float:
    """R² on the test points of the least-squares linear map fitted to the training points."""
    x_train, x_test = (_design(data[name], intercept) for name in ("x_train", "x_test"))
    solution = np.linalg.lstsq(x_train, data["y_train"].astype(np.float64), rcond=None)[0]  # (n or n+1, n)
    return r_squared(data["y_test"], x_test @ solution)


def _design(x: np.ndarray, intercept: bool) -> np.ndarray:
    x = x.astype(np.float64)  # (points, n)
    return np.concatenate([x, np.ones((len(x), 1))], axis=1) if intercept else x
