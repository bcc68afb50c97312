//! Stage: netting (being written).
