"""SpectralNetwork: its start, its gradients, its files, its errors."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils import parametrize, prune
from torch.utils.flop_counter import FlopCounterMode

import sparcs
from dense_networks import randomised, seeded
from replication.experiments.theory import checks as theory
from sparcs import SpectralNetwork, spectral


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.booleans(), st.integers(0, 10**6))
def test_forward_agrees_with_the_dense_adjacency(widths, bias, seed):
    network = randomised(widths, seed, bias=bias, train_input_eigenvalues=True)
    x = torch.randn(6, widths[0], generator=seeded(seed), dtype=torch.float64)
    full = np.concatenate([x.numpy(), np.ones((6, 1))], axis=1) if bias else x.numpy()
    adjacency = network.adjacency().detach().numpy()
    offsets = np.concatenate([[0], np.cumsum(network.widths)])
    activities = [full]
    for i in range(1, len(widths)):
        rows = slice(offsets[i], offsets[i + 1])
        z = sum(activities[j] @ adjacency[rows, offsets[j] : offsets[j + 1]].T for j in range(i))
        activities.append(np.maximum(z, 0) if i < len(widths) - 1 else z)
    for form in ("bundles", "eigenbasis", None):
        network.form = form
        y = network(x).detach().numpy()
        np.testing.assert_allclose(y, activities[-1], rtol=0, atol=1e-8 * max(1, np.abs(activities[-1]).max()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.integers(0, 10**6))
def test_the_start_is_a_perceptron(widths, seed):
    """Claim A1 with the product of φ multiplied out by NumPy."""
    network = SpectralNetwork(widths, generator=seeded(seed)).double()
    linear = np.eye(widths[0])
    for phi in network.eigenvectors:
        linear = -phi.detach().numpy() @ linear
    x = torch.randn(5, widths[0], generator=seeded(seed), dtype=torch.float64)
    np.testing.assert_allclose(network(x).detach().numpy(), x.numpy() @ linear.T, rtol=1e-9, atol=1e-12)
    assert all(not block.any() for block in list(network.eigenvalues)[:-1])
    assert (network.eigenvalues[-1] == 1).all()


FORWARDS = {
    "bundles": spectral.forward_bundles,
    "eigenbasis": spectral.forward_eigenbasis,
    "eigenbasis, zero input": partial(spectral.forward_eigenbasis, input_is_zero=True),
    "recursive": spectral.forward_recursive,
}


@pytest.mark.parametrize("forward", FORWARDS)
@pytest.mark.parametrize("widths", [(3, 4), (3, 4, 2), (2, 3, 3, 3, 2)])
def test_gradients_by_finite_differences(widths, forward):
    network = randomised(widths, train_input_eigenvalues=True)
    x = torch.randn(4, widths[0], generator=seeded(), dtype=torch.float64, requires_grad=True)
    parameters = [x, *network.eigenvectors, *network.eigenvalues]

    def output(x, *values):
        count = len(widths) - 1
        y = FORWARDS[forward](values[:count], values[count:], x, torch.tanh)
        return y + spectral.penalty(values[count:], "l2")

    assert torch.autograd.gradcheck(output, parameters)
    assert torch.autograd.gradgradcheck(output, parameters)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_both_forms_have_the_same_gradients(widths, bias, train_input, seed):
    network = randomised(widths, seed, bias=bias, train_input_eigenvalues=train_input)
    x = torch.randn(6, widths[0], generator=seeded(seed), dtype=torch.float64)
    of_form = {}
    for form in spectral.FORMS:
        network.form = form
        network.zero_grad()
        y = network(x)
        y.square().sum().backward()
        of_form[form] = [y.detach(), *(parameter.grad.clone() for parameter in network.parameters())]
    for by_bundles, by_eigenbasis in zip(*of_form.values(), strict=True):
        largest = max(1.0, float(by_bundles.abs().max()))
        torch.testing.assert_close(by_bundles, by_eigenbasis, rtol=0, atol=1e-9 * largest)


@pytest.mark.parametrize("kind", ["l2", "l1", "l2_squared"])
def test_the_penalty_has_gradient_zero_at_the_start(kind):
    network = SpectralNetwork((3, 5, 4, 2), generator=seeded())
    network.penalty(kind).backward()
    for block in list(network.eigenvalues)[1:-1]:
        assert (block.grad == 0).all()
    assert network.eigenvalues[-1].grad is None


def test_the_penalty_covers_hidden_eigenvalues_and_trained_input_ones():
    for train_input in (False, True):
        network = randomised((2, 3, 4, 2), train_input_eigenvalues=train_input)
        blocks = list(network.eigenvalues)[0 if train_input else 1 : -1]
        expected = sum(np.abs(block.detach().numpy()).sum() for block in blocks)
        assert network.penalty("l1").item() == pytest.approx(expected)
    assert SpectralNetwork((2, 3)).penalty().item() == 0


def test_input_eigenvalues_are_a_buffer_unless_trained():
    fixed = SpectralNetwork((2, 3, 1), bias=True)
    assert sum(p.numel() for p in fixed.parameters()) == 3 * 3 + 3 * 1 + 3 + 1
    trained = SpectralNetwork((2, 300, 1), bias=True, train_input_eigenvalues=True)
    assert sum(p.numel() for p in trained.parameters()) == 1504
    assert "eigenvalues.0" in fixed.state_dict()


def test_fixed_input_eigenvalues_are_zero_whatever_the_buffer_holds():
    """Both forms, so that the output does not depend on the batch size, and everything else that reads them."""
    network = randomised((3, 4, 3, 2), bias=True)
    x = torch.randn(300, 3, generator=seeded(), dtype=torch.float64)
    expected, weight, adjacency = network(x), network.bundle(2, 1), network.adjacency()
    dict(network.named_buffers())["eigenvalues.0"].fill_(0.7)
    torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), expected)
    assert torch.equal(network.bundle(2, 1), weight) and torch.equal(network.adjacency(), adjacency)
    torch.testing.assert_close(network.compact()(x), expected)


def test_a_network_from_the_meta_device_starts_as_any_other():
    for train_input in (False, True):
        network = SpectralNetwork((3, 4, 2), train_input_eigenvalues=train_input, device="meta").to_empty(device="cpu")
        network.reset_parameters(seeded())
        expected = SpectralNetwork((3, 4, 2), train_input_eigenvalues=train_input, generator=seeded()).state_dict()
        assert all(torch.equal(network.state_dict()[key], value) for key, value in expected.items())


def test_a_generator_does_not_move_the_parameters():
    with torch.device("meta"):
        network = SpectralNetwork((3, 4, 2), generator=seeded())
    assert all(value.is_meta for value in network.state_dict().values())


def test_eigenvalues_can_be_sliced_and_assigned():
    network = randomised((3, 4, 5, 2))
    hidden = network.eigenvalues[1:-1]
    assert len(hidden) == 2 and hidden[1] is network.eigenvalues[-2]
    assert [len(block) for block in network.eigenvalues[::-1]] == [2, 5, 4, 3]
    network.eigenvalues[1] = torch.ones(4, dtype=torch.float64)
    assert isinstance(network.eigenvalues[1], torch.nn.Parameter) and (network.eigenvalues[1] == 1).all()
    network.eigenvalues[-2] = frozen = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64), requires_grad=False)
    assert network.eigenvalues[2] is frozen
    with pytest.raises(ValueError, match=r"eigenvalues\[1\] of shape \(1,\): \(4,\) is needed"):
        network.eigenvalues[1] = torch.ones(1, dtype=torch.float64)
    with pytest.raises(TypeError, match=r"eigenvalues\[1\] of torch.float32: a tensor of torch.float64 is needed"):
        network.eigenvalues[1] = torch.ones(4)
    with pytest.raises(TypeError, match=r"eigenvalues\[1\] of list: a tensor"):
        network.eigenvalues[1] = [0.0] * 4
    with pytest.raises(TypeError, match="one layer at a time"):
        network.eigenvalues[1:2] = [torch.zeros(4)]
    with pytest.raises(ValueError, match=r"eigenvalues\[0\] is fixed at 0"):
        network.eigenvalues[0] = torch.ones(3)


@pytest.mark.parametrize("layers", [3, 4, 5, 6])
def test_first_gradients_of_the_eigenvalues(layers):
    """Claim A3: λ_k at step B−k+1."""
    first = theory.first_gradient_steps(seed=layers, layers=layers)
    assert first == {k: layers - k for k in range(2, layers)}


def test_direct_space_never_leaves_the_perceptron():
    assert theory.direct_largest_hidden_weight(seed=1, layers=4, steps=50) == 0


def test_initialisation_follows_the_generator():
    network, again, other = (SpectralNetwork((4, 5, 3), generator=seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not torch.equal(network.eigenvectors[0], other.eigenvectors[0])
    bound = (6 / 9) ** 0.5
    assert network.eigenvectors[0].abs().max() <= bound


def test_state_dict_round_trip_and_repr():
    network = randomised((3, 4, 2), bias=True).float()
    copy = SpectralNetwork((3, 4, 2), bias=True)
    copy.load_state_dict(network.state_dict())
    x = torch.randn(2, 7, 3, generator=seeded())
    assert torch.equal(copy(x), network(x))
    assert copy(x).shape == (2, 7, 2)
    assert "widths=(3, 4, 2), bias=True, activation=relu, train_input_eigenvalues=False, form=None" in repr(copy)


def test_a_representation_reads_no_value():
    for make in (lambda: SpectralNetwork((3, 4, 2), device="meta"), lambda: SpectralNetwork((3, 4, 2))):
        with FakeTensorMode():
            assert "widths=(3, 4, 2)" in repr(make())
    network = SpectralNetwork((3, 4, 2))
    expected = repr(network)
    with torch.no_grad():
        network.eigenvalues[1].fill_(float("nan"))
    assert repr(network) == expected


def test_the_output_of_rows_is_no_view():
    for widths in ((3, 2), (3, 4, 2)):
        for form in spectral.FORMS:
            y = SpectralNetwork(widths, form=form)(torch.zeros(5, 3))
            assert not y._is_view()
            y += 1  # as FSDP2's hooks may


def test_device_and_dtype_do_not_change_the_start():
    """One generator, one start: drawn in float32 and then converted."""
    single = SpectralNetwork((4, 5, 3), generator=seeded())
    double = SpectralNetwork((4, 5, 3), generator=seeded(), dtype=torch.float64)
    assert double(torch.zeros(1, 4, dtype=torch.float64)).dtype == torch.float64
    for in_float32, in_float64 in zip(single.parameters(), double.parameters(), strict=True):
        assert torch.equal(in_float32.double(), in_float64)


@pytest.mark.parametrize("form", spectral.FORMS)
def test_bfloat16_autocast_is_close(form):
    network = randomised((8, 16, 16, 4), bias=True, form=form).float()
    x = torch.randn(32, 8, generator=seeded())
    expected = network(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = network(x)
        y.sum().backward()
    assert y.dtype == torch.bfloat16
    assert (y.float() - expected).norm() <= 0.03 * expected.norm()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("form", spectral.FORMS)
@pytest.mark.parametrize("widths", [(5, 7, 3), (5, 3), (4, 6, 5, 3), (2, 3, 4, 3, 1)])
def test_multiplications_are_those_that_pytorch_counts(widths, form, trained):
    network = SpectralNetwork(widths, form=form, train_input_eigenvalues=trained)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(11, widths[0]))
    assert counter.get_total_flops() == 2 * spectral.multiplications(widths, 11, form, input_is_zero=not trained)


def test_trained_input_eigenvalues_take_the_form_that_is_cheaper_with_them():
    """Their product with φ_1 is what makes the bundles cheaper here."""
    form_of = {trained: spectral.cheaper_form((3, 300, 1), 100, not trained) for trained in (False, True)}
    assert form_of == {False: "eigenbasis", True: "bundles"}
    network = SpectralNetwork((3, 300, 1), train_input_eigenvalues=True)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(100, 3))
    assert counter.get_total_flops() == 2 * (300 * 3 + 100 * (300 * 3 + 303))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"widths": (3,)}, ValueError, "at least two layers"),
        ({"widths": (3, 0)}, ValueError, "0 is not"),
        ({"widths": (3, 2.5)}, TypeError, "2.5 is not"),
        ({"widths": (3, 2), "activation": "relux"}, ValueError, "relux.*allowed are relu"),
        ({"widths": (3, True)}, TypeError, "True is not"),
        ({"widths": 3}, TypeError, "widths 3: a sequence of at least two"),
        ({"widths": (3, 2), "form": "fast"}, ValueError, "fast.*bundles, eigenbasis"),
        ({"bias": 2}, TypeError, "bias 2: True or False is needed"),
        ({"bias": None}, TypeError, "bias None: True or False is needed"),
        ({"train_input_eigenvalues": "no"}, TypeError, "train_input_eigenvalues 'no': True or False is needed"),
        ({"generator": 0}, TypeError, "generator 0: a torch.Generator or None is needed"),
        ({"activation": torch.nn.ReLU}, ValueError, "activation <class .*ReLU'>: .* a callable that is no class"),
        ({"activation": ["relu"]}, ValueError, r"activation \['relu'\]: allowed are relu"),
        ({"dtype": "float32"}, TypeError, r"dtype 'float32': allowed are None, torch.float16, .*, torch.float64"),
        ({"dtype": torch.float8_e4m3fn}, TypeError, "dtype torch.float8_e4m3fn: allowed are None, torch.float16"),
        ({"dtype": torch.int64}, TypeError, "dtype torch.int64: allowed are None, torch.float16"),
        ({"dtype": torch.complex64}, TypeError, "dtype torch.complex64: allowed are None, torch.float16"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        SpectralNetwork(**{"widths": (3, 2), **arguments})


def test_an_input_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 4\).*must be 3"):
        SpectralNetwork((3, 2))(torch.zeros(5, 4))
    with pytest.raises(TypeError, match=r"x is a tensor of torch.int64: a tensor of floating-point"):
        SpectralNetwork((3, 2))(torch.zeros(5, 3, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"x is of type list"):
        SpectralNetwork((3, 2))([1.0, 2.0, 3.0])


def test_a_bundle_or_penalty_that_does_not_exist_is_refused():
    network = SpectralNetwork((3, 4, 2))
    for i, j in [(1, 2), (2, 2), (3, 0), (4, 1)]:
        with pytest.raises(ValueError, match=rf"\({i}, {j}\): allowed are layers 1 <= j < i <= 3"):
            network.bundle(i, j)
    with pytest.raises(ValueError, match="penalty 'l3': allowed are l2, l1, l2_squared"):
        network.penalty("l3")


def test_the_state_of_another_network_is_refused():
    """By itself and inside a larger model; input eigenvalues that a fixed λ_1 would drop too."""
    network = SpectralNetwork((3, 4, 2))
    with pytest.raises(RuntimeError, match=r"widths \(3, 5, 2\): this network has widths \(3, 4, 2\)"):
        network.load_state_dict(SpectralNetwork((3, 5, 2)).state_dict())
    with pytest.raises(RuntimeError, match=r"widths \(3, 4, 2, 2\)"):
        torch.nn.Sequential(network).load_state_dict(torch.nn.Sequential(SpectralNetwork((3, 4, 2, 2))).state_dict())
    trained = randomised((3, 4, 2), train_input_eigenvalues=True).state_dict()
    with pytest.raises(RuntimeError, match="input eigenvalues that are not 0"):
        network.load_state_dict(trained)


def test_a_partial_or_renamed_state_is_taken():
    """What a state has of the eigenvalues is compared, whatever is missing or has another name."""
    network, source = SpectralNetwork((3, 4, 2)), randomised((3, 4, 2)).float()
    result = network.load_state_dict(dict(source.named_parameters()), strict=False)
    assert result.missing_keys == ["eigenvalues.0"]
    assert torch.equal(network.eigenvalues[1], source.eigenvalues[1])
    with pytest.raises(RuntimeError, match=r"widths \(\?, 5, 2\): this network has widths \(3, 4, 2\)"):
        network.load_state_dict(dict(SpectralNetwork((3, 5, 2)).named_parameters()), strict=False)
    meta = SpectralNetwork((3, 4, 2), device="meta")
    meta.load_state_dict(meta.state_dict())
    meta.load_state_dict(source.state_dict(), assign=True)
    assert torch.equal(meta.eigenvalues[1], source.eigenvalues[1])
    for rename in (
        lambda network: prune.l1_unstructured(network.eigenvalues, "1", amount=1),
        lambda network: parametrize.register_parametrization(network.eigenvalues, "1", torch.nn.Tanh()),
    ):
        rename(source), rename(network)
        network.load_state_dict(source.state_dict())
        x = torch.randn(5, 3, generator=seeded())
        assert torch.equal(network(x), source(x))
        network, source = SpectralNetwork((3, 4, 2)), randomised((3, 4, 2)).float()


@settings(max_examples=40, deadline=None)
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=6),
    bias=st.booleans(),
    activation=st.sampled_from(["relu", "tanh", "leaky_relu(0.2)", "identity"]),
    train_input_eigenvalues=st.booleans(),
    form=st.sampled_from([None, *spectral.FORMS]),
    initial_scale=st.sampled_from([0.0, 0.5]),
    output_eigenvalue=st.sampled_from([1, -1]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_a_saved_network_is_loaded_as_it_was(tmp_path_factory, **arguments):
    network = SpectralNetwork(**arguments, generator=seeded())
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    network.save(path)
    loaded = SpectralNetwork.load(path)
    assert repr(loaded) == repr(network)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())
    x = torch.randn(3, network.in_features, generator=seeded()).to(network.eigenvectors[0])
    assert torch.equal(loaded(x), network(x))
    loaded(x).sum().backward()
    loaded.reset_parameters(seeded())
    assert torch.equal(loaded(x), SpectralNetwork(**arguments, generator=seeded())(x))


def test_a_network_whose_activation_has_no_name_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"sin.*cannot be saved: allowed are relu"):
        SpectralNetwork((3, 2), activation=torch.sin).save(tmp_path / "no.safetensors")
    SpectralNetwork((3, 2)).compact().save(tmp_path / "compact.safetensors")
    with pytest.raises(ValueError, match=r"holds no SpectralNetwork: its metadata has no 'spectral_network'"):
        SpectralNetwork.load(tmp_path / "compact.safetensors")
    assert len(list(tmp_path.iterdir())) == 1


def test_the_public_names_are_listed_and_others_refused():
    assert {"SpectralNetwork", "replace_head", "__version__"} <= set(dir(sparcs)) and sparcs.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sparcs.nothing


def test_other_hooks_than_torchinfo_s_find_no_weight_in_a_network():
    network, called = SpectralNetwork((6, 8, 3)), []
    for module in network.modules():
        module.register_forward_hook(lambda module, *_: called.append(type(module).__name__))
    network(torch.zeros(2, 6))
    assert called == ["ReLU", "SpectralNetwork"] and not [*network.products.parameters()]


def test_torchinfo_s_hook_is_told_the_products_once():
    network, told = SpectralNetwork((6, 8, 3)), []

    def hook(module, *_):
        told.extend([*module.named_parameters()] for _ in range(2))

    hook.__module__ = "torchinfo.torchinfo"
    network.products.register_forward_hook(hook)
    network(torch.zeros(2, 6))
    [[(name, weight)], after] = told
    assert name == "weight" and weight.is_meta and after == []
    assert weight.numel() == spectral.multiplications((6, 8, 3), 2, spectral.cheaper_form((6, 8, 3), 2))
