//! Stage: report (being written).
