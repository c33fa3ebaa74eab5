//! The reference till and head-office programs: local API and pages.
