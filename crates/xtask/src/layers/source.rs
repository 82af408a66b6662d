//! Reads the modules of a crate, and the paths that each file names.
//!
//! The reader works on tokens, because a syntax tree does not show the paths in the arguments of
//! macros. It skips code that is compiled for tests alone.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::slice::Iter;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// The names of the modules from the root of the crate down to a module. Empty for the root itself.
pub(super) type ModulePath = Vec<String>;

/// A module in a file of its own, or between braces.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    /// The file, relative to `src/`.
    pub(super) file: PathBuf,
    /// Modules below this one.
    pub(super) children: BTreeSet<String>,
    /// Items that the module defines.
    pub(super) items: BTreeSet<String>,
    /// Names that `use` brings in, each with its path.
    pub(super) names: BTreeMap<String, Vec<String>>,
    /// Paths of `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
    /// All paths in the module's code.
    pub(super) mentions: Vec<Mention>,
}

/// A path in a file, as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mention {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// Whether the path is in `pub use`, which only re-exports a name.
    pub(super) reexport: bool,
}

/// Reads the modules of a crate, beginning with the file of its root.
///
/// # Errors
///
/// Fails if a file is missing, or does not consist of Rust's tokens.
pub(super) fn modules(
    root: &str,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Result<BTreeMap<ModulePath, Module>> {
    let mut reader = Reader { read, modules: BTreeMap::new() };
    reader.file(Path::new(root), Path::new(""), &[])?;
    Ok(reader.modules)
}

struct Reader<'a> {
    read: &'a dyn Fn(&Path) -> Option<String>,
    modules: BTreeMap<ModulePath, Module>,
}

/// The position of the reader: a module, its file, and the folder of its child modules.
#[derive(Clone, Copy)]
struct Scope<'a> {
    module: &'a [String],
    file: &'a Path,
    folder: &'a Path,
    /// Whether items at this place belong to the module, rather than to a function or a type.
    items: bool,
}

type Tokens<'a> = Peekable<Iter<'a, TokenTree>>;

impl Reader<'_> {
    fn file(&mut self, file: &Path, folder: &Path, module: &[String]) -> Result<()> {
        let text = (self.read)(file).with_context(|| format!("{} is missing", file.display()))?;
        let tokens: TokenStream = text
            .parse()
            .map_err(|error| anyhow!("{} does not consist of tokens: {error}", file.display()))?;
        self.module(&tokens, Scope { module, file, folder, items: true })
    }

    fn module(&mut self, tokens: &TokenStream, scope: Scope<'_>) -> Result<()> {
        let module = Module { file: scope.file.to_owned(), ..Module::default() };
        self.modules.insert(scope.module.to_vec(), module);
        self.tokens(tokens, scope)
    }

    fn tokens(&mut self, stream: &TokenStream, scope: Scope<'_>) -> Result<()> {
        let trees: Vec<TokenTree> = stream.clone().into_iter().collect();
        let mut tokens = trees.iter().peekable();
        let mut public = false;
        let mut before = Before::Other;
        while let Some(token) = tokens.next() {
            let was_public = std::mem::take(&mut public);
            let was_before = std::mem::replace(&mut before, Before::Other);
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if self.attribute(&mut tokens, scope)? {
                        skip_item(&mut tokens);
                    }
                }
                TokenTree::Punct(punct)
                    if punct.as_char() == ':' && punct.spacing() == Spacing::Joint =>
                {
                    if tokens.next_if(|token| is_punct(token, ':')).is_some() {
                        before = Before::Colons;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '+' => before = Before::Plus,
                TokenTree::Group(group) => {
                    self.tokens(&group.stream(), Scope { items: false, ..scope })?;
                }
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    match ident.to_string().as_str() {
                        "pub" => {
                            public = true;
                            // `pub(crate)` and `pub(in path)` limit the visibility, and do not import.
                            tokens.next_if(|token| is_group(token, Delimiter::Parenthesis));
                        }
                        // `+ use<'a>` says which lifetimes a type captures.
                        "use" if was_before != Before::Plus => {
                            self.import(&mut tokens, scope, was_public, line);
                        }
                        "mod" => self.child(&mut tokens, scope)?,
                        "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const"
                        | "static" | "macro_rules"
                            if scope.items =>
                        {
                            self.item(&mut tokens, scope);
                        }
                        name => {
                            let mut segments = vec![name.to_owned()];
                            while let Some(segment) = next_segment(&mut tokens) {
                                segments.push(segment);
                            }
                            // `::name` is a crate, and `<T as Trait>::Name` belongs to a type.
                            if segments.len() > 1 && was_before != Before::Colons {
                                self.mention(scope, segments, line, false);
                            }
                        }
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// Reads an attribute, and returns whether the item behind it is compiled for tests alone.
    fn attribute(&mut self, tokens: &mut Tokens<'_>, scope: Scope<'_>) -> Result<bool> {
        tokens.next_if(|token| is_punct(token, '!'));
        let Some(TokenTree::Group(group)) =
            tokens.next_if(|token| is_group(token, Delimiter::Bracket))
        else {
            return Ok(false);
        };
        self.tokens(&group.stream(), Scope { items: false, ..scope })?;
        self.quoted_paths(&group.stream(), scope);
        let words = group.stream().to_string().replace(' ', "");
        Ok(words == "test"
            || words.ends_with("::test")
            || words == "cfg(test)"
            || words.starts_with("cfg(all(test,"))
    }

    /// Reads the paths in strings, such as in `#[serde(with = "crate::text")]`.
    fn quoted_paths(&mut self, stream: &TokenStream, scope: Scope<'_>) {
        for token in stream.clone() {
            match token {
                TokenTree::Group(group) => self.quoted_paths(&group.stream(), scope),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let text = literal.to_string();
                    let segments: Vec<String> =
                        text.trim_matches('"').split("::").map(str::to_owned).collect();
                    let is_name = |segment: &String| {
                        !segment.is_empty()
                            && segment.chars().all(|c| c.is_alphanumeric() || c == '_')
                    };
                    if segments.len() > 1 && segments.iter().all(is_name) {
                        self.mention(scope, segments, line, false);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    fn import(&mut self, tokens: &mut Tokens<'_>, scope: Scope<'_>, public: bool, line: usize) {
        let tree: Vec<TokenTree> =
            tokens.by_ref().take_while(|token| !is_punct(token, ';')).cloned().collect();
        for Import { segments, name } in imports(&tree) {
            let Some(module) = self.modules.get_mut(scope.module) else { continue };
            match name {
                Name::Glob => module.globs.push(segments.clone()),
                Name::Unnamed => {}
                Name::Is(name) => {
                    module.names.insert(name, segments.clone());
                }
            }
            self.mention(scope, segments, line, public);
        }
    }

    fn child(&mut self, tokens: &mut Tokens<'_>, scope: Scope<'_>) -> Result<()> {
        let Some(TokenTree::Ident(name)) =
            tokens.next_if(|token| matches!(token, TokenTree::Ident(_)))
        else {
            return Ok(());
        };
        let name = name.to_string();
        if let Some(module) = self.modules.get_mut(scope.module) {
            module.children.insert(name.clone());
        }
        let mut path = scope.module.to_vec();
        path.push(name.clone());
        let folder = scope.folder.join(&name);
        match tokens.next_if(|token| is_group(token, Delimiter::Brace)) {
            Some(TokenTree::Group(group)) => self.module(
                &group.stream(),
                Scope { module: &path, folder: &folder, items: true, ..scope },
            ),
            _ => self.file(&folder.with_extension("rs"), &folder, &path),
        }
    }

    fn item(&mut self, tokens: &mut Tokens<'_>, scope: Scope<'_>) {
        tokens.next_if(|token| is_punct(token, '!'));
        let is_name = |token: &&TokenTree| {
            matches!(token, TokenTree::Ident(name)
                if !["fn", "unsafe", "async", "mut", "extern"].contains(&name.to_string().as_str()))
        };
        if let Some(TokenTree::Ident(name)) = tokens.next_if(is_name)
            && let Some(module) = self.modules.get_mut(scope.module)
        {
            module.items.insert(name.to_string());
        }
    }

    fn mention(&mut self, scope: Scope<'_>, segments: Vec<String>, line: usize, reexport: bool) {
        if let Some(module) = self.modules.get_mut(scope.module) {
            module.mentions.push(Mention { segments, line, reexport });
        }
    }
}

#[derive(PartialEq)]
enum Before {
    Colons,
    Plus,
    Other,
}

/// One name of a `use`.
struct Import {
    segments: Vec<String>,
    name: Name,
}

enum Name {
    Is(String),
    Unnamed,
    Glob,
}

/// Returns the names that the tree of a `use` brings in.
fn imports(tree: &[TokenTree]) -> Vec<Import> {
    let mut found = Vec::new();
    for branch in tree.split(|token| is_punct(token, ',')) {
        let mut segments: Vec<String> = Vec::new();
        let mut tokens = branch.iter().peekable();
        let mut name = None;
        let mut done = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => {
                    name = tokens.next().map(ToString::to_string);
                }
                TokenTree::Ident(ident) => segments.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    found.push(Import { segments: segments.clone(), name: Name::Glob });
                    done = true;
                }
                TokenTree::Group(group) => {
                    found.extend(below(&segments, group));
                    done = true;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if done || segments.is_empty() {
            continue;
        }
        if segments.last().is_some_and(|last| last == "self") && segments.len() > 1 {
            segments.pop();
        }
        let name = name.or_else(|| segments.last().cloned());
        let name = match name.as_deref() {
            None | Some("_") => Name::Unnamed,
            Some(name) => Name::Is(name.to_owned()),
        };
        found.push(Import { segments, name });
    }
    found
}

fn below(prefix: &[String], group: &Group) -> Vec<Import> {
    let tree: Vec<TokenTree> = group.stream().into_iter().collect();
    let mut found = imports(&tree);
    for import in &mut found {
        import.segments.splice(0..0, prefix.iter().cloned());
        if import.segments.last().is_some_and(|last| last == "self") && import.segments.len() > 1 {
            import.segments.pop();
            if matches!(&import.name, Name::Is(name) if name == "self") {
                import.name = match import.segments.last() {
                    Some(last) => Name::Is(last.clone()),
                    None => Name::Unnamed,
                };
            }
        }
    }
    found
}

/// Reads the next `::name`.
fn next_segment(tokens: &mut Tokens<'_>) -> Option<String> {
    let mut ahead = tokens.clone();
    for _ in 0..2 {
        ahead.next_if(|token| is_punct(token, ':'))?;
    }
    let TokenTree::Ident(name) = ahead.next()? else { return None };
    *tokens = ahead;
    Some(name.to_string())
}

/// Skips the item, the field or the statement that comes next.
fn skip_item(tokens: &mut Tokens<'_>) {
    let mut import = false;
    let mut item = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) => match word.to_string().as_str() {
                "use" => import = true,
                "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "type" | "impl"
                | "const" | "static" | "macro_rules" => item = true,
                _ => {}
            },
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            // A comma ends a field or an arm of a `match`, and never an item.
            TokenTree::Punct(punct) if punct.as_char() == ',' && !item && !import => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !import => {
                tokens.next_if(|token| is_punct(token, ','));
                return;
            }
            _ => {}
        }
    }
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}
