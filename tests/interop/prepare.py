# ruff: noqa: T201 (a script, whose steps are told on standard output)
"""Creates the environments of the clients that cannot live in the test environment.

Usage: python tests/interop/prepare.py [FOLDER]

FOLDER is `.interop` at the project's root by default; for another one the tests read
MOCKGPT_INTEROP. A folder that is there in the pinned versions is left as it is.
"""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[2] / ".interop"

# numpy: without it this client dies on base64 embeddings, which it asks for by default.
LEGACY = ("openai==0.28.1", "numpy>=1.26")
# 7.x wants a newer node than Debian's stable release has; 4.104.0 is the last of the fetch shims.
# test_faults.py and its page name these versions.
NODE = {"openai-today": "npm:openai@6.49.0", "openai-v4": "npm:openai@4.104.0"}

_SECONDS = 300  # of one installation, on a slow line


def legacy_python(folder: Path) -> Path:
    """Return the interpreter that has openai 0.28.1."""
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    return folder / "legacy" / scripts / "python"


def node_project(folder: Path) -> Path:
    """Return the folder whose `node_modules` has both versions of openai."""
    return folder / "node"


def is_ready(environment: Path, pins: object) -> bool:
    """Tell whether an environment was completed, with these very pins."""
    stamp = environment / "ready.json"
    return stamp.is_file() and stamp.read_text("utf-8") == json.dumps(pins)


def _prepare(environment: Path, pins: object, install: Callable[[Path], None]) -> None:
    name = environment.name
    if is_ready(environment, pins):
        print(f"{name}: ready in {environment}")
        return
    shutil.rmtree(environment, ignore_errors=True)  # half of one, or of other versions
    environment.mkdir(parents=True)
    install(environment)
    (environment / "ready.json").write_text(json.dumps(pins), "utf-8")
    print(f"{name}: created in {environment}")


def _install_legacy(environment: Path) -> None:
    venv.create(environment, with_pip=True)
    python = str(legacy_python(environment.parent))
    _run([python, "-m", "pip", "install", "--quiet", "--no-input", *LEGACY], environment)


def _install_node(environment: Path) -> None:
    project = {"private": True, "type": "module", "dependencies": NODE}
    (environment / "package.json").write_text(json.dumps(project, indent=2), "utf-8")
    npm = shutil.which("npm") or "npm"
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
    _run([npm, "install", *quiet], environment)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failure(folder, command, f"it took more than {_SECONDS} s") from None
    if done.returncode != 0:
        raise _failure(folder, command, (done.stdout + done.stderr).strip()[-2000:])


def _failure(folder: Path, command: list[str], reason: str) -> SystemExit:
    return SystemExit(
        f"{folder.name}: could not be created by `{' '.join(command)}`:\n{reason}\n"
        f"Mend that and run this again: it begins {folder} afresh."
    )


def main(arguments: list[str]) -> None:
    """Create what is missing, one line for each client."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        raise SystemExit((__doc__ or "").strip())
    folder = Path(arguments[0]).resolve() if arguments else DEFAULT
    _prepare(folder / "legacy", LEGACY, _install_legacy)
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        print(f"node: left out, {' and '.join(missing)} not found on PATH")
    else:
        _prepare(node_project(folder), NODE, _install_node)
    if folder != DEFAULT:
        print(f"Set MOCKGPT_INTEROP={folder} for the tests.")


if __name__ == "__main__":
    main(sys.argv[1:])
