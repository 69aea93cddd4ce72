"""How many kernels a step of the topological VAE is, its cost on a GPU: python -m bench.kernels [--compile]

Counted are PyTorch's operations below autograd that read or write memory, each at least one kernel; matrix products
are counted apart, since they stay. --compile counts what torch.compile makes of the loss, forward and backward, with
its C++ for CPUs, for which it takes minutes: an indication, on a GPU it merges much the same.
"""

import argparse
from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from learning.descent import Descent
from learning.distribution import ALONE
from learning.recipes import recipe
from learning.stacked import Member, Stack
from learning.topological import TopologicalVaeLearner

CPU = torch.device("cpu")
N_MEMBERS = 16
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
#: What reserves memory or marks a place in a profile.
_FREE = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "alias", "_unsafe_view")


class Kernels(TorchDispatchMode):
    """Counts the operations within that launch a kernel. counts : by name."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix("aten::").split(".")[0]
        if not (function.is_view or name in _FREE or name.startswith("profiler::")):
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))

    @property
    def n_products(self) -> int:
        return sum(self.counts[name] for name in PRODUCTS)


def main(arguments=()):
    from bench.vae import DEFAULT, PUBLISHED, posed  # which imports others of this folder

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args(list(arguments))
    faces = posed(20)
    for name in (PUBLISHED, DEFAULT):
        config = recipe(name).config.with_changes({"device": "cpu"})
        for what, counted in (("one", of_one(faces, config)), (f"{N_MEMBERS} stacked", of_stack(faces, config))):
            print(
                f"{name}, {what}: {counted.counts.total()} kernels a step, {counted.n_products} of them matrix products"
            )
        if options.compile:
            print(f"{name}: compiled, loss and backward: {compiled_loss(faces, config)}", flush=True)


def of_one(faces, config) -> Kernels:
    """Return the kernels of a step as a run does it, the optimiser among them."""
    learner = TopologicalVaeLearner(faces, config, seed=0, device=CPU)
    descent = Descent(learner, config, seed=0, device=CPU, share=ALONE)
    return counted(lambda: descent.advance(config.training.n_steps, []))


def of_stack(faces, config, n: int = N_MEMBERS) -> Kernels:
    """Return the kernels of a step of n networks together, drawn together."""
    stack = Stack(faces, [Member(config, seed) for seed in range(n)], CPU, "together")
    return counted(stack.advance)


def counted(step) -> Kernels:
    step()  # with the first one the optimiser makes its moments
    with Kernels() as found:
        step()
    return found


def compiled_loss(faces, config) -> str:
    from torch._dynamo.utils import counters
    from torch._inductor import metrics

    metrics.reset()
    counters.clear()
    with torch._inductor.config.patch(force_disable_caches=True):
        refused = TopologicalVaeLearner(faces, config, seed=0, device=CPU).merge()
    if refused:
        return refused
    return f"{metrics.generated_kernel_count} kernels beside {counters['inductor']['extern_calls']} matrix products"


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
