//! What the target would not take of one user: the rest of theirs goes on.

use crate::{Error, Result};

/// How the sentence begins.
pub(super) const START: &str = "not all of their settings came over: ";
/// What is in it where not all are named.
pub(super) const MORE: &str = "; and ";

/// So many are named.
const FEW: usize = 3;

/// Refusals so far, each with what was refused.
#[derive(Debug, Default)]
pub(super) struct Refused {
    all: Vec<String>,
}

impl Refused {
    /// Keeps a refusal, and gives whether it went well; what is no refusal is everybody's error.
    pub(super) fn note(
        &mut self,
        what: impl FnOnce() -> String,
        result: Result<()>,
    ) -> Result<bool> {
        match result {
            Ok(()) => Ok(true),
            Err(Error::Answer {
                status: 400..=499,
                errcode,
                message,
                ..
            }) => {
                self.all.push(format!("{} ({errcode} {message})", what()));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// One sentence for all of it.
    pub(super) fn text(self) -> Option<String> {
        if self.all.is_empty() {
            return None;
        }
        let named = self.all.iter().take(FEW).cloned().collect::<Vec<_>>();
        let more = match self.all.len() - named.len() {
            0 => String::new(),
            more => format!("{MORE}{more} more"),
        };
        Some(format!(
            "{START}{}{more}; import again, or tell the user to set them by hand",
            named.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Error {
        Error::Answer {
            server: "the target",
            request: "PUT /x".to_owned(),
            status,
            errcode: "M_BAD_JSON".to_owned(),
            message: "not this one".to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn refusals_are_kept_and_the_rest_goes_on() {
        let mut refused = Refused::default();
        assert!(refused.note(|| "a".into(), Ok(())).unwrap());
        assert_eq!(Refused::default().text(), None);
        for name in ["a", "b", "c", "d", "e"] {
            assert!(!refused.note(|| name.into(), Err(answer(400))).unwrap());
        }
        insta::assert_snapshot!(refused.text().unwrap(), @"not all of their settings came over: a (M_BAD_JSON not this one); b (M_BAD_JSON not this one); c (M_BAD_JSON not this one); and 2 more; import again, or tell the user to set them by hand");
        let mut refused = Refused::default();
        assert!(refused.note(|| "a".into(), Err(answer(500))).is_err());
        assert_eq!(refused.text(), None);
    }
}
