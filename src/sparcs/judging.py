"""A model that is only looked at: in evaluation mode, left as it was, with what stands before its head run once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

import torch
from torch import Tensor, nn


@contextmanager
def judged(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards every module's mode and every buffer's values are as before."""
    modes = {module: module.training for module in model.modules()}
    buffers = [
        (module, name, value, value.clone())
        for module in modes
        for name, value in module._buffers.items()
        if value is not None
    ]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for module, name, value, before in buffers:
                if value.is_meta or not torch.equal(value, before):  # one that was expanded cannot be written
                    value.copy_(before)
                module._buffers[name] = value


@contextmanager
def features_kept(model: nn.Module, name: str) -> Iterator[None]:
    """Calls of the model run what stands before its head ``name`` once for each input, whichever head stands there.

    That is possible where the model takes tensors by position and returns the head's output as it is; any other call
    runs whole, and so does a model whose ``forward`` was set on the instance. What else than its inputs a model or a
    loss depends on is not seen: a mode that the loss sets, an attribute, a dropout that stays on.
    """
    if "forward" in vars(model):
        yield
        return
    forward, features = model.forward, {}

    def remembering(*args: object, **kwargs: object) -> object:
        head = model.get_submodule(name)
        key = None if kwargs else _key(args)
        if key is not None and key in features:
            return head(features[key])
        calls: list[tuple[tuple, object]] = []
        hook = head.register_forward_hook(lambda _, given, y: calls.append((given, y)))
        try:
            output = forward(*args, **kwargs)
        finally:
            hook.remove()
        if key is not None and len(calls) == 1 and len(calls[0][0]) == 1 and calls[0][1] is output:
            features[key] = calls[0][0][0].clone()  # the caller may write its memory anew
        return output

    model.forward = remembering
    try:
        yield
    finally:
        del model.forward


def last_linear(model: nn.Module, inputs: object, is_linear: Callable[[nn.Module], bool]) -> list[str]:
    """Names of the linear layers whose output is the model's, up to its shape, on inputs: one tensor or a tuple.

    The model's output is a tensor, or has one as its attribute ``logits``; of any other no layer is named.
    """
    made: list[tuple[str, Tensor]] = []
    layers = {name: module for name, module in model.named_modules() if is_linear(module)}
    hooks = [
        module.register_forward_hook(lambda _, __, y, name=name: made.append((name, y.detach().clone())))
        for name, module in layers.items()
    ]
    try:
        with judged(model), torch.no_grad():
            output = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    y = getattr(output, "logits", output)
    if not isinstance(y, Tensor):
        return []
    return sorted({name for name, value in made if torch.equal(value.reshape(-1), y.reshape(-1))})


def _key(args: tuple) -> tuple | None:
    """What tells the contents of tensors apart, without holding them; None for other arguments."""
    if not args or not all(isinstance(value, Tensor) and value.layout == torch.strided for value in args):
        return None
    return tuple((value.shape, value.dtype, _digest(value)) for value in args)


def _digest(value: Tensor) -> bytes:
    return blake2b(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()).digest()
