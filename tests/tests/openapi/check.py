"""Checks a description against OpenAPI 3.1, and what was answered against the description.

Reads {"document": ..., "answered": [{"method", "path", "status", "asked", "answer"}, ...]} and prints a line for
each fault. The answers' paths are the real ones; "asked" and "answer" are the bodies, null where there was none.
"""

import json
import re
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

given = json.load(sys.stdin)
document = given["document"]
registry = Registry().with_resource("urn:api", Resource(contents=document, specification=DRAFT202012))


def operation_of(method, path):
    """The operation at a real path: a template without a name in it goes first."""
    path = path.split("?")[0]
    for template in sorted(document["paths"], key=lambda template: template.count("{")):
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in document["paths"][template]:
            return template, document["paths"][template][method.lower()]
    return None, None


def resolved(it):
    """What a reference inside the document refers to."""
    while "$ref" in it:
        target = document
        for part in it["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        it = target
    return it


def faults_in(value, schema):
    # What the schema refers to lies in the document around it.
    schema = json.loads(json.dumps(schema).replace('"#/', '"urn:api#/'))
    validator = Draft202012Validator(schema, registry=registry)
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"


def check(answered):
    template, operation = operation_of(answered["method"], answered["path"])
    name = f"{answered['method']} {answered['path']}"
    if operation is None:
        return [f"{name} is not described"]
    responses = operation["responses"]
    status = str(answered["status"])
    if answered["status"] < 400 and status not in responses:
        return [f"{name}: {status} is not described"]
    faults = []
    bodies = [
        ("asked", resolved(operation.get("requestBody", {})) if answered["status"] < 400 else {}),
        ("answer", resolved(responses.get(status) or responses["default"])),
    ]
    for what, described in bodies:
        body = answered[what]
        for kind, content in described.get("content", {}).items():
            if "json" in kind and "schema" in content and body is not None:
                faults += [f"{name} {status}, {what} {fault}" for fault in faults_in(body, content["schema"])]
    return faults


print("\n".join(str(error.message) for error in OpenAPIV31SpecValidator(document).iter_errors()))
for answered in given["answered"]:
    print("\n".join(check(answered)))
