"""Exact arithmetic over figures that were fetched: decimal, bounded, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, Overflow, localcontext

from pydantic import BaseModel, ConfigDict

from domain.errors import InvalidInputError

MAX_LENGTH = 1000
MAX_DEPTH = 100
# Beyond any amount of money that a business has.
LARGEST = Decimal(10) ** 24
MAX_DECIMALS = 20
MAX_ROUND_DIGITS = 12
# Holds LARGEST with MAX_DECIMALS, and as much again below them against rounding on the way.
PRECISION = 64

_ALLOWED = "Use numbers, + - * /, parentheses, min(), max() and round(x, digits)."
_MEANINGFUL = re.compile(r"\d+|min|max|round|[-+*/(),. ]")


class Calculation(BaseModel):
    """An expression and its result as a plain decimal number of at most 20 decimals."""

    model_config = ConfigDict(frozen=True)

    expression: str
    result: str


def calculate(expression: str) -> Calculation:
    """Compute an expression of decimal numbers, `+ - * /`, parentheses, min, max and round.

    `round(x, digits)` rounds half to even. Raise InvalidInputError on anything else, on division
    by zero, and beyond the bounds.
    """
    source = _checked(expression)
    context = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
    with localcontext(context):
        result = _plain(_value(_parse(source), source, 0))
    return Calculation(expression=expression, result=result)


def _checked(expression: str) -> str:
    if len(expression) > MAX_LENGTH:
        raise InvalidInputError(f"The expression is longer than {MAX_LENGTH} characters.")
    source = " ".join(expression.split())
    if not source:
        raise InvalidInputError(f"There is nothing to calculate. {_ALLOWED}")
    # Before Python's parser sees it: what is left has no strings, no names, no exponents.
    foreign = _MEANINGFUL.sub("", source)
    if foreign:
        raise InvalidInputError(f"{foreign[:20]!r} cannot be calculated. {_ALLOWED}")
    return source


def _parse(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise InvalidInputError(f"{source[:80]!r} is not complete or not arithmetic.") from error


def _value(node: ast.expr, source: str, depth: int) -> Decimal:
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"The expression is nested deeper than {MAX_DEPTH} levels.")
    match node:
        case ast.Constant():
            # From the text, not from the constant: Python reads 0.1 as a binary float.
            value = Decimal(_snippet(node, source))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = -_value(operand, source, depth + 1)
        case ast.BinOp(left=left, op=operator, right=right):
            operate = _operation(operator)
            value = operate(_value(left, source, depth + 1), _value(right, source, depth + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            value = _call(name, [_value(item, source, depth + 1) for item in arguments])
        case _:
            raise InvalidInputError(f"{_snippet(node, source)[:80]!r} is not a number. {_ALLOWED}")
    if abs(value) >= LARGEST:
        raise InvalidInputError("The result is too large to be an amount of money.")
    return value


def _operation(operator: ast.operator) -> Callable[[Decimal, Decimal], Decimal]:
    match operator:
        case ast.Add():
            return Decimal.__add__
        case ast.Sub():
            return Decimal.__sub__
        case ast.Mult():
            return Decimal.__mul__
        case ast.Div():
            return _divide
        case _:
            raise InvalidInputError(f"That operator cannot be calculated. {_ALLOWED}")


def _divide(dividend: Decimal, divisor: Decimal) -> Decimal:
    if divisor == 0:
        raise InvalidInputError("That divides by zero. Check that the second figure is not zero.")
    return dividend / divisor


def _call(name: str, arguments: list[Decimal]) -> Decimal:
    if name in {"min", "max"} and arguments:
        return min(arguments) if name == "min" else max(arguments)
    if name == "round" and 1 <= len(arguments) <= 2:
        return _round(*arguments)
    raise InvalidInputError(f"{name}() cannot be called like that. {_ALLOWED}")


def _round(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    if digits != digits.to_integral_value() or not 0 <= digits <= MAX_ROUND_DIGITS:
        raise InvalidInputError(f"round() takes 0 to {MAX_ROUND_DIGITS} digits.")
    return value.quantize(Decimal(1).scaleb(-int(digits)))


def _plain(value: Decimal) -> str:
    shortest = Decimal(1).scaleb(-MAX_DECIMALS)
    if value != value.quantize(shortest):
        value = value.quantize(shortest)
    text = f"{value:f}"
    if "." in text and len(text.partition(".")[2]) >= MAX_DECIMALS:
        text = text.rstrip("0").rstrip(".")
    return "0" if value == 0 else text


def _snippet(node: ast.expr, source: str) -> str:
    return ast.get_source_segment(source, node) or ""
