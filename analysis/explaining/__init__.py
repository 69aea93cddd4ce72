"""Why the network says so: heat maps with the figures that tell how far to trust them, for every kind of network."""

from analysis.explaining.amount import TERAFLOPS
from analysis.explaining.results import explanations

__all__ = ["TERAFLOPS", "explanations"]
