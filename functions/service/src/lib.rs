//! The functions as axum routers, and the ports they need: Store and Safaricom.
