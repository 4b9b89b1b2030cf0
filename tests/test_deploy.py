"""The container and its manifest, as far as they can be held against mockgpt without an engine."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from mockgpt import MockGPT
from mockgpt.cli import main
from mockgpt.mock import build
from mockgpt.server.run import ServerThread, bind

HEALTH = "/opt/mockgpt/health.py"


@pytest.fixture(scope="module")
def dockerfile(root):
    """Return the instructions and what they say, stage by stage."""
    text = (root / "deploy/Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    stages = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


@pytest.fixture(scope="module")
def objects(root):
    found = list(yaml.safe_load_all((root / "deploy/kubernetes.yaml").read_text("utf-8")))
    return {one["kind"]: one for one in found}


def said(stage, word):
    return [rest for instruction, rest in stage if instruction == word]


def variables(stage):
    return dict(pair.split("=", 1) for rest in said(stage, "ENV") for pair in shlex.split(rest))


def test_the_image_is_slim_and_nobody_s(dockerfile):
    assert len(dockerfile) == 2
    for stage in dockerfile:
        assert re.match(r"python:3\.\d+-slim\b", said(stage, "FROM")[0])
    (user,) = said(dockerfile[-1], "USER")
    assert int(user.partition(":")[0]) > 0
    words = [word for word, _ in dockerfile[-1]]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "RUN" not in words


def test_what_the_image_copies_is_there(dockerfile, root):
    for stage in dockerfile:
        for rest in said(stage, "COPY"):
            if not rest.startswith("--from="):
                assert all((root / source).exists() for source in rest.split()[:-1]), rest


def test_the_image_starts_the_command_with_variables_that_it_has(dockerfile):
    program, name = json.loads(said(dockerfile[-1], "ENTRYPOINT")[0])
    assert program == "mockgpt"
    known = {parameter.envvar for parameter in main.commands[name].params}
    given = {name for name in variables(dockerfile[-1]) if name.startswith("MOCKGPT_")}
    assert given <= known
    assert variables(dockerfile[-1])["MOCKGPT_LISTEN"] == "0.0.0.0:8080"


def test_ports_and_health_agree(dockerfile, objects):
    last = dockerfile[-1]
    assert said(last, "EXPOSE") == ["8080"]
    assert json.loads(said(last, "HEALTHCHECK")[0].partition("CMD ")[2]) == ["python", HEALTH]
    assert f"deploy/health.py {HEALTH}" in said(last, "COPY")
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == ["python", HEALTH]
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}


def test_the_service_finds_the_pods_of_the_deployment(objects):
    spec = objects["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels == objects["Service"]["spec"]["selector"]
    assert spec["replicas"] == 1


def test_the_pod_may_do_nothing_but_serve(objects):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_arguments_and_variables_are_those_of_serve(objects):
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    serve = main.commands["serve"]
    known = {option for parameter in serve.params for option in parameter.opts}
    assert {word for word in container["args"] if word.startswith("-")} <= known
    context = serve.make_context("serve", list(container["args"]))
    assert build(*context.params["scenarios"]).engine.loaded.scenario.name == "documentation"
    assert {one["name"] for one in container["env"]} <= {one.envvar for one in serve.params}


def check_health(root, port, **more):
    plain = {name: text for name, text in os.environ.items() if not name.startswith("MOCKGPT_")}
    done = subprocess.run(
        [sys.executable, root / "deploy/health.py"],
        capture_output=True, text=True, timeout=20, check=False,
        env={**plain, "MOCKGPT_LISTEN": f"0.0.0.0:{port}", **more},
    )  # fmt: skip
    return done.returncode, done.stderr


def test_the_health_command_tells_what_is_up(root):
    with MockGPT(control_token="t") as mock:
        port = mock.url.rpartition(":")[2]
        assert check_health(root, port, MOCKGPT_CONTROL_TOKEN="t") == (0, "")
        told = (1, "expected its health, found status 401\n")
        assert check_health(root, port) == told
        assert check_health(root, port, MOCKGPT_CONTROL_TOKEN="u") == told
    code, told = check_health(root, port)
    assert (code, told.partition(":")[0]) == (1, f"mockgpt does not answer on port {port}")


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_server_without_a_token_is_up_where_it_refuses(root, address):
    with bind(address, 0) as listener:
        thread = ServerThread(build(), listener)
        try:
            assert check_health(root, listener.getsockname()[1]) == (0, "")
        finally:
            thread.stop()
