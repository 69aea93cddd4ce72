"""What a worker does for researchers, on queue `default`. A task that comes twice does nothing."""

from celery import shared_task

from triplets.services import errands


@shared_task
def do_errand(errand_pk):
    errands.do_errand(errand_pk)


@shared_task
def sweep_errands():
    for errand_pk in errands.sweep_errands():
        do_errand.delay(errand_pk)
