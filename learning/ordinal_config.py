"""The sections of a configuration that belong to embeddings of judgements alone: no landmarks, no pictures."""

from dataclasses import dataclass

from learning.config_fields import one_of, within


@dataclass(frozen=True)
class OrdinalNetwork:
    """A point for every stimulus; nothing is read from the stimulus itself.

    n_latent : dimensions of one member; 0: as few as predict held-out training judgements as well as any
        (`learning.dimensions.choose`).
    n_members : embeddings trained side by side from different starts. What they say together is the mean of their
        squared distances, which is the squared distance in one space that holds them all (`OrdinalEmbedding.points`).
    groups : columns of the stimuli, separated by commas, such as "subject" or "subject,class_label" or a further
        column by name: two stimuli that differ there are farther apart, by how much is learnt. A column that the
        release does not know is left out.
    distance : how members compare coordinates: "squared" by the sum of squared differences, "city-block" by that of
        absolute ones, which fits dimensions that people attend to separately (Shepard 1964); "both": every other
        member the one, the others the other.
    """

    kind: str = "ordinal-embedding"
    n_latent: int = within(0, 4096, 0)
    n_members: int = within(1, 1000, 6)
    groups: str = ""
    distance: str = one_of("squared", "city-block", "both", default="squared")


@dataclass(frozen=True)
class OrdinalObjective:
    """What a judgement costs, and the priors.

    judgement_loss : "bradley-terry" softplus(d_ap - d_an) of squared or city-block distances d (with the former
        stochastic triplet embedding with Gaussian kernels), "t-ste" the same with Student kernels, "soe"
        max(0, margin + s_ap - s_an) squared, of their roots s (soft ordinal embedding).
    degrees : degrees of freedom of t-STE, 0: n_latent - 1, at least 1. margin : of SOE.
    verdicts : "votes" each of a triplet's votes counts, for and against; "majority" the verdict alone, once.
    ridge : prior precision of the coordinates, so that rarely judged stimuli stay near the middle.
    """

    judgement_loss: str = one_of("bradley-terry", "t-ste", "soe", default="bradley-terry")
    degrees: float = within(0.0, 1000.0, 0.0)
    margin: float = within(1e-6, 1e6, 1.0)
    verdicts: str = one_of("votes", "majority", default="votes")
    ridge: float = within(0.0, 1e6, 10.0)


@dataclass(frozen=True)
class AnnotatorNetwork(OrdinalNetwork):
    """One space for everybody, for each annotator how much each of its dimensions counts, and two habits.

    The habits are a bias to one side of the screen, and to the side of the answer before or away from it; both are
    known before somebody answers. Where a release does not say what was shown where, there is nothing to learn.

    member_sizes : "graded" the members have 1/2, 3/4, 1 and 5/4 of n_latent dimensions in turn: no one number is
        right, and what they say together errs less; "equal" all have n_latent.
    moods : columns as of `groups` that an annotator may go by more, or less, for a while than usually.
    mood_spread : how much, as standard deviation of the log odds. mood_length : for how many responses; moods that
        lie so far apart correlate by 1/e.
    """

    kind: str = "annotator-embedding"
    n_members: int = within(1, 1000, 32)
    groups: str = "subject"
    member_sizes: str = one_of("graded", "equal", default="graded")
    moods: str = "subject,class_label,race,sex"
    mood_spread: float = within(0.0, 1000.0, 0.4)
    mood_length: float = within(1e-3, 1e6, 100.0)


@dataclass(frozen=True)
class AnnotatorObjective:
    """Bradley-Terry likelihood of single responses, and how firmly people are held to the group.

    ridge : as of `OrdinalObjective`.
    weight_shrinkage : prior precision of an annotator's weights around 1, the group; the larger, the more alike.
    noise_shrinkage : prior precision of the logarithm of an annotator's consistency around the group's.
    habit_shrinkage : prior precision of habits, in log odds of a choice, around none.
    pace_shrinkage : prior precision of how much less sure an annotator's slow answers are, around what is usual.
    """

    ridge: float = within(0.0, 1e6, 10.0)
    weight_shrinkage: float = within(0.0, 1e6, 2.0)
    noise_shrinkage: float = within(0.0, 1e6, 1.0)
    habit_shrinkage: float = within(0.0, 1e6, 25.0)
    pace_shrinkage: float = within(0.0, 1e6, 10.0)
