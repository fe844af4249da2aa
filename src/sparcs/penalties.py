"""A price on what opens a hidden neuron: penalties on the weights that (4.3) makes of eigenvectors and eigenvalues.

A penalty on λ alone can be evaded in part: λ_i/c with cφ_{i−1} leaves W_{i,i−1} as it is. These are functions of W:

========  ==========================================================  ====================================
Ω         formula                                                     unchanged by
========  ==========================================================  ====================================
rows      Σ_i c_i Σ_h ‖(W_ij[h, :])_{j<i}‖₂                           every (φ, λ) that makes the same W
nearest   Σ_i c_i Σ_h ‖W_{i,i−1}[h, :]‖₂                              every (φ, λ) that makes the same W
paths     Σ_i c_i Σ_h ‖(W_ij[h, :])_{j<i}‖₂ ‖(W_ki[:, h])_{k>i}‖₂     these, and in_h/c with c·out_h
========  ==========================================================  ====================================

i runs over the hidden layers, h over their neurons. All norms are unsquared, with gradient 0 at 0: what is exactly
closed is left closed by the penalty. For a homogeneous f, in_h/c with c·out_h is the same function, and lowers rows and
nearest: φ_1/c with cφ_2 does so at the same λ. Only paths sees through that.

``nearest`` takes no product and so costs N_i N_{i−1} a layer, linear in depth, while the others form every bundle. A
neuron is closed if its row of W_{i,i−1} is zero (``sparcs.metrics.live``), which both say of the same neurons. What
``nearest`` loses is how much of a neuron's input comes through skips: it costs nothing there.

Arrays have leading dimensions (…) of independent networks, as in ``sparcs.spectral``.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from array_api_compat import array_namespace

from sparcs import spectral
from sparcs.spectral import Array

Weights = Mapping[tuple[int, int], Array]  # bundles {(i, j): W_ij, (…, N_i, N_j)}, 1 ≤ j < i
Kind = Literal["rows", "nearest", "paths"]
KINDS = get_args(Kind)


def prices(widths: Sequence[int]) -> list[float]:
    """c_i of the hidden layers i = 2 … ℓ−1 of N_1 … N_ℓ: how many hidden neurons one that opens makes live.

    λ_i[h] ≠ 0 alone makes row h of W_{i,i−1} other than zero, and of W_{i+1,i} = φ_i L_i − L_{i+1} φ_i column h, hence
    every row. It opens itself and all of the next layer, c_i = 1 + N_{i+1}; behind the last hidden layer there is none,
    c_{ℓ−1} = 1. Layer i+2 stays closed: W_{i+2,i+1} holds λ_{i+1} and λ_{i+2} alone.

    widths: N_1 … N_ℓ. Returns c_2 … c_{ℓ−1}.
    """
    return [1.0 + after for after in widths[2:-1]] + [1.0] * (len(widths) > 2)


def penalty(phi: Sequence[Array], lam: Sequence[Array], kind: str, strengths: Sequence[float]) -> Array:
    """Σ_i c_i Ω_i over as many layers before the last as there are strengths c_i.

    kind: "rows", "nearest" or "paths", or of ``sparcs.spectral.PENALTIES``, Ω(λ_i) of (4.4). strengths: c_i, at least
    one, and on weights one for each hidden layer. Returns (…). Raises ValueError for another kind.
    """
    if kind not in (*spectral.PENALTIES, *KINDS):
        raise ValueError(f"penalty {kind!r}: allowed are {', '.join((*spectral.PENALTIES, *KINDS))}")
    if kind == "nearest":
        return nearest(phi, lam, strengths)
    if kind in KINDS:
        weights = {
            (i, j): weight
            for i in range(2, len(lam) + (kind == "paths"))
            for j, weight in spectral.incoming_weights(phi, lam, i).items()
        }
        return rows(weights, strengths) if kind == "rows" else paths(weights, strengths)
    blocks = lam[-1 - len(strengths) : -1]
    return sum(strength * spectral.penalty([block], kind) for strength, block in zip(strengths, blocks, strict=True))


def rows(weights: Weights, strengths: Sequence[float]) -> Array:
    """Σ_i c_i Σ_h ‖(W_ij[h, :])_{j<i}‖₂: group lasso on all that comes into a hidden neuron.

    weights: {(i, j): W_ij}, each (…, N_i, N_j). strengths: c_i of each hidden layer. Returns (…).
    """
    return sum(strength * _total(_incoming(weights, i)) for i, strength in enumerate(strengths, start=2))


def nearest(phi: Sequence[Array], lam: Sequence[Array], strengths: Sequence[float]) -> Array:
    """Σ_i c_i Σ_h ‖W_{i,i−1}[h, :]‖₂: the same of the nearest layer's bundle alone.

    strengths: c_i of each hidden layer. Returns (…).
    """
    bundles = map(spectral.nearest_weight, phi, lam, lam[1:])
    norms = (_norms(bundle, axis=-1) for bundle in bundles)
    return sum(strength * _total(of_layer) for strength, of_layer in zip(strengths, norms, strict=False))


def paths(weights: Weights, strengths: Sequence[float]) -> Array:
    """Σ_i c_i Σ_h ‖in_h‖₂ ‖out_h‖₂: the path norms through hidden neurons, of ``sparcs.pruning.importance``.

    weights: {(i, j): W_ij}, each (…, N_i, N_j). strengths: c_i of each hidden layer. Returns (…).
    """
    norms = ((_incoming(weights, i), _outgoing(weights, i)) for i, _ in enumerate(strengths, start=2))
    return sum(strength * _total(into * out) for strength, (into, out) in zip(strengths, norms, strict=True))


def skip(weight: Array) -> Array:
    """‖W_ℓ1‖₂, the Frobenius norm of the skip from input to output.

    weight: W_ℓ1, (…, N_ℓ, N_1). Returns (…).
    """
    return array_namespace(weight).linalg.vector_norm(weight, axis=(-2, -1))


def _incoming(weights: Weights, i: int) -> Array:
    """‖in_h‖₂ of layer i's neurons, (…, N_i)."""
    blocks = [weights[i, j] for j in range(1, i)]
    return _norms(array_namespace(*blocks).concat(blocks, axis=-1), axis=-1)


def _outgoing(weights: Weights, i: int) -> Array:
    """‖out_h‖₂ of layer i's neurons, (…, N_i)."""
    blocks = [weight for (_, j), weight in sorted(weights.items(), key=lambda item: item[0]) if j == i]
    return _norms(array_namespace(*blocks).concat(blocks, axis=-2), axis=-2)


def _norms(block: Array, axis: int) -> Array:
    return array_namespace(block).linalg.vector_norm(block, axis=axis)


def _total(norms: Array) -> Array:
    return array_namespace(norms).sum(norms, axis=-1)
