"""What nightly rustdoc knows about the library with all features: its public items, and the crates they name."""

import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "public_api"
# The flags docs.rs uses, so that those are tried, too.
COMMAND = ["cargo", "+nightly", "rustdoc", "--locked", "--quiet", "--lib", "--all-features", "--", "--cfg", "docsrs"]


def rustdoc(*arguments):
    """Runs rustdoc as docs.rs does, and returns the folder it has written to."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET))
    subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=environment, check=True)
    return TARGET / "doc"


def read():
    """The library as JSON."""
    folder = rustdoc("-Z", "unstable-options", "--output-format", "json")
    return json.loads((folder / "xmpp_stream.json").read_text())


def pages():
    """The documentation as HTML; the text of the page of an item by its kind and path."""
    folder = rustdoc()

    def page(kind, path):
        *modules, name = path.split("::")
        file = [name, "index.html"] if kind == "module" else [f"{kind}.{name}.html"]
        return folder.joinpath(*modules, *file).read_text()

    return page


class Surface:
    """Everything reachable from the root of the crate.

    `items` are those with a path of their own, `parts` the methods, fields and variants: the number of each, and its
    path. `owners` are the implementations of methods, `reexports` further paths of items, `foreign` the items of other
    crates by crate, each with a path that names it.
    """

    def __init__(self, crate):
        self.index, self.paths = crate["index"], crate["paths"]
        self.names = {number: crate["name"] for number, crate in crate["external_crates"].items()}
        self.items, self.parts, self.owners, self.implementations = {}, {}, {}, {}
        self.reexports, self.foreign = {}, {}
        # First what stands in public modules, so that it is known by its own path; then what is only re-exported.
        self._uses = []
        self._visit(crate["root"], "")
        while self._uses:
            self._reexport(*self._uses.pop(0))

    def kind(self, number):
        """The kind of an item, and what rustdoc knows of that kind."""
        return next(iter(self.index[str(number)]["inner"].items()))

    def owner(self, part):
        """The kind and the path of the item that a method, field or variant belongs to."""
        path = self.parts[part].rpartition("::")[0]
        numbers = {path: number for number, path in self.items.items()}
        while path not in numbers:
            path = path.rpartition("::")[0]
        return self.kind(numbers[path])[0], path

    def _visit(self, number, path):
        item = self.index.get(str(number))
        if item is None or number in self.items:
            return
        kind, inner = self.kind(number)
        if kind == "use":
            self._uses.append((inner, path))
            return
        path = f"{path}::{item['name']}" if path else item["name"]
        self.items[number] = path
        if kind == "module":
            for child in inner["items"]:
                self._visit(child, path)
            return
        self._names(inner, path)
        self._parts(kind, inner, path)

    def _parts(self, kind, inner, path):
        for child in children(kind, inner):
            item = self.index.get(str(child))
            if item is None or child in self.parts:
                continue
            child_path = f"{path}::{item['name']}"
            self.parts[child] = child_path
            child_kind, child_inner = self.kind(child)
            self._names(child_inner, child_path)
            self._parts(child_kind, child_inner, child_path)
        for child in inner.get("impls") or () if isinstance(inner, dict) else ():
            if str(child) in self.index:
                self._implementation(child, path)

    def _reexport(self, inner, path):
        name = f"{path}::{inner['name']}"
        target = self.index.get(str(inner["id"])) if inner["id"] is not None else None
        if target is None:
            self._names({"id": inner["id"]}, name)
            self.reexports[name] = inner["source"]
        elif inner["is_glob"]:
            for child in target["inner"]["module"]["items"]:
                self._visit(child, path)
        elif inner["id"] in self.items:
            self.reexports[name] = self.items[inner["id"]]
        elif target["name"] == inner["name"]:
            self._visit(inner["id"], path)
        else:
            raise ValueError(f"{name} renames an item that has no public path of its own")

    def _implementation(self, number, path):
        inner = self.index[str(number)]["inner"]["impl"]
        self.implementations.setdefault(number, path)
        # Those the compiler derives from the fields name only the traits of core.
        if inner["is_synthetic"] or inner["blanket_impl"]:
            return
        self._names({key: value for key, value in inner.items() if key not in ("items", "for")}, path)
        for child in inner["items"]:
            if inner["trait"] is None:
                child_path = f"{path}::{self.index[str(child)]['name']}"
                self.parts[child], self.owners[child] = child_path, number
                self._names(self.index[str(child)]["inner"], child_path)
            else:
                self._names(self.index[str(child)]["inner"], path)

    def _names(self, part, path):
        """Notes the crates whose types and traits `part` names."""
        if isinstance(part, list):
            for element in part:
                self._names(element, path)
        elif isinstance(part, dict):
            summary = self.paths.get(str(part.get("id")))
            if summary and summary["crate_id"] != 0:
                crate = self.names[str(summary["crate_id"])]
                self.foreign.setdefault(crate, {})["::".join(summary["path"])] = path
            for key, value in part.items():
                if key not in ("impls", "implementations", "items", "variants"):
                    self._names(value, path)


def children(kind, inner):
    """The parts of a type or trait."""
    if kind in ("struct", "variant"):
        shape = inner["kind"]
        if isinstance(shape, dict):
            plain = shape.get("plain") or shape.get("struct") or {}
            fields = shape.get("tuple") or plain.get("fields") or ()
            return [field for field in fields if field is not None]
    if kind == "union":
        return inner["fields"]
    if kind == "enum":
        return inner["variants"]
    if kind == "trait":
        return inner["items"]
    return ()


def features(item):
    """The features that an item itself needs, as text, or nothing."""
    traces = [other for attribute in item["attrs"] if isinstance(attribute, dict) for other in attribute.values()]
    traces = [trace for trace in traces if isinstance(trace, str) and "CfgTrace" in trace]
    names = [name for trace in traces for name in re.findall(r'name: "feature", value: Some\("(\w+)"\)', trace)]
    return (" or " if any("Any(" in trace for trace in traces) else " and ").join(names)
