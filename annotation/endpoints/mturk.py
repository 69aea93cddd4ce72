"""Amazon Mechanical Turk on one's own machine: the requester's protocol, the worker's pages, and faults on demand.

The protocol is that of botocore's service model: JSON 1.1, the operation in the header X-Amz-Target, every request
checked against its shape and every response cut to its own. Signatures must be there and are not verified.

| address | what |
|---|---|
| POST / | the requester's operations |
| GET /worker?worker_id=A... | page of the open HITs |
| GET /worker/hits?worker_id=A... | the same as JSON |
| GET /worker/preview/HIT_ID | a HIT in its frame, not accepted |
| POST /worker/accept | `worker_id`, `hit_id` -> `assignment_id`, `external_url` |
| POST /worker/return | `assignment_id` |
| POST /mturk/externalSubmit | the form that ends an assignment |
| GET, POST, DELETE /control/faults | see `faults.KINDS` |
| POST /control/clock | `advance` seconds, to let work expire or be approved by itself |
| POST /control/deposit | `amount` that was ever paid in, as "12.50" |
"""

import re
import time
from pathlib import Path

import botocore.loaders
from botocore.model import ServiceModel

from annotation.endpoints import mturk_assignments as work
from annotation.endpoints import mturk_market as market
from annotation.endpoints import mturk_pages as pages
from annotation.endpoints import mturk_qualifications as qualifications
from annotation.endpoints.faults import Fault, Faults
from annotation.endpoints.ledger import Ledger, new_id
from annotation.endpoints.refusals import Refused, next_token, offset_of
from annotation.endpoints.serving import Reply, Request, json_reply
from annotation.endpoints.shapes import problems, shaped

CONTENT_TYPE = "application/x-amz-json-1.1"
WORKER_ID = re.compile(r"A[A-Z0-9]{1,63}")
#: Operations whose function bears another name than the operation in snake case.
_OTHER_NAMES = {
    "AcceptQualificationRequest": qualifications.no_qualification_request,
    "RejectQualificationRequest": qualifications.no_qualification_request,
    "GetFileUploadURL": work.no_upload,
}
_NOT_OFFERED = {"SendTestEventNotification", "UpdateNotificationSettings"}


def _snake(name: str) -> str:
    name = re.sub("HITs", "Hits", name).replace("HIT", "Hit")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _operations(names) -> dict:
    found = {}
    for name in names:
        if name in _NOT_OFFERED:
            continue
        places = (market, work, qualifications)
        found[name] = _OTHER_NAMES.get(name) or next(
            getattr(place, _snake(name)) for place in places if hasattr(place, _snake(name))
        )
    return found


class LocalMTurk:
    """The endpoint: called with a request of `serving`, it answers."""

    def __init__(self, path: Path | None = None):
        """path : file in which the state is kept; None keeps it in memory only."""
        description = botocore.loaders.Loader().load_service_model("mturk", "service-2")
        self.model = ServiceModel(description, "mturk")
        self.operations = _operations(self.model.operation_names)
        self.ledger = Ledger({name: _copy(value) for name, value in market.TABLES.items()}, path)
        self.faults = Faults()

    def __call__(self, request: Request) -> Reply | None:
        with self.ledger.lock:
            market.pass_time(self.ledger)
        if request.path == "/" and request.method == "POST":
            return self._requester(request)
        try:
            return self._page(request)
        except Refused as error:
            return json_reply({"error": str(error), "code": error.code}, 409)
        except ValueError as error:
            return json_reply({"error": str(error)}, 400)

    # The requester's side -----------------------------------------------------------------------

    def _requester(self, request: Request) -> Reply | None:
        target = request.headers.get("x-amz-target", "")
        prefix, _, name = target.partition(".")
        if "AWS4-HMAC-SHA256" not in request.headers.get("authorization", ""):
            return _error("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
        if prefix != self.model.metadata["targetPrefix"] or name not in self.model.operation_names:
            return _error("UnknownOperationException", f"X-Amz-Target {target!r} names no operation of MTurk.")
        fault = self.faults.take(name)
        if refusal := _refusal_of(fault):
            return refusal
        try:
            content = self._perform(name, request, fault)
        except Refused as error:
            return _error("RequestError", str(error), error.code)
        if fault is None:
            return json_reply(content, content_type=CONTENT_TYPE, x_amzn_RequestId=new_id("", 32))
        if fault.kind == "hang_up_after_commit":
            return None
        if fault.kind == "error_after_commit":
            return _error("ServiceFault", "The service is temporarily unable to answer.", "AWS.ServiceUnavailable", 500)
        if fault.kind == "duplicate_token":
            code = "HitAlreadyExists" if name.startswith("CreateHIT") else "DuplicateRequest"
            what = content.get("HIT", {}).get("HITId", "")
            return _error("RequestError", f"The request was done already: {what}", f"AWS.MechanicalTurk.{code}")
        time.sleep(fault.seconds)
        return json_reply(content, content_type=CONTENT_TYPE)

    def _perform(self, name: str, request: Request, fault: Fault | None) -> dict:
        operation = self.model.operation_model(name)
        try:
            asked = request.json()
        except ValueError as error:
            raise Refused("ParameterValidationError", str(error)) from error
        found = list(problems(asked, operation.input_shape))
        if found:
            raise Refused("ParameterValidationError", f"{len(found)} validation errors detected: {' '.join(found)}")
        asked = {key: value for key, value in asked.items() if value is not None}
        if fault and fault.kind == "empty_page" and name.startswith("List"):
            rows = next(key for key, shape in operation.output_shape.members.items() if shape.type_name == "list")
            return {"NumResults": 0, rows: [], "NextToken": next_token(offset_of(asked.get("NextToken")))}
        if name not in self.operations:
            raise Refused("NotOffered", f"{name} is not offered by this local endpoint: it sends no notifications.")
        with self.ledger.lock:
            content = shaped(self.operations[name](self.ledger, asked) or {}, operation.output_shape)
            if not name.startswith(("Get", "List")):
                self.ledger.keep()
        return content

    # The worker's side and the control ----------------------------------------------------------

    def _page(self, request: Request) -> Reply:
        with self.ledger.lock:
            route = (request.method, request.path)
            base_url = f"http://{request.headers.get('host', '127.0.0.1')}"
            match route:
                case ("GET", "/" | "/worker"):
                    worker_id = request.query.get("worker_id", "")
                    return pages.open_hits(self._hits_for(worker_id), worker_id, base_url)
                case ("GET", "/worker/hits"):
                    return json_reply([_listed(hit) for hit in self._hits_for(request.query.get("worker_id", ""))])
                case ("GET", path) if path.startswith("/worker/preview/"):
                    hit = market.find(self.ledger["hits"], path.rsplit("/", 1)[1], "HIT")
                    return pages.frame(hit, work.frame_url(hit, None, base_url))
                case ("POST", "/worker/accept"):
                    return self._accept(request, base_url)
                case ("POST", "/worker/return"):
                    returned = work.return_assignment(self.ledger, request.form().get("assignment_id", ""))
                    return self._kept({"assignment_id": returned["AssignmentId"], "state": "returned"})
                case ("POST", "/mturk/externalSubmit"):
                    work.submit(self.ledger, request.form())
                    self.ledger.keep()
                    return pages.submitted()
                case (_, "/control/faults"):
                    return json_reply(self.faults.control(request.method, request.json()))
                case ("POST", "/control/clock"):
                    self.ledger.move_clock(float(request.form().get("advance", "0")))
                    market.pass_time(self.ledger)
                    return self._kept({"now": self.ledger.now()})
                case ("POST", "/control/deposit"):
                    self.ledger["deposit"] = str(market.Decimal(_money(request.form().get("amount", ""))))
                    return self._kept(market.get_account_balance(self.ledger, {}))
        return json_reply({"error": f"{request.method} {request.path} leads nowhere here."}, 404)

    def _kept(self, content) -> Reply:
        self.ledger.keep()
        return json_reply(content)

    def _hits_for(self, worker_id: str) -> list[dict]:
        return work.open_hits(self.ledger, _worker(worker_id) if worker_id else "")

    def _accept(self, request: Request, base_url: str) -> Reply:
        fields = request.form()
        assignment = work.accept(self.ledger, _worker(fields.get("worker_id", "")), fields.get("hit_id", ""))
        hit = self.ledger["hits"][assignment["HITId"]]
        address = work.frame_url(hit, assignment, base_url)
        self.ledger.keep()
        if "text/html" in request.headers.get("accept", ""):
            return pages.frame(hit, address)
        return json_reply({"assignment_id": assignment["AssignmentId"], "external_url": address})


def _copy(value):
    return value.copy() if isinstance(value, (dict, list)) else value


def _refusal_of(fault: Fault | None) -> Reply | None:
    """Return the answer to a fault that keeps the request from being done."""
    kind = fault.kind if fault else ""
    if kind == "throttle":
        return _error("ThrottlingException", "Rate exceeded")
    if kind == "error_before":
        return _error("ServiceFault", "The service is temporarily unable to answer.", "AWS.ServiceUnavailable", 500)
    if kind == "insufficient_funds":
        message = "This user does not have sufficient funds for this operation (a fault that was asked for)."
        return _error("RequestError", message, "AWS.MechanicalTurk.InsufficientFunds")
    return None


def _error(kind: str, message: str, code: str = "", status: int = 400) -> Reply:
    milliseconds = f" ({int(time.time() * 1000)} s)" if code else ""  # as MTurk ends its messages
    content = {"__type": kind, "Message": message + milliseconds}
    return json_reply(content | ({"TurkErrorCode": code} if code else {}), status, CONTENT_TYPE)


def _worker(worker_id: str) -> str:
    if not WORKER_ID.fullmatch(worker_id):
        raise ValueError(f"worker_id {worker_id!r}: expected A and then capital letters and digits")
    return worker_id


def _money(text: str) -> str:
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", text):
        raise ValueError(f"amount {text!r}: expected US dollars such as 12.50")
    return text


def _listed(hit: dict) -> dict:
    return {
        "hit_id": hit["HITId"],
        "title": hit["Title"],
        "reward": hit["Reward"],
        "n_available": hit["NumberOfAssignmentsAvailable"],
    }
