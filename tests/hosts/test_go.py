"""docs/hosts/go.md runs in Go as it stands there, and `sealgate.session` verifies what it signs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.hosts.pages import ORIGIN, USER, Host, write_blocks

pytestmark = pytest.mark.go

# One program for every test: building it is the slow part.
MAIN = """
package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"host/assistant"
)

type asked struct {
	Method  string
	Headers map[string]string
}

func main() {
	signer, err := assistant.FromEnvironment()
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	_, tooLong := signer.Token("a", time.Hour+time.Second)
	handler := signer.Handler(func(r *http.Request) (string, bool) {
		user := r.Header.Get("X-User")
		return user, user != ""
	})
	var requests []asked
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		panic(err)
	}
	answers := []any{}
	for _, each := range requests {
		request := httptest.NewRequest(each.Method, "/assistant/session", nil)
		for name, value := range each.Headers {
			request.Header.Set(name, value)
		}
		recorder := httptest.NewRecorder()
		handler(recorder, request)
		kept := recorder.Header().Get("Cache-Control")
		answers = append(answers, []any{recorder.Code, kept, recorder.Body.String()})
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"tooLong": tooLong.Error(), "answers": answers})
}
"""
OFFLINE = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's package, built into a program that the tests drive."""
    folder = write_blocks("hosts/go.md", tmp_path_factory.mktemp("go"))
    (folder / "go.mod").write_text("module host\n\ngo 1.19\n")
    (folder / "main.go").write_text(MAIN)
    built = subprocess.run(
        ["go", "build", "-o", "host", "."],
        cwd=folder,
        env={"GOCACHE": str(folder / "cache")} | os.environ | OFFLINE,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "host"


def run(program: Path, host: Host, requests: list[object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program],
        input=json.dumps(requests),
        env=os.environ | host.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_handler_answers_signed_in_people_on_its_own_origin_alone(host: Host, program: Path) -> None:
    mine = {"Origin": ORIGIN, "X-User": USER}
    done = run(
        program,
        host,
        [
            {"Method": "GET", "Headers": mine},
            {"Method": "POST", "Headers": mine | {"Origin": "https://evil.example"}},
            {"Method": "POST", "Headers": {"Origin": ORIGIN}},
            {"Method": "POST", "Headers": mine},
        ],
    )
    answers = json.loads(done.stdout)["answers"]
    assert [status for status, _, _ in answers] == [405, 403, 401, 200]
    _, kept, body = answers[-1]
    assert kept == "no-store"
    host.check(json.loads(body)["token"])


def test_a_lifetime_of_more_than_an_hour_is_refused(host: Host, program: Path) -> None:
    assert "1 to 3600 seconds" in json.loads(run(program, host, []).stdout)["tooLong"]


def test_a_key_of_another_kind_is_refused(tmp_path: Path, program: Path) -> None:
    done = run(program, Host.make(tmp_path, "ES256"), [])
    assert done.returncode == 1
    assert "no Ed25519 key" in done.stderr
