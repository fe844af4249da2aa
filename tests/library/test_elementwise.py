"""Activations that mix neurons, or have several functions: without some neurons such a network would be another one."""

import inspect

import pytest
import torch
from torch import nn

from dense_networks import seeded
from sparcs import SpectralNetwork, convert

OF_TORCH = {
    name: kind
    for name, kind in inspect.getmembers(nn.modules.activation, inspect.isclass)
    if issubclass(kind, nn.Module) and kind.__module__ == nn.modules.activation.__name__
}
ARGUMENTS = {"Softmax": (-1,), "Softmin": (-1,), "LogSoftmax": (-1,), "Threshold": (0.1, 0.3)}
MIXING = {"Softmax", "Softmin", "LogSoftmax"}
OF_IMAGES_OR_PAIRS = {"Softmax2d", "GLU", "MultiheadAttention"}  # no network runs with these at all


def planted(activation, dtype=torch.float64):
    """A network of two hidden layers with a third of its neurons silent."""
    network = SpectralNetwork((4, 6, 6, 3), bias=True, activation=activation, generator=seeded(), initial_scale=0.7)
    with torch.no_grad():
        for block in network.eigenvectors[:-1]:
            block[:2] = 0
    return network.to(dtype).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(OF_TORCH.keys() - OF_IMAGES_OR_PAIRS))
def test_each_of_pytorch_s_activations_is_compacted_or_refused(name, dtype):
    network = planted(OF_TORCH[name](*ARGUMENTS.get(name, ())), dtype)
    if name in MIXING:
        for read in (network.compact, network.active_neurons):
            with pytest.raises(ValueError, match=rf"activation {name}.* does not act on each neuron by itself"):
                read()
        return
    small = network.compact()
    assert small.widths == (4, 4, 4, 3)
    x = torch.randn(7, 4, generator=seeded()).to(dtype)
    torch.testing.assert_close(small(x), network(x), rtol=30 * torch.finfo(dtype).eps, atol=30 * torch.finfo(dtype).eps)


class Alternating(nn.Module):
    """Elementwise, but not the same function of all neurons."""

    def forward(self, z):
        return torch.cat([z[..., ::2].relu(), z[..., 1::2].tanh()], dim=-1)


MIXED = {
    "softmax over the batch": nn.Softmax(0),
    "softmax, a function": lambda z: z.softmax(-1),
    "layer norm": nn.LayerNorm(6, dtype=torch.float64),
    "root mean square": nn.RMSNorm(6, dtype=torch.float64),
    "batch norm": nn.BatchNorm1d(6, dtype=torch.float64),
    "unit length": lambda z: nn.functional.normalize(z, dim=-1),
    "centred": lambda z: z - z.mean(-1, keepdim=True),
    "centred over the batch": lambda z: z - z.mean(0, keepdim=True),
    "cumulative": lambda z: z.cumsum(-1),
    "sorted": lambda z: z.sort(-1).values,
    "reversed": lambda z: z.flip(-1),
    "competing": lambda z: z * (z >= z.amax(-1, keepdim=True)),
    "largest three": lambda z: torch.where(z >= z.topk(3, -1).values[..., -1:], z, 0),
    "pooled": lambda z: nn.functional.max_pool1d(z, 3, 1, 1),
    "a slope a neuron": nn.PReLU(6, dtype=torch.float64),
    "a place a neuron": lambda z: z + torch.arange(z.shape[-1]),
    "alternating": Alternating(),
    "linear": nn.Linear(6, 6, dtype=torch.float64),
    "random": lambda z: z + torch.rand_like(z),
}


@pytest.mark.parametrize("activation", MIXED.values(), ids=MIXED)
def test_what_mixes_neurons_is_refused(activation):
    network = planted(activation)
    network(torch.zeros(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"activation .* does not act on each neuron by itself: the function without"):
        network.compact()


def test_a_user_s_elementwise_function_is_taken():
    """With NaN for some values, or written in place, too."""
    for activation in (torch.log, torch.relu_, lambda z: z.clamp(-1, 1) ** 3, nn.Sequential(nn.Tanh(), nn.Softplus())):
        network = planted(activation)
        with torch.no_grad():
            network.eigenvectors[0][:2] = network.eigenvectors[1][:2] = 1
        assert network.compact().widths == (4, 6, 6, 3)


class Softmaxed(nn.ReLU):
    def forward(self, z):
        return z.softmax(-1)


def test_a_subclass_of_an_elementwise_module_may_be_anything():
    model = nn.Sequential(nn.Linear(4, 6), Softmaxed(), nn.Linear(6, 2))
    with pytest.raises(ValueError, match="1 is a Softmaxed, which is not known to act on each neuron by itself"):
        convert(model)
