"""results.md: one section for each benchmark; writing one leaves the others as they are."""

import re
from pathlib import Path

RESULTS = Path(__file__).parent / "results.md"
TITLE = "# What the benchmarks measured\n"


def write(heading: str, section: str, path: Path = RESULTS) -> None:
    """Put a section under its heading: in the place of the one that has it, else at the end."""
    before = path.read_text(encoding="utf-8") if path.exists() else TITLE
    title, *sections = re.split(r"^(?=## )", before, flags=re.M)
    made = f"## {heading}\n\n{section.strip()}\n\n"
    same = [number for number, found in enumerate(sections) if found.startswith(f"## {heading}\n")]
    if same:
        sections[same[0]] = made
    else:
        sections.append(made)
    path.write_text("\n".join(part.strip() + "\n" for part in (title, *sections)), encoding="utf-8")
