"""Recruiting at Prolific, by its REST interface.

Prolific's rules that shape this: a study is created as a draft and then published; bonuses are set up and then paid,
and *paying is not idempotent*; rewards are whole cents (or pence) and bonuses decimal text; an approval may arrive
before the person's browser has come back to us, so polling is the truth and a redirect a hint.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

import requests

from annotation.recruiters.protocol import (
    GUARDED,
    Cost,
    Finding,
    Growth,
    Look,
    NoFunds,
    Order,
    Refused,
    SubmissionSeen,
    SubmissionState,
    TryLater,
    Uncertain,
    checked_amount,
    whole_cents_up,
)

API = "https://api.prolific.com"
COMPLETION_URL = "https://app.prolific.com/submissions/complete?cc="
ENTRY_PARAMETERS = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
SHORTEST_REJECTION = 100  # characters that Prolific wants of a reason
TIMEOUT_SECONDS = (5, 25)
_PATIENCE = "Prolific pays in the minutes after it was asked; none is listed yet."
_STATES = {
    "RESERVED": SubmissionState.ACTIVE,
    "ACTIVE": SubmissionState.ACTIVE,
    "AWAITING REVIEW": SubmissionState.SUBMITTED,
    "APPROVED": SubmissionState.APPROVED,
    "PARTIALLY APPROVED": SubmissionState.APPROVED,
    "REJECTED": SubmissionState.REJECTED,
}  # RETURNED, TIMED-OUT, SCREENED OUT and whatever comes: nobody waits for pay


class ProlificRecruiter:
    """Prolific for one study.

    exclusion : name of the participant group that keeps people out of the study. project : where studies are created.
    fee : what Prolific takes, as a share of the reward; ask them for yours, tax is not in it.
    """

    name = "prolific"
    #: A bonus is missing: once it may have been paid, only a person may order it again.
    safe_to_repeat = dict.fromkeys(("publish", "extend", "approve", "reject", "close", "exclude"), GUARDED)

    def __init__(
        self,
        exclusion: str,
        token: str,
        api_url: str = API,
        project: str = "",
        currency: str = "GBP",
        fee: Decimal = Decimal("0.428"),
    ):
        self._exclusion, self._project, self._fee, self.currency = exclusion, project, fee, currency
        self._api_url = api_url.rstrip("/") + "/api/v1/"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {token}"

    def estimate_cost(self, n_places: int, reward: Decimal) -> Cost:
        reward = checked_amount(reward) * n_places
        if n_places < 1:
            raise ValueError(f"n_places {n_places}: expected at least 1")
        return Cost(reward, whole_cents_up(reward * self._fee), self.currency)

    def growth(self, n_places: int, n_more: int) -> Growth:
        return Growth(n_extend=n_more)

    def publish(self, order: Order) -> str:
        """Create the draft, or find the one that an earlier attempt left, and publish it."""
        study = self._study_of(order) or self._ask("POST", "studies/", self._draft(order))
        if study["status"] == "UNPUBLISHED":
            self._ask("POST", f"studies/{study['id']}/transition/", {"action": "PUBLISH"})
        return study["id"]

    def extend(self, order: Order) -> str:
        """Places are set, not added, so that asking twice is asking once."""
        total = order.n_places_before + order.n_places
        self._ask("PATCH", f"studies/{order.posting}/", {"total_available_places": total})
        return order.posting

    def close(self, order: Order) -> str:
        if self._ask("GET", f"studies/{order.posting}/")["status"] == "ACTIVE":
            self._ask("POST", f"studies/{order.posting}/transition/", {"action": "STOP"})
        return order.posting

    def list(self, posting: str) -> Iterator[SubmissionSeen]:
        for seen in self._pages(f"studies/{posting}/submissions/"):
            completed = seen.get("completed_at")
            yield SubmissionSeen(
                seen["id"],
                seen["participant_id"],
                _STATES.get(seen["status"], SubmissionState.RETURNED),
                datetime.fromisoformat(completed) if completed else None,
                seen.get("study_code") or "",
            )

    def is_over(self, posting: str) -> bool:
        """A study whose places are all taken waits for review too, but takes people again when it gets more places."""
        study = self._ask("GET", f"studies/{posting}/")
        is_full = study.get("places_taken", 0) >= study["total_available_places"]
        return study["status"] == "COMPLETED" or (study["status"] == "AWAITING REVIEW" and not is_full)

    def approve(self, order: Order) -> str:
        return self._decide(order, {"action": "APPROVE"})

    def reject(self, order: Order) -> str:
        if len(order.reason) < SHORTEST_REJECTION:
            raise Refused(f"Prolific wants a reason of {SHORTEST_REJECTION} characters, got {len(order.reason)}.")
        content = {"action": "REJECT", "message": order.reason, "rejection_category": "OTHER"}
        return self._decide(order, content)

    def _decide(self, order: Order, content: dict) -> str:
        try:
            self._ask("POST", f"submissions/{order.submission}/transition/", content)
        except Refused as error:
            if self.look(order).finding is not Finding.DONE:  # perhaps it was decided before
                raise error
        return order.submission

    def bonus(self, order: Order) -> str:
        """Set the bonus up, then pay it. Until the second request nothing can have been paid."""
        line = f"{order.submission},{checked_amount(order.amount, 'bonus'):.2f}"
        try:
            bulk = self._ask("POST", "submissions/bonus-payments/", {"study_id": order.posting, "csv_bonuses": line})
        except Uncertain as error:
            raise TryLater(f"Nothing was paid. {error}") from error
        self._ask("POST", f"bulk-bonus-payments/{bulk['id']}/pay/")
        return bulk["id"]

    def exclude(self, order: Order) -> str:
        path = f"participant-groups/{self._exclusion_group()}/participants/"
        self._ask("POST", path, {"participant_ids": [order.annotator]})
        return order.annotator

    def look(self, order: Order) -> Look:
        if order.kind == "publish":
            study = self._study_of(order)
            if study is None or study["status"] == "UNPUBLISHED":
                return Look(Finding.ABSENT, message="Prolific lists no published study that bears the order's token.")
            return Look(Finding.DONE, study["id"])
        if order.kind in ("extend", "close"):
            study = self._ask("GET", f"studies/{order.posting}/")
            wanted = order.n_places_before + order.n_places
            is_done = study["status"] not in ("ACTIVE", "PUBLISHING", "SCHEDULED", "PAUSED")
            if order.kind == "extend":
                is_done = study["total_available_places"] >= wanted
            return Look(Finding.DONE if is_done else Finding.ABSENT, order.posting)
        if order.kind == "exclude":
            members = self._pages(f"participant-groups/{self._exclusion_group()}/participants/")
            is_done = any(member["participant_id"] == order.annotator for member in members)
            return Look(Finding.DONE if is_done else Finding.ABSENT, order.annotator)
        return self._look_at_submission(order)

    # Details ------------------------------------------------------------------------------------

    def _look_at_submission(self, order: Order) -> Look:
        seen = self._ask("GET", f"submissions/{order.submission}/")
        if order.kind == "bonus":
            cents = int(order.amount * 100)
            n_listed = sum(int(paid) == cents for paid in seen.get("bonus_payments", []))
            is_done = n_listed > order.n_equal_before
            return Look(Finding.DONE) if is_done else Look(Finding.UNCLEAR, message=_PATIENCE)
        state = _STATES.get(seen["status"], SubmissionState.RETURNED)
        wanted = SubmissionState.APPROVED if order.kind == "approve" else SubmissionState.REJECTED
        if state is wanted:
            return Look(Finding.DONE, order.submission)
        if state in (SubmissionState.ACTIVE, SubmissionState.SUBMITTED):
            return Look(Finding.ABSENT, order.submission)
        raise Refused(f"Submission {order.submission} is {seen['status']} at Prolific: expected {wanted.value}.")

    def _draft(self, order: Order) -> dict:
        offer = order.offer
        draft = {
            "name": offer.title,
            "internal_name": order.token,
            "description": offer.description,
            "external_study_url": f"{offer.entry_url}?{ENTRY_PARAMETERS}",
            "prolific_id_option": "url_parameters",
            "completion_codes": [
                {
                    "code": offer.completion_code,
                    "code_type": "COMPLETED",
                    "actions": [{"action": "MANUALLY_REVIEW"}],
                }
            ],
            "estimated_completion_time": offer.minutes,
            "maximum_allowed_time": offer.minutes_allowed,
            "reward": int(checked_amount(offer.reward) * 100),
            "total_available_places": offer.n_places,
            "filters": [
                {"filter_id": "participant_group_blocklist", "selected_values": [self._exclusion_group()]},
            ],
        }
        return draft | ({"project": self._project} if self._project else {})

    def _study_of(self, order: Order) -> dict | None:
        path = f"projects/{self._project}/studies/" if self._project else "studies/"
        return next((study for study in self._pages(path) if study.get("internal_name") == order.token), None)

    def _exclusion_group(self) -> str:
        query = f"?project_id={self._project}" if self._project else ""
        for group in self._pages(f"participant-groups/{query}"):
            if group["name"] == self._exclusion:
                return group["id"]
        content = {"name": self._exclusion} | ({"project_id": self._project} if self._project else {})
        return self._ask("POST", "participant-groups/", content)["id"]

    def _pages(self, path: str) -> Iterator[dict]:
        while path:
            page = self._ask("GET", path)
            yield from page["results"]
            path = ((page.get("_links") or {}).get("next") or {}).get("href") or ""

    def _ask(self, method: str, path: str, content: dict | None = None) -> dict:
        """Ask Prolific, and say in the recruiters' words what went wrong. path : below the interface, or whole."""
        url = path if "://" in path else self._api_url + path
        if urlsplit(url)[:2] != urlsplit(self._api_url)[:2]:  # the token goes to Prolific and to nobody else
            raise Refused(f"Prolific sent us on to another place, {url!r}: not followed.")
        try:
            response = self._session.request(method, url, json=content, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.exceptions.ConnectTimeout as error:
            raise TryLater(f"Prolific cannot be reached: {error}") from error
        except requests.exceptions.ConnectionError as error:
            if "NewConnectionError" in repr(error):
                raise TryLater(f"Prolific cannot be reached: {error}") from error
            raise Uncertain(f"Prolific gave no answer: {error}") from error
        except requests.exceptions.RequestException as error:
            raise Uncertain(f"Prolific gave no answer: {error}") from error
        return _content_of(response)


def _content_of(response: requests.Response) -> dict:
    said = f"Prolific: {response.status_code} {' '.join(response.text[:400].split())}"
    if response.status_code == 429:
        raise TryLater(said)
    if response.status_code >= 500:
        raise Uncertain(said)
    if response.status_code >= 300:
        is_poor = "balance" in response.text.lower() or "insufficient" in response.text.lower()
        raise (NoFunds if is_poor else Refused)(said)
    if not response.content:
        return {}
    try:
        return response.json()
    except ValueError as error:
        raise Uncertain(f"{said} (no JSON)") from error
