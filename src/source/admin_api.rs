//! stub
use crate::{Result, secret::SecretString};
/// stub
pub struct Client;
impl Client {
    /// stub
    pub fn new(_url: &str, _token: SecretString) -> Result<Self> {
        Ok(Self)
    }
    /// stub
    pub async fn check_admin(&self) -> Result<String> {
        Ok(String::new())
    }
}
