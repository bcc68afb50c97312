//! Stage: payouts (being written).
#[cfg(test)]
pub(crate) mod fixture;
