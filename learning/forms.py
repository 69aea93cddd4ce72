"""What a researcher may ask of a training."""

from django import forms
from django.db.models import Q
from django.forms.widgets import Script

from learning import folds, recipes, studies, sweeps
from learning.config import ConfigInvalid
from learning.models import Checkpoint, Run, Search, StudyRun
from triplets.counting import counted

MAX_SEED = 2**31 - 1
MAX_FOLDS = 100


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


def study_choices() -> list:
    return [
        (one.name, f"{one.name}: {one.summary} ({counted(len(one.parts), 'network')})")
        for one in studies.STUDIES.values()
    ]


def changes_field(help_text: str) -> forms.CharField:
    return forms.CharField(
        required=False,
        label="Settings that differ",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "placeholder": "training.n_steps=3000"}),
        help_text=help_text,
    )


def changes_of(text: str) -> dict[str, str]:
    try:
        return read_changes(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def show_as_lines(initial: dict, *names: str) -> None:
    """Let settings that are given as a dictionary be shown one key=value a line."""
    for name in names:
        if isinstance(settings := initial.get(name), dict):
            initial[name] = "\n".join(f"{key}={value}" for key, value in settings.items())


class RecipeForm(forms.ModelForm):
    """A recipe with what is set differently, for whatever trains by it."""

    recipe = forms.ChoiceField(widget=RecipeSelect, choices=recipe_choices, initial=recipes.DEFAULT)
    seed = forms.IntegerField(
        min_value=0, max_value=MAX_SEED, initial=0, help_text="The same seed on the same machine: the same figures."
    )
    changes = changes_field("One key=value a line. Empty: the recipe as it is.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        show_as_lines(self.initial, "changes", "coarse")

    def clean_changes(self):
        return changes_of(self.cleaned_data["changes"])

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

    n_folds = forms.IntegerField(
        required=False,
        min_value=2,
        max_value=MAX_FOLDS,
        label="Folds",
        help_text="Hold everybody out once, in so many networks of pictures, and measure the recipe by all of their "
        "answers. Empty: one network.",
    )

    class Meta:
        model = Run
        fields = ["release", "recipe", "seed", "starts_from", "n_folds", "changes"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        kept = Q(run__search=None) | Q(run__best_of__isnull=False)
        found = Checkpoint.objects.filter(kept).select_related("run__release").order_by("-pk")
        self.fields["starts_from"].queryset = found
        self.fields["starts_from"].label_from_instance = lambda c: f"{c}: {c.run.recipe} on {c.run.release}"

    def clean(self):
        cleaned = super().clean()
        if self.errors or cleaned.get("n_folds") is None:
            return cleaned
        config = recipes.recipe(cleaned["recipe"]).config.with_changes(cleaned["changes"])
        try:
            folds.require_possible(config, has_start=bool(cleaned.get("starts_from")))
        except ConfigInvalid as error:
            self.add_error("n_folds", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return cleaned


class StudyRunForm(forms.ModelForm):
    """A whole published study on a release."""

    study = forms.ChoiceField(choices=study_choices, help_text="All its networks and ablations, each a run of its own.")
    seed = forms.IntegerField(
        min_value=0, max_value=MAX_SEED, initial=0, help_text="The same seed on the same machine: the same figures."
    )
    changes = changes_field("Set in every network differently from the publication. One key=value a line.")

    class Meta:
        model = StudyRun
        fields = ["study", "release", "second", "seed", "changes"]
        labels = {"second": "Second collection"}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        show_as_lines(self.initial, "changes")

    def clean_changes(self):
        return changes_of(self.cleaned_data["changes"])

    def clean(self):
        cleaned = super().clean()
        if self.errors:
            return cleaned
        try:
            study = studies.study(cleaned["study"])
            studies.checked(study, cleaned["changes"], has_second=cleaned["second"] is not None)
        except ConfigInvalid as error:
            self.add_error("second" if "second collection" in str(error) else "changes", str(error))
        return cleaned

    def wanted(self) -> dict:
        """Return what `create_study_run` takes."""
        cleaned = dict(self.cleaned_data)
        return {"name": cleaned.pop("study")} | cleaned


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
        return changes_of(self.cleaned_data["coarse"])

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
