//! The shape of the house is a test: rooms, arrows, versions, and what no room may hold.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::process::repository;

/// Which rooms each room may know. What is not listed is absent on purpose: the compiler then holds it.
const ARROWS: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("replica", &["domain"]),
    ("ledger", &["domain"]),
    ("till", &["ledger", "replica", "domain"]),
    ("app", &["till", "domain"]),
    ("daraja", &["domain"]),
    ("service", &["daraja", "replica", "domain"]),
    ("embedded", &["service", "replica", "domain"]),
    ("dynamodb", &["service", "replica", "domain"]),
    ("lambda", &["dynamodb", "service", "domain"]),
    ("local", &["app", "till", "embedded", "service", "daraja", "replica", "domain"]),
];

/// Which rooms alone may use a library, so that it can be replaced there and nowhere else.
const KEPT_IN: [(&str, &[&str]); 14] = [
    ("rusqlite", &["ledger", "embedded"]),
    ("automerge", &["replica"]),
    ("aws-sdk-dynamodb", &["dynamodb"]),
    ("aws-sdk-secretsmanager", &["lambda"]),
    ("aws-sdk-sns", &["lambda"]),
    ("aws-sdk-sqs", &["lambda"]),
    ("aws-config", &["dynamodb", "lambda"]),
    ("lambda_http", &["lambda"]),
    // The way to the cloud, the way to Safaricom, and the simulated Safaricom's way back.
    ("reqwest", &["till", "service", "local"]),
    ("chrono", &["domain"]),
    // Sealing what tills say to each other, and finding them.
    ("snow", &["replica"]),
    ("mdns-sd", &["app"]),
    // Whoever serves an API describes it.
    ("utoipa", &["app", "service", "replica"]),
    ("utoipa-axum", &["app", "service"]),
];

/// Libraries a pure room may use: values and formats, no world.
const PURE: [(&str, &[&str]); 3] = [
    ("domain", &["chrono", "thiserror"]),
    (
        "replica",
        &[
            "automerge",
            "chacha20poly1305",
            "curve25519-dalek",
            "ed25519-dalek",
            "hex",
            "postcard",
            "serde",
            "sha2",
            "snow",
            "thiserror",
            "utoipa",
            "zstd",
        ],
    ),
    ("daraja", &["base64", "rsa", "serde", "serde_json", "thiserror", "url", "x509-cert"]),
];

/// The largest file, tests beside the code not counted: more is more than one thing.
const MAX_LINES: usize = 600;

/// A room's name and the names of what it depends on when it is built, tests left out.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository()).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let depends = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (name(package), depends(package))).filter(|(name, _)| name != "tests").collect()
}

fn files(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().filter(|name| name.ends_with(ending)).map(|name| repository().join(name)).collect()
}

fn product(path: &Path) -> bool {
    let inside = path.strip_prefix(repository()).unwrap().to_str().unwrap();
    !inside.starts_with("tests/") && !inside.contains("/tests/")
}

/// A file without the tests beside its code.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

#[test]
fn every_room_knows_only_the_rooms_below_it() {
    let rooms = rooms();
    let allowed = BTreeMap::from(ARROWS);
    assert_eq!(
        rooms.keys().map(String::as_str).collect::<Vec<_>>(),
        allowed.keys().copied().collect::<Vec<_>>()
    );
    for (room, depends) in &rooms {
        let known = depends.iter().filter(|name| rooms.contains_key(*name));
        let wrong: Vec<_> = known.filter(|name| !allowed[room.as_str()].contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{room} must not know {wrong:?}: see the arrows in README.md");
    }
}

#[test]
fn a_library_stays_in_its_room() {
    let rooms = rooms();
    for (library, homes) in KEPT_IN {
        let users = rooms.iter().filter(|(_, depends)| depends.contains(library));
        let wrong: Vec<_> =
            users.map(|(room, _)| room).filter(|room| !homes.contains(&room.as_str())).collect();
        assert!(wrong.is_empty(), "{library} belongs in {homes:?}, not in {wrong:?}");
    }
    for (room, libraries) in PURE {
        let foreign = rooms[room].iter().filter(|name| !rooms.contains_key(*name));
        let wrong: Vec<_> = foreign.filter(|name| !libraries.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{room} is pure: {wrong:?} would bring the world in");
    }
}

#[test]
fn versions_are_written_in_one_place() {
    for manifest in files("Cargo.toml").into_iter().filter(|path| path.parent() != Some(&repository())) {
        let text = std::fs::read_to_string(&manifest).unwrap();
        if text.contains("\n[workspace]\n") {
            // A workspace of its own: it is built apart, and has its own lock.
            continue;
        }
        let dependencies = text.split("dependencies]\n").skip(1).flat_map(|part| part.lines());
        let dependencies =
            dependencies.take_while(|line| !line.starts_with("[[")).filter(|line| line.contains('='));
        for line in dependencies {
            let from_workspace = line.contains("workspace = true");
            assert!(from_workspace, "{}: {line}: name versions in the root Cargo.toml", manifest.display());
        }
    }
}

#[test]
fn the_top_level_is_what_it_was_agreed_to_be() {
    let mut top: BTreeSet<String> = BTreeSet::new();
    for path in files("") {
        let inside = path.strip_prefix(repository()).unwrap().to_owned();
        top.insert(inside.iter().next().unwrap().to_str().unwrap().to_owned());
    }
    let visible: Vec<&str> = top.iter().map(String::as_str).filter(|name| !name.starts_with('.')).collect();
    assert_eq!(
        visible,
        ["Cargo.lock", "Cargo.toml", "README.md", "client-core", "functions", "infra", "tests"]
    );
}

#[test]
fn every_file_says_first_what_it_is_for() {
    for path in files(".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{}: begin with //! and what the file is for", path.display());
    }
}

#[test]
fn no_file_holds_more_than_one_thing() {
    for path in files(".rs") {
        let lines = if product(&path) { code(&path).lines().count() } else { 0 };
        assert!(lines <= MAX_LINES, "{}: {lines} lines: what is the second thing in it?", path.display());
    }
}

#[test]
fn money_never_meets_a_float_and_nothing_is_left_undone() {
    let banned = ["f32", "f64", "todo!", "unimplemented!", "dbg!", "FIXME", "TODO", "#[ignore"];
    for path in files(".rs").into_iter().filter(|path| product(path)) {
        let text = code(&path);
        let words = |line: &str| {
            line.split(|c: char| !(c.is_alphanumeric() || "_!#[".contains(c)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for (number, line) in text.lines().enumerate() {
            let found = words(line).into_iter().find(|word| banned.contains(&word.as_str()));
            assert!(found.is_none(), "{}:{}: {}", path.display(), number + 1, found.unwrap_or_default());
        }
    }
}

#[test]
fn tests_wait_for_conditions_and_never_for_time() {
    let sleeps = [["thread", "sleep"].join("::"), ["time", "sleep"].join("::")];
    for path in files(".rs").into_iter().filter(|path| !product(path)) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!sleeps.iter().any(|s| text.contains(s)), "{}: wait for a condition", path.display());
    }
}

#[test]
fn the_map_in_the_readme_is_the_house() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    for manifest in files("Cargo.toml").into_iter().filter(|path| path.parent() != Some(&repository())) {
        let room =
            manifest.parent().unwrap().strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
        assert!(readme.contains(&format!("`{room}`")), "README.md's map does not show {room}");
        let source = manifest.parent().unwrap().join("src");
        assert!(source.read_dir().unwrap().count() > 0, "{room} is an empty room");
    }
}
