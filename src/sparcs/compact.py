"""From a trained SpectralNetwork to a plain module that holds only the layers and neurons that matter."""

import itertools
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from sparcs import pruning, spectral
from sparcs.activations import check_elementwise, name_of
from sparcs.checks import check_dtypes, check_overflow, check_values, checked_flag, is_number
from sparcs.compact_network import CompactNetwork, Size, module_of, numbers_of
from sparcs.judging import judged
from sparcs.search import CALLS, Step, allowed_loss, checked_loss, smallest_within

__all__ = ["CompactNetwork", "Options", "Removal", "Size", "compact", "module_of"]

ROWS = 256  # inputs compared at a time: a network that is too small is rejected by the first few

OVERFLOW = {"over": "ignore", "invalid": "ignore"}  # for np.errstate: what is not finite in the end is refused
Off = Mapping[int, np.ndarray]
Loss = Callable[[nn.Module], float | Tensor]
Value = Callable[[CompactNetwork], float]
Removal = Literal["weights", "eigenvalues"]
REMOVALS = ("weights", "eigenvalues")


class Options(TypedDict, total=False):
    """What ``compact`` takes by name, and says the meaning of.

    These are ``threshold``, ``inputs``, ``tolerance``, ``loss``, ``budget``, ``absolute_budget``, ``flips``,
    ``max_calls`` and ``on_step``.
    """

    threshold: float | None
    inputs: Tensor | None
    tolerance: float | None
    loss: Loss | None
    budget: float | None
    absolute_budget: float | None
    flips: bool
    max_calls: int | None
    on_step: Callable[[Step], object] | None


def compact(
    network: nn.Module,
    removal: Removal = "weights",
    threshold: float | None = None,
    inputs: Tensor | None = None,
    tolerance: float | None = None,
    loss: Loss | None = None,
    budget: float | None = None,
    absolute_budget: float | None = None,
    flips: bool = False,
    max_calls: int | None = CALLS,
    on_step: Callable[[Step], object] | None = None,
) -> CompactNetwork:
    """The trained network without the hidden neurons that do not matter; the network itself is left as it is.

    Exact zeros always go, and change nothing but rounding: neurons that are silent (their row of W_{i,i−1} is zero) or
    otherwise constant, whose value goes into the biases of what they feed; neurons that nothing listens to; layers
    left without neurons. Skips stay as trained: the linear paths through a silent neuron are inside them. A network
    without live hidden neurons, or with f(z) = z, becomes one Linear. By default nothing else goes. Every skip that is
    not zero becomes an explicit matrix: a deep network of which little goes can have many times the parameters, up to
    N²ℓ(ℓ−1)/2 in place of N²(ℓ−1) + Nℓ at equal widths N.

    More can go, the least important neurons first. How much is set by ``threshold`` and by at most one of a
    ``tolerance`` on ``inputs`` and a ``loss`` with its budgets. How a neuron goes is set by ``removal``:

    * ``"weights"``: its inputs are cut in weight space. That leaves f(b), its value without input, as a constant; for
      f(0) = 0 and no bias the neuron is deleted. Importance is the path norm ‖Γ_h‖, the norm of
      its incoming weights times the norm of its outgoing ones, which no gauge changes.
    * ``"eigenvalues"``, as in the paper: λ_h := 0, all W_ij mapped anew by (4.3), which changes skips too, and what is
      silent then goes. Importance is |λ_h|. Only eigenvalue differences act, so the eigenvalues are first shifted by
      the median of λ_1, which is 0 unless λ_1 is trained.

    With ``flips`` bundles may go, too, within the same budget or tolerance, skips above all. f(z) = cz + f(−z) for ReLU
    and its like (``sparcs.pruning.slope_of``), so the signs of a neuron's inputs can be turned round where the skips
    past it take up the rest: the same function. Flips are made as long as the skips get smaller, in norm; then each
    bundle is left out once, the weakest first. The result has the fewer weights of those with and without flips.

    The search tries networks from the smallest allowed upwards. If ``max_calls`` is enough for all, the result has the
    fewest neurons on the whole pruning curve, which need not be monotone. Otherwise tries are spaced
    (``sparcs.search.first_good``): the result is good enough, and has the fewest neurons if the curve is monotone; on
    another curve a smaller one may be missed. The network is judged in evaluation; afterwards its modules' modes and
    buffers are as before.

    network: a SpectralNetwork on any device but "meta"; weights are computed in float64, then cast to its dtype.
    removal: how a neuron goes.
    threshold: only neurons whose importance is at most this share, 0 to 1, of the largest go; all of them unless a
    search is asked for.
    inputs: (…, N_1), on which the tolerance is judged.
    tolerance: the fewest neurons stay for which max |ŷ − y| ≤ tolerance · max |y| on the inputs.
    loss: a function of a network, called without gradients, that returns a number ≥ 0. The fewest neurons stay for
    which loss(compact) ≤ (1 + budget) · loss(network) + absolute_budget. If even rounding breaks it, exact zeros go.
    budget: a share of the network's loss; 0.05 if neither budget is given, 0 if only the other is.
    absolute_budget: a number that is added to what is allowed; 0 unless it is given.
    flips: whether bundles may go, too.
    max_calls: of networks that are judged, 60 by default, the whole network counted; None for any number. Flips take at
    most as many again.
    on_step: called with a ``sparcs.search.Step`` after each of them; ``print`` shows the progress.
    Returns a plain network in the mode of the given one, with ``requires_grad`` on, for fine-tuning.
    Raises TypeError or ValueError, naming the argument, its value and what is allowed; ValueError too if a parameter is
    not finite, the loss is negative or not finite, the tolerance is below the rounding of the network's dtype, f does
    not act on each neuron by itself (softmax), or a weight of the result or an output for inputs overflows its dtype.
    """
    options = Options(
        threshold=threshold,
        inputs=inputs,
        tolerance=tolerance,
        loss=loss,
        budget=budget,
        absolute_budget=absolute_budget,
        flips=flips,
        max_calls=max_calls,
        on_step=on_step,
    )
    _check(network, removal, options)
    training = network.training
    # tensors made in inference mode could never be trained
    with torch.inference_mode(False), torch.no_grad(), judged(network):
        small = _smallest(network, removal, options).train(training)
    for name, value in small.named_parameters():
        check_overflow(f"{name} of the compact network", value)
    return small


def _smallest(network: nn.Module, removal: str, options: Options) -> CompactNetwork:
    """What ``compact`` returns, in evaluation as the network."""
    curve = _curve(network, removal, options["threshold"], search=_is_search(options))
    if not _is_search(options):
        return _module(curve.graph(0), network)
    slope = _slope(network) if options["flips"] else None
    value, allowed = _judge(network, options)

    def tried(k: int) -> tuple[int, float]:
        candidate = _module(curve.graph(k), network)
        return sum(candidate.widths[1:-1]), value(candidate)

    k = smallest_within(curve.count, tried, allowed, options["max_calls"], options["on_step"])
    graph = curve.graph(curve.count - 1 if k is None else k)
    if k is None and options["loss"] is None and not value(_module(graph, network)) <= allowed:
        raise ValueError(
            f"tolerance {options['tolerance']}: removing only exact zeros already deviates by more, through the "
            f"rounding of {network.eigenvectors[0].dtype}"
        )
    if slope is not None:
        graph = _fewest_weights(graph, network, slope, value, allowed, options)
    return _module(graph, network)


def _is_search(options: Options) -> bool:
    return options["loss"] is not None or options["tolerance"] is not None


def _judge(network: nn.Module, options: Options) -> tuple[Value, float]:
    """What a candidate is judged by, and the largest value that is good enough."""
    loss = options["loss"]
    if loss is None:
        return _deviation(network, options["inputs"], options["tolerance"])
    value: Value = lambda module: checked_loss(loss(module))  # noqa: E731
    return value, allowed_loss(value(network), options["budget"], options["absolute_budget"])


@np.errstate(**OVERFLOW)
def _fewest_weights(
    graph: pruning.Graph, network: nn.Module, slope: float, value: Value, allowed: float, options: Options
) -> pruning.Graph:
    """``pruning.fewest_weights`` within what is allowed, in at most ``max_calls`` calls."""
    calls = itertools.count(1)
    at_most = 1 + 2 * len(graph.weights)
    at_most = at_most if options["max_calls"] is None else min(at_most, options["max_calls"])

    def good(candidate: pruning.Graph) -> bool:
        if (call := next(calls)) > at_most:
            return False
        module = _module(candidate, network)
        reached = value(module)
        if options["on_step"] is not None:
            options["on_step"](Step(call, at_most, sum(module.widths[1:-1]), reached, allowed))
        return reached <= allowed

    return pruning.fewest_weights(graph, function_of(network), good, slope)[1]


def _slope(network: nn.Module) -> float:
    """c of f(z) − f(−z) = cz. Raises ValueError if there is none."""
    slope = pruning.slope_of(function_of(network), max(1e-5, 8 * torch.finfo(network.eigenvectors[0].dtype).eps))
    if slope is None:
        raise ValueError(
            f"flips: f(z) − f(−z) is no multiple of z for activation {network.activation!r}; allowed are relu, gelu, "
            "silu, leaky_relu and others of which that holds"
        )
    return slope


@dataclass(frozen=True)
class _Curve:
    """Graphs 0 … count − 1, from the smallest allowed to the one without exact zeros only."""

    count: int
    graph: Callable[[int], pruning.Graph]


@np.errstate(**OVERFLOW)
def _curve(network: nn.Module, removal: str, threshold: float | None, search: bool) -> _Curve:
    """All networks that may be tried, in order of importance."""
    phi, lam = arrays_of(network)
    f = function_of(network)
    full = pruning.reduced(pruning.graph_of(phi, lam, network.has_bias), f)
    if name_of(network.activation) == "identity":
        linear = pruning.collapsed(full)
        return _Curve(1, lambda _: linear)
    if removal == "weights":
        importance = pruning.importance(full)

        def without(off: Off) -> pruning.Graph:
            return pruning.reduced(pruning.cut(full, off), f)
    else:
        lam = [block - np.median(lam[0]) for block in lam]
        importance = {i: np.abs(lam[i - 1]) for i in full.hidden}

        def without(off: Off) -> pruning.Graph:
            left = [np.where(off[i], 0.0, block) if i in off else block for i, block in enumerate(lam, start=1)]
            return pruning.reduced(pruning.graph_of(phi, left, network.has_bias), f)

    ranks = pruning.ranks(importance)
    values = np.concatenate([[], *importance.values()])
    check_overflow("the importance of a neuron", torch.from_numpy(values))
    share = (1.0 if search else 0.0) if threshold is None else threshold
    most, fewest = (int((values <= bound).sum()) for bound in (share * values.max(initial=0.0), 0.0))

    @np.errstate(**OVERFLOW)
    def candidate(k: int) -> pruning.Graph:
        return without({i: block < most - k for i, block in ranks.items()})

    return _Curve(most - fewest + 1, candidate)


def arrays_of(network: nn.Module) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """φ_1 … φ_B, (N_{k+1}, N_k), and λ_1 … λ_ℓ, (N_k,), of a SpectralNetwork, in float64."""
    phi = [block.detach().double().cpu().numpy() for block in network.eigenvectors]
    return phi, [block.detach().double().cpu().numpy() for block in network.eigenvalues]


def function_of(network: nn.Module) -> pruning.Function:
    """f of a SpectralNetwork on float64 arrays, computed in its dtype and on its device.

    Raises ValueError if f does not act on each neuron by itself.
    """
    like = network.eigenvectors[0].detach()
    check_elementwise(network.activation, like)
    return lambda values: network.activation(torch.as_tensor(values).to(like)).detach().double().cpu().numpy()


def _deviation(network: nn.Module, inputs: Tensor, tolerance: float) -> tuple[Value, float]:
    """max |ŷ − y| on the inputs, and what is allowed of it."""
    inputs = inputs.to(network.eigenvectors[0])
    expected = network(inputs)  # (…, N_ℓ)
    check_overflow("an output of the network for inputs", expected)
    allowed = tolerance * float(expected.abs().max())
    parts = list(zip(*(values.reshape(-1, values.shape[-1]).split(ROWS) for values in (inputs, expected)), strict=True))

    def deviation(candidate: CompactNetwork) -> float:
        """The largest so far: the first few inputs tell if it is too large."""
        largest = 0.0
        for x, y in parts:
            value = float((candidate(x) - y).abs().max())
            if not value <= allowed:  # NaN too
                return value
            largest = max(largest, value)
        return largest

    return deviation, allowed


def _module(graph: pruning.Graph, network: nn.Module) -> CompactNetwork:
    """The graph as a module in the dtype and on the device of the network, in evaluation as it is meanwhile."""
    like, before = network.eigenvectors[0], _size_before(network)
    return module_of(graph, deepcopy(network.activation), like, before).eval()


def _size_before(network: nn.Module) -> Size:
    fixed = not network.train_input_eigenvalues
    form = spectral.cheaper_form(network.widths, None, fixed)
    sample = spectral.sample_multiplications(network.widths, form, fixed)
    return Size(*numbers_of(network), sample, (network.widths[0] - int(network.has_bias), *network.widths[1:]))


def _check(network: nn.Module, removal: str, options: Options) -> None:
    if not all(hasattr(network, name) for name in ("eigenvectors", "eigenvalues", "activation")):
        raise TypeError(f"network is a {type(network).__name__}: a SpectralNetwork is needed")
    check_numbers(options, "threshold", "tolerance")
    if removal not in REMOVALS:
        raise ValueError(f"removal {removal!r}: allowed are {', '.join(REMOVALS)}")
    threshold = options["threshold"]
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold}: allowed are 0 to 1, a share of the largest importance")
    _check_tolerance(network, options["inputs"], options["tolerance"])
    check_loss_options(options)
    if checked_flag("flips", options["flips"]) and not _is_search(options):
        raise ValueError("flips True: it needs a loss, or inputs and a tolerance")
    check_dtypes(network)
    check_values(network)


def check_numbers(options: Options, *names: str) -> None:
    """Raise TypeError unless the options of these names are numbers, None or not there."""
    for name in names:
        value = options.get(name)
        if value is not None and not is_number(value):
            raise TypeError(f"{name} {value!r}: a number or None is needed")


def _check_tolerance(network: nn.Module, inputs: Tensor | None, tolerance: float | None) -> None:
    if (inputs is None) != (tolerance is None):
        raise ValueError("inputs and tolerance: give both or neither")
    if inputs is None:
        return
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance {tolerance}: allowed are values between 0 and 1, a share of the largest output")
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs of type {type(inputs).__name__}: a tensor (…, N_1) is needed")
    if inputs.shape[-1:] != (network.in_features,):
        raise ValueError(f"inputs of shape {tuple(inputs.shape)}: the last dimension must be {network.in_features}")
    if not (inputs.numel() and inputs.isfinite().all()):
        raise ValueError(f"inputs of shape {tuple(inputs.shape)}: at least one sample is needed, all numbers finite")


def check_loss_options(options: Options) -> None:
    """Raise TypeError or ValueError for a loss, budgets, callbacks or numbers of calls that cannot be."""
    check_numbers(options, "budget", "absolute_budget", "max_calls")
    loss = options.get("loss")
    if loss is not None and not callable(loss):
        raise TypeError(f"loss {loss!r}: a callable from a module to a number is needed")
    if loss is not None and options.get("tolerance") is not None:
        raise ValueError("loss and tolerance: give at most one of them")
    for name in ("budget", "absolute_budget"):
        budget = options.get(name)
        if budget is not None and loss is None:
            raise ValueError(f"{name} {budget}: it needs a loss")
        if budget is not None and not 0 <= budget < float("inf"):
            raise ValueError(f"{name} {budget}: allowed are finite numbers of at least 0")
    calls, on_step = options.get("max_calls"), options.get("on_step")
    if calls is not None and not (isfinite(calls) and calls == int(calls) and calls >= 2):
        raise ValueError(f"max_calls {calls}: allowed are None and integers from 2, the whole network and another one")
    if on_step is not None and not callable(on_step):
        raise TypeError(f"on_step {on_step!r}: a callable or None is needed")
