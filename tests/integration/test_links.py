"""What the documents and manual pages refer to is there."""

import re

import pytest
from program import ROOT

DOCUMENTS = sorted(path.relative_to(ROOT) for place in ("*.md", "docs/*.md", "examples/*.md")
                   for path in ROOT.glob(place))
MANUALS = sorted(path.relative_to(ROOT) for path in ROOT.glob("docs/man/*"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w/.~-])(?:bench|docs|examples|fuzz|include|packaging|src|tests|tools)/"
                  r"[\w./*-]*\.\w+")
MANUAL = re.compile(r"\b(belljar[a-z-]*)\(([1-8])\)")
MANUAL_REFERENCE = re.compile(r"^\.Xr (belljar\S*) ([1-8])", re.MULTILINE)
# Made by the build, from the table of options.
GENERATED = {"belljar-run.1"}


def anchor(heading):
    """As forges make it."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {anchor(found) for found in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def broken_links(name, text):
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        path = ROOT / name.parent / target if target else ROOT / name
        if not path.exists():
            yield link
        elif fragment and fragment not in anchors(path.read_text(encoding="utf-8")):
            yield link


def missing_paths(text):
    return [path for path in PATH.findall(text) if not any(ROOT.glob(path))]


def missing_manuals(found):
    names = {path.name for path in MANUALS} | GENERATED
    return [f"{name}({section})" for name, section in found if f"{name}.{section}" not in names]


@pytest.mark.parametrize("name", DOCUMENTS, ids=str)
def test_documents(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not list(broken_links(name, text))
    assert not missing_paths(text)
    assert not missing_manuals(MANUAL.findall(text))


@pytest.mark.parametrize("name", MANUALS, ids=str)
def test_manual_pages(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not missing_paths(text)
    assert not missing_manuals(MANUAL_REFERENCE.findall(text))


def test_what_is_missing_is_found():
    text = "[a](docs/nowhere.md) [b](#nowhere) docs/nothing.md belljar-nothing(1)"
    name = DOCUMENTS[0]
    assert list(broken_links(name, text)) == ["docs/nowhere.md", "#nowhere"]
    assert missing_paths("see docs/nothing.md.") == ["docs/nothing.md"]
    assert missing_manuals(MANUAL.findall(text)) == ["belljar-nothing(1)"]
