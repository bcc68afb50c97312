//! One business day: the only place that knows the order of the stages.

pub mod state;
pub mod figures;
pub mod intake;
pub mod forward;
pub mod pool;
pub mod publish;
pub mod identify;
pub mod breaks;
pub mod agree;
pub mod residual;
pub mod close;
pub mod originals;
pub mod output;
pub mod history;
pub mod run;
pub mod fates;
pub mod balances;
pub mod settle;
pub mod clock;
pub mod matched;
pub mod read;
pub mod fetch;
pub mod across;
pub mod verify;
pub mod explain;
