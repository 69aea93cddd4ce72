"""Many topological VAEs at once, and the recorded step on a GPU: python -m bench.vae_stacked

The latter is `bench.gpu`, which says so where there is no GPU.
"""

import time

from bench import gpu
from learning.recipes import recipe
from learning.stacked import Member, train_stacked

N_MEMBERS = 16
N_STEPS_CPU = 200


def main(arguments=()):
    from bench.vae import posed  # which runs this at its end

    faces = posed()
    default = recipe("topological-vae").config.with_changes({"n_steps": N_STEPS_CPU, "device": "cpu"})
    cpu_seconds(faces, default.with_changes({"n_steps": 2}), 1)  # what is loaded with the first step
    one, many = (cpu_seconds(faces, default, n) for n in (1, N_MEMBERS))
    print(
        f"default recipe on a CPU, {N_STEPS_CPU} steps: {N_MEMBERS} seeds together cost {many / one:.1f} times one seed"
    )
    gpu.main(["steps", "whole", "stacked"])


def cpu_seconds(faces, config, n: int) -> float:
    """Return the CPU time of the steps of n seeds at once, without what is paid once."""
    spent = []
    for steps in (1, config.training.n_steps):
        members = [Member(config.with_changes({"n_steps": steps, "validate_every": steps}), seed) for seed in range(n)]
        started = time.process_time()
        train_stacked(faces, members)
        spent.append(time.process_time() - started)
    return spent[1] - spent[0]


if __name__ == "__main__":
    main()
