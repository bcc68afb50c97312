//! Stage: ledger (being written).
