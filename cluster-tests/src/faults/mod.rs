//! What is done to the nodes of a run: classes of faults, and schedules of them from a seed.
