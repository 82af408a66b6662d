//! `docker run` and `podman run`: an image by its digest, and what the command runs in it.

use super::reader::{NO_PROGRAM, Reader};
use super::tree::Place;
use super::words::{Word, Words};

/// Flags with the next word as their value.
const VALUED: &[&str] = &[
    "-e",
    "-h",
    "-l",
    "-m",
    "-p",
    "-u",
    "-v",
    "-w",
    "--add-host",
    "--cap-add",
    "--cap-drop",
    "--cpus",
    "--dns",
    "--entrypoint",
    "--env",
    "--env-file",
    "--gpus",
    "--group-add",
    "--hostname",
    "--ipc",
    "--label",
    "--log-driver",
    "--memory",
    "--mount",
    "--name",
    "--net",
    "--network",
    "--pid",
    "--pids-limit",
    "--platform",
    "--publish",
    "--pull",
    "--restart",
    "--security-opt",
    "--shm-size",
    "--stop-timeout",
    "--tmpfs",
    "--ulimit",
    "--user",
    "--userns",
    "--volume",
    "--workdir",
];

/// Flags that put no file of the machine into the container.
const HARMLESS: &[&str] = &[
    "-d",
    "-e",
    "-h",
    "-i",
    "-it",
    "-l",
    "-m",
    "-p",
    "-q",
    "-t",
    "-ti",
    "-u",
    "-w",
    "--add-host",
    "--cap-add",
    "--cap-drop",
    "--cpus",
    "--detach",
    "--dns",
    "--env",
    "--gpus",
    "--group-add",
    "--hostname",
    "--init",
    "--interactive",
    "--ipc",
    "--label",
    "--log-driver",
    "--memory",
    "--name",
    "--net",
    "--network",
    "--no-healthcheck",
    "--pid",
    "--pids-limit",
    "--platform",
    "--privileged",
    "--publish",
    "--pull",
    "--quiet",
    "--read-only",
    "--restart",
    "--rm",
    "--security-opt",
    "--shm-size",
    "--sig-proxy",
    "--stop-timeout",
    "--tmpfs",
    "--tty",
    "--ulimit",
    "--user",
    "--userns",
    "--workdir",
];

pub(super) fn read(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    match words.next() {
        Some(word) if word.value == "run" => {}
        Some(word) => return reader.loose(word, "it is not a subcommand that is understood"),
        None => return reader.loose(&Word::new("docker", "docker"), NO_PROGRAM),
    }
    let mut entrypoint = None;
    while let Some(flag) = words.flag(VALUED) {
        match (flag.name.as_str(), &flag.value) {
            ("--", _) => break,
            ("--entrypoint", Some(program)) => entrypoint = Some(program.clone()),
            ("--env-file", Some(file)) => reader.runs_file(file),
            ("-v" | "--volume", Some(volume)) => mounted(reader, volume, source_of_volume(volume)),
            ("--mount", Some(mount)) => mounted(reader, mount, source_of_mount(mount)),
            (name, _) if HARMLESS.contains(&name) => {}
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    let Some(image) = words.next() else {
        return reader.loose(&Word::new("docker run", "docker run"), NO_PROGRAM);
    };
    reader.artifact(image, format!("oci:{}", image.value).parse());
    // The image fixes its files. The command in it can still fetch a package.
    let command: Vec<_> = entrypoint.iter().chain(words.rest()).cloned().collect();
    let was = std::mem::replace(&mut reader.in_image, true);
    reader.command(&command);
    reader.in_image = was;
}

/// Checks the source of a mount. A file of the repository is fixed. A folder of the machine can change.
/// A named volume is let through: containers write its files.
fn mounted(reader: &mut Reader<'_>, word: &Word, source: Option<&str>) {
    let Some(source) = source else { return };
    match reader.find(source) {
        Place::File(_) => reader.add_if_file(source),
        _ => reader.loose(word, "a folder of the machine can replace files of the image"),
    }
}

fn source_of_volume(volume: &Word) -> Option<&str> {
    let source = match volume.value.split_once(':') {
        // A drive of Windows: `C:\docs:/docs`.
        Some((drive, rest)) if drive.len() == 1 && rest.starts_with(['/', '\\']) => {
            volume.value.as_str()
        }
        Some((source, _)) => source,
        // A path in the container alone.
        None => return None,
    };
    source.contains(['/', '\\', '.', '~', '$']).then_some(source)
}

fn source_of_mount(mount: &Word) -> Option<&str> {
    let parts = || mount.value.split(',').filter_map(|part| part.split_once('='));
    let source =
        parts().find(|(name, _)| matches!(*name, "source" | "src")).map(|(_, value)| value);
    match parts().find(|(name, _)| *name == "type") {
        Some((_, "tmpfs")) => None,
        // Other members of a volume can name a folder of the machine.
        Some((_, "volume")) if !mount.value.contains("volume-opt") => None,
        None if !mount.value.contains("volume-opt") => None,
        _ => Some(source.unwrap_or(".")),
    }
}
