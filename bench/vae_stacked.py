"""Many topological VAEs at once, and the recorded step on a GPU: python -m bench.vae_stacked

Says what it did not measure where there is no GPU.
"""

import tempfile
import time
from pathlib import Path

import torch

from learning.recipes import recipe
from learning.stacked import Member, train_stacked
from learning.training import train_release

N_MEMBERS = 16
N_STEPS_CPU = 200
N_STEPS_NAIVE = 2_000


def main(arguments=()):
    from bench.vae import PUBLISHED, posed  # which runs this at its end

    faces = posed()
    default = recipe("topological-vae").config.with_changes({"n_steps": N_STEPS_CPU, "device": "cpu"})
    cpu_seconds(faces, default.with_changes({"n_steps": 2}), 1)  # what is loaded with the first step
    one, many = (cpu_seconds(faces, default, n) for n in (1, N_MEMBERS))
    print(
        f"default recipe on a CPU, {N_STEPS_CPU} steps: {N_MEMBERS} seeds together cost {many / one:.1f} times one seed"
    )
    if not torch.cuda.is_available():
        print("no GPU: not measured are the published 100,000 iterations with a recorded step (target below 20 s), the "
              f"naive loop beside it, and {N_MEMBERS} seeds together (target below 2 times one)")  # fmt: skip
        return
    published = recipe(PUBLISHED).config.with_changes({"device": "cuda"})
    short = published.with_changes({"n_steps": N_STEPS_NAIVE})
    naive = gpu_seconds(lambda: alone(faces, short)) * published.training.n_steps / N_STEPS_NAIVE
    name = torch.cuda.get_device_name()
    print(f"{name}: published recipe, naive loop, {naive:.1f} s for 100,000 (from {N_STEPS_NAIVE} iterations)")
    found = []
    for n in (1, N_MEMBERS):
        members = [Member(published, seed) for seed in range(n)]
        seconds = gpu_seconds(lambda members=members: found.append(train_stacked(faces, members, draws="together")))
        satisfied = [result.metrics["satisfied_test"] for result in found[-1]]
        print(f"{name}: recorded step, {n} at once, 100,000 iterations: {seconds:.1f} s, satisfied "
              f"{min(satisfied):.3f} to {max(satisfied):.3f}")  # fmt: skip


def cpu_seconds(faces, config, n: int) -> float:
    """Return the CPU time of the steps of n seeds at once, without what is paid once."""
    spent = []
    for steps in (1, config.training.n_steps):
        members = [Member(config.with_changes({"n_steps": steps, "validate_every": steps}), seed) for seed in range(n)]
        started = time.process_time()
        train_stacked(faces, members)
        spent.append(time.process_time() - started)
    return spent[1] - spent[0]


def gpu_seconds(run) -> float:
    torch.cuda.synchronize()
    started = time.monotonic()
    run()
    torch.cuda.synchronize()
    return time.monotonic() - started


def alone(faces, config):
    with tempfile.TemporaryDirectory() as folder:
        train_release(faces, config, seed=0, out=Path(folder))


if __name__ == "__main__":
    main()
