"""The OpenAPI document as one page for people: no script, nothing to load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; }
code, .path { font-family: ui-monospace, monospace; }
h2 { border-bottom: 1px solid #ccc; margin-top: 3rem; }
h3 { margin-bottom: .2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-top: 1px solid #ddd; padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
.method { background: #246; color: #fff; padding: .1rem .5rem; border-radius: .2rem; }
a { color: #246; }
"""


def as_html(document: Mapping[str, Any]) -> str:
    """Return the page of *document*."""
    return "\n".join(_page(document)) + "\n"


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{title}</h1>\n<p>{escape(info['summary'])}</p>"
    yield f"<p>{escape(info['description'])}</p>"
    yield '<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>'
    tag = None
    for path, data in document["paths"].items():
        operations = {m: o for m, o in data.items() if m != "parameters"}
        for method, operation in operations.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"<h2>{escape(tag.capitalize())}</h2>"
            shared = data.get("parameters", [])
            yield from _operation(path, method, operation, shared)
    yield "<h2>Objects</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</body>\n</html>"


def _operation(
    path: str, method: str, operation: Mapping[str, Any], shared: list[Any]
) -> Iterator[str]:
    yield f'<h3><span class="method">{method.upper()}</span>'
    yield f'<span class="path">{escape(path)}</span></h3>'
    yield f"<p>{escape(operation['summary'])}."
    body = operation.get("requestBody")
    if body is not None:
        kind = body["content"]["application/json"]["schema"]
        yield f"Body{'' if body['required'] else ' (optional)'}: {_kind(kind)}."
    yield "</p>"
    parameters = shared + operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>Parameter</th><th>In</th><th></th></tr>"
        for parameter in parameters:
            said = escape(parameter.get("description", ""))
            yield (
                f"<tr><td><code>{escape(parameter['name'])}</code></td>"
                f"<td>{parameter['in']}</td>"
                f"<td>{_kind(parameter['schema'])} {said}</td></tr>"
            )
        yield "</table>"
    yield "<table><tr><th>Status</th><th></th></tr>"
    for status, answer in operation["responses"].items():
        yield f"<tr><td>{status}</td><td>{escape(answer['description'])}"
        content = answer.get("content", {}).get("application/json")
        if content is not None:
            yield _kind(content["schema"])
        if "headers" in answer:
            yield f"With {escape(', '.join(answer['headers']))}."
        yield "</td></tr>"
    yield "</table>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    if "description" in schema:
        yield f"<p>{escape(schema['description'])}</p>"
    properties = schema.get("properties")
    if not properties:
        yield f"<p>{_kind(schema)}</p>"
        return
    required = schema.get("required", [])
    yield "<table><tr><th>Member</th><th></th><th></th></tr>"
    for member, inner in properties.items():
        must = " (required)" if member in required else ""
        once = " Never shown again." if inner.get("writeOnly") else ""
        said = escape(inner.get("description", ""))
        yield (
            f"<tr><td><code>{escape(member)}</code>{must}</td>"
            f"<td>{_kind(inner)}</td><td>{said}{once}</td></tr>"
        )
    yield "</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what *schema* is, in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "const" in schema:
        return f"<code>{escape(schema['const'])}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(word)}</code>" for word in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("properties"):
        inner = (
            f"<code>{escape(name)}</code> {_kind(each)}"
            for name, each in schema["properties"].items()
        )
        return f"object of {', '.join(inner)}"
    words = kind if isinstance(kind, str) else " or ".join(kind)
    if "pattern" in schema:
        words += f" <code>{escape(schema['pattern'])}</code>"
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in schema
    ]
    if "default" in schema:
        bounds.append(f"default {escape(str(schema['default']).lower())}")
    return ", ".join([words, *bounds])
