"""Same seed, same bytes: in whatever order sessions run, beside whichever others, and wherever.

`.ci/versions.py` runs this on every interpreter that a machine has.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("sessions.py")
PLACES = {
    "as it is": {},
    "C, a hash seed": {"LC_ALL": "C", "PYTHONHASHSEED": "1", "TZ": "UTC"},
    "Turkish, far east": {"LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4242", "TZ": "Pacific/Apia"},
    "ASCII, far west": {
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONHASHSEED": "0",
        "TZ": "Etc/GMT+12",
    },
}
# On every version of Python alike; a change of the service's words or headers has another one.
KNOWN = "4f818776be0c2ddf1ff7317411be8b41959839d9756e553fd9607a7fa978246a"


def digests(folder, sessions, threads, seed, place="as it is"):
    done = subprocess.run(
        [sys.executable, PROGRAM, str(sessions), str(threads), str(seed)],
        env={**os.environ, **PLACES[place]},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_sessions_one_by_one_and_beside_each_other_get_the_same_bytes(tmp_path):
    alone = digests(tmp_path, 8, 1, seed=1, place="C, a hash seed")
    beside = digests(tmp_path, 8, 8, seed=2, place="Turkish, far east")
    assert alone == beside
    assert len(set(alone.values())) == 8  # each has its own ids
    assert alone["s0"] == KNOWN


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_sessions_get_the_same_bytes_everywhere(tmp_path, place, seed):
    one_by_one = digests(tmp_path, 64, 1, seed=0)
    assert digests(tmp_path, 64, 32, seed, place) == one_by_one
