"""The Celery application. Training runs on queue `gpu`, measuring on `evaluation`, the rest on `default`."""

import logging
import os

from celery import Celery
from celery.exceptions import Reject

from config import filequeue

filequeue.register()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("semblance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def without_trace(record: logging.LogRecord) -> bool:
    """Celery prints a rejected message with a traceback, although it only goes back to the broker (Ctrl-C, mostly)."""
    if record.exc_info and isinstance(record.exc_info[1], Reject):
        record.exc_info = None
    return True


logging.getLogger("celery.app.trace").addFilter(without_trace)
