"""What a researcher may allow to happen by itself, and which runs are compared."""

from django import forms

from analysis import titles
from analysis.comparison import MAX_RUNS
from analysis.models import RetrainingPolicy
from analysis.pages import ResultsOutdated
from analysis.services.reports import require_drawable
from learning.forms import RecipeForm


class PolicyForm(RecipeForm):
    class Meta:
        model = RetrainingPolicy
        fields = ["study", "recipe", "seed", "changes", "every", "warm_start", "publishes", "is_active"]
        labels = {"every": "Train after so many newly settled questions", "publishes": "Publish each report",
                  "warm_start": "Begin where the last training ended"}  # fmt: skip


class TitledForm(forms.ModelForm):
    """Title and note of a report, where the form has them."""

    class Meta:
        widgets = {
            "title": forms.TextInput(attrs={"class": "vTextField", "size": 60}),
            "note": forms.Textarea(attrs={"class": "vLargeTextField", "rows": 2}),
        }

    def clean(self):
        found = super().clean()
        if {"title", "note"} <= found.keys():
            try:
                found["title"], found["note"] = titles.checked(found["title"], found["note"])
            except titles.TitleInvalid as error:
                raise forms.ValidationError(str(error)) from error
        return found


class DraftForm(TitledForm):
    """Title and note of a draft; what an earlier version of the site measured cannot be drawn, and so not named."""

    def clean(self):
        found = super().clean()
        if "title" in self.fields:
            try:
                require_drawable(self.instance)
            except ResultsOutdated as error:
                raise forms.ValidationError(str(error)) from error
        return found


class ChosenForm(forms.Form):
    """What is compared, with commas or one by one: `?runs=3,5` and `?runs=3&runs=5` ask for the same."""

    name = ""

    def __init__(self, data):
        super().__init__({self.name: ",".join(part for part in data.getlist(self.name) if part)})

    def chosen(self) -> list[str]:
        found = list(dict.fromkeys(self.cleaned_data[self.name].split(",")))
        if len(found) > MAX_RUNS:
            raise forms.ValidationError(
                f"{len(found)} {self.name} are too many to compare: expected at most {MAX_RUNS}."
            )
        return found


class RunsForm(ChosenForm):
    """Runs by their numbers."""

    name = "runs"
    runs = forms.RegexField(
        r"^[0-9]{1,18}(,[0-9]{1,18})*$", error_messages={"invalid": "Name runs by their numbers, such as runs=3,5."}
    )

    def clean_runs(self) -> list[int]:
        return list(dict.fromkeys(map(int, self.chosen())))


class ReportsForm(ChosenForm):
    """Published reports by the last part of their address."""

    name = "reports"
    reports = forms.RegexField(
        r"^[\w-]{1,20}(,[\w-]{1,20})*$",
        error_messages={"invalid": "Name reports by the last part of their address, with commas between them."},
    )

    def clean_reports(self) -> list[str]:
        return self.chosen()
