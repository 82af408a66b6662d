//! `python`: a script, or a module of the repository.

use super::reader::{NO_PROGRAM, Reader, join};
use super::tree::Place;
use super::words::{Word, Words};

/// Flags of one letter that load no code.
const HARMLESS: &str = "bBdEIOPqRsSuvx";
/// The values of `-X` that load no code.
const HARMLESS_X: &[&str] =
    &["dev", "faulthandler", "importtime", "utf8", "utf8=1", "no_debug_ranges"];

pub(super) fn read(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    let mut has_folder = true;
    while let Some(word) = words.next() {
        let Some(letters) = word.value.strip_prefix('-').filter(|letters| !letters.is_empty())
        else {
            script(reader, word);
            return reader.data(words.rest());
        };
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let inline = word.part(letters.as_str());
            let value = if inline.value.is_empty() { None } else { Some(&inline) };
            match letter {
                'm' => {
                    match value.or_else(|| words.next()) {
                        Some(name) if has_folder => module(reader, name),
                        Some(name) => reader.loose(name, INSTALLED),
                        None => reader.loose(word, NO_PROGRAM),
                    }
                    return reader.data(words.rest());
                }
                'c' => {
                    reader.loose(word, "code on the command line can load any file");
                    return reader.data(words.rest());
                }
                'X' => match value.or_else(|| words.next()) {
                    Some(option) if HARMLESS_X.contains(&option.value.as_str()) => break,
                    _ => return reader.not_understood(word, &words),
                },
                'W' => {
                    // A category of warnings is a class of any module.
                    match value.or_else(|| words.next()) {
                        Some(filter) if !filter.value.contains(':') => break,
                        _ => return reader.not_understood(word, &words),
                    }
                }
                // Modules are not looked up in the folder.
                'I' | 'P' => has_folder = false,
                letter if HARMLESS.contains(letter) => {}
                _ => return reader.not_understood(word, &words),
            }
        }
    }
    reader.loose(&Word::new("python", "python"), NO_PROGRAM);
}

const INSTALLED: &str = "it is an installed module, which is not fixed";

/// Records a script, or the main file of a folder.
pub(super) fn script(reader: &mut Reader<'_>, word: &Word) {
    match reader.find(&word.value) {
        Place::Folder => main_of(reader, word, &word.value),
        _ => reader.runs_file(word),
    }
}

/// Records the files of a module that `python -m` finds in the folder of the command.
pub(super) fn module(reader: &mut Reader<'_>, word: &Word) {
    if reader.in_image {
        return;
    }
    let is_name = |part: &str| !part.is_empty() && !part.contains(['/', '\\', ':', '\0']);
    if !word.value.split('.').all(is_name) {
        return reader.loose(word, "it is not the name of a module");
    }
    let path = word.value.replace('.', "/");
    // A package is initialized before its modules.
    for (at, _) in path.match_indices('/') {
        if let Some(package) = path.get(..at) {
            source(reader, &format!("{package}/__init__"));
        }
    }
    let is_file = |reader: &Reader<'_>, path: String| matches!(reader.find(&path), Place::File(_));
    if is_file(reader, format!("{path}/__init__.py")) {
        source(reader, &format!("{path}/__init__"));
        return main_of(reader, word, &path);
    }
    if is_file(reader, format!("{path}.py")) {
        return source(reader, &path);
    }
    match reader.find(&path) {
        Place::Folder => main_of(reader, word, &path),
        _ => reader.loose(word, INSTALLED),
    }
}

fn main_of(reader: &mut Reader<'_>, word: &Word, folder: &str) {
    let stem = join(folder, "__main__");
    reader.runs(word, &[format!("{stem}.py")]);
    source(reader, &stem);
}

/// Records the source of a module, and the compiled modules that python prefers to it.
fn source(reader: &mut Reader<'_>, stem: &str) {
    reader.add_if_file(&format!("{stem}.py"));
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let folder_of_tree = join(&reader.folder, if folder.is_empty() { "." } else { folder });
    for entry in reader.tree().entries(&folder_of_tree) {
        let is_compiled = entry.ends_with(".so") || entry.ends_with(".pyd");
        if is_compiled && entry.split('.').next() == Some(name) {
            reader.add_if_file(&join(folder, &entry));
        }
    }
}
