"""A run of experiment 3: the small network with a head, its images, and what is measured on the way."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.data.augmentation import padded
from replication.data.image_arrays import Images
from replication.training.split import Split
from replication.training.split import split_of as plain_split
from sparcs.network import SpectralNetwork

CURVES = {  # what is measured after every epoch, and the column that it has in the table
    "train_loss": "train_loss",
    "plain": "validation_accuracy",
    "augmented": "validation_accuracy_augmented",
    "plain_pruned": "validation_accuracy_pruned",
    "augmented_pruned": "validation_accuracy_augmented_pruned",
}

KEPT = 50  # eigenvalues are kept after epochs 1 and 10, every KEPT epochs, and after the last


class SmallCNN(nn.Module):
    """conv 5×5 (6) – batch norm – ReLU – max pool 2 – conv 5×5 (16) – batch norm – ReLU – max pool 2: 400 features.

    The ReLU acts after the pooling, on a quarter of the pixels: it commutes with the maximum.
    Shapes: (batch, 3, 32, 32) -> (batch, 400). generator: source of PyTorch's default initial values.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(_default(nn.Conv2d, before, after, 5, generator=generator), nn.BatchNorm2d(after))
            for before, after in pairwise((3, 6, 16))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, 32, 32) -> (batch, 400)."""
        for stage in self.stages:
            x = F.relu(F.max_pool2d(stage(x), 2))
        return x.flatten(1)


@dataclass(kw_only=True)
class Measured:
    """What is measured of a network while it is trained.

    curves: per epoch, one array for each of CURVES, losses and percentages; eigenvalues: by epoch, all layers' λ in one
    array. seconds: of training by ``clock``, evaluation left out. diverged_epoch: −1 if none.
    """

    curves: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in CURVES})
    eigenvalues: dict[int, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    diverged_epoch: int = -1

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.curves["train_loss"])

    def rows(self) -> dict[str, np.ndarray]:
        """Everything measured as arrays, for a checkpoint."""
        arrays = {name: np.array(values) for name, values in self.curves.items()}
        arrays |= {f"eigenvalues.{epoch}": values for epoch, values in self.eigenvalues.items()}
        return arrays | {"seconds": np.array(self.seconds)}

    def take(self, rows: Mapping[str, np.ndarray]) -> None:
        """Continue from the rows of a checkpoint."""
        if not rows:
            return
        self.curves = {name: rows[name].tolist() for name in CURVES}
        self.seconds = float(rows["seconds"])
        self.eigenvalues = {
            int(name.removeprefix("eigenvalues.")): values for name, values in rows.items() if "eigenvalues." in name
        }
        if not np.isfinite(self.curves["train_loss"][-1]):
            self.diverged_epoch = self.epochs - 1

    def add(self, loss: float, validated: Sequence[float], head: nn.Module, last: int) -> None:
        """Enter an epoch: its mean loss, validation accuracies, and eigenvalues if they are kept. last: epoch, from 1.

        A loss that is not finite says that the network diverged.
        """
        for name, value in zip(CURVES, (loss, *validated), strict=True):
            self.curves[name].append(value)
        if self.epochs in (1, 10, last) or self.epochs % KEPT == 0:
            self.eigenvalues[self.epochs] = eigenvalues(head)
        if not np.isfinite(loss):
            self.diverged_epoch = self.epochs - 1


@dataclass
class Run(Measured):
    """A trained network with its images, and what was measured on the way."""

    features: SmallCNN
    head: nn.Module
    split: Split


def split_of(images: Images, settings: SimpleNamespace, seed: int, device: torch.device | str = "cpu") -> Split:
    """The trial's split on a device, its training images padded: uint8 (n, 3, 40, 40)."""
    plain = plain_split(images, settings, seed)
    tensors = vars(replace(plain, x_train=padded(plain.x_train)))
    return Split(**{name: tensor.to(device) for name, tensor in tensors.items()})


def new_run(head: str, images: Images, settings: SimpleNamespace, seed: int, device: str = "cpu") -> Run:
    """A network at its start, with its images."""
    network = new_network(head, settings, seed).to(device)
    return Run(network["features"], network["head"], split_of(images, settings, seed, device))


def new_network(head: str, settings: SimpleNamespace, seed: int) -> nn.ModuleDict:
    """Features and a head at their start; the features draw first, so that they are the same under every head.

    The authors' image scripts give W_31 the opposite sign of (4.3), which is (4.3) started at λ_3 = −1. "hidden" is the
    control: a plain ReLU layer as wide as SPARCS's, its biases those of the maximal network with a bias neuron. It has
    PyTorch's initial values, as the linear head and the features, since nothing about it is the paper's.
    """
    source = torch.Generator().manual_seed(seed)
    features = SmallCNN(source)
    inputs, hidden, classes = settings.widths
    made = {
        "linear": lambda: _default(nn.Linear, inputs, classes, generator=source),
        "spectral": lambda: SpectralNetwork((inputs, hidden, classes), bias=settings.bias, generator=source),
        "spectral_authors_sign": lambda: SpectralNetwork(
            (inputs, hidden, classes), bias=settings.bias, output_eigenvalue=-1, generator=source
        ),
        "hidden": lambda: nn.Sequential(
            _default(nn.Linear, inputs, hidden, generator=source),
            nn.ReLU(),
            _default(nn.Linear, hidden, classes, generator=source),
        ),
    }[head]()
    return nn.ModuleDict({"features": features, "head": made})


def optimizer_of(run: Run, settings: SimpleNamespace) -> torch.optim.Optimizer:
    """Adam over features and head."""
    return adam([*whole(run).parameters()], settings.training.learning_rate)


def adam(parameters: Sequence[Tensor], rate: float) -> torch.optim.Optimizer:
    """Adam; on a GPU one that can be recorded in a CUDA graph."""
    return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=parameters[0].is_cuda)


def whole(run: Run) -> nn.ModuleDict:
    """Features and head as one module."""
    return nn.ModuleDict({"features": run.features, "head": run.head})


def pruned(head: nn.Module) -> nn.Module | None:
    """The head with λ_2 := 0, removal (i); None for one without eigenvalues."""
    if not isinstance(head, SpectralNetwork):
        return None
    head = deepcopy(head)
    with torch.no_grad():
        head.eigenvalues[1].zero_()
    return head


def eigenvalues(head: nn.Module) -> np.ndarray:
    """λ_2 and λ_3 of a spectral head, side by side; empty for one without."""
    if not isinstance(head, SpectralNetwork):
        return np.zeros(0, np.float32)
    return np.concatenate([block.detach().cpu().numpy() for block in list(head.eigenvalues)[1:]])


def _default(kind: type[nn.Module], *sizes: int, generator: torch.Generator) -> nn.Module:
    """A linear or convolutional layer with PyTorch's default initial values from a generator.

    Weight and bias uniform in ±1/√(inputs of one output), which is Kaiming's with a = √5.
    """
    layer = nn.utils.skip_init(kind, *sizes)
    bound = layer.weight[0].numel() ** -0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
