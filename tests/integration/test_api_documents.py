"""The service's documents are made of its table of routes, are valid, and say what it does."""

import json
import subprocess
from pathlib import Path

from program import BELLJAR, ROOT
from python_packages import python_with

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance", "response_headers_conformance", "unsupported_method")
# What has no end by itself is asked for by other tests.
WITHOUT_END = ("watch_directory", "attach_process", "connect_port")


def serve(*words):
    """belljar-serve, which lies beside the program or where an installed one looks for it."""
    return subprocess.run([Path(BELLJAR).parent / "belljar-serve", *words], capture_output=True,
                          text=True, timeout=30, check=False)


def test_the_reference_is_current():
    assert serve("print", "api.md").stdout == (ROOT / "docs/API.md").read_text(), \
        "run: build/belljar-serve print api.md > docs/API.md"


def test_what_cannot_be_printed():
    done = serve("print", "banana")
    assert (done.returncode, done.stdout) == (125, "")
    assert "api.md" in done.stderr


def test_the_service_answers_the_same_document(service):
    answer = service.get("/openapi.json", key="")
    assert answer.status == 200
    assert answer.json == json.loads(serve("print", "openapi.json").stdout)


def test_the_document_is_valid(tmp_path):
    document = tmp_path / "openapi.json"
    document.write_text(serve("print", "openapi.json").stdout)
    subprocess.run([python_with("openapi-spec-validator"), "-m", "openapi_spec_validator",
                    document], check=True, timeout=60)


def explore(service, tmp_path, *words):
    """Requests made of the document: schemathesis finds no answer that it does not have."""
    python = python_with("schemathesis")
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [python, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{service.port}/openapi.json",
         "-H", f"X-API-Key: {service.key}", "--checks", ",".join(CHECKS), "--request-timeout",
         "20", "--seed", "7", "--no-color", "--suppress-health-check", "all",
         *[word for name in WITHOUT_END for word in ("--exclude-operation-id", name)], *words],
        cwd=tmp_path, env={**service.environment(), "HOME": str(home)}, capture_output=True,
        text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:] + service.errors()
    assert service.get("/health").status == 200


def test_no_answer_is_undocumented(service, tmp_path):
    explore(service, tmp_path, "--phases", "coverage,fuzzing", "-n", "12")


def test_no_answer_for_what_there_is_is_undocumented(service, tmp_path):
    """The same where the sandbox, process and shell session of the path are there."""
    assert service.post("/v1/sandboxes/default/processes",
                        {"command": "cat", "stdin": True}).status == 201
    assert service.post("/v1/sandboxes/default/shells", {"name": "s"}).status == 201
    (tmp_path / "schemathesis.toml").write_text(
        '[parameters]\n"path.sandbox" = "default"\n"path.process" = "1"\n"path.shell" = "s"\n')
    front = service.roles()["front"]
    endings = ("kill_sandbox", "wait_for_process", "end_shell", "read_output")
    explore(service, tmp_path, "--phases", "coverage,fuzzing", "-n", "25",
            *[word for name in endings for word in ("--exclude-operation-id", name)])
    assert service.roles()["front"] == front, service.errors()


def errors_of_the_reference():
    """{code: what its row says of statuses}"""
    table = (ROOT / "docs/API.md").read_text().split("## Errors\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[3:]]
    return {cells[1].strip("`"): cells[2] for cells in rows if len(cells) > 2}


def test_the_reference_has_every_error(service):
    """What the service answers is in the table, with the status; and the document lists as many."""
    errors = errors_of_the_reference()
    code = service.get("/openapi.json").json["components"]["schemas"]["Failure"]["properties"]["code"]
    assert sorted(errors) == sorted(code["enum"])
    service.bash("echo x > f; mkdir d")
    at = "/v1/sandboxes/default"
    started = service.post(f"{at}/processes", {"argv": ["sleep", "100"]}).json["id"]
    for wanted, answer in (
            ("METHOD_NOT_ALLOWED", service.request("DELETE", "/health")),
            ("UNSUPPORTED_MEDIA_TYPE",
             service.post("/bash", b"true", headers={"Content-Type": "text/plain"})),
            ("TARGET_TOO_LONG", service.get("/" + 20000 * "x")),
            ("HEAD_TOO_LARGE", service.get("/health", headers={"X-A": 70000 * "x"})),
            ("RANGE", service.get(f"{at}/files/content?path=f", headers={"Range": "bytes=90-"})),
            ("UPGRADE_REQUIRED", service.get(f"{at}/processes/{started}/attach")),
            ("UPGRADE_REQUIRED", service.get(f"{at}/ports/80")),
            ("COMMAND_NOT_FOUND", service.post(f"{at}/processes", {"argv": ["no-such"]})),
            ("NOT_EXECUTABLE", service.post(f"{at}/processes", {"argv": ["./f"]})),
            ("NOT_FOUND", service.get("/v1/sandboxes/nosuch")),
            ("NOT_FOUND", service.get("/nowhere")),
            ("UNAUTHENTICATED", service.get("/v1/sandboxes", key="wrong")),
            ("INVALID", service.post("/bash", {"comand": "true"})),
            ("NOT_FOUND", service.get(f"{at}/files/content?path=none")),
            ("SYSTEM", service.post(f"{at}/processes",
                                    {"argv": ["true"], "working_directory": "/none"}))):
        found = answer.json["error"]["code"]
        assert found == wanted and str(answer.status) in errors[found], (wanted, answer)
