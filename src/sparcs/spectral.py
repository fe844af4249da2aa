"""The spectral parametrization A = ΦΛΦ⁻¹ of a feed-forward network with every skip connection.

Pure functions of the eigenvector blocks φ and the eigenvalues λ; equation numbers are those of the paper.

Notation, for a network of ℓ = B+1 layers with widths N_1 … N_ℓ:

* ``phi``: φ_1 … φ_B, a sequence of arrays (…, N_{k+1}, N_k), one for each pair of consecutive layers;
* ``lam``: λ_1 … λ_ℓ, a sequence of arrays (…, N_k), one eigenvalue per neuron; L_k = diag(λ_k).

Leading dimensions (…) are independent networks, for instance the trials of an ensemble. Arrays are NumPy
arrays or torch tensors; the result has their kind, dtype and device, and torch differentiates through it.
Layers count from 1, as in the paper.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate, pairwise
from math import comb
from operator import add
from typing import Any

from array_api_compat import array_namespace

Array = Any
PENALTIES = ("l2", "l1", "l2_squared")
FORMS = ("bundles", "eigenbasis")
Activations = Callable | Sequence[Callable]  # f of every hidden layer, or one for each of them


def check_bundle(i: int, j: int, layers: int) -> None:
    """Raise ValueError unless 1 ≤ j < i ≤ ℓ: only these bundles j → i exist."""
    if not 1 <= j < i <= layers:
        raise ValueError(f"bundle (i, j) = ({i}, {j}): allowed are layers 1 <= j < i <= {layers}")


def eigenvector_matrix(phi: Sequence[Array]) -> Array:
    """Φ: the identity with φ_k as the k-th block below the diagonal.

    phi: φ_1 … φ_B. Returns (…, N, N), N = ΣN_k.
    """
    xp = array_namespace(*phi)
    widths = [phi[0].shape[-1], *(block.shape[-2] for block in phi)]
    identities = _identities(widths, phi[0])
    rows = []
    for i in range(len(widths)):
        blocks = [_zeros(widths[i], width, phi[0]) for width in widths]
        blocks[i] = identities[i]
        if i > 0:
            blocks[i - 1] = phi[i - 1]
        rows.append(xp.concat(blocks, axis=-1))
    return xp.concat(rows, axis=-2)


def eigenvalue_matrix(lam: Sequence[Array]) -> Array:
    """Λ = blockdiag(L_1 … L_ℓ).

    Returns (…, N, N), N = ΣN_k.
    """
    xp = array_namespace(*lam)
    diagonal = xp.concat(list(lam), axis=-1)  # (…, N)
    return diagonal[..., None] * _eye(diagonal.shape[-1], diagonal)


def inverse_eigenvector_matrix(phi: Sequence[Array]) -> Array:
    """Φ⁻¹ = Σ_{i=0..B} (−1)^i C(B+1, i+1) Φ^i   (4.1).

    Holds because (Φ − I)^{B+1} = 0.

    Warning: the sum alternates, and in floating point its terms cancel: in float32 the error passes 1 near 20 layers.
    Elsewhere than in a check of (4.1) itself use ``inverse_block``, ``bundle_weight`` or ``adjacency``.

    phi: φ_1 … φ_B. Returns (…, N, N), N = ΣN_k.
    """
    matrix = eigenvector_matrix(phi)
    bundles = len(phi)
    power = _eye(matrix.shape[-1], matrix)
    inverse = comb(bundles + 1, 1) * power
    for i in range(1, bundles + 1):
        power = power @ matrix
        inverse = inverse + (-1) ** i * comb(bundles + 1, i + 1) * power
    return inverse


def inverse_block(phi: Sequence[Array], i: int, j: int) -> Array:
    """Block of Φ⁻¹,  S_ij = (−1)^{i−j} φ_{i−1} φ_{i−2} … φ_j for j < i,  S_ii = I,  S_ij = 0 for j > i   (4.2).

    phi: φ_1 … φ_B. i, j: layers, which count from 1. Returns (…, N_i, N_j).
    Raises ValueError unless i and j are layers of the network.
    """
    widths = [phi[0].shape[-1], *(block.shape[-2] for block in phi)]
    if not (1 <= i <= len(widths) and 1 <= j <= len(widths)):
        raise ValueError(f"block (i, j) = ({i}, {j}): allowed are layers 1 to {len(widths)}")
    if j > i:
        return _zeros(widths[i - 1], widths[j - 1], phi[0])
    block = _identities(widths, phi[0])[i - 1]
    for k in range(i - 1, j - 1, -1):
        block = -(block @ phi[k - 1])
    return block


def adjacency(phi: Sequence[Array], lam: Sequence[Array]) -> Array:
    """A = ΦΛΦ⁻¹, the adjacency matrix of the multipartite graph.

    Block lower triangular and assembled so: L_i on the diagonal, W_ij of (4.3) in block (i, j), j < i.

    Returns (…, N, N), N = ΣN_k.
    """
    xp = array_namespace(*phi)
    widths = [values.shape[-1] for values in lam]
    rows = []
    for i, diagonal in enumerate(lam, start=1):
        weights = incoming_weights(phi, lam, i) if i > 1 else {}
        above = [_zeros(widths[i - 1], width, phi[0]) for width in widths[i:]]
        rows.append(xp.concat([*(weights[j] for j in range(1, i)), eigenvalue_matrix([diagonal]), *above], axis=-1))
    return xp.concat(rows, axis=-2)


def bundle_weight(phi: Sequence[Array], lam: Sequence[Array], i: int, j: int) -> Array:
    """Weights of the bundle j → i,  W_ij = (−1)^{i−1−j} [φ_{i−1} L_{i−1} − L_i φ_{i−1}] φ_{i−2} … φ_j   (4.3).

    phi: φ_1 … φ_B, each (…, N_{k+1}, N_k); lam: λ_1 … λ_ℓ, each (…, N_k). i, j: layers, which count from 1.
    Returns (…, N_i, N_j). Raises ValueError unless 1 ≤ j < i ≤ ℓ.
    """
    check_bundle(i, j, len(lam))
    return incoming_weights(phi, lam, i, lowest=j)[j]


def nearest_weight(block: Array, before: Array, after: Array) -> Array:
    """Weights between consecutive layers,  W_{i,i−1} = φ_{i−1} L_{i−1} − L_i φ_{i−1}   (4.3 at j = i−1).

    Entry by entry φ_{i−1}[h,m] (λ_{i−1,m} − λ_{i,h}): only differences of eigenvalues act.
    block: φ_{i−1}, (…, N_i, N_{i−1}). before: λ_{i−1}, (…, N_{i−1}). after: λ_i, (…, N_i). Returns (…, N_i, N_{i−1}).
    """
    return block * (before[..., None, :] - after[..., :, None])


def incoming_weights(phi: Sequence[Array], lam: Sequence[Array], i: int, lowest: int = 1) -> dict[int, Array]:
    """Every bundle that ends in layer i, by one product each, since (4.3) gives W_ij = −W_{i,j+1} φ_j for j < i−1.

    i: a layer from 2. lowest: the first layer that a bundle comes from. Returns {j: W_ij}, each (…, N_i, N_j).
    """
    weights = {i - 1: nearest_weight(phi[i - 2], lam[i - 2], lam[i - 1])}  # (…, N_i, N_{i−1})
    for j in range(i - 2, lowest - 1, -1):
        weights[j] = -(weights[j + 1] @ phi[j - 1])
    return weights


def forward_bundles(phi: Sequence[Array], lam: Sequence[Array], x: Array, activation: Activations) -> Array:
    """a_1 = x,  a_i = f(Σ_{k<i} W_ik a_k),  no f on the last layer   (4.5), each W_ik formed by (4.3).

    The cost is quadratic in depth; see ``forward_eigenbasis``.

    x: (…, batch, N_1). activation: f, or one for each hidden layer. Returns (…, batch, N_ℓ).
    """
    activities, functions = [x], per_layer(activation, len(lam) - 2)
    for i in range(2, len(lam) + 1):
        weights = incoming_weights(phi, lam, i)
        z = reduce(add, (activities[j - 1] @ weights[j].mT for j in range(1, i)))  # (…, batch, N_i)
        activities.append(functions[i - 2](z) if i < len(lam) else z)
    return activities[-1]


def forward_eigenbasis(
    phi: Sequence[Array],
    lam: Sequence[Array],
    x: Array,
    activation: Activations,
    input_is_zero: bool = False,
    recursion: Callable | None = None,
) -> Array:
    """(4.5) in the coordinates u = Φ⁻¹ a of the eigenvectors, without forming a skip: linear in depth.

    u_1 = x, then ``eigenbasis_recursion``; where λ_1 = 0 makes z_2 = −λ_2 ∘ φ_1 x, the first layer takes one product.

    x: (…, batch, N_1). activation: f, or one for each hidden layer. input_is_zero: take λ_1 for zero, whatever lam[0]
    holds. recursion: another way to compute ``eigenbasis_recursion``. Returns (…, batch, N_ℓ).
    """
    recursion = recursion or eigenbasis_recursion
    if not input_is_zero:
        return recursion(phi, lam, x, activation)
    v = x @ phi[0].mT  # (…, batch, N_2)
    z = v * -lam[1][..., None, :]
    if len(phi) == 1:
        return z
    first, *others = per_layer(activation, len(phi) - 1)
    return recursion(phi[1:], lam[1:], first(z) - v, others)


def eigenbasis_recursion(phi: Sequence[Array], lam: Sequence[Array], u: Array, activation: Activations) -> Array:
    """z_i = W_{i,i−1} u_{i−1};  a_i = f(z_i);  u_i = a_i − φ_{i−1} u_{i−1}  for i = 2 … ℓ; the last layer's z_ℓ.

    Follows from (4.2), which gives u_i = Σ_{k≤i} S_ik a_k, and (4.3), where W_ij = W_{i,i−1} S_{i−1,j}. Two products a
    layer, one in the last, whose u nobody needs.

    u: u_1, (…, batch, N_1). activation: f, or one for each hidden layer. Returns (…, batch, N_ℓ).
    """
    functions = per_layer(activation, len(phi) - 1)
    for block, before, after, f in zip(phi[:-1], lam[:-2], lam[1:-1], functions, strict=True):
        v = u @ block.mT  # (…, batch, N_i)
        u = f(u @ nearest_weight(block, before, after).mT) - v
    return u @ nearest_weight(phi[-1], lam[-2], lam[-1]).mT


def per_layer(activation: Activations, layers: int) -> Sequence[Callable]:
    """f for each hidden layer."""
    return [activation] * layers if callable(activation) else activation


def apply_adjacency(phi: Sequence[Array], lam: Sequence[Array], activities: Sequence[Array]) -> list[Array]:
    """A a = ΦΛΦ⁻¹ a, layer by layer, without forming A.

    activities: a_1 … a_ℓ, each (…, batch, N_i), the blocks of a. Returns the blocks of A a, of the same shapes.
    """
    u = [activities[0]]
    for block, a in zip(phi, activities[1:], strict=True):
        u.append(a - u[-1] @ block.mT)  # Φ⁻¹ a by forward substitution
    w = [coordinates * values[..., None, :] for coordinates, values in zip(u, lam, strict=True)]  # ΛΦ⁻¹ a
    return [w[0], *(after + before @ block.mT for block, before, after in zip(phi, w, w[1:], strict=False))]


def forward_recursive(phi: Sequence[Array], lam: Sequence[Array], x: Array, activation: Callable) -> Array:
    """The recursive rule of Section 4,  a ← f(A a), ℓ−1 times from a = (x, 0, …, 0), no f the last time.

    Its output is the last layer's block. This is another function than (4.5): the self-loops L_i act, the input block
    becomes f(L_1 x), and a skip passes f once for every application that its signal waits. For ℓ = 3 it is
    W_31 f(L_1 x) + W_32 f(W_21 x) + L_3 f(W_31 x). For ℓ = 2 both are W_21 x; for ℓ > 2 the rule gives (4.5) only with
    the diagonal blocks of A left out and the input block set back to x before each application.

    x: (…, batch, N_1). activation: f, elementwise. Returns (…, batch, N_ℓ).
    """
    activities = [x, *(_zeros(x.shape[-2], values.shape[-1], x) for values in lam[1:])]
    for application in range(1, len(lam)):
        activities = apply_adjacency(phi, lam, activities)
        if application < len(lam) - 1:
            activities = [activation(a) for a in activities]
    return activities[-1]


def multiplications(widths: Sequence[int], batch: int, form: str, input_is_zero: bool = True) -> int:
    """Multiplications in the matrix products of one forward pass.

    ``bundles``: every W_ij is formed once (N_i N_{j+1} N_j for a skip) and applied to the batch;
    ``eigenbasis``: two products with each φ, one with the last, and with the first where λ_1 = 0 (input_is_zero). The
    backward pass of either takes twice as many, so this is the cost model of training too; elementwise work is left
    out.

    widths: N_1 … N_ℓ. batch: its size. form: "bundles" or "eigenbasis". input_is_zero: whether λ_1 = 0.
    """
    pairs = [a * b for a, b in pairwise(widths)]
    if form == "eigenbasis":
        return batch * (sum(pairs) + sum(pairs[int(input_is_zero) : -1]))
    formed = sum(width * below for width, below in zip(widths[2:], accumulate(pairs), strict=False))
    applied = sum(width * below for width, below in zip(widths[1:], accumulate(widths), strict=False))
    return formed + batch * applied


def cheaper_form(widths: Sequence[int], batch: int | None, input_is_zero: bool = True) -> str:
    """The form of the forward pass with fewer ``multiplications``.

    widths: N_1 … N_ℓ. batch: its size; None for an endlessly large one. input_is_zero: whether λ_1 = 0.
    """
    if batch is None:  # what each further sample costs decides
        bundles, eigenbasis = (sample_multiplications(widths, form, input_is_zero) for form in FORMS)
    else:
        bundles, eigenbasis = (multiplications(widths, batch, form, input_is_zero) for form in FORMS)
    return "bundles" if bundles <= eigenbasis else "eigenbasis"


def sample_multiplications(widths: Sequence[int], form: str, input_is_zero: bool = True) -> int:
    """The ``multiplications`` that one more sample of a batch costs.

    widths: N_1 … N_ℓ. form: "bundles" or "eigenbasis". input_is_zero: whether λ_1 = 0.
    """
    with_sample, without = (multiplications(widths, batch, form, input_is_zero) for batch in (1, 0))
    return with_sample - without


def penalty(blocks: Sequence[Array], kind: str) -> Array:
    """Ω(λ̃) of (4.4), summed over the given layers' eigenvalues.

    ``l2``: Σ_k ‖λ_k‖₂, the unsquared norm per layer (gradient 0 at λ_k = 0, where it has no second derivative: NaN);
    ``l1``: Σ|λ|; ``l2_squared``: Σλ².
    blocks: arrays (…, N_k). kind: "l2", "l1" or "l2_squared". Returns (…). Raises ValueError for another kind.
    """
    if kind not in PENALTIES:
        raise ValueError(f"penalty {kind!r}: allowed are {', '.join(PENALTIES)}")
    xp = array_namespace(*blocks)
    if kind == "l2":
        return sum(xp.linalg.vector_norm(block, axis=-1) for block in blocks)
    if kind == "l1":
        return sum(xp.sum(xp.abs(block), axis=-1) for block in blocks)
    return sum(xp.sum(block * block, axis=-1) for block in blocks)


def count_parameters(layers: int, width: int, parametrization: str) -> int:
    """Numbers to train in a network with every skip connection and ℓ layers of equal width N (Figure 8).

    ``direct``: N²ℓ(ℓ−1)/2, one weight per connection; ``spectral``: N²(ℓ−1) + Nℓ, φ and λ.

    layers: ℓ. width: N. parametrization: "direct" or "spectral".
    """
    if parametrization == "direct":
        return width**2 * layers * (layers - 1) // 2
    return width**2 * (layers - 1) + width * layers


def _eye(size: int, like: Array) -> Array:
    xp = array_namespace(like)
    return xp.eye(size, dtype=like.dtype, device=like.device)


def _zeros(rows: int, columns: int, like: Array) -> Array:
    xp = array_namespace(like)
    return xp.zeros((*like.shape[:-2], rows, columns), dtype=like.dtype, device=like.device)


def _identities(widths: Sequence[int], like: Array) -> list[Array]:
    return [_zeros(width, width, like) + _eye(width, like) for width in widths]
