"""Recruiting at Amazon Mechanical Turk, with boto3.

The service closed on 30 September 2026. The code speaks its protocol as botocore's model describes it and is tested
against `annotation.endpoints.mturk`; its endpoint is whatever the settings name.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from annotation.recruiters.protocol import (
    GUARDED,
    LONGEST_TOKEN,
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

FEE = Decimal("0.20")
MANY = 10  # from here on a HIT costs a further fee, and a smaller HIT can never grow to it
FEE_MANY = Decimal("0.20")
FRAME_HEIGHT = 800
TOKEN_SECONDS = 23 * 3600  # MTurk remembers a token for 24 hours
AUTO_APPROVAL_SECONDS = 7 * 24 * 3600
_XML = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
_STATES = {
    "Submitted": SubmissionState.SUBMITTED,
    "Approved": SubmissionState.APPROVED,
    "Rejected": SubmissionState.REJECTED,
}
#: Refusals of what was done already, perhaps by botocore, which repeats a request after a server error by itself.
_DONE_BEFORE = {"HitAlreadyExists", "DuplicateRequest", "InvalidAssignmentState"}
_THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}


@cache
def make_client(endpoint_url: str, region: str = "us-east-1"):
    """Return a boto3 client, one a process: making it takes longer than its calls, and threads may share it.

    botocore repeats throttled and failed requests by itself. That is safe here: what publishes or pays bears a token,
    and the rest is refused or changes nothing the second time.
    """
    # A service on this machine gets made-up keys, lest the account's own be sent to whatever listens there.
    is_local = urlsplit(endpoint_url).hostname in ("127.0.0.1", "localhost", "::1")
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"} if is_local else {}
    return boto3.client(
        "mturk",
        endpoint_url=endpoint_url,
        region_name=region,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=5,
            read_timeout=20,
            max_pool_connections=20,
        ),
        **keys,
    )


class MTurkRecruiter:
    """MTurk for one study.

    exclusion : name of the qualification that keeps people out of the study's HITs; one a study, created when needed
    client : as `make_client` returns it.
    """

    name = "mturk"
    currency = "USD"
    safe_to_repeat = {
        "publish": TOKEN_SECONDS,
        "extend": TOKEN_SECONDS,
        "bonus": TOKEN_SECONDS,
        "approve": GUARDED,
        "reject": GUARDED,
        "close": GUARDED,
        "exclude": GUARDED,
    }

    def __init__(self, exclusion: str, client):
        self._exclusion, self._client = exclusion, client

    def estimate_cost(self, n_places: int, reward: Decimal) -> Cost:
        """The fee is a fifth of the reward and at least a cent a place; a further fifth from ten places on."""
        reward = checked_amount(reward)
        if n_places < 1:
            raise ValueError(f"n_places {n_places}: expected at least 1")
        fee = max(Decimal("0.01"), reward * FEE) + (reward * FEE_MANY if n_places >= MANY else 0)
        return Cost(n_places * reward, whole_cents_up(n_places * fee), self.currency)

    def growth(self, n_places: int, n_more: int) -> Growth:
        """A HIT created with fewer than ten assignments never reaches ten: what does not fit goes into a new HIT."""
        if n_places >= MANY:
            return Growth(n_extend=n_more)
        n_extend = min(n_more, MANY - 1 - n_places)
        return Growth(n_extend, n_more - n_extend)

    def publish(self, order: Order) -> str:
        offer = order.offer
        rule = {
            "QualificationTypeId": self._exclusion_type(),
            "Comparator": "DoesNotExist",
            "ActionsGuarded": "DiscoverPreviewAndAccept",
        }
        hit_type = self._call(
            "create_hit_type",
            Title=offer.title,
            Description=offer.description,
            Keywords=offer.keywords,
            Reward=reward_text(offer.reward),
            AssignmentDurationInSeconds=offer.minutes_allowed * 60,
            AutoApprovalDelayInSeconds=AUTO_APPROVAL_SECONDS,
            QualificationRequirements=[rule],
        )
        created = self._call(
            "create_hit_with_hit_type",
            HITTypeId=hit_type["HITTypeId"],
            MaxAssignments=offer.n_places,
            LifetimeInSeconds=offer.days_open * 24 * 3600,
            Question=external_question(offer.entry_url),
            RequesterAnnotation=order.token,
            UniqueRequestToken=order.token[:LONGEST_TOKEN],
        )
        return created["HIT"]["HITId"]

    def extend(self, order: Order) -> str:
        self._call(
            "create_additional_assignments_for_hit",
            HITId=order.posting,
            NumberOfAdditionalAssignments=order.n_places,
            UniqueRequestToken=order.token[:LONGEST_TOKEN],
        )
        return order.posting

    def close(self, order: Order) -> str:
        self._call("update_expiration_for_hit", HITId=order.posting, ExpireAt=datetime(2005, 11, 2, tzinfo=UTC))
        return order.posting

    def list(self, posting: str) -> Iterator[SubmissionSeen]:
        for seen in self._pages("list_assignments_for_hit", "Assignments", HITId=posting):
            yield SubmissionSeen(
                seen["AssignmentId"],
                seen["WorkerId"],
                _STATES[seen["AssignmentStatus"]],
                seen.get("SubmitTime"),
                submitted_field(seen.get("Answer", ""), "code"),
            )

    def is_over(self, posting: str) -> bool:
        return self._call("get_hit", HITId=posting)["HIT"]["Expiration"] <= datetime.now(UTC)

    def approve(self, order: Order) -> str:
        self._call("approve_assignment", AssignmentId=order.submission)
        return order.submission

    def reject(self, order: Order) -> str:
        if not order.reason.strip():
            raise Refused("A rejection needs a reason that the person can read.")
        self._call("reject_assignment", AssignmentId=order.submission, RequesterFeedback=order.reason)
        return order.submission

    def bonus(self, order: Order) -> str:
        self._call(
            "send_bonus",
            WorkerId=order.annotator,
            AssignmentId=order.submission,
            BonusAmount=reward_text(order.amount),
            Reason=f"{order.reason} {_reference(order)}",
            UniqueRequestToken=order.token[:LONGEST_TOKEN],
        )
        return order.submission

    def exclude(self, order: Order) -> str:
        """By a qualification, not by a block: blocks count against a person's account at MTurk."""
        self._call(
            "associate_qualification_with_worker",
            QualificationTypeId=self._exclusion_type(),
            WorkerId=order.annotator,
            IntegerValue=1,
            SendNotification=False,
        )
        return order.annotator

    def look(self, order: Order) -> Look:
        if order.kind == "publish":
            for hit in self._pages("list_hits", "HITs"):
                if hit.get("RequesterAnnotation") == order.token:
                    return Look(Finding.DONE, hit["HITId"])
            return Look(Finding.ABSENT, message="MTurk lists no HIT that bears the order's token.")
        if order.kind in ("extend", "close"):
            return self._look_at_hit(order)
        if order.kind in ("approve", "reject"):
            return self._look_at_assignment(order)
        if order.kind == "bonus":
            for paid in self._pages("list_bonus_payments", "BonusPayments", AssignmentId=order.submission):
                if paid["Reason"].endswith(_reference(order)):
                    return Look(Finding.DONE, order.submission)
            return Look(Finding.ABSENT, message="MTurk lists no bonus that bears the order's reference.")
        holders = self._pages(
            "list_workers_with_qualification_type", "Qualifications", QualificationTypeId=self._exclusion_type()
        )
        is_done = any(holder["WorkerId"] == order.annotator for holder in holders)
        return Look(Finding.DONE if is_done else Finding.ABSENT, order.annotator)

    # Details ------------------------------------------------------------------------------------

    def _look_at_hit(self, order: Order) -> Look:
        hit = self._call("get_hit", HITId=order.posting)["HIT"]
        if order.kind == "close":
            is_done = hit["Expiration"] <= datetime.now(UTC)
        else:
            is_done = hit["MaxAssignments"] >= order.n_places_before + order.n_places
        return Look(Finding.DONE if is_done else Finding.ABSENT, order.posting)

    def _look_at_assignment(self, order: Order) -> Look:
        status = self._call("get_assignment", AssignmentId=order.submission)["Assignment"]["AssignmentStatus"]
        if status == "Submitted":
            return Look(Finding.ABSENT, order.submission, "MTurk still waits for a decision.")
        wanted = "Approved" if order.kind == "approve" else "Rejected"
        if status != wanted:
            raise Refused(f"Assignment {order.submission} is {status} at MTurk: it cannot become {wanted} from here.")
        return Look(Finding.DONE, order.submission)

    def _exclusion_type(self) -> str:
        for _ in range(2):
            types = self._pages(
                "list_qualification_types",
                "QualificationTypes",
                Query=self._exclusion,
                MustBeRequestable=False,
                MustBeOwnedByCaller=True,
            )
            for kind in types:
                if kind["Name"] == self._exclusion:
                    return kind["QualificationTypeId"]
            try:
                created = self._call(
                    "create_qualification_type",
                    Name=self._exclusion,
                    Description="People who have taken part in this study or shall not take part again.",
                    QualificationTypeStatus="Active",
                )
                return created["QualificationType"]["QualificationTypeId"]
            except Refused as error:  # made by another process, or by botocore's own second try
                reason = error
        raise TryLater(f"The qualification {self._exclusion!r} can neither be found nor created: {reason}")

    def _pages(self, operation: str, rows: str, **request) -> Iterator[dict]:
        pages = iter(self._client.get_paginator(operation).paginate(**request, PaginationConfig={"PageSize": 100}))
        while (page := self._asked(next, pages, None)) is not None:
            yield from page.get(rows, [])

    def _call(self, operation: str, **request) -> dict:
        return self._asked(getattr(self._client, operation), **request)

    @staticmethod
    def _asked(call, *arguments, **request):
        """Ask MTurk, and say in the recruiters' words what went wrong."""
        try:
            return call(*arguments, **request)
        except failures.ClientError as error:
            raise _translated(error) from error
        except (failures.EndpointConnectionError, failures.ConnectTimeoutError, failures.ProxyConnectionError) as error:
            raise TryLater(f"MTurk cannot be reached: {error}") from error
        except (failures.NoCredentialsError, failures.ParamValidationError) as error:
            raise Refused(f"MTurk was not asked: {error}") from error
        except failures.BotoCoreError as error:
            raise Uncertain(f"MTurk gave no answer: {error}") from error


def reward_text(amount: Decimal) -> str:
    """Return an amount as MTurk wants it: a text with two decimals. ValueError for fractions of a cent."""
    return f"{checked_amount(amount):.2f}"


def external_question(address: str, height: int = FRAME_HEIGHT) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ExternalQuestion xmlns="{_XML}"><ExternalURL>{escape(address)}'
        f"</ExternalURL><FrameHeight>{height}</FrameHeight></ExternalQuestion>"
    )


def submitted_field(answer: str, name: str) -> str:
    """Return a field of a QuestionFormAnswers document, empty where it has none."""
    if not answer or "<!" in answer:  # no declarations: MTurk writes none
        return ""
    for field in ElementTree.fromstring(answer):  # noqa: S314 (see above)
        texts = {part.tag.rsplit("}", 1)[-1]: part.text or "" for part in field}
        if texts.get("QuestionIdentifier") == name:
            return texts.get("FreeText", "")
    return ""


def _reference(order: Order) -> str:
    """What a bonus is known by afterwards: MTurk shows a bonus's reason, but never its token."""
    return f"(ref. {order.token})"


def _translated(error: failures.ClientError) -> Exception:
    response = error.response
    code = response.get("TurkErrorCode", "").removeprefix("AWS.MechanicalTurk.") or response["Error"]["Code"]
    message = f"MTurk: {response['Error']['Message']} [{code}]"
    if code in _THROTTLED:
        return TryLater(message)
    if code == "InsufficientFunds":
        return NoFunds(message)
    is_server_error = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500
    if code in _DONE_BEFORE or is_server_error:
        return Uncertain(message)
    return Refused(message)
