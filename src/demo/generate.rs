//! x
use crate::findings::Stop;
/// x
pub struct GenerateOptions;
/// x
pub struct GenerateFormat;
/// x
pub struct PlantedShares;
/// x
pub fn generate(_: &GenerateOptions) -> Result<(), Stop> { Ok(()) }
