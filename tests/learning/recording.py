"""A recorder that keeps to a CUDA graph's rules and needs no GPU: it notes PyTorch's operations and does them again.

While it records, every operation below autograd is noted with the very tensors that it reads and writes. A replay does
the same operations on the same memory, and no line of the step's Python runs again: a number that Python computed is
frozen, and a tensor that was put in the place of another is not followed. What a graph cannot do is refused: to look
at a value, to make a tensor out of Python's numbers, to find a shape out of values.
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REFUSED = ("_local_scalar_dense", "lift_fresh", "nonzero", "masked_select", "_unique2", "unique_dim", "equal")


class OperationRecorder(TorchDispatchMode):
    """Takes the place of `learning.captured.CudaGraph` on a CPU.

    generators : from which the step may draw beside the default one. n_beside, n_recorded, n_replayed : steps.
    """

    def __init__(self, generators=()):
        super().__init__()
        self.generators = [torch.default_generator, *generators]
        self.operations, self.before, self.made = [], {}, set()
        self.n_beside = self.n_recorded = self.n_replayed = 0

    @contextlib.contextmanager
    def beside(self):
        self.n_beside += 1
        yield

    @contextlib.contextmanager
    def recording(self):
        self.n_recorded += 1
        drawn = [generator.get_state() for generator in self.generators]
        try:
            with self:
                yield
        finally:  # recording computes nothing: all that lay there before is as it was
            for storage, bytes_before in self.before.values():
                storage.copy_(bytes_before)
            for generator, state in zip(self.generators, drawn, strict=True):
                generator.set_state(state)

    @torch.no_grad()
    def replay(self):
        self.n_replayed += 1
        for function, args, kwargs, outputs in self.operations:
            found = tree_leaves(function(*args, **kwargs))
            for kept, new in zip(outputs, found, strict=True):
                if isinstance(new, torch.Tensor) and place_of(new) != place_of(kept):
                    kept.copy_(new)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.name().removeprefix("aten::")
        if name.split(".")[0] in REFUSED:
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        generator = kwargs.get("generator")
        if generator is not None and generator._cdata not in [known._cdata for known in self.generators]:
            raise RuntimeError("an unexpected generator is used while recording")
        for tensor in written(function, args, kwargs):
            if place_of(tensor) not in self.made:
                storage = tensor.untyped_storage()
                self.before.setdefault(place_of(tensor), (storage, storage.clone()))
        outputs = function(*args, **kwargs)
        leaves = tree_leaves(outputs)
        read = {place_of(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        self.made |= {place_of(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor)} - read
        self.operations.append((function, args, kwargs, leaves))
        return outputs


def written(function, args, kwargs):
    """Return the tensors that an operation writes into."""
    known = function._schema.arguments
    given = list(zip(known, args, strict=False)) + [(a, kwargs[a.name]) for a in known if a.name in kwargs]
    changed = [value for argument, value in given if argument.alias_info is not None and argument.alias_info.is_write]
    return [leaf for leaf in tree_leaves(changed) if isinstance(leaf, torch.Tensor)]


def place_of(tensor) -> int:
    """Return where the memory of a tensor begins, whatever part of it the tensor shows."""
    return tensor.untyped_storage().data_ptr()
