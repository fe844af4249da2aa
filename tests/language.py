"""The house rule of language, as pure functions that the tests of README, docs, captions and generated prose share.

A sentence has at most 25 words and 3 numbers, each of at most three significant digits, no identifier, none of the
forbidden phrases, and no ratio above 1,000 without "more than". Tables, code, formulas, quotations, link targets and
HTML tags are exempt; inline, each of them that a reader reads counts as one word.
"""

import re

MOST_WORDS, MOST_NUMBERS, MOST_DIGITS, LARGEST_RATIO = 25, 3, 3, 1000
INSTEAD = {
    "but for": "except",
    "save for": "except",
    "from nothing": "from scratch",
    "sans": "without",
}
PROPER_NAMES = ("x86_64", "tf_efficientnet_lite0")  # of a processor and of a backbone, no identifiers of ours
ABBREVIATIONS = ("e.g.", "i.e.", "cf.", "vs.", "al.", "Eq.", "Fig.", "Sec.", "No.", "approx.")
DOT = "\N{ONE DOT LEADER}"  # stands for the dot of an abbreviation while sentences are split

_EXEMPT_BLOCKS = re.compile(
    r"^---\n.*?\n---$(?=\n)|^(```|~~~).*?^\1|<!--.*?-->|\$\$.*?\$\$|<(style|script|pre|table|svg)\b.*?</\2>",
    re.DOTALL | re.MULTILINE,
)
_TABLE_LINE = re.compile(r"^[ >]*\|.*$", re.MULTILINE)
_LIST_OR_HEADING = re.compile(r"^[ >]*(?:[-*+]|\d+[.)]|#+)\s+", re.MULTILINE)
_INLINE = (  # (what, what a reader reads of it)
    (re.compile(r"(`+)(?!`).+?\1", re.DOTALL), "code"),
    (re.compile(r"(?<![\w\\$])\$[^$\n]+?(?:\n[^$\n]+?)?\$(?![\w$])"), "formula"),
    (re.compile(r"“[^”]*?([.!?]?)”"), r"quotation\1"),
    (re.compile(r"!?\[((?:[^][]|\[[^]]*\])*)\](?:\([^)\s]*(?:\s+\"[^\"]*\")?\)|\[[^]]*\])"), r"\1"),
    (re.compile(r"<https?://[^>]*>|\bhttps?://\S+[\w/]"), "address"),
    (re.compile(r"</?[A-Za-z][^<>]*>"), ""),
    (re.compile(r"\*\*|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),
)
_END = re.compile(r"(?<=[.!?])([)”\"']*)\s+(?=[^a-zà-ÿ\s]|(?:formula|code)\b)")

_NAMES = "table|figure|section|equation|experiment|notebook|claim|python|arxiv|model|trial|page|seed|layer|version|v"
_NAMED = re.compile(  # numbers that are names
    rf"(?<!\w)(?:(?:{_NAMES})s?[ :-]\(?\d[\d.]*\)?(?:(?:, | and | to )\(?\d[\d.]*\)?)*"
    r"|\(\d\.\d+\)|\d{4}-\d\d-\d\d|(?:19|20)\d\d)(?![\w,]|\.\d)",
    re.IGNORECASE,
)
_POWER = "10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+"
_NUMBER = re.compile(rf"(?<![\w.,^_/-])[−-]?(?:{_POWER}|\d[\d,]*(?:\.\d+)?(?: × {_POWER})?)(?!\w)")
_RATIO = re.compile(r"(more than |over )?(\d[\d,]*(?:\.\d+)?)(?:[ -]?(times|fold)\b| ?(×)(?! ?10)| ?(%))")
_IDENTIFIER = re.compile(
    r"\b[A-Za-z][A-Za-z0-9]+_\w+|\b\w+\(\)|\b[a-z]\w*(?:\.[a-z]\w*)*\.(?:py|md|csv|yaml|parquet)\b"
)


def sentences(markdown: str) -> list[str]:
    """The sentences of a text in Markdown, by this splitter, with what is exempt as one word each.

    Paragraphs, list items and headings end a sentence. Within them one ends at a full stop, question or exclamation
    mark, and what closes behind it, before a blank that no small letter follows; not at a dot of ABBREVIATIONS.
    """
    text = _TABLE_LINE.sub("\n", _EXEMPT_BLOCKS.sub("\n\n", markdown))
    text = re.sub(r"^(#+\s.*)$", r"\n\1\n", text, flags=re.MULTILINE)
    text = re.sub(r"^[ ]*>[ ]?", "", _LIST_OR_HEADING.sub("\n\n", text), flags=re.MULTILINE)
    for exempt, read in _INLINE:
        text = exempt.sub(read, text)
    for short in ABBREVIATIONS:
        text = re.sub(rf"(?<!\w){re.escape(short)}", short.replace(".", DOT), text)
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    parts = [part for block in blocks for part in _END.sub("\\1\n", block).split("\n")]
    return [part.replace(DOT, ".") for part in parts if re.search(r"\w", part)]


def faults(sentence: str) -> list[str]:
    """What the house rule forbids in a sentence of ``sentences``, a phrase each; empty if it is as it should be."""
    words = [word for word in sentence.split() if re.search(r"\w", word)]
    bare = _NAMED.sub("name", sentence)
    numbers = _NUMBER.findall(bare)
    found = [f"{len(words)} words"] * (len(words) > MOST_WORDS)
    found += [f"{len(numbers)} numbers"] * (len(numbers) > MOST_NUMBERS)
    found += [f"{number}: more than {MOST_DIGITS} significant digits" for number in numbers if _is_too_exact(number)]
    found += [f"“{phrase}”: “{INSTEAD[phrase]}”" for phrase in INSTEAD if re.search(rf"\b{phrase}\b", sentence, re.I)]
    named = [name for name in _IDENTIFIER.findall(sentence) if name not in PROPER_NAMES]
    found += [f"{name}: an identifier" for name in named]
    return found + [f"{ratio}: a ratio above {LARGEST_RATIO:,} without “more than”" for ratio in _large_ratios(bare)]


def _is_too_exact(number: str) -> bool:
    """Whether a fraction has too many significant digits; a share near 1 or 100 % may have them in what it lacks.

    Whole numbers count things, and are exact.
    """
    digits = number.partition(" ")[0].lstrip("−-").replace(",", "")
    if "." not in digits:
        return False
    whole, places = digits.split(".")
    lacks = [int(f"{top}{'0' * len(places)}") - int(whole + places) for top in (1, 100)]
    near = [str(lack) for lack, top in zip(lacks, (1, 100), strict=True) if 0 <= lack * 10 <= top * 10 ** len(places)]
    return min(map(len, [(whole + places).lstrip("0"), *near])) > MOST_DIGITS


def _large_ratios(sentence: str) -> list[str]:
    ratios = _RATIO.findall(sentence)
    sizes = [
        (more, size, float(size.replace(",", "")) / (100 if percent else 1)) for more, size, _, _, percent in ratios
    ]
    return [size for more, size, value in sizes if value > LARGEST_RATIO and not more]
