"""What the topological VAE thesis reports without a network, and of its best networks on test, to stand beside ours."""

_DIMS = ("raw", "pca_50", "pca_40", "pca_30", "pca_20")


def _columns(**figures) -> dict[str, dict[str, float]]:
    """Return {baseline: {figure: value}} from the columns of a table: raw landmarks, then PCA 50, 40, 30, 20."""
    names = {name.replace("satisfied_5", "satisfied 5").lstrip("_"): values for name, values in figures.items()}
    return {row: {name: values[k] for name, values in names.items()} for k, row in enumerate(_DIMS)}


#: study -> (title, split -> baseline -> figures)
BASELINES: dict[str, tuple[str, dict[str, dict[str, dict[str, float]]]]] = {
    "topological-vae/posed": (
        "Without a network (tables 6.1 and 6.3)",
        {
            "validation": _columns(
                accuracy=(0.684, 0.648, 0.652, 0.636, 0.548), satisfied=(0.564, 0.566, 0.564, 0.566, 0.564)
            ),
            "test": _columns(
                accuracy=(0.72, 0.724, 0.708, 0.676, 0.676), satisfied=(0.593, 0.593, 0.594, 0.592, 0.591)
            ),
        },
    ),
    "topological-vae/spontaneous": (
        "Without a network (tables 6.2 and 6.4)",
        {
            "validation": _columns(
                F1=(0.598, 0.584, 0.574, 0.588, 0.59),
                AUC=(0.766, 0.762, 0.76, 0.766, 0.756),
                satisfied_5=(0.678, 0.678, 0.678, 0.678, 0.675),
                _3=(0.605, 0.608, 0.606, 0.608, 0.608),
                _1=(0.487, 0.488, 0.49, 0.501, 0.51),
            ),
            "test": _columns(
                F1=(0.633, 0.627, 0.627, 0.646, 0.635),
                AUC=(0.766, 0.77, 0.771, 0.771, 0.757),
                satisfied_5=(0.747, 0.747, 0.751, 0.743, 0.751),
                _3=(0.615, 0.618, 0.618, 0.608, 0.614),
                _1=(0.549, 0.545, 0.549, 0.549, 0.548),
            ),
        },
    ),
}


def _spontaneous(*row: float) -> dict[str, float]:
    return dict(zip(("F1", "AUC", "satisfied 5", "3", "1"), row, strict=True))


#: study -> (title, the figure by which the best network is chosen on validation, model -> figures on test)
ON_TEST: dict[str, tuple[str, str, dict[str, dict[str, float]]]] = {
    "topological-vae/posed": (
        "The best of each model on test (table 6.14)",
        "accuracy",
        {
            "1": {"accuracy": 0.64, "satisfied": 0.592},
            "2": {"accuracy": 0.72, "satisfied": 0.67},
            "3": {"accuracy": 0.736, "satisfied": 0.798},
        },
    ),
    "topological-vae/spontaneous": (
        "The best of each model on test (table 6.23)",
        "F1",
        {
            "1": _spontaneous(0.637, 0.753, 0.706, 0.593, 0.494),
            "2": _spontaneous(0.644, 0.752, 0.647, 0.584, 0.495),
            "3": _spontaneous(0.658, 0.764, 0.849, 0.716, 0.556),
        },
    ),
}
