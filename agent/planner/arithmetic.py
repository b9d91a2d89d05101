"""Arithmetic in words and signs, as an expression for the calculator."""

from __future__ import annotations

import re

from agent.planner.wording import folded

_ASKED = re.compile(
    r"^(?:please )?(?:can you |could you )?(?:calculate|compute|work out|what is|what's|whats"
    r"|how much is|evaluate|solve)?\s*(?P<body>.*?)[\s?=.!]*$"
)
_WORDS = (
    (re.compile(r"\bper ?cent\b"), "%"),
    (re.compile(r"\b(?:multiplied by|times)\b|(?<=[\d)\s])[x×](?=\s*[\d(])"), "*"),  # noqa: RUF001
    (re.compile(r"\b(?:divided by|over)\b|÷"), "/"),
    (re.compile(r"\bplus\b"), "+"),
    (re.compile(r"\bminus\b"), "-"),
    (re.compile(r"[$€£]"), ""),
)
_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])")
_NUMBER = r"\d+(?:\.\d+)?"
_PERCENT_OF = re.compile(rf"({_NUMBER})\s*%\s*(?:of|\*)\s*")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_NAMES = re.compile(r"\b(?:min|max|round)\b")
_ALLOWED = re.compile(r"[\d.+\-*/(), ]+")
_OPERATOR = re.compile(r"[\d)]\s*[+\-*/]\s*[-(\d]|\b(?:min|max|round)\(")
_DATE = re.compile(r"^\s*\d{1,4}[-/]\d{1,2}(?:[-/]\d{1,4})?\s*$")
# The calculator takes no longer expression.
_LONGEST = 200


def expression_in(text: str) -> str | None:
    """Return the arithmetic that the whole text asks for, or None if it is anything else."""
    asked = _ASKED.match(folded(text).lower()) if len(text) <= _LONGEST else None
    if asked is None:
        return None
    body = asked["body"]
    for pattern, sign in _WORDS:
        body = pattern.sub(sign, body)
    if not _NAMES.search(body):
        body = _GROUPED.sub(lambda match: match[0].replace(",", ""), body)
    body = _PERCENT_OF.sub(r"\1 / 100 * ", body)
    body = _PERCENT.sub(r"(\1 / 100)", body).strip()
    expression = " ".join(body.split())
    return expression if len(expression) <= _LONGEST and _is_arithmetic(expression) else None


def _is_arithmetic(body: str) -> bool:
    numbers_and_signs = _NAMES.sub("", body)
    if _DATE.match(body) or not _ALLOWED.fullmatch(numbers_and_signs):
        return False
    if "," in body and not _NAMES.search(body):
        return False
    return _OPERATOR.search(body) is not None and body.count("(") == body.count(")")
