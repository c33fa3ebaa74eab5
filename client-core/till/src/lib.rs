//! The library a shop program embeds: sell, receive, sync, reconcile.
