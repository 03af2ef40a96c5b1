//! Secrets and confirmations: from files, from the environment, or from whoever sits at the terminal.

use std::{io::Write, path::Path};

use console::Term;
use ruma::UserId;

use crate::{
    Error, Result,
    bot_keys::{list::secret, old_device::Device},
    command::bot_keys::is_asked,
    operation::Surface,
    secret::SecretString,
};

/// What a variable of the environment says.
type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Whoever is asked. In the room nobody is, and nothing is taken from the environment of the service.
pub struct Asker {
    surface: Surface,
    environment: Environment,
    terminal: Option<Term>,
}

impl Asker {
    /// For the room or this process's terminal and environment.
    #[must_use]
    pub fn new(surface: Surface) -> Self {
        let terminal = Term::stderr();
        Self {
            surface,
            environment: Box::new(|name| std::env::var(name).ok()),
            terminal: (surface == Surface::Shell && terminal.is_term()).then_some(terminal),
        }
    }

    /// An environment of a test's own, and no terminal.
    #[cfg(test)]
    pub(super) fn of(environment: &[(&'static str, &'static str)]) -> Self {
        let environment = environment.to_owned();
        Self {
            surface: Surface::Shell,
            environment: Box::new(move |name| {
                let found = environment.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            terminal: None,
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.surface
    }

    fn variable(&self, name: &str) -> Option<String> {
        match self.surface {
            Surface::Room => None,
            Surface::Shell => (self.environment)(name).filter(|value| !value.is_empty()),
        }
    }

    /// A secret: of the file that an option names, of whoever is asked if it names none, else of a variable.
    pub(super) fn secret(
        &self,
        option: Option<&Path>,
        variable: &str,
        name: &str,
        question: &str,
    ) -> Result<Option<SecretString>> {
        match option {
            Some(option) if is_asked(option) => self.ask(name, question).map(Some),
            Some(file) => secret(file).map(Some),
            None => Ok(self.variable(variable).map(SecretString::from)),
        }
    }

    fn ask(&self, name: &str, question: &str) -> Result<SecretString> {
        let Some(terminal) = &self.terminal else {
            return Err(Error::Usage(format!(
                "the {question} can't be asked for, because this is no terminal: name a file with {name}=FILE"
            )));
        };
        let asked = || {
            let mut out = terminal;
            write!(out, "{question}: ")?;
            terminal.read_secure_line()
        };
        asked()
            .map(SecretString::from)
            .map_err(Error::file("the terminal"))
    }

    /// An error unless the device's ID is typed once more, or `MIGRATION_CONFIRM` has it. In the room the preview does it.
    pub(super) fn confirm(&self, user: &UserId, device: &Device) -> Result<()> {
        if self.surface == Surface::Room {
            return Ok(());
        }
        let id = &device.device_id;
        let told = match (self.variable("MIGRATION_CONFIRM"), &self.terminal) {
            (Some(told), _) => told,
            (None, None) => {
                return Err(Error::Usage(format!(
                    "deleting the device {id} of {user} has to be confirmed: set MIGRATION_CONFIRM to its ID"
                )));
            }
            (None, Some(terminal)) => {
                let asked = || {
                    let mut out = terminal;
                    let name = device.display_name.as_deref().unwrap_or("without a name");
                    write!(
                        out,
                        "The device {id} ({name}) of {user} will be logged out and deleted. Type its ID to confirm: "
                    )?;
                    terminal.read_line()
                };
                asked().map_err(Error::file("the terminal"))?
            }
        };
        if told.trim() != id {
            return Err(Error::Usage(format!(
                "what was typed is not {id}: nothing was deleted"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ruma::user_id;

    use super::*;
    use crate::secret::ExposeSecret;

    const DEVICE: &str = "OLD";

    fn confirmed(asker: &Asker) -> String {
        let device = Device {
            device_id: DEVICE.into(),
            display_name: None,
            last_seen_ts: None,
        };
        let said = asker.confirm(user_id!("@bot:x"), &device);
        said.map_or_else(|error| error.to_string(), |()| "confirmed".to_owned())
    }

    #[test]
    fn a_secret_is_of_a_file_or_a_variable_and_nobody_is_asked_without_a_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs::write(&file, "of the file\n").unwrap();
        let asker = Asker::of(&[("SECRET", "of the variable"), ("EMPTY", "")]);
        let secret = |option: Option<&Path>, variable: &str| {
            asker.secret(option, variable, "--secret", "secret word")
        };
        let text = |it: Option<SecretString>| it.map(|it| it.expose_secret().to_owned());
        assert_eq!(
            text(secret(Some(&file), "SECRET").unwrap()).unwrap(),
            "of the file"
        );
        assert_eq!(
            text(secret(None, "SECRET").unwrap()).unwrap(),
            "of the variable"
        );
        assert_eq!(text(secret(None, "EMPTY").unwrap()), None);
        let error = secret(Some(Path::new("-")), "SECRET").unwrap_err();
        insta::assert_snapshot!(error, @"the secret word can't be asked for, because this is no terminal: name a file with --secret=FILE");
    }

    #[test]
    fn a_device_goes_only_if_its_id_was_told() {
        let lines = [
            confirmed(&Asker::of(&[])),
            confirmed(&Asker::of(&[("MIGRATION_CONFIRM", "yes")])),
            confirmed(&Asker::of(&[("MIGRATION_CONFIRM", DEVICE)])),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        deleting the device OLD of @bot:x has to be confirmed: set MIGRATION_CONFIRM to its ID
        what was typed is not OLD: nothing was deleted
        confirmed
        ");
    }

    #[test]
    fn the_room_takes_nothing_from_the_services_environment() {
        let asker = Asker {
            surface: Surface::Room,
            ..Asker::of(&[("SECRET", "x")])
        };
        let secret = asker.secret(None, "SECRET", "--secret", "secret word");
        assert!(secret.unwrap().is_none());
    }
}
