"""People who come by a link that was sent to them: nothing is published anywhere, and nobody is paid from here."""

from collections.abc import Iterator
from decimal import Decimal

from annotation.recruiters.protocol import (
    GUARDED,
    KINDS,
    Cost,
    Finding,
    Growth,
    Look,
    Order,
    Refused,
    SubmissionSeen,
)


class LinkRecruiter:
    """The recruiter that does nothing, so that a study by link needs no case of its own."""

    name = "link"
    currency = ""
    safe_to_repeat = dict.fromkeys(KINDS, GUARDED)

    def estimate_cost(self, n_places: int, reward: Decimal) -> Cost:
        if reward:
            raise ValueError(f"reward {reward}: people who come by a link are not paid by the platform, expected 0")
        return Cost(Decimal(0), Decimal(0), self.currency)

    def growth(self, n_places: int, n_more: int) -> Growth:
        return Growth(n_extend=n_more)

    def publish(self, order: Order) -> str:
        return order.token

    def extend(self, order: Order) -> str:
        return order.posting

    def close(self, order: Order) -> str:
        return order.posting

    def list(self, posting: str) -> Iterator[SubmissionSeen]:
        return iter(())

    def is_over(self, posting: str) -> bool:
        return False

    def exclude(self, order: Order) -> str:
        return order.annotator

    def approve(self, order: Order) -> str:
        raise Refused("People who come by a link are not paid by the platform: there is nothing to approve.")

    reject = bonus = approve

    def look(self, order: Order) -> Look:
        return Look(Finding.DONE, order.token if order.kind == "publish" else order.posting)
