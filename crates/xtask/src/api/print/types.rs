//! Types, bounds and generics, as Rust writes them.

use rustdoc_types::{
    AssocItemConstraint, AssocItemConstraintKind, DynTrait, FunctionPointer, FunctionSignature,
    GenericArg, GenericArgs, GenericBound, GenericParamDef, GenericParamDefKind, Generics, Path,
    PolyTrait, PreciseCapturingArg, Term, TraitBoundModifier, Type, WherePredicate,
};

use super::Printer;

impl Printer<'_> {
    pub(super) fn signature(&mut self, sig: &FunctionSignature) -> (String, String) {
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
    pub(super) fn generics(&mut self, generics: &Generics) -> (String, String) {
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

    pub(super) fn bounds(&mut self, bounds: &[GenericBound]) -> String {
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

    pub(super) fn type_(&mut self, type_: &Type) -> String {
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

    pub(super) fn path(&mut self, path: &Path) -> String {
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
        // Programs use the items of these crates through another crate, which re-exports them.
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

pub(super) fn is_standard(name: &str) -> bool {
    ["alloc", "core", "std"].contains(&name)
}

/// Names of the standard library that are shown without a path: they mean the same everywhere.
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
