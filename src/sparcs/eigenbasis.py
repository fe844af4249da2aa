"""``spectral.eigenbasis_recursion`` with a backward pass of its own: the same numbers, sooner and in less memory.

Autograd keeps whatever each operation reads. This pass keeps a and u of each layer alone, and forms the weights again
from φ and λ on the way back.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from sparcs import spectral

FEWEST = 8  # bundles; with fewer, what is saved is no more than what a Python function costs
threshold_backward = torch.ops.aten.threshold_backward.default  # of ReLU, from its output; 0 at 0


def recursion(phi: Sequence[Tensor], lam: Sequence[Tensor], u: Tensor, activation: spectral.Activations) -> Tensor:
    """``spectral.eigenbasis_recursion`` of torch tensors, with the shorter backward pass where that is possible.

    The shorter pass serves f = ReLU and at least FEWEST bundles, if all are trained and share dtype and leading
    dimensions. Hooked modules of activations, frozen bundles, other activations, inference, transforms of
    ``torch.func``, forward-mode differentiation, autocast, ``torch.compile``, ``torch.export``, ``torch.jit.trace`` and
    ``torch.fx`` take PyTorch's operations one by one. Both ways give the same bits without leading dimensions, if a
    loss uses every φ once. Otherwise they agree to rounding.

    u: u_1, (…, batch, N_1). activation: f, or one for each hidden layer. Returns (…, batch, N_ℓ).
    """
    if (
        len(phi) >= FEWEST
        and _plain_relu(spectral.per_layer(activation, len(phi) - 1))
        and _ordinary_training(phi, lam, u)
    ):
        return _Recursion.apply(u, *phi, *lam[:-1], *lam[1:])
    return spectral.eigenbasis_recursion(phi, lam, u, activation)


def _plain_relu(functions: Sequence[Any]) -> bool:
    """Whether all are ReLU, and none is a module that calls hooks."""
    return all(f is torch.relu or (type(f) is nn.ReLU and not _hooked(f)) for f in functions)


def _hooked(module: nn.Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks)


def _ordinary_training(phi: Sequence[Tensor], lam: Sequence[Tensor], u: Tensor) -> bool:
    """Whether an ordinary backward pass to every φ and λ can follow, and nothing else wants to see the operations."""
    if torch.jit.is_tracing() or isinstance(u, torch.fx.Proxy):
        return False
    leading = {block.shape[:-2] for block in (u, *phi)} | {values.shape[:-1] for values in lam}
    return (
        torch.is_grad_enabled()
        and all(tensor.requires_grad for tensor in (*phi, *lam))
        and len({tensor.dtype for tensor in (u, *phi, *lam)}) == 1
        and len(leading) == 1
        and not (torch.amp.is_autocast_available(u.device.type) and torch.is_autocast_enabled(u.device.type))
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )


class _Recursion(torch.autograd.Function):
    """v_i = φ_{i−1} u_{i−1};  z_i = W_{i,i−1} u_{i−1};  a_i = f(z_i);  u_i = a_i − v_i;  y = z_ℓ, and backwards, with
    samples in rows and ∂t for ∂L/∂t:  ∂z_i = f′(z_i) ∘ ∂u_i, in the last layer ∂y;  ∂W = ∂z_iᵀ u_{i−1};
    ∂φ_{i−1} = ∂W ∘ (λ_{i−1} − λ_i) − ∂u_iᵀ u_{i−1};  ∂u_{i−1} = ∂z_i W_{i,i−1} − ∂u_i φ_{i−1};
    ∂λ_{i−1} sums the columns of ∂W ∘ φ_{i−1}, ∂λ_i minus its rows.

    Every λ is passed twice, as a bundle's lower and as a bundle's upper layer. Autograd then sums over all uses of an
    eigenvalue itself, the penalty included, in its usual order.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, *blocks: Tensor) -> Tensor:
        """u: u_1, (…, batch, N_1); blocks: φ_1 … φ_B, λ_1 … λ_{ℓ−1}, λ_2 … λ_ℓ. Returns y, (…, batch, N_ℓ)."""
        phi, lower, upper = _thirds(blocks)
        inputs, activities = [u], []  # u_1 … u_{ℓ−1} and a_2 … a_{ℓ−1}, each (…, batch, N_k)
        for block, before, after in zip(phi[:-1], lower, upper, strict=False):
            v = u @ block.mT  # (…, batch, N_i)
            a = (u @ spectral.nearest_weight(block, before, after).mT).relu_()
            u = torch.sub(a, v, out=v)
            inputs.append(u)
            activities.append(a)
        ctx.save_for_backward(*blocks, *inputs, *activities)
        return u @ spectral.nearest_weight(phi[-1], lower[-1], upper[-1]).mT

    @staticmethod
    def backward(ctx: Any, of_y: Tensor) -> tuple[Tensor | None, ...]:
        """∂u_1 and the blocks' gradients from ∂y, (…, batch, N_ℓ)."""
        bundles = len(ctx.needs_input_grad) // 3
        saved = ctx.saved_tensors
        blocks, kept = saved[: 3 * bundles], saved[3 * bundles :]
        inputs, activities = kept[:bundles], kept[bundles:]
        if torch.is_grad_enabled():  # the gradients are to be differentiated again
            return _gradients_by_autograd(inputs[0], blocks, of_y, ctx.needs_input_grad)
        phi, lower, upper = _thirds(blocks)
        of_phi, of_lower, of_upper = ([None] * bundles for _ in range(3))
        of_u, of_z = None, of_y
        for k in reversed(range(bundles)):  # from layer k+1 to layer k+2
            difference = lower[k][..., None, :] - upper[k][..., :, None]  # (…, N_{k+2}, N_{k+1})
            hidden = k < bundles - 1  # the last layer has z alone
            if hidden:
                of_z = threshold_backward(of_u, activities[k], 0)  # (…, batch, N_{k+2})
            of_weight = of_z.mT @ inputs[k]
            of_phi[k] = of_weight * difference
            if hidden:
                of_phi[k].sub_(of_u.mT @ inputs[k])
            of_weight.mul_(phi[k])
            of_lower[k], of_upper[k] = of_weight.sum(-2), of_weight.sum(-1).neg_()
            if k == 0 and not ctx.needs_input_grad[0]:
                return None, *of_phi, *of_lower, *of_upper
            below = of_z @ difference.mul_(phi[k])  # (…, batch, N_{k+1})
            of_u = below.sub_(of_u @ phi[k]) if hidden else below
        return of_u, *of_phi, *of_lower, *of_upper


def _gradients_by_autograd(
    u: Tensor, blocks: Sequence[Tensor], of_y: Tensor, wanted: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The same gradients in a form that can be differentiated again: of PyTorch's operations, one by one."""
    with torch.enable_grad():
        views = [tensor.view_as(tensor) for tensor in (u, *blocks)]  # one tensor may have come in several places
        phi, lower, upper = _thirds(views[1:])
        y = spectral.eigenbasis_recursion(phi, [lower[0], *upper], views[0], torch.relu)
    asked = [tensor for tensor, is_wanted in zip(views, wanted, strict=True) if is_wanted]
    gradients = iter(torch.autograd.grad(y, asked, of_y, create_graph=True, allow_unused=True))
    return tuple(next(gradients) if is_wanted else None for is_wanted in wanted)


def _thirds(blocks: Sequence[Tensor]) -> tuple[Sequence[Tensor], ...]:
    """φ, the lower and the upper eigenvalues of every bundle."""
    bundles = len(blocks) // 3
    return blocks[:bundles], blocks[bundles : 2 * bundles], blocks[2 * bundles :]
