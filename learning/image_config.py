"""The two sections of a configuration that belong to networks of pictures."""

from dataclasses import dataclass

from learning.config_fields import one_of, within


@dataclass(frozen=True)
class ImageNetwork:
    """A network that sees pictures: what it is and what it is shown.

    architecture : "mlp" feed-forward, "cnn" five convolutions, "gradients" dense layers on histograms of oriented
        gradients and coarse colours, for small collections, "levi-hassner" the age and gender network of that
        name, "vgg16", "resnet50", "vit-b-16", or the name of any other backbone that timm knows.
    size, channels : side of the square picture in pixels; 3 colour or 1 grey.
    crop : "whole" the largest square in the middle of the picture, "face" a square around the landmarks, with
        which a stimulus without landmarks is left out, "aligned" the same with eyes and mouth always in one place.
    neutral : "difference" tells a picture by its difference to the same person's neutral picture, of several the one
        that shares most further columns (pose, eyes); a picture of a person without one is left out.
    standardise : subtract the mean and divide by the standard deviation of all "training" pixels, or of each
        "picture" itself, which takes its light and contrast away.
    rotation, shift : each training picture is turned by up to so many degrees and moved by up to so large a share
        of its side, at random. Flips are `training.mirror`.
    hidden : widths of the dense layers of "mlp", "cnn" and "gradients", empty: as published, or what is usual.
    dropout_keep : of dense units.
    batch_norm : "yes" puts batch normalisation behind every convolution of "cnn", every layer of "mlp".
    width : share of the published width of vgg16, resnet50 and vit-b-16, below 1 for trials on small machines.
    pretrained : "" none; a .safetensors file; a folder that holds model.safetensors or checkpoint.safetensors;
        "hub:NAME" a name of the model hub. A plain name is also looked for in the folder $PRETRAINED_DIR.
    trained : "full" every layer; "dense" only the fully connected ones, on what pretrained convolutions see; "ridge"
        nothing but the last layer, solved for in closed form (`learning.ridge`) on the features of "gradients" or
        of a pretrained backbone, which stay as they are. For attributes; flips add each picture's mirror image.
    n_embedding : outputs of the metric head of triplets.
    precision : "auto" bfloat16 on a GPU that has it, float16 with scaled gradients on an older one and float32 on a
        CPU; or one of the three.
    """

    kind: str = "image"
    architecture: str = "cnn"
    size: int = within(16, 1024, 64)
    channels: int = one_of(1, 3, default=3)
    crop: str = one_of("whole", "face", "aligned", default="whole")
    neutral: str = one_of("no", "difference", default="no")
    standardise: str = one_of("training", "picture", default="training")
    rotation: float = within(0.0, 180.0, 0.0)
    shift: float = within(0.0, 0.5, 0.0)
    hidden: tuple[int, ...] = ()
    dropout_keep: float = within(0.05, 1.0, 0.5)
    batch_norm: str = one_of("yes", "no", default="no")
    width: float = within(0.01, 1.0, 1.0)
    pretrained: str = ""
    trained: str = one_of("full", "dense", "ridge", default="full")
    n_embedding: int = within(1, 4096, 30)
    precision: str = one_of("auto", "float32", "bfloat16", "float16", default="auto")


@dataclass(frozen=True)
class ImageObjective:
    """What an image network is asked to say.

    target : "class", "attributes" or "triplets".
    label : the column that holds the classes, "class_label" or one of the release's further columns; of several
        names separated by "|" the first that the release has.
    labels : "class" one right class a picture; "votes" what share of people said each class, from ratings or
        attributes that carry the classes' names.
    class_weights : "balanced" weighs a picture by n/(k n_c), so that every class counts the same.
    label_smoothing : share of the target spread over all classes.
    attributes : names separated by commas, "" all that the release has; "happy|happiness" is either of them.
    ratings : the plain "mean", or "weighted" by each annotator's consistency.
    rating_weights : "variance" weighs a rating by the inverse variance of its mean, "equal" does not.
    scaling : attributes are learnt with mean 0 and variance 1 ("standard"), or the scale's ends as 0 and 1 ("unit").
    regression : "squared" or "absolute" error.
    likelihood, vote_weights : of triplets, as in `TopologicalVaeObjective`.
    """

    target: str = one_of("class", "attributes", "triplets", default="class")
    label: str = "class_label"
    labels: str = one_of("class", "votes", default="class")
    class_weights: str = one_of("none", "balanced", default="none")
    label_smoothing: float = within(0.0, 0.99, 0.0)
    attributes: str = ""
    ratings: str = one_of("mean", "weighted", default="mean")
    rating_weights: str = one_of("variance", "equal", default="variance")
    scaling: str = one_of("standard", "unit", default="standard")
    regression: str = one_of("squared", "absolute", default="squared")
    likelihood: str = one_of("weighted", "votes", default="weighted")
    vote_weights: str = one_of("difference", "normalised", "equal", default="normalised")
