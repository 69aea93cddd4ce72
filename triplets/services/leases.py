"""A worker's right to write a row that another worker may have taken since.

The rows (`Run`, `Evaluation`, `Errand`) are the truth, a broker only wakes a worker: it may forget a task or bring it
twice. Each row says where it stands (`status`), who holds it (`lease_token`), when that was last heard of
(`heartbeat_at`) and when the broker was last told (`enqueued_at`).
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.models import F, Q
from django.utils import timezone

from triplets.heartbeat import Order

log = logging.getLogger(__name__)
MAX_LOSSES = 3


class LeaseLost(Exception):
    """the work was given to another worker while this one was silent"""


class Lease:
    """Conditional updates of one row that carry the token of this claim.

    A worker that was thought dead and comes back finds no row with its token and writes nothing.
    patience_seconds : a database that is silent for longer counts as the lease lost; None: RUN_LEASE_SECONDS.
    """

    def __init__(self, model, pk: int, token: str, patience_seconds: float | None = None):
        self.model, self.pk, self.token, self._patience = model, pk, token, patience_seconds
        self._owner, self._connection = threading.get_ident(), connections[DEFAULT_DB_ALIAS]
        self._is_unseen = self._connection.in_atomic_block
        self._renewed_at = time.monotonic()

    def rows(self):
        return self.model.objects.filter(pk=self.pk, lease_token=self.token, status__in=["running", "stopping"])

    def renew(self, **fields) -> Order:
        """Write the heartbeat with `fields` and return the order that stands in the row.

        A database that does not answer for a moment must not end hours of training, so errors of
        operation are passed over until the lease itself would have run out.
        """
        if threading.get_ident() != self._owner and self._is_out_of_reach():
            return Order.GO
        try:
            if not self.rows().update(heartbeat_at=timezone.now(), **fields):
                return Order.LOST
            status = self.rows().values_list("status", flat=True).first()
        except OperationalError:
            silent = time.monotonic() - self._renewed_at
            log.warning("%s %s: no heartbeat for %.0f s", self.model.__name__, self.pk, silent, exc_info=True)
            connection.close()
            patience = settings.RUN_LEASE_SECONDS if self._patience is None else self._patience
            return Order.LOST if silent > patience else Order.GO
        finally:
            if threading.get_ident() != self._owner:
                connection.close()  # connections belong to threads, and the heartbeat's thread ends with the work
        self._renewed_at = time.monotonic()
        if status is None:
            return Order.LOST
        return Order.STOP if status == "stopping" else Order.GO

    def _is_out_of_reach(self) -> bool:
        """Return whether a second connection would wait in vain for the owner's transaction, or see no claim yet.

        SQLite has one writer: while it is the owner, nobody else can write, nor take the row from it. Whoever waited
        for it here would keep the owner waiting too, as the two never write at once.
        """
        return self._connection.in_atomic_block and (self._is_unseen or self._connection.vendor == "sqlite")

    def close(self, **fields) -> bool:
        """Write the outcome and give the lease back. False: it was lost, and nothing was written."""
        return self.rows().update(lease_token="", heartbeat_at=timezone.now(), **fields) == 1


def claim(model, pk: int, patience_seconds: float | None = None) -> Lease | None:
    """Take a queued row and return the lease on it; None when it is held by another worker, over, or gone."""
    token = secrets.token_hex(16)
    held = {"status": "running", "lease_token": token, "heartbeat_at": timezone.now(), "message": ""}
    if model.objects.filter(pk=pk, status="queued").update(**held):
        return Lease(model, pk, token, patience_seconds)
    log.info("%s %s is held by another worker, over, or gone: nothing to do", model.__name__, pk)
    return None


def work_under(lease: Lease, work: Callable[[], None], explain: Callable[[Exception], str]) -> str | None:
    """Do the work, which closes the lease itself when it is done, and return how it ended.

    "failed": it raised, and the row says `explain(error)`. None: another worker has the row, nothing was written. A
    database that is away is raised, since nothing can be written then; a worker that is told to end queues the row
    again.
    """
    what = f"{lease.model.__name__} {lease.pk}"
    try:
        work()
        return "finished"
    except LeaseLost:
        log.warning("%s was given to another worker; this one writes nothing", what)
        return None
    except OperationalError:
        raise
    except Exception as error:
        log.exception("%s failed", what)
        is_held = lease.close(status="failed", message=explain(error), finished_at=timezone.now())
        return "failed" if is_held else None
    except BaseException:
        lease.close(status="queued", enqueued_at=None)
        raise


def queue_lost_again(model, silence_seconds: float, advice: str) -> None:
    """Free the rows whose worker has been silent for so long; after MAX_LOSSES in a row they fail with the advice."""
    now = timezone.now()
    silent = model.objects.filter(status="running", heartbeat_at__lt=now - timedelta(seconds=silence_seconds))
    for lost in silent.only("lease_token", "heartbeat_at", "n_losses"):
        row = model.objects.filter(pk=lost.pk, lease_token=lost.lease_token, heartbeat_at=lost.heartbeat_at)
        freed = {"lease_token": "", "n_losses": F("n_losses") + 1}
        if lost.n_losses + 1 >= MAX_LOSSES:
            message = f"{MAX_LOSSES} workers in a row were lost. {advice}"
            row.update(**freed, status="failed", message=message, finished_at=now)
        else:
            row.update(**freed, status="queued", enqueued_at=None)


def take_due(model, patience: timedelta) -> list[int]:
    """Return the keys of queued rows of which the broker was told nothing, or too long ago, and note that it is now."""
    now = timezone.now()
    waiting = model.objects.filter(Q(enqueued_at=None) | Q(enqueued_at__lt=now - patience), status="queued")
    pks = list(waiting.order_by("pk").values_list("pk", flat=True))
    model.objects.filter(pk__in=pks).update(enqueued_at=now)
    return pks
