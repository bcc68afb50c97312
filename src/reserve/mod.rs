//! Stage: reserve (being written).
