//! Stage 3: what participants owe each other, and their net positions (SPEC §6.9, R39).
//!
//! In: settled rows, each an obligation from the participant behind its channel to the participant of its merchant
//! (rows that leave the bank reverse it). Out: positions per window, currency and participant, which sum to zero,
//! the house included. Row order and how rows are split over threads never change the result.
//!
//! Not done here: in which window a row falls (by txn_time in the book's zone, the first for rows of other days).

pub mod obligations;
pub mod positions;

pub use obligations::{Obligations, ParticipantCode, Participants};
pub use positions::positions;
