# pyright: strict
"""A user's script, which type checkers read in strict mode and the tests run."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from sparcs import (
    CompactNetwork,
    SpectralNetwork,
    compact_head,
    load_model,
    replace_head,
    save_model,
    spectral_head,
)


def built() -> nn.Sequential:
    """A classifier of 3 classes."""
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def main() -> None:
    """Train a network, compact it, and the same with a head."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 4, generator=generator)
    network = SpectralNetwork((4, 8, 3), bias=True, activation="relu", form="eigenbasis", generator=generator)
    optimizer = torch.optim.AdamW(network.parameter_groups(weight_decay=0.01), lr=1e-2)
    y: Tensor = network(x)
    penalised = y.square().mean() + 1e-3 * network.penalty("l1", strengths=[1.0])
    penalised.backward()  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownMemberType] (PyTorch's own)
    optimizer.step()  # pyright: ignore[reportUnknownMemberType] (PyTorch's own)
    first: Tensor = network.eigenvalues[1]
    hidden: list[Tensor] = network.eigenvalues[1:-1]
    phi: Tensor = network.eigenvectors[0]
    weight: Tensor = network.bundle(3, 1)
    active: tuple[int, ...] = network.active_neurons()
    print(first.shape, len(hidden), phi.shape, weight.shape, active, network.has_bias)
    network.eigenvalues[1] = torch.zeros(8)

    def loss(module: nn.Module) -> Tensor:
        output: Tensor = module(x)
        return (output - y.detach()).square().mean()

    small: CompactNetwork = network.compact("weights", loss=loss, budget=0.1, max_calls=20, on_step=print)
    print(small.after, small.widths)

    model = built()
    head = replace_head(model, hidden=(5, 4), classes=3, activation=nn.GELU(), generator=generator)
    print(head.name, spectral_head(4, 5, 3, initial_scale=0.1, output_eigenvalue=-1).widths)
    compacted: CompactNetwork = compact_head(model, loss=loss, absolute_budget=0.1)
    print(compacted(torch.zeros(1, 6)))
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        save_model(model, path)
        loaded: nn.Module = load_model(built(), path)
        compacted.save(Path(folder, "head.safetensors"))
        print(CompactNetwork.load(Path(folder, "head.safetensors")).widths, loaded(x).shape)


if __name__ == "__main__":
    main()
