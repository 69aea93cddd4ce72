"""What the scheduler does for studies. Rows are the truth: each sweep may be missed, doubled or run late."""

import logging

from celery import shared_task

from annotation.errors import StudyError
from annotation.models import Study
from annotation.recruiters.protocol import RecruiterError
from annotation.services import postings
from annotation.services.assignments import expire_leases
from annotation.services.consensus import SettlingContended, settle_questions
from annotation.services.outbox import deliver_outbox, reconcile
from annotation.services.places import replace_places
from annotation.services.replacement import replace_slots

logger = logging.getLogger(__name__)


@shared_task
def tend_studies():
    """Give back what was left lying, settle what changed, replace what was set aside; one bad study stops no other."""
    expire_leases()
    failed = []
    for study in Study.objects.order_by("pk"):
        try:
            replace_slots(study)
            settle_questions(study)
            replace_places(study)
        except SettlingContended as error:
            logger.info("%s: %s The next sweep settles it.", study.name, error)
        except Exception:
            logger.exception("Study %s could not be tended.", study.name)
            failed.append(study.name)
    if failed:
        raise RuntimeError(f"These studies could not be tended: {', '.join(failed)}.")


@shared_task
def tend_orders():
    """Send the orders that wait, and settle those that nobody knows about by reading the recruiters."""
    outcome = deliver_outbox() + reconcile()
    if outcome:
        logger.info("Orders: %s", ", ".join(f"{n} {state}" for state, n in sorted(outcome.items())))


@shared_task
def collect_submissions():
    """Read who handed in work at the recruiters and order their pay; one bad posting stops no other."""
    failed = []
    for posting in postings.postings_to_collect():
        try:
            postings.collect_submissions(posting)
        except (RecruiterError, StudyError) as error:
            logger.warning("%s could not be read: %s", posting, error)
            failed.append(str(posting))
    if failed:
        raise RuntimeError(f"These postings could not be read: {', '.join(failed)}.")
