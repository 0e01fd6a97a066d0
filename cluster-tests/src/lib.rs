//! Whole clusters under faults: a recorder of what clients did and saw, and checkers of what was promised to them.
