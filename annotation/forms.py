"""What browsers send, checked. Values are never trusted; a wrong type is a sentence, not a crash."""

import json
import math
import re
from types import NoneType

from django import forms
from django.core.exceptions import RequestDataTooBig

from annotation.errors import AnswerInvalid, StudyError
from annotation.models import Study
from annotation.services import studies
from annotation.services.demographics import check_demographics
from triplets.forms import SHORT_NAME
from triplets.models import Question, QuestionSet

LARGEST_ID = 2**63 - 1
LARGEST_POSITION = 32767
LONGEST_LABEL = 80  # characters
LONGEST_MS = 1e15
LARGEST_BODY = 10_000  # bytes; an answer takes a hundred
LARGEST_UPLOAD = 200_000_000  # bytes


class NumberField(forms.FloatField):
    """A finite number; JSON's true and a list are none."""

    def to_python(self, value):
        if isinstance(value, bool | list | dict):
            raise forms.ValidationError("Enter a number.")
        try:
            return super().to_python(value)
        except OverflowError as error:
            raise forms.ValidationError("Enter a number.") from error


class MillisecondsField(forms.Field):
    """A hint from the browser's clock: whatever is not a number becomes None."""

    def to_python(self, value):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return None
        return int(number) if math.isfinite(number) and abs(number) < LONGEST_MS else None


class PositionForm(forms.Form):
    """One answer: to a position, either a side or a rating or a label."""

    position = forms.IntegerField(min_value=0, max_value=LARGEST_POSITION)
    choice = forms.ChoiceField(choices=[("left", "left"), ("right", "right")], required=False)
    rating = NumberField(required=False)
    label = forms.CharField(required=False, max_length=LONGEST_LABEL, strip=False)

    @property
    def answer(self) -> dict:
        given = self.cleaned_data
        return {"choice": given["choice"] or None, "rating": given["rating"], "label": given["label"] or None}


class ResponseForm(PositionForm):
    assignment = forms.IntegerField(min_value=1, max_value=LARGEST_ID)
    response_ms = MillisecondsField(required=False)
    latency_ms = MillisecondsField(required=False)

    @property
    def answer(self) -> dict:
        names = ("assignment", "position", "response_ms", "latency_ms")
        return super().answer | {name: self.cleaned_data[name] for name in names}


class AboutForm(forms.Form):
    """What a person tells about themselves, by the fields of the study; each may be left out."""

    def __init__(self, *args, fields: list[dict], **kwargs):
        super().__init__(*args, **kwargs)
        self.names = {f"about_{i}": field["name"] for i, field in enumerate(fields)}
        for key, field in zip(self.names, fields, strict=True):
            choices = [("", "I would rather not say"), *((option, option) for option in field["options"])]
            self.fields[key] = forms.ChoiceField(label=field["name"], choices=choices, required=False)

    @property
    def told(self) -> dict[str, str]:
        return {name: self.cleaned_data[key] for key, name in self.names.items() if self.cleaned_data[key]}


#: The types that the page's own script sends, in order of `record_answer`.
PLAIN = {
    "assignment": (int,), "position": (int,), "choice": (str, NoneType), "rating": (int, float, NoneType),
    "label": (str, NoneType), "response_ms": (int, NoneType), "latency_ms": (int, NoneType),
}  # fmt: skip
NOTHING = dict.fromkeys(PLAIN)


def read_answer(data: dict) -> dict:
    """Return an answer in JSON as `record_answer` takes it; AnswerInvalid says what is wrong.

    Checking a form takes as long as everything else that the web process does for an answer. So what looks as the
    page's script writes it is taken as it stands, and anything else goes through the form, which gives the same.
    """
    answer = NOTHING | data
    is_plain = len(answer) == len(PLAIN) and all(type(answer[name]) in types for name, types in PLAIN.items())
    return answer if is_plain and _is_sane(**answer) else require_valid(ResponseForm(data)).answer


def _is_sane(assignment, position, choice, rating, label, response_ms, latency_ms) -> bool:
    return (
        0 < assignment <= LARGEST_ID
        and 0 <= position <= LARGEST_POSITION
        and choice in ("left", "right", None)
        and (rating is None or abs(rating) < LARGEST_POSITION)
        and (label is None or (0 < len(label) <= LONGEST_LABEL and label.isprintable()))
        and all(ms is None or abs(ms) < LONGEST_MS for ms in (response_ms, latency_ms))
    )


def read_json(request) -> dict:
    """Return the JSON object in a request's body. AnswerInvalid, in a sentence, for anything else."""
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise AnswerInvalid("The request is too long.") from error
    if len(body) > LARGEST_BODY:
        raise AnswerInvalid(f"The request has {len(body)} bytes: expected at most {LARGEST_BODY}.")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AnswerInvalid("The request is not understood: expected a JSON object.") from error
    if not isinstance(data, dict):
        raise AnswerInvalid("The request is not understood: expected a JSON object.")
    return data


def require_valid(form: forms.Form) -> forms.Form:
    """Return the form; AnswerInvalid names the first field that is wrong."""
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise AnswerInvalid(f"{field}: {errors[0]}")
    return form


# What researchers enter -----------------------------------------------------------------------------------


class AttributesField(forms.CharField):
    """Names separated by commas, semicolons or new lines, as a list."""

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value):
        names = value if isinstance(value, list) else re.split(r"[,;\n]", value or "")
        return [name.strip() for name in names if name.strip()]

    def has_changed(self, initial, data):
        return self.to_python(initial) != self.to_python(data)


class DemographicsField(forms.CharField):
    """One field a line, as `Age: 18-29, 30-49, 50 or more`, as the list that a study keeps."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value):
        if not isinstance(value, list):
            return value
        return "\n".join(f"{field['name']}: {', '.join(field['options'])}" for field in value)

    def to_python(self, value):
        if isinstance(value, list):
            return value
        fields = []
        for line in (value or "").splitlines():
            if line.strip():
                name, _, options = line.partition(":")
                options = [option.strip() for option in options.split(",") if option.strip()]
                fields.append({"name": name.strip(), "options": options})
        return fields

    def validate(self, value):
        super().validate(value)
        try:
            check_demographics(value)
        except StudyError as error:
            raise forms.ValidationError(str(error)) from error

    def has_changed(self, initial, data):
        return self.to_python(initial) != self.to_python(data)


class StudyForm(forms.ModelForm):
    """A new study, or the settings of one. What its questions were made for cannot be changed afterwards."""

    attributes = AttributesField(
        required=False, help_text="For a rating study: what is rated, separated by commas, such as happy, trustworthy."
    )

    options = AttributesField(
        required=False, help_text="For a study of choices: what can be chosen, such as happy, sad, angry, neutral."
    )

    demographics = DemographicsField(
        required=False,
        label="About people",
        help_text="Asked once after consent, never demanded. One field a line, such as Age: 18-29, 30-49, 50 or more.",
    )

    class Meta:
        model = Study
        fields = [
            "name", "title", "collection", "kind", "attributes", "options", "responses_per_question", "batch_size",
            "max_batches_per_annotator", "max_slots", "n_gold_per_batch", "gold_threshold", "min_gold",
            "n_qualification", "repeat_share", "shared_share", "groups_attributes", "n_practice",
            "floor_ms", "question_text", "consent_text", "demographics", "releases_demographics", "instructions",
            "debriefing", "completion_code", "scale_low", "scale_high", "scale_low_label", "scale_high_label",
            "lease_minutes", "includes_pictures", "seed",
        ]  # fmt: skip
        labels = {
            "responses_per_question": "Responses per question",
            "batch_size": "Questions per batch",
            "max_batches_per_annotator": "Batches per person, at most",
            "max_slots": "Slots, at most",
            "n_gold_per_batch": "Gold questions per batch",
            "gold_threshold": "Accuracy wanted on gold",
            "min_gold": "Gold questions before anybody is judged",
            "n_qualification": "Gold questions to qualify",
            "repeat_share": "Asked again",
            "shared_share": "Asked of everybody",
            "groups_attributes": "All attributes of a picture in a row",
            "n_practice": "Practice questions",
            "floor_ms": "Too fast below (ms)",
            "question_text": "The question",
            "scale_low": "From",
            "scale_high": "To",
            "scale_low_label": "Word at the low end",
            "scale_high_label": "Word at the high end",
            "lease_minutes": "Lease (minutes)",
            "includes_pictures": "Releases contain the pictures",
            "releases_demographics": "Releases say what people told",
        }
        help_texts = {
            "name": "Short, for addresses and releases: letters, digits and hyphens.",
            "title": "What people read at the top of each page.",
            "batch_size": "Gold questions come on top.",
            "gold_threshold": "Data of people below this share of right answers is not used.",
            "n_qualification": "Answered by newcomers before anything else; nobody below the wanted accuracy goes on.",
            "repeat_share": "As a share of a batch, on top of it: .1 asks every tenth question again.",
            "shared_share": "As a share of a batch, on top of it: questions that all people meet, for ceilings.",
            "groups_attributes": "For a rating study. A batch then holds whole pictures; its size should be a multiple "
            "of the number of attributes.",
            "n_practice": "Answered with feedback before the first batch, and not counted.",
            "completion_code": "Shown at the end, for example to be entered at a panel. Empty: none.",
            "lease_minutes": "A batch that nobody touched for so long goes to somebody else.",
            "includes_pictures": "Only where the licence of the collection allows it.",
            "releases_demographics": "Under pseudonyms. The consent then says so, everybody is asked to agree anew, "
            "and only what those tell who did is released. Few people who told the same may be recognised.",
        }
        error_messages = {"name": {"invalid": SHORT_NAME}}
        widgets = {name: forms.Textarea(attrs={"rows": 5}) for name in ("consent_text", "instructions", "debriefing")}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "instructions" in self.fields:
            self.fields["instructions"].required = False
            self.fields["instructions"].help_text = "Empty: the usual words for this kind of study."
            if self.instance.pk is None:
                self.initial["instructions"] = ""

    def clean(self):
        cleaned = super().clean()
        if self.instance.pk is None and "kind" in cleaned:
            for name, check in (("attributes", studies.check_attributes), ("options", studies.check_options)):
                try:
                    check(cleaned["kind"], cleaned.get(name, []))
                except StudyError as error:
                    self.add_error(name, str(error))
            if QuestionSet.objects.filter(name=cleaned.get("name")).exists():
                self.add_error("name", f"There is already a set of questions called {cleaned['name']!r}.")
        if "instructions" in cleaned and not cleaned["instructions"].strip():
            cleaned["instructions"] = studies.usual_instructions(cleaned.get("kind", self.instance.kind))
        low, high = (cleaned.get(name, getattr(self.instance, name)) for name in ("scale_low", "scale_high"))
        if low is not None and high is not None and low >= high:
            self.add_error("scale_high", f"The scale runs from {low} to {high}: expected upwards.")
        return cleaned


class QuestionsForm(forms.Form):
    """How the questions of a study are designed."""

    same = forms.IntegerField(
        label="Triplets of one person",
        min_value=0,
        max_value=50,
        initial=3,
        help_text="that each picture takes part in",
    )
    different = forms.IntegerField(
        label="Triplets of three people", min_value=0, max_value=50, initial=3, help_text="likewise"
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="The same seed: the same questions."
    )

    def __init__(self, *args, kind: str, **kwargs):
        super().__init__(*args, **kwargs)
        if kind != Question.Kind.TRIPLET:
            del self.fields["same"], self.fields["different"]


class JudgementsForm(forms.Form):
    """Judgements collected elsewhere."""

    file = forms.FileField(label="CSV")

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LARGEST_UPLOAD:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes: expected at most {LARGEST_UPLOAD:,}. "
                "Import larger ones with manage.py import_responses."
            )
        return file


class StandingForm(forms.Form):
    """Why a researcher sets aside what a person answered, or lets it count again."""

    is_out = forms.TypedChoiceField(
        choices=[(True, "set aside"), (False, "counts")], coerce=lambda value: value == "True", widget=forms.HiddenInput
    )
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept in this person's history, with your name.",
    )
