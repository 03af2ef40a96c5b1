//! `registration`: what was written, and how Tuwunel gets it. The tokens stay in the files.

use crate::{
    config::Config,
    registration::{BOT_ID, Change, PUPPETS_ID, Written},
};

/// For the terminal.
#[must_use]
pub fn markdown(written: &Written, config: &Config) -> String {
    let (bot, puppets) = (written.bot.display(), written.puppets.display());
    let head = match written.change {
        Change::New => {
            format!("Wrote `{bot}` and `{puppets}`. Both hold tokens: keep them private.")
        }
        Change::Same => {
            format!("`{bot}` and `{puppets}` are there already and fit the configuration.")
        }
        Change::Differs => format!(
            "`{bot}` and `{puppets}` are there already, but do not fit the configuration: \
             `ferryman registration --force` writes them anew, with new tokens, and both must then be registered again."
        ),
    };
    format!(
        "{head}\n\nHand both to Tuwunel, in one of two ways.\n\n\
         In its admin room, send two messages, one for each file:\n\n\
         ````text\n!admin appservices register\n```\n(the whole text of {bot})\n```\n````\n\n\
         ````text\n!admin appservices register\n```\n(the whole text of {puppets})\n```\n````\n\n\
         Where earlier ones are registered, take them away first: `!admin appservices unregister {BOT_ID}` and \
         `!admin appservices unregister {PUPPETS_ID}`.\n\n\
         Or in its configuration, under `[global.appservice.{BOT_ID}]` and `[global.appservice.{PUPPETS_ID}]`, \
         with the same `url` (none for the puppets), `as_token`, `hs_token`, `sender_localpart` and namespaces as in the files; then restart it.\n\n\
         Then make the bot an admin, in the admin room:\n\n\
         ```text\n!admin users make-user-admin {}\n```\n\nThen start `ferryman run`.\n",
        config.bot_id()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::sample;

    #[test]
    fn instructions_name_both_files_and_no_token() {
        let mut written = Written {
            bot: "registration/ferryman.yaml".into(),
            puppets: "registration/ferryman-puppets.yaml".into(),
            change: Change::New,
        };
        let config = sample(Path::new("data"));
        insta::assert_snapshot!(super::super::plain::plain(&markdown(&written, &config)), @r"
        Wrote `registration/ferryman.yaml` and `registration/ferryman-puppets.yaml`. Both hold tokens: keep them private.

        Hand both to Tuwunel, in one of two ways.

        In its admin room, send two messages, one for each file:

        !admin appservices register
        ```
        (the whole text of registration/ferryman.yaml)
        ```

        !admin appservices register
        ```
        (the whole text of registration/ferryman-puppets.yaml)
        ```

        Where earlier ones are registered, take them away first: `!admin appservices unregister ferryman` and `!admin appservices unregister ferryman-puppets-matrix-appservice-irc`.

        Or in its configuration, under `[global.appservice.ferryman]` and `[global.appservice.ferryman-puppets-matrix-appservice-irc]`, with the same `url` (none for the puppets), `as_token`, `hs_token`, `sender_localpart` and namespaces as in the files; then restart it.

        Then make the bot an admin, in the admin room:

        !admin users make-user-admin @ferryman:ferry.test

        Then start `ferryman run`.
        ");
        written.change = Change::Differs;
        insta::assert_snapshot!(markdown(&written, &config).lines().next().unwrap_or_default(), @"`registration/ferryman.yaml` and `registration/ferryman-puppets.yaml` are there already, but do not fit the configuration: `ferryman registration --force` writes them anew, with new tokens, and both must then be registered again.");
        written.change = Change::Same;
        insta::assert_snapshot!(markdown(&written, &config).lines().next().unwrap_or_default(), @"`registration/ferryman.yaml` and `registration/ferryman-puppets.yaml` are there already and fit the configuration.");
    }
}
