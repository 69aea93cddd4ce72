"""The rehearsal itself, inside the copy: publish, let people work and hand in, pay, replace, settle, until done."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count

from annotation import crowd
from annotation.models import OutboxEntry, Participation, Posting, Slot, Study, Submission
from annotation.recruiters import simulated
from annotation.services import payments, postings
from annotation.services.consensus import settle_questions
from annotation.services.outbox import deliver_outbox
from annotation.services.places import replace_places
from annotation.services.postings import create_posting, extend_posting
from annotation.services.recruiters import recruiter_for
from annotation.services.replacement import replace_slots, slot_cap
from annotation.services.studies import open_study
from config.rehearsal.marketplaces import Marketplace, Pass
from config.rehearsal.perception import Perception
from config.rehearsal.plan import Plan, RehearsalFailed

MOST_WAVES = 40
AMPLE = 10  # times the price of all slots there may ever be: nothing is refused for want of money


@dataclass(frozen=True)
class Visitor:
    """A simulated person with their place. wave : 0 for those who came first."""

    model: crowd.AnnotatorModel
    taken: Pass
    posting: int
    n_batches: int
    wave: int


@dataclass
class Rehearsal:
    """What happened. ended : why it did, as one sentence."""

    study: Study
    plan: Plan
    visitors: list[Visitor] = field(default_factory=list)
    n_unfinished: int = 0
    n_waves: int = 0
    ended: str = ""


class Director:
    """Runs one rehearsal against a site that answers and a marketplace that is there."""

    def __init__(self, plan: Plan, market: Marketplace, perception: Perception, n_threads: int = 4,
                 progress: Callable[[int], None] | None = None):  # fmt: skip
        self.plan, self.market, self.perception, self.n_threads = plan, market, perception, n_threads
        self.progress = progress or (lambda n: None)
        self.reward = Decimal(plan.reward or 0)
        self._numbers, self._crowd, self._n_saved = count(), [], 0
        self._n_taken: Counter = Counter()

    def run(self) -> Rehearsal:
        study = Study.objects.get(name=self.plan.study)
        open_study(study)
        self._provide_money(study)
        done = Rehearsal(study, self.plan)
        while not done.ended and done.n_waves < MOST_WAVES:
            try:
                self._publish(study, self._n_free(study))
            except payments.BudgetExceeded as error:
                if not done.visitors:
                    raise RehearsalFailed(str(error)) from error
                done.ended = f"The money ran out: {error}"
                break
            if not self._wave(done):
                done.ended = "Nobody could be sent to the places that are open."
                break
            done.n_waves += 1
            done.ended = self._sweep(study)
        done.ended = done.ended or f"Stopped after {MOST_WAVES} rounds of replacement."
        self._finish(study)
        return done

    # Money --------------------------------------------------------------------------------------

    def _provide_money(self, study: Study) -> None:
        recruiter = recruiter_for(study, self.plan.recruiter)
        if not self.reward:
            return
        ample = recruiter.estimate_cost(slot_cap(study) + self.plan.annotators, self.reward).total * AMPLE
        amount = Decimal(self.plan.budget or ample + 1000 * Decimal(self.plan.bonus or 0))
        payments.set_budget(study, amount, recruiter.currency)
        self.market.fund(amount)

    def _publish(self, study: Study, n_free: int) -> None:
        """First a place for everybody, with an equal share of the batches; later, one batch a place, what is left of
        those who found fewer batches than their place pays for. What exclusions cost the site orders by itself."""
        first = Posting.objects.filter(study=study).order_by("pk").first()
        if first is None:
            n_batches = max(1, n_free // self.plan.annotators)
            n_batches = min(n_batches, study.max_batches_per_annotator or n_batches, study.batches.count())
            self._post(study, min(self.plan.annotators, n_free // n_batches), n_batches)
        elif n_free := n_free - self._n_open_places(study):
            single = Posting.objects.filter(study=study, batches_per_place=1, state=Posting.State.OPEN).first()
            if single is None:
                self._post(study, n_free, 1)
            else:
                extend_posting(single, single.n_places + n_free)
        _deliver()
        failed = OutboxEntry.objects.filter(posting__study=study, state=OutboxEntry.State.FAILED).first()
        if failed is not None:
            raise RehearsalFailed(f"The local {self.plan.recruiter} refused to {failed.kind}: {failed.message}")

    def _n_open_places(self, study: Study) -> int:
        open_there = Posting.objects.filter(study=study, state=Posting.State.OPEN)
        return min(self._n_free(study), sum(each.n_places - self._n_taken[each.pk] for each in open_there))

    @staticmethod
    def _n_free(study: Study) -> int:
        return Slot.objects.filter(study=study, state=Slot.State.FREE).count()

    def _post(self, study: Study, n_places: int, n_batches: int) -> None:
        create_posting(
            study, self.plan.recruiter, self.reward * n_batches, n_places, study.title or study.name, "A rehearsal.",
            batches_per_place=n_batches,
        )  # fmt: skip

    # People -------------------------------------------------------------------------------------

    def _model(self) -> tuple[crowd.AnnotatorModel, int]:
        """Return the next person and their number: first the crowd with its exact shares, then more of the same mix."""
        number = next(self._numbers)
        while len(self._crowd) <= number:
            n = self.plan.annotators if not self._crowd else 100
            self._crowd += crowd.sample_crowd(n, self.plan.mix, self.plan.seed + len(self._crowd))
        return self._crowd[number], number

    def _wave(self, done: Rehearsal) -> int:
        """Fill every open place with somebody new, let them work, and hand in; return how many came."""
        came = []
        for posting in Posting.objects.filter(study=done.study, state=Posting.State.OPEN).order_by("pk"):
            for _ in range(posting.n_places - self._n_taken[posting.pk]):
                model, number = self._model()
                taken = self.market.accept(done.study, posting, self.market.person(number))
                self._n_taken[posting.pk] += 1
                came.append((number, Visitor(model, taken, posting.pk, posting.batches_per_place, done.n_waves)))
        entries = {visitor.taken.person: visitor.taken.entry_url for _, visitor in came}
        visits = simulated.answer_study(
            lambda person: entries[person.name],
            [
                simulated.SimulatedAnnotator(
                    visitor.model, visitor.taken.person, visitor.n_batches, seed=self.plan.seed * 100_003 + number
                )
                for number, visitor in came
            ],
            self.perception.judge,
            n_threads=self.n_threads,
            progress=lambda n, before=self._n_saved: self.progress(before + n),
        )
        self._n_saved += sum(visit.n_responses for visit in visits)
        for _, visitor in came:
            done.n_unfinished += not self.market.hand_in(visitor.taken)
            done.visitors.append(visitor)
        return len(came)

    # What the scheduler does --------------------------------------------------------------------

    def _sweep(self, study: Study) -> str:
        """Collect, pay, exclude and replace, as the scheduler does every minute; say why it is over, if it is."""
        self._collect(study)
        decision = replace_slots(study)
        settle_questions(study)
        replace_places(study)
        _deliver()
        n_open = Slot.objects.filter(study=study, state__in=[Slot.State.FREE, Slot.State.TAKEN]).count()
        if n_open:
            return ""
        if decision.needed > decision.n_created:
            return f"The cap was reached: {decision.reason}"
        return "Every batch has as many good answers as wanted."

    def _collect(self, study: Study) -> None:
        for posting in postings.postings_to_collect().filter(study=study):
            postings.collect_submissions(posting)
        _deliver()

    def _finish(self, study: Study) -> None:
        for posting in Posting.objects.filter(study=study, state=Posting.State.OPEN):
            postings.close_posting(posting)
        if self.plan.bonus:
            self._pay_bonuses(study)
        self._collect(study)
        settle_questions(study)

    def _pay_bonuses(self, study: Study) -> None:
        kept = Participation.objects.filter(study=study, exclusion="").values("pk")
        paid = Submission.objects.filter(posting__study=study, state=Submission.State.APPROVED, participation__in=kept)
        for submission in paid.order_by("pk"):
            payments.pay_bonus(submission, Decimal(self.plan.bonus), "Thank you for careful work.", "rehearsal")


def _deliver() -> None:
    """Send everything that waits; what the recruiter postponed is not waiting."""
    while deliver_outbox():
        continue
