//! stub
use super::{admin_api::Client, summary::ExportSummary};
use crate::{Result, clock::Clock, job::Job};
/// stub
pub async fn run(
    _c: &Client,
    _s: &ruma::ServerName,
    _o: &std::path::Path,
    _j: &Job,
    _k: &dyn Clock,
) -> Result<ExportSummary> {
    Err(crate::Error::Stopped)
}
