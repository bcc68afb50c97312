//! Stage: cli (being written).
