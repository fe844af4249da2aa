"""compact(): the same function with fewer layers and neurons, against dense linear algebra in NumPy."""

import copy
import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch._subclasses.fake_tensor import FakeTensorMode

from dense_networks import PLANS, brute_force, dense, deviation, evaluated, graded, inputs, planted, reference, seeded
from sparcs import SpectralNetwork
from sparcs.activations import ACTIVATIONS
from sparcs.compact import CompactNetwork, compact

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@st.composite
def networks(draw, dtype):
    widths = draw(st.lists(st.integers(1, 8), min_size=2, max_size=7))
    plans = draw(st.lists(st.sampled_from(PLANS), min_size=len(widths) - 2, max_size=len(widths) - 2))
    options = {
        "bias": draw(st.booleans()),
        "train_input_eigenvalues": draw(st.booleans()),
        "activation": draw(st.sampled_from([*ACTIVATIONS])),
    }
    return planted(widths, plans, draw(st.integers(0, 10**6)), dtype, **options)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([torch.float32, torch.float64]), st.sampled_from(["weights", "eigenvalues"]))
def test_exact_zeros_go_and_nothing_else_changes(data, dtype, removal):
    network = data.draw(networks(dtype))
    before = copy.deepcopy(network.state_dict())
    compacted = network.compact(removal)
    x = inputs(network).to(dtype).double()
    assert deviation(evaluated(compacted, x), reference(network, x.numpy())) <= TOLERANCE[dtype]
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@settings(max_examples=100, deadline=None)
@given(networks(torch.float64))
def test_only_neurons_on_a_path_from_input_to_output_are_left(network):
    """Reachability over the entries of the dense A that are not zero."""
    adjacency, offsets = dense(network)
    edges = np.abs(np.tril(adjacency, -1)) > 1e-13
    layer_of = np.repeat(np.arange(len(network.widths)), network.widths)
    edges &= layer_of[:, None] > layer_of[None, :]
    fed = np.zeros(offsets[-1], bool)
    fed[: network.in_features] = True
    heard = layer_of == len(network.widths) - 1
    for _ in network.widths:
        fed |= (edges & fed).any(axis=1)
        heard |= (edges & heard[:, None]).any(axis=0)
    expected = [int((fed & heard)[layer_of == i].sum()) for i in range(1, len(network.widths) - 1)]
    if network.activation is ACTIVATIONS["identity"]:
        expected = []
    widths = (network.in_features, *(width for width in expected if width), network.out_features)
    assert network.compact().widths == widths


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_network_that_stayed_linear_is_one_linear(data):
    """At the start all hidden eigenvalues are zero; with f(z) = z they need not be."""
    widths = data.draw(st.lists(st.integers(1, 8), min_size=2, max_size=7))
    activation = data.draw(st.sampled_from([*ACTIVATIONS]))
    plan = data.draw(st.sampled_from(PLANS)) if activation == "identity" else "zero"
    network = planted(widths, [plan] * (len(widths) - 2), bias=data.draw(st.booleans()), activation=activation)
    compacted = network.compact()
    assert [type(module) for module in compacted.layers] == [torch.nn.Linear]
    assert compacted.after.hidden_layers == 0
    x = inputs(network)
    assert deviation(evaluated(compacted, x), reference(network, x.numpy())) <= 1e-12


def test_equal_eigenvalues_of_all_layers_leave_the_function_zero():
    network = planted((3, 4, 2), ["equal"], train_input_eigenvalues=True, dtype=torch.float32)
    with torch.no_grad():
        for block in network.eigenvalues:
            block.fill_(0.3)
    compacted = network.compact()
    assert compacted.widths == (3, 2) and not evaluated(compacted, inputs(network)).any()


def test_only_layer_2_survived_is_two_hidden_layers_and_only_layer_3_is_one():
    """By (4.3) λ_3 = 0 leaves layer 3 live, λ_2 = 0 closes layer 2."""
    assert planted((4, 6, 5, 3), ["trained", "zero"], seed=3).compact().after.hidden_layers == 2
    assert planted((4, 6, 5, 3), ["zero", "trained"], seed=3).compact().after.hidden_layers == 1


def test_deleting_silent_neurons_from_the_eigenvectors_would_lose_the_linear_path():
    network = SpectralNetwork((4, 6, 3), generator=seeded()).double()
    with torch.no_grad():
        network.eigenvalues[1][:3] = 0.5
    wrong = SpectralNetwork((4, 3, 3)).double()
    with torch.no_grad():
        wrong.eigenvectors[0].copy_(network.eigenvectors[0][:3])
        wrong.eigenvectors[1].copy_(network.eigenvectors[1][:, :3])
        wrong.eigenvalues[1].copy_(network.eigenvalues[1][:3])
    x = inputs(network)
    expected = reference(network, x.numpy())
    compacted = network.compact()
    assert compacted.widths == (4, 3, 3)
    assert deviation(evaluated(compacted, x), expected) <= 1e-12
    assert deviation(evaluated(wrong, x), expected) > 0.1


def hidden_neurons(compacted):
    return sum(compacted.widths[1:-1])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.sampled_from([0.3, 0.05, 1e-3, 1e-5]))
def test_tolerance_holds_with_the_fewest_neurons_of_the_whole_curve(seed, removal, tolerance):
    network = graded(seed=seed)
    x = inputs(network, points=300)
    compacted = network.compact(removal, inputs=x, tolerance=tolerance)
    full = reference(network, x.numpy())
    curve = brute_force(network, removal, x.numpy())
    most = max(removed for removed, output in curve.items() if deviation(output, full) <= tolerance)
    assert deviation(evaluated(compacted, x), full) <= tolerance
    assert deviation(evaluated(compacted, x), curve[most]) <= 1e-12
    if removal == "weights":
        assert hidden_neurons(compacted) <= 22 - most


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.sampled_from([None, 0.0, 0.5]))
def test_the_loss_budget_holds_with_the_fewest_neurons_of_the_whole_curve(seed, removal, budget):
    """Against targets that the full network misses a little, so that its loss is not zero."""
    network = graded(seed=seed)
    x = inputs(network, points=200)
    full = reference(network, x.numpy())
    target = full + 0.3 * np.random.default_rng(seed).normal(size=full.shape) * full.std()

    def loss(module):
        assert not torch.is_grad_enabled()
        return torch.nn.functional.mse_loss(module(x), torch.from_numpy(target))

    compacted = network.compact(removal, loss=loss, budget=budget)
    curve = brute_force(network, removal, x.numpy())
    errors = {removed: np.square(output - target).mean() for removed, output in curve.items()}
    allowed = (1 + (0.05 if budget is None else budget)) * errors[0] * (1 + 1e-12)
    most = max(removed for removed, error in errors.items() if error <= allowed)
    assert np.square(evaluated(compacted, x) - target).mean() <= allowed
    assert deviation(evaluated(compacted, x), curve[most]) <= 1e-12


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.floats(0, 1))
def test_a_threshold_removes_every_neuron_up_to_its_share_of_the_largest(seed, removal, threshold):
    network = graded((4, 9, 3), seed=seed)
    lam = np.abs(network.eigenvalues[1].detach().numpy())
    if removal == "weights":  # the path norms of a network with one hidden layer
        w21, w32 = network.bundle(2, 1).detach().numpy(), network.bundle(3, 2).detach().numpy()
        lam = np.linalg.norm(w21, axis=1) * np.linalg.norm(w32, axis=0)
    compacted = network.compact(removal, threshold=threshold)
    assert hidden_neurons(compacted) == (lam > threshold * lam.max()).sum()


def test_a_threshold_limits_a_search():
    network = graded(seed=5)
    x = inputs(network)
    free = network.compact(inputs=x, tolerance=0.5)
    limited = network.compact(inputs=x, tolerance=0.5, threshold=1e-3)
    assert hidden_neurons(free) < hidden_neurons(limited) == hidden_neurons(network.compact(threshold=1e-3))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.sampled_from([0.0, 0.01, 0.2]))
def test_no_removal_depends_on_the_gauge(seed, shift, threshold):
    """One constant added to every eigenvalue, trained input ones included, changes no weight."""
    network = graded(seed=seed, train_input_eigenvalues=True)
    shifted = copy.deepcopy(network)
    with torch.no_grad():
        for block in shifted.eigenvalues:
            block += shift
    x = inputs(network)
    for removal in ("weights", "eigenvalues"):
        small, of_shifted = (module.compact(removal, threshold=threshold) for module in (network, shifted))
        assert small.widths == of_shifted.widths
        assert deviation(evaluated(of_shifted, x), evaluated(small, x)) <= 1e-9


def test_a_removed_neuron_leaves_its_constant():
    """Sigmoid: f(0) = 0.5 goes into the biases, though the network itself has none."""
    network = graded(activation="sigmoid", seed=2)
    adjacency, _ = dense(network)
    x = inputs(network)
    adjacency[5:17, :5] = 0  # layer 2 without inputs
    compacted = network.compact(threshold=1.0)
    assert compacted.widths == (5, 3) and compacted.has_bias
    adjacency[17:27, :17] = 0
    assert deviation(evaluated(compacted, x), reference(network, x.numpy(), adjacency)) <= 1e-12


def test_a_custom_activation_is_copied():
    network = SpectralNetwork((4, 6, 3), activation=torch.nn.PReLU(init=0.1), generator=seeded())
    with torch.no_grad():
        network.eigenvalues[1][:2] = 0.5
    compacted = network.compact()
    assert compacted.widths == (4, 2, 3)
    x = torch.randn(9, 4, generator=seeded(1))
    torch.testing.assert_close(compacted(x), network(x), rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        compacted.activation.weight.fill_(0.9)
    assert network.activation.weight.item() == pytest.approx(0.1)


def test_sizes_by_hand():
    network = planted((4, 6, 5, 3), ["zero", "zero"], bias=True, seed=1)
    with torch.no_grad():
        network.eigenvectors[0].fill_(0.3)
        network.eigenvectors[1].fill_(0.2)
        network.eigenvectors[2].fill_(0.1)
        network.eigenvalues[1][:2] = 0.5
    compacted = network.compact()
    before, after = compacted.before, compacted.after
    assert before.neurons == (4, 6, 5, 3) and before.hidden_layers == 2
    assert before.parameters == 5 * 6 + 6 * 5 + 5 * 3 + 6 + 5 + 3 and before.buffers == 5
    assert before.multiply_adds == min(5 * 6 + 2 * 6 * 5 + 5 * 3, 6 * 5 + 5 * 11 + 3 * 16)
    assert after.neurons == (4, 2, 5, 3) and after.buffers == 0
    assert after.multiply_adds == 2 * 4 + 5 * (4 + 2) + 3 * (4 + 2 + 5)
    assert after.parameters == after.multiply_adds + 2 + 5 + 3
    assert f"before: {before}" in repr(compacted) and "4-2-5-3, 81 parameters" in repr(compacted)


def test_the_result_is_ready_to_fine_tune():
    network = graded(dtype=torch.float32, seed=1)
    state = torch.get_rng_state()
    compacted = network.compact(threshold=0.01)
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in compacted.parameters())
    assert {parameter.dtype for parameter in compacted.parameters()} == {torch.float32}
    x = torch.randn(2, 7, 5, generator=seeded())
    compacted(x).sum().backward()
    assert compacted(x).shape == (2, 7, 3)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.to(torch.bfloat16).compact().layers[0].weight.dtype is torch.bfloat16


def test_the_result_is_ready_to_fine_tune_in_inference_mode_too():
    network = graded(dtype=torch.float32)
    with torch.inference_mode():
        compacted = network.compact(threshold=0.01)
    compacted(torch.ones(2, 5)).sum().backward()
    assert compacted.layers[0].weight.grad is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of PyTorch's quantization
def test_a_quantised_network_can_be_printed():
    compacted = graded(dtype=torch.float32).compact()
    quantised = torch.ao.quantization.quantize_dynamic(compacted, {torch.nn.Linear})
    assert f"{compacted.after.multiply_adds:,} multiply-adds" in repr(quantised)
    assert deviation(quantised(torch.ones(1, 5)).detach().numpy(), evaluated(compacted, torch.ones(1, 5))) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_save_and_load_need_no_spectral_network(tmp_path, dtype):
    compacted = graded(activation="tanh", bias=True, dtype=dtype).compact(threshold=0.01)
    path = tmp_path / "compact.safetensors"
    compacted.save(path)
    loaded = CompactNetwork.load(path)
    x = torch.randn(4, 5, generator=seeded()).to(dtype)
    assert torch.equal(loaded(x), compacted(x))
    assert (loaded.before, loaded.after, loaded.sources) == (compacted.before, compacted.after, compacted.sources)
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    built = CompactNetwork(compacted.widths, compacted.sources, "tanh", bias=True).to(dtype)
    assert not built(x).any()
    built.load_state_dict(compacted.state_dict())
    assert torch.equal(built(x), compacted(x))


def test_what_cannot_be_saved_or_loaded_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"sin.*cannot be saved: allowed are relu"):
        SpectralNetwork((3, 2), activation=torch.sin).compact().save(tmp_path / "no.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata={"content": json.dumps([])})
    with pytest.raises(ValueError, match="holds no CompactNetwork"):
        CompactNetwork.load(tmp_path / "other.safetensors")


INPUTS = torch.zeros(2, 3)
BAD = [
    ({"removal": "neurons"}, ValueError, "removal 'neurons': allowed are weights, eigenvalues"),
    ({"threshold": 1.5}, ValueError, "threshold 1.5: allowed are 0 to 1"),
    ({"threshold": float("nan")}, ValueError, "threshold nan"),
    ({"threshold": "0.1"}, TypeError, "threshold '0.1': a number or None"),
    ({"inputs": INPUTS}, ValueError, "give both or neither"),
    ({"tolerance": 0.1}, ValueError, "give both or neither"),
    ({"inputs": INPUTS, "tolerance": 0.0}, ValueError, "tolerance 0.0: allowed are values between 0 and 1"),
    ({"inputs": [[1.0]], "tolerance": 0.1}, TypeError, "inputs of type list"),
    ({"inputs": INPUTS[:0], "tolerance": 0.1}, ValueError, r"inputs of shape \(0, 3\): at least one sample"),
    ({"inputs": INPUTS / 0, "tolerance": 0.1}, ValueError, "all numbers finite"),
    ({"inputs": INPUTS[:, :2], "tolerance": 0.1}, ValueError, "last dimension must be 3"),
    ({"inputs": INPUTS, "tolerance": 0.1, "loss": torch.sum}, ValueError, "at most one"),
    ({"loss": 0.3}, TypeError, "loss 0.3: a callable"),
    ({"budget": 0.1}, ValueError, "budget 0.1: it needs a loss"),
    ({"loss": lambda _: 1.0, "budget": -0.1}, ValueError, "budget -0.1: allowed are finite numbers of at least 0"),
    ({"loss": lambda _: float("nan")}, ValueError, "loss of the network is nan"),
    ({"loss": lambda _: -1.0}, ValueError, "loss returned -1.0: a number of at least 0 is needed"),
    (
        {"loss": lambda module: 1.0 if isinstance(module, SpectralNetwork) else -2.0},
        ValueError,
        "loss returned -2.0: a number of at least 0 is needed",
    ),
    ({"loss": lambda _: None}, TypeError, "loss returned a NoneType: a number is needed"),
    ({"loss": lambda _: torch.zeros(2)}, TypeError, r"loss returned a tensor of shape \(2,\): a number is needed"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        SpectralNetwork((3, 4, 2), generator=seeded()).compact(**arguments)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="network is a Linear: a SpectralNetwork is needed"):
        compact(torch.nn.Linear(3, 2))


def test_a_tolerance_below_rounding_and_a_broken_network_are_refused():
    network = graded(dtype=torch.float32)
    with pytest.raises(ValueError, match=r"tolerance 1e-12: .*rounding of torch.float32"):
        network.compact(inputs=inputs(network), tolerance=1e-12)
    with torch.no_grad():
        network.eigenvalues[2][0] = float("nan")
    with pytest.raises(ValueError, match=r"eigenvalues.2 is not finite"):
        network.compact()


def test_a_network_without_values_is_refused():
    with pytest.raises(ValueError, match=r'parameter eigenvectors.0 is on the device "meta"'):
        SpectralNetwork((3, 4, 2), device="meta").compact()


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        ("32", TypeError, "widths '32': a sequence of at least two positive integers"),
        ((3, -1, 2), ValueError, r"widths \(3, -1, 2\): every entry must be positive, -1 is not"),
    ],
)
def test_widths_of_no_network_are_refused(widths, error, message):
    with pytest.raises(error, match=message):
        CompactNetwork(widths, ((1,), (1, 2)))


def test_sources_that_are_no_sequences_are_refused():
    for sources in ((1,), 1, ((1.0,),)):
        with pytest.raises(TypeError, match=r"sources .*: a sequence of sequences of layers is needed"):
            CompactNetwork((3, 2), sources)
    with pytest.raises(TypeError, match="bias 'no': True or False"):
        CompactNetwork((3, 2), ((1,),), bias="no")


def test_layers_may_be_numpy_s_numbers(tmp_path):
    CompactNetwork((3, 2, 2), [np.array([1]), np.array([1, 2])]).save(tmp_path / "small.safetensors")
    assert CompactNetwork.load(tmp_path / "small.safetensors").sources == ((1,), (1, 2))


@pytest.mark.parametrize("sources", [(), ((1,),), ((1,), (3,)), ((1,), ()), ((0,), (1,))])
def test_sources_that_do_not_fit_are_refused(sources):
    with pytest.raises(ValueError, match="sources"):
        CompactNetwork((3, 4, 2), sources)


def test_rounding_in_the_loss_leaves_exact_removal():
    """A loss that only the very network reaches: nothing but exact zeros may go."""
    network = graded(seed=4)
    losses = itertools.chain([1.0], itertools.repeat(2.0))
    assert hidden_neurons(network.compact(loss=lambda _: next(losses))) == 22


READERS = {
    "compact": lambda network: network.compact(),
    "compact, loss": lambda network: network.compact(loss=lambda module: module(torch.zeros(1, 3)).sum()),
    "active_neurons": lambda network: network.active_neurons(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_fake_tensors_have_no_values_to_read(read):
    """Made under FakeTensorMode and read there or later, and real ones read there."""
    real = SpectralNetwork((3, 4, 2))
    with FakeTensorMode():
        fake = SpectralNetwork((3, 4, 2))
        for network in (real, fake):
            with pytest.raises(
                ValueError, match=r"parameter eigenvectors.0 is fake, or FakeTensorMode is on: there are"
            ):
                read(network)
    with pytest.raises(ValueError, match=r"parameter eigenvectors.0 is fake"):
        read(fake)


class Noisy(torch.nn.Module):
    """An activation that is another function in training, and counts its calls there in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z):
        self.calls += 1
        return z.relu() + (torch.rand_like(z) + 1 if self.training else 1)


CALLS = {
    "exact zeros": lambda network, x: network.compact(),
    "threshold": lambda network, x: network.compact(threshold=0.5),
    "loss": lambda network, x: network.compact(loss=lambda module: module(x).square().mean()),
    "tolerance": lambda network, x: network.compact(inputs=x, tolerance=0.1),
    "eigenvalues": lambda network, x: network.compact("eigenvalues", threshold=0.5),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_network_in_training_is_judged_in_evaluation_and_left_as_it_was(call):
    """A bias makes silent neurons the constant f(b), which goes into the result."""
    network = graded((5, 12, 9, 3), bias=True, activation=Noisy(), dtype=torch.float32)
    with torch.no_grad():
        network.eigenvectors[0][:4, :-1] = 0
    x = torch.randn(50, 5, generator=seeded())
    expected = call(network.eval(), x)
    network.train()
    small = call(network, x)
    assert small.training and network.training and network.activation.training and not expected.training
    assert network.activation.calls == 0
    torch.testing.assert_close(small.eval()(x), expected(x))
    assert network.active_neurons() == network.eval().active_neurons()
    assert network.activation.calls == 0
