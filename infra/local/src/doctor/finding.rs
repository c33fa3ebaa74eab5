//! What a check found, in one line.

use crate::Failure;
use serde::Serialize;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// It is as it should be.
    Ok,
    /// Somebody should look at it, or it could not be checked.
    Warn,
    /// It keeps payments from coming in, or from being safe.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) level: Level,
    /// The check.
    pub(super) name: String,
    /// What, and what to do.
    pub(super) says: String,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn ok(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Ok, name.into(), says.into())
    }

    /// Somebody should look at it.
    pub(super) fn warn(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Warn, name.into(), says.into())
    }

    /// It is wrong.
    pub(super) fn fail(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Fail, name.into(), says.into())
    }

    /// Some of the words come from others: they stay one line, and move no terminal.
    fn new(level: Level, name: String, says: String) -> Self {
        Self { level, name, says: says.replace(char::is_control, " ") }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        write!(f, "{level:<4}  {:<16}  {}", self.name, self.says)
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Nothing failed.
    ok: bool,
    /// The findings, in the order of the checks.
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { ok: findings.iter().all(|finding| finding.level != Level::Fail), findings }
    }

    /// Prints a line for each finding and one for all, or one JSON object.
    ///
    /// # Errors
    /// Something failed: the program ends with 1.
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            self.findings.iter().for_each(|finding| println!("{finding}"));
            println!("{}", self.summary());
        }
        if self.ok {
            return Ok(());
        }
        let failed = self.count(Level::Fail);
        Err(format!("{failed} checks failed: do what their lines say, then run `leja doctor` again").into())
    }

    fn summary(&self) -> String {
        let count = |level| self.count(level);
        let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
        format!("{} checks: {ok} ok, {warn} to look at, {fail} failed", self.findings.len())
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// A stretch of time as people say it.
pub(super) fn spoken(millis: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)];
    for (name, size) in units {
        if let Some(count @ 1..) = millis.checked_div(size) {
            return format!("{count} {name}");
        }
    }
    format!("{} s", millis.checked_div(1000).unwrap_or(0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Checks what a finding says, and how bad it is.
    pub(in crate::doctor) fn check(finding: &Finding, level: Level, words: &str) {
        assert_eq!(finding.level, level, "{finding}");
        assert!(finding.says.contains(words), "{finding}: {words}");
    }

    #[test]
    fn a_finding_is_one_line_whoever_worded_it() {
        let finding = Finding::warn("pull duka", "Safaricom refused: \u{1b}[2Jno\nway");
        assert_eq!(finding.to_string(), "warn  pull duka         Safaricom refused:  [2Jno way");
    }

    #[test]
    fn only_what_fails_ends_the_program_with_1() {
        let findings = vec![Finding::ok("a", "b"), Finding::warn("c", "d")];
        assert!(Report::new(findings.clone()).print(false).is_ok());
        let report = Report::new(findings.into_iter().chain([Finding::fail("e", "f")]).collect());
        assert_eq!(report.summary(), "3 checks: 1 ok, 1 to look at, 1 failed");
        assert!(report.print(true).unwrap_err().to_string().starts_with("1 checks failed"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["ok"], &json["findings"][2]["level"]), (&false.into(), &"fail".into()));
    }

    #[test]
    fn an_age_is_said_in_its_largest_unit() {
        let said = [999, 59_999, 60_000, 3_599_999, 3_600_000, 172_800_000].map(spoken);
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "1 h", "2 d"]);
    }
}
