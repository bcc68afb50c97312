//! Stage: clearing (being written).
