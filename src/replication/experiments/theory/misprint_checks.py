"""One check for each mistake of the paper's text that a computation can show.

A check evaluates what is printed and what is correct on many cases, and returns what it found and whether the mistake
is confirmed. It is confirmed if the printed version fails where it is said to and the corrected one never does. The
arithmetic is exact on rationals, unless gradients are taken.
"""

from collections.abc import Iterable
from itertools import pairwise, product
from math import comb
from typing import NamedTuple

import numpy as np

from replication.data.regression import target
from replication.experiments.theory import checks as theory
from replication.experiments.theory.bundles import bundle_states, layers_in_use, start_with
from replication.experiments.theory.identities import (
    eliminated,
    exact_inverse,
    power_block,
    random_fractions,
    rational_network,
    second_sum,
    third_sum,
    written_out,
)
from sparcs import spectral

NETWORKS = 12  # random ones per check
LARGEST = 30  # B, n and ρ in sums
THREE, FOUR = (2, 3, 2), (2, 3, 3, 2)  # widths


class Finding(NamedTuple):
    """What a check found, in words, and whether it confirms the mistake."""

    text: str
    holds: bool


def inverse_of_three_layers() -> Finding:
    """Φ₂⁻¹: Φ₂² − 3Φ₂ − 3I as printed against + 3I."""
    printed = right = 0
    for seed in range(NETWORKS):
        phi, lam = rational_network(THREE, seed)
        vectors, _ = written_out(phi, lam)
        identity = np.eye(len(vectors), dtype=object)
        rest = vectors @ vectors - 3 * vectors
        printed += _equal(vectors @ (rest - 3 * identity), identity)
        right += _equal(vectors @ (rest + 3 * identity), identity)
    text = f"times Φ₂ it is I in {printed} of {NETWORKS} networks, with +3I in {right}"
    return Finding(text, printed == 0 and right == NETWORKS)


def blocks_on_the_diagonal() -> Finding:
    """Λ has as many diagonal blocks as the network has layers, B+1."""
    right = printed = 0
    depths = range(1, 9)
    for bundles in depths:
        phi, lam = rational_network((2,) * (bundles + 1), bundles)
        size = len(spectral.eigenvector_matrix(phi))
        right += len(spectral.eigenvalue_matrix(lam)) == size
        printed += len(spectral.eigenvalue_matrix(lam[:bundles])) == size
    text = f"Λ fits Φ with B blocks for {printed} and with B+1 blocks for {right} of {len(depths)} values of B"
    return Finding(text, printed == 0 and right == len(depths))


def linked_layers() -> Finding:
    """Σ N_i N_{i+1}, i = 1 … ℓ−1, is the size of all φ: it needs links from every layer i < ℓ."""
    right = printed = 0
    depths = range(2, 9)
    for layers in depths:
        widths = range(2, layers + 2)
        phi, _ = rational_network(widths, layers)
        pairs = [a * b for a, b in pairwise(widths)]
        right += sum(block.size for block in phi) == sum(pairs)
        printed += sum(block.size for block in phi) == sum(pairs[:-1])
    text = (
        f"the printed total Σ N_i N_(i+1) counts the links with i < ℓ in {right} and those with i < ℓ−1 in {printed} "
        f"of {len(depths)} depths"
    )
    return Finding(text, printed == 0 and right == len(depths))


def first_gradients() -> Finding:
    """At the first step only λ_B among the hidden λ_k gets a gradient (ReLU)."""
    last, earlier = [], []
    for seed, layers in enumerate(range(4, 9)):
        steps = theory.first_gradient_steps(seed, layers)
        last.append(steps[layers - 1] == 1)
        earlier += [step > 1 for k, step in steps.items() if k < layers - 1]
    text = (
        f"zero at step 1 for {sum(earlier)} of {len(earlier)} blocks λ_k, 1 < k < B; non-zero for λ_B in {sum(last)} "
        f"of {len(last)} networks of 4 to 8 layers"
    )
    return Finding(text, all(earlier) and all(last))


def last_application() -> Finding:
    """A f(A a) of the formula has no f at its end."""
    negative = 0
    for vector, matrix in _three_layer_inputs():
        negative += bool((matrix @ _relu(matrix @ vector) < 0).any())
    text = f"with f = ReLU the formula's output has negative entries in {negative} of {NETWORKS} networks: no f ends it"
    return Finding(text, negative > 0)


def recursive_rule() -> Finding:
    """The recursive rule is another function than (4.5); for ℓ = 3 it is (W_31 f L_1 + W_32 f W_21 + L_3 f W_31) x."""
    same = expanded = 0
    for seed, (vector, matrix) in enumerate(_three_layer_inputs()):
        phi, lam = rational_network(THREE, seed)
        x = vector[: len(lam[0])]
        w21, w32, w31 = (spectral.bundle_weight(phi, lam, i, j) for i, j in ((2, 1), (3, 2), (3, 1)))
        recursive = (matrix @ _relu(matrix @ vector))[-len(lam[2]) :]
        by_hand = w31 @ _relu(lam[0] * x) + w32 @ _relu(w21 @ x) + lam[2] * _relu(w31 @ x)
        expanded += _equal(recursive, by_hand)
        same += _equal(recursive, spectral.forward_bundles(phi, lam, x[None], _relu)[0])
    text = (
        f"equal outputs in {same} of {NETWORKS} networks of 3 layers; the rule is "
        f"W₃₁f(L₁x) + W₃₂f(W₂₁x) + L₃f(W₃₁x) in {expanded}"
    )
    return Finding(text, same == 0 and expanded == NETWORKS)


def parabolic_subgroup() -> Finding:
    """A is singular at the start; with non-zero eigenvalues products and inverses stay block lower triangular."""
    singular = closed = 0
    above = np.triu(np.ones((sum(THREE),) * 2, dtype=bool)) & ~_same_layer(THREE)
    for seed in range(NETWORKS):
        phi, lam = rational_network(THREE, seed)
        start = [0 * block for block in lam[:-1]] + [lam[-1]]
        singular += eliminated(spectral.adjacency(phi, start))[1] == THREE[-1]
        matrix, other = spectral.adjacency(phi, lam), spectral.adjacency(*rational_network(THREE, NETWORKS + seed))
        closed += not (exact_inverse(matrix)[above].any() or (matrix @ other)[above].any())
    text = (
        f"at the start A has rank N_ℓ = {THREE[-1]} < N = {sum(THREE)}, so no inverse, in {singular} of {NETWORKS} "
        f"networks; with λ ≠ 0 inverse and products are block lower triangular again in {closed}: A is in such a group"
    )
    return Finding(text, singular == closed == NETWORKS)


def eigenvalues_at_zero() -> Finding:
    """One eigenvalue per neuron of layer 3 needs L_1 = L_2 = 0; with L_1 = L_3 = 0 layer 3 stays live at λ_3 = 0."""
    matched = live = total = 0
    for seed in range(NETWORKS):
        phi, lam = rational_network(FOUR, seed)
        lam[0], silenced = 0 * lam[0], lam[2] * np.array([0, 1, 1])
        corrected = spectral.bundle_weight(phi, [lam[0], 0 * lam[1], silenced, lam[3]], 3, 2)
        matched += _equal(corrected.any(axis=1), silenced != 0)
        printed = spectral.bundle_weight(phi, [lam[0], lam[1], 0 * lam[2], lam[3]], 3, 2)
        live += int(printed.any(axis=1).sum())
        total += len(printed)
    text = (
        f"L₁ = L₂ = 0: a neuron of layer 3 is silent exactly where λ₃ is 0 in {matched} of {NETWORKS} networks; "
        f"L₁ = L₃ = 0: {live} of {total} of its neurons are live although their λ₃ is 0"
    )
    return Finding(text, matched == NETWORKS and live == total)


def linear_end() -> Finding:
    """The quadratic part of f at α = 0, as a share of both coefficients, for growing β."""
    corner = np.array([[1.0, 1.0], [-1.0, -1.0]])  # w·x = ±2, x·x = 2: the sum of both values is the quadratic part
    shares = {}
    for beta in (5, 10, 1000):
        values = target(corner, 0.0, beta)
        shares[beta] = float(values.sum() / (values[0] - values[1] + values.sum()))
    text = "; ".join(f"β = {beta}: {100 * share:.2g} % quadratic" for beta, share in shares.items()) + " at α = 0"
    return Finding(text, shares[5] > 1e-3 and shares[1000] < 1e-12)


def indices_of_gamma() -> Finding:
    """Γ of Section 5, W_kj W_ji, is that of (E.1), W_ij W_jk, with its indices reversed; the norm is the same."""
    reversed_ = same = 0
    for seed in range(NETWORKS):
        phi, lam = rational_network((*THREE[:2], 4), seed)
        w21, w32 = spectral.bundle_weight(phi, lam, 2, 1), spectral.bundle_weight(phi, lam, 3, 2)
        section5 = w21.T[:, :, None] * w32.T[None, :, :]  # (N_1, N_2, N_3)
        appendix = w32[:, :, None] * w21[None, :, :]  # (N_3, N_2, N_1)
        reversed_ += _equal(section5, appendix.transpose()) and section5.shape != appendix.shape
        same += (section5**2).sum() == (appendix**2).sum()
    text = f"one is the other with its indices reversed in {reversed_} of {NETWORKS} networks, ‖Γ‖ equal in {same}"
    return Finding(text, reversed_ == same == NETWORKS)


def direction_of_a2() -> Finding:
    """I − MΣ = (I − M)^{B+1} for any matrix M: nilpotency gives the inverse, which is what the proof needs."""
    right = 0
    for seed, bundles in product(range(2), range(1, 7)):
        matrix = random_fractions(np.random.default_rng(seed), 3, 3)
        identity = np.eye(3, dtype=object)
        powers = [identity]
        for _ in range(bundles):
            powers.append(powers[-1] @ matrix)
        series = sum((-1) ** k * comb(bundles + 1, k + 1) * power for k, power in enumerate(powers))
        nilpotent = identity
        for _ in range(bundles + 1):
            nilpotent = nilpotent @ (identity - matrix)
        right += _equal(identity - matrix @ series, nilpotent)
    text = (
        f"I − ΦΣ = (I − Φ)^(B+1) in {right} of 12 cases, for any matrix in Φ's place: each side gives the other, and "
        "the proof, which shows the right one, needs ⇐"
    )
    return Finding(text, right == 12)


def powers_at_zero() -> Finding:
    """(B.2) at n = 0, where it is used but not proven, gives I: the gap is harmless."""
    right = 0
    for seed in range(NETWORKS):
        phi, _ = rational_network(FOUR, seed)
        layers = range(1, len(FOUR) + 1)
        built = np.vstack([np.hstack([power_block(phi, i, j, 0) for j in layers]) for i in layers])
        right += _equal(built, np.eye(sum(FOUR), dtype=object))
    return Finding(f"at n = 0 it gives Φ⁰ = I in {right} of {NETWORKS} networks", right == NETWORKS)


def case_of_b6() -> Finding:
    """The blocks of Φ^{n+1} that need a calculation lie below the diagonal, j < i; above it they are zero."""
    zero = needed = 0
    for seed in range(NETWORKS):
        vectors, _ = written_out(*rational_network(THREE, seed))
        square = vectors @ vectors
        above = np.triu(np.ones(square.shape, dtype=bool)) & ~_same_layer(THREE)
        zero += not square[above].any()
        needed += bool(square[above.T].any())
    text = f"for j > i the block is zero in {zero} of {NETWORKS} networks, for j < i it is not in {needed}"
    return Finding(text, zero == needed == NETWORKS)


def lower_limit_of_d11() -> Finding:
    """(D.11) with ρ where m is printed: Σ_{k=ρ..n} (−1)^k C(k, ρ) C(n, k) = C(n, ρ) Σ_{k=ρ..n} (−1)^k C(n−ρ, k−ρ)."""
    cases = [
        third_sum(n, rho) == comb(n, rho) * sum((-1) ** k * comb(n - rho, k - rho) for k in range(rho, n + 1))
        for n in range(LARGEST + 1)
        for rho in range(n + 1)
    ]
    return Finding(f"with ρ for m it holds in {sum(cases)} of {len(cases)} cases 0 ≤ ρ ≤ n ≤ {LARGEST}", all(cases))


def sum_b23() -> Finding:
    """(B.23) as printed, 0 for all n and ρ, fails exactly at n = ρ, where the sum is (−1)^ρ."""
    sums = {(n, rho): third_sum(n, rho) for n, rho in product(range(LARGEST + 1), repeat=2)}
    failures = [pair for pair, value in sums.items() if value]
    diagonal = [(n, n) for n in range(LARGEST + 1)]
    text = f"not 0 in {len(failures)} of {len(sums)} cases 0 ≤ n, ρ ≤ {LARGEST}: those with n = ρ, where it is (−1)^ρ"
    return Finding(text, failures == diagonal and all(sums[n, n] == (-1) ** n for n in range(LARGEST + 1)))


def induction_of_b16() -> Finding:
    """At ρ = B+1 the hypothesis claims (−1)^ρ for a sum that is 0, and (B.23) 0 for one that is (−1)^ρ."""
    hypothesis = [second_sum(bundles, bundles + 1) == 0 for bundles in range(1, LARGEST + 1)]
    other = [third_sum(bundles + 1, bundles + 1) == (-1) ** (bundles + 1) for bundles in range(1, LARGEST + 1)]
    total = [second_sum(bundles + 1, bundles + 1) == (-1) ** (bundles + 1) for bundles in range(1, LARGEST + 1)]
    text = (
        f"at ρ = B+1 the first sum is 0, not (−1)^ρ, in {sum(hypothesis)}, the second (−1)^ρ, not 0, in {sum(other)}, "
        f"and their total (−1)^ρ as it should be in {sum(total)} of {LARGEST} values of B"
    )
    return Finding(text, all(hypothesis + other + total))


def mapping_to_direct_space() -> Finding:
    """Appendix F's map to direct space: the blocks S_ij of (4.2) are not the weights, the W_ij of (4.3) are."""
    printed = right = 0
    for seed in range(NETWORKS):
        phi, lam = rational_network(THREE, seed)
        matrix = written_out(phi, lam)
        dense = (matrix[0] @ matrix[1]) @ exact_inverse(matrix[0])
        block = dense[-THREE[2] :, : THREE[0]]
        printed += _equal(spectral.inverse_block(phi, 3, 1), block)
        right += _equal(spectral.bundle_weight(phi, lam, 3, 1), block)
    text = f"the block 1 → 3 of A is that of (4.2) in {printed} and that of (4.3) in {right} of {NETWORKS} networks"
    return Finding(text, printed == 0 and right == NETWORKS)


def sign_of_the_image_scripts() -> Finding:
    """(φ_2 L_2 − L_3 φ_2) φ_1 for W_31 makes (4.3)'s network at (−φ, −λ), not that at (φ, λ)."""
    same = opposite = 0
    for seed in range(NETWORKS):
        phi, lam = rational_network(THREE, seed)
        theirs = {(2, 1): spectral.bundle_weight(phi, lam, 2, 1), (3, 2): spectral.bundle_weight(phi, lam, 3, 2)}
        theirs[3, 1] = (phi[1] * lam[1] - lam[2][:, None] * phi[1]) @ phi[0]  # (N_3, N_1)
        minus = [[-block for block in blocks] for blocks in (phi, lam)]
        same += all(_equal(spectral.bundle_weight(phi, lam, *of), weight) for of, weight in theirs.items())
        opposite += all(_equal(spectral.bundle_weight(*minus, *of), weight) for of, weight in theirs.items())
    text = (
        f"all three bundles are those of (4.3) at (φ, λ) in {same} and at (−φ, −λ) in {opposite} of {NETWORKS} networks"
    )
    return Finding(text, same == 0 and opposite == NETWORKS)


def layers_opened() -> Finding:
    """λ_j ≠ 0 brings layer j into use and, for j < B, layer j+1 as well."""
    right, cases = [], 0
    for layers in range(3, 9):
        widths = (4,) * layers
        x = np.random.default_rng(layers).uniform(-1, 1, (16, 4))  # (batch, N_1)
        for j in range(2, layers):
            in_use = layers_in_use(bundle_states(*start_with(widths, j, layers), x))
            right.append(in_use == [k for k in (j, j + 1) if k < layers])
            cases += 1
    text = (
        f"in {sum(right)} of {cases} cases (3 to 8 layers, every hidden j) the layers in use are j and, for j < B, "
        "j+1: (4.3) gives W_(j+1),k ∝ φ_j L_j too"
    )
    return Finding(text, all(right))


def two_penalties() -> Finding:
    """‖λ‖₂ and ‖λ‖₂² differ where it matters: how much a small eigenvalue costs for its size."""
    small = [np.array([1e-3, 0.0])]
    plain, squared = (float(spectral.penalty(small, kind)) / 1e-3 for kind in ("l2", "l2_squared"))
    text = (
        f"an eigenvalue of 0.001 costs ρ × {plain:.3g} per unit of its size unsquared, ρ × {squared:.3g} squared: "
        "only the first can close a layer"
    )
    return Finding(text, plain > 100 * squared)


def _three_layer_inputs() -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """(a_1, A) of random networks: the input padded with zeros, (N,), and the adjacency matrix, (N, N)."""
    for seed in range(NETWORKS):
        phi, lam = rational_network(THREE, seed)
        x = random_fractions(np.random.default_rng(1000 + seed), THREE[0])
        yield np.concatenate([x, np.full(sum(THREE[1:]), 0, dtype=object)]), spectral.adjacency(phi, lam)


def _relu(values: np.ndarray) -> np.ndarray:
    return values * (values > 0)


def _equal(matrix: np.ndarray, other: np.ndarray) -> bool:
    return matrix.shape == other.shape and bool((matrix == other).all())


def _same_layer(widths: Iterable[int]) -> np.ndarray:
    """(N, N) booleans: row and column belong to the same layer."""
    layer = np.repeat(np.arange(len(tuple(widths))), tuple(widths))
    return layer[:, None] == layer[None, :]
