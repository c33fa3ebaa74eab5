//! Store on one SQLite file: the hub without AWS.
