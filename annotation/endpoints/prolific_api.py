"""What the operations of a local Prolific do to its ledger. Each takes the ledger and a request and returns JSON."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from annotation.endpoints.ledger import Ledger, new_id
from annotation.endpoints.serving import Request

PAGE = 20
FEE = Decimal("0.428")
_REQUIRED = {
    "name": str,
    "description": str,
    "external_study_url": str,
    "completion_codes": list,
    "estimated_completion_time": int,
    "reward": int,
    "total_available_places": int,
}
_TRANSITIONS = {
    ("UNPUBLISHED", "PUBLISH"): "ACTIVE",
    ("ACTIVE", "PAUSE"): "PAUSED",
    ("PAUSED", "START"): "ACTIVE",
    ("ACTIVE", "STOP"): "AWAITING REVIEW",
    ("PAUSED", "STOP"): "AWAITING REVIEW",
}
_SHORTEST_REJECTION = 100


class Wrong(Exception):
    """A refused request: the status and the sentence of the answer."""

    def __init__(self, detail: str, status: int = 400):
        super().__init__(detail)
        self.status = status


def tables() -> dict:
    """Return the empty state: 10,000 in the wallet, in cents."""
    return {"studies": {}, "submissions": {}, "bonuses": {}, "groups": {}, "cents": 1_000_000}


# Studies ----------------------------------------------------------------------------------------


def create_study(ledger: Ledger, request: Request):
    asked = request.json()
    for name, kind in _REQUIRED.items():
        if not isinstance(asked.get(name), kind) or not asked[name]:
            raise Wrong(f"{name}: {asked.get(name)!r} is not a valid value, expected {kind.__name__}.")
    for code in asked["completion_codes"]:
        if not code.get("code") or not code.get("actions"):
            raise Wrong(f"completion_codes: {code!r} needs a code and actions.")
    study = asked | {"id": _identity(), "status": "UNPUBLISHED", "date_created": _now(ledger)}
    ledger["studies"][study["id"]] = study
    return study


def list_studies(ledger: Ledger, request: Request, project: str = ""):
    studies = [study for study in ledger["studies"].values() if project in ("", study.get("project"))]
    return _page(request, studies)


def get_study(ledger: Ledger, request: Request, study_id: str):
    study = _study(ledger, study_id)
    mine = [each for each in ledger["submissions"].values() if each["study_id"] == study_id]
    return study | {"places_taken": sum(each["status"] != "RETURNED" for each in mine)}


def update_study(ledger: Ledger, request: Request, study_id: str):
    study, asked = _study(ledger, study_id), request.json()
    places = asked.get("total_available_places", study["total_available_places"])
    if study["status"] != "UNPUBLISHED":
        if set(asked) - {"total_available_places", "internal_name"}:
            raise Wrong(f"A published study keeps its {', '.join(sorted(asked))}.")
        if places < study["total_available_places"]:
            raise Wrong("The number of places can only grow.")
        _pay(ledger, (places - study["total_available_places"]) * _price(study["reward"]))
    study |= asked
    return study


def move_study(ledger: Ledger, request: Request, study_id: str):
    study, action = _study(ledger, study_id), request.json().get("action")
    if (study["status"], action) not in _TRANSITIONS:
        raise Wrong(f"A study that is {study['status']} cannot {action}.")
    if action == "PUBLISH":
        _pay(ledger, study["total_available_places"] * _price(study["reward"]))
    study["status"] = _TRANSITIONS[study["status"], action]
    return study


def list_submissions(ledger: Ledger, request: Request, study_id: str):
    _study(ledger, study_id)
    return _page(request, [each for each in ledger["submissions"].values() if each["study_id"] == study_id])


# Submissions and bonuses ------------------------------------------------------------------------


def get_submission(ledger: Ledger, request: Request, submission_id: str):
    return _submission(ledger, submission_id)


def move_submission(ledger: Ledger, request: Request, submission_id: str):
    submission, asked = _submission(ledger, submission_id), request.json()
    if submission["status"] != "AWAITING REVIEW":
        raise Wrong(f"Submission {submission_id} is {submission['status']}: expected AWAITING REVIEW.")
    if asked.get("action") == "REJECT":
        if len(asked.get("message", "")) < _SHORTEST_REJECTION or not asked.get("rejection_category"):
            raise Wrong(f"A rejection needs a category and a message of {_SHORTEST_REJECTION} characters.")
        submission["status"] = "REJECTED"
    elif asked.get("action") == "APPROVE":
        submission["status"] = "APPROVED"
    else:
        raise Wrong(f"action {asked.get('action')!r}: expected APPROVE or REJECT.")
    return submission


def set_up_bonuses(ledger: Ledger, request: Request):
    asked = request.json()
    study = _study(ledger, asked.get("study_id", ""))
    lines = []
    for line in asked.get("csv_bonuses", "").split():
        who, _, amount = line.partition(",")
        found = [
            each["id"]
            for each in ledger["submissions"].values()
            if each["study_id"] == study["id"] and who in (each["id"], each["participant_id"])
        ]
        try:
            cents = int(Decimal(amount) * 100)
        except InvalidOperation as error:
            raise Wrong(f"csv_bonuses: {line!r}, expected identity,amount.") from error
        if not found or cents < 1:
            raise Wrong(f"csv_bonuses: {line!r} names nobody who took part in study {study['id']}, or no amount.")
        lines.append([found[0], cents])
    bulk = {"id": _identity(), "study": study["id"], "lines": lines, "amount": sum(cents for _, cents in lines)}
    ledger["bonuses"][bulk["id"]] = bulk
    return bulk | {"total_amount": float(bulk["amount"] * (1 + FEE))}


def pay_bonuses(ledger: Ledger, request: Request, bulk_id: str):
    """As at Prolific, whoever asks twice pays twice."""
    bulk = _found(ledger["bonuses"], bulk_id, "bulk bonus payment")
    _pay(ledger, int(bulk["amount"] * (1 + FEE)))
    for submission_id, cents in bulk["lines"]:
        ledger["submissions"][submission_id]["bonus_payments"].append(cents)
    return {}


# Groups -----------------------------------------------------------------------------------------


def create_group(ledger: Ledger, request: Request):
    asked = request.json()
    if not asked.get("name"):
        raise Wrong("name: this field is required.")
    group = {"id": _identity(), "name": asked["name"], "project_id": asked.get("project_id"), "members": []}
    ledger["groups"][group["id"]] = group
    return group


def list_groups(ledger: Ledger, request: Request):
    project = request.query.get("project_id")
    return _page(request, [group for group in ledger["groups"].values() if project in (None, group["project_id"])])


def add_to_group(ledger: Ledger, request: Request, group_id: str):
    members = _found(ledger["groups"], group_id, "participant group")["members"]
    members += [who for who in request.json().get("participant_ids", []) if who not in members]
    return list_members(ledger, request, group_id)


def list_members(ledger: Ledger, request: Request, group_id: str):
    members = _found(ledger["groups"], group_id, "participant group")["members"]
    return _page(request, [{"participant_id": who} for who in members])


# People -----------------------------------------------------------------------------------------


def start(ledger: Ledger, request: Request):
    fields = request.form()
    who, study = fields.get("participant_id", ""), _study(ledger, fields.get("study_id", ""))
    if not re.fullmatch(r"[0-9a-f]{24}", who):
        raise Wrong(f"participant_id {who!r}: expected 24 hexadecimal digits.")
    mine = [each for each in ledger["submissions"].values() if each["study_id"] == study["id"]]
    held = next((each for each in mine if each["participant_id"] == who), None)
    if held is None:
        blocked = {
            member
            for rule in study.get("filters", [])
            if rule["filter_id"] == "participant_group_blocklist"
            for group in rule["selected_values"]
            for member in _found(ledger["groups"], group, "participant group")["members"]
        }
        n_taken = sum(each["status"] != "RETURNED" for each in mine)
        if study["status"] != "ACTIVE" or n_taken >= study["total_available_places"] or who in blocked:
            raise Wrong("This study is not open for you.", 409)
        held = {
            "id": _identity(),
            "study_id": study["id"],
            "participant_id": who,
            "status": "ACTIVE",
            "started_at": _now(ledger),
            "completed_at": None,
            "study_code": None,
            "bonus_payments": [],
        }
        ledger["submissions"][held["id"]] = held
    values = {"PROLIFIC_PID": who, "STUDY_ID": study["id"], "SESSION_ID": held["id"]}
    address = re.sub(r"\{\{%(\w+)%\}\}", lambda found: values.get(found[1], ""), study["external_study_url"])
    return {"submission_id": held["id"], "external_url": address}


def complete(ledger: Ledger, request: Request):
    fields = request.form()
    submission = _submission(ledger, fields.get("submission_id", ""))
    if submission["status"] == "ACTIVE":
        submission |= {
            "status": "AWAITING REVIEW",
            "completed_at": _now(ledger),
            "study_code": fields.get("code") or "NOCODE",
        }
    return submission


def set_balance(ledger: Ledger, request: Request):
    ledger["cents"] = int(request.form().get("cents", ""))
    return {"cents": ledger["cents"]}


# Details ----------------------------------------------------------------------------------------


def _page(request: Request, rows: list) -> dict:
    offset = int(request.query.get("offset", "0"))
    shown, end = rows[offset : offset + PAGE], offset + PAGE
    link = address_of(request, end) if end < len(rows) else None
    return {"results": shown, "_links": {"next": {"href": link}}, "meta": {"count": len(rows)}}


def address_of(request: Request, offset: int | None = None) -> str:
    query = dict(request.query) | ({} if offset is None else {"offset": str(offset)})
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return f"http://{request.headers.get('host', '127.0.0.1')}{request.path}" + (f"?{text}" if text else "")


def _identity() -> str:
    return new_id("", 24).lower().translate(str.maketrans("ghijklmnopqrstuvwxyz", "0123456789abcdef0123"))


def _now(ledger: Ledger) -> str:
    return datetime.fromtimestamp(ledger.now(), UTC).isoformat()


def _price(reward: int) -> int:
    return int(reward * (1 + FEE))


def _pay(ledger: Ledger, cents: int) -> None:
    if cents > ledger["cents"]:
        raise Wrong(f"Your balance is insufficient: {cents} cents are needed, {ledger['cents']} are there.")
    ledger["cents"] -= cents


def _found(table: dict, key: str, what: str) -> dict:
    if key not in table:
        raise Wrong(f"There is no {what} {key!r}.", 404)
    return table[key]


def _study(ledger: Ledger, study_id: str) -> dict:
    return _found(ledger["studies"], study_id, "study")


def _submission(ledger: Ledger, submission_id: str) -> dict:
    return _found(ledger["submissions"], submission_id, "submission")
