"""The documentation: its site with its links, and its commands."""
import re

from bare_machine import ROOT, checked, run


def commands(file, info="sh"):
    """What stands in the code blocks that begin so, without comments; a command may take several lines."""
    text = (ROOT / file).read_text()
    lines = "".join(re.findall(rf"^```{info}\n(.*?)^```", text, re.M | re.S)).replace("\\\n", " ").splitlines()
    return [re.sub(r"  +#.*", "", line) for line in lines]


def test_the_site_is_made_and_every_link_of_it_leads_somewhere():
    checked(run(ROOT / "bin" / "docs", seconds=600))
    site = ROOT / "build" / "site"
    pages = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    sources = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert sources | {"reference/commands", "reference/configuration", "reference/api", "changelog"} <= pages


def test_the_commands_of_readme_are_those_of_the_tutorial():
    typed = set(commands("docs/tutorial.md"))
    shown = re.findall(r"^    (\S.*)$", (ROOT / "README.md").read_text(), re.M)
    assert len(shown) >= 2 and set(shown) <= typed, set(shown) - typed
