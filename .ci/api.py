#!/usr/bin/env python3
"""The public interface in docs/api.txt, one line an item, made from rustdoc's JSON.

`.ci/api.py` compares it with the code and exits with 1 when they differ; `.ci/api.py --write` renews it. The crates
whose types are part of the interface must be those that README.md lists under Stability.
"""

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATE = "azure_openai_chat"
LIST = ROOT / "docs/api.txt"
STANDARD = {"std", "core", "alloc"}
# pages of the documentation, in no build
GUIDES = "guide"
# where a crate of the list takes its types from
DEFINED_FOR = {"serde_core": "serde", "typespec": "azure_core", "typespec_client_core": "azure_core"}
# derives and bounds that every type has, or that no caller writes
UNLISTED_TRAITS = {"StructuralPartialEq", "Send", "Sync", "Unpin", "Freeze", "RefUnwindSafe", "UnwindSafe"}


def rustdoc():
    env = dict(os.environ, RUSTC_BOOTSTRAP="1")  # the JSON is unstable, and this toolchain's own
    command = ["cargo", "rustdoc", "-q", "-p", "azure-openai-chat", "--lib", "--all-features", "--"]
    subprocess.run(command + ["-Z", "unstable-options", "--output-format", "json"], cwd=ROOT, env=env, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return json.loads((target / "doc" / f"{CRATE}.json").read_text())


class Api:
    def __init__(self, doc):
        self.index, self.paths = doc["index"], doc["paths"]
        self.lines, self.crates = set(), set()

    # -- types as Rust writes them

    def path(self, path):
        self.note(path["id"])
        return path["path"].rsplit("::", 1)[-1] + self.args(path.get("args"))

    def note(self, id):
        summary = self.paths.get(str(id))
        if summary and summary["crate_id"] != 0 and summary["path"][0] not in STANDARD:
            self.crates.add(DEFINED_FOR.get(summary["path"][0], summary["path"][0]))

    def args(self, args):
        if not args:
            return ""
        if "parenthesized" in args:
            call = args["parenthesized"]
            output = f" -> {self.type(call['output'])}" if call["output"] else ""
            return f"({', '.join(map(self.type, call['inputs']))}){output}"
        args = args["angle_bracketed"]
        shown = [self.arg(arg) for arg in args["args"]]
        for constraint in args["constraints"]:
            ((kind, value),) = constraint["binding"].items()
            name = constraint["name"] + self.args(constraint["args"])
            shown.append(f"{name} = {self.term(value)}" if kind == "equality" else f"{name}: {self.bounds(value)}")
        return f"<{', '.join(shown)}>" if shown else ""

    def arg(self, arg):
        if arg == "infer":
            return "_"
        ((kind, value),) = arg.items()
        return {"lifetime": lambda: value, "type": lambda: self.type(value), "const": lambda: value["expr"]}[kind]()

    def term(self, term):
        ((kind, value),) = term.items()
        return self.type(value) if kind == "type" else value["expr"]

    def bounds(self, bounds):
        return " + ".join(self.bound(bound) for bound in bounds)

    def bound(self, bound):
        ((kind, value),) = bound.items()
        if kind != "trait_bound":
            return value if kind == "outlives" else f"use<{', '.join(next(iter(v.values())) for v in value)}>"
        maybe = "?" if value["modifier"] == "maybe" else ""
        return maybe + self.path(value["trait"])

    def type(self, type):
        ((kind, value),) = type.items()
        if kind == "resolved_path":
            return self.path(value)
        if kind in ("generic", "primitive"):
            return value
        if kind == "tuple":
            return f"({', '.join(map(self.type, value))}{',' if len(value) == 1 else ''})"
        if kind == "slice":
            return f"[{self.type(value)}]"
        if kind == "array":
            return f"[{self.type(value['type'])}; {value['len']}]"
        if kind == "borrowed_ref":
            lifetime = f"{value['lifetime']} " if value["lifetime"] else ""
            return f"&{lifetime}{'mut ' if value['is_mutable'] else ''}{self.type(value['type'])}"
        if kind == "impl_trait":
            return f"impl {self.bounds(value)}"
        if kind == "dyn_trait":
            traits = [self.path(each["trait"]) for each in value["traits"]]
            return f"dyn {' + '.join(traits + ([value['lifetime']] if value['lifetime'] else []))}"
        if kind == "qualified_path":
            of = self.type(value["self_type"])
            return f"<{of} as {self.path(value['trait'])}>::{value['name']}" if value["trait"] else f"{of}::{value['name']}"
        if kind == "function_pointer":
            return "fn" + self.signature(value["sig"])
        return kind

    def signature(self, signature):
        def argument(name, type):
            shown = self.type(type)
            if name != "self":
                return f"{name}: {shown}"
            return {"Self": "self", "&Self": "&self", "&mut Self": "&mut self"}.get(shown, f"self: {shown}")

        inputs = ", ".join(argument(name, type) for name, type in signature["inputs"])
        return f"({inputs})" + (f" -> {self.type(signature['output'])}" if signature["output"] else "")

    def generics(self, generics):
        shown = []
        for param in generics["params"]:
            ((kind, value),) = param["kind"].items()
            if kind == "lifetime":
                shown.append(param["name"])
            elif kind == "const":
                shown.append(f"const {param['name']}: {self.type(value['type'])}")
            elif not value["is_synthetic"]:
                bounds = self.bounds(value["bounds"])
                shown.append(f"{param['name']}: {bounds}" if bounds else param["name"])
        return f"<{', '.join(shown)}>" if shown else ""

    def where(self, generics):
        shown = []
        for predicate in generics["where_predicates"]:
            ((kind, value),) = predicate.items()
            if kind == "bound_predicate":
                shown.append(f"{self.type(value['type'])}: {self.bounds(value['bounds'])}")
        return f" where {', '.join(shown)}" if shown else ""

    # -- items

    def walk(self, id, place):
        item = self.index.get(str(id))
        if item is None:
            return
        ((kind, inner),) = item["inner"].items()
        if kind == "use":
            target = self.index.get(str(inner["id"]))
            if target is not None and not inner["is_glob"]:
                self.item(target, place, inner["name"])
        elif item["visibility"] == "public" or kind == "variant":
            self.item(item, place, item["name"])

    def item(self, item, place, name):
        ((kind, inner),) = item["inner"].items()
        path = f"{place}::{name}" if place else name
        open_ended = "non_exhaustive " if any("non_exhaustive" in str(attr) for attr in item["attrs"]) else ""
        if kind == "module":
            if path == GUIDES:
                return
            if item["crate_id"] == 0 and place:
                self.lines.add(f"mod {path}")
            for child in inner["items"]:
                self.walk(child, path)
        elif kind in ("struct", "enum", "trait"):
            self.lines.add(f"{open_ended}{kind} {path}{self.generics(inner['generics'])}")
            if kind == "struct" and "plain" in inner["kind"]:
                for field in inner["kind"]["plain"]["fields"]:
                    self.walk(field, path)
            for child in inner.get("variants", []) + inner.get("items", []):
                self.walk(child, path)
            for impl in inner.get("impls", []):
                self.implementation(self.index.get(str(impl)), path)
        elif kind == "variant":
            fields = ""
            ((shape, value),) = inner["kind"].items() if isinstance(inner["kind"], dict) else (("plain", None),)
            if shape == "tuple":
                fields = f"({', '.join(self.type(self.index[str(f)]['inner']['struct_field']) for f in value)})"
            elif value:
                named = [self.index[str(field)] for field in value["fields"]]
                fields = f" {{ {', '.join(f['name'] + ': ' + self.type(f['inner']['struct_field']) for f in named)} }}"
            self.lines.add(f"{open_ended}variant {path}{fields}")
        elif kind == "struct_field":
            self.lines.add(f"field {path}: {self.type(inner)}")
        elif kind == "function":
            qualifier = "".join(f"{word} " for word in ("const", "async") if inner["header"][f"is_{word}"])
            shown = self.generics(inner["generics"]) + self.signature(inner["sig"]) + self.where(inner["generics"])
            self.lines.add(f"{qualifier}fn {path}{shown}")
        elif kind in ("constant", "assoc_const"):
            self.lines.add(f"const {path}: {self.type(inner['type'])}")
        elif kind == "type_alias":
            self.lines.add(f"type {path}{self.generics(inner['generics'])} = {self.type(inner['type'])}")
        else:
            self.lines.add(f"{kind} {path}")

    def implementation(self, item, path):
        if item is None:
            return
        impl = item["inner"]["impl"]
        if impl["is_synthetic"] or impl["blanket_impl"]:
            return
        if impl["trait"] is None:
            for child in impl["items"]:
                self.walk(child, path)
        elif impl["trait"]["path"].rsplit("::", 1)[-1] not in UNLISTED_TRAITS:
            shown = f"impl{self.generics(impl['generics'])} {self.path(impl['trait'])} for {self.type(impl['for'])}"
            self.lines.add(f"{shown}{self.where(impl['generics'])}")


def listed_crates():
    text = (ROOT / "README.md").read_text()
    sentence = re.search(r"([^.]*) are part of the public interface", text.split("## Stability", 1)[1])
    return set(re.findall(r"`(\w+)`", sentence.group(1))) if sentence else set()


def main():
    doc = rustdoc()
    api = Api(doc)
    api.item(doc["index"][str(doc["root"])], "", "")
    lines = sorted(api.lines, key=lambda line: (re.sub(r"^(non_exhaustive |const |async )*\w+ ", "", line), line))
    if "--write" in sys.argv[1:]:
        LIST.parent.mkdir(exist_ok=True)
        LIST.write_text("\n".join(lines) + "\n")
        print(f"{LIST.relative_to(ROOT)}: {len(lines)} items")
        return 0
    known = LIST.read_text().splitlines() if LIST.exists() else []
    difference = list(difflib.unified_diff(known, lines, "docs/api.txt", "the code", lineterm="", n=0))
    if difference:
        print("\n".join(difference), "\ndocs/api.txt is not the public interface; if it should be: .ci/api.py --write")
    if api.crates != listed_crates():
        print(f"README.md lists {sorted(listed_crates())} as part of the public interface, which has {sorted(api.crates)}")
    return 1 if difference or api.crates != listed_crates() else 0


if __name__ == "__main__":
    sys.exit(main())
