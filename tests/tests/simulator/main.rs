//! The simulated Safaricom by itself: every rule and every fault as a short story, with no sockets, by a
//! clock that the story moves.

mod books;
mod c2b;
mod faults;
mod pull;
mod requests;
mod stk;
mod tokens;
mod world;
