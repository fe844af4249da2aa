"""Adam, by PyTorch's fused kernel."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """θ ← θ − η m̂ / (√v̂ + ε), m and v the running means of the gradient and of its square (Kingma and Ba, 2015).

    It does what ``torch.optim.Adam`` with ``fused`` does, bit by bit. That class loads PyTorch's compiler when it is
    made, several seconds of a process, which training in many short jobs would spend each time.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters, self.rate, self.betas, self.epsilon = list(parameters), rate, betas, epsilon
        self.means = [torch.zeros_like(parameter.detach()) for parameter in self.parameters]
        self.squares = [torch.zeros_like(mean) for mean in self.means]
        self.steps = [torch.zeros((), device=mean.device) for mean in self.means]  # float32, on the device: for graphs

    @torch.no_grad()
    def step(self, gradients: Iterable[Tensor]) -> None:
        """One step along the gradient of each parameter, in place."""
        adam(
            self.parameters,
            [gradient.contiguous() for gradient in gradients],  # the kernel takes it for granted
            self.means,
            self.squares,
            [],
            self.steps,
            foreach=False,
            capturable=self.means[0].is_cuda,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.rate,
            weight_decay=0.0,
            eps=self.epsilon,
            maximize=False,
        )
