//! A server with its folder: what Synapse and Tuwunel have in common.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{Result, folder::Folder, process::Process};

/// A server that can be stopped and started again on the same folder.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    folder: Folder,
    program: PathBuf,
    arguments: Vec<String>,
    url: String,
    // The path that tells readiness.
    probe: &'static str,
    process: Option<Process>,
}

impl Server {
    /// Describes a server; nothing runs yet.
    pub(super) fn new(
        name: &'static str,
        folder: Folder,
        program: PathBuf,
        arguments: Vec<String>,
        port: u16,
        probe: &'static str,
    ) -> Self {
        Self {
            name,
            folder,
            program,
            arguments,
            url: format!("http://127.0.0.1:{port}"),
            probe,
            process: None,
        }
    }

    /// Starts it if it doesn't run, and waits until it answers.
    pub async fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(self.folder());
        // A developer's own settings for Tuwunel would be taken for configuration.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["TUWUNEL_", "CONDUWUIT_", "CONDUIT_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(&name);
            }
        }
        let mut process = Process::start(self.name, &mut command, &self.log())?;
        process
            .ready(&format!("{}{}", self.url, self.probe))
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it in good order.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Ends it in the middle of its work (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its log: all that it wrote to standard output and error.
    pub fn log(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    /// The process ID while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}
