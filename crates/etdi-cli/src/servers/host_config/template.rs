//! Texts with variables, in the syntax of each host.

/// The syntax of variables in a place of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${input:id}`, `${file:path}`, `${workspaceFolder}`
    /// and the like: Claude Code, Cursor, VS Code, Windsurf and others, which share files.
    Braces,
    /// `$VAR` as well as `${VAR}`: Gemini CLI, Crush.
    Dollar,
    /// `{env:VAR}`, `{file:path}`: opencode.
    Plain,
    /// `${{ secrets.VAR }}`: Continue.
    Secrets,
    /// None: Codex and Zed take each text as it is.
    Literal,
}

/// A text as configured, with the variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The text as configured. It goes into the server's identity.
    pub(super) configured: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// A variable of the environment.
    Environment {
        name: String,
        default: Option<String>,
    },
    /// A value that VS Code asks the user for.
    Input(String),
    /// The content of a file.
    File(String),
    UserHome,
    /// The folder of the project, or the one with this name.
    Workspace(Option<String>),
    WorkspaceName,
    Separator,
    /// The folder of a plugin of Claude Code.
    PluginRoot,
    /// A variable that this command does not know.
    Unknown(String),
}

impl Template {
    /// Reads the variables in a text.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Self {
        let mut parts = Vec::new();
        let (mut rest, mut plain) = (text, String::new());
        while let Some((before, variable, after)) = syntax.next(rest) {
            plain.push_str(before);
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Variable(variable));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self { configured: text.to_owned(), parts }
    }

    /// Creates the value of a variable that the configuration names without a syntax of its own.
    pub(super) fn of_environment(name: &str) -> Self {
        let variable = Variable::Environment { name: name.to_owned(), default: None };
        Self { configured: format!("${{{name}}}"), parts: vec![Part::Variable(variable)] }
    }

    /// Returns the same value after a text: `Bearer ` before a token.
    pub(super) fn after(mut self, text: &str) -> Self {
        self.configured.insert_str(0, text);
        self.parts.insert(0, Part::Text(text.to_owned()));
        self
    }
}

impl Syntax {
    /// Splits a text at its first variable.
    fn next(self, text: &str) -> Option<(&str, Variable, &str)> {
        match self {
            Self::Braces => {
                let (before, name, after) = enclosed(text, "${", "}")?;
                Some((before, Variable::in_braces(name), after))
            }
            Self::Dollar => dollar(text),
            Self::Plain => {
                let open = [text.find("{env:"), text.find("{file:")].into_iter().flatten().min()?;
                let (before, rest) = text.split_at_checked(open)?;
                let (_, name, after) = enclosed(rest, "{", "}")?;
                Some((before, Variable::in_braces(name), after))
            }
            Self::Secrets => {
                let (before, name, after) = enclosed(text, "${{", "}}")?;
                let secret = name.trim().strip_prefix("secrets.").filter(|name| is_name(name));
                let variable = match secret {
                    Some(secret) => Variable::environment(secret, None),
                    None => Variable::Unknown(name.trim().to_owned()),
                };
                Some((before, variable, after))
            }
            Self::Literal => None,
        }
    }
}

impl Variable {
    fn environment(name: &str, default: Option<&str>) -> Self {
        Self::Environment { name: name.to_owned(), default: default.map(str::to_owned) }
    }

    fn in_braces(name: &str) -> Self {
        match (name, name.split_once(':')) {
            ("userHome", _) => Self::UserHome,
            ("workspaceFolder" | "CLAUDE_PROJECT_DIR", _) => Self::Workspace(None),
            ("workspaceFolderBasename", _) => Self::WorkspaceName,
            ("pathSeparator" | "/", _) => Self::Separator,
            ("CLAUDE_PLUGIN_ROOT", _) => Self::PluginRoot,
            (_, Some(("workspaceFolder", folder))) => Self::Workspace(Some(folder.to_owned())),
            (_, Some(("input", id))) if !id.is_empty() => Self::Input(id.to_owned()),
            (_, Some(("file", path))) if !path.is_empty() => Self::File(path.to_owned()),
            (_, Some(("env", name))) if is_name(name) => Self::environment(name, None),
            // A default with a variable of its own ends at the first brace, so it is not known.
            (_, Some((name, default))) if is_name(name) && !default.contains("${") => {
                match default.strip_prefix('-') {
                    Some(default) => Self::environment(name, Some(default)),
                    None => Self::Unknown(format!("{name}:{default}")),
                }
            }
            _ if is_name(name) => Self::environment(name, None),
            _ => Self::Unknown(name.to_owned()),
        }
    }

    /// Returns the variable as an error names it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Environment { name, .. } => name.clone(),
            Self::Input(id) => format!("input:{id}"),
            Self::File(path) => format!("file:{path}"),
            Self::UserHome => "userHome".to_owned(),
            Self::Workspace(None) => "workspaceFolder".to_owned(),
            Self::Workspace(Some(folder)) => format!("workspaceFolder:{folder}"),
            Self::WorkspaceName => "workspaceFolderBasename".to_owned(),
            Self::Separator => "pathSeparator".to_owned(),
            Self::PluginRoot => "CLAUDE_PLUGIN_ROOT".to_owned(),
            Self::Unknown(name) => name.clone(),
        }
    }
}

/// Returns the text before `open`, the text up to `close`, and the text after it.
fn enclosed<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let (before, rest) = text.split_once(open)?;
    let (inside, after) = rest.split_once(close)?;
    Some((before, inside, after))
}

/// Splits a text at its first `$NAME` or `${NAME}`. A command in `$(…)` is a variable that is not known.
fn dollar(text: &str) -> Option<(&str, Variable, &str)> {
    for (at, _) in text.match_indices('$') {
        let (before, rest) = text.split_at_checked(at)?;
        if let Some((_, name, after)) = enclosed(rest, "${", "}").filter(|found| found.0.is_empty())
        {
            return Some((before, Variable::in_braces(name.trim()), after));
        }
        if let Some((_, name, after)) = enclosed(rest, "$(", ")").filter(|found| found.0.is_empty())
        {
            return Some((before, Variable::Unknown(format!("({name})")), after));
        }
        if let Some((name, after)) = bare_name(rest) {
            return Some((before, Variable::environment(name, None), after));
        }
    }
    None
}

/// Returns the name in a text that begins with `$NAME`, and the text after it.
fn bare_name(text: &str) -> Option<(&str, &str)> {
    let name = text.strip_prefix('$')?;
    let end = name.find(|next: char| !next.is_ascii_alphanumeric() && next != '_');
    let (name, after) = name.split_at_checked(end.unwrap_or(name.len()))?;
    is_name(name).then_some((name, after))
}

/// Returns the name in a text that is `$NAME`, alone or after a blank. Gemini CLI and Crush read it as a
/// variable, and hosts with the same members in their files as text.
pub(super) fn ambiguous_name(text: &str) -> Option<&str> {
    let last = text.rsplit(' ').next()?;
    bare_name(last).filter(|(_, after)| after.is_empty()).map(|(name, _)| name)
}

pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Variable {
        Variable::environment(name, None)
    }

    #[test]
    fn each_syntax_has_its_own_variables() {
        use Variable::{File, Input, PluginRoot, Separator, UserHome, Workspace, WorkspaceName};
        let default = || Variable::environment("A", Some("b:c"));
        let unknown = |name: &str| Variable::Unknown(name.to_owned());
        for (syntax, text, expected) in [
            (Syntax::Braces, "${A}x${env:B}", vec![environment("A"), environment("B")]),
            (Syntax::Braces, "${A:-b:c}", vec![default()]),
            (Syntax::Braces, "${input:a-b}", vec![Input("a-b".to_owned())]),
            (Syntax::Braces, "${file:~/key}", vec![File("~/key".to_owned())]),
            (
                Syntax::Braces,
                "${userHome}${/}${pathSeparator}",
                vec![UserHome, Separator, Separator],
            ),
            (Syntax::Braces, "${workspaceFolder}", vec![Workspace(None)]),
            (Syntax::Braces, "${workspaceFolder:app}", vec![Workspace(Some("app".to_owned()))]),
            (Syntax::Braces, "${workspaceFolderBasename}", vec![WorkspaceName]),
            (Syntax::Braces, "${CLAUDE_PLUGIN_ROOT}", vec![PluginRoot]),
            (Syntax::Braces, "${command:x}", vec![unknown("command:x")]),
            (Syntax::Braces, "${A:-${B}}", vec![unknown("A:-${B")]),
            (Syntax::Braces, "${}", vec![unknown("")]),
            (Syntax::Braces, "$A {env:A} ${", vec![]),
            (Syntax::Dollar, "$A-${B}$5 $$", vec![environment("A"), environment("B")]),
            (Syntax::Dollar, "Bearer ${ A }", vec![environment("A")]),
            (Syntax::Dollar, "${A:-b:c}$(cat x)", vec![default(), unknown("(cat x)")]),
            (Syntax::Plain, "{env:A}/{file:./k}", vec![environment("A"), File("./k".to_owned())]),
            (Syntax::Plain, "${A} {a:b} {env:", vec![]),
            (Syntax::Secrets, "${{ secrets.A }}", vec![environment("A")]),
            (Syntax::Secrets, "${{ inputs.A }}", vec![unknown("inputs.A")]),
            (Syntax::Secrets, "${A}", vec![]),
            (Syntax::Literal, "${A} $A {env:A} ${{ secrets.A }}", vec![]),
        ] {
            let template = Template::parse(text, syntax);
            let variables = template.parts.iter().filter_map(|part| match part {
                Part::Variable(variable) => Some(variable.clone()),
                Part::Text(_) => None,
            });
            let variables: Vec<_> = variables.collect();
            assert_eq!(variables, expected, "{syntax:?} {text}");
            assert_eq!(template.configured, text);
        }
    }

    #[test]
    fn the_text_around_variables_is_kept() {
        let text = |text: &str| Part::Text(text.to_owned());
        let template = Template::parse("a ${B} c", Syntax::Braces);
        assert_eq!(template.parts, [text("a "), Part::Variable(environment("B")), text(" c")]);
        let bearer = Template::of_environment("B").after("Bearer ");
        assert_eq!(bearer.configured, "Bearer ${B}");
        assert_eq!(bearer.parts, [text("Bearer "), Part::Variable(environment("B"))]);
    }

    #[test]
    fn a_word_that_only_some_hosts_read_as_a_variable_is_noticed() {
        for (text, name) in [
            ("$TOKEN", Some("TOKEN")),
            ("Bearer $TOKEN", Some("TOKEN")),
            ("pa$word", None),
            ("${TOKEN}", None),
            ("$5", None),
            ("$a$b", None),
            ("$TOKEN/x", None),
            ("", None),
        ] {
            assert_eq!(ambiguous_name(text), name, "{text}");
        }
    }
}
