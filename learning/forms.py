"""What a researcher may ask of a training."""

from django import forms
from django.db.models import Q
from django.forms.widgets import Script

from learning import recipes, sweeps
from learning.config import ConfigInvalid
from learning.models import Checkpoint, Run, Search

MAX_SEED = 2**31 - 1


def read_changes(text: str) -> dict[str, str]:
    """Read `key=value` lines; empty lines and lines that start with # are passed over. ValueError quotes a bad line."""
    changes = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise ValueError(f"Line {number} is {line!r}: expected key=value, such as training.n_steps=3000.")
        if key in changes:
            raise ValueError(f"Line {number} sets {key} a second time.")
        changes[key] = value
    return changes


class RecipeSelect(forms.Select):
    """All recipes under their headings, each with what it is and where it comes from in its own line.

    `learning/recipes.js` puts a search field above and tells what is chosen below.
    """

    class Media:
        js = [Script("learning/recipes.js", defer=True)]

    def __init__(self, attrs=None, choices=()):
        super().__init__({"data-recipes": True, **(attrs or {})}, choices)

    def create_option(self, name, value, label, selected, index, subindex=None, attrs=None):
        option = super().create_option(name, value, label, selected, index, subindex, attrs)
        if (entry := recipes.RECIPES.get(str(value))) is not None:
            option["attrs"] |= {"data-summary": entry.summary, "data-source": entry.source}
        return option


def recipe_choices() -> list:
    return [
        (title, [(entry.name, f"{entry.name}: {entry.summary}. From {entry.source}.") for entry in entries])
        for title, entries in recipes.groups().items()
    ]


class RecipeForm(forms.ModelForm):
    """A recipe with what is set differently, for whatever trains by it."""

    recipe = forms.ChoiceField(widget=RecipeSelect, choices=recipe_choices, initial=recipes.DEFAULT)
    seed = forms.IntegerField(
        min_value=0, max_value=MAX_SEED, initial=0, help_text="The same seed on the same machine: the same figures."
    )
    changes = forms.CharField(
        required=False,
        label="Settings that differ",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "placeholder": "training.n_steps=3000"}),
        help_text="One key=value a line. Empty: the recipe as it is.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("changes", "coarse"):
            if isinstance(settings := self.initial.get(name), dict):
                self.initial[name] = "\n".join(f"{key}={value}" for key, value in settings.items())

    def clean_changes(self):
        return self._read("changes")

    def _read(self, name: str) -> dict[str, str]:
        try:
            return read_changes(self.cleaned_data[name])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self):
        cleaned = super().clean()
        if "recipe" in cleaned and "changes" in cleaned:
            try:
                recipes.recipe(cleaned["recipe"]).config.with_changes(cleaned["changes"])
            except ConfigInvalid as error:
                self.add_error("changes", str(error))
        return cleaned


class RunForm(RecipeForm):
    starts_from = forms.ModelChoiceField(
        Checkpoint.objects.none(),
        required=False,
        label="Begin with",
        empty_label="its own random weights",
        help_text="Of the same network; where a checkpoint does not fit, the run begins afresh and says why.",
    )

    class Meta:
        model = Run
        fields = ["release", "recipe", "seed", "starts_from", "changes"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        kept = Q(run__search=None) | Q(run__best_of__isnull=False)
        found = Checkpoint.objects.filter(kept).select_related("run__release").order_by("-pk")
        self.fields["starts_from"].queryset = found
        self.fields["starts_from"].label_from_instance = lambda c: f"{c}: {c.run.recipe} on {c.run.release}"


class SearchForm(RecipeForm):
    ranges = forms.CharField(
        required=False,
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "spellcheck": "false",
                "placeholder": "learning_rate=1e-5..1e-2\nform=residual|concatenated",
            }
        ),
        help_text="One a line: key=low..high on a logarithmic scale, key=linear:low..high, or key=one|other. Empty: "
        "those of the recipe's study, where it published a search.",
    )
    n_rounds = forms.IntegerField(min_value=1, max_value=20, initial=2, label="Rounds")
    n_trials = forms.IntegerField(min_value=1, max_value=sweeps.MAX_TRIALS, initial=8, label="Runs of each round")
    coarse = forms.CharField(
        required=False,
        label="Settings of all rounds but the last",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "training.n_steps=300"}),
        help_text="Such as fewer steps while the search is coarse. Then the best is taken from the last round.",
    )
    field_order = ["release", "recipe", "ranges", "n_rounds", "n_trials", "changes", "coarse", "seed"]

    class Meta:
        model = Search
        fields = ["release", "recipe", "ranges", "n_rounds", "n_trials", "changes", "coarse", "seed"]

    def clean_coarse(self):
        return self._read("coarse")

    def clean(self):
        cleaned = super().clean()
        if self.errors:
            return cleaned
        config = recipes.recipe(cleaned["recipe"]).config
        lines = cleaned["ranges"].splitlines()
        try:
            if not cleaned["ranges"].strip():
                plan = sweeps.published_plan(cleaned["recipe"], config)
                lines = [part.described() for part in plan.space]
                cleaned |= {"changes": {**plan.changes, **cleaned["changes"]}}
                cleaned |= {"coarse": {**plan.coarse, **cleaned["coarse"]}}
            space = sweeps.read_space(lines, config)
            settings = (cleaned["n_rounds"], cleaned["n_trials"], cleaned["changes"], cleaned["coarse"])
            sweeps.checked(sweeps.Plan(space, *settings), config)
        except ConfigInvalid as error:
            self.add_error("ranges", str(error))
        cleaned["ranges"] = lines
        return cleaned

    def wanted(self) -> dict:
        """Return what `create_search` takes."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}
