//! Prints the public API of a crate from rustdoc's JSON, one item a line.
//!
//! Lines are sorted by path. Paths of the crate's own items begin with `crate`. Items of other
//! crates show the crate and the name: the modules between them are often private and move.

use std::collections::{BTreeMap, BTreeSet};

use rustdoc_types::{
    AssocItemConstraint, AssocItemConstraintKind, Attribute, Constant, Crate, DynTrait, Enum,
    Function, FunctionPointer, FunctionSignature, GenericArg, GenericArgs, GenericBound,
    GenericParamDef, GenericParamDefKind, Generics, Id, Impl, Item, ItemEnum, Path, PolyTrait,
    PreciseCapturingArg, Struct, StructKind, Term, Trait, TraitBoundModifier, Type, Use, Variant,
    VariantKind, WherePredicate,
};

/// The public API of a crate.
pub(super) struct Api {
    /// One item each, in order.
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

/// The paths by which items can be named.
#[derive(Default)]
struct Paths {
    /// Each path of an item, and whether a module there defines the item.
    found: BTreeMap<Id, Vec<(bool, String)>>,
    /// Names of other crates' items, with the path behind each.
    foreign: Vec<(String, String)>,
    open: Vec<Id>,
}

impl Paths {
    fn module(&mut self, krate: &Crate, id: Id, path: &[&str]) {
        let Some(item) = krate.index.get(&id) else { return };
        // A glob can lead back to a module that is being read.
        if self.open.contains(&id) {
            return;
        }
        self.open.push(id);
        match &item.inner {
            ItemEnum::Module(module) => {
                for id in &module.items {
                    self.child(krate, *id, path);
                }
            }
            // `pub use Enum::*`.
            ItemEnum::Enum(Enum { variants, .. }) => {
                for id in variants {
                    self.child(krate, *id, path);
                }
            }
            _ => {}
        }
        self.open.pop();
    }

    fn child(&mut self, krate: &Crate, id: Id, path: &[&str]) {
        let Some(item) = krate.index.get(&id) else { return };
        match &item.inner {
            ItemEnum::Use(Use { id: Some(target), is_glob: true, .. })
                if krate.index.contains_key(target) =>
            {
                self.module(krate, *target, path);
            }
            ItemEnum::Use(Use { id: Some(target), name, is_glob: false, .. })
                if krate.index.contains_key(target) =>
            {
                self.named(krate, *target, false, &joined(path, name));
            }
            ItemEnum::Use(Use { source, name, is_glob, .. }) => {
                let name = if *is_glob { "*" } else { name };
                self.foreign.push((joined(path, name).join("::"), source.clone()));
            }
            ItemEnum::Impl(_) => {}
            _ => {
                let name = item.name.as_deref().unwrap_or_default();
                self.named(krate, id, true, &joined(path, name));
            }
        }
    }

    fn named(&mut self, krate: &Crate, id: Id, defined: bool, path: &[&str]) {
        self.found.entry(id).or_default().push((!defined, path.join("::")));
        if krate.index.get(&id).is_some_and(|item| matches!(item.inner, ItemEnum::Module(_))) {
            self.module(krate, id, path);
        }
    }

    /// Returns one path for each item: its place of definition if that is public, or the shortest path.
    fn chosen(&self) -> BTreeMap<Id, String> {
        let shortest = |(passed_on, path): &&(bool, String)| {
            (*passed_on, path.matches("::").count(), path.clone())
        };
        self.found
            .iter()
            .filter_map(|(id, paths)| Some((*id, paths.iter().min_by_key(shortest)?.1.clone())))
            .collect()
    }

    /// Returns the other paths, each with the chosen path of the same item.
    fn passed_on(&self, krate: &Crate, chosen: &BTreeMap<Id, String>) -> Vec<(String, String)> {
        let mut passed_on: Vec<(String, String)> = self.foreign.clone();
        for (id, paths) in &self.found {
            let Some(path) = chosen.get(id) else { continue };
            // A module that is re-exported would show each of its items twice.
            let is_below_another = |other: &str| {
                self.found.iter().any(|(id, paths)| {
                    let module = krate.index.get(id).map(|item| &item.inner);
                    matches!(module, Some(ItemEnum::Module(_)))
                        && paths.iter().any(|(_, module)| {
                            chosen.get(id) != Some(module)
                                && other.starts_with(&format!("{module}::"))
                        })
                })
            };
            let others = paths.iter().map(|(_, other)| other).filter(|other| *other != path);
            passed_on.extend(
                others
                    .filter(|other| !is_below_another(other))
                    .map(|other| (other.clone(), format!("crate::{path}"))),
            );
        }
        passed_on.sort();
        passed_on.dedup();
        passed_on
    }
}

fn joined<'a>(path: &[&'a str], name: &'a str) -> Vec<&'a str> {
    path.iter().copied().chain([name]).collect()
}

fn is_standard(name: &str) -> bool {
    ["alloc", "core", "std"].contains(&name)
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
            // Parts of items, which the items print; and the names of other crates' items.
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
            // The block says which types have these methods.
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
                // In a trait only: an implementation can leave the method out.
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

    /// Returns the traits of the types, without those that the compiler finds or derives from others.
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

    /// Returns whether another crate can name the type, as far as this crate is concerned.
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

    /// Returns a function as it was before `async_trait`: the macro makes a boxed future of it, with a
    /// lifetime for each reference.
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

    fn signature(&mut self, sig: &FunctionSignature) -> (String, String) {
        let mut inputs = Vec::new();
        for (name, type_) in &sig.inputs {
            let shown = self.type_(type_);
            inputs.push(match (name.as_str(), shown.strip_suffix("Self")) {
                ("self", Some(borrow)) if borrow.is_empty() || borrow.starts_with('&') => {
                    format!("{borrow}self")
                }
                ("self", _) => format!("self: {shown}"),
                _ => shown,
            });
        }
        if sig.is_c_variadic {
            inputs.push("...".to_owned());
        }
        let output = sig.output.as_ref().map(|type_| format!(" -> {}", self.type_(type_)));
        (inputs.join(", "), output.unwrap_or_default())
    }

    /// Returns the parameters between angle brackets, and the `where` behind the item.
    fn generics(&mut self, generics: &Generics) -> (String, String) {
        let parameters = self.parameters(&generics.params);
        let mut predicates = Vec::new();
        for predicate in &generics.where_predicates {
            predicates.push(match predicate {
                WherePredicate::BoundPredicate { type_, bounds, generic_params } => {
                    let for_ = self.for_(generic_params);
                    format!("{for_}{}: {}", self.type_(type_), self.bounds(bounds))
                }
                WherePredicate::LifetimePredicate { lifetime, outlives } => {
                    format!("{lifetime}: {}", outlives.join(" + "))
                }
                WherePredicate::EqPredicate { lhs, rhs } => {
                    format!("{} = {}", self.type_(lhs), self.term(rhs))
                }
            });
        }
        let bounds = match predicates.join(", ") {
            predicates if predicates.is_empty() => predicates,
            predicates => format!(" where {predicates}"),
        };
        (parameters, bounds)
    }

    fn parameters(&mut self, parameters: &[GenericParamDef]) -> String {
        let mut shown = Vec::new();
        for GenericParamDef { name, kind } in parameters {
            shown.push(match kind {
                GenericParamDefKind::Lifetime { outlives } if outlives.is_empty() => name.clone(),
                GenericParamDefKind::Lifetime { outlives } => {
                    format!("{name}: {}", outlives.join(" + "))
                }
                // `impl Trait` as an argument: the signature shows it.
                GenericParamDefKind::Type { is_synthetic: true, .. } => continue,
                GenericParamDefKind::Type { bounds, default, .. } => {
                    let bounds = match self.bounds(bounds) {
                        bounds if bounds.is_empty() => bounds,
                        bounds => format!(": {bounds}"),
                    };
                    let default = default.as_ref().map(|type_| format!(" = {}", self.type_(type_)));
                    format!("{name}{bounds}{}", default.unwrap_or_default())
                }
                GenericParamDefKind::Const { type_, default } => {
                    let default = default.as_ref().map(|value| format!(" = {value}"));
                    let type_ = self.type_(type_);
                    format!("const {name}: {type_}{}", default.unwrap_or_default())
                }
            });
        }
        if shown.is_empty() { String::new() } else { format!("<{}>", shown.join(", ")) }
    }

    fn for_(&mut self, parameters: &[GenericParamDef]) -> String {
        match self.parameters(parameters) {
            parameters if parameters.is_empty() => parameters,
            parameters => format!("for{parameters} "),
        }
    }

    fn bounds(&mut self, bounds: &[GenericBound]) -> String {
        let mut shown = Vec::new();
        for bound in bounds {
            shown.push(match bound {
                GenericBound::TraitBound { trait_, generic_params, modifier } => {
                    let modifier = match modifier {
                        TraitBoundModifier::None => "",
                        TraitBoundModifier::Maybe => "?",
                        TraitBoundModifier::MaybeConst => "~const ",
                    };
                    let for_ = self.for_(generic_params);
                    format!("{for_}{modifier}{}", self.path(trait_))
                }
                GenericBound::Outlives(lifetime) => lifetime.clone(),
                GenericBound::Use(captured) => {
                    let names = captured.iter().map(|argument| match argument {
                        PreciseCapturingArg::Lifetime(name) | PreciseCapturingArg::Param(name) => {
                            name.as_str()
                        }
                    });
                    format!("use<{}>", names.collect::<Vec<_>>().join(", "))
                }
            });
        }
        shown.join(" + ")
    }

    fn term(&mut self, term: &Term) -> String {
        match term {
            Term::Type(type_) => self.type_(type_),
            Term::Constant(constant) => constant.expr.clone(),
        }
    }

    fn types(&mut self, types: &[Type]) -> String {
        let shown: Vec<String> = types.iter().map(|type_| self.type_(type_)).collect();
        shown.join(", ")
    }

    fn type_(&mut self, type_: &Type) -> String {
        match type_ {
            Type::ResolvedPath(path) => self.path(path),
            Type::DynTrait(DynTrait { traits, lifetime }) => {
                let mut shown = Vec::new();
                for PolyTrait { trait_, generic_params } in traits {
                    let for_ = self.for_(generic_params);
                    shown.push(format!("{for_}{}", self.path(trait_)));
                }
                shown.extend(lifetime.clone());
                format!("dyn {}", shown.join(" + "))
            }
            Type::Generic(name) | Type::Primitive(name) if name == "never" => "!".to_owned(),
            Type::Generic(name) | Type::Primitive(name) => name.clone(),
            Type::FunctionPointer(pointer) => {
                let FunctionPointer { sig, generic_params, .. } = pointer.as_ref();
                let for_ = self.for_(generic_params);
                let (inputs, output) = self.signature(sig);
                format!("{for_}fn({inputs}){output}")
            }
            Type::Tuple(types) => match types.as_slice() {
                [one] => format!("({},)", self.type_(one)),
                types => format!("({})", self.types(types)),
            },
            Type::Slice(type_) => format!("[{}]", self.type_(type_)),
            Type::Array { type_, len } => format!("[{}; {len}]", self.type_(type_)),
            Type::Pat { type_, .. } => self.type_(type_),
            Type::ImplTrait(bounds) => format!("impl {}", self.bounds(bounds)),
            Type::Infer => "_".to_owned(),
            Type::RawPointer { is_mutable, type_ } => {
                let kind = if *is_mutable { "mut" } else { "const" };
                format!("*{kind} {}", self.type_(type_))
            }
            Type::BorrowedRef { lifetime, is_mutable, type_ } => {
                let lifetime = lifetime.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
                let mutable = if *is_mutable { "mut " } else { "" };
                let shown = self.type_(type_);
                let many = match type_.as_ref() {
                    Type::DynTrait(data) => data.traits.len() + data.lifetime.iter().count() > 1,
                    Type::ImplTrait(bounds) => bounds.len() > 1,
                    _ => false,
                };
                let shown = if many { format!("({shown})") } else { shown };
                format!("&{lifetime}{mutable}{shown}")
            }
            Type::QualifiedPath { name, args, self_type, trait_ } => {
                let args = args.as_ref().map(|args| self.arguments(args)).unwrap_or_default();
                let own = self.type_(self_type);
                match trait_ {
                    Some(trait_) if !trait_.path.is_empty() => {
                        format!("<{own} as {}>::{name}{args}", self.path(trait_))
                    }
                    _ => format!("{own}::{name}{args}"),
                }
            }
        }
    }

    fn path(&mut self, path: &Path) -> String {
        let args = path.args.as_ref().map(|args| self.arguments(args)).unwrap_or_default();
        format!("{}{args}", self.name(path))
    }

    fn name(&mut self, path: &Path) -> String {
        if let Some(own) = self.paths.get(&path.id) {
            return format!("crate::{own}");
        }
        let last = path.path.rsplit("::").next().unwrap_or_default();
        let Some(summary) = self.krate.paths.get(&path.id) else { return last.to_owned() };
        let root = summary.path.first().map_or("", String::as_str);
        let name = summary.path.last().map_or(last, String::as_str);
        if summary.crate_id == 0 {
            return format!("crate::{{private}}::{name}");
        }
        if is_standard(root) {
            if IN_EVERY_SCOPE.contains(&name) {
                return name.to_owned();
            }
            let rest = summary.path.iter().skip(1).map(String::as_str);
            return ["std"].into_iter().chain(rest).collect::<Vec<_>>().join("::");
        }
        // A program names these crates by the crate that re-exports them.
        let root = match root {
            "futures_core" => "futures",
            "serde_core" => "serde",
            root => root,
        };
        self.foreign.insert(root.to_owned());
        format!("{root}::{name}")
    }

    fn arguments(&mut self, args: &GenericArgs) -> String {
        match args {
            GenericArgs::AngleBracketed { args, constraints } => {
                let mut shown = Vec::new();
                for arg in args {
                    shown.push(match arg {
                        GenericArg::Lifetime(name) => name.clone(),
                        GenericArg::Type(type_) => self.type_(type_),
                        GenericArg::Const(constant) => constant.expr.clone(),
                        GenericArg::Infer => "_".to_owned(),
                    });
                }
                for AssocItemConstraint { name, args, binding } in constraints {
                    let args = args.as_ref().map(|args| self.arguments(args)).unwrap_or_default();
                    shown.push(match binding {
                        AssocItemConstraintKind::Equality(term) => {
                            format!("{name}{args} = {}", self.term(term))
                        }
                        AssocItemConstraintKind::Constraint(bounds) => {
                            format!("{name}{args}: {}", self.bounds(bounds))
                        }
                    });
                }
                if shown.is_empty() { String::new() } else { format!("<{}>", shown.join(", ")) }
            }
            GenericArgs::Parenthesized { inputs, output } => {
                let output = output.as_ref().map(|type_| format!(" -> {}", self.type_(type_)));
                format!("({}){}", self.types(inputs), output.unwrap_or_default())
            }
            GenericArgs::ReturnTypeNotation => "(..)".to_owned(),
        }
    }
}

/// Names of the standard library that mean one thing everywhere.
const IN_EVERY_SCOPE: &[&str] = &[
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Display",
    "Drop",
    "Eq",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromStr",
    "Future",
    "Hash",
    "Into",
    "IntoIterator",
    "Iterator",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

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
