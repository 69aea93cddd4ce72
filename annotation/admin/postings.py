"""Recruiting and paying: postings are made by a form that asks for their cost, orders are looked at and settled."""

from decimal import Decimal, InvalidOperation
from hashlib import sha256
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.text import Truncator

from annotation.admin.people import LookedAt, badge
from annotation.errors import StudyError
from annotation.models import Budget, OutboxEntry, Posting, Submission
from annotation.recruiters.protocol import RecruiterError, checked_amount
from annotation.services import outbox, payments, postings
from triplets.counting import counted

#: A sentence that both recruiters take for a rejection, and that is true of those who are left waiting.
NOT_DONE = (
    "This was handed in although the pictures of the study were not answered: we have no completed set of answers "
    "from you. If you believe that this is a mistake, please write to us."
)


def money(amount, currency: str) -> str:
    return f"{amount:,.2f} {currency}".strip()


def short(text: str):
    """One line of a message; the whole of it where the pointer rests."""
    return format_html('<span title="{}">{}</span>', text, Truncator(text).chars(60)) if text else "–"


def attempt(request, done: tuple[str, str], do, rows) -> None:
    """Do something to each row and tell the researcher how many times it was done and what was refused.

    done : what is true of one row then, and of several
    """
    n_done = 0
    for row in rows:
        try:
            do(row)
            n_done += 1
        except (StudyError, RecruiterError) as error:
            messages.error(request, f"{row}: {error}")
    if n_done:
        messages.success(request, f"{counted(n_done, *done)}.")


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    list_display = ["study", "amount", "currency", "committed", "left", "approved_by", "approved_at"]
    list_select_related = ["study", "approved_by"]
    fields = ["study", "amount", "currency"]

    def get_readonly_fields(self, request, obj=None):
        return ["study"] if obj else []

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description="spent or promised")
    def committed(self, budget):
        return money(payments.spending(budget.study).committed, budget.currency)

    @admin.display(description="left")
    def left(self, budget):
        return money(payments.spending(budget.study).left, budget.currency)

    def save_model(self, request, obj, form, change):
        obj.__dict__.update(payments.set_budget(obj.study, obj.amount, obj.currency, request.user).__dict__)


class PostingForm(forms.ModelForm):
    """A posting, and the cost that the researcher has seen and approves."""

    approved_cost = forms.DecimalField(
        required=False,
        max_digits=12,
        decimal_places=2,
        label="I approve a cost of",
        help_text="Leave this empty and save: you are told the cost, fees included, and nothing is published.",
    )

    decision = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    class Meta:
        model = Posting
        fields = (
            "study",
            "recruiter",
            "n_places",
            "reward",
            "batches_per_place",
            "grows_itself",
            "title",
            "description",
            "keywords",
            "minutes",
            "minutes_allowed",
            "days_open",
        )

        labels = {
            "n_places": "places",
            "reward": "pay for one place",
            "minutes": "minutes it usually takes",
            "minutes_allowed": "minutes allowed",
            "days_open": "days open",
            "grows_itself": "grows by itself",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 4, "cols": 60})}

    def clean(self):
        wanted = {name: self.cleaned_data.get(name, getattr(self.instance, name, None)) for name in self.Meta.fields}
        if self.errors:
            return self.cleaned_data
        try:
            cost, left = self._further_cost(wanted)
        except StudyError as error:
            raise ValidationError(str(error)) from error
        if self.cleaned_data.get("approved_cost") != cost and cost:
            currency = left.currency or "no budget"
            self.add_error(
                "approved_cost",
                f"This costs {cost} with all fees; {left.left} of the study's budget of {left.budget} are left "
                f"({currency}). Enter {cost} to approve it.",
            )
        return self.cleaned_data

    def _further_cost(self, wanted: dict) -> tuple[Decimal, payments.Spending]:
        study = wanted["study"]
        if self.instance.pk is None:
            estimate = postings.estimate_posting(study, wanted["recruiter"], wanted["reward"], wanted["n_places"])
            return estimate.cost.total, estimate.spending
        was = Posting.objects.get(pk=self.instance.pk)
        return postings.extension_cost(was, wanted["n_places"]), payments.spending(study)


#: What is told about a posting before what was decided about it.
STANDS = ["state_badge", "whole_message", "places", "cost_shown", "created_at"]


@admin.register(Posting)
class PostingAdmin(admin.ModelAdmin):
    form = PostingForm
    list_display = ["title", "study", "recruiter", "state_badge", "places", "cost_shown", "said"]
    list_filter = ["study", "recruiter", "state"]
    list_select_related = ["study"]
    actions = ["close", "collect"]

    class Media:
        css = {"all": ["triplets/admin.css", "annotation/study.css"]}

    def has_delete_permission(self, request, obj=None):
        return False

    def render_change_form(self, request, context, *args, **kwargs):
        posting = kwargs.get("obj")
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        context["show_save"] = posting is None or posting.state == Posting.State.OPEN
        return super().render_change_form(request, context, *args, **kwargs)

    def get_readonly_fields(self, request, obj=None):
        """Published is published: afterwards only the number of places grows."""
        if obj is None:
            return []
        fixed = [name for name in PostingForm.Meta.fields if name != "n_places" or obj.state != Posting.State.OPEN]
        return [*STANDS, *fixed]

    def get_fields(self, request, obj=None):
        if obj is None:
            return super().get_fields(request, obj)
        growth = ["n_places", "approved_cost"] if obj.state == Posting.State.OPEN else ["n_places"]
        return [*STANDS, *growth, *(name for name in PostingForm.Meta.fields if name != "n_places")]

    @admin.display(description="state", ordering="state")
    def state_badge(self, posting):
        css = {"failed": "void", "pending": "draft"}.get(posting.state, posting.state)
        return badge(css, posting.get_state_display())

    @admin.display(description="handed in / places")
    def places(self, posting):
        n_done = posting.submissions.filter(state__in=["submitted", "approved", "rejected"]).count()
        return f"{n_done} / {posting.n_places}"

    @admin.display(description="message")
    def said(self, posting):
        return short(posting.message)

    @admin.display(description="message")
    def whole_message(self, posting):
        return posting.message

    @admin.display(description="costs at most")
    def cost_shown(self, posting):
        return money(payments.committed_by(posting), posting.currency)

    def save_model(self, request, obj, form, change):
        wanted = {name: value for name, value in form.cleaned_data.items() if name != "approved_cost"}
        if change and "n_places" not in wanted:
            request.refusal = f"{obj} is {obj.get_state_display()}: only an open posting is extended."
            return
        try:
            if change:
                postings.extend_posting(obj, wanted["n_places"])
            else:
                obj.__dict__.update(postings.create_posting(user=request.user, **wanted).__dict__)
        except StudyError as error:  # the budget was spent between the form's question and its answer
            request.refusal = str(error)
            return
        request.refusal = ""

    def log_addition(self, request, obj, message):
        return super().log_addition(request, obj, message) if obj.pk else None

    def _after(self, request):
        if request.refusal:
            messages.error(request, request.refusal)
        else:
            messages.success(request, "The order is written. It is sent within a minute.")
        return redirect("admin:annotation_posting_changelist")

    def response_add(self, request, obj, post_url_continue=None):
        return self._after(request)

    def response_change(self, request, obj):
        return self._after(request)

    @admin.action(description="Close: let nobody new in", permissions=["change"])
    def close(self, request, rows):
        done = ("posting is being closed", "postings are being closed")
        attempt(request, done, postings.close_posting, rows.select_related("study"))

    @admin.action(description="Read who handed in, and pay who did the work", permissions=["change"])
    def collect(self, request, rows):
        done = ("posting was read", "postings were read")
        attempt(request, done, postings.collect_submissions, rows.select_related("study"))


class BonusForm(ActionForm):
    """The bar above the list of submissions, with what a bonus needs. Read by the action that pays one."""

    bonus = forms.CharField(required=False, label="bonus for each", widget=forms.TextInput(attrs={"size": 6}))
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"size": 30, "placeholder": "shown to the person; each reason pays once"}),
    )


@admin.register(Submission)
class SubmissionAdmin(LookedAt):
    list_display = ["id", "annotator", "posting", "state_badge", "is_done", "n_answers", "submitted_at"]
    list_filter = ["state", "posting__study", "posting"]
    list_select_related = ["annotator", "posting", "participation"]
    search_fields = ["annotator__code"]
    fields = ["annotator", "posting", "state", "finished_at", "entered_at", "submitted_at"]
    action_form = BonusForm
    actions = ["approve", "reject", "bonus"]

    @admin.display(description="state", ordering="state")
    def state_badge(self, submission):
        css = {"approved": "done", "submitted": "active"}.get(submission.state, "draft")
        return badge(css, submission.get_state_display())

    @admin.display(description="did the work", boolean=True)
    def is_done(self, submission):
        return submission.finished_at is not None

    @admin.display(description="answers in the study")
    def n_answers(self, submission):
        return submission.participation.n_responses if submission.participation else 0

    def has_decide_permission(self, request):
        return request.user.has_perm("annotation.change_submission")

    @admin.action(description="Pay", permissions=["decide"])
    def approve(self, request, rows):
        attempt(request, ("submission will be paid", "submissions will be paid"), payments.approve_submission, rows)

    @admin.action(description="Refuse to pay: handed in without answering", permissions=["decide"])
    def reject(self, request, rows):
        undone = rows.filter(finished_at=None)
        if n_done := rows.count() - undone.count():
            people = counted(n_done, "person did the work and is", "people did their work and are")
            messages.error(request, f"{people} paid for it, however accurate it was.")
        done = ("submission is refused", "submissions are refused")
        attempt(request, done, lambda row: payments.reject_submission(row, NOT_DONE), undone)

    @admin.action(description="Pay a bonus: amount and reason beside", permissions=["decide"])
    def bonus(self, request, rows):
        """The reason names the bonus: who presses again, after a crash too, pays nobody twice."""
        reason, text = request.POST.get("reason", "").strip(), request.POST.get("bonus", "").strip()
        try:
            amount = checked_amount(Decimal(text), "bonus")
        except (ValueError, InvalidOperation):
            messages.error(request, f"bonus {text!r}: expected a positive amount with at most two decimals.")
            return
        name = sha256(reason.lower().encode()).hexdigest()[:16]
        done = ("bonus is ordered", "bonuses are ordered")
        attempt(request, done, lambda row: payments.pay_bonus(row, amount, reason, name), rows)


@admin.register(OutboxEntry)
class OutboxEntryAdmin(LookedAt):
    list_display = ["key", "kind", "posting", "state_badge", "cost", "said", "settled_at"]
    list_filter = ["state", "kind", "posting__study"]
    list_select_related = ["posting"]
    search_fields = ["key"]
    exclude = ["token"]
    actions = ["again", "happened", "not_happened"]

    @admin.display(description="state", ordering="state")
    def state_badge(self, entry):
        css = {"confirmed": "done", "failed": "void", "unknown": "active"}.get(entry.state, "draft")
        return format_html('<span title="{}">{}</span>', entry.get_state_display(), badge(css, entry.state))

    @admin.display(description="message")
    def said(self, entry):
        return short(entry.message)

    def has_settle_permission(self, request):
        return request.user.has_perm("annotation.change_outboxentry")

    @admin.action(description="Order again what has failed", permissions=["settle"])
    def again(self, request, rows):
        attempt(request, ("order waits to be sent", "orders wait to be sent"), payments.order_again, rows)

    @admin.action(description="Unknown: I saw at the recruiter that it has happened", permissions=["settle"])
    def happened(self, request, rows):
        done = ("order is confirmed", "orders are confirmed")
        attempt(request, done, lambda row: outbox.resolve_order(row, True), rows)

    @admin.action(description="Unknown: I saw at the recruiter that it has not happened", permissions=["settle"])
    def not_happened(self, request, rows):
        attempt(request, ("order has failed", "orders have failed"), lambda row: outbox.resolve_order(row, False), rows)
