//! What a description has to say, whatever it describes.

use serde_json::Value;
use std::collections::BTreeSet;
use tests::process::repository;

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The operations of a document, as `GET /v1/status`, with what is said of each.
pub(crate) fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let named = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
        found.extend(named.map(|(method, it)| (format!("{} {path}", method.to_uppercase()), it)));
    }
    found
}

/// Everything that should be said and is not.
pub(crate) fn left_unsaid(document: &Value) -> Vec<String> {
    let groups: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut unsaid = Vec::new();
    for (name, operation) in operations(document) {
        if operation["summary"].as_str().is_none_or(str::is_empty) {
            unsaid.push(format!("{name}: what is it for?"));
        }
        if !operation["tags"].as_array().is_some_and(|tags| tags.iter().all(|tag| groups.contains(&tag))) {
            unsaid.push(format!("{name}: its group is described nowhere"));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["description"].as_str().is_none_or(str::is_empty) {
                unsaid.push(format!("{name}: what is {}?", parameter["name"]));
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if schema["description"].as_str().is_none_or(str::is_empty) && schema.get("oneOf").is_none() {
            unsaid.push(format!("{name}: what is it?"));
        }
        unsaid_in(document, name, schema, &mut unsaid);
    }
    unsaid
}

/// Each property says what it means; one that is no object, list or yes and no shows an example.
fn unsaid_in(document: &Value, name: &str, schema: &Value, unsaid: &mut Vec<String>) {
    for part in ["allOf", "oneOf", "anyOf"].iter().filter_map(|part| schema[*part].as_array()).flatten() {
        unsaid_in(document, name, part, unsaid);
    }
    for (property, it) in schema["properties"].as_object().into_iter().flatten() {
        // What may be missing is a choice between nothing and something, which then says it.
        let choices = it["oneOf"].as_array().into_iter().flatten();
        if !choices.chain([it]).any(|it| it["description"].as_str().is_some_and(|text| !text.is_empty())) {
            unsaid.push(format!("{name}.{property}: what does it mean?"));
        }
        if !has_example(document, it) {
            unsaid.push(format!("{name}.{property}: show an example"));
        }
    }
}

fn has_example(document: &Value, schema: &Value) -> bool {
    if let Some(named) = schema["$ref"].as_str() {
        let to = document.pointer(named.trim_start_matches('#'));
        return to.is_some_and(|to| has_example(document, to));
    }
    let choices = ["allOf", "oneOf", "anyOf"].iter().filter_map(|part| schema[*part].as_array()).flatten();
    let mut choices = choices.filter(|it| it["type"] != "null").peekable();
    if choices.peek().is_some() {
        return choices.all(|it| has_example(document, it));
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    let evident = match kind.as_str() {
        Some("array") => has_example(document, &schema["items"]),
        Some("object") | Some("boolean") => true,
        _ => schema.get("enum").is_some(),
    };
    evident || schema.get("example").is_some() || schema.get("examples").is_some()
}

/// What Rust files of a room say, those of some names left out.
fn sources(room: &str, without: &[&str]) -> String {
    let mut text = String::new();
    let mut folders = vec![repository().join(room)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if !without.contains(&entry.file_name().unwrap().to_str().unwrap()) {
                text.push_str(&std::fs::read_to_string(&entry).unwrap());
            }
        }
    }
    text
}

#[test]
fn nothing_is_mounted_that_is_not_described() {
    // Pages are for browsers, what tills say to each other is sealed, and what Safaricom calls is secret.
    let app = sources("client-core/app/src", &["pages.rs", "lan.rs"]);
    let service = sources("functions/service/src", &["callbacks.rs"]);
    let mounted = |code: &str| -> Vec<String> {
        code.match_indices(".route(")
            .map(|(at, it)| code[at + it.len()..].chars().take(15).collect())
            .collect()
    };
    assert_eq!(mounted(&app), [r#""/openapi.json""#], "mount it with routes!, and describe it");
    assert_eq!(mounted(&service), ["path, methods.c"], "mount it with described!, and describe it");
}

/// The stable names of problems that a room's code knows.
pub(crate) fn problems_in(room: &str) -> BTreeSet<String> {
    let code = sources(room, &[]);
    // A name of Rust's, such as a log line's, is none of a problem.
    let named = |text: &&str| text.starts_with("leja:") && !text.starts_with("leja::");
    let quoted = code.split('"').filter(named);
    quoted.map(str::to_owned).collect()
}
