//! The corpus of hosts' files: what is read from each is stored.
//!
//! `tests/corpus/hosts` has at least three shapes for each host, written from the documentation of its
//! vendor.

use std::collections::BTreeMap;
use std::fmt::Write;

use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::*;

/// Returns the value of a variable. Values of secrets begin with `s3cret`, and are not stored.
fn environment(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/alice".to_owned()),
        "DOCS_TOKEN" | "TICKETS_TOKEN" | "TICKETS_KEY" | "ETDI_INPUT_DOCS_TOKEN" => {
            Some(format!("s3cret {name}"))
        }
        _ => None,
    }
}

/// Returns the corpus: the files of each host, by their names.
fn corpus() -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hosts");
    let named = |folder: &Path| {
        let all = folder.read_dir().unwrap().map(|entry| entry.unwrap());
        all.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect()
    };
    let hosts: BTreeMap<String, PathBuf> = named(&root);
    hosts.into_iter().map(|(host, folder)| (host, named(&folder))).collect()
}

/// Returns what is read from a file. The file is read as if it were at `/srv/app`.
fn read(path: &Path) -> String {
    let mut shown = String::new();
    let mut variables = Variables::of_file(&Path::new("/srv/app").join("file"), &environment);
    // The files that values come from are beside the corpus.
    variables.read_files_in(path.parent().unwrap().parent().unwrap().parent().unwrap());
    let text = std::fs::read_to_string(path).unwrap();
    let config = match parse(&text, variables, &["/srv/app".into()]) {
        Ok(config) => config,
        Err(error) => return format!("error: {}\n", error.what()),
    };
    for ConfiguredServer { name, what, endpoint, skip, remarks } in &config.servers {
        writeln!(shown, "{name}: {what}").unwrap();
        match endpoint {
            Ok(Endpoint::Stdio { configured, started }) => {
                let configured = serde_json::to_string(configured).unwrap();
                writeln!(shown, "  identity: {configured}").unwrap();
                let started = serde_json::to_string(started).unwrap();
                writeln!(shown, "  started:  {started}").unwrap();
            }
            Ok(Endpoint::Http { uri, token, headers }) => {
                writeln!(shown, "  identity: {uri}").unwrap();
                if let Some(token) = token {
                    writeln!(shown, "  token:    {}", token.expose_secret()).unwrap();
                }
                for (name, value) in headers {
                    writeln!(shown, "  header:   {name}: {}", value.expose_secret()).unwrap();
                }
            }
            Err(error) => {
                let next = error.next_step().unwrap_or_default();
                writeln!(shown, "  error:    {}\n  next:     {next}", error.what()).unwrap();
            }
        }
        if let Some(skip) = skip {
            writeln!(shown, "  skipped:  {skip}").unwrap();
        }
        for remark in remarks {
            writeln!(shown, "  remark:   {remark}").unwrap();
        }
    }
    for OtherServer { project, name, what } in &config.elsewhere {
        writeln!(shown, "{name}: {what}\n  of:       {project}").unwrap();
    }
    if shown.is_empty() {
        let error = config.named(None, Path::new("file")).err().unwrap();
        writeln!(shown, "error: {}", error.what()).unwrap();
    }
    shown
}

#[test]
fn the_corpus_is_read_as_stored() {
    for (host, files) in corpus() {
        let shapes = files.iter().map(|(name, path)| format!("## {name}\n{}", read(path)));
        assert_snapshot!(host.as_str(), shapes.collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn a_file_is_read_in_the_same_way_under_any_name() {
    for (name, path) in corpus().into_values().flatten() {
        let text = std::fs::read_to_string(&path).unwrap();
        let names = |file: &str| {
            let variables = Variables::of_file(Path::new(file), &environment);
            let config = parse(&text, variables, &[]).unwrap();
            let one = |one: ConfiguredServer| (one.name, one.what, one.endpoint.is_ok(), one.skip);
            config.servers.into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(names("/srv/app/.mcp.json"), names("/srv/app/config.txt"), "{name}");
    }
}
