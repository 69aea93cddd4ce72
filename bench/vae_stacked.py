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

GPU = "cuda"
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
    on_gpu(faces, recipe(PUBLISHED).config)


def on_gpu(faces, published) -> None:
    """Print the two rows of a GPU: the published recipe, recorded and in the naive loop, and many seeds against one."""
    wanted = f"published recipe, {published.training.n_steps:,} iterations"
    if not torch.cuda.is_available():
        print(f"no GPU, so not measured: {wanted}, with a recorded step (target below 20 s) and in the naive loop")
        print(f"no GPU, so not measured: {wanted}, {N_MEMBERS} seeds together against one (target below 2 times one)")
        return
    name, published = torch.cuda.get_device_name(), published.with_changes({"device": GPU})
    naive = published.with_changes({"n_steps": N_STEPS_NAIVE, "recording": "no"})
    alone(faces, naive.with_changes({"n_steps": 10}))  # what is loaded with the first step
    seconds, satisfied = gpu_seconds(lambda: alone(faces, published))
    of_naive, _ = gpu_seconds(lambda: alone(faces, naive))
    of_naive *= published.training.n_steps / N_STEPS_NAIVE
    print(f"{name}: {wanted}: {seconds:.1f} s with a recorded step, validations and checkpoints included, satisfied "
          f"{satisfied:.3f}; naive loop {of_naive:.1f} s (from {N_STEPS_NAIVE:,} of them)")  # fmt: skip
    spent = []
    for n in (1, N_MEMBERS):
        members = [Member(published, seed) for seed in range(n)]
        seconds, results = gpu_seconds(lambda members=members: train_stacked(faces, members, draws="together"))
        spent.append(seconds)
        satisfied = [result.metrics["satisfied_test"] for result in results]
        print(f"{name}: {wanted}: {n} at once {seconds:.1f} s, {seconds / spent[0]:.2f} times one, satisfied "
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


def gpu_seconds(run) -> tuple[float, object]:
    """Return the seconds that something takes on a GPU, until it is done, and what it returns."""
    torch.cuda.synchronize()
    started = time.monotonic()
    found = run()
    torch.cuda.synchronize()
    return time.monotonic() - started, found


def alone(faces, config) -> float:
    """Train as a run does, into a folder; return the satisfied share of test triplets."""
    with tempfile.TemporaryDirectory() as folder:
        return train_release(faces, config, seed=0, out=Path(folder)).satisfied_test


if __name__ == "__main__":
    main()
