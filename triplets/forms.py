from django import forms
from django.conf import settings
from django.core.validators import validate_slug

from triplets import schemes
from triplets.models import Collection, Question
from triplets.services.questions import QuestionsRefused, read_gold_csv

MAX_GOLD_BYTES = 2_000_000
SHORT_NAME = "Only letters without accents, digits, - and _ can stand here; the title may say anything."
ROLES = [(Question.Role.GOLD, "gold"), (Question.Role.PRACTICE, "practice")]


class FacesForm(forms.Form):
    """Faces to import: as `manage.py import_stimuli` takes them, uploaded."""

    collection = forms.CharField(
        max_length=80,
        validators=[validate_slug],
        error_messages={"invalid": SHORT_NAME},
        help_text="Short: letters, digits, - and _. A new name makes a new one.",
    )
    manifest = forms.FileField(label="Manifest (CSV)")
    pictures = forms.FileField(label="Pictures (zip)", required=False)
    landmarks = forms.FileField(label="Landmarks (npz)", required=False)
    scheme = forms.ChoiceField(
        label="Landmark scheme",
        required=False,
        choices=[("", "by the number of points"), *((n, n) for n in schemes.SCHEMES)],
    )
    title = forms.CharField(max_length=200, required=False)
    licence = forms.CharField(max_length=200, required=False, help_text="For example: CC BY 4.0, DeBruine & Jones 2017")
    source = forms.CharField(max_length=2000, required=False, help_text="Where the pictures come from, whom to credit.")

    FILES = ("manifest", "pictures", "landmarks")

    def clean(self):
        cleaned = super().clean()
        for name in self.FILES:
            if (file := cleaned.get(name)) and file.size > settings.UPLOAD_MAX_BYTES:
                self.add_error(
                    name, f"The file has {file.size:,} bytes: expected at most {settings.UPLOAD_MAX_BYTES:,}."
                )
        known = Collection.objects.filter(name=cleaned.get("collection")).first()
        for name in ("title", "licence", "source"):
            there, given = known and getattr(known, name), cleaned.get(name)
            if there and given and there != given:
                self.add_error(name, f"The collection says {there!r} already: expected the same, or nothing.")
        return cleaned

    @property
    def uploads(self) -> dict:
        return {name: self.cleaned_data[name] for name in self.FILES if self.cleaned_data[name]}

    @property
    def wanted(self) -> dict[str, str]:
        return {name: value for name, value in self.cleaned_data.items() if name not in self.FILES}


class GoldFileForm(forms.Form):
    """Gold questions that a researcher chose, as a CSV."""

    file = forms.FileField(
        label="CSV",
        help_text="reference,first,second,chosen with names of stimuli, or stimulus,attribute,rating,tolerance, "
        "or stimulus,label",
    )
    role = forms.ChoiceField(choices=ROLES, label="Use as")

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > MAX_GOLD_BYTES:
            raise forms.ValidationError(f"The file has {file.size:,} bytes: expected at most {MAX_GOLD_BYTES:,}.")
        try:
            return read_gold_csv(file.read())
        except QuestionsRefused as error:
            raise forms.ValidationError(str(error)) from error


class GoldProposalForm(forms.Form):
    """Gold questions that the labels of the stimuli suggest."""

    n = forms.IntegerField(min_value=1, max_value=500, initial=20, label="How many")
    role = forms.ChoiceField(choices=ROLES, label="Use as")
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)
    low = forms.FloatField(initial=1, label="Scale from", help_text="The scale of the study.")
    high = forms.FloatField(initial=9, label="to")

    def __init__(self, *args, asks_ratings: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if not asks_ratings:
            del self.fields["low"], self.fields["high"]

    def clean(self):
        cleaned = super().clean()
        if {"low", "high"} <= cleaned.keys() and cleaned["low"] >= cleaned["high"]:
            raise forms.ValidationError(
                f"The scale runs from {cleaned['low']:g} to {cleaned['high']:g}: expected upwards."
            )
        return cleaned
