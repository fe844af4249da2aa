"""The paper's identities, compared entry by entry in exact rational arithmetic (claim A2).

What an identity states is evaluated by the library, which runs on arrays of fractions as it does on floats; what it
should be comes from matrices written out block by block, Gauss–Jordan elimination and explicit products.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pandas as pd

from sparcs import spectral

Blocks = Sequence[np.ndarray]

MATRIX_IDENTITIES = ("4.1", "4.2", "4.3", "B.2")
BINOMIAL_IDENTITIES = ("B.13", "B.16", "B.23")
IDENTITIES = MATRIX_IDENTITIES + BINOMIAL_IDENTITIES
MOST_WIDTH = 4  # largest N_k in the matrix identities
LARGEST_N = 60  # B and n in the binomial ones
NUMERATOR, DENOMINATOR = 9, 6  # largest ones of a random fraction


def random_fractions(random: np.random.Generator, *shape: int) -> np.ndarray:
    """An object array of fractions p/q, never 0, 1 ≤ |p| ≤ 9 and 1 ≤ q ≤ 6."""
    p = random.integers(1, NUMERATOR, shape, endpoint=True) * random.choice([-1, 1], shape)
    q = random.integers(1, DENOMINATOR, shape, endpoint=True)
    return np.frompyfunc(Fraction, 2, 1)(p.astype(object), q.astype(object))


def rational_network(widths: Sequence[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random φ_1 … φ_B, (N_{k+1}, N_k), and λ_1 … λ_ℓ, (N_k,), as object arrays of fractions."""
    random = np.random.default_rng(seed)
    phi = [random_fractions(random, after, before) for before, after in pairwise(widths)]
    return phi, [random_fractions(random, width) for width in widths]


def widths_to_try(bundles: int) -> list[tuple[int, ...]]:
    """Block sizes of ℓ = B+1 layers: all 1, growing, shrinking, a narrow middle, and two random ones."""
    layers = bundles + 1
    random = np.random.default_rng(bundles)
    narrow = [MOST_WIDTH] * layers
    narrow[layers // 2] = 1
    rising = tuple(1 + k * (MOST_WIDTH - 1) // bundles for k in range(layers))
    drawn = random.integers(1, MOST_WIDTH, (2, layers), endpoint=True)
    return [(1,) * layers, rising, rising[::-1], tuple(narrow), *(tuple(row) for row in drawn.tolist())]


def written_out(phi: Blocks, lam: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Φ and Λ, (N, N), their entries put one block after the other into integer zeros."""
    size = sum(map(len, lam))
    vectors, values = (np.full((size, size), 0, dtype=object) for _ in range(2))
    vectors[range(size), range(size)] = 1
    values[range(size), range(size)] = np.concatenate(lam)
    start = 0
    for block in phi:
        rows, columns = block.shape
        vectors[start + columns : start + columns + rows, start : start + columns] = block
        start += columns
    return vectors, values


def eliminated(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Reduced row echelon form by Gauss–Jordan elimination, exact on fractions, and the rank.

    matrix: (rows, columns) of fractions or integers.
    """
    rows = [[Fraction(value) for value in row] for row in matrix]
    rank = 0
    for column in range(matrix.shape[1]):
        pivot = next((k for k in range(rank, len(rows)) if rows[k][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        scale = rows[rank][column]
        rows[rank] = [value / scale for value in rows[rank]]
        for k, row in enumerate(rows):
            if k != rank and row[column]:
                factor = row[column]
                rows[k] = [a - factor * b if b else a for a, b in zip(row, rows[rank], strict=True)]
        rank += 1
    return np.array(rows, dtype=object), rank


def exact_inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of an (N, N) matrix of fractions. Raises ValueError for a singular one."""
    size = len(matrix)
    reduced, _ = eliminated(np.hstack([matrix, np.eye(size, dtype=object)]))
    if any(reduced[k, k] != 1 for k in range(size)):
        raise ValueError(f"matrix of size {size}: it is singular")
    return reduced[:, size:]


def power_block(phi: Blocks, i: int, j: int, n: int) -> np.ndarray:
    """Block (i, j) of Φ^n,  C(n, i−j) φ_{i−1} … φ_j for j < i,  I for j = i,  0 for j > i   (B.2).

    phi: φ_1 … φ_B; layers count from 1. Returns (N_i, N_j). Raises ValueError unless i and j are layers.
    """
    # S_ij of (4.2) is the same product of blocks with the sign (−1)^{i−j}.
    sign = (-1) ** abs(i - j)
    return (comb(n, i - j) if j <= i else 0) * sign * spectral.inverse_block(phi, i, j)


def stated(phi: Blocks, lam: Blocks) -> dict[str, list[np.ndarray]]:
    """What (4.1), (4.2), (4.3) and (B.2), n = 1 … B+1, say of a network, as lists of matrices; in any arithmetic."""
    layers = range(1, len(lam) + 1)
    pairs = [(i, j) for i in layers for j in layers]
    return {
        "4.1": [spectral.inverse_eigenvector_matrix(phi)],
        "4.2": [spectral.inverse_block(phi, i, j) for i, j in pairs],
        "4.3": [spectral.bundle_weight(phi, lam, i, j) for i, j in pairs if j < i],
        "B.2": [power_block(phi, i, j, n) for n in layers for i, j in pairs],
    }


def computed(phi: Blocks, lam: Blocks) -> dict[str, list[np.ndarray]]:
    """The same matrices as ``stated`` gives, by elimination and explicit products; phi, lam: fractions."""
    vectors, values = written_out(phi, lam)
    inverse = exact_inverse(vectors)
    adjacency = (vectors @ values) @ inverse
    powers = [vectors]
    while len(powers) < len(lam):
        powers.append(powers[-1] @ vectors)
    layers = range(len(lam))
    ends = np.cumsum([0, *map(len, lam)])

    def block(matrix: np.ndarray, i: int, j: int) -> np.ndarray:
        return matrix[ends[i] : ends[i + 1], ends[j] : ends[j + 1]]

    return {
        "4.1": [inverse],
        "4.2": [block(inverse, i, j) for i in layers for j in layers],
        "4.3": [block(adjacency, i, j) for i in layers for j in range(i)],
        "B.2": [block(power, i, j) for power in powers for i in layers for j in layers],
    }


def check_matrices(widths: Sequence[int], seed: int) -> list[dict]:
    """The matrix identities on one random rational network: entries compared, entries wrong.

    ``float64_error`` is the largest deviation of the same evaluation in float64, relative to the largest entry.
    """
    phi, lam = rational_network(widths, seed)
    rounded = stated([block.astype(np.float64) for block in phi], [block.astype(np.float64) for block in lam])
    exact, expected = stated(phi, lam), computed(phi, lam)
    rows = []
    for name in MATRIX_IDENTITIES:
        claimed, true, approximate = (_flat(matrices[name]) for matrices in (exact, expected, rounded))
        true_rounded = true.astype(np.float64)
        error = np.abs(approximate.astype(np.float64) - true_rounded).max() / np.abs(true_rounded).max()
        rows.append(
            {
                "identity": name,
                "bundles": len(phi),
                "widths": "-".join(map(str, widths)),
                "seed": seed,
                "compared": len(true),
                "wrong": int((claimed != true).sum()),
                "float64_error": error,
            }
        )
    return rows


def first_sum(bundles: int) -> int:
    """Σ_{k=0..B} (−1)^k C(B+1, k+1), which (B.13) says is 1."""
    return sum((-1) ** k * comb(bundles + 1, k + 1) for k in range(bundles + 1))


def second_sum(bundles: int, rho: int) -> int:
    """Σ_{k=ρ..B} (−1)^k C(k, ρ) C(B+1, k+1), which (B.16) says is (−1)^ρ for 1 ≤ ρ ≤ B."""
    return sum((-1) ** k * comb(k, rho) * comb(bundles + 1, k + 1) for k in range(rho, bundles + 1))


def third_sum(n: int, rho: int) -> int:
    """Σ_{k=ρ..n} (−1)^k C(k, ρ) C(n, k): 0 for n ≠ ρ, (−1)^ρ at n = ρ   (B.23, corrected)."""
    return sum((-1) ** k * comb(k, rho) * comb(n, k) for k in range(rho, n + 1))


def check_sums(largest: int) -> list[dict]:
    """The binomial identities for every B (n in B.23) up to ``largest`` and every ρ: sums compared, sums wrong."""
    rows = []
    for size in range(1, largest + 1):
        cases = {
            "B.13": [first_sum(size) == 1],
            "B.16": [second_sum(size, rho) == (-1) ** rho for rho in range(1, size + 1)],
            "B.23": [third_sum(size, rho) == (size == rho) * (-1) ** rho for rho in range(largest + 1)],
        }
        for name, right in cases.items():
            counts = {"compared": len(right), "wrong": right.count(False), "float64_error": np.nan}
            rows.append({"identity": name, "bundles": size, "widths": "", "seed": 0, **counts})
    return rows


def check_all(most_bundles: int, largest: int = LARGEST_N) -> pd.DataFrame:
    """Claim A2 as tidy rows: identity, bundles (B; n in B.23), widths, seed, compared, wrong, float64_error.

    The matrix identities for B = 1 … ``most_bundles``, the binomial ones for B and n up to ``largest``.
    """
    rows = [
        row
        for bundles in range(1, most_bundles + 1)
        for seed, widths in enumerate(widths_to_try(bundles))
        for row in check_matrices(widths, seed)
    ]
    return pd.DataFrame(rows + check_sums(largest))


def _flat(matrices: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([matrix.ravel() for matrix in matrices])
