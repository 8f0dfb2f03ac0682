"""docs/hosts/ruby.md runs in Ruby as it stands there, and `sealgate.session` verifies what it signs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.hosts.pages import ORIGIN, USER, Host, write_blocks

pytestmark = pytest.mark.ruby

RACK = """
require "./assistant_session"
app = AssistantSession.new(AssistantSigner.new) { |env| env["user"] }
puts JSON.generate(JSON.parse(STDIN.read).map { |env| app.call(env) })
"""

# As much of Rails as the controller names: what it declares is kept, and checked.
RAILS = """
require "./assistant_signer"
class ApplicationController
  DECLARED = []
  def self.protect_from_forgery(**options) = DECLARED << [:protect_from_forgery, options]
  def self.before_action(name) = DECLARED << [:before_action, name]
  def response = @response ||= Struct.new(:headers).new({})
  def current_user = Struct.new(:id).new("account-17")
  def render(json:) = puts(JSON.generate(body: json, headers: response.headers, declared: DECLARED))
end
ASSISTANT = AssistantSigner.new
require "./app/controllers/assistant_sessions_controller"
AssistantSessionsController.new.create
"""


def ruby(host: Host, folder: Path, program: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    write_blocks("hosts/ruby.md", folder)
    return subprocess.run(
        ["ruby", "-w", "-e", program],
        cwd=folder,
        input=stdin,
        env=os.environ | {"LANG": "C.UTF-8"} | host.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def mint(host: Host, folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    program = f"require './assistant_signer'; print AssistantSigner.new.token({arguments})"
    return ruby(host, folder, program)


@pytest.mark.parametrize("user", [USER, "Zoë"])
def test_a_token_that_ruby_signs_verifies_and_has_the_same_sid(host: Host, tmp_path: Path, user: str) -> None:
    done = mint(host, tmp_path, f"'{user}'")
    assert done.stderr == ""
    host.check(done.stdout, user)


def test_a_lifetime_of_more_than_an_hour_is_refused(host: Host, tmp_path: Path) -> None:
    done = mint(host, tmp_path, "'a', lifetime_s: 3601")
    assert done.returncode != 0
    assert "1 to 3600 seconds" in done.stderr


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    done = mint(Host.make(tmp_path, "ES256"), tmp_path, "'a'")
    assert done.returncode != 0
    assert "no Ed25519 key" in done.stderr


def test_the_rack_endpoint_answers_signed_in_people_on_its_own_origin_alone(
    host: Host, tmp_path: Path
) -> None:
    mine = {"REQUEST_METHOD": "POST", "HTTP_ORIGIN": ORIGIN, "user": USER}
    asked = [
        mine | {"REQUEST_METHOD": "GET"},
        mine | {"HTTP_ORIGIN": "https://evil.example"},
        mine | {"user": None},
        mine,
    ]
    done = ruby(host, tmp_path, RACK, json.dumps(asked))
    answers = json.loads(done.stdout)
    assert [status for status, _, _ in answers] == [405, 403, 401, 200]
    assert {headers["cache-control"] for _, headers, _ in answers} == {"no-store"}
    host.check(json.loads(answers[-1][2][0])["token"])


def test_the_rails_controller_names_its_checks_and_answers(host: Host, tmp_path: Path) -> None:
    done = ruby(host, tmp_path, RAILS)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["declared"] == [
        ["protect_from_forgery", {"with": "exception"}],
        ["before_action", "authenticate_user!"],
    ]
    assert answer["headers"] == {"Cache-Control": "no-store"}
    host.check(answer["body"]["token"])
