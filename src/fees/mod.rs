//! Stage: fees (being written).
