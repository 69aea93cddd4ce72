"""The Celery application. Training runs on queue `gpu`, measuring on `evaluation`, the rest on `default`."""

import os

from celery import Celery

from config import filequeue

filequeue.register()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("semblance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
