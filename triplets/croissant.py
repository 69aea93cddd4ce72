"""The description of a release in MLCommons Croissant 1.0 (JSON-LD), for dataset search engines."""

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}
NUMBERS = {
    "degree", "is_neutral", "n_positive", "n_votes", "weight", "posterior", "is_same_subject", "question", "mean",
    "spread", "n", "weighted_mean", "rating", "position", "response_ms", "latency_ms", "n_alike",
}  # fmt: skip
ENCODINGS = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".npz": "application/zip",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}


def describe(described: dict, columns: dict, files: dict) -> dict:
    """Return the Croissant document.

    described : study, collection, settings and counts as in the manifest.
    columns : table -> column -> sentence.      files : path -> {"sha256", "n_bytes"}.
    Pictures are summed up by the stimuli table and not listed one by one.
    """
    study, collection = described["study"], described["collection"]
    tables = [name for name in columns if f"{name}.parquet" in files]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": study["name"],
        "description": f"{study.get('title') or study['name']}: human judgements of {collection['name']}, "
        f"{described['counts']['responses']} responses.",
        "license": collection.get("licence") or "not stated",
        "citeAs": collection.get("source", ""),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "contentUrl": path,
                "contentSize": f"{facts['n_bytes']} B",
                "encodingFormat": next((kind for end, kind in ENCODINGS.items() if path.endswith(end)), "text/plain"),
                "sha256": facts["sha256"],
            }
            for path, facts in files.items()
            if "/" not in path
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": table,
                "name": table,
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"{table}/{column}",
                        "name": column,
                        "description": sentence,
                        "dataType": "sc:Number" if column in NUMBERS else "sc:Text",
                        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column}},
                    }
                    for column, sentence in columns[table].items()
                ],
            }
            for table in tables
        ],
    }
