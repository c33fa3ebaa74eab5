//! The API describes itself: what is served at `/openapi.json` is valid, whole, and true of a day's work.

mod conflicts;
mod day;
mod document;
