"""Collections page by page, as every Cumulocity API lists them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from edgeproxy.sandbox.answers import Answer, Call, Refusal

DEFAULT_SIZE = 5
LARGEST_SIZE = 2000


def page(call: Call, base: str, kind: str, member: str, items: list[Any]) -> Answer:
    """Return the page of *items* that *call* asks for, as a collection of *kind*.

    A page size beyond the largest is cut, not refused (facts: Cumulocity §4.1).
    """
    size = min(_number(call, "pageSize", DEFAULT_SIZE), LARGEST_SIZE)
    current = _number(call, "currentPage", 1)
    start = (current - 1) * size
    shown = items[start : start + size]

    def link(number: int) -> str:
        query = {**call.query, "pageSize": size, "currentPage": number}
        return f"{base}/{'/'.join(call.path)}?{urlencode(query)}"

    statistics: dict[str, Any] = {"currentPage": current, "pageSize": size}
    if call.query.get("withTotalPages") == "true":
        statistics["totalPages"] = max(1, -(-len(items) // size))
    if call.query.get("withTotalElements") == "true":
        statistics["totalElements"] = len(items)
    body = {member: shown, "self": link(current), "statistics": statistics}
    if start + size < len(items):
        body["next"] = link(current + 1)
    if current > 1:
        body["prev"] = link(current - 1)
    return Answer(200, kind, body)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text)):
        raise Refusal(422, "undefined/validationError", f"{name} must be positive")
    return int(text)
