//! Stage: payouts (being written).
