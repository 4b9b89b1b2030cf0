# ruff: noqa: INP001 (a script)
"""What an installed mockgpt is made of, as CycloneDX, beside its wheel: `sbom.py dist/mockgpt-….whl`.

To be run by the Python of an environment into which that wheel was installed. Nothing in it tells of
the time or the machine: the same wheel and the same dependencies are the same bytes.
"""

import hashlib
import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = "mockgpt"


def closure(name: str) -> dict[str, list[str]]:
    """Return what is installed because of a distribution, itself first, and what each needs."""
    needs: dict[str, list[str]] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop(0)
        if one not in needs:
            needs[one] = sorted({*filter(_installed, _required(distribution(one)))})
            waiting += needs[one]
    return needs


def _required(found: Distribution) -> list[str]:
    """Return what it asks for, but for what its extras ask for."""
    lines = [line.partition(";") for line in found.requires or []]
    return [_canonical(line) for line, _, marker in lines if "extra ==" not in marker]


def _canonical(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name, f"expected a requirement, found {requirement!r}"
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def _installed(name: str) -> bool:
    """Tell whether it is here: what a marker leaves out is not."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def component(name: str) -> dict[str, Any]:
    """Return one distribution as it describes itself."""
    found = distribution(name)
    purl = f"pkg:pypi/{name}@{found.version}"
    return {
        "type": "application" if name == ROOT else "library",
        "bom-ref": purl,
        "name": name,
        "version": found.version,
        "description": found.metadata["Summary"],
        "licenses": _licences(found),
        "purl": purl,
    }


def _licences(found: Distribution) -> list[dict[str, Any]]:
    if expression := found.metadata.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = found.metadata.get_all("Classifier") or []
    names = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return [{"license": {"name": name}} for name in names or [found.metadata["License"]]]


def sbom(wheel: Path) -> dict[str, Any]:
    """Return the document for a wheel that is installed here."""
    needs = closure(ROOT)
    root, *others = map(component, needs)
    root["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    reference = {one["name"]: one["bom-ref"] for one in (root, *others)}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root},
        "components": sorted(others, key=lambda one: one["name"]),
        "dependencies": [
            {"ref": reference[name], "dependsOn": [reference[need] for need in needs[name]]}
            for name in sorted(needs)
        ],
    }


if __name__ == "__main__":
    built = Path(sys.argv[1])
    written = built.with_name("-".join(built.name.split("-")[:2]) + ".cdx.json")
    written.write_text(json.dumps(sbom(built), indent=2) + "\n", "utf-8")
    sys.stdout.write(f"{written.name}: {len(closure(ROOT)) - 1} dependencies\n")
