//! Prints the public API of a crate from rustdoc's JSON, with one line for each item.
//!
//! Lines are sorted by path. Paths of the crate's own items begin with `crate`. The path of another
//! crate's item is only the crate and the name, since the modules between them are often private and
//! can move. An item of the standard library has its whole path.

mod paths;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use rustdoc_types::{
    Attribute, Constant, Crate, Function, GenericBound, Id, Impl, Item, ItemEnum, Path, Struct,
    StructKind, Trait, Type, Variant, VariantKind, WherePredicate,
};

use self::paths::Paths;
use self::types::is_standard;

/// The public API of a crate.
pub(super) struct Api {
    /// One line for each item, in order.
    pub(super) lines: Vec<String>,
    /// The crates whose types or traits are in the lines, without the standard library.
    pub(super) foreign: BTreeSet<String>,
}

/// Prints the public API of `krate`.
pub(super) fn api(krate: &Crate) -> Api {
    let mut paths = Paths::default();
    paths.module(krate, krate.root, &[]);
    let mut printer = Printer { krate, paths: paths.chosen(), foreign: BTreeSet::new() };
    let mut items: Vec<(String, Id)> =
        printer.paths.iter().map(|(id, path)| (path.clone(), *id)).collect();
    items.sort();
    let mut lines = Vec::new();
    for (path, id) in items {
        printer.item(&path, id, &mut lines);
    }
    for (path, target) in paths.passed_on(krate, &printer.paths) {
        let root = target.split("::").next().unwrap_or_default();
        if root != "crate" && !is_standard(root) {
            printer.foreign.insert(root.to_owned());
        }
        lines.push(format!("pub use {path} = {target}"));
    }
    let mut impls = printer.trait_impls();
    impls.sort();
    impls.dedup();
    lines.extend(impls);
    Api { lines, foreign: printer.foreign }
}

struct Printer<'a> {
    krate: &'a Crate,
    paths: BTreeMap<Id, String>,
    foreign: BTreeSet<String>,
}

impl Printer<'_> {
    fn item(&mut self, path: &str, id: Id, lines: &mut Vec<String>) {
        let krate = self.krate;
        let Some(item) = krate.index.get(&id) else { return };
        let attributes = attributes(item);
        let head = format!("{attributes}pub ");
        match &item.inner {
            ItemEnum::Module(_) => lines.push(format!("{head}mod {path}")),
            ItemEnum::Struct(data) => self.structure(&head, path, data, lines),
            ItemEnum::Union(data) => {
                let (parameters, bounds) = self.generics(&data.generics);
                lines.push(format!("{head}union {path}{parameters}{bounds}"));
                self.fields(path, &data.fields, lines);
                self.methods(path, &data.impls, lines);
            }
            ItemEnum::Enum(data) => {
                let (parameters, bounds) = self.generics(&data.generics);
                lines.push(format!("{head}enum {path}{parameters}{bounds}"));
                for id in &data.variants {
                    lines.extend(self.variant(path, *id));
                }
                self.methods(path, &data.impls, lines);
            }
            ItemEnum::Variant(_) => {}
            ItemEnum::Trait(data) => self.open_trait(&head, path, data, lines),
            ItemEnum::TraitAlias(data) => {
                let (parameters, bounds) = self.generics(&data.generics);
                let names = self.bounds(&data.params);
                lines.push(format!("{head}trait {path}{parameters} = {names}{bounds}"));
            }
            ItemEnum::Function(data) => lines.push(self.function(&head, path, data)),
            ItemEnum::TypeAlias(data) => {
                let (parameters, bounds) = self.generics(&data.generics);
                let type_ = self.type_(&data.type_);
                lines.push(format!("{head}type {path}{parameters} = {type_}{bounds}"));
            }
            ItemEnum::Constant { type_, const_ } => {
                let (type_, value) = (self.type_(type_), value(const_));
                lines.push(format!("{head}const {path}: {type_}{value}"));
            }
            ItemEnum::Static(data) => {
                let mutable = if data.is_mutable { "mut " } else { "" };
                let type_ = self.type_(&data.type_);
                lines.push(format!("{head}static {mutable}{path}: {type_}"));
            }
            ItemEnum::Macro(_) => lines.push(format!("{attributes}macro_rules! {path}")),
            ItemEnum::ProcMacro(_) => lines.push(format!("{head}macro {path}")),
            ItemEnum::ExternCrate { name, .. } => {
                self.foreign.insert(name.clone());
                lines.push(format!("{head}extern crate {path} = {name}"));
            }
            // The first ones are parts of items and are printed with them; the others are names of
            // other crates' items.
            ItemEnum::StructField(_)
            | ItemEnum::AssocConst { .. }
            | ItemEnum::AssocType { .. }
            | ItemEnum::Impl(_)
            | ItemEnum::Use(_)
            | ItemEnum::ExternType
            | ItemEnum::Primitive(_) => {}
        }
    }

    fn structure(&mut self, head: &str, path: &str, data: &Struct, lines: &mut Vec<String>) {
        let (parameters, bounds) = self.generics(&data.generics);
        let line = format!("{head}struct {path}{parameters}");
        match &data.kind {
            StructKind::Unit => lines.push(format!("{line};{bounds}")),
            StructKind::Tuple(fields) => {
                let fields = self.tuple(fields);
                lines.push(format!("{line}({fields}){bounds}"));
            }
            StructKind::Plain { fields, has_stripped_fields } => {
                let private = if *has_stripped_fields { " { .. }" } else { "" };
                lines.push(format!("{line}{private}{bounds}"));
                self.fields(path, fields, lines);
            }
        }
        self.methods(path, &data.impls, lines);
    }

    fn fields(&mut self, path: &str, fields: &[Id], lines: &mut Vec<String>) {
        for (name, type_) in self.named_types(fields) {
            lines.push(format!("pub {path}::{name}: {type_}"));
        }
    }

    fn named_types(&mut self, fields: &[Id]) -> Vec<(String, String)> {
        let krate = self.krate;
        let mut named = Vec::new();
        for item in fields.iter().filter_map(|id| krate.index.get(id)) {
            if let ItemEnum::StructField(type_) = &item.inner {
                named.push((item.name.clone().unwrap_or_default(), self.type_(type_)));
            }
        }
        named
    }

    /// Returns the fields of a tuple. A private field is `_`.
    fn tuple(&mut self, fields: &[Option<Id>]) -> String {
        let mut types = Vec::new();
        for field in fields {
            let named = field.map(|id| self.named_types(&[id])).unwrap_or_default();
            types.push(named.into_iter().next().map_or_else(|| "_".to_owned(), |(_, type_)| type_));
        }
        types.join(", ")
    }

    fn variant(&mut self, path: &str, id: Id) -> Option<String> {
        let item = self.krate.index.get(&id)?;
        let ItemEnum::Variant(Variant { kind, discriminant }) = &item.inner else { return None };
        let name = item.name.as_deref().unwrap_or_default();
        let fields = match kind {
            VariantKind::Plain => String::new(),
            VariantKind::Tuple(fields) => format!("({})", self.tuple(fields)),
            VariantKind::Struct { fields, has_stripped_fields } => {
                let named = self.named_types(fields).into_iter();
                let mut named: Vec<String> =
                    named.map(|(name, type_)| format!("{name}: {type_}")).collect();
                if *has_stripped_fields {
                    named.push("..".to_owned());
                }
                format!(" {{ {} }}", named.join(", "))
            }
        };
        let number = discriminant.as_ref();
        let number = number.map(|number| format!(" = {}", number.value)).unwrap_or_default();
        Some(format!("{}pub {path}::{name}{fields}{number}", attributes(item)))
    }

    /// Adds the methods and constants that belong to a type.
    fn methods(&mut self, path: &str, impls: &[Id], lines: &mut Vec<String>) {
        let krate = self.krate;
        let mut found = Vec::new();
        for item in impls.iter().filter_map(|id| krate.index.get(id)) {
            let ItemEnum::Impl(block) = &item.inner else { continue };
            if block.trait_.is_some() {
                continue;
            }
            let (parameters, bounds) = self.generics(&block.generics);
            // For a generic type, the line names the `impl` block: it says which types have the method.
            let block_of = if parameters.is_empty() && bounds.is_empty() {
                String::new()
            } else {
                format!("impl{parameters} {}{bounds}: ", self.type_(&block.for_))
            };
            for id in &block.items {
                found.extend(self.part(&format!("{block_of}pub "), path, *id));
            }
        }
        found.sort();
        lines.extend(found.into_iter().map(|(_, line)| line));
    }

    fn open_trait(&mut self, head: &str, path: &str, data: &Trait, lines: &mut Vec<String>) {
        let (parameters, bounds) = self.generics(&data.generics);
        let unsafe_ = if data.is_unsafe { "unsafe " } else { "" };
        let above = match self.bounds(&data.bounds) {
            above if above.is_empty() => above,
            above => format!(": {above}"),
        };
        lines.push(format!("{head}{unsafe_}trait {path}{parameters}{above}{bounds}"));
        let mut parts = Vec::new();
        for id in &data.items {
            parts.extend(self.part("", path, *id));
        }
        parts.sort();
        lines.extend(parts.into_iter().map(|(_, line)| line));
    }

    /// Returns a method, constant or type of a trait or of an `impl`, with its name.
    fn part(&mut self, head: &str, path: &str, id: Id) -> Option<(String, String)> {
        let item = self.krate.index.get(&id)?;
        let name = item.name.clone()?;
        let head = format!("{}{head}", attributes(item));
        let path = format!("{path}::{name}");
        let line = match &item.inner {
            ItemEnum::Function(data) => {
                let line = self.function(&head, &path, data);
                // Only in a trait: `{ .. }` says that an implementation may leave the method out.
                let provided = data.has_body && !head.ends_with("pub ");
                if provided { format!("{line} {{ .. }}") } else { line }
            }
            ItemEnum::AssocConst { type_, value } => {
                let type_ = self.type_(type_);
                let value = value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
                format!("{head}const {path}: {type_}{value}")
            }
            ItemEnum::AssocType { generics, bounds, type_ } => {
                let (parameters, where_) = self.generics(generics);
                let bounds = match self.bounds(bounds) {
                    bounds if bounds.is_empty() => bounds,
                    bounds => format!(": {bounds}"),
                };
                let type_ = type_.as_ref().map(|type_| format!(" = {}", self.type_(type_)));
                let type_ = type_.unwrap_or_default();
                format!("{head}type {path}{parameters}{bounds}{type_}{where_}")
            }
            _ => return None,
        };
        Some((name, line))
    }

    /// Returns the trait implementations of public types. Blanket implementations are left out, and
    /// those that the compiler adds, except `!Send` and `!Sync`.
    fn trait_impls(&mut self) -> Vec<String> {
        let krate = self.krate;
        let mut lines = Vec::new();
        for item in krate.index.values() {
            let ItemEnum::Impl(block) = &item.inner else { continue };
            let Some(trait_) = &block.trait_ else { continue };
            let name = trait_.path.rsplit("::").next().unwrap_or_default();
            let negative_auto = block.is_negative && ["Send", "Sync"].contains(&name);
            if item.crate_id != 0
                || block.blanket_impl.is_some()
                || (block.is_synthetic && !negative_auto)
                || name == "StructuralPartialEq"
                || !self.is_public(&block.for_)
            {
                continue;
            }
            lines.push(self.trait_impl(block, trait_));
        }
        lines
    }

    fn trait_impl(&mut self, block: &Impl, trait_: &Path) -> String {
        let krate = self.krate;
        let (parameters, bounds) = self.generics(&block.generics);
        let negative = if block.is_negative { "!" } else { "" };
        let unsafe_ = if block.is_unsafe { "unsafe " } else { "" };
        let mut types = Vec::new();
        for item in block.items.iter().filter_map(|id| krate.index.get(id)) {
            if let ItemEnum::AssocType { type_: Some(type_), .. } = &item.inner {
                let name = item.name.as_deref().unwrap_or_default();
                types.push(format!("type {name} = {}", self.type_(type_)));
            }
        }
        types.sort();
        let types = match types.join("; ") {
            types if types.is_empty() => types,
            types => format!(" {{ {types} }}"),
        };
        let (trait_, type_) = (self.path(trait_), self.type_(&block.for_));
        format!("{unsafe_}impl{parameters} {negative}{trait_} for {type_}{bounds}{types}")
    }

    /// Returns whether another crate can name the type. Types of other crates count as public.
    fn is_public(&self, type_: &Type) -> bool {
        match type_ {
            Type::ResolvedPath(path) => {
                let own = self.krate.index.get(&path.id).is_some_and(|item| item.crate_id == 0);
                !own || self.paths.contains_key(&path.id)
            }
            Type::BorrowedRef { type_, .. } => self.is_public(type_),
            _ => true,
        }
    }

    fn function(&mut self, head: &str, path: &str, data: &Function) -> String {
        if let Some(line) = self.async_trait_function(head, path, data) {
            return line;
        }
        let (parameters, bounds) = self.generics(&data.generics);
        let header = &data.header;
        let words = [
            (header.is_const, "const "),
            (header.is_async, "async "),
            (header.is_unsafe, "unsafe "),
        ];
        let words: String = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        let (inputs, output) = self.signature(&data.sig);
        format!("{head}{words}fn {path}{parameters}({inputs}){output}{bounds}")
    }

    /// Returns the function as its author wrote it for `async_trait`. The macro changes the function:
    /// the result becomes a boxed future, and each reference gets a lifetime.
    fn async_trait_function(&mut self, head: &str, path: &str, data: &Function) -> Option<String> {
        let is_made = |name: &str| name == "'async_trait" || name.starts_with("'life");
        let mut generics = data.generics.clone();
        let all = generics.params.len();
        generics.params.retain(|parameter| !is_made(&parameter.name));
        if generics.params.len() == all {
            return None;
        }
        generics.where_predicates.retain(|predicate| match predicate {
            WherePredicate::BoundPredicate { bounds, .. } => !bounds.iter().all(
                |bound| matches!(bound, GenericBound::Outlives(lifetime) if is_made(lifetime)),
            ),
            WherePredicate::LifetimePredicate { lifetime, .. } => !is_made(lifetime),
            WherePredicate::EqPredicate { .. } => true,
        });
        let (inputs, output) = self.signature(&data.sig);
        let output = output.strip_prefix(" -> std::pin::Pin<Box<dyn Future<Output = ")?;
        let output = output.strip_suffix("> + Send + 'async_trait>>")?;
        let output = if output == "()" { String::new() } else { format!(" -> {output}") };
        let (parameters, bounds) = self.generics(&generics);
        let inputs = without_made_lifetimes(&inputs);
        Some(format!("{head}#[async_trait] async fn {path}{parameters}({inputs}){output}{bounds}"))
    }
}

/// Returns a type without the lifetimes of `async_trait`: `&'life0 str` becomes `&str`.
fn without_made_lifetimes(text: &str) -> String {
    let mut parts = text.split("'life");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        shown.push_str(rest.strip_prefix(' ').unwrap_or(rest));
    }
    shown
}

fn attributes(item: &Item) -> String {
    let mut shown = String::new();
    if item.deprecation.is_some() {
        shown.push_str("#[deprecated] ");
    }
    for attribute in &item.attrs {
        match attribute {
            Attribute::NonExhaustive => shown.push_str("#[non_exhaustive] "),
            Attribute::MustUse { .. } => shown.push_str("#[must_use] "),
            _ => {}
        }
    }
    shown
}

fn value(constant: &Constant) -> String {
    let value = constant.value.as_ref().filter(|_| !constant.is_literal);
    format!(" = {}", value.unwrap_or(&constant.expr))
}
