"""convert(): the same function with an eigenvalue for each inner neuron, and smaller layers afterwards."""

import copy

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision import models

from sparcs import compact_head, convert, load_model, replace_head, save_model
from sparcs.gates import GatedLinear


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def timm_model(name, **options):
    return pytest.importorskip("timm").create_model(name, num_classes=4, **options)


class Mlp(nn.Module):
    """As timm's, with an activation whose f(0) is not 0 and a first layer without bias."""

    def __init__(self, act):
        super().__init__()
        self.fc1, self.act, self.drop1, self.norm = nn.Linear(4, 9, bias=False), act, nn.Dropout(0.1), nn.Identity()
        self.fc2, self.drop2 = nn.Linear(9, 4), nn.Dropout(0.1)

    def forward(self, x):
        return self.drop2(self.fc2(self.norm(self.drop1(self.act(self.fc1(x))))))


def chain():
    """Two hidden layers one after the other, the last Linear without a bias."""
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 7), nn.Dropout(0.2), nn.ReLU(),
                         nn.Linear(7, 3, bias=False))  # fmt: skip


MODELS = {
    "sequence": chain,
    "block": lambda: nn.Sequential(Mlp(nn.GELU()), nn.LayerNorm(4), Mlp(nn.Softplus())),
    "nested": lambda: nn.ModuleDict({"a": chain(), "b": nn.ModuleList([Mlp(nn.Tanh())])}),
}


def output(model, x):
    if isinstance(model, nn.ModuleDict):
        return model["a"](model["b"][0](x))
    return model(x)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_function_stays_to_the_bit_and_compaction_keeps_it(make):
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(20, 4, generator=seeded())
    expected = output(model, x)
    gates = convert(model)
    assert torch.equal(output(model, x), expected) and len(gates.names) == 2 + isinstance(model, nn.ModuleDict)
    with torch.no_grad():
        for k, block in enumerate(gates.eigenvalues()):
            block.copy_(torch.randn(len(block), generator=seeded(k)) * (torch.arange(len(block)) % 2))
        expected = output(model, x)
    widths = {name: len(block) for name, block in zip(gates.names, gates.eigenvalues(), strict=True)}
    left = gates.compact()
    assert left == {name: width // 2 for name, width in widths.items()}
    torch.testing.assert_close(output(model, x), expected)
    assert not any(isinstance(module, GatedLinear) for module in model.modules())
    assert all(not module.training for module in model.modules())
    for name in gates.names:
        assert model.get_submodule(name).out_features == left[name]
    output(model, x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with pytest.raises(ValueError, match=r"is a Linear: the model is compacted already"):
        gates.penalty()


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_loss_allows_what_it_becomes(make):
    """Against the loss of the compacted model itself, and with a trace in nothing else."""
    torch.manual_seed(0)
    model, x = make(), torch.randn(200, 4, generator=seeded())
    gates = convert(model)
    with torch.no_grad():
        for k, block in enumerate(gates.eigenvalues()):
            block.copy_(torch.logspace(0, -4, len(block))[torch.randperm(len(block), generator=seeded(k))])
    y = output(model.eval(), x).detach() + 0.1
    model.train()

    def loss(model):
        assert not model.training and not torch.is_grad_enabled()
        return (output(model, x) - y).square().mean()

    steps = []
    before = sum(len(block) for block in gates.eigenvalues())
    left = gates.compact(loss, budget=0.05, absolute_budget=1e-3, on_step=steps.append)
    assert model.training and 0 < sum(left.values()) < before
    model.eval()
    assert loss_of(model, x, y) <= 1.05 * 0.01 + 1e-3 + 1e-6
    assert steps[-1].neurons >= 1 and len(steps) < 60


def loss_of(model, x, y):
    with torch.no_grad():
        return (output(model, x) - y).square().mean().item()


def headed():
    """A block before a head."""
    return nn.Sequential(Mlp(nn.Softplus()), nn.LayerNorm(4), nn.Linear(4, 3))


@pytest.mark.parametrize("make", [chain, headed, MODELS["nested"]], ids=["chain", "with a head", "nested"])
def test_a_converted_model_is_saved_and_loaded_in_one_call(tmp_path, make):
    """As it was built, or converted again; with a head compacted, too, and a second layer that got a bias."""
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(20, 4, generator=seeded())
    if make is headed:
        replace_head(model, 5, classes=7, name="2")
    gates = convert(model)
    with pytest.raises(ValueError, match="has no compacted head or layer: compact_head, or convert and its compact"):
        save_model(model, tmp_path / "model.safetensors")
    with torch.no_grad():
        for block in gates.eigenvalues():
            block[::2] = 0
    gates.compact()
    if make is headed:
        compact_head(model)
    save_model(model, tmp_path / "model.safetensors")
    converted = make().eval()
    convert(converted)
    for fresh in (make().eval(), converted):
        assert load_model(fresh, tmp_path / "model.safetensors") is fresh
        assert torch.equal(output(fresh, x), output(model, x)) and not any(part.training for part in fresh.modules())
        save_model(fresh, tmp_path / "again.safetensors")
        assert torch.equal(output(load_model(make().eval(), tmp_path / "again.safetensors"), x), output(model, x))


def test_a_loss_that_fails_leaves_the_eigenvalues_and_the_mode():
    model = chain()
    gates = convert(model)
    losses = iter([1.0, -1.0])
    with pytest.raises(ValueError, match="loss returned -1"):
        gates.compact(lambda _: next(losses))
    assert all((block == 1).all() for block in gates.eigenvalues()) and model.training


def test_a_neuron_without_inputs_is_a_constant_that_stays_in_the_function():
    """A row of zeros with a bias is f(b), not f(0); without one it goes."""
    for bias in (True, False):
        model = nn.Sequential(nn.Linear(4, 8, bias=bias), nn.Sigmoid(), nn.Linear(8, 3, bias=False))
        with torch.no_grad():
            model[0].weight[:3] = 0
        x = torch.randn(5, 4, generator=seeded())
        expected = model(x)
        assert convert(model).compact() == {"0": 8 if bias else 5}
        torch.testing.assert_close(model(x), expected)


class Normed(Mlp):
    """Its forward does more than its children say."""

    def forward(self, x):
        return self.fc2(torch.softmax(self.act(self.fc1(x)), dim=-1))


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


@pytest.mark.parametrize("block", [Normed(nn.ReLU()), Residual(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 4))])
def test_a_block_with_more_in_its_forward_than_in_its_children_is_left(block):
    with pytest.raises(ValueError, match="has no MLP block"):
        convert(nn.Sequential(block, nn.Flatten()))


def test_every_block_keeps_a_neuron_and_rounding_keeps_all():
    gates = convert(chain())
    assert gates.compact(lambda _: 1.0) == {"0": 1, "2": 1}
    losses = iter([1.0] + [2.0] * 60)
    assert convert(chain()).compact(lambda _: next(losses)) == {"0": 8, "2": 7}


def test_the_penalty_is_over_all_gates():
    gates = convert(chain())
    assert gates.penalty().item() == 15 and gates.penalty("l2").item() == pytest.approx(8**0.5 + 7**0.5)
    gates.penalty("l2_squared").backward()
    assert all((block.grad == 2).all() for block in gates.eigenvalues())
    with pytest.raises(ValueError, match="penalty 'l3'"):
        gates.penalty("l3")


def test_layers_that_are_shared_or_of_no_block_are_left():
    shared = nn.Linear(4, 4)
    for model in (
        nn.Sequential(shared, nn.ReLU(), shared),
        nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)),
        nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)),
        nn.Linear(4, 4),
    ):
        with pytest.raises(ValueError, match=r"has no MLP block: two nn.Linear of nn.Sequential, or fc1 and fc2"):
            convert(model)
    with pytest.raises(TypeError, match="model of type str: a module is needed"):
        convert("model")
    model = chain()
    convert(model)
    with pytest.raises(ValueError, match="Sequential is converted already"):
        convert(model)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"budget": 0.1}, ValueError, "budget 0.1: it needs a loss"),
        ({"loss": lambda _: float("nan")}, ValueError, "loss of the network is nan"),
        ({"loss": lambda _: 1.0, "max_calls": 1}, ValueError, "max_calls 1"),
        ({"loss": lambda _: 1.0, "budget": "x"}, TypeError, "budget 'x': a number or None"),
    ],
)
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        convert(chain()).compact(**options)


def test_a_broken_model_is_refused():
    gates = convert(chain())
    with torch.no_grad():
        gates.eigenvalues()[0][0] = float("nan")
    with pytest.raises(ValueError, match=r"parameter 0.eigenvalues is not finite"):
        gates.compact()


class Quick(nn.Module):
    def forward(self, z):
        return z * torch.sigmoid(1.702 * z)


class Registered(nn.Module):
    """As Hugging Face's blocks, where the activation is registered first."""

    def __init__(self, activation):
        super().__init__()
        self.activation_fn, self.fc1, self.fc2 = activation, nn.Linear(4, 9), nn.Linear(9, 4)

    def forward(self, x):
        return self.fc2(self.activation_fn(self.fc1(x)))


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (nn.Sequential(Registered(Quick()), nn.Flatten()), "0.activation_fn"),
        (Mlp(Quick()), "act"),
        (nn.Sequential(nn.Linear(4, 8), Quick(), nn.Linear(8, 2)), "1"),
    ],
)
def test_what_is_not_known_to_be_elementwise_is_named(model, place):
    message = rf"has no MLP block: .* are needed; {place} is a Quick, which is not known to act on each neuron"
    with pytest.raises(ValueError, match=message):
        convert(model)


def test_an_activation_may_be_registered_first():
    model, x = nn.Sequential(Registered(nn.Softplus())), torch.randn(5, 4, generator=seeded())
    expected = model(x)
    gates = convert(model)
    assert gates.names == ("0.fc1",) and torch.equal(model(x), expected)
    with torch.no_grad():
        gates.eigenvalues()[0][:4] = 0
    expected = model(x)
    assert gates.compact() == {"0.fc1": 5}
    torch.testing.assert_close(model(x), expected)


@pytest.mark.interop
def test_hugging_face_s_blocks_are_taken_with_torch_s_activations_alone():
    transformers = pytest.importorskip("transformers")
    config = transformers.CLIPVisionConfig(hidden_size=8, intermediate_size=12, num_hidden_layers=2,
                                           num_attention_heads=2, image_size=8, patch_size=4)  # fmt: skip
    model = transformers.CLIPVisionModel(config).eval()
    with pytest.raises(ValueError, match=r"layers\.0\.mlp\.activation_fn is a QuickGELUActivation, which is not known"):
        convert(model)
    for module in model.modules():
        if hasattr(module, "activation_fn"):
            module.activation_fn = nn.GELU()
    x = torch.randn(2, 3, 8, 8, generator=seeded())
    expected = model(x).last_hidden_state
    gates = convert(model)
    assert len(gates.names) == 2 and torch.equal(model(x).last_hidden_state, expected)


def test_a_model_of_fake_tensors_is_refused():
    for make in (chain, lambda: nn.Sequential(Mlp(nn.GELU()))):
        with FakeTensorMode():
            gates = convert(make())
        with pytest.raises(ValueError, match=r"parameter .*eigenvalues is fake, or FakeTensorMode is on"):
            gates.compact()


def trained(model, gates, x, y, steps, rho):
    """Adam with the penalty; the eigenvalues at ten times the rate."""
    eigenvalues = gates.eigenvalues()
    others = [value for value in model.parameters() if all(value is not block for block in eigenvalues)]
    optimizer = torch.optim.Adam([{"params": others, "lr": 1e-3}, {"params": eigenvalues, "lr": 1e-2}])
    for _ in range(steps):
        optimizer.zero_grad()
        (nn.functional.cross_entropy(model(x), y) + rho * gates.penalty("l1")).backward()
        optimizer.step()


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


def check_shrinkage(model, x, y, steps, rho):
    """At least 30 % fewer parameters within 5 % and 0.02 of the validation loss."""
    before = size(model)
    gates = convert(model)
    half = len(x) // 2
    trained(model, gates, x[:half], y[:half], steps, rho)

    def loss(model):
        return nn.functional.cross_entropy(model(x[half:]), y[half:])

    with torch.no_grad():
        whole = loss(model.eval()).item()
        gates.compact(loss, budget=0.05, absolute_budget=0.02)
        assert loss(model).item() <= 1.05 * whole + 0.02 + 1e-4 < 0.5
    assert size(model) <= 0.7 * before


def test_a_trained_mlp_loses_a_third_of_its_parameters():
    torch.manual_seed(0)
    x = torch.randn(800, 10, generator=seeded())
    y = (x[:, :3].abs().sum(1) > 2.3).long()
    check_shrinkage(nn.Sequential(nn.Linear(10, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 2)),
                    x, y, steps=250, rho=2e-3)  # fmt: skip


@pytest.mark.interop
def test_a_trained_vision_transformer_loses_a_third_of_its_parameters():
    torch.manual_seed(0)
    model = timm_model("vit_tiny_patch16_224", depth=2, img_size=32)
    y = torch.arange(160) % 4
    x = torch.randn(4, 3, 32, 32, generator=seeded())[y] + torch.randn(160, 3, 32, 32, generator=seeded(1))
    check_shrinkage(model, x, y, steps=120, rho=1e-3)


@pytest.mark.interop
@pytest.mark.parametrize(
    ("make", "blocks"),
    [
        (lambda: timm_model("mixer_s32_224"), 16),
        (lambda: timm_model("vit_tiny_patch16_224"), 12),
        (lambda: models.vit_b_16(num_classes=4, image_size=224), 12),
        (lambda: models.vgg11(num_classes=4), 2),
    ],
    ids=["mixer", "timm's ViT", "torchvision's ViT", "VGG"],
)
def test_blocks_of_known_models(make, blocks):
    model = make().eval()
    unchanged = copy.deepcopy(model)
    gates, x = convert(model), torch.randn(1, 3, 224, 224, generator=seeded())
    with torch.no_grad():
        assert len(gates.names) == blocks and torch.equal(model(x), unchanged(x))
        for block in gates.eigenvalues():
            block[::2] = 0
        expected = model(x)
        gates.compact()
        torch.testing.assert_close(model(x), expected, rtol=1e-3, atol=1e-4)
    assert size(model) < 0.8 * size(unchanged)
