//! Stage 8: tables, summary, page and manifest. Pure functions: figures in, bytes out; no file is touched here.

pub mod json;
pub mod show;
pub mod table;
pub mod line;
pub mod pages;
pub mod deltas;
pub mod texts;
pub mod coded;
pub mod matched;
pub mod candidates;
pub mod tables;
pub mod manifest;
pub mod pools;
pub mod causes;
pub mod shares;
pub mod summary;
pub mod html;
pub mod audit;
#[cfg(test)]
pub mod samples;
