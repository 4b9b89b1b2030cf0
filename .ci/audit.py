# ruff: noqa: INP001, S603 (a script, which runs what it is to check)
"""What an environment with mockgpt has in it: whole, as its SBOM says, and without known weaknesses.

`audit.py ENVIRONMENT SBOM`. Advisories come from a service: what it cannot be asked about is told,
and is no failure.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

INSTALLERS = {"pip", "setuptools"}  # a new environment has them


def check_whole(environment: Path) -> None:
    """Check that each distribution finds what it asks for."""
    python = str(environment / "bin/python")
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "check"], check=True)


def check_sbom(text: str, site: str) -> None:
    """Check that a document is valid, and names what is installed and nothing else."""
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, f"the SBOM is not CycloneDX 1.6: {problem}"
    document = json.loads(text)
    listed = [document["metadata"]["component"], *document["components"]]
    told = {(one["name"], one["version"]) for one in listed}
    there = {(canonicalize_name(one.name), one.version) for one in distributions(path=[site])}
    there = {(name, version) for name, version in there if name not in INSTALLERS}
    assert told == there, f"the SBOM and the environment differ: {sorted(told ^ there)}"
    sys.stdout.write(f"the SBOM is valid, and has all {len(told)} distributions\n")


def check_advisories(site: str) -> None:
    """Ask for advisories, as far as they are to be had."""
    audit = ["-m", "pip_audit", "--path", site, "--format", "json", "--timeout", "5"]
    try:
        done = subprocess.run(
            [sys.executable, *audit, "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):  # it writes none when it reaches none
        sys.stdout.write("NOT AUDITED: the service of advisories was not reached\n")
        return
    asked = [one for one in found if "skip_reason" not in one and one["name"] not in INSTALLERS]
    weak = [f"{one['name']}: {why['id']}" for one in asked for why in one["vulns"]]
    assert not weak, f"known weaknesses: {weak}"
    left_out = sorted({one["name"] for one in found} - {one["name"] for one in asked} - INSTALLERS)
    sys.stdout.write(f"advisories were had for {len(asked)} distributions, and tell of none\n")
    if left_out:
        sys.stdout.write(
            f"NOT AUDITED, as the service does not know them:\n  {', '.join(left_out)}\n"
        )


def main() -> None:
    """Check an environment."""
    environment, sbom = map(Path, sys.argv[1:])
    (site,) = map(str, environment.glob("lib/python3*/site-packages"))
    check_whole(environment)
    check_sbom(sbom.read_text("utf-8"), site)
    check_advisories(site)


if __name__ == "__main__":
    main()
