//! System tests: whole worlds, the contract of every store, the shape of the house.
