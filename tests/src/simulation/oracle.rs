//! What must be so, whatever happened: the seven losses, each a check of its own.
//!
//! The oracle keeps a model of its own: what was acknowledged to whom, and what Safaricom's books say. From
//! it it works out what every replica has to show, by rules written down here a second time. It never asks
//! the product what should be; what a till did by itself (claims that leave no doubt) it learns by looking,
//! checks that it was allowed to, and from then on holds the till to it.

mod books;
mod drawers;
mod facts;
mod kept;
mod learn;
mod licences;
mod limits;
mod losses;
mod model;
mod receipts;
mod standing;
mod view;

pub use books::Books;
pub use facts::Facts;
pub use licences::{LicencePaid, Licences};
pub use limits::Asked;
pub use losses::{Loss, Violation};
pub use model::{
    AskedBack, CameBack, Correction, Did, Edit, Goods, KnownClaim, Names, Oracle, SaleMade, Tendered, Undone,
    What, Written,
};
pub use receipts::{adds_up, in_coins};
pub use view::View;
