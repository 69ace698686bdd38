"""Clients that generators make of the OpenAPI document do the main job against a running server."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients.generators import HERE, GeneratedClient, python_client, typescript_client
from tests.support.servers import GunicornServer

pytestmark = pytest.mark.slow

MAIN_JOB = """\
sign-up: customer Ada
sign-in: Bearer for 600 s
account: checking EUR, balance 0
account: savings EUR, balance 0
deposit: 10000, balance 10000
transfer: 2500 EUR, Rent, Grüße
retry: the same answer, replayed: true
refusal: 422 insufficient_funds
pages: 2500, 10000
card: virtual, active, 16 digits
statement json: 0 to 7500, 2 entries
statement csv: "dat in a file that ends in csv
statement pdf: %PDF in a file that ends in pdf
statement ofx: OFXH in a file that ends in ofx
statement camt053: <?xm in a file that ends in xml
statement mt940: :20: in a file that ends in sta
"""
"""What both clients print."""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> GeneratedClient:
    return python_client(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> GeneratedClient:
    return typescript_client(tmp_path_factory.mktemp("typescript"))


@pytest.fixture(params=["python", "typescript"])
def client(request: pytest.FixtureRequest) -> GeneratedClient:
    # By name: as a session's parameter beside the dialects, each client would be generated several times.
    made: GeneratedClient = request.getfixturevalue(request.param)
    return made


def test_a_generated_client_does_the_main_job(client: GeneratedClient, server: GunicornServer) -> None:
    assert client.run(server.url) == MAIN_JOB.splitlines()


def test_the_generator_has_no_complaint(client: GeneratedClient) -> None:
    assert client.warnings == ""


def test_npm_packages_are_pinned_by_version_and_hash_and_name_no_registry() -> None:
    asked = json.loads((HERE / "typescript" / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    root, *packages = json.loads((HERE / "typescript" / "package-lock.json").read_text())["packages"].values()
    assert root["devDependencies"] == asked
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
