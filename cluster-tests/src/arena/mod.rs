//! A cluster of real processes in which anything can be broken: every wire, every disk, every process.
