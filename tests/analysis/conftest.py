"""A release and a checkpoint that are really trained, small enough to be made once for all tests of analysis."""

import json

import pytest

from tests.analysis.releases import judged_faces


def train(release, out, **changes):
    from learning.recipes import DEFAULT, recipe
    from learning.training import train_release

    settings = {"n_steps": 120, "validate_every": 30, "n_latent": 8, "encoder": "48", "decoder": "48"} | changes
    config = recipe(DEFAULT).config.with_changes(settings)
    return train_release(release, config, seed=0, out=out, recipe_name=DEFAULT).checkpoint


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Decoded pictures lie in a folder of their own for each file of tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.mktemp("decoded")))
        yield


@pytest.fixture(scope="session")
def small_release(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("small") / "release", n_subjects=10, pictures="plain")


@pytest.fixture(scope="session")
def small_checkpoint(small_release, tmp_path_factory):
    return train(small_release, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def measured(small_release, small_checkpoint):
    """Results as they come back from JSON."""
    from analysis.evaluation import evaluate

    return json.loads(json.dumps(evaluate(small_checkpoint, small_release, n_bootstrap=200), allow_nan=False))


@pytest.fixture(scope="session")
def rich_release(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("rich") / "release", n_subjects=45, people=True, per_stimulus=2)


@pytest.fixture(scope="session")
def rich(rich_release):
    """Results with every part that needs no second network, as they come back from JSON."""
    from analysis.evaluation import summarise
    from tests.analysis.rich import naming, perceived, with_answers

    made = with_answers(perceived(rich_release), naming(rich_release))
    return json.loads(json.dumps(summarise(made, rich_release, n_bootstrap=200), allow_nan=False))
