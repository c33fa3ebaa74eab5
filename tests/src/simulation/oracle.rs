//! What must be so, whatever happened: the seven losses, each a check of its own.
//!
//! The oracle keeps a model of its own: what was acknowledged to whom, and what Safaricom's books say. From
//! it it works out what every replica has to show, by rules written down here a second time. It never asks
//! the product what should be; what a till did by itself (claims that leave no doubt) it learns by looking,
//! checks that it was allowed to, and from then on holds the till to it.

mod drawers;
mod facts;
mod losses;
mod model;

pub use facts::Facts;

pub use losses::{Books, Loss, View, Violation};
pub use model::{Correction, Did, Edit, Goods, KnownClaim, Names, Oracle, SaleMade, What, Written};
