//! `tieout generate`: the arguments of a synthetic book.

use crate::cli::arguments::{GenerateArgs, TableFormat};
use crate::cli::screen::{Screen, quoted};
use crate::demo::{self, GenerateFormat, GenerateOptions, PlantedShares};
use crate::findings::{Finding, Stop, StopCode};

/// Writes a synthetic book.
///
/// # Errors
/// 64 for a kind or share that cannot be planted; as `demo::generate`.
pub fn run(arguments: &GenerateArgs, screen: &Screen) -> Result<u8, Stop> {
    let options = GenerateOptions {
        seed: arguments.seed,
        days: arguments.days,
        merchants: arguments.merchants,
        format: match arguments.format {
            TableFormat::Csv => GenerateFormat::Csv,
            TableFormat::Parquet => GenerateFormat::Parquet,
        },
        shares: shares(&arguments.plant)?,
        ..GenerateOptions::new(&arguments.folder, arguments.date, arguments.rows)
    };
    demo::generate(&options)?;
    screen.out(&format!(
        "made the book {}: {} rows a day, what is true of them in truth.json\n",
        arguments.folder.display(),
        arguments.rows
    ))?;
    screen.hint(Some(&format!(
        "tieout close {} --date {}",
        quoted(&arguments.folder),
        arguments.date
    )));
    Ok(0)
}

/// The usual shares, changed by each `--plant` in turn.
fn shares(plant: &[String]) -> Result<PlantedShares, Stop> {
    let mut shares = PlantedShares::default();
    for text in plant {
        match text.as_str() {
            "all" => shares = PlantedShares::all(),
            "none" => shares.named().into_iter().for_each(|(_, ppm)| *ppm = 0),
            _ => set(&mut shares, text)?,
        }
    }
    Ok(shares)
}

fn set(shares: &mut PlantedShares, text: &str) -> Result<(), Stop> {
    let wrong = |message: String, help: String| {
        Stop::new(
            StopCode::Usage,
            Finding::about(format!("--plant {text}"), message, help),
        )
    };
    let example = || "write KIND=PPM, such as --plant lump-net=2000".to_owned();
    let Some((kind, ppm)) = text.split_once('=') else {
        return Err(wrong("expected all, none or KIND=PPM".to_owned(), example()));
    };
    let Some(ppm) = ppm.parse::<u32>().ok().filter(|ppm| *ppm <= 1_000_000) else {
        return Err(wrong(
            format!("found `{ppm}`, expected 0 to 1000000 ppm of a day's rows"),
            example(),
        ));
    };
    let mut named = shares.named();
    match named.iter_mut().find(|(name, _)| *name == kind) {
        Some((_, share)) => {
            **share = ppm;
            Ok(())
        }
        None => {
            let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
            Err(wrong(
                format!("`{kind}` is no kind that can be planted"),
                format!("use one of {}", names.join(", ")),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_set_in_order() {
        let given = |texts: &[&str]| shares(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(given(&[]).unwrap(), PlantedShares::default());
        assert_eq!(given(&["all"]).unwrap(), PlantedShares::all());
        let mut none = given(&["all", "none", "failed=7"]).unwrap();
        let set: Vec<(&str, u32)> = none
            .named()
            .into_iter()
            .filter(|(_, ppm)| **ppm > 0)
            .map(|(name, ppm)| (name, *ppm))
            .collect();
        assert_eq!(set, [("failed", 7)]);
        for wrong in ["failed", "failed=-1", "failed=1000001", "lumps=1"] {
            assert_eq!(given(&[wrong]).unwrap_err().code, StopCode::Usage, "{wrong}");
        }
    }
}
