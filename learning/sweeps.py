"""Random search: settings drawn from ranges, coarse to fine.

Random rather than on a grid, since a few settings matter and nobody knows which (Bergstra & Bengio 2012), and on a log
scale, since what matters about a rate is its factor. Each round but the first draws from ranges of half the width
about the best that was found before.

What is drawn depends on the seed, the round and the best so far alone, so that a search which was interrupted draws
the same again.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from learning.config import Config, ConfigInvalid

MAX_TRIALS = 500
_DIGITS = 4


@dataclass(frozen=True)
class Range:
    """Numbers from low to high of one setting, evenly in their logarithm where `is_log`."""

    key: str
    low: float
    high: float
    is_log: bool = True
    is_whole: bool = False

    def drawn(self, generator: np.random.Generator) -> str:
        low, high = self._bounds()
        value = generator.uniform(low, high)
        return self._text(math.exp(value) if self.is_log else value)

    def halved(self, best: str) -> "Range":
        """Return the range of half the width about a value, moved inside this one."""
        low, high = self._bounds()
        middle, half = self._scaled(float(best)), (high - low) / 4
        middle = min(max(middle, low + half), high - half)
        ends = (middle - half, middle + half)
        if self.is_log:
            ends = tuple(math.exp(end) for end in ends)
        return dataclasses.replace(self, low=max(self.low, ends[0]), high=min(self.high, ends[1]))

    def place(self, value: str) -> float:
        """Return where a value lies between the ends, 0 to 1, as a plot's axis shows it."""
        low, high = self._bounds()
        return (self._scaled(float(value)) - low) / (high - low)

    def described(self) -> str:
        low, high = (self._text(end) for end in (self.low, self.high))
        return f"{self.key}={'' if self.is_log else 'linear:'}{low}..{high}"

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_log else value

    def _bounds(self) -> tuple[float, float]:
        return self._scaled(self.low), self._scaled(self.high)

    def _text(self, value: float) -> str:
        return str(round(value)) if self.is_whole else f"{value:.{_DIGITS}g}"


@dataclass(frozen=True)
class Choice:
    """Some values of one setting, each as likely as the others; never narrowed."""

    key: str
    values: tuple[str, ...]

    def drawn(self, generator: np.random.Generator) -> str:
        return self.values[generator.integers(len(self.values))]

    def halved(self, best: str) -> "Choice":
        return self

    def place(self, value: str) -> float:
        return (self.values.index(value) + 0.5) / len(self.values)

    def described(self) -> str:
        return f"{self.key}={'|'.join(self.values)}"


Space = tuple[Range | Choice, ...]


@dataclass(frozen=True)
class Plan:
    """A whole search: what is drawn, how often, and what every trial or all but the last round share.

    space : what is drawn. n_rounds, n_trials : rounds, and trials of each.
    changes : settings of every trial; coarse : further ones of all rounds but the last, such as fewer epochs.
    """

    space: Space
    n_rounds: int = 2
    n_trials: int = 8
    changes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    coarse: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def settings(self, number: int, drawn: Mapping[str, str]) -> dict[str, str]:
        """Return what a trial of a round (from 1) sets differently from the recipe."""
        return {**self.changes, **(self.coarse if number < self.n_rounds else {}), **drawn}


@dataclass(frozen=True)
class Trial:
    """One trial that was made. number : its round, from 1; score : None where it failed or was stopped."""

    number: int
    drawn: Mapping[str, str]
    score: float | None


def read_space(lines: Iterable[str], config: Config) -> Space:
    """Read ranges, one `key=low..high`, `key=linear:low..high` or `key=one|other` each.

    ConfigInvalid quotes what is no range, no setting of the configuration, or no value that it takes.

    >>> [part.described() for part in read_space(["learning_rate=1e-5..1e-2", "form=residual|concatenated"], Config())]
    ['optimiser.learning_rate=1e-05..0.01', 'network.form=residual|concatenated']
    """
    space: list[Range | Choice] = []
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            raise ConfigInvalid(f"{line!r} is no range: {_EXPECTED}")
        key, value = _setting(config, key)
        if key in {part.key for part in space}:
            raise ConfigInvalid(f"{key} is searched a second time: {line!r}")
        space.append(_range(key, text, value, line) if ".." in text else _choice(key, text, line))
        for end in _ends(space[-1]):
            config.with_changes({key: end})
    if not space:
        raise ConfigInvalid(f"there is nothing to search: {_EXPECTED}")
    return tuple(space)


_EXPECTED = "expected key=low..high, key=linear:low..high or key=one|other, such as learning_rate=1e-5..1e-2"


def _setting(config: Config, key: str) -> tuple[str, object]:
    """Return the full name of a setting and its value; ConfigInvalid where there is none, or where it is the kind."""
    section, _, name = key.rpartition(".")
    for home, settings in config.to_dict().items():
        if name in settings and section in ("", home) and name != "kind":
            return f"{home}.{name}", settings[name]
    config.with_changes({key: ""})  # says which settings there are
    raise ConfigInvalid(f"{key} cannot be searched")


def _range(key: str, text: str, value, line: str) -> Range:
    is_linear = text.startswith("linear:")
    parts = text.removeprefix("linear:").split("..")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise ConfigInvalid(f"{line!r} is no range: {_EXPECTED}") from None
    if isinstance(value, str | list | tuple):
        raise ConfigInvalid(f"{line!r}: {key} is no number, expected {key}=one|other")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigInvalid(f"{line!r} goes from {parts[0]} to {parts[1]}: expected the smaller end first")
    if low <= 0 and not is_linear:
        raise ConfigInvalid(
            f"{line!r} starts at {parts[0]}, which has no logarithm: expected more than 0, or {key}=linear:{text}"
        )
    return Range(key, low, high, is_log=not is_linear, is_whole=isinstance(value, int))


def _choice(key: str, text: str, line: str) -> Choice:
    values = tuple(dict.fromkeys(part.strip() for part in text.split("|")))
    if len(values) < 2:
        raise ConfigInvalid(f"{line!r} leaves nothing to choose: {_EXPECTED}")
    return Choice(key, values)


def _ends(part: Range | Choice) -> Iterable[str]:
    return part.values if isinstance(part, Choice) else (part._text(part.low), part._text(part.high))


def checked(plan: Plan, config: Config) -> Plan:
    """Return the plan, or raise ConfigInvalid where a trial of it could not be configured."""
    if plan.n_rounds < 1 or plan.n_trials < 1 or plan.n_rounds * plan.n_trials > MAX_TRIALS:
        raise ConfigInvalid(
            f"{plan.n_rounds} rounds of {plan.n_trials} trials: expected at least one of each and at most {MAX_TRIALS} "
            "trials"
        )
    searched = {part.key for part in plan.space}
    for key in (*plan.changes, *plan.coarse):
        if _setting(config, key)[0] in searched:
            raise ConfigInvalid(f"{key} is both set and searched")
    for number in (1, plan.n_rounds):
        config.with_changes(plan.settings(number, {}))
    return plan


def round_space(plan: Plan, number: int, trials: Iterable[Trial]) -> Space:
    """Return what round `number` (from 1) draws from: the ranges halved about the best of each round before it."""
    trials, space = list(trials), plan.space
    for before in range(1, number):
        found = best_trial([trial for trial in trials if trial.number <= before])
        if found is not None:
            space = tuple(part.halved(found.drawn[part.key]) for part in space)
    return space


def draw_round(plan: Plan, number: int, trials: Iterable[Trial], *, seed: int) -> list[dict[str, str]]:
    """Return what the trials of a round set, {key: text}, one a trial; two alike are drawn anew where possible."""
    space = round_space(plan, number, trials)
    generator = np.random.default_rng([seed, number])
    drawn: list[dict[str, str]] = []
    for _ in range(plan.n_trials):
        for _ in range(20):
            trial = {part.key: part.drawn(generator) for part in space}
            if trial not in drawn:
                break
        drawn.append(trial)
    return drawn


def best_trial(trials: Iterable[Trial]) -> Trial | None:
    """Return the trial with the highest score, the earliest of equals; None where none has a score."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: trial.score, default=None)


def winner(plan: Plan, trials: Iterable[Trial]) -> Trial | None:
    """Return the best trial of all; where coarse rounds were cut short, of the last round if that has one."""
    trials = list(trials)
    last = [trial for trial in trials if trial.number == plan.n_rounds]
    return (best_trial(last) if plan.coarse else None) or best_trial(trials)


#: What a trial is judged by, the first that its figures have: validation only, the test split is never looked at.
FIGURES = ("f1_validation", "r2_validation", "satisfied_validation_conditional", "satisfied_validation_pooled",
           "satisfied_validation", "accuracy_validation", "-mae_validation", "-validation_loss")  # fmt: skip


def figure_of(metrics: Mapping) -> str | None:
    """Return the name in FIGURES by which a training with these figures is judged."""
    return next((name for name in FIGURES if score_of(metrics, name) is not None), None)


def score_of(metrics: Mapping, figure: str) -> float | None:
    """Return a figure, more is better: one whose name begins with "-" counts negatively. None where it is absent."""
    value = metrics.get(figure.removeprefix("-"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return -float(value) if figure.startswith("-") else float(value)


#: recipe -> the ranges that its study searched. Of FER-2013's the text gives log ranges, a first rate of .01, one or
#: two epochs coarse and five to ten fine; the ends of the ranges are ours.
PUBLISHED: dict[str, tuple[tuple[str, ...], Mapping[str, str], Mapping[str, str]]] = {
    name: (
        ("learning_rate=1e-5..1e-1", "decay=1e-6..1e-2", "weight_decay=1e-6..1e-2", "batch_size=8..128"),
        {"training.epochs": "10"},
        {"training.epochs": "2"},
    )
    for name in ("fer2013-networks/feed-forward", "fer2013-networks/cnn")
}


def published_plan(recipe_name: str, config: Config) -> Plan:
    """Return the search that a recipe's study made; ConfigInvalid where none is known."""
    if recipe_name not in PUBLISHED:
        known = ", ".join(PUBLISHED)
        raise ConfigInvalid(f"no search of {recipe_name} was published: name ranges, {_EXPECTED} (known: {known})")
    lines, changes, coarse = PUBLISHED[recipe_name]
    return Plan(read_space(lines, config), 2, 20, changes, coarse)
