//! What clients do in a run: profiles of many sessions that ask, listen and write everything down.
