"""What a researcher may allow to happen by itself, and which runs are compared."""

from django import forms

from analysis.comparison import MAX_RUNS
from analysis.models import RetrainingPolicy
from learning.forms import RecipeForm


class PolicyForm(RecipeForm):
    class Meta:
        model = RetrainingPolicy
        fields = ["study", "recipe", "seed", "changes", "every", "warm_start", "publishes", "is_active"]
        labels = {"every": "Train after so many newly settled questions", "publishes": "Publish each report",
                  "warm_start": "Begin where the last training ended"}  # fmt: skip


class RunsForm(forms.Form):
    """Numbers of runs, with commas or one by one: `?runs=3,5` and `?runs=3&runs=5` ask for the same."""

    runs = forms.RegexField(
        r"^[0-9]{1,18}(,[0-9]{1,18})*$", error_messages={"invalid": "Name runs by their numbers, such as runs=3,5."}
    )

    def __init__(self, data):
        super().__init__({"runs": ",".join(part for part in data.getlist("runs") if part)})

    def clean_runs(self) -> list[int]:
        chosen = list(dict.fromkeys(int(part) for part in self.cleaned_data["runs"].split(",")))
        if len(chosen) > MAX_RUNS:
            raise forms.ValidationError(f"{len(chosen)} runs are too many to compare: expected at most {MAX_RUNS}.")
        return chosen
