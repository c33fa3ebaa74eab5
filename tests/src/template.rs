//! What the templates of `infra/aws` say, as tests read it: CloudFormation's `!Ref`, `!Sub` and the like are read as what
//! stands behind them, so that `!Ref Table` is `Table` and `!GetAtt Table.Arn` is `Table.Arn`.

use crate::process::repository;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A template.
pub struct Template(Value);

impl Template {
    /// The template of this name, such as `template`.
    pub fn read(name: &str) -> Self {
        let path = repository().join("infra/aws").join(name).with_extension("yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// The names of its parameters, in order.
    pub fn parameters(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.0["Parameters"].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Its resources of a type, by name: what they are made with.
    pub fn resources(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let all = self.0["Resources"].as_object().unwrap().iter();
        let of_kind = all.filter(|(_, resource)| resource["Type"] == kind);
        of_kind.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
    }

    /// One of its resources.
    pub fn resource(&self, name: &str) -> &Value {
        let resource = &self.0["Resources"][name]["Properties"];
        assert!(resource.is_object(), "the template has no {name}");
        resource
    }

    /// What a function may do, one right a line: the action, on what, and of the table which items by how their names
    /// begin. `dynamodb:GetItem on Store.Outputs.Arn: A S`.
    ///
    /// # Panics
    /// The function's role allows something in a form that is not read here.
    pub fn rights_of(&self, function: &str) -> BTreeSet<String> {
        let role = text(&self.resource(function)["Role"]).strip_suffix(".Arn").unwrap();
        let role = self.resource(role);
        assert!(role.get("ManagedPolicyArns").is_none(), "{function}: rights stand in the template alone");
        let policies = role["Policies"].as_array().unwrap().iter();
        let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        statements.flat_map(rights).collect()
    }

    /// What a function finds in its environment, by name; what all have is among it.
    pub fn environment_of(&self, function: &str) -> BTreeMap<&str, &Value> {
        let globals = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        let own = &self.resource(function)["Environment"]["Variables"];
        let both = [globals, own].into_iter().filter_map(Value::as_object).flatten();
        both.map(|(name, value)| (name.as_str(), value)).collect()
    }
}

/// One or several.
pub fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |several| several.iter().collect())
}

/// A text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The rights of one statement.
fn rights(statement: &Value) -> Vec<String> {
    let known = ["Effect", "Action", "Resource", "NotResource", "Condition"];
    assert!(statement.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{statement}");
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let on = match (&statement["Resource"], &statement["NotResource"]) {
        (Value::Null, not) => vec![format!("anything but {}", text(not))],
        (resources, Value::Null) => list(resources).into_iter().map(|one| text(one).to_owned()).collect(),
        _ => panic!("{statement}"),
    };
    let keys = match &statement["Condition"] {
        Value::Null => String::new(),
        condition => {
            let keys = list(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
            let keys = keys.into_iter().map(|key| text(key).strip_suffix("#*").unwrap());
            format!(": {}", keys.collect::<Vec<_>>().join(" "))
        }
    };
    let actions = list(&statement["Action"]);
    actions.iter().flat_map(|action| on.iter().map(|on| format!("{} on {on}{keys}", text(action)))).collect()
}
