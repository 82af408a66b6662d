//! `node`: the program, and the modules that are loaded before it.

use super::reader::{NO_PROGRAM, Reader};
use super::words::{Flag, Word, Words};

/// Flags with the next word as their value.
const VALUED: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--disable-warning",
    "--env-file",
    "--env-file-if-exists",
    "--title",
    "--input-type",
    "--dns-result-order",
    "--unhandled-rejections",
    "--stack-trace-limit",
];

/// Flags that load no code.
const HARMLESS: &[&str] = &[
    "-C",
    "--conditions",
    "--disable-warning",
    "--dns-result-order",
    "--enable-source-maps",
    "--experimental-json-modules",
    "--experimental-sqlite",
    "--experimental-strip-types",
    "--experimental-transform-types",
    "--experimental-vm-modules",
    "--experimental-wasm-modules",
    "--expose-gc",
    "--max-http-header-size",
    "--max-old-space-size",
    "--max-semi-space-size",
    "--no-deprecation",
    "--no-experimental-strip-types",
    "--no-warnings",
    "--pending-deprecation",
    "--preserve-symlinks",
    "--preserve-symlinks-main",
    "--stack-size",
    "--stack-trace-limit",
    "--throw-deprecation",
    "--title",
    "--trace-deprecation",
    "--trace-exit",
    "--trace-uncaught",
    "--trace-warnings",
    "--unhandled-rejections",
    "--use-bundled-ca",
    "--use-openssl-ca",
    "--use-system-ca",
];

/// The endings that `node` tries for a file that `require` loads, in this order.
const ENDINGS: [&str; 4] = ["", ".js", ".json", ".node"];

pub(super) fn read(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    while let Some(flag) = words.flag(VALUED) {
        match flag.word.value.as_str() {
            "--" => break,
            "-e" | "--eval" | "-p" | "--print" | "-pe" => {
                reader.loose(&flag.word, "code on the command line can load any file");
                return reader.data(words.rest());
            }
            _ => {}
        }
        if !read_flag(reader, &flag) {
            return reader.not_understood(&flag.word, &words);
        }
    }
    match words.next() {
        Some(program) => reader.runs(program, &required(&program.value)),
        None => reader.loose(&Word::new("node", "node"), NO_PROGRAM),
    }
    reader.data(words.rest());
}

/// Reads the flags in `NODE_OPTIONS`. `None` if they cannot be read.
pub(super) fn read_options(reader: &mut Reader<'_>, options: &[Word]) -> Option<()> {
    let mut words = Words::of(options);
    while let Some(flag) = words.flag(VALUED) {
        if !read_flag(reader, &flag) {
            return None;
        }
    }
    words.rest().is_empty().then_some(())
}

/// Reads one flag. Returns whether it is understood.
fn read_flag(reader: &mut Reader<'_>, flag: &Flag) -> bool {
    // `node` takes `_` in the name of a flag for `-`.
    let name = flag.name.replace('_', "-");
    match (name.as_str(), &flag.value) {
        ("-r" | "--require", Some(module)) => hook(reader, module, required(&module.value)),
        ("--import" | "--loader" | "--experimental-loader", Some(module)) => {
            hook(reader, module, vec![module.value.clone()]);
        }
        // Such a file can set NODE_OPTIONS.
        ("--env-file", Some(file)) => reader.runs_file(file),
        ("--env-file-if-exists", Some(file)) => reader.add_if_file(&file.value),
        (name, _) => return HARMLESS.contains(&name),
    }
    true
}

/// Records a module that is loaded before the program.
fn hook(reader: &mut Reader<'_>, module: &Word, candidates: Vec<String>) {
    let is_path =
        ["./", "../", "/", "\\", ".\\"].iter().any(|start| module.value.starts_with(start));
    match is_path {
        true => reader.runs(module, &candidates),
        false => {
            reader.add_if_file(&module.value);
            reader.loose(module, "it is a module that is found in node_modules");
        }
    }
}

fn required(path: &str) -> Vec<String> {
    ENDINGS.iter().map(|ending| format!("{path}{ending}")).collect()
}
