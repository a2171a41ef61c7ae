"""Differing: what changed in the record book between two states, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

from .marks import CLASSES, Book, Class, Mark, day_in_words


@dataclass(frozen=True)
class Said:
    """One thing that changed, in a sentence."""

    what: str
    """gone, new, or passed: the mark that beats another is a different one now."""
    title: str
    """The class."""
    sentence: str
    shift: str


def changed(before: Book, now: Book, size_before: int) -> list[Said]:
    """What changed between two states, the earlier first: what left a class, who took its place, what is new."""
    then = {one.key: one for one in before.classes}
    later = {one.key: one for one in now.classes}
    said = [
        one for key in dict.fromkeys((*then, *later)) for one in _changed(then.get(key), later.get(key), size_before)
    ]
    return sorted(said, key=lambda one: ("gone", "passed", "new").index(one.what))


def _changed(then: Class | None, now: Class | None, size_before: int) -> Iterator[Said]:
    told = now or then
    assert told is not None
    was, is_ = ({mark.shift: mark for mark in one.kept} if one else {} for one in (then, now))
    out = {mark.shift: mark for mark in now.marks if mark.out} if now else {}
    for shift, mark in was.items():
        if shift not in is_:
            yield Said("gone", told.title, _left(mark, out.get(shift), told), shift)
    yield from _passed(was, is_, told)
    for shift, mark in is_.items():
        if shift not in was:
            yield Said("new", told.title, _came(mark, mark.entry < size_before, told), shift)


def _left(mark: Mark, out: Mark | None, of: Class) -> str:
    if out is None:
        return f"{mark.named} is no longer a mark: what is known now of it, or of the shifts before it, leaves it none."
    helpers = f", {_count(out.helpers)} {'helper' if out.helpers == 1 else 'helpers'}" if out.helpers else ""
    when = day_in_words(str(out.ruled_on))
    return (
        f"{mark.named} left the class of {CLASSES[of.holder]}: {out.ruling} on {when} because “{out.reason}”{helpers}."
    )


def _count(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def _passed(was: dict[str, Mark], is_: dict[str, Mark], of: Class) -> Iterator[Said]:
    """Marks that stayed, and that another one was the first to beat."""
    for shift in [shift for shift in is_ if shift in was]:
        before, after = was[shift].beaten_by, is_[shift].beaten_by
        if before != after and before is not None and after in is_:
            sentence = f"{is_[after].named} is the first mark beyond {is_[shift].named} now."
            yield Said("passed", of.title, sentence, after)


def _came(mark: Mark, was_known: bool, of: Class) -> str:
    if was_known:
        return f"{mark.named} of {mark.day} counts in the class of {CLASSES[of.holder]} now."
    return f"{mark.named} of {mark.day} is a new mark{'' if mark.beaten_by else ', and it stands'}."
