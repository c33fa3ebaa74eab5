//! What cashiers and head office see: the built program, its pages, and a real browser.

mod codes;
mod connection;
mod demo;
mod goods;
mod licence;
mod payments;
mod shifts;
mod tenders;
