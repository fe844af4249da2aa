"""A spectral head compacted in its place: which one, judged how, at what cost, and saved and loaded with its model."""

from copy import deepcopy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sparcs import CompactNetwork, SpectralNetwork, compact_head, load_model, replace_head, save_model
from sparcs.layer import smaller_linear


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def opened(head, neurons=3, seed=1):
    """The head with some hidden eigenvalues that are not 0."""
    with torch.no_grad():
        width = len(head.eigenvalues[1])
        head.eigenvalues[1].copy_(torch.randn(width, generator=seeded(seed)) * (torch.arange(width) < neurons))
    return head


@pytest.mark.parametrize("last", [nn.Linear(6, 3), nn.Conv1d(6, 3, 1)])
def test_a_head_is_compacted_in_its_place(last):
    """With a loss of the whole model, which is the same with the head whole; then it can be replaced as any other."""
    generator = seeded(1)
    positions = (5,) if isinstance(last, nn.Conv1d) else ()
    body = nn.Conv1d(4, 6, 1) if positions else nn.Linear(4, 6)
    model = nn.Sequential(body, nn.ReLU(), last)
    head = replace_head(model, hidden=8)
    with torch.no_grad():
        head.eigenvalues[1].copy_(torch.randn(8, generator=generator) * (torch.arange(8) < 3))
    x = torch.randn(200, 4, *positions, generator=generator)
    y = model(x).detach() + 0.1

    def loss(model):
        return (model(x) - y).square().mean()

    whole = loss(model).item()
    small = compact_head(model, loss=loss, budget=0.05)
    assert isinstance(small, CompactNetwork) and small.after.neurons[1] <= 3
    assert small in model.modules() and head not in model.modules() and loss(model).item() <= 1.05 * whole
    assert (small.in_features, small.out_features) == (6, 3)
    with pytest.raises(ValueError, match=r"is a head itself, in no model: its own method compact\(\) is needed"):
        compact_head(SpectralNetwork((3, 4, 2)))
    with pytest.raises(ValueError, match="has 0 spectral heads: one is needed"):
        compact_head(model)
    with pytest.raises(ValueError, match="already has a spectral head '2"):
        replace_head(model, hidden=5)
    at = next(name for name, module in model.named_modules() if module is small)
    assert replace_head(model, hidden=5, classes=7, name=at).widths == (7, 5, 7)
    assert model(x).shape == (200, 7, *positions)


def test_a_loss_that_fails_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    head = replace_head(model, hidden=5)
    with pytest.raises(ValueError, match="loss returned -1"):
        compact_head(model, loss=lambda model: -1.0)
    assert model[2] is head


class Backbone(nn.Module):
    """Batch norm before the heads, whose calls are counted; the output is that of the first head, or their mean."""

    def __init__(self, *heads):
        super().__init__()
        self.calls = 0
        self.features = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU())
        self.features.register_forward_hook(self.count)
        for name in heads:
            self.add_module(name, nn.Linear(6, 3))
        self.heads = heads

    def count(self, *_):
        self.calls += 1

    def forward(self, x):
        features = self.features(x)
        y = [self.get_submodule(name)(features) for name in self.heads]
        return y[0] if len(y) == 1 else sum(y) / len(y)


def batches(count=4):
    return [
        (torch.randn(20, 4, generator=seeded(k)), torch.randn(20, 3, generator=seeded(10 + k))) for k in range(count)
    ]


def mean_loss(model):
    return sum((model(x) - y).square().mean() for x, y in batches()) / 4


@pytest.mark.parametrize("names", [("head", "head_dist"), ("fc", "aux1", "aux2")])
def test_each_of_several_heads_is_compacted_by_its_name(names):
    model = Backbone(*names)
    for name in names:
        opened(replace_head(model, 12, name=name, generator=seeded(2)), seed=3)
    with pytest.raises(ValueError, match=f"has {len(names)} spectral heads: name is needed, one of {', '.join(names)}"):
        compact_head(model)
    for k, name in enumerate(names):
        small = compact_head(model, loss=mean_loss, name=name)
        assert model.get_submodule(name) is small
        assert sum(isinstance(module, CompactNetwork) for module in model.modules()) == k + 1
    with pytest.raises(ValueError, match=f"name '{names[0]}': Backbone has a CompactNetwork there"):
        compact_head(model, name=names[0])
    with pytest.raises(ValueError, match="name 'nope': Backbone has no such layer"):
        compact_head(model, name="nope")


@pytest.mark.parametrize("train", [True, False])
def test_the_loss_is_judged_in_evaluation_and_leaves_no_trace(train):
    """Batch norm's statistics, dropout, and a layer that was frozen in evaluation by itself."""
    model = Backbone("head")
    head = opened(replace_head(model, 12, name="head", generator=seeded(2)))
    model.train(train)
    model.features[1].eval()
    modes = {name: module.training for name, module in model.named_modules()}
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    seen = []

    def loss(model):
        seen.append(any(module.training for module in model.modules()))
        model.features[1].train()  # a loss of its own mind
        return mean_loss(model)

    for _ in range(2):
        model.set_submodule("head", head)
        small = compact_head(model, loss=loss)
        assert small.training == train
    assert seen[0] is False and {name: module.training for name, module in model.named_modules() if name in modes} == {
        name: mode for name, mode in modes.items() if name in dict(model.named_modules())
    }
    assert all(torch.equal(buffers[name], value) for name, value in model.named_buffers() if name in buffers)


def test_what_stands_before_the_head_runs_once_for_each_batch():
    """With batches in another order each time, and with some that only later losses see."""
    model = Backbone("head")
    opened(replace_head(model, 40, name="head", generator=seeded(2)), neurons=30)
    with torch.no_grad():
        pairs = [(x, model.eval()(x) + 0.1 * y) for x, y in batches()]
    losses = []

    def loss(model):
        losses.append(1)
        order = pairs if len(losses) % 2 else pairs[::-1]
        return sum((model(x) - y).square().mean() for x, y in order) / 4

    expected = compact_head(Copy(model), loss=loss)
    model.calls = 0
    losses.clear()
    small = compact_head(model, loss=loss)
    assert len(losses) > 5 and model.calls == 4 * 3  # once for each batch, and twice to check
    assert small.widths == expected.widths and small.after.neurons[1] > 3
    model(batches()[0][0])
    assert model.calls == 13 and "forward" not in vars(model)


class Gained(nn.Module):
    """A model with a state that its inputs do not tell."""

    def __init__(self):
        super().__init__()
        self.gain, self.body, self.drop = 1.0, nn.Linear(4, 6), nn.Dropout(0.5)
        self.fc = SpectralNetwork((6, 12, 3), bias=True, generator=seeded(3))

    def forward(self, x):
        return self.fc(self.drop(self.gain * self.body(x)).relu())


def of_gains(model):
    """A loss that sets an attribute between calls with the same input."""
    x, total = torch.randn(30, 4, generator=seeded(1)), 0.0
    for gain in (0.2, 3.0):
        model.gain = gain
        total = total + (model(x) - targets(gain, x)).square().mean()
    return total


def targets(gain, x):
    reference = opened(Gained().fc, neurons=9)
    return reference(torch.cat([x, x[:, :2]], dim=1) * gain).detach()


def of_a_written_buffer(model):
    """A loss whose batches lie in one memory, one after the other."""
    x, total = torch.empty(30, 4), 0.0
    for seed in range(4):
        x.copy_(torch.randn(30, 4, generator=seeded(seed)))
        total = total + (model(x) - x[:, :3].abs()).square().mean()
    return total


@pytest.mark.parametrize("loss", [of_gains, of_a_written_buffer])
def test_the_budget_holds_whatever_else_the_loss_depends_on(loss):
    torch.manual_seed(0)
    model = Gained()
    opened(model.fc, neurons=9)
    with torch.no_grad():
        model.eval()
        allowed = 1.05 * float(loss(model)) + 1e-3
        small = compact_head(model, loss=loss, absolute_budget=1e-3, budget=0.05)
        assert float(loss(model)) <= allowed * (1 + 1e-6)
    assert isinstance(small, CompactNetwork)


def test_a_head_in_two_places_is_refused():
    model = nn.ModuleDict({"a": SpectralNetwork((4, 5, 2)), "b": nn.Identity()})
    model["b"] = model["a"]
    with pytest.raises(ValueError, match=r"stands in several places, a, b"):
        compact_head(model, name="a")


def test_a_buffer_that_cannot_be_written_stays():
    model = Gained()
    model.register_buffer("scale", torch.ones(1, 1).expand(3, 8))
    scale = model.scale
    compact_head(model, loss=lambda module: module(torch.zeros(1, 4)).square().mean())
    assert model.scale is scale


class Copy(nn.Module):
    """A model around a copy whose head's output is not the output itself, so that all of it runs each time."""

    def __init__(self, model):
        super().__init__()
        self.model = deepcopy(model)

    def forward(self, x, *, scale=1.0):
        return scale * self.model(x)


def test_other_models_run_whole_each_time():
    """Keyword arguments, an output that is not the head's, and a forward of the instance's own."""
    for change in ("copy", "keyword", "instance"):
        model = Copy(Backbone("head"))
        opened(replace_head(model, 12, name="model.head", generator=seeded(2)))
        if change == "instance":
            model.forward = model.forward
        losses = []

        def loss(model, change=change, losses=losses):
            losses.append(1)
            return model(batches()[0][0], **({"scale": 2.0} if change == "keyword" else {})).square().mean()

        compact_head(model, loss=loss)
        assert model.model.calls == len(losses) > 1


@pytest.mark.parametrize("last", [nn.Linear(6, 3), nn.Conv1d(6, 3, 1)])
def test_a_model_with_a_compacted_head_is_loaded_in_one_call(tmp_path, last):
    def built():
        torch.manual_seed(0)
        body = nn.Conv1d(4, 6, 1) if isinstance(last, nn.Conv1d) else nn.Linear(4, 6)
        model = nn.Sequential(body, nn.ReLU(), type(last)(*last.weight.shape[1::-1], *last.weight.shape[2:]))
        model.num_classes = 3
        return model

    model = built()
    opened(replace_head(model, 8, classes=5, generator=seeded(2)))
    with pytest.raises(ValueError, match="model Sequential has no compacted head or layer: compact_head, or convert"):
        save_model(model, tmp_path / "model.safetensors")
    compact_head(model)
    save_model(model, tmp_path / "model.safetensors")
    x = torch.randn(7, 4, *[5] * (model[0].weight.ndim - 2), generator=seeded())
    replaced = built()
    replace_head(replaced, 9)
    for fresh in (built(), replaced):
        loaded = load_model(fresh, tmp_path / "model.safetensors")
        assert loaded is fresh and torch.equal(loaded(x), model(x)) and loaded.num_classes == 5


def test_a_file_without_heads_and_the_state_of_another_model_are_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds no model with a compacted head"):
        load_model(nn.Sequential(nn.Linear(4, 3)), tmp_path / "other.safetensors")
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))
    replace_head(model, 5)
    compact_head(model)
    save_model(model, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_model(nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 3)), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="name '1': Sequential has no such layer"):
        load_model(nn.Sequential(nn.Linear(4, 3)), tmp_path / "model.safetensors")


class Counted(nn.Module):
    """With batch norm, a number of classes, and a first layer that may be of another shape."""

    def __init__(self, inputs=4, last=6):
        super().__init__()
        self.num_classes = 3
        self.body, self.norm, self.fc = nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.Linear(last, 3)


@pytest.mark.parametrize(
    ("other", "error"),
    [(lambda: Counted(inputs=5), RuntimeError), (lambda: nn.Sequential(Counted()), ValueError),
     (lambda: nn.ModuleDict({"fc": nn.Linear(6, 3), "more": nn.Linear(2, 2)}), RuntimeError)],
    ids=["other shape", "no such layer", "other keys"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["head", "layers"])
def test_a_state_that_cannot_be_loaded_leaves_the_model_as_it_was(tmp_path, other, error, kind):
    torch.manual_seed(0)
    model = Counted()
    if kind == "head":
        opened(replace_head(model, 8, classes=5, name="fc", generator=seeded()))
        compact_head(model)
    else:
        model.fc = smaller_linear(6, 5, True, model.fc.weight)
        nn.init.zeros_(model.fc.weight), nn.init.zeros_(model.fc.bias)
    save_model(model, tmp_path / "model.safetensors")
    fresh = other()
    modules, state = [*fresh.modules()], deepcopy(fresh.state_dict())
    with pytest.raises(error):
        load_model(fresh, tmp_path / "model.safetensors")
    assert all(before is after for before, after in zip(modules, fresh.modules(), strict=True))
    assert all(torch.equal(value, fresh.state_dict()[key]) for key, value in state.items())
    assert getattr(fresh, "num_classes", 3) == 3
    assert load_model(Counted(), tmp_path / "model.safetensors").num_classes == 5
