"""What every recruiter can do, in one vocabulary, and how it says that something did not work.

A recruiter performs orders. An order says once and for all what is wanted and carries a token that belongs to it alone,
so that performing it twice can be told from two orders. The recruiter keeps no state of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from math import inf
from typing import Protocol

LONGEST_TOKEN = 64
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Offer:
    """What people are offered. reward : for one place, in the recruiter's currency. minutes : what it usually takes."""

    title: str
    description: str
    entry_url: str
    n_places: int
    reward: Decimal
    minutes: int = 10
    minutes_allowed: int = 60
    days_open: int = 14
    keywords: str = ""
    completion_code: str = ""


@dataclass(frozen=True)
class Order:
    """One wanted effect.

    kind : publish, extend, close, approve, reject, bonus or exclude
    token : 1 to 64 characters that no other order has
    posting, submission, annotator : the recruiter's own identities, where the kind needs them
    n_places : extend: how many more; n_places_before : how many there were
    amount : bonus, without fees; n_equal_before : how many bonuses of this amount the submission should have already
    """

    kind: str
    token: str
    offer: Offer | None = None
    posting: str = ""
    submission: str = ""
    annotator: str = ""
    n_places: int = 0
    n_places_before: int = 0
    amount: Decimal = Decimal(0)
    n_equal_before: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Cost:
    """What an offer costs at most: `reward` for all places together, the recruiter's `fee` on it, and both."""

    reward: Decimal
    fee: Decimal
    currency: str

    @property
    def total(self) -> Decimal:
        return self.reward + self.fee


@dataclass(frozen=True)
class Growth:
    """How a posting gets more places: `n_extend` in itself and `n_publish` in a posting beside it."""

    n_extend: int
    n_publish: int = 0


class SubmissionState(StrEnum):
    ACTIVE = "active"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"


@dataclass(frozen=True)
class SubmissionSeen:
    """One person's pass as the recruiter sees it. external_id : MTurk's assignment, Prolific's submission."""

    external_id: str
    annotator: str
    state: SubmissionState
    submitted_at: datetime | None = None
    code: str = ""


class Finding(StrEnum):
    """What reading the recruiter told about an order."""

    DONE = "done"
    ABSENT = "absent"  # it has not happened, and what was sent before cannot make it happen any more
    UNCLEAR = "unclear"  # the recruiter may still be at it: read again later


@dataclass(frozen=True)
class Look:
    finding: Finding
    external_id: str = ""
    message: str = ""


class RecruiterError(Exception):
    """Why an order was not, or perhaps not, performed; a sentence for the researcher."""


class Refused(RecruiterError):
    """The recruiter said no: nothing was done, and asking again in the same way cannot help."""


class NoFunds(Refused):
    """The account at the recruiter does not hold enough."""


class TryLater(RecruiterError):
    """Nothing was done; the same order may be performed later."""


class Uncertain(RecruiterError):
    """Nobody knows whether it was done, or something like it was done before: only reading can tell."""


class Recruiter(Protocol):
    """Brings people and pays them. All methods but the first two ask the recruiter and may raise RecruiterError."""

    name: str
    currency: str
    #: For how many seconds after its first sending an order of a kind can be performed again without a second effect,
    #: because the recruiter knows its token or refuses a second time. Kinds that are missing: never.
    safe_to_repeat: Mapping[str, float]

    def estimate_cost(self, n_places: int, reward: Decimal) -> Cost:
        """Return what so many places cost, before anything is published. ValueError for a reward that cannot be."""

    def growth(self, n_places: int, n_more: int) -> Growth:
        """Return how a posting of `n_places` gets `n_more`."""

    def publish(self, order: Order) -> str:
        """Publish the order's offer; return the recruiter's identity for it."""

    def extend(self, order: Order) -> str: ...

    def close(self, order: Order) -> str:
        """Let nobody in any more. Whoever is in the middle may finish."""

    def list(self, posting: str) -> Iterator[SubmissionSeen]:
        """Yield all submissions of a posting, page by page."""

    def is_over(self, posting: str) -> bool:
        """Return whether a posting takes nobody any more, and could not although it got more places: its time is up,
        or somebody ended it at the recruiter's own page."""

    def approve(self, order: Order) -> str: ...

    def reject(self, order: Order) -> str:
        """Refuse to pay; the order's reason is shown to the person and may not be empty."""

    def bonus(self, order: Order) -> str: ...

    def exclude(self, order: Order) -> str:
        """Offer nothing of this study to this person any more. Costs nobody any pay."""

    def look(self, order: Order) -> Look:
        """Read whether an order has happened. Changes nothing."""


def perform(recruiter: Recruiter, order: Order) -> str:
    """Perform an order of any kind; return the recruiter's identity of what came of it, where it has one."""
    if order.kind not in KINDS:
        raise ValueError(f"order kind {order.kind!r} is not known: expected one of {', '.join(KINDS)}")
    return getattr(recruiter, order.kind)(order)


KINDS = ("publish", "extend", "close", "approve", "reject", "bonus", "exclude")
#: For orders that a recruiter refuses, or does not mind, the second time.
GUARDED = inf


def checked_amount(amount: Decimal, what: str = "reward") -> Decimal:
    """Return an amount of money that can be paid: positive, in whole cents. ValueError otherwise."""
    amount = Decimal(amount)
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(CENT):
        raise ValueError(f"{what} {amount}: expected a positive amount with at most two decimals, such as 0.50")
    return amount


def whole_cents_up(amount: Decimal) -> Decimal:
    """Round up to cents: an estimate never promises less than what will be charged."""
    return amount.quantize(CENT, rounding="ROUND_CEILING")
