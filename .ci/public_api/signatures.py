"""Public items as text: one line for each, as Rust would write it, with full paths.

An item of a feature ends with `// feature NAME`, unless it stands in a module or type which does.
"""

from rustdoc import features

# The compiler's own, and what nobody asks of a connection.
UNUSED = ("core::StructuralPartialEq", "core::UnwindSafe", "core::RefUnwindSafe")


class Signatures:
    """Writes what a `Surface` holds."""

    def __init__(self, surface):
        self.surface = surface

    def lines(self):
        """Every public item, sorted by its path."""
        surface, lines = self.surface, []
        for number, path in {**surface.items, **surface.parts}.items():
            # The fields of a tuple stand in the line of what they belong to.
            if not path.rpartition("::")[2].isdecimal():
                lines.append((path, self._attributes(number) + self._member(number, path) + self._feature(number)))
        for path, source in surface.reexports.items():
            lines.append((path, f"pub use {path} = {source}"))
        lines += self._implementations()
        return [f"{line}\n".replace("xmpp_stream::", "crate::") for _, line in sorted(set(lines))]

    def _implementations(self):
        """One line for each type with the traits that need no further word, and one for each of the others."""
        together = {}
        for number, path in self.surface.implementations.items():
            inner = self.surface.index[str(number)]["inner"]["impl"]
            # Which types are `Send` follows from private fields; a user notices which ones are not.
            if inner["blanket_impl"] or inner["trait"] is None or inner["is_synthetic"] and not inner["is_negative"]:
                continue
            words = "unsafe " * inner["is_unsafe"] + "impl" + self._generics(inner["generics"])
            trait = "!" * inner["is_negative"] + self._path(inner["trait"])
            subject = f"for {self._type(inner['for'])}{self._where(inner['generics'])}{self._associated(inner['items'])}"
            subject += self._feature(number)
            if trait.lstrip("!") not in UNUSED:
                together.setdefault((path, words, subject), []).append(trait)
        for (path, words, subject), traits in together.items():
            yield path, f"{words} {' + '.join(sorted(traits))} {subject}"

    def _attributes(self, number):
        """What changes how an item may be used."""
        words = set()
        item = self.surface.index[str(number)]
        for attribute in item["attrs"]:
            text = attribute if isinstance(attribute, str) else next(iter(attribute))
            for word in ("non_exhaustive", "must_use", "repr"):
                if word in text.lower().replace("mustuse", "must_use").replace("nonexhaustive", "non_exhaustive"):
                    words.add(word)
        if item["deprecation"]:
            words.add("deprecated")
        return "".join(f"#[{word}] " for word in sorted(words))

    def _feature(self, number):
        names = features(self.surface.index[str(number)])
        return f"  // feature {names}" if names else ""

    def _member(self, number, path):
        """An item, or a method with the type and the bounds of its implementation."""
        if number not in self.surface.owners:
            return self._item(number, path)
        inner = self.surface.index[str(self.surface.owners[number])]["inner"]["impl"]
        line = self._item(number, f"{self._type(inner['for'])}::{path.rpartition('::')[2]}")
        bounds = [part for part in map(self._parameter, inner["generics"]["params"]) if part and ":" in part]
        bounds += self._where(inner["generics"]).removeprefix(" where ").split(", ") if inner["generics"]["where_predicates"] else []
        if not bounds:
            return line
        return f"{line}{', ' if ' where ' in line else ' where '}{', '.join(bounds)}"

    def _item(self, number, path):
        kind, inner = self.surface.kind(number)
        if kind == "module":
            return f"pub mod {path}"
        if kind == "function":
            return self._function(path, inner)
        if kind == "struct":
            return f"pub struct {path}{self._generics(inner['generics'])}{self._shape(inner['kind'])}{self._where(inner['generics'])}"
        if kind in ("enum", "union"):
            return f"pub {kind} {path}{self._generics(inner['generics'])}{self._where(inner['generics'])}"
        if kind == "variant":
            value = inner["discriminant"]
            return f"variant {path}{self._shape(inner['kind'])}{' = ' + value['expr'] if value else ''}"
        if kind == "struct_field":
            return f"field {path}: {self._type(inner)}"
        if kind == "trait":
            words = "unsafe " * inner["is_unsafe"] + "auto " * inner["is_auto"]
            bounds = self._bounds(inner["bounds"])
            head = f"pub {words}trait {path}{self._generics(inner['generics'])}"
            return head + (f": {bounds}" if bounds else "") + self._where(inner["generics"])
        if kind == "type_alias":
            return f"pub type {path}{self._generics(inner['generics'])} = {self._type(inner['type'])}"
        if kind == "constant":
            constant = inner["const"]
            return f"pub const {path}: {self._type(inner['type'])} = {constant['value'] or constant['expr']}"
        if kind == "static":
            return f"pub static {'mut ' * inner['is_mutable']}{path}: {self._type(inner['type'])}"
        if kind == "assoc_const":
            value = f" = {inner['value']}" if inner["value"] is not None else ""
            return f"pub const {path}: {self._type(inner['type'])}{value}"
        if kind == "assoc_type":
            bounds = self._bounds(inner["bounds"])
            value = f" = {self._type(inner['type'])}" if inner["type"] else ""
            return f"pub type {path}{self._generics(inner['generics'])}{': ' + bounds if bounds else ''}{value}"
        if kind == "macro":
            return f"pub macro {path}!"
        raise ValueError(f"{path}: what is `{kind}`?")

    def _shape(self, shape):
        """What follows a name that has fields: fields themselves have lines of their own."""
        if shape in ("unit", "plain"):
            return ""
        if "tuple" in shape:
            fields = (self._field(field) for field in shape["tuple"])
            return f"({', '.join(fields)})"
        plain = shape.get("plain") or shape["struct"]
        hidden = plain.get("has_stripped_fields")
        return " { .. }" if hidden else " {}" if not plain["fields"] else ""

    def _field(self, number):
        item = self.surface.index.get(str(number)) if number is not None else None
        return self._type(item["inner"]["struct_field"]) if item else "_"

    def _associated(self, items):
        parts = []
        for number in items:
            kind, inner = self.surface.kind(number)
            if kind == "assoc_type":
                parts.append(f"type {self.surface.index[str(number)]['name']} = {self._type(inner['type'])}")
        return f" {{ {'; '.join(sorted(parts))} }}" if parts else ""

    def _function(self, path, inner):
        header, sig = inner["header"], inner["sig"]
        words = "const " * header["is_const"] + "async " * header["is_async"] + "unsafe " * header["is_unsafe"]
        if header["abi"] != "Rust":
            words += f"extern {header['abi']} "
        inputs = ", ".join(self._input(name, kind) for name, kind in sig["inputs"])
        output = f" -> {self._type(sig['output'])}" if sig["output"] else ""
        return f"pub {words}fn {path}{self._generics(inner['generics'])}({inputs}){output}{self._where(inner['generics'])}"

    def _input(self, name, kind):
        if name == "self":
            if kind == {"generic": "Self"}:
                return "self"
            reference = kind.get("borrowed_ref")
            if reference and reference["type"] == {"generic": "Self"}:
                return f"{self._reference(reference)}self"
        return f"{name}: {self._type(kind)}"

    def _reference(self, reference):
        lifetime = f"{reference['lifetime']} " if reference["lifetime"] else ""
        return f"&{lifetime}{'mut ' * reference['is_mutable']}"

    def _type(self, kind):
        (name, inner), = kind.items()
        if name == "resolved_path":
            return self._path(inner)
        if name in ("generic", "primitive"):
            return inner
        if name == "borrowed_ref":
            return self._reference(inner) + self._type(inner["type"])
        if name == "tuple":
            return f"({', '.join(map(self._type, inner))}{',' * (len(inner) == 1)})"
        if name == "slice":
            return f"[{self._type(inner)}]"
        if name == "array":
            return f"[{self._type(inner['type'])}; {inner['len']}]"
        if name == "impl_trait":
            return f"impl {self._bounds(inner)}"
        if name == "dyn_trait":
            traits = [self._higher(bound["generic_params"]) + self._path(bound["trait"]) for bound in inner["traits"]]
            return "dyn " + " + ".join(traits + [inner["lifetime"]] * bool(inner["lifetime"]))
        if name == "function_pointer":
            header, sig = inner["header"], inner["sig"]
            inputs = ", ".join(self._type(kind) for _, kind in sig["inputs"])
            output = f" -> {self._type(sig['output'])}" if sig["output"] else ""
            return f"{self._higher(inner['generic_params'])}{'unsafe ' * header['is_unsafe']}fn({inputs}){output}"
        if name == "qualified_path":
            trait = inner["trait"]
            if trait and trait["path"]:
                return f"<{self._type(inner['self_type'])} as {self._path(trait)}>::{inner['name']}"
            return f"{self._type(inner['self_type'])}::{inner['name']}"
        if name == "raw_pointer":
            return f"*{'mut' if inner['is_mutable'] else 'const'} {self._type(inner['type'])}"
        if name == "infer":
            return "_"
        raise ValueError(f"what is the type `{name}`?")

    def _path(self, path):
        """A type or trait, by the path under which users of the crate find it.

        Of one of another crate, the path that rustdoc knows goes through its private modules, which may change.
        """
        summary = self.surface.paths.get(str(path["id"]))
        name = self.surface.items.get(path["id"])
        if name is None:
            name = f"{summary['path'][0]}::{summary['path'][-1]}" if summary else path["path"]
        return name + self._arguments(path.get("args"))

    def _arguments(self, arguments):
        if not arguments:
            return ""
        if "parenthesized" in arguments:
            inner = arguments["parenthesized"]
            output = f" -> {self._type(inner['output'])}" if inner["output"] else ""
            return f"({', '.join(map(self._type, inner['inputs']))}){output}"
        inner = arguments["angle_bracketed"]
        parts = [self._argument(argument) for argument in inner["args"]]
        for constraint in inner["constraints"]:
            binding = constraint["binding"]
            head = constraint["name"] + self._arguments(constraint["args"])
            if "equality" in binding:
                parts.append(f"{head} = {self._term(binding['equality'])}")
            else:
                parts.append(f"{head}: {self._bounds(binding['constraint'])}")
        return f"<{', '.join(parts)}>" if parts else ""

    def _argument(self, argument):
        if argument == "infer":
            return "_"
        (name, inner), = argument.items()
        if name == "lifetime":
            return inner
        return self._type(inner) if name == "type" else inner["expr"]

    def _term(self, term):
        (name, inner), = term.items()
        return self._type(inner) if name == "type" else inner["expr"]

    def _bounds(self, bounds):
        return " + ".join(map(self._bound, bounds))

    def _bound(self, bound):
        (name, inner), = bound.items()
        if name == "outlives":
            return inner
        if name == "use":
            return f"use<{', '.join(part if isinstance(part, str) else next(iter(part.values())) for part in inner)}>"
        modifier = {"none": "", "maybe": "?", "maybe_const": "~const "}[inner["modifier"]]
        return self._higher(inner["generic_params"]) + modifier + self._path(inner["trait"])

    def _higher(self, parameters):
        names = ", ".join(parameter["name"] for parameter in parameters)
        return f"for<{names}> " if names else ""

    def _generics(self, generics):
        parts = [self._parameter(parameter) for parameter in generics["params"]]
        parts = [part for part in parts if part]
        return f"<{', '.join(parts)}>" if parts else ""

    def _parameter(self, parameter):
        (kind, inner), = parameter["kind"].items()
        name = parameter["name"]
        if kind == "lifetime":
            return name + (f": {' + '.join(inner['outlives'])}" if inner["outlives"] else "")
        if kind == "const":
            return f"const {name}: {self._type(inner['type'])}"
        if inner["is_synthetic"]:  # it is written as `impl Trait` where it is used
            return None
        bounds = self._bounds(inner["bounds"])
        default = f" = {self._type(inner['default'])}" if inner["default"] else ""
        return name + (f": {bounds}" if bounds else "") + default

    def _where(self, generics):
        parts = []
        for predicate in generics["where_predicates"]:
            (kind, inner), = predicate.items()
            if kind == "bound_predicate":
                head = self._higher(inner["generic_params"]) + self._type(inner["type"])
                parts.append(f"{head}: {self._bounds(inner['bounds'])}")
            elif kind == "lifetime_predicate":
                parts.append(f"{inner['lifetime']}: {' + '.join(inner['outlives'])}")
            else:
                parts.append(f"{self._type(inner['lhs'])} = {self._term(inner['rhs'])}")
        return f" where {', '.join(parts)}" if parts else ""
