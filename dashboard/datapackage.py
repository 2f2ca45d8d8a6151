"""The dictionary of an export in the form of Frictionless' data packages, which programs read (datapackage.json).

Specification: https://specs.frictionlessdata.io/data-package/ and /table-schema/ (version 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.source import Source
from sim.shared.manifest import sha256_of_file

NAME = "datapackage.json"
TYPES = {"text": "string", "integer": "integer", "number": "number", "flag": "boolean"}
MEDIA = {".csv": ("csv", "text/csv"), ".parquet": ("parquet", "application/vnd.apache.parquet")}


def write_datapackage(source: Source, folder: Path, suffix: str, inside: str = "") -> None:
    """Describe the tables that lie in `folder`/`inside` as files of that suffix; written into `folder`."""
    text = json.dumps(datapackage(source, folder, suffix, inside), indent=1, ensure_ascii=False)
    (folder / NAME).write_text(f"{text}\n", encoding="utf-8")


def datapackage(source: Source, folder: Path, suffix: str, inside: str) -> dict[str, Any]:
    """The descriptor, as plain data."""
    manifest = source.manifest
    return {
        "profile": "data-package",
        "name": f"undercut-{manifest.kind.replace(' ', '-')}",
        "title": f"Undercut: {manifest.kind}",
        "description": f"Made by: {manifest.command}",
        "version": manifest.version,
        "id": source.content_sha256,
        "licenses": [{"name": "Apache-2.0", "path": "https://www.apache.org/licenses/LICENSE-2.0"}],
        "sources": [{"title": f"{part.evidence}: {part.name}: {part.source}"} for part in manifest.inputs],
        "resources": [_resource(source, folder, name, suffix, inside) for name in source.tables],
    }


def _resource(source: Source, folder: Path, name: str, suffix: str, inside: str) -> dict[str, Any]:
    kind, media = MEDIA[suffix]
    path = f"{inside}/{name}{suffix}" if inside else f"{name}{suffix}"
    rows = source.dictionary[source.dictionary["table"] == name].to_dict("records")
    described: dict[str, Any] = {
        "name": name.lower(),
        "path": path,
        "format": kind,
        "mediatype": media,
        "bytes": (folder / path).stat().st_size,
        "hash": f"sha256:{sha256_of_file(folder / path)}",
        "schema": {"fields": [_field(row) for row in rows], "missingValues": [""]},
    }
    if suffix == ".csv":
        described |= {"profile": "tabular-data-resource", "encoding": "utf-8"}
    return described


def _field(row: Mapping[Any, Any]) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": row["column"],
        "type": TYPES[str(row["kind"])],
        "description": str(row["meaning"]),
    }
    if row["unit"]:
        field["unit"] = row["unit"]
    if row["kind"] == "flag":
        field |= {"trueValues": ["True"], "falseValues": ["False"]}
    if not row["may_be_empty"]:
        field["constraints"] = {"required": True}
    return field
