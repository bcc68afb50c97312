//! Stage: matching (being written).
