"""As many pictures at once as the device's memory allows."""

from collections.abc import Callable
from typing import Any

import torch


class AtOnce:
    """Computes pictures in pieces of at most n, and of half as many from the moment that memory runs out."""

    def __init__(self, n: int):
        self.n = n

    def pieces(self, total: int, run: Callable[[slice], Any]) -> list:
        """Return run(piece) of consecutive pieces of `total` pictures. RuntimeError where memory is out with one."""
        found, start = [], 0
        while start < total:
            piece = slice(start, min(start + self.n, total))
            # Behind the handler, when nothing holds what was computed so far any longer.
            if (result := self._tried(run, piece)) is None:
                self.n = (piece.stop - piece.start) // 2
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                continue
            found.append(result)
            start = piece.stop
        return found

    def _tried(self, run, piece: slice):
        try:
            return run(piece)
        except torch.OutOfMemoryError as error:
            if piece.stop - piece.start == 1:
                raise RuntimeError(
                    "the device's memory runs out with a single picture: choose --device cpu, or end what else uses it "
                    f"({str(error).splitlines()[0]})"
                ) from error
            return None
