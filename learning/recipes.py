"""The published studies, and what we found to work as well in less time, as named configurations."""

from dataclasses import dataclass
from difflib import get_close_matches

from learning import image_recipes, vae_recipes
from learning.config import Config, Optimiser, Training
from learning.ordinal_config import AnnotatorNetwork, AnnotatorObjective, OrdinalNetwork, OrdinalObjective

DEFAULT = "topological-vae"


#: What a name begins with -> its heading; the first that fits.
_GROUPS = {
    "topological-vae/posed-": "Topological VAE, as published for posed expressions",
    "topological-vae/spontaneous-": "Topological VAE, as published for spontaneous expressions",
    "topological-vae": "Topological VAE",
    "ordinal-": "Judgements alone",
    "annotator-": "Judgements alone",
    "picture-": "Networks of pictures",
    "fer2013-networks/": "FER-2013 networks",
    "vit-vs-resnet/": "ViT against ResNet",
    "vgg16-attributes": "Attributes",
    "lrp-attributes/": "Attributes",
}


class RecipeUnknown(ValueError):
    """No recipe has that name; the message lists those that exist."""


@dataclass(frozen=True)
class Recipe:
    """A configuration with a name, what it is and where it comes from, one line each."""

    name: str
    summary: str
    source: str
    config: Config

    @property
    def group(self) -> str:
        """The heading under which lists show it."""
        return next(title for start, title in _GROUPS.items() if self.name.startswith(start))


def recipe(name: str) -> Recipe:
    """Return the recipe of that name, or raise RecipeUnknown with the names that are near, or else exist."""
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES, n=5) or [known for known in RECIPES if "/" not in known]
        listed = f"python -m learning --list shows all {len(RECIPES)}"
        raise RecipeUnknown(f"there is no recipe {name!r}: expected such as {', '.join(near)} ({listed})")
    return RECIPES[name]


def groups() -> dict[str, tuple[Recipe, ...]]:
    """Return heading -> recipes, in the order in which a list or a field of choices shows them."""
    found: dict[str, list[Recipe]] = {}
    for entry in RECIPES.values():
        found.setdefault(entry.group, []).append(entry)
    return {title: tuple(entries) for title, entries in found.items()}


_FAST = Config()
_OWN = "this project's trials: the published quality in a small part of its time (bench/vae.py)"
_JUDGEMENTS_OPTIMISER = Optimiser(learning_rate=0.05, warmup=20, clip_norm=0.0)
#: One batch of everything up to 65,536 judgements; the last step is the best, there is nothing that overfits later.
_JUDGEMENTS_TRAINING = Training(
    n_steps=300, triplet_batch_size=65_536, mirror="no", jitter=0.0, validate_every=50, selection="last",
    validation_share=0.02,
)  # fmt: skip

_ALL = [
    Recipe(
        DEFAULT,
        "Model 3, residual form, one shared batch, 1,500 steps: seconds on one CPU core",
        _OWN,
        _FAST,
    ),
    Recipe(
        "topological-vae-large",
        "The same with the published widths: a little better from thousands of stimuli on, at twice the time",
        f"{_OWN}; docs/topological-vae.md",
        _FAST.with_changes({"encoder": "480,240,120,60", "decoder": "300,400,300"}),
    ),
    Recipe(
        "topological-vae-model-1",
        "Model 1 of the same kind: no neutral face, no triplets",
        _OWN,
        _FAST.with_changes({"model": 1}),
    ),
    Recipe(
        "topological-vae-model-2",
        "Model 2 of the same kind: neutral face, no triplets",
        _OWN,
        _FAST.with_changes({"model": 2}),
    ),
    *(
        Recipe(
            f"topological-vae-{collection}-published",
            f"Model 3 as published for {collection} expressions, 100,000 iterations",
            f"{best.source}; on test: {on_test}",
            best.config,
        )
        for collection, (best, on_test) in vae_recipes.BEST.items()
    ),
    Recipe(
        "ordinal-embedding",
        "Points for the stimuli from triplets alone; --set judgement_loss=t-ste or soe for the other two methods",
        "stochastic triplet embedding (van der Maaten & Weinberger 2012), soft ordinal embedding (Terada & von Luxburg "
        "2014); dimensions, prior and members chosen on training judgements (docs/embeddings.md)",
        Config(OrdinalNetwork(), OrdinalObjective(), _JUDGEMENTS_OPTIMISER, _JUDGEMENTS_TRAINING),
    ),
    Recipe(
        "annotator-embedding",
        "One space for everybody and each annotator's weights on its dimensions, shrunk to the group",
        "weighted dimensions of individuals as in INDSCAL (Carroll & Chang 1970) with a Bradley-Terry likelihood; "
        "chosen on training responses (docs/embeddings.md)",
        Config(AnnotatorNetwork(), AnnotatorObjective(), _JUDGEMENTS_OPTIMISER, _JUDGEMENTS_TRAINING),
    ),
]
_ALL += [Recipe(*entry) for entry in image_recipes.ALL]
_ALL += [Recipe(row.name, row.summary, row.source, row.config) for row in vae_recipes.PUBLISHED.values()]
RECIPES: dict[str, Recipe] = {entry.name: entry for entry in _ALL}
