//! The variables of a command: those that load code, or choose where code comes from.

use super::node;
use super::reader::Reader;
use super::words::Word;

/// The prefixes of variables that choose the source of a package, the file of such a setting, or code
/// that is loaded with a program.
const STEERING: &[&str] = &[
    "BASH_FUNC_",
    "BUN_",
    "CONTAINER_",
    "COREPACK_",
    "DENO_",
    "DOCKER_",
    "DYLD_",
    "GIT_",
    "LD_",
    "NODE_",
    "NPM_",
    "PIPX_",
    "PIP_",
    "PNPM_",
    "PYTHON",
    "TSX_",
    "TS_NODE_",
    "UV_",
    "XDG_",
    "YARN_",
];

/// The full names of other such variables.
const STEERING_ALONE: &[&str] = &[
    "APPDATA",
    "BASHOPTS",
    "CDPATH",
    "COMSPEC",
    "CURL_CA_BUNDLE",
    "HOME",
    "IFS",
    "LOCALAPPDATA",
    "PATH",
    "PATHEXT",
    "PREFIX",
    "REQUESTS_CA_BUNDLE",
    "SHELLOPTS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USERPROFILE",
];

/// Variables with such a prefix that load no code.
const HARMLESS: &[&str] = &[
    "NODE_DEBUG",
    "NODE_ENV",
    "NODE_NO_WARNINGS",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
    "UV_NO_PROGRESS",
];

pub(super) fn read(reader: &mut Reader<'_>, name: &str, value: &str) {
    let word = Word::new(name, name);
    // On some systems, the case of a variable's name does not matter.
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "NODE_OPTIONS" => {
            // The value of the variable is not shown.
            let options = shlex::split(value)
                .map(|options| options.iter().map(|one| Word::new(one, name)).collect::<Vec<_>>());
            let read = options.and_then(|options| node::read_options(reader, &options));
            if read.is_none() {
                reader.loose(&word, "it has a flag that is not understood");
            }
        }
        "BASH_ENV" => reader.runs_file(&Word::new(value, name)),
        // An interactive shell reads this file. Other programs have the variable for themselves.
        "ENV" => reader.add_if_file(value),
        upper if HARMLESS.contains(&upper) => {}
        upper
            if STEERING_ALONE.contains(&upper)
                || STEERING.iter().any(|start| upper.starts_with(start)) =>
        {
            reader.loose(&word, "this variable can load other code, or choose its source");
        }
        _ => {}
    }
}
