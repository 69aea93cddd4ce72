"""All figures of one GPU in one command, below ten minutes: python -m bench.gpu [PART ...] [--json FILE]

steps         microseconds a step of the published topological VAE: naive, recorded, compiled, float32 and tf32
equal         what those end with after some hundred steps, beside the naive loop
whole         the published 100,000 iterations, validations and checkpoints included (target below 20 s)
stacked       16 seeds of one shape together, published and default recipe (target below 2 times one)
pictures      training of a network of pictures in bfloat16 and float32, and how much of it waits for pictures
explanations  Grad-CAM and LRP of 1,000 pictures beside forward and backward alone (Grad-CAM's target .8)
launched      nccl in a world of one, and a training started by torchrun beside the same without it
trials        a step with settings of torch.compile that the program does not use, to see whether it should

Every part is a process of its own with a time of its own: one that fails or hangs loses no other. Each prints as it
goes; FILE has every figure so far as JSON. `--device cpu --tiny` runs all of it on any machine in some minutes, to
see that it runs: its figures mean nothing. Needs no Django and no database; LRP needs zennit.
"""

from bench.gpu.session import main

__all__ = ["main"]
