//! M-Pesa's messages as values, in both directions. Pure.
