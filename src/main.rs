//! The `ferryman` program: reads the command line, runs it, turns failures into one line and an exit code.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::{Parser, error::ErrorKind};
use ferryman::{
    Error,
    cli::{
        self,
        args::{self, Cli, Order},
        lines, logging,
    },
    command::chat,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match start() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // A server's own words may have several lines.
            let text = format!("{error:#}").replace(['\n', '\r'], " ");
            let _closed = writeln!(std::io::stderr(), "ferryman: {text}");
            let code = error.downcast_ref::<Error>().map_or(1, Error::exit_code);
            // The words may be what is wrong: then nothing has parsed them.
            if std::env::args_os().any(|word| word == "--json") {
                lines::error(&text, code);
            }
            ExitCode::from(code)
        }
    }
}

fn start() -> anyhow::Result<u8> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    logging::start(matches!(cli.command, Order::Run | Order::LoginBridge(_)))?;
    let runtime = tokio::runtime::Runtime::new().context("the threads can't be started")?;
    Ok(runtime.block_on(cli::run(cli))?)
}

/// Help and version are answers; everything else is a usage error.
fn explain(error: &clap::Error) -> anyhow::Result<u8> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is the reader's choice.
            let _closed = error.print();
            Ok(0)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _closed = error.print();
            Ok(2)
        }
        _ => Err(Error::Usage(chat::clause(error, &args::declaration())).into()),
    }
}
