"""Networks of several trials and heads trained side by side, as one: alone, none has enough to do for a GPU.

All state has two leading dimensions, (trials, heads, …). A trial's heads share its batches and the unfolded patches of
its images, whose product with the weights of all heads is one. Convolutions are products of unfolded patches, batched
over the networks; images stand behind channels there, so that each network's product is one of two matrices.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.data.augmentation import (
    DEVIATION,
    MEAN,
    PADDING,
    Draws,
    Normalisation,
    augmented,
    channels_first,
    padded,
)
from replication.data.image_arrays import Images
from replication.experiments.cifar10.backends import order_and_draws, validation_draws
from replication.experiments.cifar10.run import Measured, Run, adam, new_network, split_of
from replication.training.classifiers import clock, split_rows
from replication.training.cuda_graphs import replayed
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import Checkpoint
from sparcs import penalties, spectral

KERNEL = 5  # pixels across a convolution's patch
TRAINED = (".0.weight", ".1.weight", ".1.bias")  # of a stage: its convolution's bias is not, see ``stage``
State = Mapping[str, Tensor]


class SideBySide:
    """Networks of every trial with every head, their optimiser and their images, on one device.

    heads: names; linear, plain hidden and SPARCS heads come in this order in ``self.heads``, which orders all that is
    measured. The networks are at their starts, the same as alone. dtype: of all arithmetic.
    """

    name = "PyTorch, side by side"

    def __init__(
        self,
        heads: Sequence[str],
        images: Images,
        settings: SimpleNamespace,
        seeds: Sequence[int],
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.heads = self.ordered(heads)
        self.linear = self.heads.count("linear")  # 0 or 1
        self.plain = self.linear + self.heads.count("hidden")  # heads without eigenvalues
        self.settings, self.seeds, self.device, self.dtype = settings, seeds, torch.device(device), dtype
        self.images = images
        self.pixels = padded(channels_first(images.x_train)).to(device)  # of all trials
        self.labels = torch.from_numpy(images.y_train.astype(np.int64))
        rows = [split_rows(len(self.labels), settings.images, settings.validation_share, seed) for seed in seeds]
        self.validation, self.training = (torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True))
        self.normalise = Normalisation(MEAN, DEVIATION, device)
        self.networks = [[new_network(head, settings, seed).to(device, dtype) for head in self.heads] for seed in seeds]
        self.measured = [[Measured() for _ in self.heads] for _ in seeds]
        self.features = joined([[network["features"] for network in row] for row in self.networks])
        self.linear_heads, self.hidden_heads, self.spectral_heads = (
            joined([[network["head"] for network in row[part]] for row in self.networks])
            for part in (slice(self.linear), slice(self.linear, self.plain), slice(self.plain, None))
        )
        trained = [value for name, value in self.features.items() if name.endswith(TRAINED)]
        trained += [*self.linear_heads.values(), *self.hidden_heads.values()]
        trained += [value for name, value in self.spectral_heads.items() if name != "eigenvalues.0"]
        self.optimizer = adam([value.requires_grad_() for value in trained], settings.training.learning_rate)
        self.step = replayed(self.take_step, device)

    @staticmethod
    def ordered(heads: Sequence[str]) -> list[str]:
        """Heads in the order of what is measured: the linear one, the plain hidden one, those of SPARCS."""
        return sorted(heads, key=lambda head: (head != "linear", head != "hidden"))

    def each(self) -> Iterator[tuple[int, int, nn.ModuleDict, Measured]]:
        """Every trial and head by number, its network and what was measured of it."""
        for trial, (networks, measured) in enumerate(zip(self.networks, self.measured, strict=True)):
            for head, (network, its) in enumerate(zip(networks, measured, strict=True)):
                yield trial, head, network, its

    def going(self) -> list[tuple[int, int, nn.ModuleDict, Measured]]:
        """The same of those that have not diverged."""
        return [each for each in self.each() if each[-1].diverged_epoch < 0]

    @property
    def epochs(self) -> int:
        """Epochs done by those that have not diverged."""
        return max(measured.epochs for *_, measured in self.each())

    def epoch(self, epoch: int) -> np.ndarray:
        """Train for an epoch; returns the means of the batches' cross-entropies, (trials, heads)."""
        points = self.training.shape[1]
        orders, draws = zip(*(order_and_draws(points, seed, epoch) for seed in self.seeds), strict=True)
        rows = torch.stack([own[order] for own, order in zip(self.training, orders, strict=True)])
        losses = [self.step(*batch) for batch in self._batches(rows, draws)]
        return torch.stack(losses).mean(dim=0).cpu().numpy()

    def validate(self, epoch: int) -> np.ndarray:
        """Validation accuracies in per cent, in the order of ``backends.validate``, (4, trials, heads)."""
        points = self.validation.shape[1]
        middle = torch.full((points,), PADDING)
        plain = [Draws(middle, middle, torch.zeros(points, dtype=torch.bool))] * len(self.seeds)
        shifted = [validation_draws(points, seed, epoch) for seed in self.seeds]
        counts = [
            sum(self.correct(*batch) for batch in self._batches(self.validation, draws)) for draws in (plain, shifted)
        ]
        accuracies = 100 * torch.stack(counts, dim=1).flatten(0, 1).double().cpu().numpy() / points
        accuracies[2:, :, : self.plain] = np.nan
        return accuracies

    def take_step(self, rows: Tensor, top: Tensor, left: Tensor, flip: Tensor, y: Tensor) -> Tensor:
        """One Adam step of every network; returns the cross-entropies of their batches, (trials, heads).

        rows, corners and flips of the crops, classes: (trials, batch).
        """
        self.optimizer.zero_grad()
        x = self._extracted(rows, Draws(top, left, flip), training=True)
        data_losses = cross_entropies(self._outputs(x), y)
        loss = data_losses.sum()
        if self.spectral_heads:
            training = self.settings.training
            phi = [self.spectral_heads[f"eigenvectors.{k}"] for k in range(2)]  # (trials, heads, N_{k+2}, N_{k+1})
            lam = [self.spectral_heads[f"eigenvalues.{k}"] for k in range(3)]  # (trials, heads, N_{k+1})
            loss = loss + penalties.penalty(phi, lam, training.penalty, [training.rho]).sum()
        loss.backward()
        self.optimizer.step()
        return data_losses.detach()

    @torch.no_grad()
    def correct(self, rows: Tensor, top: Tensor, left: Tensor, flip: Tensor, y: Tensor) -> Tensor:
        """Images that are classified correctly, by the heads and by those with λ_2 := 0, (2, trials, heads)."""
        x = self._extracted(rows, Draws(top, left, flip), training=False)
        outputs = torch.stack([self._outputs(x), self._outputs(x, pruned=True)])  # (2, trials, heads, batch, classes)
        return (outputs.argmax(dim=-1) == y[:, None]).sum(dim=-1)

    def runs(self) -> Iterator[tuple[int, str, Run]]:
        """Number of the trial, head, and run of every network, with its images; one trial's at a time."""
        for trial, head, network, measured in self.each():
            if head == 0:
                split = split_of(self.images, self.settings, self.seeds[trial], self.device)
            yield trial, self.heads[head], Run(network["features"], network["head"], split, **vars(measured))

    def leave(self, network: nn.ModuleDict) -> None:
        """Keep a network as it is: from now on nothing that is computed in its place reaches it."""
        for value in network.state_dict(keep_vars=True).values():
            value.data = value.data.clone()

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep the state of all."""
        rows = {
            f"{trial}.{head}.{name}": value
            for trial, head, _, measured in self.each()
            for name, value in measured.rows().items()
        }
        checkpoint.save(self._all(), self.optimizer, rows)

    def load(self, checkpoint: Checkpoint) -> None:
        """Take the state that was kept, if there is one."""
        rows = checkpoint.load(self._all(), self.optimizer)
        for trial, head, network, measured in self.each():
            start = f"{trial}.{head}."
            measured.take({name.removeprefix(start): value for name, value in rows.items() if name.startswith(start)})
            if measured.diverged_epoch >= 0:
                self.leave(network)

    def _all(self) -> nn.ModuleList:
        return nn.ModuleList(network for *_, network, _ in self.each())

    def _batches(self, rows: Tensor, draws: Sequence[Draws]) -> Iterator[tuple[Tensor, ...]]:
        """Rows, corners and flips of the crops, and classes, of consecutive batches, each (trials, batch)."""
        drawn = (torch.stack([getattr(own, name) for own in draws]) for name in ("top", "left", "flip"))
        whole = (rows, *drawn, self.labels[rows])  # each (trials, points)
        size = self.settings.training.batch_size
        return zip(*(tensor.to(self.device).split(size, dim=1) for tensor in whole), strict=True)

    def _extracted(self, rows: Tensor, draws: Draws, training: bool) -> Tensor:
        """The features of crops, rows and draws (trials, batch) -> (trials, heads, batch, 400)."""
        trials, heads = len(self.seeds), len(self.heads)
        flat = Draws(draws.top.flatten(), draws.left.flatten(), draws.flip.flatten())
        x = self.normalise(augmented(self.pixels, rows.flatten(), flat)).to(self.dtype)
        x = x.unflatten(0, rows.shape).transpose(1, 2)  # (trials, 3, batch, 32, 32)
        x = stage(x, self.features, 0, training)  # (trials, heads · 6, batch, 14, 14)
        x = stage(x.reshape(trials * heads, -1, *x.shape[2:]), self.features, 1, training)
        x = x.unflatten(0, (trials, heads))  # (trials, heads, 16, batch, 5, 5)
        return x.transpose(2, 3).flatten(3)

    def _outputs(self, x: Tensor, pruned: bool = False) -> Tensor:
        """(trials, heads, batch, 400) -> (trials, heads, batch, classes)."""
        outputs = []
        if state := self.linear_heads:
            outputs.append(affine(x[:, : self.linear], state["weight"], state["bias"]))
        if state := self.hidden_heads:
            hidden = F.relu(affine(x[:, self.linear : self.plain], state["0.weight"], state["0.bias"]))
            outputs.append(affine(hidden, state["2.weight"], state["2.bias"]))
        if state := self.spectral_heads:
            phi = [state[f"eigenvectors.{k}"] for k in range(2)]
            lam = [state[f"eigenvalues.{k}"] for k in range(3)]
            if pruned:
                lam[1] = torch.zeros_like(lam[1])
            with_one = F.pad(x[:, self.plain :], (0, 1), value=1.0)  # (trials, spectral heads, batch, 401)
            outputs.append(spectral.forward_eigenbasis(phi, lam, with_one, torch.relu, input_is_zero=True))
        return torch.cat(outputs, dim=1)


@subnormals_flushed()
def train_side_by_side(group: SideBySide, on_epoch: Callable[[bool], object] | None = None) -> None:
    """Train up to the last epoch and validate after each, from where the networks stand, as ``train`` does one.

    A network whose loss is no longer finite is kept as it is then; the others go on. Each has its share of the seconds.
    on_epoch: is told whether it was the last.
    """
    now, epochs = clock(group.device.type), group.settings.training.epochs
    while group.epochs < epochs and group.going():
        epoch, start = group.epochs, now()
        losses = group.epoch(epoch)
        share, validated = (now() - start) / losses.size, group.validate(epoch)
        for trial, head, network, measured in group.going():
            measured.seconds += share
            measured.add(float(losses[trial, head]), validated[:, trial, head].tolist(), network["head"], epochs)
            if measured.diverged_epoch >= 0:
                group.leave(network)
        if on_epoch:
            on_epoch(group.epochs == epochs or not group.going())


def joined(modules: Sequence[Sequence[nn.Module]]) -> dict[str, Tensor]:
    """The state of modules that are alike as tensors (trials, modules, …), of which theirs are parts from now on."""
    if not modules[0]:
        return {}
    states = [[module.state_dict(keep_vars=True) for module in row] for row in modules]
    whole = {
        name: torch.stack([torch.stack([state[name].detach() for state in row]) for row in states])
        for name in states[0][0]
    }
    for trial, row in enumerate(states):
        for place, state in enumerate(row):
            for name, value in state.items():
                value.data = whole[name][trial, place]
    return whole


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x Wᵀ + b of every network, (trials, heads, batch, inputs) -> (trials, heads, batch, outputs)."""
    return x @ weight.mT + bias[:, :, None]


def stage(x: Tensor, state: State, number: int, training: bool) -> Tensor:
    """Convolution 5×5 – batch norm – max pool 2 – ReLU, (groups, channels, batch, s, s) -> (groups, outputs, batch, …).

    state: of the features of all networks. Networks that see the same x are one group: their outputs stand side by
    side. The convolution's bias is not trained: the batch norm takes it away again, so that its gradient is 0.
    """
    convolution, norm = f"stages.{number}.0", f"stages.{number}.1"
    patches = unfolded(x)  # (groups, channels · 25, batch · (s − 4)²)
    weight = state[f"{convolution}.weight"].reshape(len(x), -1, patches.shape[1])  # (groups, outputs, channels · 25)
    z = torch.baddbmm(state[f"{convolution}.bias"].reshape(len(x), -1, 1), weight, patches)
    if training:
        state[f"{norm}.num_batches_tracked"].add_(1)
    statistics = (state[f"{norm}.running_{name}"].flatten() for name in ("mean", "var"))  # views, changed in place
    scale, shift = (state[f"{norm}.{name}"].flatten() for name in ("weight", "bias"))
    z = F.batch_norm(z.flatten(0, 1)[None], *statistics, scale, shift, training)  # (1, groups · outputs, …)
    size = x.shape[-1] - KERNEL + 1
    z = F.relu(F.max_pool2d(z.view(-1, x.shape[2], size, size), 2))  # (groups · outputs, batch, size/2, size/2)
    return z.unflatten(0, (len(x), -1))


def unfolded(x: Tensor) -> Tensor:
    """Every patch as a column, (groups, channels, batch, s, s) -> (groups, channels · 25, batch · (s − 4)²)."""
    windows = x.unfold(3, KERNEL, 1).unfold(4, KERNEL, 1)  # (groups, channels, batch, s − 4, s − 4, 5, 5), a view
    return windows.permute(0, 1, 5, 6, 2, 3, 4).flatten(1, 3).flatten(2)


def cross_entropies(outputs: Tensor, y: Tensor) -> Tensor:
    """Means over the batch, outputs (trials, heads, batch, classes) and y (trials, batch) -> (trials, heads)."""
    each = F.cross_entropy(outputs.flatten(0, 2), y[:, None].expand(outputs.shape[:3]).flatten(), reduction="none")
    return each.view(outputs.shape[:3]).mean(dim=-1)
