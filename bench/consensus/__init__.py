"""How right the consensus methods are, and what a million labels cost: python -m bench consensus

1. Three real sets of crowd labels with truth (skipped where ../shared/data is absent).
2. The same sets with votes, people or questions taken away, and simulated crowds: how `auto` compares with the
   majority, and how often it loses more than .01, or that and more than one question (of 60 questions one is .017).
   No constant was tuned on these seeds.
3. `python -m annotation` on a million generated rows: seconds and peak memory of the process.
"""

from bench.consensus.measuring import main

__all__ = ["main"]
