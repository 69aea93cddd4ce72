"""What a worker does for researchers, on the queue of each kind of errand. A task that comes twice does nothing."""

from celery import shared_task

from triplets.services import errands


@shared_task
def do_errand(errand_pk):
    errands.do_errand(errand_pk)


@shared_task
def sweep_errands():
    for errand in errands.sweep_errands():
        do_errand.apply_async([errand.pk], queue=errands.queue_of(errand))
