//! One business day: the only place that knows the order of the stages.

pub mod state;
pub mod figures;
pub mod intake;
pub mod publish;
