//! How long a plan will take, stage by stage.

use std::fmt::Write;

use crate::{
    migration::forecast::{Forecast, Measured, Stage},
    report::{
        progress::stage_name,
        text::{about, number_of},
    },
};

/// A list of the stages, with what their times rest on; nothing where nothing is to be done.
pub(super) fn list(forecast: &Forecast) -> String {
    if forecast.stages.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n**It takes {} in all**{}:\n\n",
        about(forecast.ms()),
        basis(forecast)
    );
    for stage in &forecast.stages {
        let _infallible = writeln!(
            text,
            "- {}: {}, {}{}",
            stage_name(stage.phase),
            units(stage),
            about(stage.ms),
            mark(forecast, stage)
        );
    }
    if forecast.begun {
        text.push_str("\nAn earlier import has done a part of it, which takes no time again.\n");
    }
    text
}

/// The same for the file.
pub(super) fn table(forecast: &Forecast) -> String {
    if forecast.stages.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## How long it takes\n\n{} in all{}.\n\n| step | how many | how long |\n|---|---:|---:|\n",
        capital(&about(forecast.ms())),
        basis(forecast)
    );
    for stage in &forecast.stages {
        let _infallible = writeln!(
            text,
            "| {} | {} | {}{} |",
            stage_name(stage.phase),
            units(stage),
            about(stage.ms),
            mark(forecast, stage)
        );
    }
    text
}

fn units(stage: &Stage) -> String {
    let most = if stage.at_most { "up to " } else { "" };
    format!("{most}{}", number_of(stage.units))
}

fn has(forecast: &Forecast, measured: Measured) -> bool {
    forecast
        .stages
        .iter()
        .any(|stage| stage.measured == measured)
}

fn basis(forecast: &Forecast) -> &'static str {
    match (
        has(forecast, Measured::Here),
        has(forecast, Measured::Elsewhere),
    ) {
        (true, false) => ", by what earlier imports took here",
        (true, true) => {
            ", by what earlier imports took here (marked *: by what was measured on another machine)"
        }
        _ => {
            ", by what was measured on another machine, so it may well be half or double; after the first import, Ferryman goes by what it took here"
        }
    }
}

/// Only where both kinds are in one list.
fn mark(forecast: &Forecast, stage: &Stage) -> &'static str {
    if stage.measured == Measured::Elsewhere && has(forecast, Measured::Here) {
        "\\*"
    } else {
        ""
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Phase;

    #[test]
    fn times_say_what_they_rest_on() {
        let stage = |phase, units, ms, measured| Stage {
            phase,
            units,
            at_most: phase == Phase::UserData,
            ms,
            measured,
        };
        let mut forecast = Forecast {
            stages: vec![
                stage(Phase::Accounts, 1_000, 12_000, Measured::Elsewhere),
                stage(Phase::Rooms, 998, 804_000, Measured::Elsewhere),
                stage(Phase::UserData, 1_000, 31_000, Measured::Elsewhere),
            ],
            begun: false,
        };
        insta::assert_snapshot!(list(&forecast), @r"
        **It takes about 14 min in all**, by what was measured on another machine, so it may well be half or double; after the first import, Ferryman goes by what it took here:

        - accounts: 1,000, about 10 s
        - rooms: 998, about 13 min
        - settings: up to 1,000, about 30 s
        ");
        forecast.stages[1].measured = Measured::Here;
        forecast.begun = true;
        insta::assert_snapshot!(list(&forecast), @r"
        **It takes about 14 min in all**, by what earlier imports took here (marked *: by what was measured on another machine):

        - accounts: 1,000, about 10 s\*
        - rooms: 998, about 13 min
        - settings: up to 1,000, about 30 s\*

        An earlier import has done a part of it, which takes no time again.
        ");
        insta::assert_snapshot!(table(&forecast), @r"
        ## How long it takes

        About 14 min in all, by what earlier imports took here (marked *: by what was measured on another machine).

        | step | how many | how long |
        |---|---:|---:|
        | accounts | 1,000 | about 10 s\* |
        | rooms | 998 | about 13 min |
        | settings | up to 1,000 | about 30 s\* |
        ");
        forecast.stages.truncate(2);
        forecast.stages.remove(0);
        assert!(
            list(&forecast).starts_with(
                "\n**It takes about 13 min in all**, by what earlier imports took here:"
            )
        );
        assert_eq!(list(&Forecast::default()), "");
    }
}
