//! The lab's large server: makes it if it isn't there yet, and tells what it has.
//!
//! `cargo run --example large` makes it; with `-- --run sqlite` or `-- --run postgres` a copy runs until Ctrl-C.

#![expect(clippy::print_stdout, reason = "what it tells is for whoever runs it")]

use anyhow::{Result, bail};
use ferryman::{
    lab::large::{Large, SERVER_NAME},
    secret::ExposeSecret,
};

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (large, stay) = match arguments[..] {
        [] => (Large::sqlite().await?, false),
        ["--run", "sqlite"] => (Large::sqlite().await?, true),
        ["--run", "postgres"] => (Large::postgres().await?, true),
        _ => bail!("usage: large [--run sqlite|postgres]"),
    };
    println!(
        "{SERVER_NAME}, made in {} s: {:#?}",
        large.made_in, large.counts
    );
    if stay {
        let token = large.admin.token().map(ExposeSecret::expose_secret);
        println!("url            {}", large.synapse.url());
        println!("admin          {}", large.admin.user_id());
        println!("admin's token  {}", token.unwrap_or_default());
        println!("configuration  {}", large.synapse.config_path().display());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}
