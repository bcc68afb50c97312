//! Stage: wallets (being written).
