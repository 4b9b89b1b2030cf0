"""Which of many rules a request may meet at all, by the literal texts that they ask for.

It never leaves out one that would answer, and may leave in one that does not: what decides are the
conditions themselves. So ten thousand rules cost little more than one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET, Struct

from mockgpt.core.conditions import TEXTS, When
from mockgpt.core.differences import TEXTS as TEXTS_OF
from mockgpt.core.requests import Request

_FEW = 16  # rules that are as soon tried as looked up
_GRAM = 4  # characters; a shorter part of a text is looked for in every text
_LONG = 20_000  # characters of a text in which every rule's part is sooner looked for by itself

_Keyed = defaultdict[str, defaultdict[str, list[int]]]  # a condition's key, a text, positions


class Literals:
    """The positions of rules by a text that each asks for: the whole of one, or its rarest part.

    Case is folded, character by character, so what holds with or without regard to it is found.
    """

    def __init__(self, whens: Sequence[When]) -> None:
        self._all = range(len(whens))
        self._rest: list[int] = []  # those that ask for no literal text
        self._whole: _Keyed = defaultdict(lambda: defaultdict(list))
        self._parts: _Keyed = defaultdict(lambda: defaultdict(list))
        if len(whens) <= _FEW:
            return
        parts = []
        for position, when in enumerate(whens):
            found = next(_literals(when), None)
            if found is None:
                self._rest.append(position)
            elif found.whole:
                self._whole[found.key][found.text].append(position)
            else:
                parts.append((position, found.key, found.text))
        common = Counter(gram for _, _, part in parts for gram in {*_grams(part)})
        for position, key, part in parts:
            self._parts[key][min(_grams(part), key=common.__getitem__)].append(position)

    def candidates(self, request: Request) -> Iterable[int]:
        """Return, in their order, the positions of the rules that the request may meet."""
        if len(self._all) <= _FEW:
            return self._all
        found = {*self._rest}
        for key in self._whole.keys() | self._parts.keys():
            for text in TEXTS_OF[key](request):
                folded = text.casefold()
                found.update(self._whole[key].get(folded, ()))
                parts = self._parts[key]
                grams = _grams(folded) if len(folded) <= _LONG else parts
                for gram in parts.keys() & {*grams}:
                    found.update(parts[gram])
        return sorted(found)


class _Literal(Struct, frozen=True):
    key: str
    text: str  # folded
    whole: bool


def _literals(when: When) -> Iterator[_Literal]:
    for key in TEXTS:
        wanted = getattr(when, key)
        if isinstance(wanted, str):
            yield _Literal(key, wanted.casefold(), whole=True)
        elif wanted is not UNSET and wanted.equals is not UNSET:
            yield _Literal(key, wanted.equals.casefold(), whole=True)
        elif wanted is not UNSET and wanted.contains is not UNSET:
            part = wanted.contains.casefold()
            if len(part) >= _GRAM:
                yield _Literal(key, part, whole=False)
    for one in when.all_ or ():
        yield from _literals(one)


def _grams(text: str) -> Iterator[str]:
    return (text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1))
