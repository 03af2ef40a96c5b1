//! What comes of single sign-on.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use super::text::{code, count, first, len, number_of};
use crate::migration::sign_on::SignOn;

/// Users that a message lists.
const FEW: usize = 20;

/// For the room and the terminal; `file` is where the commands are, if there are any.
#[must_use]
pub fn markdown(all: &SignOn, file: Option<&Path>) -> String {
    if all.providers.is_empty() && all.left.is_empty() {
        return "**Nobody in the bundle logs in by single sign-on.**\n".to_owned();
    }
    let mut text = match file {
        Some(file) => format!(
            "**{} for Tuwunel in {}**\n\nTuwunel refuses a login by single sign-on to an account that exists, unless it knows whose it is. Put the file's lines into `[global]` of its configuration and start it again after the import; it carries them out at each start. Take them out once everybody has logged in.\n\n| provider on Synapse | users | linked |\n|---|---|---|\n",
            count(len(&all.commands), "command", "commands"),
            code(&file.display())
        ),
        None => "**Providers of single sign-on on Synapse**\n\nSet up the same ones in Tuwunel's configuration, then name each with its `client_id` there.\n\n| provider on Synapse | users | linked |\n|---|---|---|\n".to_owned(),
    };
    for (provider, users) in &all.providers {
        let linked = all.linked.get(provider).map_or(0, BTreeSet::len) as u64;
        let _infallible = writeln!(
            text,
            "| {} | {} | {} |",
            code(provider),
            number_of(*users),
            number_of(linked)
        );
    }
    if !all.left.is_empty() {
        let lines = all
            .left
            .iter()
            .map(|(user, why)| format!("{} {why}", code(user)));
        let _infallible = write!(text, "\nLeft out:\n\n{}", first(lines, FEW));
    }
    if let (None, Some(provider)) = (file, all.providers.keys().next()) {
        let _infallible = write!(text, "\nNext: `sign-on {provider}=CLIENT_ID`\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    fn all(commands: usize) -> SignOn {
        let anna = user_id!("@anna:ferry.test").to_owned();
        SignOn {
            providers: [("oidc-keycloak".to_owned(), 2), ("saml".to_owned(), 1)].into(),
            linked: [("oidc-keycloak".to_owned(), [anna].into())].into(),
            commands: vec!["query".to_owned(); commands],
            left: vec![(
                user_id!("@ben:ferry.test").to_owned(),
                "has an ID with oidc-keycloak that can't be a part of a command".to_owned(),
            )],
        }
    }

    #[test]
    fn with_and_without_a_file() {
        insta::assert_snapshot!(markdown(&SignOn::default(), None), @"**Nobody in the bundle logs in by single sign-on.**");
        let file = Path::new("/data/sign-on/b.tar.zst.toml");
        insta::assert_snapshot!(markdown(&all(1), Some(file)), @r"
        **1 command for Tuwunel in `/data/sign-on/b.tar.zst.toml`**

        Tuwunel refuses a login by single sign-on to an account that exists, unless it knows whose it is. Put the file's lines into `[global]` of its configuration and start it again after the import; it carries them out at each start. Take them out once everybody has logged in.

        | provider on Synapse | users | linked |
        |---|---|---|
        | `oidc-keycloak` | 2 | 1 |
        | `saml` | 1 | 0 |

        Left out:

        - `@ben:ferry.test` has an ID with oidc-keycloak that can't be a part of a command
        ");
        let mut unnamed = all(0);
        unnamed.linked.clear();
        unnamed.left.clear();
        insta::assert_snapshot!(markdown(&unnamed, None), @r"
        **Providers of single sign-on on Synapse**

        Set up the same ones in Tuwunel's configuration, then name each with its `client_id` there.

        | provider on Synapse | users | linked |
        |---|---|---|
        | `oidc-keycloak` | 2 | 0 |
        | `saml` | 1 | 0 |

        Next: `sign-on oidc-keycloak=CLIENT_ID`
        ");
    }
}
