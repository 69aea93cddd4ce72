"""One training shared by several processes, each on a device of its own, started by torch's own launcher.

    torchrun --nproc-per-node 2 -m learning RELEASE --recipe NAME --out DIR

Every process draws the same batch with the same random numbers and computes a share of its rows; the outputs are
put together and every process sees the loss of the whole batch. So any loss is the same as in one process, whatever
it divides by, and nothing about a recipe depends on how many processes there are. Only dropout and batch
normalisation, which look at the rows of one process, differ; on GPUs batch normalisation is synchronised.

Only the first process validates, decides and writes.
"""

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

#: The first process may validate or write for so long while the others wait.
_PATIENCE = timedelta(hours=2)


class ProcessesUnusable(ValueError):
    """What was asked for cannot be shared by several processes; the message says what can."""


class Share:
    """The part of the work that one process does. Alone, every method is the plain thing.

    rank : 0 is the first; size : how many processes
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def rows(self, n: int) -> slice:
        """Return which of n rows are this process's: consecutive ones, as many as any other has or one more.

        >>> [Share(rank, 3).rows(8) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        """
        return _rows(n, self.rank, self.size)

    def gathered(self, own: Tensor, n: int, dim: int = 0) -> Tensor:
        """Return the rows of all processes in order, n along `dim`, from those that `rows(n)` names.

        Gradients reach the rows of every process: those of `own` are the sum over processes.
        """
        return own if self.size == 1 else _Gather.apply(own, n, dim, self)

    def mapped(self, function: Callable, *tensors: Tensor | None, dim: int = 0, to: int | None = None):
        """Return function(*tensors), each process computing its share of the rows.

        tensors : n rows along `dim`; None is passed on. The function returns a tensor with its rows along `to`, by
        default `dim` as well, or a tuple of such.
        """
        if self.size == 1:
            return function(*tensors)
        n = next(tensor for tensor in tensors if tensor is not None).shape[dim]
        to = dim if to is None else to
        mine = self.rows(n)
        own = [None if t is None else t.narrow(dim, mine.start, mine.stop - mine.start) for t in tensors]
        found = function(*own)
        if isinstance(found, tuple):
            return tuple(self.gathered(part, n, to) for part in found)
        return self.gathered(found, n, to)

    @torch.no_grad()
    def average(self, parameters: list[nn.Parameter]) -> None:
        """Give every process the mean of all gradients, in one exchange."""
        if self.size == 1:
            return
        found = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in found])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, averaged in zip(found, flat.split([g.numel() for g in found]), strict=True):
            gradient.copy_(averaged.view_as(gradient))

    @torch.no_grad()
    def same(self, network: nn.Module) -> nn.Module:
        """Return the network with the weights and buffers of the first process, batch normalised over all on GPUs."""
        if self.size == 1:
            return network
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, src=0)
        is_cuda = any(parameter.is_cuda for parameter in network.parameters())
        return nn.SyncBatchNorm.convert_sync_batchnorm(network) if is_cuda else network

    def told(self, function: Callable):
        """Return what the function returns in the first process, the only one that calls it.

        What it raises is raised in every process, so that none waits for one that has ended.
        """
        if self.size == 1:
            return function()
        said: list = [None, None]
        if self.is_first:
            try:
                said[0] = function()
            except Exception as error:  # told to the others, then raised
                said[1] = error
        dist.broadcast_object_list(said, src=0)
        if said[1] is not None:
            raise said[1]
        return said[0]


class Stopping:
    """Whether to stop: asked alone at every step, together by the first process, about twice a second.

    What the first one hears is an exchange that all wait for, as long as a step of a small network takes, so it is
    not made at every step but after as many as fit into half a second, which the first process decides as well.
    """

    _SECONDS = 0.5

    def __init__(self, share: Share, should_stop: Callable[[], bool] | None):
        self.share, self.should_stop = share, should_stop
        self.n_steps, self.left, self.asked_at = 1, 0, math.nan

    def __call__(self) -> bool:
        if self.should_stop is None:
            return False
        if self.share.size == 1:
            return self.should_stop()
        if self.left > 0:
            self.left -= 1
            return False
        is_over, self.n_steps = self.share.told(self._asked)
        self.left = self.n_steps - 1
        return is_over

    def _asked(self) -> tuple[bool, int]:
        """Return whether to stop, and after how many steps to ask again: at most twice as many as before."""
        before, self.asked_at = self.asked_at, time.monotonic()
        if math.isnan(before):
            return self.should_stop(), 1
        of_a_step = max(1e-6, (self.asked_at - before) / self.n_steps)
        return self.should_stop(), max(1, min(2 * self.n_steps, int(self._SECONDS / of_a_step)))


def _rows(n: int, rank: int, size: int) -> slice:
    each, more = divmod(n, size)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))


class _Gather(torch.autograd.Function):
    """All processes' rows; backward, the sum over processes of what each says about our rows."""

    @staticmethod
    def forward(ctx, own, n, dim, share):
        ctx.n, ctx.dim, ctx.share = n, dim, share
        each = -(-n // share.size)
        rows = own.movedim(dim, 0)
        padded = rows.new_zeros(each, *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(share.size)]
        dist.all_gather(parts, padded.contiguous())
        counts = [_rows(n, rank, share.size) for rank in range(share.size)]
        cut = [part[: rows.stop - rows.start] for part, rows in zip(parts, counts, strict=True)]
        return torch.cat(cut).movedim(0, dim)

    @staticmethod
    def backward(ctx, gradient):
        summed = gradient.contiguous()
        dist.all_reduce(summed)
        mine = ctx.share.rows(ctx.n)
        return summed.narrow(ctx.dim, mine.start, mine.stop - mine.start), None, None, None


ALONE = Share()


def is_launched() -> bool:
    """Return whether torch's launcher started this process together with others."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: str):
    """Join the processes that the launcher started; yield (share, device name of this process).

    device : "auto", "cpu" or "cuda". ProcessesUnusable for one certain device, which several cannot share.
    """
    if not is_launched():
        yield ALONE, device
        return
    if device not in ("auto", "cpu", "cuda"):
        raise ProcessesUnusable(
            f"training.device is {device!r} with {os.environ['WORLD_SIZE']} processes: expected auto, cpu or cuda, "
            "and each process takes the device of its own number"
        )
    is_cuda = device != "cpu" and torch.cuda.is_available()
    if is_cuda:
        local, n_devices = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= n_devices:
            raise ProcessesUnusable(
                f"process {local} of this machine has no GPU of its own: "
                f"expected --nproc-per-node of at most {n_devices}"
            )
        device = f"cuda:{local}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if is_cuda else "gloo", timeout=_PATIENCE)
    try:
        yield Share(dist.get_rank(), dist.get_world_size()), device
        dist.barrier()  # who leaves while another still exchanges may take its connections down with it
    finally:
        dist.destroy_process_group()


def end(status: int) -> NoReturn:
    """End this process. One of several that the launcher started ends at once, its files and its output written.

    gloo's threads may still hold tensors when the interpreter takes itself down, and abort the process then; the
    launcher would report a training as failed that is done (torch 2.13, github.com/pytorch/pytorch/pull/179291).
    """
    if is_launched():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
