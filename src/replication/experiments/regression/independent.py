"""Experiment 1 trained once more, from the paper's formulas alone: PyTorch's autograd, and nothing of this project.

W_21 = φ_1 L_1 − L_2 φ_1,  W_32 = φ_2 L_2 − L_3 φ_2,  W_31 = (L_3 φ_2 − φ_2 L_2) φ_1  (4.3);
y = W_31 x + W_32 relu(W_21 x)  (4.5);  loss = MSE + ρ Ω(λ_1, λ_2)  (4.4), by Adam.

What it shares with the trainer that it is compared with are the data and the settings of Table 3. It has values at the
start, orders of the points and sums of its own: where both are right, their trials differ as those of two seeds do.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam
PENALTIES = {
    "l1": lambda lam: lam.abs().sum(-1),
    "l2": lambda lam: torch.linalg.vector_norm(lam, dim=-1),  # its gradient at 0 is 0
    "l2_squared": lambda lam: lam.square().sum(-1),
}


def run(data: dict[str, np.ndarray], work: Any) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Train one trial for each of ``work.seeds`` side by side: a row with ‖Γ‖ and the held-out fit of each."""
    settings = work.settings
    on_epoch = work.progress(settings.training.epochs, "epochs")
    flushed = torch.set_flush_denormal(True)  # subnormal numbers would take most of the time
    try:
        parameters = train(data["x_train"], data["y_train"], work.seeds, settings, on_epoch)
        rows = measure(parameters, data["x_held_out"], data["y_held_out"])
    finally:
        if flushed:
            torch.set_flush_denormal(False)
    return {"independent": rows.assign(trial=work.trials, seed=work.seeds)}, {}


def train(x: np.ndarray, y: np.ndarray, seeds: Any, settings: Any, on_epoch: Any = lambda epochs: None) -> list[Tensor]:
    """φ_1, φ_2, λ_1, λ_2, λ_3 after training on x (points, 2), y (points,), each with the trials in front."""
    training = settings.training
    inputs, targets = with_bias(x), torch.from_numpy(y)  # (points, 3), (points,)
    generators = [torch.Generator().manual_seed(int(seed) % 2**63) for seed in seeds]
    parameters = start(settings.widths, generators)
    trained = parameters if training.train_input_eigenvalues else parameters[:2] + parameters[3:]
    moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in trained]
    count = 0
    for _ in range(training.epochs):
        order = torch.stack([torch.randperm(len(y), generator=each) for each in generators])  # (trials, points)
        for chosen in order.split(training.batch_size, dim=1):
            count += 1
            total = loss(parameters, inputs[chosen], targets[chosen], training.penalty, training.rho).sum()
            gradients = torch.autograd.grad(total, trained)
            adam(trained, gradients, moments, count, training.learning_rate)
        on_epoch(1)
    return parameters


def start(widths: Any, generators: list[torch.Generator]) -> list[Tensor]:
    """φ by Xavier's uniform law, λ_1 = λ_2 = 0, λ_3 = 1; a bias neuron among the inputs. widths: N_1, N_2, N_3."""
    inputs, hidden, outputs = widths[0] + 1, widths[1], widths[2]
    phi = [
        torch.stack([(2 * torch.rand(shape, generator=each) - 1) * (6 / sum(shape)) ** 0.5 for each in generators])
        for shape in ((hidden, inputs), (outputs, hidden))
    ]
    trials = len(generators)
    lam = [torch.zeros(trials, inputs), torch.zeros(trials, hidden), torch.ones(trials, outputs)]
    return [each.requires_grad_() for each in (*phi, *lam)]


def bundles(parameters: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """W_21 (trials, N_2, N_1), W_32 (trials, N_3, N_2) and W_31 (trials, N_3, N_1) of (4.3)."""
    phi_1, phi_2, lam_1, lam_2, lam_3 = parameters
    w_21 = phi_1 * lam_1[:, None, :] - lam_2[:, :, None] * phi_1
    w_32 = phi_2 * lam_2[:, None, :] - lam_3[:, :, None] * phi_2
    return w_21, w_32, -w_32 @ phi_1


def output(parameters: list[Tensor], x: Tensor) -> Tensor:
    """(4.5) with relu: x (trials, points, N_1) -> (trials, points, N_3)."""
    w_21, w_32, w_31 = bundles(parameters)
    return x @ w_31.mT + torch.relu(x @ w_21.mT) @ w_32.mT


def loss(parameters: list[Tensor], x: Tensor, y: Tensor, penalty: str, rho: float) -> Tensor:
    """(4.4) of every trial, (trials,). x: (trials, points, N_1); y: (trials, points)."""
    omega = PENALTIES[penalty]
    data = (output(parameters, x)[..., 0] - y).square().mean(dim=1)
    return data + rho * (omega(parameters[2]) + omega(parameters[3]))


@torch.no_grad()
def adam(trained: list[Tensor], gradients: Any, moments: list[tuple[Tensor, Tensor]], count: int, rate: float) -> None:
    """One step: m ← β_1 m + (1−β_1) g, v ← β_2 v + (1−β_2) g², θ ← θ − rate · m̂ / (√v̂ + ε)."""
    for parameter, gradient, (first, second) in zip(trained, gradients, moments, strict=True):
        first.mul_(BETAS[0]).add_(gradient, alpha=1 - BETAS[0])
        second.mul_(BETAS[1]).add_(gradient.square(), alpha=1 - BETAS[1])
        unbiased = first / (1 - BETAS[0] ** count), second / (1 - BETAS[1] ** count)
        parameter.sub_(rate * unbiased[0] / (unbiased[1].sqrt() + EPSILON))


@torch.no_grad()
def measure(parameters: list[Tensor], x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """‖Γ‖ of every trial, ‖Γ‖² = Σ_j (Σ_i W_32,ij²)(Σ_k W_21,jk²), and its fit on x (points, 2), y (points,)."""
    w_21, w_32, _ = bundles([each.double() for each in parameters])
    squares = w_32.square().sum(dim=1) * w_21.square().sum(dim=2)  # (trials, N_2)
    targets = torch.from_numpy(y).double()
    fitted = output(parameters, with_bias(x)[None])[..., 0].double()  # (trials, points)
    mse = (fitted - targets).square().mean(dim=1)
    r2 = 1 - mse / (targets - targets.mean()).square().mean()
    rows = {"gamma_norm": squares.sum(dim=1).sqrt(), "mse": mse, "r2": r2}
    table = pd.DataFrame({name: values.numpy() for name, values in rows.items()})
    return table.where(np.isfinite(table).all(axis=1), np.nan)  # one that diverged has no measures


def with_bias(x: np.ndarray) -> Tensor:
    """x with the constant 1 of the bias neuron, (points, 3)."""
    return torch.from_numpy(np.concatenate([x, np.ones_like(x[:, :1])], axis=1))
