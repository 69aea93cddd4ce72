"""Errands: what takes too long for a request, done by a worker while a page shows how far it is.

Each kind of errand is done by a function that is registered here, `do(errand, files, tell, finish)`:

files : {role: path} of what was uploaded, on this machine
tell(doing, n_done, n_all) : says how far it is, and ends the work (LeaseLost) where another worker has it by now;
    `at_once` before a long transaction, in which SQLite lets nothing be written beside
finish(message, **fields) : writes the outcome and gives the row back; within the transaction of the work where it
    has one, so that both are there or neither. A message is one line of words; `release` or `collection` may be added.

What it raises as ValueError is a sentence for the researcher.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from triplets.heartbeat import Heartbeat, Order
from triplets.models import Errand
from triplets.services import leases
from triplets.services.leases import LeaseLost

HEARTBEAT_SECONDS = 0.5
#: While an import of judgements holds its transaction nobody can write to SQLite, its own heartbeat neither; nobody
#: can take the errand away then, so silence is no reason to give up. `finish` within the transaction decides.
PATIENCE_SECONDS = 3600
LONGEST_MESSAGE = 20_000  # characters
N_QUOTED = 100
ADVICE = "Usually the machine ran out of memory: look at the worker's log, free memory, then ask for it again."
_doers: dict[str, Callable] = {}
_queues: dict[str, str] = {}


def does(kind: str, queue: str = "default"):
    """Register the decorated function as what does errands of this kind, by the workers of this queue."""

    def register(do: Callable) -> Callable:
        _doers[kind], _queues[kind] = do, queue
        return do

    return register


def queue_of(errand: Errand) -> str:
    return _queues[errand.kind]


def create_errand(kind: str, uploads: Mapping[str, File] | None = None, **fields) -> Errand:
    """Keep what was uploaded and create a queued errand; the caller schedules it: `do_errand.delay_on_commit(pk)`.

    uploads : {role: file}. A release of a study that is being frozen already is returned instead of a second one.
    """
    files = {role: _keep(file) for role, file in (uploads or {}).items() if file}
    try:
        with transaction.atomic():
            return Errand.objects.create(kind=kind, files=files, enqueued_at=timezone.now(), **fields)
    except IntegrityError:
        _forget(files)
        is_open = {"status__in": [Errand.Status.QUEUED, Errand.Status.RUNNING]}
        found = Errand.objects.filter(kind=kind, question_set=fields.get("question_set"), **is_open).first()
        if found is None:
            raise
        return found
    except BaseException:
        _forget(files)
        raise


def do_errand(pk: int) -> str | None:
    """Do a queued errand and return how it ended; None where there was nothing to do."""
    lease = leases.claim(Errand, pk, patience_seconds=PATIENCE_SECONDS)
    if lease is None:
        return None
    errand = Errand.objects.select_related("question_set", "created_by").get(pk=pk)

    def finish(message: str, **fields) -> None:
        outcome = {"status": Errand.Status.FINISHED, "message": message, "finished_at": timezone.now(), "n_losses": 0}
        if not lease.close(**outcome, **fields):
            raise LeaseLost

    def write(told) -> Order:
        return lease.renew(**(told or {}))

    def work() -> None:
        with (
            _at_hand(errand.files) as files,
            Heartbeat(write, every_seconds=HEARTBEAT_SECONDS, is_aside=True) as heart,
        ):

            def tell(doing: str, n_done: int = 0, n_all: int = 0, at_once: bool = False) -> None:
                told = {"doing": doing, "n_done": n_done, "n_all": n_all}
                (heart.beat_now if at_once else heart.report)(told)
                if heart.order is Order.LOST:
                    raise LeaseLost

            _doers[errand.kind](errand, files, tell, finish)

    ended = leases.work_under(lease, work, _explain)
    if ended is not None:
        _clear(errand)
    return ended


def with_lines(summary: str, lines: Sequence[str]) -> str:
    """Return a refusal and what is wrong, a line each: the first hundred; the commands print them all."""
    n_more = len(lines) - N_QUOTED
    return "\n".join([summary, *lines[:N_QUOTED], *([f"and {n_more:,} more"] if n_more > 0 else [])])


def sweep_errands() -> list[Errand]:
    """Return the errands to send again; forget uploads that a lost worker has left."""
    over = Errand.objects.filter(status__in=[Errand.Status.FINISHED, Errand.Status.FAILED]).exclude(files={})
    for errand in over:
        _clear(errand)
    leases.queue_lost_again(Errand, settings.RUN_LEASE_SECONDS, ADVICE)
    return list(Errand.objects.filter(pk__in=leases.take_due(Errand, timedelta(minutes=1))).order_by("pk"))


# Details ----------------------------------------------------------------------------------------


def _keep(file: File) -> str:
    """Store an upload under a name that nobody can guess; the one that it came with is not used for anything."""
    return default_storage.save(f"errands/{secrets.token_hex(16)}", file)


def _clear(errand: Errand) -> None:
    _forget(errand.files)
    Errand.objects.filter(pk=errand.pk).update(files={})


def _forget(files: Mapping[str, str]) -> None:
    for name in files.values():
        default_storage.delete(name)


@contextmanager
def _at_hand(files: Mapping[str, str]):
    """Copy what was uploaded to this machine, beside the files, for as long as the work takes."""
    with tempfile.TemporaryDirectory(prefix="errand-", dir=settings.VAR_DIR) as folder:
        here = {role: Path(folder) / role for role in files}
        for role, name in files.items():
            with default_storage.open(name) as stored, open(here[role], "wb") as copy:
                shutil.copyfileobj(stored, copy, 1 << 20)
        yield here


def _explain(error: Exception) -> str:
    text = str(error).strip() or "no message"
    text = text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} … and so on."
