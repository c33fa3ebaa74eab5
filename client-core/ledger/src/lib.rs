//! One SQLite file: journal, evidence and everything computed from them.
