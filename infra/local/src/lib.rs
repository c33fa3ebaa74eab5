//! `leja`: the program that wires every room into one process.
