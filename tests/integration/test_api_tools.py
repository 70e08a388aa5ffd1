"""Tools by name, as agents' programs call them: what their arguments do, and what they cannot."""

import pytest


def call(service, tool, **arguments):
    return service.post("/execute", {"tool_name": tool, "arguments": {
        {"n": "-n", "o": "-o", "A": "-A"}.get(name, name): value
        for name, value in arguments.items()}})


def output(service, tool, **arguments):
    answer = call(service, tool, **arguments)
    assert answer.status == 200 and answer.json["success"], answer
    return answer.json["output"].splitlines()


@pytest.fixture
def files(service):
    service.bash(r"printf 'a\nfoo1\nb\nfoo2\n' | tee x.py y.js z.py")
    return service


def test_grep_by_type(files):
    assert output(files, "Grep", pattern="foo", type="py") == ["/workspace/x.py", "/workspace/z.py"]
    assert output(files, "Grep", pattern="foo", type="js", output_mode="count") == ["/workspace/y.js:2"]
    assert output(files, "Grep", pattern="foo1", type="py", output_mode="content") == \
        ["/workspace/x.py:2:foo1", "/workspace/z.py:2:foo1"]


def test_grep_in_part(files):
    assert output(files, "Grep", pattern="foo", offset=1) == ["/workspace/y.js", "/workspace/z.py"]
    assert output(files, "Grep", pattern="foo", offset=1, head_limit=1)[:1] == ["/workspace/y.js"]
    assert output(files, "Grep", pattern="foo", glob="x*", output_mode="content", offset=1) == \
        ["/workspace/x.py:4:foo2"]
    assert output(files, "Grep", pattern="foo", glob="x*", output_mode="content", n=False) == \
        ["/workspace/x.py:foo1", "/workspace/x.py:foo2"]


def test_grep_over_lines(files):
    assert output(files, "Grep", pattern="foo1.b", glob="x*", output_mode="content",
                  multiline=True) == ["/workspace/x.py:2:foo1", "/workspace/x.py:3:b"]
    assert output(files, "Grep", pattern="foo1.b", glob="x*", output_mode="content") == []


def test_what_grep_cannot_do_is_said(files):
    for arguments, said in (({"type": "pyx"}, "type: pyx is not known; there are c, cpp"),
                            ({"o": True}, "leave -o out"),
                            ({"type": "py", "glob": "*"}, "glob or type, not both")):
        answer = call(files, "Grep", pattern="foo", **arguments)
        assert answer.status == 400 and said in answer.json["error"]["message"], answer


def test_misspelt_fields_are_recognised(service):
    for body, meant in (({"tool": "Bash"}, "tool_name"), ({"tool_nam": "Bash"}, "tool_name"),
                        ({"tool_name": "Bash", "argument": {}}, "arguments")):
        answer = service.post("/execute", body)
        assert answer.status == 400
        assert f'did you mean "{meant}"?' in answer.json["error"]["message"], answer
    answer = service.post("/bash", {"command": "true", "commands": "x"})
    assert "did you mean" not in answer.json["error"]["message"]  # it is there already


def test_bounds_are_said_in_full(service):
    message = service.get("/audit-logs?after=-1").json["error"]["message"]
    assert message == 'field "after" must be a whole number from 0 to 9007199254740991'
