"""Bringing what takes many runs on by a step: searches and whole studies, whose next step follows from their runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import OperationalError, transaction

log = logging.getLogger(__name__)


@dataclass
class Due:
    """What the caller schedules: keys of runs to be trained, and of the best runs of searches that have ended."""

    runs: list[int] = field(default_factory=list)
    best: list[int] = field(default_factory=list)


def advance_each(model, advance: Callable[..., None]) -> Due:
    """Bring every open row of a model one step on, by `advance(row, due)` under its lock; a bad one stops no other."""
    due = Due()
    for pk in model.objects.filter(status=model.Status.OPEN).order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                row = model.objects.select_for_update().filter(pk=pk, status=model.Status.OPEN).first()
                if row is not None:
                    advance(row, due)
        except OperationalError:
            raise
        except Exception as error:  # such as a recipe that a newer version no longer has
            log.exception("%s %s could not be tended", model.__name__, pk)
            model.objects.filter(pk=pk).update(message=f"{type(error).__name__}: {error} This is tried again.")
    return due
