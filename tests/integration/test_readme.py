"""README.md and README.zh-CN.md say the same: what can be compared without knowing Chinese is."""

import re
from collections import Counter

import pytest
from program import ROOT

NAMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)]*)\)")
CODE = re.compile(r"`[^`\n]+`")
MANUAL = re.compile(r"\b[a-z][a-z-]*\([1-8]\)")
NUMBER = re.compile(r"(?<![A-Za-z\d.])\d+(?:\.\d+)*(?![A-Za-z\d])")


def sections(text):
    """For each section, in order: its heading's level and what must be the same in every language.

    Blocks are the same in the same order. In a sentence the order is the language's own."""
    blocks = BLOCK.findall(text)
    # Comments in a block look like headings, so blocks are taken out first.
    text = BLOCK.sub("```", text)
    starts = [found.start() for found in HEADING.finditer(text)]
    for start, end in zip(starts, [*starts[1:], None]):
        part = text[start:end]
        heading = HEADING.match(part)
        taken, blocks = blocks[:part.count("```")], blocks[part.count("```"):]
        words = CODE.sub("", LINK.sub("", part))
        yield {
            "level": len(heading[1]),
            "heading": heading[2],
            "blocks": taken,
            "links": Counter(LINK.findall(part)),
            "code": Counter(CODE.findall(part)),
            "manual pages": Counter(MANUAL.findall(words)),
            "numbers": Counter(NUMBER.findall(words)),
            "table rows": len(re.findall(r"^\|", part, re.MULTILINE)),
            "items": len(re.findall(r"^- ", part, re.MULTILINE)),
        }


def differences(one, other):
    first, second = list(sections(one)), list(sections(other))
    if [part["level"] for part in first] != [part["level"] for part in second]:
        return ["other headings: "
                + ", ".join(part["heading"] for part in first) + "; "
                + ", ".join(part["heading"] for part in second)]
    return [f"{mine['heading']}: other {what}: {mine[what]!r} and {theirs[what]!r}"
            for mine, theirs in zip(first, second)
            for what in mine if what != "heading" and mine[what] != theirs[what]]


def texts():
    """Both, without the links at the top from one to the other."""
    for name, other in zip(NAMES, reversed(NAMES)):
        text = (ROOT / name).read_text(encoding="utf-8")
        link = re.search(rf"^\[[^\]]+\]\({re.escape(other)}\)\n", text, re.MULTILINE)
        assert link and link.start() < 100, f"{name} has no link to {other} at its top"
        yield text.replace(link[0], "", 1)


def test_they_are_in_step():
    assert not differences(*texts())


def test_the_translation_is_one():
    """Chinese wherever there are words: no paragraph or heading was left as it was."""
    _, chinese = texts()
    for part in re.split(r"\n\n|\n(?=[-|#])", BLOCK.sub("", chinese)):
        if re.search(r"[a-z]{3} [a-z]{3}", CODE.sub("", LINK.sub("", part))):
            assert re.search(r"[\u4e00-\u9fff]", part), part


def test_the_picture_is_a_small_one():
    for text in texts():
        picture, = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
        content = (ROOT / picture).read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) < 150_000


@pytest.mark.parametrize("found, put", [
    ("$ make run", "$ make tour"),
    ("\n## Why\n", "\n### Why\n"),
    ("\n### Exit status\n", "\n"),
    ("(docs/API.md)", "(docs/AUDIT.md)"),
    ("`--require LAYER`", "`--requires LAYER`"),
    ("belljar-serve(8)", "belljar-serve(1)"),
    ("Linux 5.12", "Linux 5.13"),
    ("| 124 | the time-out was reached |\n", ""),
    ("- **firejail**", "**firejail**"),
])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_change_of_one_alone_is_found(found, put, reverse):
    english, chinese = texts()
    assert found in english
    changed = english.replace(found, put, 1)
    assert differences(*((chinese, changed) if reverse else (changed, chinese)))
